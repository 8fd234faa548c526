// First steps: above the page stands what to do next, in the words of the page itself, and goes on when it is done.
// Nothing is done for who learns; the steps are known by what the page shows, so whoever does things another way is
// not held up.
import {h, t, withWords} from './base.js';
import {forget, keep, kept} from './drafts.js';

const main = () => document.getElementById('main');
const at = (form) => form.test(location.hash);
const tag = () => main().querySelector('h1 .tag')?.textContent ?? '';
const q = (name) => `${t('guide.open')}${name}${t('guide.close')}`;
const flowOpen = /^#\/flows\/flow_\w+$/,
	tiers = /^#\/tiers$/,
	fresh = /^#\/flows\/new$/,
	flowEdit = /^#\/flows\/flow_\w+\/edit$/;

// Each step: what it says, the control it speaks of, when it is behind, the pages on which it can be done (`on`), and
// from which step on to begin anew with what the page had, when what was entered cannot be saved (`redo`, of the
// drafts that begin so).
const ways = {
	tier: [
		{
			say: () => t('guide.tier_open', {page: q(t('page.tiers'))}),
			where: 'nav a[href="#/tiers"]',
			done: () => at(tiers),
		},
		{
			on: tiers,
			say: () => t('guide.tier_days', {days: q(t('tier.days')), value: q('60')}),
			where: '#days_1_1',
			done: (state) =>
				state.touched.includes('days_1_1') &&
				main().querySelector('#days_1_1')?.value !== '' &&
				main().querySelector('.good') !== null,
		},
		{
			on: tiers,
			redo: 1,
			drafts: 'tiers:',
			say: () =>
				main().querySelector('.gap')
					? t('guide.tier_gap')
					: t('guide.tier_save', {effect: t('tier.effect'), save: q(t('save'))}),
			where: 'main form button[type=submit]',
			begin: (state) => {
				state.tag = tag();
			},
			done: (state) => tag() !== '' && tag() !== state.tag,
		},
	],
	flow: [
		{
			say: () => t('guide.flow_open', {page: q(t('page.flows'))}),
			where: 'nav a[href="#/flows"]',
			done: () => at(/^#\/flows/),
		},
		{
			on: /^#\/flows$/,
			say: () => t('guide.flow_new', {make: q(t('flows.new'))}),
			where: 'a[href="#/flows/new"]',
			done: () => at(fresh) || at(/^#\/flows\/flow_/),
		},
		{
			on: fresh,
			say: () =>
				t('guide.flow_preset', {
					preset: q(t('flows.preset')),
					value: q(
						[...document.querySelectorAll('#preset option')].find((one) => one.value === 'win_back')
							?.textContent ?? '',
					),
				}),
			where: '#preset',
			done: (state) => state.touched.includes('preset') || at(/^#\/flows\/flow_/),
		},
		{
			on: fresh,
			say: () => t('guide.flow_name', {name: q(t('flows.name')), value: q(t('guide.flow_called'))}),
			where: '#name_zh',
			done: (state) => state.touched.includes('name_zh') || at(/^#\/flows\/flow_/),
		},
		{
			on: fresh,
			say: () => t('guide.flow_copy', {copy: q(t('flows.copy'))}),
			where: 'main button[type=submit]',
			done: () => at(flowEdit),
		},
		{
			on: flowEdit,
			say: () => t('guide.flow_holdout', {holdout: q(t('flow.holdout_percent')), value: q('20')}),
			where: '#holdout_percent',
			done: (state) => state.touched.includes('holdout_percent') || at(flowOpen),
		},
		{
			on: flowEdit,
			redo: 5,
			drafts: 'flow:flow_',
			say: () => t('guide.flow_save', {save: q(t('save'))}),
			where: 'form.flow button[type=submit]',
			done: () => at(flowOpen),
		},
		{
			on: flowOpen,
			say: () => t('guide.flow_try', {preview: q(t('flows.preview'))}),
			where: () => named('flows.preview'),
			done: () => document.getElementById('dry') !== null || tag() === t('state.active'),
		},
		{
			on: flowOpen,
			say: () => t('guide.flow_start', {start: q(t('flows.start'))}),
			where: () => named('flows.start'),
			done: () => tag() === t('state.active'),
		},
	],
};
const isRefused = () =>
	main().querySelector('.gap') === null &&
	[...main().querySelectorAll('[role=alert], aside [role=status] .warn')].some((one) => one.textContent !== '');
const named = (word) => [...main().querySelectorAll('button')].find((one) => one.textContent === t(word));

let watched = false;

export async function begin(name) {
	keep('guide', {name, step: 0, touched: []});
	await look();
}

export async function look() {
	const state = kept('guide');
	if (!state) return leave();
	await withWords('guide');
	await withWords('marketer');
	if (!watched) watch();
	const steps = ways[state.name];
	while (state.step < steps.length && steps[state.step].done(state)) {
		state.step++;
		steps[state.step]?.begin?.(state);
		keep('guide', state);
	}
	const step = steps[state.step],
		isAway = Boolean(step?.on && !at(step.on));
	if (step?.on && !isAway && state.home !== location.hash) keep('guide', Object.assign(state, {home: location.hash}));
	draw(state, steps, isAway && state.home);
}

// Who strayed from the page of the step is led back to it (`home`).
function draw(state, steps, home) {
	for (const one of document.querySelectorAll('.guided')) one.classList.remove('guided');
	const step = steps[state.step];
	const place = document.getElementById('guide') || h('aside', {id: 'guide', 'aria-label': t('guide.title')});
	const isWrong = !home && step?.redo !== undefined && isRefused();
	const said = home
		? t('guide.away', {back: q(t('guide.back'))})
		: isWrong
			? t('guide.wrong', {drop: q(t('draft.drop'))})
			: step
				? step.say()
				: t(`guide.${state.name}_done`);
	const target =
		step && !home && (typeof step.where === 'string' ? document.querySelector(step.where) : step.where());
	if (target) target.classList.add('guided');
	if (place.dataset.said === said && place.isConnected) return;
	place.dataset.said = said;
	place.replaceChildren(
		h(
			'p',
			{role: 'status'},
			h('strong', {}, step ? t('guide.step', {n: state.step + 1, all: steps.length}) : t('guide.end')),
			' ',
			said,
		),
		h(
			'div',
			{class: 'row'},
			!step &&
				h(
					'a',
					{
						class: 'button',
						href: '#/start',
						onclick: () => {
							forget('guide');
							leave();
						},
					},
					t('guide.go_on'),
				),
			home && h('a', {class: 'button', href: home}, t('guide.back')),
			isWrong && h('button', {type: 'button', onclick: () => redo(state, step)}, t('draft.drop')),
			step &&
				h(
					'button',
					{
						type: 'button',
						class: 'quiet',
						onclick: () => {
							forget('guide');
							leave();
						},
					},
					t('guide.leave'),
				),
		),
	);
	if (!place.isConnected) main().before(place);
}

function redo(state, {redo: first, drafts}) {
	for (const key of Object.keys(sessionStorage))
		if (key.startsWith(`draft:${drafts}`)) sessionStorage.removeItem(key);
	keep('guide', {...state, step: first, touched: []});
	dispatchEvent(new HashChangeEvent('hashchange', {newURL: location.href}));
}

function leave() {
	document.getElementById('guide')?.remove();
	for (const one of document.querySelectorAll('.guided')) one.classList.remove('guided');
}

// The page is looked at again when it changed, and when something was entered.
function watch() {
	watched = true;
	let late = null;
	const soon = () => {
		clearTimeout(late);
		late = setTimeout(look, 100);
	};
	new MutationObserver(soon).observe(main(), {childList: true, subtree: true});
	addEventListener('hashchange', soon);
	addEventListener('signed-out', leave);
	main().addEventListener('change', (event) => {
		const state = kept('guide');
		if (!state || !event.target.id || state.touched.includes(event.target.id)) return;
		state.touched.push(event.target.id);
		keep('guide', state);
		soon();
	});
}
