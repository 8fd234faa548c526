// Deals on their way: a pipeline stage by stage, one deal with what its stage asks for, a new one for a customer, how
// deals were won. #/deals/PIPELINE[/STAGE], #/deals/one/PERSON/DEAL, #/deals/new/PERSON, #/deals/won/PIPELINE
import {
	anew,
	append,
	code,
	day,
	field,
	get,
	h,
	leading,
	list,
	moment,
	money,
	named,
	number,
	patch,
	percent,
	post,
	show,
	t,
	toast,
	withWords,
} from '../base.js';
import {behindOf, daysBack, opening} from '../report_parts.js';
import {table} from '../table.js';
import {keptForm} from '../typed.js';
import {wholeList} from '../whole_list.js';

export async function draw([which, first, second], me) {
	await withWords('desk');
	if (which === 'one') return one(first, second, me);
	if (which === 'new') return fresh(first, me);
	const {rows: pipelines} = await list('pipelines');
	const used = pipelines.filter((pipeline) => pipeline.is_active);
	if (used.length === 0) return show(h('h1', {}, t('page.deals')), h('p', {class: 'card faint'}, t('deals.none')));
	if (which === 'won') return won(used.find((pipeline) => pipeline.pipeline === first) || used[0]);
	return board(used, used.find((pipeline) => pipeline.pipeline === which) || used[0], first, me);
}

const whole = (deal) => `#/deals/one/${deal.customer_id}/${deal.deal_id}`;
const lastYear = () => `from=${daysBack(365)}&to=${daysBack(0)}`;

// Who is behind a number of a stage, for those whose boards open persons.
const opens = (me, row, figure, pipeline, shown) =>
	['crm_store_manager', 'crm_manager', 'crm_headquarters'].includes(me.role)
		? opening(
				row[{here: 'deals'}[figure] || figure],
				behindOf('pipeline', `${figure}.${daysBack(365)}.${daysBack(0)}.${pipeline}.${row.stage}`),
				shown,
			)
		: shown;

async function board(pipelines, pipeline, stage, me) {
	const place = h('div', {}),
		code = encodeURIComponent(pipeline.pipeline),
		path = `deals?pipeline=${code}${stage ? `&stage=${encodeURIComponent(stage)}` : ''}`;
	const file = wholeList(
		`deals-${pipeline.pipeline}`,
		path,
		['id', 'title', 'name', 'stage', 'amount', 'store', 'staff', 'opened_at', 'touched_at'],
		(deal) => [
			deal.deal_id,
			deal.title,
			deal.name,
			deal.stage,
			deal.amount,
			deal.store,
			deal.staff,
			deal.opened_at,
			deal.touched_at,
		],
	);
	const {rows: stages} = await list(`pipelines/${code}/board?${lastYear()}`);
	const fill = async (cursor) => {
		const page = await list(`${path}&limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
		file.add(page);
		const more = h(
			'button',
			{
				type: 'button',
				onclick: async () => {
					await fill(page.next);
					more.remove();
				},
			},
			t('more'),
		);
		append(place, [
			!cursor && page.rows.length === 0
				? h('p', {class: 'faint'}, t('deals.none'))
				: table(
						t('page.deals'),
						[
							t('deals.title'),
							t('person.name'),
							t('deals.stage'),
							[t('deals.amount'), 'number'],
							t('tickets.with'),
							t('deals.touched'),
						],
						page.rows.map(line),
					),
			page.next && more,
		]);
	};
	show(
		h('h1', {}, t('page.deals')),
		h(
			'div',
			{class: 'row'},
			pipelines.map((one) =>
				h(
					'a',
					{href: `#/deals/${one.pipeline}`, class: 'tag', 'aria-current': one === pipeline ? 'true' : null},
					named(one, one.pipeline),
				),
			),
			h('a', {href: `#/deals/won/${pipeline.pipeline}`, class: 'tag'}, t('deals.won')),
			file.parts,
		),
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t('deals.stages')),
			table(
				t('deals.stages'),
				[
					t('deals.stage'),
					[t('deals.here'), 'number'],
					[t('deals.amount'), 'number'],
					[t('deals.slow'), 'number'],
					[t('deals.reached'), 'number'],
					[t('deals.days'), 'number'],
				],
				stages.map((row) => [
					h(
						'a',
						{
							href: `#/deals/${pipeline.pipeline}/${row.stage}`,
							'aria-current': row.stage === stage ? 'true' : null,
						},
						named(row, row.stage),
					),
					opens(me, row, 'here', pipeline.pipeline, number(row.deals)),
					opens(me, row, 'here', pipeline.pipeline, money(row.amount)),
					h(
						'span',
						{class: row.slow > 0 ? 'warn' : null},
						opens(me, row, 'slow', pipeline.pipeline, number(row.slow)),
					),
					opens(
						me,
						row,
						'reached',
						pipeline.pipeline,
						row.of_all === null ? number(row.reached) : `${number(row.reached)} · ${percent(row.of_all)}`,
					),
					number(row.days),
				]),
			),
		),
		h('section', {class: 'card'}, place),
	);
	await fill('');
}

