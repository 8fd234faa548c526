// The health board: what is stuck first, then active customers, the funnel, tiers and their moves, the value map,
// cohorts, the twelve indicators, stores side by side, paths, flows.  Each number opens its persons.
// #/board/store/S1, #/board/region/E; of a day before, what is known of it: #/board/all/-/2026-05-31.
import {
	ago,
	append,
	brief,
	choosing,
	code,
	day,
	get,
	h,
	list,
	money,
	named,
	number,
	percent,
	show,
	t,
	withWords,
} from '../base.js';
import {bars, heat, radar} from '../chart.js';
import {behindOf, daysBack, funnelRows, iso, onlyStore, opening, ownStores, parts, scopes} from '../report_parts.js';
import {save, table} from '../table.js';
import {inOrder} from '../tier_order.js';

const wide = (me) => ['crm_headquarters', 'crm_marketer', 'crm_analyst'].includes(me.role);

export async function draw([where0 = '', name0 = '', onDay = ''], me) {
	const stores = ownStores((await list('stores')).rows, me);
	const [kind, name] = where0 && where0 !== 'all' ? [where0, name0] : onlyStore(stores);
	const where = kind && name ? `${kind}=${encodeURIComponent(name)}` : '';
	const ask = (path, more = '') => `${path}?${[where, more].filter(Boolean).join('&')}`;
	const behind = (what, key = '') => behindOf(what, key, where && kind, name);
	const main = h('div', {class: 'cards'});
	show(
		h('h1', {}, t('page.board'), onDay && [' ', h('span', {class: 'tag'}, day(onDay))]),
		chooser(stores, kind, name, onDay),
		main,
	);
	const part = parts(main, 'board');
	const board = get(ask('health-board', onDay && `on_day=${onDay}`));
	if (onDay) {
		part('active', async () => active(await board, () => null));
		part('funnel', async () => funnel(await board, () => null));
		part(
			'indicators',
			() => indicators(kind === 'store' ? name : !kind && wide(me) ? '' : null, behind, 'month', onDay),
			true,
		);
		return;
	}
	if (me.role !== 'crm_marketer')
		part('exceptions', async () => {
			const {rows} = await list(ask('reports/exceptions'));
			if (rows.some((row) => row.what === 'alerts')) await withWords('house');
			return exceptions(rows, me, behind);
		});
	part('active', async () => active(await board, behind));
	part('funnel', async () => funnel(await board, behind));
	part('tiers', async () => tiers(await board, behind));
	part('map', async () => map((await list(ask('reports/value-map'))).rows, behind));
	part('flows', async () => flows(await board, behind), true);
	part(
		'indicators',
		() => indicators(kind === 'store' ? name : !kind && wide(me) ? '' : null, behind, 'month'),
		true,
	);
	part(
		'transitions',
		async () => transitions((await list(ask('reports/transitions', 'days=90'))).rows, behind),
		true,
	);
	part(
		'cohorts',
		async () =>
			cohorts(
				await get(ask('reports/retention', `from=${daysBack(365).slice(0, 8)}01&to=${daysBack(0)}`)),
				behind,
			),
		true,
	);
	if (!kind || kind === 'region')
		part(
			'stores',
			async () => compare(await get(`reports/stores?from=${daysBack(90)}&to=${daysBack(0)}`), stores, kind, name),
			true,
		);
	if (!kind && wide(me)) part('paths', async () => paths((await list('reports/paths')).rows, behind));
}

function chooser(stores, kind, name, onDay) {
	const other = (event) => {
		const {value, validity} = event.target;
		if (!validity.valid) return; // a year half typed is no day yet
		const place = kind ? `${kind}/${encodeURIComponent(name)}` : 'all/-';
		location.hash = value && value < daysBack(0) ? `#/board/${place}/${value}` : `#/board/${kind ? place : ''}`;
	};
	return h(
		'div',
		{class: 'card'},
		h(
			'div',
			{class: 'fields'},
			h(
				'div',
				{},
				h('label', {for: 'where'}, t('board.where')),
				h(
					'select',
					{
						id: 'where',
						...choosing((event) => {
							location.hash = onDay
								? `#/board/${event.target.value || 'all/-'}/${onDay}`
								: `#/board/${event.target.value}`;
						}),
					},
					scopes(stores, kind ? `${kind}/${name}` : '', t('board.all')),
				),
			),
			h(
				'div',
				{},
				h('label', {for: 'on_day'}, t('board.on_day')),
				h('input', {
					id: 'on_day',
					type: 'date',
					value: onDay,
					min: '2000-01-01',
					max: daysBack(0),
					...choosing(other),
				}),
			),
		),
		h(
			'div',
			{class: 'row'},
			h(
				'a',
				{class: 'tag', href: kind ? `#/scorecard/${kind}/${encodeURIComponent(name)}` : '#/scorecard'},
				t('page.scorecard'),
			),
			h('button', {type: 'button', onclick: () => print()}, t('print')),
		),
	);
}

