// Flows: their state, made of presets, started, paused and stopped; who would get one and why not, what it costs,
// what it brought against the holdout, and why one person got it or not.
import {
	anew,
	append,
	code,
	fault,
	fetched,
	get,
	h,
	leading,
	list,
	money,
	named,
	number,
	post,
	put,
	show,
	t,
	toast,
	withWords,
} from '../base.js';
import {forget, keep, kept} from '../drafts.js';
import {explained, reason, refusal, results, title} from '../flow_words.js';
import {newCode} from '../code.js';
import {save, table} from '../table.js';
import {flowVersions} from '../flow_versions.js';

const mayAct = (me) => ['crm_marketer', 'crm_headquarters'].includes(me.role);
const path = (flow) => `flows/${encodeURIComponent(flow)}`;

export async function draw([flow = '', what = '', person = ''], me) {
	await Promise.all([withWords('marketer'), withWords('guide')]);
	if (flow === 'new')
		return fromPreset(
			(await list('flow-presets')).rows.sort((a, b) => /^blank_/.test(a.preset) - /^blank_/.test(b.preset)),
		);
	const rows = (await list('flows')).rows;
	if (!flow) return overview(rows, me);
	const row = rows.find((candidate) => candidate.flow === flow);
	if (!row)
		return show(
			h('h1', {}, t('page.flows')),
			h('p', {class: 'card'}, t('fault.404')),
			h('a', {href: '#/flows'}, t('page.flows')),
		);
	if (what === 'edit') return (await fetched(import('../flow_edit.js'))).edit(row, me);
	return one(row, me, what === 'why' ? person : '');
}

function overview(rows, me) {
	show(
		h('h1', {}, t('page.flows')),
		mayAct(me) && h('div', {class: 'row'}, h('a', {class: 'button main', href: '#/flows/new'}, t('flows.new'))),
		h(
			'div',
			{class: 'cards'},
			rows.map((row) =>
				h(
					'section',
					{class: 'card'},
					h('h2', {}, h('a', {href: `#/flows/${encodeURIComponent(row.flow)}`}, title(row))),
					h('p', {}, t(`flow_kind.${row.trigger}`, {n: row.spec.days})),
					h(
						'p',
						{},
						h('span', {class: 'tag'}, code('state', row.state)),
						row.backlog_waiting > row.backlog_confirmed &&
							h(
								'span',
								{class: 'tag'},
								t('flows.waiting', {n: number(row.backlog_waiting - row.backlog_confirmed)}),
							),
					),
				),
			),
		),
	);
}

function fromPreset(presets) {
	const draft = kept('flow:new') || {name: '', preset: presets[0].preset};
	const notice = h('p', {class: 'warn', role: 'alert'});
	const name = h('input', {
		id: 'name_zh',
		value: draft.name,
		maxlength: 100,
		autocomplete: 'off',
		oninput: () => remember(),
	});
	const gist = h('dl', {'aria-live': 'polite'});
	const tell = async () => {
		const chosen = presets.find((preset) => preset.preset === choice.value),
			parts = await inWords(chosen);
		if (chosen.preset !== choice.value) return;
		gist.replaceChildren();
		append(
			gist,
			parts.map(([what, words]) => [h('dt', {}, what), h('dd', {}, words)]),
		);
	};
	const choice = h(
		'select',
		{
			id: 'preset',
			onchange: () => {
				remember();
				return tell();
			},
		},
		presets.map((preset) =>
			h('option', {value: preset.preset, selected: preset.preset === draft.preset}, named(preset, preset.preset)),
		),
	);
	const remember = () => keep('flow:new', {name: name.value, preset: choice.value});
	show(
		h('h1', {}, t('flows.new')),
		h(
			'form',
			{
				class: 'card',
				novalidate: true,
				onsubmit: async (event) => {
					event.preventDefault();
					try {
						const made = newCode('flow'),
							onward = leading();
						const wanted = name.value.trim();
						await post(`flow-presets/${choice.value}/flows/${made}`, {});
						forget('flow:new');
						if (wanted) await put(`${path(made)}/name`, {name_zh: wanted});
						onward(`#/flows/${made}/edit`);
					} catch (problem) {
						notice.textContent = fault(problem);
					}
				},
			},
			h('label', {for: 'preset'}, t('flows.preset')),
			choice,
			gist,
			h('label', {for: 'name_zh'}, t('flows.name')),
			name,
			notice,
			h('div', {class: 'row'}, h('button', {class: 'main', type: 'submit'}, t('flows.copy'))),
		),
	);
	return tell();
}

