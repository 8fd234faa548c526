// The tags of a customer: those of a rule or a model are shown, those given by hand are given and taken back here,
// each with its undo.
import {append, del, h, list, named, put, t, toast} from './base.js';

const title = (tag) => named(tag, tag.tag);

export function tagsOf(person, me) {
	const place = h('div', {id: 'tags'});
	draw(place, person, person.tags, me.role !== 'crm_analyst');
	return place;
}

function draw(place, person, tags, mayGive) {
	const offered = h('div', {
			class: 'row',
			onkeydown: ({key}) => {
				if (key !== 'Escape') return;
				offered.replaceChildren();
				adding.hidden = false;
				adding.focus();
			},
		}),
		adding = h('button', {type: 'button', onclick: () => offer()}, t('tags.add'));
	const path = (tag) => `persons/${person.customer_id}/tags/${encodeURIComponent(tag.tag)}`;
	const set = async (tag, isGiven) => {
		await (isGiven ? put(path(tag), tag.until ? {expires_at: tag.until} : {}) : del(path(tag)));
		draw(place, person, (await list(`persons/${person.customer_id}/tags`)).rows, mayGive);
	};
	const change = async (tag, isGiven) => {
		await set(tag, isGiven);
		place.querySelector('button').focus(); // what was pressed is gone
		toast(t(isGiven ? 'tags.given' : 'tags.taken', {name: title(tag)}), {
			label: t('undo'),
			run: () => set(tag, !isGiven),
		});
	};
	const offer = async () => {
		const {rows} = await list('tags');
		const left = rows.filter((tag) => tag.kind === 'manual' && !tags.some((one) => one.tag === tag.tag));
		adding.hidden = true;
		offered.replaceChildren();
		append(
			offered,
			left.length === 0
				? [h('p', {class: 'faint', role: 'status'}, t('tags.none'))]
				: left.map((tag) => h('button', {type: 'button', onclick: () => change(tag, true)}, title(tag))),
		);
		offered.querySelector('button')?.focus();
	};
	place.replaceChildren();
	append(place, [
		tags.length > 0 &&
			h(
				'p',
				{},
				tags.map((tag) => [
					h('span', {class: 'tag'}, title(tag)),
					mayGive &&
						tag.kind === 'manual' &&
						h(
							'button',
							{
								type: 'button',
								class: 'quiet',
								'aria-label': t('tags.take', {name: title(tag)}),
								onclick: () => change(tag, false),
							},
							'✕',
						),
					' ',
				]),
			),
		mayGive && adding,
		offered,
	]);
}
