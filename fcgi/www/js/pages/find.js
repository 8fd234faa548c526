// Finding a customer: a whole phone or card answers for the whole chain with the counter card; a name or the last
// four digits searches one's own stores.
import {
	append,
	code,
	day,
	fault,
	fetched,
	field,
	form,
	h,
	money,
	named,
	number,
	plain,
	post,
	show,
	suggested,
	t,
	toast,
} from '../base.js';

const most = 30;
const digits = (text) => text.replace(/[\s\-()（）－]/g, '').normalize('NFKC');
const isPhone = (text) => /^(\+?86)?1[3-9]\d{9}$/.test(digits(text));
const isPartOfPhone = (text) => /^1[3-9]\d{5,12}$/.test(digits(text)) && !isPhone(text);

let target = 'person';
// What was found last: going back to it from a customer shows it again.  It lies in this page alone, and goes at the
// sign-out.
let last = null;
let ahead = null; // what was asked for before the tap
addEventListener('signed-out', () => {
	last = ahead = null;
});

// A steward looks after records and sees no figures of a person.
export async function draw(words, me) {
	target = me.role === 'crm_steward' ? 'history' : 'person';
	const again = last && history.state?.found === last.at ? last : null;
	const found = h('div', {'aria-live': 'polite'});
	show(
		h('h1', {}, t('page.find')),
		h(
			'div',
			{class: 'card'},
			form(
				[
					field('text', t('find.what'), {
						type: 'search',
						enterkeyhint: 'search',
						autofocus: !again,
						autocomplete: 'off',
						value: again?.text,
						oninput: (event) => begin(event.target, found),
					}),
				],
				t('find.go'),
				(data) => look(plain(data.get('text')), found),
			),
			canScan() && scanner(found),
		),
		found,
		target === 'person' &&
			h(
				'p',
				{class: 'row'},
				h('a', {class: 'button', href: '#/enrol'}, t('page.enrol')),
				h('a', {class: 'button', href: '#/knowledge'}, t('page.knowledge')),
			),
	);
	if (!again) return document.getElementById('text').focus();
	tell(again, found);
}

// Browsers of iPhones read no codes; a scanner that types needs nothing of this.
const canScan = () => 'BarcodeDetector' in window && Boolean(navigator.mediaDevices?.getUserMedia);

function scanner(found) {
	const place = h('div', {class: 'scan'});
	const read = async () => {
		try {
			const text = await (await fetched(import('../scan.js'))).scan(place);
			if (!text || !found.isConnected) return;
			document.getElementById('text').value = text;
			await look(text, found);
		} catch (problem) {
			toast(
				problem.name === 'NotAllowedError' || problem.name === 'NotFoundError'
					? t('scan.no_camera')
					: fault(problem),
			);
		}
	};
	return [h('div', {class: 'row'}, h('button', {type: 'button', onclick: read}, t('scan.open'))), place];
}

// A whole phone is asked for with its last digit, and its answer shown as it comes: the tap that follows asks nothing
// more.
function begin(input, found) {
	const text = plain(input.value);
	if (text !== last?.text) found.replaceChildren();
	if (!isPhone(text)) return;
	if (ahead?.text !== text) ahead = {text, rows: ask(text), at: Date.now()};
	const begun = ahead; // a digit taken out and typed again is no other question
	begun.rows.then(
		(rows) => ahead === begun && found.isConnected && typed() === text && answer(text, rows, found),
		() => null,
	); // a fault is the tap's to tell
}

// Who was found goes as soon as somebody else is asked for: what the next customer sees, and is given, is never the
// last one's.
async function look(text, found) {
	found.replaceChildren();
	if (!text) return;
	const begun = ahead?.text === text && Date.now() - ahead.at < 5000 ? ahead : null;
	ahead = null;
	const waiting = h('p', {class: 'faint'}, t('loading'));
	append(found, [waiting]);
	const rows = await (begun ? begun.rows : ask(text)).finally(() => waiting.remove());
	if (found.isConnected && typed() === text) answer(text, rows, found);
}

const typed = () => plain(document.getElementById('text')?.value ?? '');

async function ask(text) {
	const rows = isPhone(text)
		? await exactly('phone', digits(text))
		: (await post('search', {text, limit: most})).items;
	return rows.length === 0 && /^[\w-]{6,}$/.test(text) ? exactly('member_card', text) : rows;
}

function answer(text, rows, found) {
	last = {text, rows, at: Date.now()};
	history.replaceState({...history.state, found: last.at}, '');
	tell(last, found);
	found.firstElementChild?.scrollIntoView({block: 'nearest'}); // the keys of a phone stand over half of it
	if (rows.length > 0) import(`./${target}.js`).catch(() => null); // what comes next, while the answer is read
}

function tell({text, rows}, found) {
	found.replaceChildren();
	append(
		found,
		rows.length === 0
			? [nobody(text)]
			: rows.length === 1
				? rows.map((row) => card(row, 'card'))
				: rows.map((row) => card(row, 'card hit')),
	);
	if (rows.length === most) append(found, [h('p', {class: 'faint'}, t('find.many', {n: most}))]);
}

