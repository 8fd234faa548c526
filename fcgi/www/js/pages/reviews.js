// Merge review: two persons side by side, and why they were kept apart.  Keys: J next, K before, M one, N two, U undo.
import {append, h, show, toast} from '../dom.js';
import {list, post} from '../api.js';
import {code, day, fault, t} from '../i18n.js';

let queue = [];
let at = 0;
let last = null;

export async function draw() {
	queue = (await list('reviews?limit=100')).rows;
	at = Math.min(at, Math.max(queue.length - 1, 0));
	paint();
}

function paint() {
	const review = queue[at];
	show(h('h1', {}, t('page.reviews'), ' ', h('span', {class: 'tag'}, `${queue.length === 0 ? 0 : at + 1} / ${queue.length}`)), h('p', {class: 'faint'}, t('reviews.keys')),
		review ? [h('p', {class: 'warn'}, code('guard', review.reason)), h('div', {class: 'cards'}, side(review.a), side(review.b)),
			h('div', {class: 'row'}, h('button', {class: 'main', type: 'button', onclick: () => decide('accept')}, t('reviews.accept')),
				h('button', {type: 'button', onclick: () => decide('reject')}, t('reviews.reject')))] : h('div', {class: 'card'}, h('p', {}, t('reviews.none'))));
}

function side(person) {
	if (!person) return null;
	return h('section', {class: 'card'}, h('h2', {}, person.name || t('unnamed')),
		h('dl', {}, [['phone', person.phone], ['email', person.email], ['sex', code('sex', person.sex)], ['city', person.city], ['since', day(person.registered_on)]].map(([name, value]) =>
			[h('dt', {}, t(`person.${name}`)), h('dd', {}, value || '–')])),
		h('p', {class: 'faint'}, t('reviews.records', {n: person.records.length})));
}

async function decide(decision) {
	const review = queue[at];
	if (!review) return;
	try {
		await post(`reviews/${review.review_id}/decide`, {decision, reason: t(`reviews.${decision}_reason`)});
		last = review;
		queue.splice(at, 1);
		at = Math.min(at, Math.max(queue.length - 1, 0));
		paint();
		toast(t('saved'), {label: t('undo'), run: undo});
	} catch (problem) {
		toast(fault(problem));
	}
}

async function undo() {
	if (!last) return;
	try {
		await post(`reviews/${last.review_id}/reopen`, {reason: t('undo')});
		last = null;
		await draw();
	} catch (problem) {
		toast(fault(problem));
	}
}

addEventListener('keydown', (event) => {
	if (!location.hash.startsWith('#/reviews') || event.target.closest('input, textarea, select') || event.ctrlKey || event.metaKey || event.altKey) return;
	const act = {j: () => { at = Math.min(at + 1, queue.length - 1); paint(); }, k: () => { at = Math.max(at - 1, 0); paint(); }, m: () => decide('accept'), n: () => decide('reject'), u: undo}[event.key.toLowerCase()];
	if (act && (queue.length > 0 || event.key.toLowerCase() === 'u')) act();
});
