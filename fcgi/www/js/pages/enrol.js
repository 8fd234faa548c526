// A new member in three fields and the consents; whoever has the phone already is shown before anything is saved.
import {check, field, form, h, show, toast} from '../dom.js';
import {post} from '../api.js';
import {t} from '../i18n.js';

export async function draw([typed = '']) {
	const isNumber = /^[\d\s+-]+$/.test(typed);
	let warned = null;
	const known = h('div', {'aria-live': 'polite'});
	show(h('h1', {}, t('page.enrol')), h('div', {class: 'card'}, known, form([
		field('phone', t('enrol.phone'), {type: 'tel', autocomplete: 'off', value: isNumber ? typed : '', required: true}),
		field('name', t('enrol.name'), {autocomplete: 'off', value: isNumber ? '' : typed, required: true}),
		field('birthday', t('enrol.birthday'), {placeholder: '1990-05-01', autocomplete: 'off'}),
		['sms', 'wechat', 'email'].map((channel) => check(`consent_${channel}`, t(`enrol.${channel}`)))], t('save'), async (data) => {
		const phone = data.get('phone');
		if (warned !== phone && await warn(phone, known)) {
			warned = phone;
			return;
		}
		const consents = ['sms', 'wechat', 'email'].filter((channel) => data.get(`consent_${channel}`));
		const answer = await post('enrol', {name: data.get('name'), phone, birthday: data.get('birthday') || null, consents});
		toast(t('saved'));
		location.hash = `#/person/${answer.customer_id}`;
	})));
}

async function warn(phone, known) {
	try {
		const person = await post('lookup', {kind: 'phone', value: phone});
		known.replaceChildren(h('p', {class: 'warn'}, t('enrol.known', {name: person.name || t('unnamed')})), h('p', {}, t('enrol.known_what')));
		return true;
	} catch (problem) {
		if (problem.status === 404) return false;
		throw problem;
	}
}
