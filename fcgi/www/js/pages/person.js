// One customer: what to say next at the top, then value, coupons, notes and the timeline.
import {anew, append, field, form, h, show, toast} from '../dom.js';
import {get, post, send} from '../api.js';
import {ownerCard} from '../owner.js';
import {keptForm} from '../typed.js';
import {write} from '../waiting.js';
import {code, day, fault, language, moment, money, named, number, t} from '../i18n.js';

const owners = ['crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service', 'crm_headquarters'];

export async function draw([id], me) {
	const [person, owner] = await Promise.all([get(`persons/${id}/overview`), owners.includes(me.role) ? get(`persons/${id}/owner`) : null]);
	show(h('h1', {}, person.name || t('unnamed'), ' ', person.value && h('span', {class: 'tag tier'}, code('tier', person.value.tier))),
		dial(person), h('div', {class: 'cards'}, about(person), coupons(person), note(person, me), followUp(person, me), owner && ownerCard(owner, me)), timeline(person),
		['crm_store_manager', 'crm_manager', 'crm_headquarters'].includes(me.role) && h('p', {}, h('a', {href: `#/history/${person.customer_id}`}, t('page.history'))));
}

// Masked until somebody says why; then it is one key to dial, and the trail knows.
function dial(person) {
	const place = h('div', {class: 'card'});
	const ask = form([h('p', {}, t('person.phone'), ': ', person.phone || '–'), field('reason', t('person.why'), {value: t('person.why_default')})], t('person.dial'), async (data) => {
		const clear = await post(`persons/${person.customer_id}/unmask`, {fields: ['phone'], reason: data.get('reason')});
		const {phone} = clear.fields;
		const link = h('a', {class: 'dial', href: `tel:${phone}`}, `☎ ${phone}`);
		place.replaceChildren(link);
		if (matchMedia('(pointer: coarse)').matches) link.click();     // on a phone the one key dials
	});
	return person.phone ? append(place, [ask]) : null;
}

// What of a tier's conditions is still to be bought: orders by how many, money by how much.
function missing({metric, op, days, value, found}) {
	const gap = Number(value) - Number(found);
	const more = metric === 'net' ? money(gap) : number(op === '>' ? Math.floor(gap) + 1 : Math.ceil(gap));
	return t(`person.missing_${metric}${days ? '_days' : ''}`, {more, days});
}

function about(person) {
	const value = person.value || {};
	const suggestion = person.suggestion || {};
	const reason = language === 'en' ? suggestion.reason_en : suggestion.reason_zh;
	return h('section', {class: 'card'}, h('h2', {}, t('person.about')),
		reason && h('p', {class: 'good'}, reason),
		h('dl', {}, h('dt', {}, t('person.last')), h('dd', {}, day(value.last_day), value.last_item && ` · ${value.last_item}`), h('dt', {}, t('person.orders')), h('dd', {}, number(value.order_days)),
			h('dt', {}, t('person.net')), h('dd', {}, money(value.net)), h('dt', {}, t('person.since')), h('dd', {}, day(person.registered_on)),
			h('dt', {}, t('person.points')), h('dd', {}, number(person.points || 0)), person.level && [h('dt', {}, t('person.level')), h('dd', {}, named(person.level))],
			h('dt', {}, t('person.store')), h('dd', {}, person.home_store_name || '–'), h('dt', {}, t('person.city')), h('dd', {}, person.city || '–'), person.fields.map((one) => [h('dt', {}, named(one)), h('dd', {}, [one.value].flat().map((value) => value === true ? '✓' : value).join(t('comma')))])),
		person.next_tier && h('p', {}, t('person.next_tier', {tier: named(person.next_tier)}), ' ', person.next_tier.missing.map(missing).join(t('person.and'))),
		person.tags.length > 0 && h('p', {}, person.tags.map((tag) => [h('span', {class: 'tag'}, named(tag)), ' '])),
		person.tasks.length > 0 && h('ul', {class: 'plain'}, person.tasks.map((task) => h('li', {}, h('a', {href: '#/tasks'}, task.title), ' ', h('span', {class: 'faint'}, day(task.due_at))))));
}

function coupons(person) {
	const usable = person.coupons.filter((coupon) => coupon.state === 'issued');
	return h('section', {class: 'card'}, h('h2', {}, t('person.coupons')),
		usable.length === 0 ? h('p', {class: 'faint'}, t('none')) : h('ul', {class: 'plain'}, usable.map((coupon) => h('li', {},
			h('a', {href: `#/redeem/${encodeURIComponent(coupon.code)}`}, named({...coupon, name_zh: coupon.name})), ' ',
			h('span', {class: 'faint'}, t('person.until', {day: day(coupon.valid_until)}))))));
}

