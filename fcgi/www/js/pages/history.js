// How a person came to be: the records and what ties them, every merge with what undoing it would do, who is kept
// apart.
import {anew, code, day, fault, get, h, moment, money, number, post, show, t, toast, withWords} from '../base.js';
import {sourceNames} from '../sources.js';
import {table} from '../table.js';

export async function draw([id], me) {
	await withWords('steward');
	const mayUndo = ['crm_steward', 'crm_headquarters'].includes(me.role);
	const [person, naming] = await Promise.all([
		get(`persons/${id}/explain`),
		mayUndo ? sourceNames() : (code) => code,
	]);
	const again = anew(() => draw([id], me));
	const undone = new Set(
		person.journal.filter((entry) => entry.kind === 'unmerge').flatMap((entry) => entry.records),
	);
	show(
		h(
			'h1',
			{},
			t('page.history'),
			' ',
			person.ids.map((one) => h('span', {class: 'tag'}, one)),
		),
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t('history.records')),
			table(
				t('history.records'),
				[
					t('sources.source'),
					t('history.kind'),
					t('person.since'),
					t('history.identifiers'),
					t('history.member_since'),
				],
				person.records
					.filter((record) => record.is_current)
					.map((record) => [
						naming(record.source),
						code('record', record.kind),
						day(record.registered_at),
						record.identifiers.map((one) =>
							h('span', {class: 'tag'}, `${code('identifier', one.kind)} ${one.masked}`),
						),
						moment(record.since),
					]),
			),
		),
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t('history.ties')),
			person.ties.length + person.by_hand.length === 0
				? h('p', {class: 'faint'}, t('history.alone'))
				: h(
						'ul',
						{class: 'plain'},
						person.ties.map((tie) =>
							h(
								'li',
								{},
								h('strong', {}, code('identifier', tie.kind)),
								` ${tie.masked || ''} `,
								h(
									'span',
									{class: 'faint'},
									tie.records && t('reviews.records', {n: tie.records.length}),
								),
							),
						),
						person.by_hand.map((link) =>
							h(
								'li',
								{},
								h('strong', {}, t('history.by_hand')),
								` ${link.actor || ''} ${link.reason || ''} `,
								h('span', {class: 'faint'}, moment(link.at)),
							),
						),
					),
		),
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t('history.journal')),
			person.journal.length === 0
				? h('p', {class: 'faint'}, t('none'))
				: h(
						'ol',
						{class: 'plain'},
						[...person.journal]
							.reverse()
							.map((entry) =>
								event(
									entry,
									mayUndo &&
										entry.kind === 'merge' &&
										!entry.records.every((record) => undone.has(record)),
									again,
								),
							),
					),
		),
		person.apart.length > 0 &&
			h(
				'section',
				{class: 'card'},
				h('h2', {}, t('history.apart')),
				h(
					'ul',
					{class: 'plain'},
					person.apart.map((other) =>
						h(
							'li',
							{},
							h('a', {href: `#/history/${other.other}`}, other.other),
							' ',
							h('span', {class: 'tag'}, code('guard', other.reason)),
							' ',
							h('span', {class: 'faint'}, code('review', other.state)),
						),
					),
				),
			),
	);
}

function event(entry, canUndo, after) {
	const place = h('div', {'aria-live': 'polite'});
	return h(
		'li',
		{},
		h('span', {class: 'faint'}, moment(entry.at), ' '),
		h('strong', {}, code('kind', entry.kind)),
		` ${entry.other === null || entry.other === undefined ? '' : `${entry.other} → `}${entry.survivor} `,
		(Array.isArray(entry.evidence) ? entry.evidence : []).map((one) =>
			h('span', {class: 'tag'}, `${code('identifier', one.kind)} ${one.masked}`),
		),
		h(
			'p',
			{class: 'faint'},
			[entry.actor === 'engine' ? t('history.engine') : entry.actor, code('because', entry.reason)]
				.filter(Boolean)
				.join(' · '),
		),
		canUndo &&
			h(
				'div',
				{class: 'row'},
				h('button', {type: 'button', onclick: () => look(entry, place, after)}, t('history.undo')),
			),
		place,
	);
}

// What the two would be, before anybody says yes.
async function look(entry, place, after) {
	try {
		const {parts} = await get(`merges/${entry.journal_id}`);
		const reason = h('input', {id: `why-${entry.journal_id}`, value: t('reviews.reject_reason')});
		place.replaceChildren(
			table(
				t('history.undo'),
				[
					t('history.part'),
					[t('history.records'), 'number'],
					[t('person.orders'), 'number'],
					[t('person.net'), 'number'],
				],
				parts.map((part) => [
					code('side', part.side),
					number(part.records.length),
					number(part.orders),
					money(part.net === null ? null : Number(part.net)),
				]),
			),
			h('label', {for: reason.id}, t('history.why')),
			reason,
			h(
				'div',
				{class: 'row'},
				h(
					'button',
					{
						class: 'main',
						type: 'button',
						onclick: async (event) => {
							event.target.disabled = true;
							try {
								await post(`merges/${entry.journal_id}/undo`, {reason: reason.value});
								toast(t('saved'));
								await after();
							} catch (problem) {
								toast(fault(problem));
								event.target.disabled = false;
							}
						},
					},
					t('history.undo_now'),
				),
				h('button', {type: 'button', onclick: () => place.replaceChildren()}, t('cancel')),
			),
		);
	} catch (problem) {
		toast(fault(problem));
	}
}
