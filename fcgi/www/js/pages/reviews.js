// Merge review: two persons side by side, and why they were kept apart.  Keys: J next, K before, M one, N two, U undo.
import {
	anew,
	code,
	day,
	fault,
	get,
	h,
	language,
	list,
	moment,
	number,
	post,
	show,
	t,
	toast,
	withWords,
} from '../base.js';
import {resettle} from '../resettle.js';
import {shadow} from '../shadow.js';
import {sourceNames} from '../sources.js';
import {table} from '../table.js';

let queue = [];
let at = 0;
let last = null;
let isAtIt = false; // a decision, or its undo, is on its way: the next key is the next one's
let more = null;
let which = 'open';
let tried = null;
let settledAnew = null;
let naming = null;
// Keys are heard wherever one is: who signed out leaves no pair behind that one of them would show.
addEventListener('signed-out', () => {
	queue = [];
	last = more = naming = null;
});

export async function draw([state = 'open']) {
	await Promise.all([withWords('steward'), withWords('fields')]);
	which = state;
	naming ||= await sourceNames();
	queue = []; // no key decides what is not shown yet
	const page = await list(`reviews?limit=50&state=${which}`);
	queue = page.rows;
	more = page.next;
	at = Math.min(at, Math.max(queue.length - 1, 0));
	tried = h('div', {});
	settledAnew = h('div', {});
	paint();
	const again = anew(() => draw(['open']));
	if (which === 'open') await Promise.all([shadow(tried, again), resettle(settledAnew, again)]);
}

// A page of pairs, each with both persons' records.
async function fetchMore() {
	const to = queue,
		page = await list(`reviews?limit=50&state=${which}&cursor=${encodeURIComponent(more)}`);
	to.push(...page.rows);
	more = page.next;
}

function paint() {
	const review = queue[at];
	show(
		h(
			'h1',
			{},
			t('page.reviews'),
			' ',
			h('span', {class: 'tag'}, `${queue.length === 0 ? 0 : at + 1} / ${queue.length}${more ? '+' : ''}`),
		),
		h(
			'div',
			{class: 'row'},
			['open', 'accepted', 'rejected'].map((state) =>
				h(
					'a',
					{class: 'tag', href: `#/reviews/${state}`, 'aria-current': state === which ? 'true' : null},
					code('review', state),
				),
			),
		),
		which === 'open'
			? [
					h('p', {class: 'faint'}, t('reviews.keys')),
					review ? pair(review) : h('div', {class: 'card'}, h('p', {}, t('reviews.none'))),
					tried,
					settledAnew,
				]
			: decided(),
	);
}

// What is compared: equal, different, or not known on one side.
const rows = [
	['name', (p) => p.name],
	['phone', (p) => p.phone],
	['email', (p) => p.email],
	['sex', (p) => code('sex', p.sex)],
	['city', (p) => p.city],
	['since', (p) => day(p.registered_on)],
];

function pair(review) {
	const {a, b} = review;
	const sign = (x, y) =>
		!x || !y || x === '–' || y === '–'
			? ''
			: x === y
				? h('span', {class: 'good'}, t('reviews.same'))
				: h('span', {class: 'warn'}, t('reviews.differs'));
	return [
		h('section', {class: 'card'}, h('h2', {}, t('reviews.why')), why(review)),
		h(
			'section',
			{class: 'card'},
			table(
				t('reviews.pair'),
				[t('import.field'), title(a), title(b)],
				rows.map(([name, value]) => [
					[t(`person.${name}`), ' ', a && b && sign(value(a), value(b))],
					(a && value(a)) || '–',
					(b && value(b)) || '–',
				]),
			),
		),
		h('div', {class: 'cards'}, records(a), records(b)),
		h(
			'div',
			{class: 'row'},
			h('button', {class: 'main', type: 'button', onclick: () => decide('accept')}, t('reviews.accept')),
			h('button', {type: 'button', onclick: () => decide('reject')}, t('reviews.reject')),
		),
	];
}

const title = (person) =>
	person ? h('a', {href: `#/history/${person.customer_id}`}, person.name || t('unnamed')) : '–';

// The guard's own words, and below them what the model says of the pair.
function why(review) {
	const evidence = review.evidence || {};
	const place = h('div', {});
	weigh(review, place);
	return [
		h(
			'p',
			{class: 'warn'},
			code('guard', review.reason),
			evidence.kind && `: ${code('identifier', evidence.kind)}`,
			' ',
			h('span', {class: 'faint'}, moment(review.opened_at)),
		),
		place,
	];
}

// A person's fields as the page calls them; weights to the tenth, which is more than anybody weighs.
const called = (kind) =>
	kind === 'name' ? t('person.name') : kind === 'date' ? t('enrol.birthday') : code('field', kind);