function note(person, me) {
	const colleagues = mentions(person), again = anew(() => draw([person.customer_id], me));
	const choice = (name, label, options) => [h('label', {for: name}, label), h('select', {id: name, name}, options.map(([value, text]) => h('option', {value}, text)))];
	return h('section', {class: 'card'}, h('h2', {}, t('person.note')), keptForm(`${me.actor}:note:${person.customer_id}`, [
		h('div', {class: 'fields pairs'}, h('div', {}, choice('channel', t('person.channel'), ['store', 'call', 'wechat', 'sms'].map((one) => [one, code('channel', one)]))),
			h('div', {}, choice('outcome', t('person.outcome'), [['', '–'], ...['reached', 'unreached', 'bought'].map((one) => [one, code('contact', one)])]))),
		field('body', t('person.said'), {tag: 'textarea', required: true}), colleagues.choice, field('next_on', t('person.next'), {type: 'date'})], t('save'), async (data, element, done) => {
		const kept = await write(`persons/${person.customer_id}/notes`, {channel: data.get('channel'), body: data.get('body'), outcome: data.get('outcome') || null, next_on: data.get('next_on') || null, mentions: await colleagues.named(data.get('body'))}, `${t('person.note')} ${person.name || ''}`);
		done();
		toast(t(kept ? 'saved' : 'waiting.kept'));
		if (kept) await again();
		else element.reset();
	}));
}

// A colleague who is chosen is named in the note as @name, and finds it in the own list; who is taken out of the text is not told.
function mentions(person) {
	let asked = null;
	const choice = h('select', {id: 'mention', 'aria-label': t('person.mention'), onfocus: () => ask().catch((problem) => toast(fault(problem))), onchange: async () => {
		const area = document.getElementById('body');
		const one = (await ask()).find((other) => other.staff === choice.value);
		choice.value = '';
		if (!one) return;
		area.setRangeText(`@${one.name} `, area.selectionStart, area.selectionEnd, 'end');
		area.dispatchEvent(new Event('input', {bubbles: true}));
		area.focus();
	}}, h('option', {value: ''}, t('person.mention')));
	// asked once, when somebody is to be named; a note is sent although its page was left meanwhile
	const ask = () => asked ||= send('GET', `persons/${person.customer_id}/colleagues`).then(({items}) => {
		append(choice, items.map((one) => h('option', {value: one.staff}, `${one.name} · ${code('role', one.role.slice(4))}`)));
		return items;
	}).catch((problem) => { asked = null; throw problem; });
	const known = () => ask().catch((problem) => { if (problem.status !== 0) throw problem; return []; });     // without a network the note waits all the same
	return {choice, named: async (text) => text.includes('@') ? namedIn(text, await known()) : []};
}

// Longer names first: 王芳芳 is not 王芳.  Who has the same name is told, too.
function namedIn(text, known) {
	let left = text;
	const told = [];
	for (const name of [...new Set(known.map((one) => one.name))].sort((a, b) => b.length - a.length)) {
		if (!left.includes(`@${name}`)) continue;
		left = left.replaceAll(`@${name}`, '\n');
		told.push(...known.filter((one) => one.name === name).map((one) => one.staff));
	}
	return told.slice(0, 10);
}

function followUp(person, me) {
	return h('section', {class: 'card'}, h('h2', {}, t('person.task')), keptForm(`${me.actor}:task:${person.customer_id}`, [field('title', t('person.task_what'), {required: true, maxlength: 200}),
		field('due_on', t('person.task_when'), {type: 'date', required: true})], t('save'), async (data, element) => {
		await post(`persons/${person.customer_id}/tasks`, {title: data.get('title'), due_on: data.get('due_on')});
		element.reset();
		toast(t('saved'));
	}));
}

function timeline(person) {
	const all = [], place = h('ul', {class: 'plain'});
	const add = (items) => {
		all.push(...items);
		append(place, items.map((item) => entry(item, all)));
	};
	add(person.timeline);
	let cursor = '';
	const more = h('button', {type: 'button', onclick: async () => {
		const page = await get(`persons/${person.customer_id}/timeline?cursor=${encodeURIComponent(cursor)}&limit=50`);
		add(page.items.slice(cursor ? 0 : person.timeline.length));
		cursor = page.next || '';
		more.hidden = !page.next;
	}}, t('more'));
	return h('section', {class: 'card'}, h('h2', {}, t('person.timeline')), person.timeline.length === 0 ? h('p', {class: 'faint'}, t('none')) : place,
		person.timeline.length >= 20 && more);
}

const said = {order: (item) => `${money(Number(item.amount))} · ${code('order', item.status)}`, refund: (item) => money(-Number(item.amount)),
	interaction: (item) => [code('channel', item.channel), code('contact', item.outcome), item.text].filter(Boolean).join(' · '), event: (item) => code('event', item.type), coupon: (item) => `${item.coupon_type} · ${code('coupon_state', item.state)}`,
	tier: (item) => `${code('tier', item.from)} → ${code('tier', item.to)}`, flow: (item) => `${named(item)} · ${code('outcome', item.outcome)}`};
const words = (item) => said[item.kind] ? said[item.kind](item) : '';

// What brought it about, if that is on the page: one tap leads there.
function entry(item, all) {
	const because = () => all.find((other) => other.ref === item.cause);
	const link = item.cause && h('button', {type: 'button', class: 'quiet', onclick: () => {
		const line = because() && document.getElementById(because().ref);
		if (!line) return toast(t('person.cause_older'));
		line.scrollIntoView({block: 'center'});
		line.focus();
	}}, t('person.because', {what: code('kind', item.cause.startsWith('fact:') ? because()?.kind || 'earlier' : item.cause.split(':')[0])}));
	return h('li', {id: item.ref || null, tabindex: item.ref ? '-1' : null}, h('span', {class: 'faint'}, moment(item.at), ' '), h('strong', {}, code('kind', item.kind)), ' ', words(item), link && [' ', link]);
}
