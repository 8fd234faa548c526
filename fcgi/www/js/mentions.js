// Colleagues whom a note names: one who is chosen stands in the text as @name and finds the note in the own list; who
// is taken out of the text is not told.
import {append, choosing, code, h, send, t} from './base.js';

export const colleagues = (person) => `persons/${person}/colleagues`;

// The choice, and named(text): who of them is to be told, or null when nobody can be asked now.
export function mentions(person) {
	let asked = null;
	const choice = h(
		'select',
		{
			id: 'mention',
			'aria-label': t('person.mention'),
			onfocus: () => ask(),
			...choosing(async ({type}) => {
				const area = document.getElementById('body');
				const one = (await ask()).find((other) => other.staff === choice.value);
				choice.value = '';
				if (!one) return;
				area.setRangeText(`@${one.name} `, area.selectionStart, area.selectionEnd, 'end');
				area.dispatchEvent(new Event('input', {bubbles: true}));
				if (type !== 'blur') area.focus(); // who goes on by Tab goes on
			}),
		},
		h('option', {value: ''}, t('person.mention')),
	);
	// asked once, when somebody is to be named; a note is sent although its page was left meanwhile
	const ask = () =>
		(asked ||= send('GET', colleagues(person))
			.then(({items}) => {
				append(
					choice,
					items.map((one) =>
						h('option', {value: one.staff}, `${one.name} · ${code('role', one.role.slice(4))}`),
					),
				);
				return items;
			})
			.catch((problem) => {
				asked = null;
				throw problem;
			}));
	const known = () =>
		ask().catch((problem) => {
			if (problem.status !== 0) throw problem;
			return null;
		});
	return {
		choice,
		named: async (text) => {
			const all = text.includes('@') ? await known() : [];
			return all && namedIn(text, all);
		},
	};
}

// Longer names first: 王芳芳 is not 王芳.  Who has the same name is told, too.
export function namedIn(text, known) {
	let left = text;
	const told = [];
	for (const name of [...new Set(known.map((one) => one.name))].sort((a, b) => b.length - a.length)) {
		if (!left.includes(`@${name}`)) continue;
		left = left.replaceAll(`@${name}`, '\n');
		told.push(...known.filter((one) => one.name === name).map((one) => one.staff));
	}
	return told.slice(0, 10);
}
