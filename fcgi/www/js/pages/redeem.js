// A coupon at the counter: the discount, or why not.
import {field, h, show, toast} from '../dom.js';
import {post} from '../api.js';
import {fault, money, t} from '../i18n.js';
import {keptForm} from '../typed.js';

export async function draw([coupon = ''], me) {
	const answer = h('div', {'aria-live': 'polite'});
	show(h('h1', {}, t('page.redeem')), h('div', {class: 'card'}, keptForm(`${me.actor}:redeem:${coupon}`, [
		field('code', t('redeem.code'), {value: coupon, autocomplete: 'off', autocapitalize: 'characters', required: true}),
		field('order_external_id', t('redeem.order'), {autocomplete: 'off', required: true}),
		field('amount', t('redeem.amount'), {inputmode: 'decimal', required: true})], t('redeem.go'), async (data) => {
		const result = await post('coupons/redeem', {code: data.get('code'), order_external_id: data.get('order_external_id'), amount: data.get('amount'), source: 'console'});
		answer.replaceChildren(h('div', {class: 'card'}, h('p', {class: 'big good'}, money(-Number(result.discount))), h('p', {}, t('redeem.done')),
			h('div', {class: 'row'}, h('button', {type: 'button', onclick: () => takeBack(data, answer)}, t('undo')))));
	})), answer);
}

// The coupon is as if it had not been used; the discount is the counter's to take back.
async function takeBack(data, answer) {
	try {
		await post('coupons/cancel', {code: data.get('code'), order_external_id: data.get('order_external_id'), reason: t('undo')});
		answer.replaceChildren(h('p', {class: 'card good', role: 'status'}, t('redeem.taken_back')));
	} catch (problem) {
		toast(fault(problem));
	}
}
