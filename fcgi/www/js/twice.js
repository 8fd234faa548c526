// What cannot be taken back takes two taps: the first asks, and a second one without looking goes to the way out
// (`isAsked`: the first one was elsewhere).
import {h, t} from './base.js';

export function twice(label, sure, act, isAsked = false) {
	const place = h('span', {
		class: 'twice',
		onkeydown: ({key}) => key === 'Escape' && place.childElementCount > 1 && offer(true),
	});
	const offer = (hasFocus) => {
		place.replaceChildren(h('button', {type: 'button', onclick: ask}, t(label)));
		if (hasFocus) place.firstChild.focus();
	};
	const ask = () => {
		place.replaceChildren(
			h(
				'button',
				{
					type: 'button',
					onclick: async () => {
						await act();
						offer(true);
					},
				},
				t(sure),
			),
			h('button', {type: 'button', onclick: () => offer(true)}, t('cancel')),
		);
		place.lastChild.focus();
	};
	if (isAsked) ask();
	else offer(false);
	return place;
}