const stageName = (deal) => named({name_zh: deal.stage_zh, name_en: deal.stage_en}, deal.stage);
const line = (deal) => [
	[
		h('a', {href: whole(deal)}, deal.title),
		deal.is_important && [' ', h('span', {class: 'tag'}, t('deals.important'))],
	],
	deal.name || t('unnamed'),
	h('span', {class: deal.is_slow ? 'warn' : null}, stageName(deal)),
	money(deal.amount),
	deal.staff_name || code('role', 'clerk'),
	day(deal.touched_at),
];

async function one(person, id, me) {
	const path = `persons/${person}/deals/${id}`;
	const [deal, {rows: pipelines}] = await Promise.all([get(path), list('pipelines')]);
	const stages = pipelines.find((pipeline) => pipeline.pipeline === deal.pipeline).stages,
		again = anew(() => one(person, id, me));
	show(
		h('h1', {}, deal.title, ' ', h('span', {class: deal.is_slow ? 'tag warn' : 'tag'}, stageName(deal))),
		h(
			'p',
			{},
			h('a', {href: `#/person/${deal.customer_id}`}, deal.name || t('unnamed')),
			' · ',
			money(deal.amount),
			' · ',
			deal.staff_name || code('role', 'clerk'),
			deal.is_important && [' · ', h('strong', {}, t('deals.important'))],
			deal.lost_reason && [' · ', deal.lost_reason],
		),
		h(
			'div',
			{class: 'cards'},
			deal.outcome === 'open' && [
				onward(deal, stages, path, again),
				document_(deal, stages, path, me, again),
				changed(deal, path, me, again),
				mayPrice(me) && prices(deal.customer_id),
			],
			documents(deal),
		),
		life(deal, stages),
	);
}

const mayPrice = (me) => ['crm_store_manager', 'crm_manager', 'crm_headquarters'].includes(me.role);

// What to ask for how many, from what the customer bought: fetched when it is opened.
function prices(person) {
	const found = h('div', {'aria-live': 'polite'});
	const steps = async (product) => {
		const proposal = await get(`persons/${person}/price-steps?product=${encodeURIComponent(product)}`);
		if (choose.value !== product) return; // another was chosen meanwhile
		found.replaceChildren();
		append(found, [
			proposal.history
				? h(
						'p',
						{class: 'faint'},
						t('deals.price_history', {
							n: number(proposal.history.purchases),
							quantity: number(proposal.history.usual_quantity),
							price: money(proposal.history.usual_price),
							last: day(proposal.history.last_day),
						}),
					)
				: h('p', {class: 'faint'}, t('deals.price_none')),
			table(
				t('deals.prices'),
				[
					[t('deals.price_from'), 'number'],
					[t('deals.price_each'), 'number'],
					[t('deals.price_off'), 'number'],
				],
				proposal.steps.map((step) => [
					number(step.from_quantity),
					h('span', {class: step.is_floor ? 'warn' : null}, money(step.price)),
					step.off_list === null ? '–' : percent(step.off_list),
				]),
			),
			proposal.steps.some((step) => step.is_floor) && h('p', {class: 'warn'}, t('deals.price_floor')),
		]);
	};
	const choose = h(
		'select',
		{id: 'price_product', onchange: (event) => event.target.value && steps(event.target.value)},
		h('option', {value: ''}, t('deals.price_choose')),
	);
	const card = h(
		'details',
		{
			class: 'card',
			ontoggle: async () => {
				if (!card.open || choose.length > 1) return;
				const {rows} = await list(`persons/${person}/price-products`);
				append(
					choose,
					rows.map((row) => h('option', {value: row.product}, `${row.name} · ${number(row.purchases)}`)),
				);
				if (rows.length === 0) found.replaceChildren(h('p', {class: 'faint'}, t('deals.price_no_products')));
			},
		},
		h('summary', {}, t('deals.prices')),
		h('p', {class: 'faint'}, t('deals.prices_what')),
		h('label', {for: 'price_product'}, t('deals.price_product')),
		choose,
		found,
	);
	return card;
}

