// The persons behind a number of boards, reports and scorecards, under the rights of who looks:
// #/behind/tier/S/store/S1.
import {append, code, day, get, h, list, money, named, number, show, t, withWords} from '../base.js';
import {behindOf, scopeName} from '../report_parts.js';
import {table} from '../table.js';
import {wholeList} from '../whole_list.js';

const opens = [
	'crm_clerk',
	'crm_store_manager',
	'crm_manager',
	'crm_service',
	'crm_marketer',
	'crm_analyst',
	'crm_headquarters',
];
// What the list says of itself: what is counted more than once, or as of when, or is not listed.
const hints = {
	flow: ['behind.times'],
	scorecard: ['behind.times'],
	path: ['behind.night'],
	indicator: ['behind.frozen'],
	active: ['behind.gone'],
	span: ['behind.gone'],
	frequency: ['behind.gone'],
	cohort: ['behind.gone'],
	origin: ['behind.as_of_night'],
	field: ['behind.as_of_night'],
	mix: ['behind.as_of_night', 'behind.gone'],
	lost: ['behind.as_of_night', 'behind.gone'],
	lead: ['behind.as_of_night'],
	reached: ['behind.as_of_night', 'behind.times'],
	offer: ['behind.as_of_night', 'behind.times'],
	stuck: ['behind.times'],
	pipeline: ['behind.times'],
};
// The page whose number it is, with its days.
const origin = {
	scorecard: 'scorecard',
	manager: 'scorecard',
	frequency: 'reports',
	origin: 'reports',
	field: 'reports',
	mix: 'reports',
	lost: 'reports',
	lead: 'reports',
	reached: 'reports',
	offer: 'coupons',
	answered: 'coupons',
	tagged: 'tags',
	overlap: 'audiences',
	pipeline: 'deals',
};
function wayBack(what, key, kind, name) {
	const [, from, to] = what === 'scorecard' ? key.split('.') : [];
	const page = origin[what] || 'board';
	const place = kind ? `/${kind}/${encodeURIComponent(name)}` : from ? '/all/-' : '';
	return h('a', {class: 'tag', href: `#/${page}${place}${from ? `/${from}/${to}` : ''}`}, t(`page.${page}`));
}

export async function draw([what, key = '-', kind, name], me) {
	const query = new URLSearchParams({what, ...(key === '-' ? {} : {key}), ...(kind ? {[kind]: name} : {})});
	const stores = (await list('stores')).rows;
	await withWords('report');
	const said = (titles[what] || plain)(what, key.split('.'), await itself(what, key, kind, name));
	const file = wholeList(
		`${what}-${key}`,
		`reports/persons?${query}`,
		['id', 'name', 'tier', 'store', 'last_day', 'order_days', 'net'],
		(row) => [row.customer_id, row.name, row.tier, row.store, row.last_day, row.order_days, row.net],
	);
	const place = h('div', {'aria-busy': 'true'}, h('p', {class: 'faint'}, t('loading')));
	const hint =
		hints[what] && h('p', {class: 'faint', role: 'status'}, hints[what].map((one) => t(one)).join(t('semicolon')));
	const fill = async (cursor) => {
		const page = await list(`reports/persons?${query}&limit=100${cursor ? `&cursor=${cursor}` : ''}`);
		file.add(page);
		if (!cursor) place.replaceChildren();
		place.removeAttribute('aria-busy');
		append(place, [
			page.rows.length === 0 && !cursor
				? h('p', {class: 'faint'}, t('none'))
				: table(
						t('behind.persons'),
						[
							t('person.name'),
							t('behind.tier'),
							t('person.store'),
							t('person.last'),
							[t('person.orders'), 'number'],
							[t('person.net'), 'number'],
						],
						page.rows.map((row) => [
							opens.includes(me.role)
								? h('a', {href: `#/person/${row.customer_id}`}, row.name || t('unnamed'))
								: row.name || t('unnamed'),
							code('tier', row.tier),
							row.store ? scopeName(stores, 'store', row.store) : '–',
							day(row.last_day),
							number(row.order_days),
							money(Number(row.net || 0)),
						]),
					),
		]);
		if (page.next) {
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
			place.append(more);
		}
	};
	show(
		h(
			'h1',
			{},
			said.title,
			' ',
			said.label && h('span', {class: 'tag'}, said.label),
			kind && h('span', {class: 'tag'}, scopeName(stores, kind, name)),
		),
		hint,
		what === 'indicator' && sides(key, kind, name),
		h('div', {class: 'row'}, wayBack(what, key, kind, name), file.parts),
		h('section', {class: 'card'}, place),
	);
	await fill('');
	// the list stands without it
	if (hints[what]?.includes('behind.gone')) counted(hint, what, query).catch(() => null);
}

