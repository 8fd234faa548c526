// What a clerk writes down about a customer: a note with what came of it and the next day, a task for a day.
import {code, field, h, post, t, toast} from './base.js';
import {colleagues, mentions} from './mentions.js';
import {keptForm} from './typed.js';
import {write} from './waiting.js';

// Something was put into a field for somebody: it is kept as what is typed is.
export function give(input, value) {
	input.value = value;
	input.dispatchEvent(new Event('input', {bubbles: true}));
}

// A day in one tap, counted from today in the shop's zone.
const soon = {tomorrow: 1, three_days: 3, week: 7, month: 30};
const inDays = (days) =>
	new Intl.DateTimeFormat('sv-SE', {timeZone: 'Asia/Shanghai'}).format(Date.now() + days * 86400000);
const dayField = (name, label, required) => [
	field(name, label, {type: 'date', required, min: inDays(0)}),
	h(
		'div',
		{class: 'row chips', role: 'group', 'aria-label': label},
		Object.keys(soon).map((when) =>
			h(
				'button',
				{type: 'button', onclick: (event) => give(event.target.form.elements[name], inDays(soon[when]))},
				t(`soon.${when}`),
			),
		),
	),
];

// What is written most, begun by a tap.
const begun = () =>
	h(
		'div',
		{class: 'row chips', role: 'group', 'aria-label': t('person.said')},
		['likes', 'allergic', 'baby', 'wants'].map((what) =>
			h(
				'button',
				{
					type: 'button',
					onclick: (event) => {
						const area = event.target.form.elements.body,
							text = area.value.trimEnd();
						give(area, `${text}${text && '\n'}${t(`note.${what}`)}`);
						area.focus();
					},
				},
				t(`note.${what}`).replace(/[：:]\s*$/, ''),
			),
		),
	);

export function note(person, me, again) {
	const who = mentions(person.customer_id);
	const choice = (name, label, options) => [
		h('label', {for: name}, label),
		h(
			'select',
			{id: name, name},
			options.map(([value, text]) => h('option', {value}, text)),
		),
	];
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('person.note')),
		keptForm(
			`${me.actor}:note:${person.customer_id}`,
			[
				h(
					'div',
					{class: 'fields pairs'},
					h(
						'div',
						{},
						choice(
							'channel',
							t('person.channel'),
							['store', 'call', 'wechat', 'sms'].map((one) => [one, code('channel', one)]),
						),
					),
					h(
						'div',
						{},
						choice('outcome', t('person.outcome'), [
							['', '–'],
							...['reached', 'unreached', 'bought', 'complaint'].map((one) => [
								one,
								code('contact', one),
							]),
						]),
					),
				),
				field('body', t('person.said'), {tag: 'textarea', required: true}),
				begun(),
				who.choice,
				dayField('next_on', t('person.next')),
			],
			t('save'),
			async (data, element, done) => {
				const named = await who.named(data.get('body'));
				const kept = await write(
					`persons/${person.customer_id}/notes`,
					{
						channel: data.get('channel'),
						body: data.get('body'),
						outcome: data.get('outcome') || null,
						next_on: data.get('next_on') || null,
						mentions: named || [],
					},
					`${t('person.note')} ${person.name || ''}`,
					named === null && colleagues(person.customer_id),
				);
				done();
				toast(t(kept ? 'saved' : 'waiting.kept'));
				if (kept) await again();
				else done.empty();
			},
		),
	);
}

export function followUp(person, me) {
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('person.task')),
		keptForm(
			`${me.actor}:task:${person.customer_id}`,
			[
				field('title', t('person.task_what'), {required: true, maxlength: 200}),
				dayField('due_on', t('person.task_when'), true),
			],
			t('save'),
			async (data, element, done) => {
				await post(`persons/${person.customer_id}/tasks`, {
					title: data.get('title'),
					due_on: data.get('due_on'),
				});
				done.empty();
				toast(t('saved'));
			},
		),
	);
}
