// The health board: active customers, the funnel, tiers, flows against their holdout; by store or region.
import {h, show} from '../dom.js';
import {get, list} from '../api.js';
import {bars} from '../chart.js';
import {code, number, percent, t} from '../i18n.js';

export async function draw([kind = '', name = '']) {
	const where = kind && name ? `?${kind}=${encodeURIComponent(name)}` : '';
	const [board, stores] = await Promise.all([get(`health-board${where}`), list('stores')]);
	const regions = [...new Map(stores.rows.map((store) => [store.region, store.region_name])).entries()];
	show(h('h1', {}, t('page.board')), chooser(stores.rows, regions, kind, name),
		h('div', {class: 'cards'}, active(board), funnel(board), tiers(board), flows(board)));
}

function chooser(stores, regions, kind, name) {
	const option = (value, label) => h('option', {value, selected: value === (kind ? `${kind}/${name}` : '')}, label);
	return h('div', {class: 'card'}, h('label', {for: 'where'}, t('board.where')),
		h('select', {id: 'where', onchange: (event) => { location.hash = `#/board/${event.target.value}`; }}, option('', t('board.all')),
			regions.map(([region, label]) => option(`region/${region}`, label)), stores.map((store) => option(`store/${store.code}`, store.name))));
}

const active = (board) => h('section', {class: 'card'}, h('h2', {}, t('board.active')), h('p', {class: 'big'}, number(board.active_30d)), h('p', {class: 'faint'}, t('board.active_what')));

function funnel(board) {
	const rows = ['registered', 'first_order', 'second_order', 'third_order'].map((step) => ({label: t(`board.${step}`), value: board.funnel[step], text: number(board.funnel[step])}));
	return h('section', {class: 'card'}, h('h2', {}, t('board.funnel')), bars(t('board.funnel'), rows));
}

function tiers(board) {
	const rows = ['S', 'A', 'B', 'C', 'D', 'N', 'P'].filter((tier) => tier in board.tiers)
		.map((tier) => ({label: code('tier', tier), value: board.tiers[tier], text: `${number(board.tiers[tier])} · ${percent(board.tiers[tier] / board.persons)}`}));
	return h('section', {class: 'card'}, h('h2', {}, t('board.tiers')), rows.length > 0 ? bars(t('board.tiers'), rows) : h('p', {class: 'faint'}, t('none')));
}

const figures = ['treated', 'control', 'sent', 'redeemed'];

function flows(board) {
	return h('section', {class: 'card'}, h('h2', {}, t('board.flows')), h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': t('board.flows')}, h('table', {},
		h('thead', {}, h('tr', {}, h('th', {}, t('flow')), figures.map((name) => h('th', {class: 'number'}, t(`board.${name}`))))),
		h('tbody', {}, board.flows.map((flow) => h('tr', {}, h('td', {}, code('flow', flow.flow)), figures.map((name) => h('td', {class: 'number'}, number(flow[name])))))))));
}