// What a preset does, before it is copied: when, to whom, by what, with which offer, in how many waves.
async function inWords({trigger, spec}) {
	const [{isRule, ruleWords}, types] = await Promise.all([
		fetched(import('../rule_words.js')),
		spec.coupon_type ? list('coupon-types').then((answer) => answer.rows) : [],
	]);
	const who = isRule(spec.who) && (await ruleWords(spec.who)),
		offered = types.find((one) => one.coupon_type === spec.coupon_type);
	return [
		[t('flow.trigger'), t(`flow_kind.${trigger}`, {n: spec.days})],
		who && !who.includes(t('rule.raw')) && [t('flow.who'), who],
		spec.channels && [t('flows.channels'), spec.channels.map((one) => code('channel', one)).join(t('comma'))],
		offered && [t('flow.coupon'), named(offered)],
		spec.steps?.length > 1 && [t('flows.waves'), number(spec.steps.length)],
	].filter(Boolean);
}

async function one(row, me, person) {
	const found = h('div', {}),
		preview = h('div', {'aria-live': 'polite'}),
		why = h('div', {'aria-live': 'polite'}),
		notice = h('p', {class: 'warn', role: 'alert'});
	const again = anew(() => draw([row.flow], me));
	const act = (verb) =>
		h(
			'button',
			{
				type: 'button',
				class: verb === 'start' ? 'main' : null,
				onclick: async (event) => {
					event.target.disabled = true;
					try {
						await post(`${path(row.flow)}/${verb}`);
						toast(t('saved'));
						await again();
					} catch (problem) {
						notice.replaceChildren(
							refusal(problem),
							' ',
							problem.field
								? h('a', {href: `#/flows/${encodeURIComponent(row.flow)}/edit`}, t('flows.mend'))
								: '',
						);
						event.target.disabled = false;
					}
				},
			},
			t(`flows.${verb}`),
		);
	const waiting = row.backlog_waiting - row.backlog_confirmed;
	show(
		h('h1', {}, title(row), ' ', h('span', {class: 'tag'}, code('state', row.state))),
		mayAct(me) &&
			h(
				'div',
				{class: 'row'},
				row.state === 'active' ? act('pause') : act('start'),
				!['stopped', 'draft'].includes(row.state) && act('stop'),
				waiting > 0 && act('confirm-backlog'),
				h('a', {class: 'button', href: `#/flows/${encodeURIComponent(row.flow)}/edit`}, t('edit')),
				h('button', {type: 'button', onclick: () => look(row, preview)}, t('flows.preview')),
			),
		notice,
		waiting > 0 && h('p', {class: 'warn'}, t('flows.backlog', {n: number(waiting)})),
		preview,
		h('section', {class: 'card'}, h('h2', {}, t('flows.results')), found),
		me.role !== 'crm_analyst' && asking(row, person, why, me),
		me.role !== 'crm_store_manager' && flowVersions(path(row.flow), mayAct(me), again),
	);
	append(found, [results(await get(`${path(row.flow)}/results`))]);
	if (person) await explain(row, person, why);
}

