// A coupon at the counter: the discount, or why not.
import {field, form, h, show} from '../dom.js';
import {post} from '../api.js';
import {money, t} from '../i18n.js';

export async function draw([coupon = '']) {
	const answer = h('div', {'aria-live': 'polite'});
	show(h('h1', {}, t('page.redeem')), h('div', {class: 'card'}, form([
		field('code', t('redeem.code'), {value: coupon, autocomplete: 'off', autocapitalize: 'characters', required: true}),
		field('order_external_id', t('redeem.order'), {autocomplete: 'off', required: true}),
		field('amount', t('redeem.amount'), {inputmode: 'decimal', required: true})], t('redeem.go'), async (data) => {
		const result = await post('coupons/redeem', {code: data.get('code'), order_external_id: data.get('order_external_id'), amount: data.get('amount'), source: 'console'});
		answer.replaceChildren(h('div', {class: 'card'}, h('p', {class: 'big good'}, money(-Number(result.discount))), h('p', {}, t('redeem.done'))));
	})), answer);
}
