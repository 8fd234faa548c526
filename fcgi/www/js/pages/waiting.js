// What waits for the network, and what was refused when it was sent: nothing typed is lost.
import {h, moment, show, t} from '../base.js';
import {drop, flush, mine} from '../waiting.js';

// What was sent meanwhile waits no more, whoever sent it.
addEventListener('waiting', () => location.hash === '#/waiting' && draw());

export function draw() {
	const entries = mine();
	show(
		h('h1', {}, t('page.waiting')),
		h(
			'div',
			{class: 'card'},
			entries.length === 0
				? h('p', {class: 'faint'}, t('none'))
				: h(
						'ul',
						{class: 'plain'},
						entries.map((entry) =>
							h(
								'li',
								{},
								h('span', {class: 'faint'}, moment(entry.at), ' '),
								h('strong', {}, entry.label),
								' ',
								entry.body.body || entry.body.phone || '',
								entry.refused && h('p', {class: 'warn'}, entry.refused),
								entry.refused &&
									h(
										'div',
										{class: 'row'},
										h(
											'button',
											{type: 'button', onclick: () => drop(entry.key)},
											t('waiting.drop'),
										),
									),
							),
						),
					),
			h('div', {class: 'row'}, h('button', {type: 'button', onclick: flush}, t('waiting.send'))),
		),
	);
}
