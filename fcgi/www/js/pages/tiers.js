// Tiers: rules in their order, the first that fits decides; gaps and overlaps, and who would move, are shown as one
// types.
import {anew, append, fault, h, language, list, named, number, post, put, show, t, toast, withWords} from '../base.js';
import {copy, drafted, guarded, kept} from '../drafts.js';
import {table} from '../table.js';

const called = (rule) => `${rule.tier} ${named(rule, '')}`.trim();
const metrics = ['orders', 'net', 'last_days', 'first_days'];
const isAge = (metric) => metric === 'last_days' || metric === 'first_days';
const ops = ['>=', '<=', '>', '<', '='];

export async function draw([], me) {
	await withWords('marketer');
	edit(await active(), me);
}

const active = async () => (await list('tier-sets')).rows.find((set) => set.is_active);

function edit(set, me) {
	const key = `tiers:${set.tier_set}`;
	const draft = kept(key);
	const now = draft || copy(set.rules);
	const said = h('div', {role: 'status'}),
		notice = h('p', {class: 'warn', role: 'alert'}),
		rules = h('ol', {class: 'parts'});
	const saved = guarded(key, set.version, async () => (await active()).version);
	const judge = judged(said),
		again = anew(() => draw([], me));
	const page = {
		now,
		element: rules,
		changed: () => {
			saved.keep(now);
			judge(now);
		},
		drawAll: (focus) => {
			rules.replaceChildren();
			append(
				rules,
				now.map((rule, i) => tier(page, rule, i)),
			);
			if (focus) document.getElementById(focus)?.focus();
		},
	};
	const store = async (event) => {
		event.preventDefault();
		notice.textContent = '';
		if (isOpen(now)) {
			notice.textContent = t('rule.fill_in');
			rules.querySelector('input[type=number]:invalid')?.focus();
			return;
		}
		const send = (body) => put(`tier-sets/${encodeURIComponent(set.tier_set)}`, {name: set.name, rules: body});
		try {
			if (await saved.isOvertaken(notice, again)) return;
			await send(now);
			saved.forget();
			await again();
			toast(t('tier.saved'), {
				label: t('undo'),
				run: async () => {
					await send(set.rules);
					toast(t('saved'));
					await again();
				},
			});
		} catch (problem) {
			notice.textContent = fault(problem);
		}
	};
	page.drawAll();
	show(
		h('h1', {}, t('page.tiers'), ' ', h('span', {class: 'tag'}, t('tier.version', {n: set.version}))),
		h('p', {class: 'faint'}, t('tier.what')),
		draft && drafted(key, () => edit(set, me)),
		h(
			'form',
			{novalidate: true, class: 'beside', onsubmit: store},
			h(
				'div',
				{class: 'card'},
				rules,
				h(
					'div',
					{class: 'row'},
					h(
						'button',
						{
							type: 'button',
							onclick: () => {
								now.splice(Math.max(now.length - 1, 0), 0, {
									tier: '',
									name_zh: '',
									name_en: '',
									conditions: [{metric: 'orders', days: 30, op: '>=', value: 1}],
								});
								page.drawAll(`tier_${now.length - 1}`);
								page.changed();
							},
						},
						t('tier.add'),
					),
				),
			),
			h(
				'aside',
				{class: 'card', 'aria-label': t('tier.effect')},
				h('h2', {}, t('tier.effect')),
				said,
				notice,
				h('div', {class: 'row'}, h('button', {class: 'main', type: 'submit'}, t('save'))),
			),
		),
	);
	judge(now);
}