const nobody = (text) =>
	h(
		'div',
		{class: 'card'},
		h('p', {}, isPartOfPhone(text) ? t('find.digits', {n: digits(text).length}) : t('find.nobody')),
		target === 'person' && h('a', {href: `#/enrol/${encodeURIComponent(text)}`}, t('page.enrol')),
	);

async function exactly(kind, value) {
	try {
		return [await post('lookup', {kind, value})];
	} catch (problem) {
		if (problem.status === 404) return [];
		throw problem;
	}
}

// A person of another store is shown as far as the counter card goes, and not opened.
function card(person, kind) {
	const coupons = person.coupons || [],
		next = suggested(person.suggestion);
	return h(
		'div',
		{class: kind},
		h(
			'h2',
			{},
			person.in_scope === false
				? person.name
				: h('a', {href: `#/${target}/${person.customer_id}`}, person.name || t('unnamed')),
		),
		h(
			'p',
			{},
			person.tier && h('span', {class: 'tag tier'}, code('tier', person.tier)),
			person.phone && h('span', {class: 'tag'}, person.phone),
			person.city && h('span', {class: 'tag'}, person.city),
			person.sex && h('span', {class: 'tag'}, code('sex', person.sex)),
			person.store_name && h('span', {class: 'tag'}, person.store_name),
			person.registered_on &&
				kind !== 'card' &&
				h('span', {class: 'faint'}, t('find.since', {day: day(person.registered_on)})),
		),
		person.last_day &&
			h(
				'p',
				{},
				t('find.last', {day: day(person.last_day)}),
				person.last_item && h('strong', {}, person.last_item),
			),
		!person.last_day &&
			person.last_category_name &&
			h('p', {}, t('find.last_category', {category: person.last_category_name})),
		next && h('p', {}, h('strong', {class: 'good'}, next.what), ' ', h('span', {class: 'faint'}, next.why)),
		coupons.length > 0 &&
			kind === 'card' && [
				h('p', {}, t('find.coupons', {n: coupons.length})),
				couponLines(coupons, target === 'person'),
			],
		person.points > 0 &&
			h(
				'p',
				{},
				t('find.points', {n: number(person.points)}),
				person.in_scope !== false &&
					target === 'person' && [
						' ',
						h('a', {class: 'tag', href: `#/points/${person.customer_id}`}, t('points.use')),
					],
			),
		person.in_scope === false && [
			h('p', {class: 'faint'}, t('find.other_store')),
			target === 'person' &&
				isPhone(last.text) &&
				h(
					'div',
					{class: 'row'},
					h(
						'button',
						{
							type: 'button',
							onclick: async (event) =>
								(await fetched(import('../consents.js'))).stopNumber(event.target, digits(last.text)),
						},
						t('consent.stop_number'),
					),
				),
		],
		person.also && others(person.also),
	);
}

// A family's number, or one that was somebody else's before, is held by several: who stands at the counter is asked,
// not guessed.  Masked names are often the same: what one may see of each beside the name tells them apart.
export const others = (also) =>
	h(
		'p',
		{},
		t('find.also'),
		also.map((person) => [
			' ',
			h(
				'span',
				{class: 'tag'},
				person.in_scope
					? h('a', {href: `#/${target}/${person.customer_id}`}, person.name || t('unnamed'))
					: person.name || t('unnamed'),
				h('span', {class: 'faint'}, marks(person)),
			),
		]),
	);
export const marks = (person) =>
	[
		person.sex && code('sex', person.sex),
		person.tier && code('tier', person.tier),
		person.store_name,
		person.last_day
			? t('find.last', {day: day(person.last_day)}).trim()
			: person.last_category_name
				? t('find.last_category', {category: person.last_category_name})
				: person.registered_on && t('find.since', {day: day(person.registered_on)}),
	]
		.filter(Boolean)
		.map((mark) => ` · ${mark}`)
		.join('');

// Coupons as the counter needs them: of each kind one line, which leads on to redeem the one that ends first, who may.
export function couponLines(coupons, mayRedeem) {
	const kinds = new Map();
	for (const coupon of coupons) kinds.set(coupon.coupon_type, [...(kinds.get(coupon.coupon_type) || []), coupon]);
	return h(
		'ul',
		{class: 'plain'},
		[...kinds.values()].map(([coupon, ...more]) =>
			h(
				'li',
				{},
				mayRedeem
					? h(
							'a',
							{href: `#/redeem/${encodeURIComponent(coupon.code)}`},
							named({...coupon, name_zh: coupon.name}),
						)
					: named({...coupon, name_zh: coupon.name}),
				more.length > 0 && ` ×${number(more.length + 1)}`,
				' ',
				h(
					'span',
					{class: 'faint'},
					coupon.minimum_amount > 0 && `${t('person.from', {money: money(coupon.minimum_amount)})} · `,
					t(more.length > 0 ? 'person.until_first' : 'person.until', {day: day(coupon.valid_until)}),
				),
			),
		),
	);
}