// Stages that are open now; what the present one still asks for is said before one taps.
function onward(deal, stages, path, again) {
	const at = stages.findIndex((stage) => stage.stage === deal.stage);
	const move = async (stage, reason) => {
		await post(`${path}/move`, {stage, reason});
		toast(t('saved'));
		await again();
	};
	const reason = h('input', {id: 'reason', name: 'reason', maxlength: 500});
	const button = (stage, i) =>
		h(
			'button',
			{
				type: 'button',
				disabled: i > at && stage.outcome !== 'lost' && deal.missing.length > 0,
				onclick: async () => {
					if (stage.outcome === 'lost' && !reason.value.trim()) {
						toast(t('deals.why'));
						reason.focus();
						return;
					}
					await move(stage.stage, stage.outcome === 'lost' ? reason.value : null);
				},
			},
			`${i > at ? '→' : '←'} ${named(stage, stage.stage)}`,
		);
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('deals.onward')),
		deal.missing.length > 0 &&
			h('p', {class: 'warn'}, t('deals.missing', {what: deal.missing.map(evidenceName).join(t('comma'))})),
		h(
			'div',
			{class: 'row'},
			stages.map((stage, i) => (stage.stage === deal.stage ? null : button(stage, i))),
		),
		h('label', {for: 'reason'}, t('deals.lost_reason')),
		reason,
	);
}

const evidenceName = (what) => code('evidence', what);

function document_(deal, stages, path, me, again) {
	const asked = [...new Set([...deal.missing, ...stages.flatMap((stage) => stage.evidence)])];
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('deals.hand_in')),
		keptForm(
			`${me.actor}:evidence:${deal.deal_id}`,
			[
				h('label', {for: 'evidence'}, t('deals.what')),
				h(
					'select',
					{id: 'evidence', name: 'evidence'},
					(asked.length > 0 ? asked : ['other']).map((what) =>
						h('option', {value: what}, evidenceName(what)),
					),
				),
				field('title', t('deals.document_title'), {required: true, maxlength: 200}),
				field('url', t('deals.url'), {type: 'url', required: true, maxlength: 2000}),
			],
			t('deals.hand_in'),
			async (data, element, done) => {
				await post(`${path}/evidence`, {
					evidence: data.get('evidence'),
					title: data.get('title'),
					url: data.get('url'),
				});
				done();
				toast(t('saved'));
				await again();
			},
		),
	);
}

function changed(deal, path, me, again) {
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('deals.change')),
		keptForm(
			`${me.actor}:deal:${deal.deal_id}`,
			[
				field('amount', t('deals.amount'), {
					type: 'number',
					min: 0,
					step: '0.01',
					value: deal.amount === null ? null : Number(deal.amount),
				}),
				h(
					'label',
					{class: 'check'},
					h('input', {type: 'checkbox', name: 'important', checked: deal.is_important}),
					t('deals.important'),
				),
			],
			t('save'),
			async (data, element, done) => {
				await patch(path, {
					amount: data.get('amount') === '' ? null : Number(data.get('amount')),
					is_important: data.get('important') !== null,
				});
				done();
				toast(t('saved'));
				await again();
			},
		),
	);
}

const documents = (deal) =>
	h(
		'section',
		{class: 'card'},
		h('h2', {}, t('deals.documents')),
		deal.evidence.length === 0
			? h('p', {class: 'faint'}, t('none'))
			: h(
					'ul',
					{class: 'plain'},
					deal.evidence.map((one) =>
						h(
							'li',
							{},
							h('span', {class: 'tag'}, evidenceName(one.evidence)),
							' ',
							h('a', {href: one.url, rel: 'noopener noreferrer', target: '_blank'}, one.title),
							' ',
							h('span', {class: 'faint'}, day(one.at), ' · ', one.actor),
						),
					),
				),
	);

