// Flows: their state, who would get one and why not, start and pause, and what they brought against the holdout.
import {append, h, show, toast} from '../dom.js';
import {get, list, post} from '../api.js';
import {code, fault, language, number, percent, t} from '../i18n.js';

export async function draw([flow], me) {
	if (flow) return one(flow, me);
	const page = await list('flows');
	show(h('h1', {}, t('page.flows')), h('div', {class: 'cards'}, page.rows.map((row) => h('section', {class: 'card'},
		h('h2', {}, h('a', {href: `#/flows/${encodeURIComponent(row.code || row.flow)}`}, language === 'en' ? row.name_en : row.name_zh)),
		h('p', {}, h('span', {class: 'tag'}, code('state', row.state)))))));
}

async function one(flow, me) {
	const row = (await list('flows')).rows.find((candidate) => (candidate.code || candidate.flow) === flow);
	const results = h('div', {});
	const preview = h('div', {'aria-live': 'polite'});
	const mayAct = ['crm_marketer', 'crm_headquarters'].includes(me.role);
	const act = (verb) => h('button', {type: 'button', onclick: async (event) => {
		event.target.disabled = true;
		try {
			await post(`flows/${encodeURIComponent(flow)}/${verb}`);
			toast(t('saved'));
			await one(flow, me);
		} catch (problem) {
			toast(fault(problem));
			event.target.disabled = false;
		}
	}}, t(`flows.${verb}`));
	show(h('h1', {}, language === 'en' ? row.name_en : row.name_zh, ' ', h('span', {class: 'tag'}, code('state', row.state))),
		mayAct && h('div', {class: 'row'}, row.state === 'active' ? act('pause') : act('start'), row.state !== 'stopped' && act('stop'),
			h('button', {type: 'button', onclick: () => look(flow, preview)}, t('flows.preview'))),
		preview, results);
	draw_results(await get(`flows/${encodeURIComponent(flow)}/results`), results);
}

async function look(flow, place) {
	place.replaceChildren(h('p', {class: 'faint'}, t('loading')));
	const preview = await get(`flows/${encodeURIComponent(flow)}/preview`);
	place.replaceChildren(h('section', {class: 'card'}, h('h2', {}, t('flows.preview')), facts(preview)));
}

function draw_results(results, place) {
	append(place, [h('section', {class: 'card'}, h('h2', {}, t('flows.results')), facts(results))]);
}

// Whatever a room tells, as words and numbers: nested parts indent, lists of rows are tables.
function facts(value) {
	if (Array.isArray(value)) return h('ul', {class: 'plain'}, value.map((item) => h('li', {}, facts(item))));
	if (value === null || typeof value !== 'object') return typeof value === 'number' ? number(value) : code('value', value);
	return h('dl', {}, Object.entries(value).map(([key, part]) => [h('dt', {}, code('fact', key)), h('dd', {}, facts(part))]));
}
