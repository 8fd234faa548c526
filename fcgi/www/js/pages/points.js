// Points at the counter: what they are worth and what is left before they are spent, done or why not, and taken back.
import {append, code, day, field, get, h, moment, money, number, post, show, t} from '../base.js';
import {amountOf, done} from '../counter.js';
import {keptForm} from '../typed.js';

export async function draw([id], me) {
	const [person, points] = await Promise.all([get(`persons/${id}`), get(`persons/${id}/points`)]);
	const answer = h('div', {'aria-live': 'polite'}),
		there = h('div', {id: 'there'}),
		ahead = h('p', {id: 'ahead', 'aria-live': 'polite'});
	const had = (available) => {
		points.available = available;
		there.replaceChildren();
		append(there, standing(points));
		tell();
	};
	const form = keptForm(
		`${me.actor}:points:${person.customer_id}`,
		[
			field('points', t('points.how_many'), {
				inputmode: 'numeric',
				autocomplete: 'off',
				required: true,
				'aria-describedby': 'ahead',
				oninput: () => tell(),
			}),
			ahead,
			field('reference', t('redeem.order'), {autocomplete: 'off', required: true, maxlength: 200}),
		],
		t('points.go'),
		async (data) => {
			answer.replaceChildren(); // the last order's
			const reference = data.get('reference').trim();
			const result = await post(`persons/${person.customer_id}/points/spend`, {
				points: amountOf(data.get('points')),
				source: 'console',
				reference,
			});
			had(result.available);
			done(answer, told(result), 'points/return', {source: 'console', reference}, (back) => {
				had(back.available);
				return t('points.taken_back', {n: number(back.points)});
			});
		},
	);
	const tell = () => {
		ahead.replaceChildren();
		append(ahead, [before(amountOf(form.elements.points.value), points)]);
	};
	had(points.available);
	show(
		h('h1', {}, t('page.points')),
		h('p', {}, h('a', {href: `#/person/${person.customer_id}`}, person.name_masked || t('unnamed'))),
		h('div', {class: 'card'}, there, form),
		answer,
		ledger(points),
	);
}

// What can be used, what will be later, what goes first.
function standing({available, pending, lots, point_value: each}) {
	const first = lots.find((lot) => lot.expires_at);
	return [
		h(
			'p',
			{},
			t('points.have'),
			' ',
			h('strong', {}, number(available)),
			each !== null && available > 0 && ` · ${t('points.worth', {money: money(worth(available, each))})}`,
		),
		pending > 0 && h('p', {class: 'faint'}, t('points.pending', {n: number(pending)})),
		first && h('p', {class: 'faint'}, t('points.first', {n: number(first.points), day: moment(first.expires_at)})),
	];
}

const worth = (points, each) => Math.round(points * each * 100) / 100;

// What is typed, reckoned before it is sent: what it is worth where headquarters say so, and what is left, or what is
// missing.
function before(text, {available, pending, point_value: each}) {
	const wanted = /^\d{1,10}$/.test(text) ? Number(text) : 0;
	if (wanted === 0) return null;
	if (wanted > available)
		return h(
			'span',
			{class: 'warn'},
			t(wanted <= available + pending ? 'points.not_yet' : 'points.too_few', {n: number(wanted - available)}),
		);
	return h(
		'span',
		{class: 'good'},
		each !== null && `${t('points.worth', {money: money(worth(wanted, each))})} · `,
		t('points.left', {n: number(available - wanted)}),
	);
}

function told({repeated, spent_at: at, points, worth: off, available}) {
	return [
		repeated
			? h('p', {class: 'warn', role: 'alert'}, t('points.repeated', {n: number(points), at: moment(at)}))
			: h('p', {class: 'good'}, t('points.done', {n: number(points)})),
		off !== null && h('p', {class: 'big good'}, t('points.worth', {money: money(off)})),
		h('p', {class: 'faint'}, t('points.left', {n: number(available)})),
	];
}

const ledger = ({entries}) =>
	entries.length > 0 &&
	h(
		'details',
		{class: 'card'},
		h('summary', {}, t('points.entries')),
		h(
			'ul',
			{class: 'plain'},
			entries
				.slice(0, 20)
				.map((entry) =>
					h(
						'li',
						{},
						h('span', {class: 'faint'}, day(entry.at), ' '),
						code('points', entry.kind),
						' ',
						h('strong', {}, entry.points > 0 ? `+${number(entry.points)}` : number(entry.points)),
					),
				),
		),
	);
