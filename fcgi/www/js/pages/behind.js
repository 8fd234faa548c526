// The persons behind a number of boards, reports and scorecards, under the rights of who looks: #/behind/tier/S/store/S1.
import {append, code, day, get, h, list, money, named, number, show, t, withWords} from '../base.js';
import {behindOf, scopeName} from '../report_parts.js';
import {table} from '../table.js';
import {wholeList} from '../whole_list.js';

const opens = ['crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service', 'crm_marketer', 'crm_analyst', 'crm_headquarters'];
// What the list says of itself: what is counted more than once, or as of when, or is not listed.
const hints = {flow: 'behind.times', scorecard: 'behind.times', path: 'behind.night', indicator: 'behind.frozen', active: 'behind.gone', span: 'behind.gone', frequency: 'behind.gone', cohort: 'behind.gone'};
// The page whose number it is, with its days.
const origin = {scorecard: 'scorecard', manager: 'scorecard', frequency: 'reports'};
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
	const file = wholeList(`${what}-${key}`, `reports/persons?${query}`, ['id', 'name', 'tier', 'store', 'last_day', 'order_days', 'net'], (row) => [row.customer_id, row.name, row.tier, row.store, row.last_day, row.order_days, row.net]);
	const place = h('div', {'aria-busy': 'true'}, h('p', {class: 'faint'}, t('loading')));
	const fill = async (cursor) => {
		const page = await list(`reports/persons?${query}&limit=100${cursor ? `&cursor=${cursor}` : ''}`);
		file.add(page);
		if (!cursor) place.replaceChildren();
		place.removeAttribute('aria-busy');
		append(place, [page.rows.length === 0 && !cursor ? h('p', {class: 'faint'}, t('none')) : table(t('behind.persons'), [t('person.name'), t('behind.tier'), t('person.store'), t('person.last'), [t('person.orders'), 'number'], [t('person.net'), 'number']],
			page.rows.map((row) => [opens.includes(me.role) ? h('a', {href: `#/person/${row.customer_id}`}, row.name || t('unnamed')) : row.name || t('unnamed'), code('tier', row.tier), row.store ? scopeName(stores, 'store', row.store) : '–', day(row.last_day), number(row.order_days), money(Number(row.net || 0))]))]);
		if (page.next) {
			const more = h('button', {type: 'button', onclick: async () => { await fill(page.next); more.remove(); }}, t('more'));
			place.append(more);
		}
	};
	show(h('h1', {}, said.title, ' ', said.label && h('span', {class: 'tag'}, said.label), kind && h('span', {class: 'tag'}, scopeName(stores, kind, name))),
		hints[what] && h('p', {class: 'faint'}, t(hints[what])), what === 'indicator' && sides(key, kind, name),
		h('div', {class: 'row'}, wayBack(what, key, kind, name), file.parts),
		h('section', {class: 'card'}, place));
	await fill('');
}

// What has a name of its own: the flow, the indicator, whoever the line of a scorecard is of.
async function itself(what, key, kind, name) {
	const part = key.split('.');
	if (what === 'flow') return (await get('health-board')).flows.find((one) => one.flow === part[0]);
	if (what === 'indicator') return (await get('reports/indicators?period=month' + (kind === 'store' ? `&store=${encodeURIComponent(name)}` : ''))).indicators.find((one) => one.indicator === part[0]);
	if (what === 'path') return (await list('reports/paths')).rows.find((one) => JSON.stringify(one.path) === key);
	if (what === 'scorecard') return (await list(`reports/scorecard?from=${part[1]}&to=${part[2]}${kind ? `&${kind}=${encodeURIComponent(name)}` : ''}`)).rows.find((one) => (one.staff || '') === part.slice(4).join('.'));
	return what === 'manager' ? (await list('reports/managers')).rows.find((one) => one.staff === part.slice(1).join('.')) : null;
}

// An indicator that is a share: those who did it, and all it is of.
function sides(key, kind, name) {
	const [which, side, from, to] = key.split('.');
	if (!['repurchase', 'annual_repurchases', 'dormancy', 'first_order', 'redemption', 'recall', 'roi'].includes(which)) return null;
	return h('div', {class: 'row'}, ['met', 'of'].map((one) => h('a', {class: 'tag', href: behindOf('indicator', `${which}.${one}.${from}.${to}`, kind, name), 'aria-current': one === side ? 'true' : null}, t(`behind.${one}`))));
}

const tier = (name) => name === '-' ? t('board.new') : code('tier', name);
const span = (from, to) => `${day(from)} – ${day(to)}`;
const plain = (what, part) => ({title: t(`behind.${what}`), label: part[0] === '-' ? '' : part.join('.')});
// What a list is called, and which cell of its figure it is.
const titles = {
	tier: (what, part) => ({title: t('behind.tier'), label: code('tier', part.join('.'))}),
	funnel: (what, [step]) => ({title: t('behind.funnel'), label: t(`board.${step}`)}),
	rfm: (what, [r, f]) => ({title: t('behind.rfm'), label: `R ${r} · F ${f}`}),
	transition: (what, [from, to, days]) => ({title: t('behind.transition'), label: `${tier(from)} → ${tier(to)} (${days})`}),
	cohort: (what, [month, period]) => ({title: t('behind.cohort'), label: `${month} +${period}`}),
	span: (what, [figure, from, to]) => ({title: t(`behind.span_${figure}`), label: span(from, to)}),
	frequency: (what, [orders, from, to]) => ({title: t('report.frequency'), label: `${t(orders === '20' ? 'report.times_more' : 'report.times', {n: orders})} · ${span(from, to)}`}),
	indicator: (what, [which, , from, to], row) => ({title: row ? named(row) : which, label: span(from, to)}),
	flow: (what, [flow, figure], row) => ({title: t('behind.flow'), label: `${row ? named(row, flow) : flow} · ${t(`board.${figure}`)}`}),
	path: (what, part, row) => ({title: t('board.paths'), label: row ? row.names.join(' → ') : part.join('.')}),
	scorecard: (what, [figure, from, to, , ...staff], row) => ({title: t(`scorecard.${figure}`), label: `${row?.staff_name || staff.join('.') || t('scorecard.own_phone')} · ${span(from, to)}`}),
	manager: (what, [figure, ...staff], row) => ({title: t(`managers.${{spoken: 'coverage', owned: 'owned_share'}[figure] || figure}`), label: row ? row.name : staff.join('.')}),
};
