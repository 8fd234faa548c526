// A coupon at the counter: what is to be paid with it, or why not.
import {field, h, moment, money, post, show, t} from '../base.js';
import {amountOf, done} from '../counter.js';
import {keptForm} from '../typed.js';

export async function draw([coupon = ''], me) {
	const answer = h('div', {'aria-live': 'polite'});
	show(
		h('h1', {}, t('page.redeem')),
		h(
			'div',
			{class: 'card'},
			keptForm(
				`${me.actor}:redeem:${coupon}`,
				[
					field('code', t('redeem.code'), {
						value: coupon,
						autocomplete: 'off',
						autocapitalize: 'characters',
						required: true,
					}),
					field('order_external_id', t('redeem.order'), {autocomplete: 'off', required: true}),
					field('amount', t('redeem.amount'), {inputmode: 'decimal', required: true}),
				],
				t('redeem.go'),
				async (data) => {
					answer.replaceChildren(); // the last order's
					const amount = amountOf(data.get('amount'));
					const result = await post('coupons/redeem', {
						code: data.get('code'),
						order_external_id: data.get('order_external_id'),
						amount,
						source: 'console',
					});
					// as if it had not been used; the discount is the counter's to take back
					done(
						answer,
						told(result, Number(amount)),
						'coupons/cancel',
						{code: data.get('code'), order_external_id: data.get('order_external_id')},
						() => t('redeem.taken_back'),
					);
				},
			),
		),
		answer,
	);
}

// What is to be paid; of an order that has used this coupon before, for which amount that was: another is not
// reckoned anew.
function told({name, kind, repeated, redeemed_at: at, amount: then, discount}, amount) {
	const isOther = repeated && Number(then) !== amount,
		of = repeated ? Number(then) : amount;
	return [
		repeated
			? h(
					'p',
					{class: 'warn', role: 'alert'},
					t(isOther ? 'redeem.repeated_other' : 'redeem.repeated', {
						name,
						at: moment(at),
						then: money(Number(then)),
						now: money(amount),
					}),
				)
			: h('p', {class: 'good'}, t('redeem.done', {name})),
		!isOther && h('p', {class: 'big good'}, t('redeem.pay', {money: money(of - Number(discount))})),
		h(
			'p',
			{class: 'faint'},
			kind === 'shipping' ? t('redeem.shipping') : t('redeem.off', {money: money(Number(discount))}),
		),
	];
}
