// One customer: what to say next at the top, then value, coupons, notes and the timeline.
import {
	anew,
	append,
	code,
	day,
	field,
	form,
	get,
	h,
	moment,
	money,
	named,
	number,
	post,
	show,
	suggested,
	t,
	toast,
} from '../base.js';
import {consentCard} from '../consents.js';
import {followUp, note} from '../note.js';
import {ownerCard} from '../owner.js';
import {tagsOf} from '../tags_given.js';
import {couponLines} from './find.js';

// Who works with customers; to others is shown what they may see, and nothing is offered that would be refused.
const workers = ['crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service', 'crm_headquarters'];
const mayDial = (me) => workers.includes(me.role) || me.role === 'crm_steward';

export async function draw([id], me) {
	const works = workers.includes(me.role);
	const [person, owner] = await Promise.all([
		get(`persons/${id}/overview`),
		works ? get(`persons/${id}/owner`) : null,
	]);
	let line = timeline(person, me),
		turn = 0;
	// what was just said stands on it, too
	const told = async () => {
		const mine = ++turn,
			next = timeline(
				{...person, timeline: (await get(`persons/${person.customer_id}/timeline?limit=20`)).items},
				me,
			);
		if (mine !== turn) return;
		line.replaceWith(next);
		line = next;
	};
	show(
		h(
			'h1',
			{},
			person.name || t('unnamed'),
			' ',
			person.value && h('span', {class: 'tag tier'}, code('tier', person.value.tier)),
		),
		dial(person, me),
		h(
			'div',
			{class: 'cards'},
			about(person, me, works),
			coupons(person, works),
			works && [
				note(
					person,
					me,
					anew(() => draw([person.customer_id], me)),
				),
				followUp(person, me),
				tickets(person),
				ownerCard(owner, me),
			],
			consentCard(person, me, works, told),
		),
		line,
		['crm_store_manager', 'crm_manager', 'crm_headquarters'].includes(me.role) &&
			h('p', {}, h('a', {href: `#/history/${person.customer_id}`}, t('page.history'))),
	);
}

// Masked until somebody says why; then it is one key to dial, and the trail knows.
function dial(person, me) {
	const place = h('div', {class: 'card'});
	const ask = form(
		[
			h('p', {}, t('person.phone'), ': ', person.phone || '–'),
			field('reason', t('person.why'), {value: t('person.why_default')}),
		],
		t('person.dial'),
		async (data) => {
			const clear = await post(`persons/${person.customer_id}/unmask`, {
				fields: ['phone'],
				reason: data.get('reason'),
			});
			if (!place.isConnected) return; // who went on to another customer calls nobody
			const {phone} = clear.fields;
			const link = h('a', {class: 'dial', href: `tel:${phone}`}, `☎ ${spaced(phone)}`);
			place.replaceChildren(link);
			const channel = document.getElementById('channel');
			if (channel?.value === 'store') channel.value = 'call'; // what is written next is of this call
			if (matchMedia('(pointer: coarse)').matches) link.click(); // on a phone the one key dials
		},
	);
	return append(place, [
		person.phone && !mayDial(me)
			? h('p', {}, t('person.phone'), ': ', person.phone)
			: person.phone
				? ask
				: h('p', {class: 'faint'}, t('person.no_phone')),
	]);
}

// A Chinese mobile number as it is read out.
const spaced = (phone) => phone.replace(/^(?:\+?86)?(1\d{2})(\d{4})(\d{4})$/, '$1 $2 $3');

// What of a tier's conditions is still to be bought: orders by how many, money by how much.
function missing({metric, op, days, value, found}) {
	const gap = Number(value) - Number(found);
	const more = metric === 'net' ? money(gap) : number(op === '>' ? Math.floor(gap) + 1 : Math.ceil(gap));
	return t(`person.missing_${metric}${days ? '_days' : ''}`, {more, days});
}

function about(person, me, works) {
	const value = person.value || {};
	const next = suggested(person.suggestion);
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('person.about')),
		next && h('p', {}, h('strong', {class: 'good'}, next.what), ' ', h('span', {class: 'faint'}, next.why)),
		h(
			'dl',
			{},
			h('dt', {}, t('person.last')),
			h('dd', {}, day(value.last_day), value.last_item && ` · ${value.last_item}`),
			h('dt', {}, t('person.orders')),
			h('dd', {}, number(value.order_days)),
			h('dt', {}, t('person.net')),
			h('dd', {}, money(value.net)),
			value.average !== null && [h('dt', {}, t('person.average')), h('dd', {}, money(value.average))],
			value.favourite && [h('dt', {}, t('person.favourite')), h('dd', {}, value.favourite.name)],
			person.channel && [h('dt', {}, t('person.origin')), h('dd', {}, code('channel', person.channel))],
			h('dt', {}, t('person.since')),
			h('dd', {}, day(person.registered_on)),
			h('dt', {}, t('person.points')),
			h(
				'dd',
				{},
				number(person.points || 0),
				works &&
					person.points !== 0 && [
						' ',
						h('a', {class: 'tag', href: `#/points/${person.customer_id}`}, t('points.use')),
					],
			),
			person.level && [h('dt', {}, t('person.level')), h('dd', {}, named(person.level))],
			h('dt', {}, t('person.store')),
			h('dd', {}, person.home_store_name || '–'),
			person.city && [h('dt', {}, t('person.city')), h('dd', {}, person.city)],
			person.fields.map((one) => [
				h('dt', {}, named(one)),
				h(
					'dd',
					{},
					[one.value]
						.flat()
						.map((value) => (value === true ? '✓' : value))
						.join(t('comma')),
				),
			]),
		),
		person.next_tier &&
			h(
				'p',
				{},
				t('person.next_tier', {tier: named(person.next_tier)}),
				' ',
				person.next_tier.missing.map(missing).join(t('person.and')),
			),
		tagsOf(person, me),
		person.tasks.length > 0 &&
			h(
				'ul',
				{class: 'plain'},
				person.tasks.map((task) =>
					h(
						'li',
						{},
						works ? h('a', {href: '#/tasks'}, task.title) : task.title,
						' ',
						h('span', {class: 'faint'}, day(task.due_at)),
					),
				),
			),
	);
}

