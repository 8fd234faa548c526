// Who looks after a customer: shown, taken, given up, given to somebody else; each can be taken back at once.
import {append, day, fault, h, list, put, t, toast} from './base.js';

const managers = ['crm_store_manager', 'crm_manager', 'crm_headquarters'];

export function ownerCard(answer, me) {
	const place = h('section', {class: 'card', id: 'owner'});
	draw(place, answer, me);
	return place;
}

async function give(place, answer, me, staff) {
	const before = answer.owner?.staff ?? null;
	try {
		const next = await put(`persons/${answer.customer_id}/owner`, {staff});
		draw(place, next, me);
		toast(t('saved'), answer.owner?.has_left ? null : {label: t('undo'), run: () => give(place, next, me, before)});
	} catch (problem) {
		toast(fault(problem));
	}
}

function draw(place, answer, me) {
	const {owner, others} = answer;
	const act = (label, staff) =>
		h('button', {type: 'button', onclick: () => give(place, answer, me, staff)}, t(label));
	place.replaceChildren();
	append(place, [
		h('h2', {}, t('owner.who')),
		owner
			? h(
					'p',
					{},
					h('strong', {}, owner.name),
					' ',
					owner.has_left && h('span', {class: 'tag warn'}, t('owner.left')),
					' ',
					h('span', {class: 'faint'}, t('owner.since', {day: day(owner.since)})),
				)
			: h('p', {class: 'faint'}, t('owner.nobody')),
		others.length > 0 &&
			h('p', {class: 'warn'}, t('owner.others', {names: others.map((one) => one.name).join(t('comma'))})),
		h(
			'div',
			{class: 'row'},
			owner?.is_me
				? act('owner.give_up', null)
				: (!owner || owner.has_left) && me.name && act('owner.me', me.actor),
			managers.includes(me.role) && heirs(place, answer, me),
		),
	]);
}

// The names are asked for only when somebody wants to give.  Who goes through them by the arrow keys has not chosen
// yet: that is the button's.
function heirs(place, answer, me) {
	let isAsked = false;
	const choice = h('select', {id: 'heir', 'aria-label': t('owner.whom')}, h('option', {value: ''}, t('owner.whom')));
	choice.addEventListener('focus', async () => {
		if (isAsked) return;
		isAsked = true;
		try {
			append(
				choice,
				(await list('task-staff')).rows
					.filter((one) => !one.has_left && one.staff !== answer.owner?.staff)
					.map((one) => h('option', {value: one.staff}, `${one.name} · ${one.stores || ''}`)),
			);
		} catch (problem) {
			isAsked = false;
			toast(fault(problem));
		}
	});
	return [
		choice,
		h(
			'button',
			{
				type: 'button',
				onclick: () => (choice.value === '' ? choice.focus() : give(place, answer, me, choice.value)),
			},
			t('owner.give'),
		),
	];
}
