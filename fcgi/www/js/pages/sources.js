// Where facts come from: who is behind, and the records that were refused, with what to do.
import {append, h, show, toast} from '../dom.js';
import {list, post} from '../api.js';
import {fault, moment, number, t} from '../i18n.js';

export async function draw(words, me) {
	const [sources, rejects] = await Promise.all([list('sources'), list('rejects?limit=100')]);
	show(h('h1', {}, t('page.sources')), h('div', {class: 'card'}, h('div', {class: 'scroll', tabindex: '0'}, h('table', {},
		h('thead', {}, h('tr', {}, ['source', 'last', 'received', 'success', 'open'].map((name) => h('th', {class: ['received', 'success', 'open'].includes(name) ? 'number' : null}, t(`sources.${name}`))))),
		h('tbody', {}, sources.rows.map((row) => h('tr', {}, h('td', {}, row.name, row.is_silent && h('span', {class: 'warn'}, ' ', t('sources.silent'))), h('td', {}, moment(row.last_received_at)),
			h('td', {class: 'number'}, number(row.received_today)), h('td', {class: 'number'}, row.success_percent === null ? '–' : `${row.success_percent} %`), h('td', {class: 'number'}, number(row.open_rejects)))))))),
	h('section', {class: 'card'}, h('h2', {}, t('sources.rejects')), rejects.rows.length === 0 ? h('p', {class: 'faint'}, t('none')) : h('ul', {class: 'plain'}, rejects.rows.map((row) => refused(row, me)))));
}

function refused(row, me) {
	const line = h('li', {}, h('strong', {}, `${row.source} · ${row.entity} · ${row.external_id || ''}`), h('p', {}, `${row.field || ''} ${row.remedy || ''} (${row.code})`),
		me.role !== 'crm_headquarters' && h('div', {class: 'row'}, h('button', {type: 'button', onclick: async () => {
			try {
				const answer = await post('rejects/retry', {source: row.source});
				toast(t('sources.retried', {n: answer.resolved}));
				await draw([], me);
			} catch (problem) { toast(fault(problem)); }
		}}, t('sources.retry')), h('button', {type: 'button', onclick: async () => {
			try {
				await post('rejects/dismiss', {reject_ids: [String(row.reject_id)], reason: t('sources.dismissed')});
				line.remove();
			} catch (problem) { toast(fault(problem)); }
		}}, t('sources.dismiss'))));
	return line;
}
