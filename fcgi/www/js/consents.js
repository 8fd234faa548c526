// What a customer agreed to be sent, channel by channel, since when and where from: no more by one tap with its undo,
// nothing at all by two, yes with what the customer was shown.  Without a network it waits like a note.
import {append, del, h, moment, named, post, t, toast} from './base.js';
import {give} from './note.js';
import {twice} from './twice.js';
import {keptForm, wasTyped} from './typed.js';
import {write} from './waiting.js';

const counter = ['sms', 'wechat', 'email'];
const name = (word) => named(word, word.channel);
const tone = {yes: 'good', no: 'warn', unknown: 'faint'};

export function consentCard(person, me, works, changed) {
	const place = h('section', {class: 'card', id: 'consents'});
	const card = {place, person, me, works, changed, path: `persons/${person.customer_id}/consents`};
	draw(card, person.consent_words);
	return place;
}

// How a word came: from staff, from an answer to a message, with a record.  What a machine wrote as evidence is said
// in words.
function origin(word) {
	const byCode = word.evidence?.startsWith('store code of ');
	const way = {
		said: () => t('consent.said', {who: word.noted_by}),
		stop: () => t('consent.by_stop'),
		record: () =>
			t(byCode ? 'consent.by_code' : word.source === 'console' ? 'consent.at_enrolment' : 'consent.by_record', {
				source: word.source_name,
			}),
	};
	return [
		moment(word.since),
		way[word.way](),
		word.store_name,
		!byCode && word.evidence !== 'member record' && word.evidence,
	]
		.filter(Boolean)
		.join(' · ');
}

async function say(card, body, done) {
	const answer = await write(card.path, body, `${t('consent.title')} ${card.person.name || ''}`);
	if (!answer) return toast(t('waiting.kept'));
	const told = (words) => {
		draw(card, words);
		card.changed();
	};
	told(answer.consents);
	card.place.querySelector('button')?.focus(); // what was pressed is gone
	toast(done, {label: t('undo'), run: async () => told((await del(`${card.path}/${answer.word_id}`)).consents)});
}

const stop = (card, word) =>
	h(
		'button',
		{
			type: 'button',
			'aria-label': `${name(word)} ${t('consent.stop')}`,
			onclick: () =>
				say(
					card,
					{state: 'no', channels: [word.channel], evidence: t('consent.at_counter')},
					t('consent.stopped', {what: name(word)}),
				),
		},
		t('consent.stop'),
	);

const key = (card, word) => `${card.me.actor}:consent:${card.person.customer_id}:${word.channel}`;

// What the customer was shown is written down before anything is: some of it by a tap.
const agreement = (card, word) =>
	keptForm(
		key(card, word),
		[
			h('label', {for: 'evidence'}, t('consent.shown', {what: name(word)})),
			h('input', {id: 'evidence', name: 'evidence', autocomplete: 'off', required: true, maxlength: 500}),
			h(
				'div',
				{class: 'row chips', role: 'group', 'aria-label': t('consent.shown', {what: name(word)})},
				['notice', 'form', 'asked'].map((how) =>
					h(
						'button',
						{
							type: 'button',
							onclick: (event) => give(event.target.form.elements.evidence, t(`consent.shown_${how}`)),
						},
						t(`consent.shown_${how}`),
					),
				),
			),
		],
		t('consent.note_yes'),
		async (data, element, done) => {
			const evidence = data.get('evidence');
			await say(
				card,
				{state: 'yes', channels: [word.channel], evidence},
				t('consent.agreed', {what: name(word)}),
			);
			done();
		},
	);

function draw(card, words) {
	const {place, works} = card;
	const asked = h('div', {});
	const ask = (word, isTapped) => {
		asked.replaceChildren(agreement(card, word));
		if (isTapped) asked.querySelector('#evidence').focus();
	};
	const shown = words.filter((word) => word.state !== 'unknown' || counter.includes(word.channel));
	place.replaceChildren();
	append(place, [
		h('h2', {}, t('consent.title')),
		h(
			'ul',
			{class: 'plain'},
			shown.map((word) =>
				h(
					'li',
					{},
					h('strong', {}, name(word)),
					' ',
					h('span', {class: tone[word.state]}, t(`consent.${word.state}`)),
					' ',
					works && [
						word.state !== 'no' && stop(card, word),
						' ',
						word.state !== 'yes' &&
							h(
								'button',
								{
									type: 'button',
									'aria-label': `${name(word)} ${t('consent.agree')}`,
									onclick: () => ask(word, true),
								},
								t('consent.agree'),
							),
					],
					word.since && [h('br'), h('span', {class: 'faint'}, origin(word))],
				),
			),
		),
		asked,
		works &&
			words.some((word) => word.state !== 'no' && word.channel !== 'location') &&
			h(
				'div',
				{class: 'row'},
				twice('consent.nothing', 'consent.sure', () =>
					say(card, {state: 'no', evidence: t('consent.at_counter')}, t('consent.stopped_all')),
				),
			),
	]);
	// what was begun and not saved stands there again
	const begun = works && shown.find((word) => word.state !== 'yes' && wasTyped(key(card, word)));
	if (begun) ask(begun, false);
}

// Somebody else's member, whose page is not opened here, says no more all the same: of the number that was typed.
// There is no way back here, so the tap that led here was the first of two.
export function stopNumber(button, address) {
	const place = twice(
		'consent.stop_number',
		'consent.sure_number',
		async () => {
			for (const channel of ['sms', 'voice'])
				await post('opt-outs', {channel, address, evidence: t('consent.at_counter')});
			toast(t('consent.number_stopped'));
		},
		true,
	);
	button.replaceWith(place);
	place.lastChild.focus();
}