function tier(page, rule, i) {
	const {now} = page;
	const n = i + 1;
	const move = (to) => {
		now.splice(to, 0, ...now.splice(i, 1));
		page.drawAll(`tier_${to + 1}`);
		page.changed();
	};
	const name = language === 'en' ? 'name_en' : 'name_zh';
	return h(
		'li',
		{},
		h(
			'div',
			{class: 'phrase', role: 'group', 'aria-label': called(rule) || t('tier.new')},
			h('input', {
				id: `tier_${n}`,
				class: 'short',
				'aria-label': t('tier.code'),
				value: rule.tier,
				maxlength: 8,
				oninput: (event) => {
					rule.tier = event.target.value.trim();
					page.changed();
				},
			}),
			h('input', {
				class: 'middle',
				'aria-label': t('tier.name'),
				value: rule[name],
				maxlength: 40,
				oninput: (event) => {
					rule[name] = event.target.value;
					rule.name_zh ||= event.target.value;
					rule.name_en ||= event.target.value;
					page.changed();
				},
			}),
			h(
				'span',
				{class: 'ends'},
				i > 0 &&
					h(
						'button',
						{
							type: 'button',
							class: 'quiet',
							'aria-label': t('tier.up', {name: called(rule)}),
							onclick: () => move(i - 1),
						},
						'↑',
					),
				i < now.length - 1 &&
					h(
						'button',
						{
							type: 'button',
							class: 'quiet',
							'aria-label': t('tier.down', {name: called(rule)}),
							onclick: () => move(i + 1),
						},
						'↓',
					),
				h(
					'button',
					{
						type: 'button',
						class: 'quiet',
						'aria-label': t('rule.remove', {what: called(rule)}),
						onclick: () => drop(page, now, i, called(rule)),
					},
					'✕',
				),
			),
		),
		h(
			'ul',
			{class: 'plain'},
			rule.conditions.map((condition, place) => h('li', {}, sentence(page, rule, condition, place, n))),
		),
		h(
			'div',
			{class: 'row'},
			h(
				'button',
				{
					type: 'button',
					class: 'quiet',
					onclick: () => {
						rule.conditions.push({metric: 'orders', op: '>=', value: 1});
						page.drawAll(`metric_${n}_${rule.conditions.length}`);
						page.changed();
					},
				},
				t('rule.add'),
			),
			rule.conditions.length === 0 && h('span', {class: 'faint'}, t('tier.rest')),
		),
	);
}

function drop(page, from, i, name) {
	const [gone] = from.splice(i, 1);
	page.drawAll('tier_1');
	page.changed();
	toast(t('rule.removed', {what: name}), {
		label: t('undo'),
		of: page.element,
		run: () => {
			from.splice(i, 0, gone);
			page.drawAll();
			page.changed();
		},
	});
}

// "2 or more orders in the last 30 days": metric, window, comparison.
function sentence(page, rule, condition, place, n) {
	const select = (id, label, options, chosen, set) =>
		h(
			'select',
			{
				id,
				'aria-label': label,
				onchange: (event) => {
					set(event.target.value);
					page.drawAll(id);
					page.changed();
				},
			},
			options.map(([value, text]) => h('option', {value, selected: value === chosen}, text)),
		);
	const input = (name, label, value, set) =>
		h('input', {
			id: `${name}_${n}_${place + 1}`,
			type: 'number',
			class: 'short',
			step: 'any',
			inputmode: 'decimal',
			'aria-label': label,
			value: value ?? '',
			required: true,
			oninput: (event) => {
				set(event.target.value === '' ? null : Number(event.target.value));
				page.changed();
			},
		});
	return h(
		'div',
		{class: 'phrase', role: 'group', 'aria-label': t(`metric.${condition.metric}`)},
		!isAge(condition.metric) && [
			select(
				`window_${n}_${place + 1}`,
				t('slot.when'),
				['ever', 'last'].map((mode) => [mode, t(`when.${mode}`)]),
				'days' in condition ? 'last' : 'ever',
				(mode) => {
					if (mode === 'ever') delete condition.days;
					else condition.days = 30;
				},
			),
			'days' in condition && [
				input('days', t('tier.days'), condition.days, (value) => {
					condition.days = value;
				}),
				t('when.last.unit'),
			],
		],
		select(
			`metric_${n}_${place + 1}`,
			t('tier.metric'),
			metrics.map((metric) => [metric, t(`metric.${metric}`)]),
			condition.metric,
			(metric) => {
				condition.metric = metric;
				if (isAge(metric)) delete condition.days;
			},
		),
		select(
			`op_${n}_${place + 1}`,
			t('slot.compare'),
			ops.map((op) => [op, t(`op.${op}`)]),
			condition.op,
			(op) => {
				condition.op = op;
			},
		),
		input('value', t('slot.from'), condition.value, (value) => {
			condition.value = value;
		}),
		t(`metric.${condition.metric}.unit`),
		h(
			'button',
			{
				type: 'button',
				class: 'quiet',
				'aria-label': t('rule.remove', {what: t(`metric.${condition.metric}`)}),
				onclick: () => drop(page, rule.conditions, place, t(`metric.${condition.metric}`)),
			},
			'✕',
		),
	);
}

