// Reports of a scope: sales and what to expect, growth, where customers come from, ranking, funnel, three panels,
// stores compared by tier and category.  #/reports/store/S1, #/reports/region/E.
import {brief, choosing, code, day, get, h, list, money, named, number, percent, show, t, withWords} from '../base.js';
import {bars, heat, line, ring} from '../chart.js';
import {behindOf, daysBack, funnelRows, iso, onlyStore, opening, ownStores, parts, scopes} from '../report_parts.js';
import {save, table} from '../table.js';
import {inOrder, tiers} from '../tier_order.js';

const figure = (value) => (value === null || value === undefined ? null : Number(value));

export async function draw([kind0 = '', name0 = ''], me) {
	await withWords('report');
	const stores = ownStores((await list('stores')).rows, me);
	const [kind, name] = kind0 ? [kind0, name0] : onlyStore(stores);
	const where = kind && name ? `${kind}=${encodeURIComponent(name)}` : '';
	const ask = (path, more = '') => `reports/${path}?${[where, more].filter(Boolean).join('&')}`;
	const behind = (what, key) => behindOf(what, key, where && kind, name);
	const main = h('div', {class: 'cards'});
	show(h('h1', {}, t('page.reports')), chooser(stores, kind, name), main);
	const part = parts(main, 'report');
	const compared = get(`reports/stores?from=${daysBack(90)}&to=${daysBack(0)}`).then((rows) =>
		rows.filter((row) => !kind || row[`${kind}_code`] === name),
	);
	const mix = list(ask('mix')).then((page) => page.rows);
	const byTier = async () => (await mix).filter((row) => row.tier !== null);
	const byStore = async () => (await mix).filter((row) => row.store !== null);
	part('trend', async () => trend((await list(ask('forecast', 'months=3'))).rows, deals.includes(me.role)));
	part('growth', async () =>
		growth((await list(ask('trend', `from=${daysBack(365).slice(0, 8)}01&to=${daysBack(0)}`))).rows, behind),
	);
	part('origins', async () => origins((await list(ask('origins'))).rows, behind));
	part('ranking', async () => ranking(await compared));
	part('funnel', async () => funnel(await get(`health-board?${where}`), behind));
	part('panels', async () => panels(await get(ask('panels')), behind), true);
	part('frequency', async () =>
		frequency((await list(ask('frequency', `from=${daysBack(364)}&to=${daysBack(0)}`))).rows, behind),
	);
	part('intervals', async () => intervals((await list(ask('intervals'))).rows));
	part('leads', async () => leads((await list(ask('leads'))).rows, behind));
	part('lost', async () =>
		lost(
			behind,
			...(await Promise.all(
				['reason', 'store', 'product'].map(async (by) => (await list(ask('lost', `by=${by}&limit=20`))).rows),
			)),
		),
	);
	part('mix', async () => tiersByCategory(await byTier(), behind), true);
	if (kind !== 'store') {
		part('structure', async () => structure(await compared), true);
		part('categories', async () => categories(await byStore()), true);
	}
}

const chooser = (stores, kind, name) =>
	h(
		'div',
		{class: 'card'},
		h('label', {for: 'where'}, t('report.where')),
		h(
			'select',
			{
				id: 'where',
				...choosing((event) => {
					location.hash = `#/reports/${event.target.value}`;
				}),
			},
			scopes(stores, kind ? `${kind}/${name}` : '', t('report.all')),
		),
		h('div', {class: 'row'}, h('a', {class: 'tag', href: '#/charts'}, t('report.own'))),
	);

const faint = (words) => h('p', {class: 'faint'}, words);
const none = () => faint(t('none'));
const folded = (title, content) => h('details', {}, h('summary', {}, title), content);
const keepable = (name, rows) =>
	h('div', {class: 'row'}, h('button', {type: 'button', onclick: () => save(name, rows)}, t('save_csv')));