// Whom the number counts beside those who are listed, in figures, when they are not too many.
async function counted(hint, what, query) {
	const {counted: all, listed} = await get(`reports/persons/count?${query}`);
	if (all === null) return;
	hint.textContent = [
		...hints[what].filter((one) => one !== 'behind.gone').map((one) => t(one)),
		t(all === listed ? 'behind.counted' : 'behind.counted_gone', {
			n: number(all),
			listed: number(listed),
			gone: number(all - listed),
		}),
	].join(t('semicolon'));
}

// What has a name of its own: the flow, the indicator, whoever the line of a scorecard is of.
async function itself(what, key, kind, name) {
	const part = key.split('.');
	if (what === 'flow') return (await get('health-board')).flows.find((one) => one.flow === part[0]);
	if (what === 'indicator')
		return (
			await get(
				'reports/indicators?period=month' + (kind === 'store' ? `&store=${encodeURIComponent(name)}` : ''),
			)
		).indicators.find((one) => one.indicator === part[0]);
	if (what === 'path') return (await list('reports/paths')).rows.find((one) => JSON.stringify(one.path) === key);
	if (what === 'scorecard')
		return (
			await list(
				`reports/scorecard?from=${part[1]}&to=${part[2]}${kind ? `&${kind}=${encodeURIComponent(name)}` : ''}`,
			)
		).rows.find((one) => (one.staff || '') === part.slice(4).join('.'));
	if (what in known) return known[what](key, part, kind ? `${kind}=${encodeURIComponent(name)}` : '');
	return what === 'manager'
		? (await list('reports/managers')).rows.find((one) => one.staff === part.slice(1).join('.'))
		: null;
}

const rowsOf = async (path) => (await list(path)).rows;
const known = {
	mix: async (key, [, ...category], where) =>
		(await rowsOf(`reports/mix?${where}`)).find((one) => one.category === category.join('.')),
	lost: async (key, [by, ...which], where) =>
		(await rowsOf(`reports/lost?by=${by}&limit=500&${where}`)).find((one) => one.key === which.join('.')),
	lead: async (key, [, , ...source], where) =>
		(await rowsOf(`reports/leads?${where}`)).find((one) => one.source === source.join('.')),
	offer: async (key, [, ...type]) => (await rowsOf('coupon-types')).find((one) => one.coupon_type === type.join('.')),
	answered: async (key) => (await rowsOf('coupon-types')).find((one) => one.coupon_type === key),
	tagged: async (key) => (await rowsOf('tags')).find((one) => one.tag === key),
	overlap: async (key) => {
		const all = await rowsOf('segments');
		return key
			.replace(/^\["|"\]$/g, '')
			.split('","')
			.map((segment) => named(all.find((one) => one.segment === segment) || {}, segment));
	},
	pipeline: async (key, [, , , pipeline]) => (await rowsOf('pipelines')).find((one) => one.pipeline === pipeline),
};

// An indicator that is a share: those who did it, and all it is of.
function sides(key, kind, name) {
	const [which, side, from, to] = key.split('.');
	if (!['repurchase', 'annual_repurchases', 'dormancy', 'first_order', 'redemption', 'recall', 'roi'].includes(which))
		return null;
	return h(
		'div',
		{class: 'row'},
		['met', 'of'].map((one) =>
			h(
				'a',
				{
					class: 'tag',
					href: behindOf('indicator', `${which}.${one}.${from}.${to}`, kind, name),
					'aria-current': one === side ? 'true' : null,
				},
				t(`behind.${one}`),
			),
		),
	);
}