const bits = (value) => number(Number(Number(value).toFixed(1)));

// From how likely any two are one, field by field, to the sum; in bits: one more is twice as likely.
async function weigh(review, place) {
	if (!review.a || !review.b) return;
	let said;
	try {
		said = await get(`persons/${review.a.customer_id}/explain/${review.b.customer_id}`);
	} catch (problem) {
		// who may not ask decides by the guard's words
		if (problem.status !== 403) place.replaceChildren(h('p', {class: 'faint'}, t('board.failed')));
		return;
	}
	if (queue[at] !== review || said.fields.length === 0) return;
	place.replaceChildren(
		table(
			t('reviews.waterfall'),
			[t('import.field'), t('reviews.level'), [t('reviews.weight'), 'number']],
			[
				[t('reviews.prior'), '', bits(said.prior)],
				...said.fields
					.filter((field) => field.is_counted)
					.map((field) => [
						called(field.kind),
						language === 'en' ? field.meaning : field.meaning_zh,
						bits(field.bits),
					]),
				[h('strong', {}, t('reviews.total')), '', bits(said.total)],
			],
		),
	);
}

function records(person) {
	if (!person) return null;
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, title(person)),
		h(
			'ul',
			{class: 'plain'},
			person.records.map((record) =>
				h(
					'li',
					{},
					h('strong', {}, naming(record.source)),
					' ',
					h('span', {class: 'faint'}, day(record.registered_at)),
					' ',
					record.identifiers.map((one) =>
						h('span', {class: 'tag'}, `${code('identifier', one.kind)} ${one.masked}`),
					),
				),
			),
		),
	);
}

function decided() {
	const again = anew(() => draw([which]));
	return h(
		'section',
		{class: 'card'},
		queue.length === 0
			? h('p', {class: 'faint'}, t('none'))
			: h(
					'ul',
					{class: 'plain'},
					queue.map((review) =>
						h(
							'li',
							{},
							title(review.a),
							' · ',
							title(review.b),
							' ',
							h('span', {class: 'tag'}, code('guard', review.reason)),
							h('p', {class: 'faint'}, `${moment(review.decided_at)} ${review.decided_by || ''}`),
							h(
								'div',
								{class: 'row'},
								h(
									'button',
									{
										type: 'button',
										onclick: async () => {
											await reopen(review);
											await again();
										},
									},
									t('undo'),
								),
							),
						),
					),
				),
		more &&
			h(
				'button',
				{
					type: 'button',
					onclick: async () => {
						await fetchMore();
						paint();
					},
				},
				t('more'),
			),
	);
}

async function decide(decision) {
	const review = queue[at];
	if (!review || which !== 'open' || isAtIt) return;
	const onward = anew(() => (queue.length === 0 && more ? draw(['open']) : paint()));
	try {
		await alone(post(`reviews/${review.review_id}/decide`, {decision, reason: t(`reviews.${decision}_reason`)}));
		last = review;
		const place = queue.findIndex((one) => one.review_id === review.review_id); // J and K went on meanwhile
		if (place >= 0) queue.splice(place, 1);
		at = Math.max(0, Math.min(place >= 0 && place < at ? at - 1 : at, queue.length - 1));
		toast(t('saved'), {label: t('undo'), run: () => undo(review)});
		await onward();
	} catch (problem) {
		toast(fault(problem));
	}
}

async function alone(call) {
	isAtIt = true;
	try {
		return await call;
	} finally {
		isAtIt = false;
	}
}

async function reopen(review) {
	try {
		await post(`reviews/${review.review_id}/reopen`, {reason: t('undo')});
	} catch (problem) {
		toast(fault(problem));
	}
}

// The last one by key, any by its own button.
async function undo(review = last) {
	if (!review || isAtIt) return;
	if (review === last) last = null;
	const again = anew(() => draw(['open']));
	await alone(reopen(review));
	await again();
}

addEventListener('keydown', (event) => {
	if (
		!location.hash.startsWith('#/reviews') ||
		which !== 'open' ||
		event.target.closest('input, textarea, select') ||
		event.ctrlKey ||
		event.metaKey ||
		event.altKey
	)
		return;
	const act = {
			j: () => {
				at = Math.min(at + 1, queue.length - 1);
				paint();
			},
			k: () => {
				at = Math.max(at - 1, 0);
				paint();
			},
			m: () => decide('accept'),
			n: () => decide('reject'),
			u: () => undo(),
		}[event.key.toLowerCase()],
		isHeld = event.repeat && !/^[jk]$/i.test(event.key); // a key that is held decides once
	if (act && !isHeld && (queue.length > 0 || event.key.toLowerCase() === 'u')) act();
});
