// Finding a customer: a whole phone or card answers for the whole chain with the counter card; a name or the last
// four digits searches one's own stores.
import {append, field, form, h, show} from '../dom.js';
import {post} from '../api.js';
import {code, day, language, number, t} from '../i18n.js';

const digits = (text) => text.replace(/[\s\-()（）－]/g, '').normalize('NFKC');
const isPhone = (text) => /^(\+?86)?1[3-9]\d{9}$/.test(digits(text));

let target = 'person';

// A steward looks after records and sees no figures of a person.
export async function draw(words, me) {
	target = me.role === 'crm_steward' ? 'history' : 'person';
	const found = h('div', {'aria-live': 'polite'});
	show(h('h1', {}, t('page.find')),
		h('div', {class: 'card'}, form([field('text', t('find.what'), {type: 'search', enterkeyhint: 'search', autofocus: true, autocomplete: 'off'})],
			t('find.go'), (data) => look(data.get('text').trim(), found))),
		found,
		target === 'person' && h('p', {}, h('a', {href: '#/enrol'}, t('page.enrol'))));
	document.getElementById('text').focus();
}

async function look(text, found) {
	if (!text) return;
	const rows = isPhone(text) ? await exactly('phone', digits(text)) : (await post('search', {text, limit: 30})).items;
	if (rows.length === 0 && /^[\w-]{6,}$/.test(text)) rows.push(...await exactly('member_card', text));
	found.replaceChildren();
	append(found, rows.length === 0 ? [h('div', {class: 'card'}, h('p', {}, t('find.nobody')), target === 'person' && h('a', {href: `#/enrol/${encodeURIComponent(text)}`}, t('page.enrol')))]
		: rows.map(card));
	if (rows.length > 0) import(`./${target}.js`).catch(() => null);     // what comes next, while the answer is read
}

async function exactly(kind, value) {
	try {
		return [await post('lookup', {kind, value})];
	} catch (problem) {
		if (problem.status === 404) return [];
		throw problem;
	}
}

const suggested = ({suggestion}) => suggestion && ((language === 'en' ? suggestion.reason_en : suggestion.reason_zh) || suggestion.reason);

// A person of another store is shown as far as the counter card goes, and not opened.
function card(person) {
	const coupons = person.coupons || [];
	return h('div', {class: 'card'},
		h('h2', {}, person.in_scope === false ? person.name : h('a', {href: `#/${target}/${person.customer_id}`}, person.name || t('unnamed'))),
		h('p', {}, person.tier && h('span', {class: 'tag tier'}, code('tier', person.tier)), person.phone && h('span', {class: 'tag'}, person.phone),
			person.city && h('span', {class: 'tag'}, person.city)),
		person.last_day && h('p', {}, t('find.last', {day: day(person.last_day)}), person.last_item && h('strong', {}, person.last_item)),
		!person.last_day && person.last_category_name && h('p', {}, t('find.last_category', {category: person.last_category_name})),
		coupons.length > 0 && h('p', {}, t('find.coupons', {n: coupons.length})),
		person.points > 0 && h('p', {}, t('find.points', {n: number(person.points)})),
		suggested(person) && h('p', {class: 'good'}, suggested(person)),
		person.in_scope === false && h('p', {class: 'faint'}, t('find.other_store')));
}
