// First steps: what a chain sets up before anything else, how far it is, and a guide through each, on the pages
// themselves.
import {h, list, number, show, t, withWords} from '../base.js';
import {begin} from '../guide.js';

export async function draw() {
	await Promise.all([withWords('guide'), withWords('marketer')]);
	const [sets, flows] = await Promise.all([list('tier-sets'), list('flows')]);
	const set = sets.rows.find((one) => one.is_active),
		running = flows.rows.filter((flow) => flow.state === 'active').length;
	const card = (name, isDone, state, page) =>
		h(
			'section',
			{class: 'card'},
			h('h2', {}, `${isDone ? '✓ ' : ''}${t(`guide.${name}`)}`),
			h('p', {}, t(`guide.${name}_what`)),
			h('p', {class: isDone ? 'good' : 'faint'}, state),
			h(
				'div',
				{class: 'row'},
				h(
					'button',
					{type: 'button', class: isDone ? null : 'main', id: `begin_${name}`, onclick: () => begin(name)},
					t(`guide.${name}_go`),
				),
				h('a', {class: 'button', href: page}, t('guide.myself')),
			),
		);
	show(
		h('h1', {}, t('page.start')),
		h('p', {}, t('guide.start')),
		h(
			'div',
			{class: 'cards'},
			card(
				'tier',
				set.version > 1,
				set.version > 1 ? t('guide.tier_changed', {n: set.version}) : t('guide.tier_shipped'),
				'#/tiers',
			),
			card(
				'flow',
				running > 0,
				running > 0 ? t('guide.flow_running', {n: number(running)}) : t('guide.flow_none'),
				'#/flows',
			),
		),
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t('guide.safe')),
			h(
				'ul',
				{class: 'plain'},
				['undo', 'draft', 'versions', 'pause'].map((name) => h('li', {}, t(`guide.safe_${name}`))),
			),
		),
	);
}