// Who has a page of deals is led there.
const deals = ['crm_store_manager', 'crm_manager', 'crm_headquarters'];
function ofDeals(rows, leads) {
	const next = rows.find((row) => row.expected !== null);
	if (!next) return null;
	const sum = rows.filter((row) => row.expected !== null).reduce((total, row) => total + Number(row.from_deals), 0);
	const count = leads ? (n) => h('a', {href: '#/deals'}, number(n)) : number;
	return h(
		'p',
		{id: 'of_deals'},
		next.deals + next.unweighed === 0
			? t('report.no_deals')
			: [
					t('report.of_deals', {amount: money(sum)}),
					' ',
					count(next.deals + next.unweighed),
					next.unweighed > 0 && [' ', t('report.unweighed', {n: number(next.unweighed)})],
				],
	);
}

function trend(rows, leads) {
	if (rows.length === 0) return none();
	const shown = rows
		.slice(-27)
		.map((row) => ({
			label: row.starts_on.slice(0, 7),
			value: figure(row.net),
			expected: figure(row.expected),
			low: figure(row.low),
			high: figure(row.high),
			deals: figure(row.from_deals),
			brief: brief(figure(row.net ?? row.expected)),
			text:
				row.net === null
					? `${money(figure(row.expected))} (${money(figure(row.low))} – ${money(figure(row.high))})`
					: money(figure(row.net)),
		}));
	return [
		faint(t('report.trend_what')),
		line(t('report.trend'), shown),
		ofDeals(rows, leads),
		!rows.some((row) => row.expected !== null) && h('p', {class: 'warn'}, t('report.too_short')),
		folded(
			t('chart.table'),
			table(
				t('report.trend'),
				[
					t('report.month'),
					[t('report.net'), 'number'],
					[t('report.expected'), 'number'],
					[t('report.bounds'), 'number'],
					[t('report.from_deals'), 'number'],
				],
				shown.map((row) => [
					row.label,
					money(row.value),
					money(row.expected),
					row.low === null ? '–' : `${money(row.low)} – ${money(row.high)}`,
					money(row.deals),
				]),
			),
		),
		keepable('sales', [
			['month', 'net', 'expected', 'low', 'high', 'from_deals'],
			...rows.map((row) => [row.starts_on, row.net, row.expected, row.low, row.high, row.from_deals]),
		]),
	];
}

// New customers a month, of the last three whole months beside the three before.
function pace(rows) {
	const whole = rows.slice(0, -1).map((row) => row.registered);
	const mean = (list) => list.reduce((total, n) => total + n, 0) / list.length;
	if (whole.length < 6) return t('report.pace_short');
	const now = mean(whole.slice(-3)),
		before = mean(whole.slice(-6, -3));
	const values = {n: number(Math.round(now * 10) / 10), before: number(Math.round(before * 10) / 10)};
	return before === 0 || now === before
		? t('report.pace', values)
		: t(now > before ? 'report.pace_up' : 'report.pace_down', {
				...values,
				change: percent(Math.abs(now / before - 1)),
			});
}

const before = (of, days) => iso(new Date(Date.parse(of) - days * 86400000));
const monthEnd = (startsOn) => iso(new Date(Date.UTC(Number(startsOn.slice(0, 4)), Number(startsOn.slice(5, 7)), 0)));
function growth(rows, behind) {
	if (rows.length === 0) return none();
	const months = rows.map((row) => ({
		label: row.starts_on.slice(0, 7),
		value: row.registered,
		text: number(row.registered),
	}));
	return [
		faint(t('report.growth_what')),
		h('p', {id: 'pace'}, pace(rows)),
		line(t('report.growth'), months),
		folded(
			t('chart.table'),
			table(
				t('report.growth'),
				[
					t('report.month'),
					...['registered', 'new_buyers', 'buyers', 'orders', 'net', 'average_order', 'repurchase_rate'].map(
						(what) => [t(`report.${what}`), 'number'],
					),
				],
				rows.map((row) => {
					const opens = (what) => behind('span', `${what}.${row.starts_on}.${monthEnd(row.starts_on)}`),
						ofBuyers = (shown) => opening(row.buyers, opens('buyers'), shown);
					return [
						row.starts_on.slice(0, 7),
						opening(row.registered, opens('registered')),
						opening(row.new_buyers, opens('new')),
						ofBuyers(number(row.buyers)),
						ofBuyers(number(row.orders)),
						ofBuyers(money(figure(row.net))),
						ofBuyers(money(figure(row.average_order))),
						opening(row.repurchase_rate, opens('repeat'), percent(figure(row.repurchase_rate))),
					];
				}),
			),
		),
		keepable('growth', [
			['month', 'registered', 'new_buyers', 'buyers', 'orders', 'net', 'average_order', 'repurchase_rate'],
			...rows.map((row) => [
				row.starts_on,
				row.registered,
				row.new_buyers,
				row.buyers,
				row.orders,
				row.net,
				row.average_order,
				row.repurchase_rate,
			]),
		]),
	];
}