// A phone is looked up (which is logged) by whom may look phones up; a number, or the address of the customer's page,
// is the customer's own.
const mayLookUp = (me) => ['crm_headquarters', 'crm_manager'].includes(me.role);
async function whom(typed, me) {
	if (!/^1\d{10}$/.test(typed)) return typed.replace(/^.*\//, '');
	if (!mayLookUp(me)) throw Object.assign(new Error('phone'), {code: 'no_phone'});
	return (await post('lookup', {kind: 'phone', value: typed})).customer_id;
}

function asking(row, person, why, me) {
	const field = h('input', {id: 'person', value: person, autocomplete: 'off'});
	const place = h('p', {class: 'warn', role: 'alert'});
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('why.title')),
		h(
			'form',
			{
				class: 'row',
				novalidate: true,
				onsubmit: async (event) => {
					event.preventDefault();
					place.textContent = '';
					try {
						const onward = leading(),
							who = await whom(field.value.replace(/\s/g, ''), me);
						onward(`#/flows/${encodeURIComponent(row.flow)}/why/${encodeURIComponent(who)}`);
					} catch (problem) {
						place.textContent = fault(problem);
					}
				},
			},
			h('label', {for: 'person'}, t(mayLookUp(me) ? 'why.person' : 'why.number')),
			field,
			h('button', {type: 'submit'}, t('why.go')),
		),
		place,
		why,
	);
}

async function explain(row, person, place) {
	try {
		place.replaceChildren();
		append(place, explained(await get(`${path(row.flow)}/explain/${encodeURIComponent(person)}`)));
	} catch (problem) {
		place.replaceChildren(h('p', {class: 'warn'}, fault(problem)));
	}
}

const outcomes = ['sent', 'held', 'control', 'consent', 'exclusion', 'offer', 'cap', 'late'];

async function look(row, place) {
	place.replaceChildren(h('p', {class: 'faint'}, t('loading')));
	try {
		const answer = await get(`${path(row.flow)}/preview`);
		const counts = [
			...outcomes.filter((name) => name in answer.outcomes),
			...Object.keys(answer.outcomes).filter((name) => !outcomes.includes(name)),
		];
		const said = (name) =>
			['sent', 'held', 'control'].includes(name) ? t(`dry.${name}`) : t('dry.stopped', {step: t(`stop.${name}`)});
		const because = Object.fromEntries(
			counts.map((name) => [name, answer.reasons.filter((one_reason) => one_reason.outcome === name)]),
		);
		const rows = counts.map((name) => [
			said(name),
			number(answer.outcomes[name]),
			because[name]
				.map((one_reason) => `${reason(one_reason.reason)} (${number(one_reason.persons)})`)
				.join(t('semicolon')),
		]);
		const cost = answer.cost;
		place.replaceChildren();
		append(place, [
			h(
				'section',
				{class: 'card', id: 'dry'},
				h('h2', {}, t('flows.preview')),
				h('p', {}, t(answer.is_all ? 'dry.all' : 'dry.some', {n: number(answer.looked_at)})),
				table(t('flows.preview'), [t('dry.what'), [t('audience.persons'), 'number'], t('dry.why')], rows),
				h(
					'p',
					{},
					t('dry.cost', {messages: money(cost.message_cost)}),
					' ',
					cost.coupons > 0 &&
						(cost.coupon_cost === null
							? t('dry.coupons_share', {n: number(cost.coupons)})
							: t('dry.coupons', {n: number(cost.coupons), cost: money(cost.coupon_cost)})),
				),
				answer.backlog > 0 && h('p', {}, t('dry.backlog', {n: number(answer.backlog)})),
				answer.examples &&
					h(
						'ul',
						{class: 'plain'},
						answer.examples.map((example) =>
							h(
								'li',
								{},
								h(
									'a',
									{href: `#/flows/${encodeURIComponent(row.flow)}/why/${example.customer_id}`},
									example.name || t('unnamed'),
								),
								' ',
								said(example.outcome),
								' ',
								h('span', {class: 'faint'}, reason(example.reason)),
							),
						),
					),
				h(
					'div',
					{class: 'row'},
					h(
						'button',
						{
							type: 'button',
							onclick: () =>
								save(title(row), [[t('dry.what'), t('audience.persons'), t('dry.why')], ...rows]),
						},
						t('csv'),
					),
				),
			),
		]);
	} catch (problem) {
		place.replaceChildren(h('p', {class: 'warn', role: 'alert'}, refusal(problem)));
	}
}
