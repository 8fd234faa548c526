// What is typed into a form outlives a reload and a page that was left, until it was taken, given up, or the person
// signs out.  It may name a customer, so it lies in this tab's memory of the browser only, and goes with the tab.
import {form, h, t} from './base.js';
import {forget, keep, kept} from './drafts.js';

const valueOf = (input) => (input.type === 'checkbox' ? input.checked : input.value);

function give(input, value) {
	if (input.type === 'checkbox') input.checked = value;
	else input.value = value;
}

const inputsOf = (element) =>
	[...element.elements].filter((input) => input.name && input.type !== 'password' && input.type !== 'file');
const typedInto = (element) => Object.fromEntries(inputsOf(element).map((input) => [input.name, valueOf(input)]));

const place = (key) => `typed:${key}`;
export const wasTyped = (key) => kept(place(key)) !== null;

// A form of base.js that is filled with what was typed into it before; submit(data, element, done) may call done() as
// soon as it was taken, and it is called when submit ends, unless that answers true: nothing was taken yet.
// done.empty() makes room for the next. What somebody types while the answer is on its way was not taken, and stays
// where it is.
export function keptForm(key, fields, label, submit) {
	const before = kept(place(key));
	const note = h(
		'p',
		{class: 'row faint', role: 'status', hidden: !before},
		t('draft.kept'),
		h(
			'button',
			{
				type: 'button',
				class: 'quiet',
				onclick: () => {
					drop();
					for (const input of inputsOf(element)) give(input, first[input.name]);
				},
			},
			t('draft.drop'),
		),
	);
	let sent = null,
		isLater = false,
		address = null;
	const drop = () => {
		forget(place(key));
		note.hidden = true;
	};
	const done = () => (isLater && location.hash === address) || drop();
	done.empty = () => isLater || element.reset();
	const element = form([note, fields], label, async (data) => {
		[sent, isLater, address] = [JSON.stringify(typedInto(element)), false, location.hash];
		let isTaken = false;
		try {
			isTaken = !(await submit(data, element, done));
		} finally {
			if (!isTaken) sent = null;
		}
		if (isTaken) done();
	});
	const first = typedInto(element);
	for (const input of inputsOf(element)) if (before && input.name in before) give(input, before[input.name]);
	element.addEventListener('input', () => {
		isLater = true;
		keep(place(key), typedInto(element));
	});
	element.addEventListener(
		'change',
		() => JSON.stringify(typedInto(element)) !== sent && keep(place(key), typedInto(element)),
	); // a field that goes with its page changes once more
	return element;
}
