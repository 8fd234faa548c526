// What a customer sees after scanning a store's code: whose it is, a short form, what is agreed to; nobody is signed in.
import {check, field, form, h, show} from '../dom.js';
import {post} from '../api.js';
import {choose, fault, language, t} from '../i18n.js';

export async function draw([code]) {
	const other = language === 'en' ? 'zh-CN' : 'en';
	const turn = h('button', {type: 'button', lang: other, onclick: async () => { await choose(other); await draw([code]); }}, other === 'en' ? 'English' : '中文');
	document.title = t('join.title');
	let store;
	try {
		store = await post('join/store', {code});
	} catch (problem) {
		return show(h('div', {class: 'card signin'}, h('h1', {}, t('join.title')), h('p', {class: 'warn', role: 'alert'}, problem.status === 404 ? t('join.ended') : fault(problem)), turn));
	}
	show(h('div', {class: 'card signin'}, h('h1', {}, t('join.welcome', {store: store.store_name})), form([
		field('name', t('enrol.name'), {autocomplete: 'name', required: true}), field('phone', t('enrol.phone'), {type: 'tel', autocomplete: 'tel', required: true}),
		field('birthday', t('join.birthday'), {placeholder: '1990-05-01', autocomplete: 'bday'}),
		h('p', {}, t('join.consent')), ['sms', 'wechat', 'email'].map((channel) => check(`consent_${channel}`, t(`enrol.${channel}`))), h('p', {class: 'faint'}, t('join.may'))], t('join.go'), async (data) => {
		await post('join', {code, name: data.get('name'), phone: data.get('phone'), birthday: data.get('birthday') || null, consents: ['sms', 'wechat', 'email'].filter((channel) => data.get(`consent_${channel}`))});
		show(h('div', {class: 'card signin'}, h('h1', {}, t('join.done')), h('p', {class: 'good', role: 'status'}, t('join.done_what', {store: store.store_name}))));
	}), turn));
}
