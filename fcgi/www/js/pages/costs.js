// What storing a record takes at the till, and what of it each rule that hears of it takes; a rule that is too slow
// is put off.
import {
	anew,
	append,
	choosing,
	code,
	fault,
	h,
	list,
	moment,
	number,
	percent,
	post,
	show,
	t,
	toast,
	withWords,
} from '../base.js';
import {table} from '../table.js';

const kinds = ['order', 'refund', 'member', 'event', 'interaction'];
const ms = (value) => (value === null ? '–' : t('costs.ms', {n: number(Math.round(value * 100) / 100)}));
const named = (row) => (row.rule.startsWith('flow:') ? t('costs.flow', {flow: row.name}) : code('cost', row.rule));

export async function draw([kind0 = 'order']) {
	await withWords('house');
	const kind = kinds.includes(kind0) ? kind0 : 'order';
	const {rows} = await list('costs');
	const again = anew(() => draw([kind]));
	const whole = rows.find((row) => row.rule === 'record' && row.kind === kind);
	const rules = [...new Set(rows.map((row) => row.rule))]
		.filter((rule) => rule !== 'record')
		.map((rule) => {
			const all = rows.filter((row) => row.rule === rule);
			return {
				...all[0],
				mean_ms: null,
				longest_ms: null,
				share: null,
				calls: 0,
				...all.find((row) => row.kind === kind),
			};
		})
		.sort((a, b) => (b.mean_ms ?? -1) - (a.mean_ms ?? -1));
	show(
		h('h1', {}, t('page.costs')),
		h(
			'section',
			{class: 'card broad'},
			h('label', {for: 'kind'}, t('costs.kind')),
			h(
				'select',
				{
					id: 'kind',
					...choosing((event) => {
						location.hash = `#/costs/${event.target.value}`;
					}),
				},
				kinds.map((one) => h('option', {value: one, selected: one === kind}, code('cost_kind', one))),
			),
			h(
				'p',
				{},
				whole
					? t('costs.whole', {
							ms: ms(whole.mean_ms),
							longest: ms(whole.longest_ms),
							n: number(whole.calls),
							since: moment(whole.counted_since),
						})
					: t('costs.nothing'),
			),
			h('p', {class: 'faint'}, t('costs.what')),
			table(
				t('page.costs'),
				[
					t('costs.rule'),
					t('costs.state'),
					[t('costs.mean'), 'number'],
					[t('costs.longest'), 'number'],
					[t('costs.share'), 'number'],
				],
				rules.map((row) => line(row, again)),
			),
			h(
				'div',
				{class: 'row'},
				h(
					'button',
					{
						type: 'button',
						onclick: async () => {
							try {
								await post('costs/anew');
								toast(t('costs.counted_anew'));
								await again();
							} catch (problem) {
								toast(fault(problem));
							}
						},
					},
					t('costs.anew'),
				),
			),
		),
	);
}

function line(row, again) {
	const set = (isOff) => post('costs', {rule: row.rule, is_put_off: isOff});
	const button = h(
		'button',
		{
			type: 'button',
			'aria-label': t(row.is_put_off ? 'costs.on_of' : 'costs.off_of', {rule: named(row)}),
			onclick: async () => {
				try {
					await set(!row.is_put_off);
					toast(t(row.is_put_off ? 'costs.is_on' : 'costs.is_off', {rule: named(row)}), {
						label: t('undo'),
						run: async () => {
							await set(row.is_put_off);
							await again();
						},
					});
					await again();
				} catch (problem) {
					toast(fault(problem));
				}
			},
		},
		t(row.is_put_off ? 'costs.on' : 'costs.off'),
	);
	const state = h('span', {}, button);
	if (row.is_put_off)
		append(state, [
			' ',
			h('span', {class: 'tag warn'}, t('costs.put_off')),
			' ',
			h(
				'span',
				{class: 'faint'},
				t('costs.put_off_since', {since: moment(row.put_off_since), who: row.put_off_by}),
			),
		]);
	if (row.waiting > 0)
		append(state, [
			' ',
			h('span', {class: 'warn'}, t('costs.waiting', {n: number(row.waiting), since: moment(row.waits_since)})),
		]);
	return [
		named(row),
		state,
		ms(row.mean_ms),
		ms(row.longest_ms),
		row.share === null ? '–' : percent(Number(row.share)),
	];
}
