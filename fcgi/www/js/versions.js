// What was changed, by whom and when: the versions of a field, a form, a flow or a chart, one beside another, and one
// taken back.
import {append, fault, h, list, moment, post, t, toast} from './base.js';
import {table} from './table.js';

const plain = (value) =>
	value === null || value === undefined
		? '–'
		: Array.isArray(value)
			? value.map(plain).join(t('comma'))
			: typeof value === 'boolean'
				? t(value ? 'guide.yes' : 'guide.no')
				: typeof value === 'object'
					? Object.values(value).map(plain).join(t('comma'))
					: String(value);

// versions(path, {name, value, may, again}): `path` as the gateway has it; name(path) and value(value, path) say what
// stands in a change (both may be awaited; a name of null leaves the change out), `may` whether who looks takes one
// back, `again` draws the page anew.
export function versions(path, {name, value = plain, may = true, again}) {
	const place = h('div', {'aria-live': 'polite'});
	const said = async (change) => [
		await name(change.path),
		await value(change.was, change.path, plain),
		await value(change.became, change.path, plain),
	];
	let turn = 0;
	const draw = async (against) => {
		const mine = ++turn;
		try {
			const {rows} = await list(`${path}/versions${against === undefined ? '' : `?against=${against}`}`);
			const changes = await Promise.all(rows.map((row) => Promise.all(row.changes.map(said))));
			if (mine !== turn) return; // others were asked for meanwhile
			place.replaceChildren();
			append(place, [
				beside(`against_${path.replace(/\W/g, '_')}`, rows, against, draw),
				h(
					'ol',
					{class: 'plain'},
					rows.map((row, i) =>
						one(
							row,
							changes[i].filter(([what]) => what !== null),
							rows,
							against,
						),
					),
				),
			]);
		} catch (problem) {
			place.replaceChildren(h('p', {class: 'warn', role: 'alert'}, fault(problem)));
		}
	};
	const back = async (version) => {
		await post(`${path}/revert`, {version});
		await again();
	};
	const one = (row, changes, rows, against) =>
		h(
			'li',
			{},
			h(
				'p',
				{},
				h('strong', {}, row.version === 0 ? t('guide.first') : t('guide.version', {n: row.version})),
				' ',
				row.is_current && h('span', {class: 'tag'}, t('guide.now')),
				h(
					'span',
					{class: 'faint'},
					[
						row.changed_at && moment(row.changed_at),
						row.changed_at &&
							(row.changed_by_name || (row.changed_by === 'crm' ? t('guide.shipped') : row.changed_by)),
						row.back_to !== null && row.back_to !== undefined && t('guide.back_to', {n: row.back_to}),
					]
						.filter(Boolean)
						.join(' · '),
				),
			),
			changes.length > 0
				? table(
						`${t('guide.changes')} ${t('guide.version', {n: row.version})}`,
						[t('guide.what'), t('guide.was'), t('guide.became')],
						changes,
					)
				: h(
						'p',
						{class: 'faint'},
						t(against === undefined && row.version === rows.at(-1).version ? 'guide.begins' : 'guide.same'),
					),
			may &&
				!row.is_current &&
				h(
					'button',
					{
						type: 'button',
						'aria-label': `${t('guide.restore')} ${t('guide.version', {n: row.version})}`,
						onclick: async () => {
							const held = rows.find((other) => other.is_current).version;
							try {
								await back(row.version);
								toast(t('guide.restored', {n: row.version}), {label: t('undo'), run: () => back(held)});
							} catch (problem) {
								toast(fault(problem));
							}
						},
					},
					t('guide.restore'),
				),
		);
	const element = h(
		'details',
		{class: 'card versions', ontoggle: () => element.open && !place.querySelector('ol') && draw()},
		h('summary', {}, t('guide.versions')),
		place,
	);
	return element;
}

const beside = (id, rows, against, draw) =>
	h(
		'p',
		{},
		h('label', {for: id}, t('guide.against')),
		h(
			'select',
			{
				id,
				onchange: async ({target}) => {
					await draw(target.value === '' ? undefined : target.value);
					document.getElementById(id)?.focus(); // the list was drawn anew: who goes through it by key goes on
				},
			},
			h('option', {value: ''}, t('guide.before')),
			rows.map((row) =>
				h(
					'option',
					{value: row.version, selected: String(row.version) === String(against)},
					row.version === 0 ? t('guide.first') : t('guide.version', {n: row.version}),
				),
			),
		),
	);