const state = (example) =>
	Object.entries(example)
		.map(([name, value]) => {
			const found = /^(orders|net|last_days|first_days)(?:_(\d+))?$/.exec(name);
			return found
				? t(found[2] ? 'tier.state_within' : 'tier.state', {
						days: found[2],
						metric: t(`metric.${found[1]}`),
						value: number(value),
					})
				: `${name} ${value}`;
		})
		.join(t('comma'));

// A number that was taken away and not put in yet is no rule: left out it would mean something else.
const isOpen = (rules) => rules.some((rule) => rule.conditions.some((one) => one.value === null || one.days === null));

// What the rules would do, asked a moment after the last change.
function judged(place) {
	let turn = 0,
		waiting = null;
	return (rules) => {
		clearTimeout(waiting);
		const mine = ++turn;
		waiting = setTimeout(async () => {
			if (isOpen(rules)) return place.replaceChildren(h('p', {class: 'warn'}, t('rule.fill_in')));
			let answer = null;
			try {
				answer = await post('tier-sets/try', {rules});
			} catch (problem) {
				if (mine === turn) place.replaceChildren(h('p', {class: 'warn'}, fault(problem)));
				return;
			}
			if (mine !== turn || !place.isConnected) return;
			const faults = (kind) => answer.faults.filter((one) => one.kind === kind);
			place.replaceChildren();
			append(place, [
				faults('gap').map((one) => h('p', {class: 'warn gap'}, t('tier.gap', {state: state(one.example)}))),
				faults('unreachable').map((one) =>
					h('p', {class: 'warn'}, t('tier.unreachable', {tiers: one.tiers.join(t('comma'))})),
				),
				faults('gap').length === 0 && h('p', {class: 'good'}, t('tier.no_gap')),
				'looked_at' in answer && [
					h(
						'p',
						{},
						t(answer.is_all ? 'tier.moved_all' : 'tier.moved', {
							n: number(answer.moved),
							all: number(answer.looked_at),
						}),
					),
					table(
						t('tier.effect'),
						[t('phrase.tier.name'), [t('tier.before'), 'number'], [t('tier.after'), 'number']],
						[...new Set([...rules.map((rule) => rule.tier), ...Object.keys(answer.before)])]
							.filter(Boolean)
							.map((tier_code) => [
								tier_code,
								number(answer.before[tier_code] || 0),
								number(answer.after[tier_code] || 0),
							]),
					),
				],
				faults('overlap').length > 0 &&
					h(
						'details',
						{},
						h('summary', {}, t('tier.overlaps', {n: faults('overlap').length})),
						h(
							'ul',
							{class: 'plain'},
							faults('overlap').map((one) =>
								h(
									'li',
									{},
									t('tier.overlap', {
										tiers: one.tiers.join(t('comma')),
										first: one.tiers[0],
										state: state(one.example),
									}),
								),
							),
						),
					),
			]);
		}, 350);
	};
}