function coupons(person, works) {
	const usable = person.coupons.filter((coupon) => coupon.state === 'issued');
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('person.coupons')),
		usable.length === 0 ? h('p', {class: 'faint'}, t('none')) : couponLines(usable, works),
	);
}

// What the customer complains of or asks, and is still open.
function tickets(person) {
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('person.tickets')),
		person.tickets.length > 0 &&
			h(
				'ul',
				{class: 'plain'},
				person.tickets.map((ticket) =>
					h(
						'li',
						{},
						h('a', {href: `#/tickets/one/${person.customer_id}/${ticket.ticket_id}`}, ticket.title),
						' ',
						h('span', {class: ticket.is_late ? 'warn' : 'faint'}, moment(ticket.opened_at)),
					),
				),
			),
		h('a', {class: 'tag', href: `#/tickets/new/${person.customer_id}`}, t('person.ticket_new')),
		' ',
		h('a', {class: 'tag', href: `#/deals/new/${person.customer_id}`}, t('person.deal_new')),
	);
}

// Who looks after campaigns is led on to why one came, or did not (`whose`).
function timeline(person, me) {
	const whose = ['crm_marketer', 'crm_headquarters', 'crm_manager'].includes(me.role) ? person.customer_id : null;
	const all = [],
		place = h('ul', {class: 'plain'});
	const add = (items) => {
		all.push(...items);
		append(
			place,
			items.map((item) => entry(item, all, whose)),
		);
	};
	add(person.timeline);
	let cursor = '';
	const more = h(
		'button',
		{
			type: 'button',
			onclick: async () => {
				const page = await get(
					`persons/${person.customer_id}/timeline?cursor=${encodeURIComponent(cursor)}&limit=50`,
				);
				add(page.items.slice(cursor ? 0 : person.timeline.length));
				cursor = page.next || '';
				more.hidden = !page.next;
			},
		},
		t('more'),
	);
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('person.timeline')),
		person.timeline.length === 0 ? h('p', {class: 'faint'}, t('none')) : place,
		person.timeline.length >= 20 && more,
	);
}

const said = {
	order: (item) => `${money(Number(item.amount))} · ${code('order', item.status)}`,
	refund: (item) => money(-Number(item.amount)),
	interaction: (item) =>
		[code('channel', item.channel), code('contact', item.outcome), item.text].filter(Boolean).join(' · '),
	event: (item) => named(item, item.type),
	ticket: (item) => item.title,
	coupon: (item) => `${named(item, item.coupon_type)} · ${code('coupon_state', item.state)}`,
	consent: (item) =>
		[
			item.channels.map((one) => code('channel', one)).join(t('comma')),
			t(`consent.${item.state}`),
			item.noted_by && t('consent.said', {who: item.noted_by}),
			item.way === 'stop' && t('consent.by_stop'),
		]
			.filter(Boolean)
			.join(' · '),
	tier: (item) => [code('tier', item.from), code('tier', item.to)].filter(Boolean).join(' → '),
	flow: (item) => `${named(item)} · ${code('outcome', item.outcome)}`,
};
const words = (item) => (said[item.kind] ? said[item.kind](item) : '');

// What brought it about, if that is on the page: one tap leads there.
function entry(item, all, whose) {
	const because = () => all.find((other) => other.ref === item.cause);
	const link =
		item.cause &&
		h(
			'button',
			{
				type: 'button',
				class: 'quiet',
				onclick: () => {
					const line = because() && document.getElementById(because().ref);
					if (!line) return toast(t('person.cause_older'));
					line.scrollIntoView({block: 'center'});
					line.focus();
				},
			},
			t('person.because', {
				what: code(
					'kind',
					item.cause.startsWith('fact:') ? because()?.kind || 'earlier' : item.cause.split(':')[0],
				),
			}),
		);
	return h(
		'li',
		{id: item.ref || null, tabindex: item.ref ? '-1' : null},
		h('span', {class: 'faint'}, moment(item.at), ' '),
		h('strong', {}, code('kind', item.kind)),
		' ',
		words(item),
		link && [' ', link],
		item.kind === 'flow' &&
			whose && [
				' ',
				h('a', {href: `#/flows/${encodeURIComponent(item.flow)}/why/${whose}`}, t('person.why_flow')),
			],
	);
}
