// Sign-in by password, or by the one-time link of #/link/TOKEN.
import {check, field, form, h, language, plain, post, show, speak, t} from '../base.js';

export function signIn(done) {
	const other = language === 'en' ? 'zh-CN' : 'en';
	const link = location.hash.match(/^#\/link\/(\w+)$/);
	const shown = check('shown', t('password_shown'));
	shown.addEventListener('change', ({target}) => {
		document.getElementById('password').type = target.checked ? 'text' : 'password';
	});
	const byPassword = form(
		[
			field('login', t('login'), {autocomplete: 'username', autocapitalize: 'none', required: true}),
			field('password', t('password'), {
				type: 'password',
				autocomplete: 'current-password',
				autocapitalize: 'none',
				required: true,
			}),
			shown,
		],
		t('sign_in'),
		async (data) => {
			await post('sign-in', {login: plain(data.get('login')), password: data.get('password')});
			await done();
		},
	);
	const byLink = form([h('p', {}, t('sign_in_link'))], t('sign_in'), async () => {
		await post('sign-in/link', {token: link[1]});
		location.hash = '';
		await done();
	});
	show(
		h('div', {class: 'card signin'}, h('h1', {}, t('sign_in')), link ? byLink : byPassword),
		h(
			'p',
			{class: 'signin-language'},
			h(
				'button',
				{
					type: 'button',
					class: 'quiet',
					lang: other,
					onclick: async () => {
						await speak(other);
						signIn(done);
					},
				},
				other === 'en' ? 'English' : '中文',
			),
		),
	);
}
