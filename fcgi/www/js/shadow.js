// Sources that are tried out: what the engine would merge of their records and merges not, until they are let go.
import {code, fault, h, list, number, post, t, toast} from './base.js';
import {table} from './table.js';

// Fills a place of the page of reviews; again draws that page anew.
export async function shadow(place, again) {
	let sources;
	try {
		sources = (await list('identity-shadow')).rows;
	} catch {
		return; // whoever may not ask is not told
	}
	const held = sources.some((source) => source.is_on || source.records > 0);
	place.replaceChildren(
		h(
			'details',
			{class: 'card', open: held},
			h('summary', {}, t('shadow.title')),
			h('p', {class: 'faint'}, t('shadow.about')),
			table(
				t('shadow.title'),
				[
					t('sources.source'),
					[t('shadow.records'), 'number'],
					[t('shadow.would_merge'), 'number'],
					[t('shadow.would_ask'), 'number'],
					[t('shadow.would_keep'), 'number'],
					t('shadow.act'),
				],
				sources.map((source) => [
					source.name,
					number(source.records),
					[number(source.would_merge), kinds(source)],
					number(source.would_ask),
					number(source.would_keep),
					h(
						'button',
						{type: 'button', onclick: () => turn(source, again)},
						t(source.is_on ? 'shadow.off' : 'shadow.on'),
					),
				]),
			),
		),
	);
}

const kinds = (source) =>
	Object.entries(source.by_kind).map(([kind, pairs]) =>
		h('span', {class: 'tag'}, `${code('identifier', kind)} ${number(pairs)}`),
	);

async function turn(source, again) {
	try {
		const answer = await post('identity-shadow', {
			source: source.source,
			is_on: !source.is_on,
			reason: t(source.is_on ? 'shadow.off_reason' : 'shadow.on_reason'),
		});
		toast(answer.waiting > 0 ? t('shadow.waiting', {n: answer.waiting}) : t('saved'));
		await again();
	} catch (problem) {
		toast(fault(problem));
	}
}
