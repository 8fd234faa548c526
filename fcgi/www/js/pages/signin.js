// Sign-in by password, or by the one-time link of #/link/TOKEN.
import {field, form, h, plain, post, show, t} from '../base.js';

export function signIn(done) {
	const link = location.hash.match(/^#\/link\/(\w+)$/);
	const byPassword = form([field('login', t('login'), {autocomplete: 'username', autocapitalize: 'none', required: true}),
		field('password', t('password'), {type: 'password', autocomplete: 'current-password', required: true})], t('sign_in'), async (data) => {
		await post('sign-in', {login: plain(data.get('login')), password: data.get('password')});
		await done();
	});
	const byLink = form([h('p', {}, t('sign_in_link'))], t('sign_in'), async () => {
		await post('sign-in/link', {token: link[1]});
		location.hash = '';
		await done();
	});
	show(h('div', {class: 'card signin'}, h('h1', {}, t('sign_in')), link ? byLink : byPassword));
}