function origins(rows, behind) {
	if (rows.length === 0) return faint(t('report.night'));
	const shown = rows.map((row) => ({
		label: row.channel ? code('channel', row.channel) : t('report.unknown'),
		value: row.persons,
		text: `${number(row.persons)} · ${percent(figure(row.share))}`,
	}));
	return [
		ring(t('report.origins'), shown),
		table(
			t('report.origins'),
			[t('report.channel'), [t('report.persons'), 'number'], [t('report.share'), 'number']],
			rows.map((row, i) => [
				shown[i].label,
				opening(row.persons, behind('origin', row.channel)),
				percent(figure(row.share)),
			]),
		),
	];
}

function ranking(rows) {
	if (rows.length === 0) return none();
	const sorted = [...rows].sort((a, b) => b.net - a.net);
	return [
		faint(t('report.ranking_what')),
		bars(
			t('report.ranking'),
			sorted
				.slice(0, 20)
				.map((row, i) => ({
					label: `${i + 1}. ${row.store_name}`,
					value: Number(row.net),
					text: money(Number(row.net)),
					brief: brief(Number(row.net)),
					href: `#/reports/store/${encodeURIComponent(row.store_code)}`,
				})),
			true,
		),
		keepable('ranking', [
			['rank', 'store', 'name', 'net', 'order_days', 'buyers'],
			...sorted.map((row, i) => [i + 1, row.store_code, row.store_name, row.net, row.order_days, row.buyers]),
		]),
	];
}

const funnel = (board, behind) => [
	faint(t('report.funnel_what')),
	bars(
		t('report.funnel'),
		funnelRows(board, (step) => behind('funnel', step)),
	),
];

// Of each figure of the panels whom it counts; shares open those who did it, completeness those whom something misses.
const ofProcess = {
	completeness: ['field', 'incomplete'],
	tag_coverage: ['field', 'any_tag'],
	messages: ['reached', 'sent'],
	open_rate: ['reached', 'opened'],
	click_rate: ['reached', 'clicked'],
	coupons: ['reached', 'issued'],
	redemption_rate: ['reached', 'redeemed'],
};
function panels(report, behind) {
	const opened = (name, value, shown) =>
		opening(name === 'completeness' ? value < 1 : value, behind(...ofProcess[name]), shown(value));
	const span = (name, from, to) =>
		behind('span', `${name === 'repurchase_rate' ? 'repeat' : 'buyers'}.${from}.${to}`);
	const shares = (what, names) => [
		h('h3', {}, t(`report.${what}`)),
		table(
			t(`report.${what}`),
			[t('report.figure'), [t('report.value'), 'number']],
			names.map((name) => [
				t(`report.${name}`),
				['messages', 'coupons'].includes(name)
					? opened(name, report[what][name], number)
					: opened(name, figure(report[what][name]), percent),
			]),
		),
	];
	const format = {repurchase_rate: percent, average_order: money, buyers: number, net: money};
	return [
		faint(t('report.panels_what', {from: day(report.from), to: day(report.to), as_of: day(report.as_of)})),
		shares(
			'process',
			['completeness', 'tag_coverage'].filter(
				(name) => report.process[name] !== undefined && report.process[name] !== null,
			),
		),
		shares('behaviour', ['messages', 'open_rate', 'click_rate', 'coupons', 'redemption_rate']),
		h('h3', {}, t('report.result')),
		table(
			t('report.result'),
			[
				t('report.figure'),
				[t('report.value'), 'number'],
				[t('report.before'), 'number'],
				[t('report.change'), 'number'],
			],
			Object.keys(format).map((name) => [
				t(`report.${name}`),
				opening(
					report.result[name].value,
					span(name, report.from, report.to),
					format[name](figure(report.result[name].value)),
				),
				opening(
					report.result[name].before,
					span(name, before(report.from, 90), before(report.from, 1)),
					format[name](figure(report.result[name].before)),
				),
				percent(figure(report.result[name].change)),
			]),
		),
	];
}

