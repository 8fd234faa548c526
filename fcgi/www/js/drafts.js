// What was typed and not saved yet, until it is saved, given up, or the person signs out: it outlives a page that was
// left, a lost session and a reload.  Only what marketers write is kept here: rules, texts, values; nobody's data.
import {h, t} from './base.js';

const name = (key) => `draft:${key}`;

export function keep(key, value) {
	try {
		sessionStorage.setItem(name(key), JSON.stringify(value));
	} catch {
		/* full, or none: the page itself still has it */
	}
}

export function kept(key) {
	try {
		return JSON.parse(sessionStorage.getItem(name(key)));
	} catch {
		return null;
	}
}

// Of what is kept as JSON: another one of its own.
export const copy = (value) => JSON.parse(JSON.stringify(value));

export function forget(key) {
	sessionStorage.removeItem(name(key));
}

// Says that the page shows what was kept, and offers to drop it.
export const drafted = (key, anew) =>
	h(
		'p',
		{class: 'row faint', role: 'status'},
		t('draft.kept'),
		h(
			'button',
			{
				type: 'button',
				class: 'quiet',
				onclick: () => {
					forget(key);
					anew();
				},
			},
			t('draft.drop'),
		),
	);

// What is edited has versions: a draft remembers which one it was begun from, and whoever would save over what
// somebody else saved meanwhile is told so first, in `notice`, with a way to look at theirs; saving again is meant.
// `now` asks for the version of this moment.
export function guarded(key, version, now) {
	const place = `${key} version`;
	let from = kept(key) === null ? version : (kept(place) ?? version);
	let isTold = false;
	return {
		keep: (value) => {
			keep(key, value);
			keep(place, from);
		},
		forget: () => {
			forget(key);
			forget(place);
		},
		moved: async () => {
			keep(place, (from = await now()));
		}, // by what was saved here before the rest was refused
		isOvertaken: async (notice, anew) => {
			const newest = await now();
			if (isTold || newest === from) return false;
			isTold = true;
			notice.replaceChildren(
				t('draft.overtaken', {n: newest}),
				h(
					'button',
					{
						type: 'button',
						class: 'quiet',
						onclick: () => {
							forget(key);
							return anew();
						},
					},
					t('draft.drop'),
				),
			);
			return true;
		},
	};
}
