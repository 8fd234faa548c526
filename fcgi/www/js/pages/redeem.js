// A coupon at the counter: what is to be paid with it, or why not.
import {fault, field, h, moment, money, post, show, t, toast} from '../base.js';
import {keptForm} from '../typed.js';

export async function draw([coupon = ''], me) {
	const answer = h('div', {'aria-live': 'polite'});
	show(h('h1', {}, t('page.redeem')), h('div', {class: 'card'}, keptForm(`${me.actor}:redeem:${coupon}`, [
		field('code', t('redeem.code'), {value: coupon, autocomplete: 'off', autocapitalize: 'characters', required: true}),
		field('order_external_id', t('redeem.order'), {autocomplete: 'off', required: true}),
		field('amount', t('redeem.amount'), {inputmode: 'decimal', required: true})], t('redeem.go'), async (data) => {
		answer.replaceChildren();     // the last order's
		const amount = amountOf(data.get('amount'));
		const result = await post('coupons/redeem', {code: data.get('code'), order_external_id: data.get('order_external_id'), amount, source: 'console'});
		answer.replaceChildren(h('div', {class: 'card'}, told(result, Number(amount)), h('div', {class: 'row'}, h('button', {type: 'button', onclick: () => takeBack(data, answer)}, t('undo')))));
	})), answer);
}

// What is to be paid; of an order that has used this coupon before, for which amount that was: another is not reckoned anew.
function told({name, kind, repeated, redeemed_at: at, amount: then, discount}, amount) {
	const isOther = repeated && Number(then) !== amount, of = repeated ? Number(then) : amount;
	return [repeated ? h('p', {class: 'warn', role: 'alert'}, t(isOther ? 'redeem.repeated_other' : 'redeem.repeated', {name, at: moment(at), then: money(Number(then)), now: money(amount)})) : h('p', {class: 'good'}, t('redeem.done', {name})),
		!isOther && h('p', {class: 'big good'}, t('redeem.pay', {money: money(of - Number(discount))})),
		h('p', {class: 'faint'}, kind === 'shipping' ? t('redeem.shipping') : t('redeem.off', {money: money(Number(discount))}))];
}

// An amount as people write it: ¥12.5, 12.5 元, 1,280, full width.
const amountOf = (text) => text.normalize('NFKC').replace(/[¥元,\s]/g, '');

// The coupon is as if it had not been used; the discount is the counter's to take back.
async function takeBack(data, answer) {
	try {
		await post('coupons/cancel', {code: data.get('code'), order_external_id: data.get('order_external_id'), reason: t('undo')});
		answer.replaceChildren(h('p', {class: 'card good', role: 'status'}, t('redeem.taken_back')));
	} catch (problem) {
		toast(fault(problem));
	}
}