function frequency(rows, behind) {
	if (rows.length === 0) return none();
	return [
		faint(t('report.frequency_what')),
		bars(
			t('report.frequency'),
			rows.map((row) => ({
				label: t(row.orders === 20 ? 'report.times_more' : 'report.times', {n: row.orders}),
				value: row.persons,
				href: behind('frequency', `${row.orders}.${daysBack(364)}.${daysBack(0)}`),
				text: `${number(row.persons)} · ${percent(figure(row.share))}`,
			})),
		),
	];
}

function intervals(rows) {
	if (rows.length === 0) return faint(t('report.night'));
	const days = (mean, gaps) => (gaps > 0 ? t('report.days_of', {days: number(figure(mean)), n: number(gaps)}) : '–');
	return [
		faint(t('report.intervals_what')),
		table(
			t('report.intervals'),
			[t('report.level'), [t('report.before_level'), 'number'], [t('report.since_level'), 'number']],
			rows.map((row) => [
				row.level === null ? t('report.no_level') : named(row),
				row.level === null ? '–' : days(row.mean_days_before, row.gaps_before),
				days(row.mean_days, row.gaps),
			]),
		),
	];
}

const leadSource = (row) =>
	row.name_zh ? named(row) : t('report.lead_deal', {source: code('channel', row.source.replace('deal:', ''))});
function leads(rows, behind) {
	if (rows.length === 0) return none();
	const opens = (row, name, value, shown) =>
		opening(value, behind('lead', `${name}.${row.month}.${row.source}`), shown);
	return [
		faint(t('report.leads_what', {days: rows[0].within_days})),
		table(
			t('report.leads'),
			[
				t('report.month'),
				t('report.lead_source'),
				...['leads', 'visited', 'visit_rate', 'days_to_visit', 'ordered'].map((name) => [
					t(`report.${name === 'leads' ? 'lead_persons' : name}`),
					'number',
				]),
			],
			rows.map((row) => [
				[row.month, row.is_open && h('span', {class: 'tag'}, t('report.lead_open'))],
				leadSource(row),
				opens(row, 'leads', row.leads),
				opens(row, 'visited', row.visited),
				opens(row, 'visited', row.visited, percent(figure(row.visit_rate))),
				number(figure(row.days_to_visit)),
				opens(row, 'ordered', row.ordered),
			]),
		),
		keepable('leads', [
			['month', 'source', 'leads', 'visited', 'visit_rate', 'days_to_visit', 'ordered', 'order_rate'],
			...rows.map((row) => [
				row.month,
				row.source,
				row.leads,
				row.visited,
				row.visit_rate,
				row.days_to_visit,
				row.ordered,
				row.order_rate,
			]),
		]),
	];
}

// Why customers were lost, where they last bought, what they bought first; each of the last two with its commonest
// reason.
function lost(behind, reasons, stores, products) {
	if (reasons.length === 0) return none();
	const name = (row) =>
		row.key === '-' ? t('report.unknown') : row.key === '*' ? t('chart.others') : named(row) || row.key;
	const why = (row) => Object.entries(row.reasons).sort((a, b) => b[1] - a[1])[0][0];
	const opens = (by, row) => opening(row.persons, behind('lost', `${by}.${row.key}`));
	const split = (title, rows, by) =>
		folded(
			t(title),
			table(
				t(title),
				[t(title), [t('report.persons'), 'number'], [t('report.share'), 'number'], t('report.lost_why')],
				rows.map((row) => [
					name(row),
					opens(by, row),
					percent(figure(row.share)),
					why(row) === '-' ? t('report.unknown') : why(row),
				]),
			),
		);
	return [
		faint(t('report.lost_what', {days: reasons[0].lost_days})),
		ring(
			t('report.lost'),
			reasons.map((row) => ({
				label: name(row),
				value: row.persons,
				text: `${number(row.persons)} · ${percent(figure(row.share))}`,
			})),
		),
		table(
			t('report.lost'),
			[t('report.lost_why'), [t('report.persons'), 'number'], [t('report.spent'), 'number']],
			reasons.map((row) => [
				name(row),
				opens('reason', row),
				opening(row.persons, behind('lost', `reason.${row.key}`), money(figure(row.spent))),
			]),
		),
		stores.length > 1 && split('report.lost_store', stores, 'store'),
		split('report.lost_product', products, 'product'),
		keepable('lost', [
			['by', 'key', 'persons', 'share', 'spent'],
			...[
				['reason', reasons],
				['store', stores],
				['product', products],
			].flatMap(([by, rows]) => rows.map((row) => [by, row.key, row.persons, row.share, row.spent])),
		]),
	];
}

