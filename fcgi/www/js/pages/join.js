// What a customer sees after scanning a store's code: whose it is, a short form, what is agreed to, and the digits that
// prove that the phone is theirs; nobody is signed in.  What was typed outlives a reload; it goes with the tab.
import {check, fault, field, h, language, post, show, speak, t} from '../base.js';
import {keptForm} from '../typed.js';

const channels = ['sms', 'wechat', 'email'];

export async function draw([code]) {
	const other = language === 'en' ? 'zh-CN' : 'en';
	const turn = h(
		'button',
		{
			type: 'button',
			lang: other,
			onclick: async () => {
				await speak(other);
				await draw([code]);
			},
		},
		other === 'en' ? 'English' : '中文',
	);
	document.title = t('join.title');
	let store;
	try {
		store = await post('join/store', {code});
	} catch (problem) {
		return show(
			h(
				'div',
				{class: 'card signin'},
				h('h1', {}, t('join.title')),
				h('p', {class: 'warn', role: 'alert'}, problem.status === 404 ? t('join.ended') : fault(problem)),
				turn,
			),
		);
	}
	const asked = keptForm(
		'join',
		[
			field('name', t('enrol.name'), {autocomplete: 'name', required: true}),
			field('phone', t('enrol.phone'), {type: 'tel', autocomplete: 'tel', required: true}),
			store.needs_check && proof(code),
			field('birthday', t('join.birthday'), {placeholder: '1990-05-01', autocomplete: 'bday'}),
			h('p', {}, t('join.consent')),
			channels.map((channel) => check(`consent_${channel}`, t(`enrol.${channel}`))),
			h('p', {class: 'faint'}, t('join.may')),
		],
		t('join.go'),
		async (data, element, done) => {
			await post('join', {
				code,
				name: data.get('name'),
				phone: data.get('phone'),
				check: data.get('check'),
				birthday: data.get('birthday') || null,
				consents: channels.filter((channel) => data.get(`consent_${channel}`)),
			});
			done();
			show(
				h(
					'div',
					{class: 'card signin'},
					h('h1', {}, t('join.done')),
					h('p', {class: 'good', role: 'status'}, t('join.done_what', {store: store.store_name})),
				),
			);
		},
	);
	show(h('div', {class: 'card signin'}, h('h1', {}, t('join.welcome', {store: store.store_name})), asked, turn));
}

// The digits by text message: asked for by a button that rests for a minute.
function proof(code) {
	const said = h('p', {class: 'faint', role: 'status'});
	const button = h(
		'button',
		{
			type: 'button',
			id: 'send_check',
			onclick: async () => {
				button.disabled = true;
				try {
					await post('join/check', {code, phone: button.form.elements.phone.value});
					said.textContent = t('join.check_sent');
					button.form.elements.check.focus();
					await new Promise((resume) => setTimeout(resume, 60000));
				} catch (problem) {
					said.textContent = fault(problem, t('enrol.phone'));
				}
				button.disabled = false;
			},
		},
		t('join.check_send'),
	);
	return [
		h('div', {class: 'row'}, button),
		said,
		field('check', t('join.check'), {
			inputmode: 'numeric',
			autocomplete: 'one-time-code',
			maxlength: 10,
			required: true,
		}),
	];
}