// Where what is stuck is worked on, by those whose page it is.
const places = {
	overdue: '#/tasks/store',
	stalled: '#/tasks/escalated',
	late_task: '#/tasks/store',
	source_behind: '#/sources',
	rejects: '#/sources',
	reviews: '#/reviews',
	dead_letters: '#/channels',
	alerts: '#/channels',
};
const works = {
	crm_headquarters: Object.keys(places),
	crm_store_manager: ['overdue', 'stalled', 'late_task'],
	crm_manager: ['overdue', 'stalled', 'late_task'],
};

function exceptions(rows, me, behind) {
	const place = (what) => (works[me.role]?.includes(what) ? places[what] : null);
	const persons = (what) =>
		['stalled', 'overdue', 'late_task'].includes(what) ? behind('stuck', what) : place(what);
	if (rows.length === 0) return h('p', {class: 'good'}, t('board.nothing_stuck'));
	return h(
		'ul',
		{class: 'plain'},
		rows.map((row) =>
			h(
				'li',
				{},
				h('span', {class: 'warn'}, opening(row.records, persons(row.what))),
				' ',
				place(row.what) ? h('a', {href: place(row.what)}, code('stuck', row.what)) : code('stuck', row.what),
				row.oldest && h('span', {class: 'faint'}, ' · ', ago(row.oldest)),
				row.detail &&
					h(
						'p',
						{class: 'faint'},
						row.what === 'alerts'
							? row.detail
									.split(', ')
									.map((kind) => code('alert_kind', kind))
									.join(t('comma'))
							: row.detail,
					),
			),
		),
	);
}

const active = (board, behind) => [
	h('p', {class: 'big'}, opening(board.active_30d, behind('active'))),
	h(
		'p',
		{class: 'faint'},
		t('board.active_what'),
		' · ',
		opening(board.persons, behind('persons'), t('board.of', {n: number(board.persons)})),
	),
];

const funnel = (board, behind) =>
	bars(
		t('board.funnel'),
		funnelRows(board, (step) => behind('funnel', step)),
	);

function tiers(board, behind) {
	const rows = inOrder(Object.keys(board.tiers)).map((tier) => ({
		label: code('tier', tier),
		value: board.tiers[tier],
		href: board.tiers[tier] > 0 ? behind('tier', tier) : null,
		text: `${number(board.tiers[tier])} · ${percent(board.tiers[tier] / board.persons)}`,
	}));
	return rows.length > 0 ? bars(t('board.tiers'), rows) : h('p', {class: 'faint'}, t('none'));
}