const tier = (name) => (name === '-' ? t('board.new') : code('tier', name));
const span = (from, to) => `${day(from)} – ${day(to)}`;
const plain = (what, part) => ({title: t(`behind.${what}`), label: part[0] === '-' ? '' : part.join('.')});
// What a list is called, and which cell of its figure it is.
const titles = {
	tier: (what, part) => ({title: t('behind.tier'), label: code('tier', part.join('.'))}),
	funnel: (what, [step]) => ({title: t('behind.funnel'), label: t(`board.${step}`)}),
	rfm: (what, [r, f]) => ({title: t('behind.rfm'), label: `R ${r} · F ${f}`}),
	transition: (what, [from, to, days]) => ({
		title: t('behind.transition'),
		label: `${tier(from)} → ${tier(to)} (${days})`,
	}),
	cohort: (what, [month, period]) => ({title: t('behind.cohort'), label: `${month} +${period}`}),
	span: (what, [figure, from, to]) => ({title: t(`behind.span_${figure}`), label: span(from, to)}),
	frequency: (what, [orders, from, to]) => ({
		title: t('report.frequency'),
		label: `${t(orders === '20' ? 'report.times_more' : 'report.times', {n: orders})} · ${span(from, to)}`,
	}),
	indicator: (what, [which, , from, to], row) => ({title: row ? named(row) : which, label: span(from, to)}),
	flow: (what, [flow, figure], row) => ({
		title: t('behind.flow'),
		label: `${row ? named(row, flow) : flow} · ${t(`board.${figure}`)}`,
	}),
	path: (what, part, row) => ({title: t('board.paths'), label: row ? row.names.join(' → ') : part.join('.')}),
	scorecard: (what, [figure, from, to, , ...staff], row) => ({
		title: t(`scorecard.${figure}`),
		label: `${row?.staff_name || staff.join('.') || t('scorecard.own_phone')} · ${span(from, to)}`,
	}),
	origin: (what, part) => ({
		title: t('report.origins'),
		label: part.join('.') ? code('channel', part.join('.')) : t('report.unknown'),
	}),
	field: (what, [field]) => ({title: t(`behind.${field}`), label: ''}),
	mix: (what, [level, ...category], row) => ({
		title: t('report.mix'),
		label: `${level ? `${tier(level)} · ` : ''}${category.join('.') === '-' ? t('report.unknown') : row?.category_name || category.join('.')}`,
	}),
	lost: (what, [by, ...which], row) => ({
		title: t('report.lost'),
		label:
			which.join('.') === '-'
				? t('report.unknown')
				: which.join('.') === '*'
					? t('chart.others')
					: named(row || {}, which.join('.')),
	}),
	lead: (what, [figure, month, ...source], row) => ({
		title: t(`report.${figure === 'leads' ? 'lead_persons' : figure}`),
		label: `${month} · ${row?.name_zh ? named(row) : t('report.lead_deal', {source: code('channel', source.join('.').replace('deal:', ''))})}`,
	}),
	reached: (what, [figure]) => ({title: t(`behind.reached_${figure}`), label: ''}),
	offer: (what, [figure, ...type], row) => ({
		title: t(`behind.offer_${figure}`),
		label: named(row || {}, type.join('.')),
	}),
	answered: (what, type, row) => ({title: t('behind.answered'), label: named(row || {}, type.join('.'))}),
	tagged: (what, part, row) => ({title: t('behind.tagged'), label: named(row || {}, part.join('.'))}),
	overlap: (what, part, names) => ({title: t('behind.overlap'), label: names.join(' ∩ ')}),
	stuck: (what, [kind]) => ({title: code('stuck', kind), label: ''}),
	pipeline: (what, [figure, from, to, pipeline, stage], row) => ({
		title: t(`behind.pipeline_${figure}`),
		label: `${named(row || {}, pipeline)} · ${named(row?.stages.find((one) => one.stage === stage) || {}, stage)} · ${span(from, to)}`,
	}),
	manager: (what, [figure, ...staff], row) => ({
		title: t(`managers.${{spoken: 'coverage', owned: 'owned_share'}[figure] || figure}`),
		label: row ? row.name : staff.join('.'),
	}),
};