function life(deal, stages) {
	const name = (stage) => named(stages.find((one) => one.stage === stage) || {}, stage);
	const said = {
		moved: (event) => `${name(event.from)} → ${name(event.stage)}`,
		evidence: (event) => `${evidenceName(event.evidence)} ${event.title}`,
		opened: (event) => code('given_to', event.given_to),
		stalled: (event) => name(event.stage),
	};
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('tickets.life')),
		h(
			'ul',
			{class: 'plain'},
			deal.events.map((event) =>
				h(
					'li',
					{},
					h('span', {class: 'faint'}, moment(event.at), ' '),
					h('strong', {}, code('deal_event', event.kind)),
					' ',
					said[event.kind]?.(event),
					' ',
					h('span', {class: 'faint'}, event.kind === 'stalled' ? '' : event.actor),
					event.reason && h('p', {class: 'said'}, event.reason),
				),
			),
		),
	);
}

async function fresh(id, me) {
	const [person, {rows: pipelines}, {rows: known}] = await Promise.all([
		get(`persons/${id}`),
		list('pipelines'),
		list(`persons/${id}/deals`),
	]);
	show(
		h('h1', {}, t('deals.new')),
		h('p', {}, h('a', {href: `#/person/${id}`}, person.name || person.name_masked || t('unnamed'))),
		h(
			'div',
			{class: 'cards'},
			h(
				'section',
				{class: 'card'},
				keptForm(
					`${me.actor}:deal:${id}`,
					[
						h('label', {for: 'pipeline'}, t('deals.pipeline')),
						h(
							'select',
							{id: 'pipeline', name: 'pipeline'},
							pipelines
								.filter((one) => one.is_active)
								.map((one) => h('option', {value: one.pipeline}, named(one, one.pipeline))),
						),
						field('title', t('deals.title'), {required: true, maxlength: 200}),
						field('amount', t('deals.amount'), {type: 'number', min: 0, step: '0.01'}),
						h(
							'label',
							{class: 'check'},
							h('input', {type: 'checkbox', name: 'important'}),
							t('deals.important'),
						),
					],
					t('tickets.open_it'),
					async (data, element, done) => {
						const onward = leading(),
							made = await post(`persons/${id}/deals`, {
								pipeline: data.get('pipeline'),
								title: data.get('title'),
								amount: data.get('amount') || null,
								is_important: String(data.get('important') !== null),
							});
						done();
						toast(
							made.overlaps.length > 0
								? t('deals.overlap', {who: made.overlaps.map((one) => one.name).join(t('comma'))})
								: t('saved'),
						);
						onward(whole(made));
					},
				),
			),
			known.length > 0 &&
				h(
					'section',
					{class: 'card'},
					h('h2', {}, t('tickets.before')),
					h(
						'ul',
						{class: 'plain'},
						known.map((deal) =>
							h(
								'li',
								{},
								h('a', {href: whole(deal)}, deal.title),
								' ',
								h('span', {class: 'tag'}, stageName(deal)),
								' ',
								h('span', {class: 'faint'}, day(deal.opened_at)),
							),
						),
					),
				),
		),
	);
}

async function won(pipeline) {
	const {rows} = await list(`pipelines/${encodeURIComponent(pipeline.pipeline)}/won?${lastYear()}&limit=50`);
	const name = (stage) => named(pipeline.stages.find((one) => one.stage === stage) || {}, stage);
	show(
		h('h1', {}, t('deals.won')),
		h(
			'div',
			{class: 'row'},
			h('a', {href: `#/deals/${pipeline.pipeline}`, class: 'tag'}, named(pipeline, pipeline.pipeline)),
		),
		rows.length === 0 && h('p', {class: 'faint'}, t('deals.none_won')),
		rows.map((deal) =>
			h(
				'section',
				{class: 'card'},
				h(
					'h2',
					{},
					h('a', {href: whole(deal)}, deal.title),
					' ',
					h(
						'span',
						{class: 'faint'},
						money(deal.amount),
						' · ',
						t('deals.in_days', {n: number(deal.days)}),
						deal.staff_name && ` · ${deal.staff_name}`,
					),
				),
				h(
					'ol',
					{},
					deal.path.map((step) =>
						h(
							'li',
							{},
							name(step.stage),
							' ',
							h('span', {class: 'faint'}, t('deals.in_days', {n: number(step.days)})),
						),
					),
				),
				deal.documents.length > 0 &&
					h(
						'p',
						{class: 'faint'},
						deal.documents.map((one) => `${evidenceName(one.evidence)} ${one.title}`).join(t('comma')),
					),
			),
		),
	);
}