// The indicators as they were frozen; the radar shows each beside the period before (that is 100 %).
async function indicators(store, behind, period, startsOn) {
	if (store === null)
		return h(
			'div',
			{class: 'row'},
			h(
				'button',
				{type: 'button', onclick: () => document.getElementById('where').focus()},
				t('board.choose_store'),
			),
		);
	const place = h('div', {});
	let turn = 0;
	const fill = async (unit, start) => {
		const mine = ++turn,
			frozen = await get(
				`reports/indicators?period=${unit}${store ? `&store=${encodeURIComponent(store)}` : ''}${start ? `&starts_on=${start}` : ''}`,
			);
		if (mine !== turn) return; // another period was asked for meanwhile
		const shown = (row, value) =>
			value === null || value === undefined
				? row.note && row.value === null
					? note(row.note)
					: '–'
				: row.unit === 'share'
					? percent(Number(value))
					: row.unit === 'currency'
						? money(Number(value))
						: number(Number(value));
		const opened = (row, value, from, to) =>
			value === null || value === undefined || (row.indicator === 'active' && Number(value) === 0)
				? shown(row, value)
				: h(
						'a',
						{
							href: behind(
								'indicator',
								`${row.indicator}.${onlyWhom.includes(row.indicator) || Number(value) === 0 ? 'of' : 'met'}.${from}.${to}`,
							),
						},
						shown(row, value),
					);
		const known = frozen.indicators.filter((row) => row.value !== null && Number(row.before) > 0),
			hasRadar = known.length > 2;
		place.replaceChildren();
		append(place, [
			h(
				'div',
				{class: 'row'},
				['week', 'month'].map((one) =>
					h(
						'button',
						{type: 'button', 'aria-pressed': String(one === unit), onclick: () => fill(one)},
						t(`board.${one}`),
					),
				),
				frozen.starts_on && h('span', {class: 'faint'}, `${day(frozen.starts_on)} – ${day(frozen.ends_on)}`),
				frozen.starts_on &&
					h(
						'button',
						{
							type: 'button',
							onclick: () => fill(unit, iso(new Date(Date.parse(frozen.starts_on) - 86400000))),
						},
						t('board.before'),
					),
			),
			h(
				'div',
				{class: 'beside'},
				hasRadar &&
					radar(
						t('board.indicators'),
						known.map((row) => ({
							label: named(row),
							value: Number(row.value) / Number(row.before),
							text: shown(row, row.value),
						})),
					),
				table(
					t('board.indicators'),
					[t('board.indicator'), [t('board.value'), 'number'], [t('board.period_before'), 'number']],
					frozen.indicators.map((row) => [
						named(row),
						opened(row, row.value, frozen.starts_on, frozen.ends_on),
						row.before === null || row.before === undefined
							? '–'
							: opened(row, row.before, ...periodBefore(unit, frozen.starts_on)),
					]),
				),
			),
			h(
				'p',
				{class: 'faint'},
				frozen.indicators.some((row) => row.frozen_at)
					? [t('board.frozen'), hasRadar && t('board.radar')]
					: t('board.not_frozen'),
			),
		]);
	};
	await fill(period, startsOn);
	return place;
}

// Means and medians count those they are of; of shares the persons who did it open, and from there those they are of.
const onlyWhom = ['order_value', 'lead_time', 'satisfaction', 'service_response'];
function periodBefore(unit, startsOn) {
	const starts = new Date(startsOn),
		ends = iso(new Date(starts - 86400000));
	if (unit === 'week') starts.setUTCDate(starts.getUTCDate() - 7);
	else starts.setUTCMonth(starts.getUTCMonth() - 1);
	return [iso(starts), ends];
}

// "not enough data: 87 more persons needed" in the page's language.
function note(text) {
	const needed = text.match(/(\d+) more (persons|conversions)/);
	return needed ? t(`board.more_${needed[2]}`, {n: needed[1]}) : t('board.no_data');
}

function map(rows, behind) {
	if (rows.length === 0) return h('p', {class: 'faint'}, t('none'));
	const most = Math.max(5, ...rows.map((row) => Math.max(row.r, row.f)));
	const scores = Array.from({length: most}, (_, i) => i + 1);
	return [
		h('p', {class: 'faint'}, t('board.map_what')),
		heat(
			t('board.map'),
			t('board.recency'),
			t('board.frequency'),
			scores.map((f) => most + 1 - f),
			scores,
			(f, r) => {
				const cell = rows.find((row) => row.r === r && row.f === f);
				return (
					cell && {
						value: cell.persons,
						text: number(cell.persons),
						href: behind('rfm', `${r}.${f}`),
						title: t('board.map_cell', {r, f, persons: number(cell.persons), net: money(cell.net)}),
					}
				);
			},
		),
	];
}

function transitions(rows, behind) {
	const from = inOrder(rows.map((row) => row.from_tier));
	const to = inOrder(rows.map((row) => row.to_tier));
	const total = (tier) => rows.filter((row) => row.from_tier === tier).reduce((sum, row) => sum + row.persons, 0);
	return [
		h('p', {class: 'faint'}, t('board.transitions_what')),
		heat(
			t('board.transitions'),
			t('board.now'),
			t('board.then'),
			from,
			to,
			(a, b) => {
				const cell = rows.find((row) => row.from_tier === a && row.to_tier === b);
				return (
					cell && {
						value: cell.persons / total(a),
						text: number(cell.persons),
						href: behind('transition', `${a}.${b}.90`),
						title: `${tier(a)} → ${tier(b)}: ${number(cell.persons)} (${percent(cell.persons / total(a))})`,
					}
				);
			},
			tier,
		),
	];
}
const tier = (name) => (name === '-' ? t('board.new') : code('tier', name));

