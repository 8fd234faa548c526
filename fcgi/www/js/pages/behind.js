// The persons behind a number of the board, under the rights of who looks: #/behind/tier/S/store/S1.
import {append, code, day, get, h, list, money, named, number, show, t} from '../base.js';
import {scopeName} from '../report_parts.js';
import {save, table} from '../table.js';

const opens = ['crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service', 'crm_marketer', 'crm_analyst', 'crm_headquarters'];

export async function draw([what, key = '-', kind, name], me) {
	const query = new URLSearchParams({what, ...(key === '-' ? {} : {key}), ...(kind ? {[kind]: name} : {}), limit: '100'});
	const stores = (await list('stores')).rows;
	const flow = what === 'flow' && (await get('health-board')).flows.find((one) => one.flow === key.split('.')[0]);
	const all = [];
	const place = h('div', {'aria-busy': 'true'}, h('p', {class: 'faint'}, t('loading')));
	const fill = async (cursor) => {
		if (cursor) query.set('cursor', cursor);
		const page = await list(`reports/persons?${query}`);
		all.push(...page.rows);
		if (!cursor) place.replaceChildren();
		place.removeAttribute('aria-busy');
		append(place, [page.rows.length === 0 && !cursor ? h('p', {class: 'faint'}, t('none')) : table(t('behind.persons'), [t('person.name'), t('behind.tier'), t('person.store'), t('person.last'), [t('person.orders'), 'number'], [t('person.net'), 'number']],
			page.rows.map((row) => [opens.includes(me.role) ? h('a', {href: `#/person/${row.customer_id}`}, row.name || t('unnamed')) : row.name || t('unnamed'), code('tier', row.tier), row.store ? scopeName(stores, 'store', row.store) : '–', day(row.last_day), number(row.order_days), money(Number(row.net || 0))]))]);
		if (page.next) {
			const more = h('button', {type: 'button', onclick: async () => { await fill(page.next); more.remove(); }}, t('more'));
			place.append(more);
		}
	};
	show(h('h1', {}, t(`behind.${what}`), ' ', key !== '-' && h('span', {class: 'tag'}, label(what, key, flow)), kind && h('span', {class: 'tag'}, scopeName(stores, kind, name))),
		what === 'flow' && h('p', {class: 'faint'}, t('behind.times')),
		h('div', {class: 'row'}, h('a', {class: 'tag', href: kind ? `#/board/${kind}/${encodeURIComponent(name)}` : '#/board'}, t('page.board')),
			h('button', {type: 'button', onclick: () => save(`${what}-${key}`, [['id', 'name', 'tier', 'store', 'last_day', 'order_days', 'net'], ...all.map((row) => [row.customer_id, row.name, row.tier, row.store, row.last_day, row.order_days, row.net])])}, t('save_csv'))),
		h('section', {class: 'card'}, place));
	await fill('');
}

function label(what, key, itself) {
	const [a, b, c] = key.split('.');
	return {tier: () => code('tier', key), funnel: () => t(`board.${key}`), rfm: () => `R ${a} · F ${b}`, transition: () => `${a === '-' ? t('board.new') : code('tier', a)} → ${code('tier', b)} (${c})`,
		cohort: () => `${a} +${b}`, flow: () => `${itself ? named(itself, a) : a} · ${t(`board.${b}`)}`}[what]?.() ?? key;
}