const sum = (rows, field) => rows.reduce((total, row) => total + Number(row[field]), 0);
// The categories that sell most; a table of hundreds is read by nobody.
function mostSold(rows, most = 12) {
	const sold = new Map();
	for (const row of rows) sold.set(row.category, (sold.get(row.category) || 0) + Number(row.amount));
	return [...sold.entries()]
		.sort((a, b) => b[1] - a[1])
		.slice(0, most)
		.map(([category]) => category);
}
const categoryName = (rows) => {
	const names = new Map(
		rows.map((row) => [row.category, row.category === '-' ? t('report.unknown') : row.category_name]),
	);
	return (category) => names.get(category) ?? category;
};

function tiersByCategory(rows, behind) {
	if (rows.length === 0) return faint(t('report.night'));
	const naming = categoryName(rows);
	return [
		faint(t('report.mix_what')),
		heat(
			t('report.mix'),
			t('report.category'),
			t('report.tier'),
			inOrder(rows.map((row) => row.tier)),
			mostSold(rows),
			(tier, category) => {
				const persons = sum(
					rows.filter((row) => row.tier === tier && row.category === category),
					'persons',
				);
				return persons > 0
					? {value: persons, text: number(persons), href: behind('mix', `${tier}.${category}`)}
					: null;
			},
			(word) => (tiers.includes(word) ? code('tier', word) : naming(word)),
		),
		keepable('tiers-categories', [
			['tier', 'category', 'persons', 'amount'],
			...rows.map((row) => [row.tier, row.category, row.persons, row.amount]),
		]),
	];
}

function structure(rows) {
	if (rows.length < 2) return null;
	return [
		faint(t('report.structure_what')),
		heat(
			t('report.structure'),
			t('report.tier'),
			t('report.store'),
			rows.map((row) => row.store_code),
			inOrder(rows.flatMap((row) => Object.keys(row.tiers))),
			(store, tier) => {
				const row = rows.find((one) => one.store_code === store);
				return row.tiers[tier]
					? {
							value: row.tiers[tier] / row.persons,
							text: percent(row.tiers[tier] / row.persons),
							title: number(row.tiers[tier]),
							href: behindOf('tier', tier, 'store', store),
						}
					: null;
			},
			(word) => rows.find((row) => row.store_code === word)?.store_name ?? code('tier', word),
		),
	];
}

function categories(rows) {
	const stores = [...new Map(rows.map((row) => [row.store, row.store_name])).entries()];
	if (stores.length < 2) return null;
	const naming = categoryName(rows);
	const total = new Map(
		stores.map(([store]) => [
			store,
			sum(
				rows.filter((row) => row.store === store),
				'amount',
			) || 1,
		]),
	);
	return [
		faint(t('report.categories_what')),
		heat(
			t('report.categories'),
			t('report.category'),
			t('report.store'),
			stores.map(([store]) => store),
			mostSold(rows),
			(store, category) => {
				const share =
					sum(
						rows.filter((row) => row.store === store && row.category === category),
						'amount',
					) / total.get(store);
				return share > 0
					? {value: share, text: percent(share), href: behindOf('mix', `.${category}`, 'store', store)}
					: null;
			},
			(word) => stores.find(([store]) => store === word)?.[1] ?? naming(word),
		),
		keepable('stores-categories', [
			['store', 'category', 'persons', 'amount'],
			...rows.map((row) => [row.store, row.category, row.persons, row.amount]),
		]),
	];
}
