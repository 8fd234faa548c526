// What the counter's forms share: figures as people write them, and what was just done, which stands below its form
// with its undo.
import {h, post, t} from './base.js';

// An amount: ¥12.5, 12.5 元, 1,280, 10万, full width.
export function amountOf(text) {
	const written = text
			.normalize('NFKC')
			.replace(/[¥元,\s]/g, '')
			.replaceAll('。', '.'),
		tenThousands = Number(written.replace(/万$/, ''));
	return /\d万$/.test(written) && Number.isFinite(tenThousands)
		? String(Number((tenThousands * 10000).toFixed(4)))
		: written;
}

// Shows what was done (`told`) where a form's answers stand; its undo is a call of the gateway, after which `back`
// draws what is so again.
export function done(answer, told, path, body, back) {
	const undo = async () => {
		const result = await post(path, {...body, reason: t('undo')});
		answer.replaceChildren(h('p', {class: 'card good', role: 'status'}, back(result)));
	};
	answer.replaceChildren(
		h(
			'div',
			{class: 'card'},
			told,
			h('div', {class: 'row'}, h('button', {type: 'button', onclick: undo}, t('undo'))),
		),
	);
	answer.scrollIntoView({block: 'nearest'});
}