function cohorts(rows, behind) {
	if (rows.length === 0) return h('p', {class: 'faint'}, t('none'));
	const months = [...new Set(rows.map((row) => row.cohort))];
	const deepest = Math.max(...rows.map((row) => row.period));
	return [
		h('p', {class: 'faint'}, t('board.cohorts_what')),
		heat(
			t('board.cohorts'),
			t('board.later'),
			t('board.first_month'),
			months,
			Array.from({length: deepest + 1}, (_, i) => i),
			(month, period) => {
				const cell = rows.find((row) => row.cohort === month && row.period === period);
				return (
					cell && {
						value: period === 0 ? 0 : Number(cell.rate),
						text: period === 0 ? number(cell.persons) : percent(Number(cell.rate)),
						href: behind('cohort', `${month.slice(0, 7)}.${period}`),
						title: `${month.slice(0, 7)} +${period}: ${number(cell.retained)} / ${number(cell.persons)}`,
					}
				);
			},
			(name) => (typeof name === 'string' ? name.slice(0, 7) : `+${name}`),
		),
	];
}

function compare(rows, stores, kind, name) {
	const shown = rows.filter((row) => kind !== 'region' || row.region_code === name);
	if (shown.length === 0) return null;
	const region = (code) => stores.find((store) => store.region === code)?.region_name || code;
	const days = `${daysBack(90)}.${daysBack(0)}`;
	const regions = [...new Set(shown.map((row) => row.region_code))].map((code) => {
		const net = shown.filter((row) => row.region_code === code).reduce((total, row) => total + Number(row.net), 0);
		return {
			label: region(code),
			value: net,
			text: money(net),
			brief: brief(net),
			href: net > 0 ? behindOf('span', `buyers.${days}`, 'region', code) : null,
		};
	});
	const figure = (value) => (value === null ? null : Number(value));
	const cells = (row) => {
		const opens = (what, key) => behindOf(what, key, 'store', row.store_code),
			buyers = opens('span', `buyers.${days}`);
		return [
			h('a', {href: `#/board/store/${encodeURIComponent(row.store_code)}`}, row.store_name),
			region(row.region_code),
			opening(row.persons, opens('persons')),
			opening(row.buyers, buyers),
			opening(row.buyers, buyers, money(figure(row.net))),
			opening(row.buyers, buyers, money(figure(row.average_order))),
			opening(row.repurchase_rate, opens('span', `repeat.${days}`), percent(figure(row.repurchase_rate))),
		];
	};
	return [
		h('p', {class: 'faint'}, t('board.stores_what')),
		regions.length > 1 && bars(t('board.regions'), regions),
		table(
			t('board.stores'),
			[
				t('person.store'),
				t('board.region'),
				[t('board.persons'), 'number'],
				[t('board.buyers'), 'number'],
				[t('board.net'), 'number'],
				[t('board.average'), 'number'],
				[t('board.repurchase'), 'number'],
			],
			shown.map(cells),
		),
		h(
			'div',
			{class: 'row'},
			h(
				'button',
				{
					type: 'button',
					onclick: () =>
						save('stores', [
							[
								'store',
								'name',
								'region',
								'persons',
								'buyers',
								'order_days',
								'net',
								'average_order',
								'repurchase_rate',
							],
							...shown.map((row) => [
								row.store_code,
								row.store_name,
								row.region_code,
								row.persons,
								row.buyers,
								row.order_days,
								row.net,
								row.average_order,
								row.repurchase_rate,
							]),
						]),
				},
				t('save_csv'),
			),
		),
	];
}

const paths = (rows, behind) =>
	rows.length === 0
		? null
		: [
				h('p', {class: 'faint'}, t('board.paths_what')),
				bars(
					t('board.paths'),
					rows
						.slice(0, 12)
						.map((row) => ({
							label: row.names.join(' → '),
							value: row.persons,
							href: behind('path', JSON.stringify(row.path)),
							text: `${number(row.persons)} · ${percent(Number(row.share))}`,
						})),
					true,
				),
			];

// A person may be let in more than once: the numbers are of times, the list behind one is of persons.
const figures = ['treated', 'control', 'sent', 'redeemed'];
const flows = (board, behind) =>
	board.flows.length === 0
		? h('p', {class: 'faint'}, t('none'))
		: [
				h('p', {class: 'faint'}, t('board.flows_what')),
				table(
					t('board.flows'),
					[t('flow'), ...figures.map((name) => [t(`board.${name}`), 'number'])],
					board.flows.map((flow) => [
						named(flow, flow.flow),
						...figures.map((name) =>
							flow[name] > 0
								? h('a', {href: behind('flow', `${flow.flow}.${name}`)}, number(flow[name]))
								: number(0),
						),
					]),
				),
			];
