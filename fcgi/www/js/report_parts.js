// What boards and reports share: days, whom they are of, parts that come one by one, the funnel.
import {fault, h, number, percent, t} from './base.js';

export const iso = (date) => date.toISOString().slice(0, 10);
// In the chain's zone, whose day begins eight hours before that of UTC.
export const daysBack = (n) => iso(new Date(Date.now() + 8 * 3600000 - n * 86400000));

// Of all stores those whose persons somebody sees; who has one store looks at that one, wherever no other is asked for.
export const ownStores = (stores, me) =>
	me.sees_all ? stores : stores.filter((store) => me.stores.some((own) => own.code === store.code));
export const onlyStore = (stores) => (stores.length === 1 ? ['store', stores[0].code] : ['', '']);

// What a store or region of an address is called, to whom sees it.
export const scopeName = (stores, kind, name) =>
	(kind === 'store'
		? stores.find((store) => store.code === name)?.name
		: stores.find((store) => store.region === name)?.region_name) || name;

// The chain, its regions and stores to choose from, or the one store there is; values are as addresses have them.
export function scopes(stores, chosen, all) {
	const option = (value, label) => h('option', {value, selected: value === chosen}, label);
	const regions = new Map(stores.map((store) => [store.region, store.region_name]));
	return [
		stores.length !== 1 && [
			option('', all),
			[...regions].map(([region, label]) => option(`region/${region}`, label)),
		],
		stores.map((store) => option(`store/${store.code}`, store.name)),
	];
}

// Where the persons behind a number are listed; kind and name: of a store or region.
export const behindOf = (what, key = '', kind = '', name = '') =>
	`#/behind/${what}/${encodeURIComponent(key || '-')}${kind ? `/${kind}/${encodeURIComponent(name)}` : ''}`;
// A number that opens whom it counts; of nobody it is a number alone.
export const opening = (count, href, shown = number(count)) =>
	Number(count) > 0 && href ? h('a', {href}, shown) : shown;

// Words with numbers in them that open whom they count: values are text, or what h() made.
export const told = (key, values) =>
	t(key, Object.fromEntries(Object.keys(values).map((name) => [name, `\u0001${name}\u0001`])))
		.split('\u0001')
		.map((part, i) => (i % 2 ? values[part] : part));

// Several parts are drawn from one answer: what is asked for again is the page.
const redraw = () => dispatchEvent(new HashChangeEvent('hashchange', {newURL: location.href}));

// part(title, fill, isBroad): a card of `main` that is filled when its own answer comes, so that quick ones are not
// kept waiting by those over all orders; without content it goes.
export function parts(main, room) {
	return (title, fill, isBroad) => {
		const head = h('h2', {}, t(`${room}.${title}`));
		const card = h(
			'section',
			{class: isBroad ? 'card broad' : 'card', 'aria-busy': 'true'},
			head,
			h('p', {class: 'faint'}, t('loading')),
		);
		main.append(card);
		const stand = (content) => {
			card.removeAttribute('aria-busy');
			if (content) card.replaceChildren(head, ...[content].flat(Infinity).filter(Boolean));
			else card.remove();
		};
		// what is not there, or is another's, is no better asked for again
		const isLost = (problem) => problem.status === 404 || problem.status === 403;
		fill().then(stand, (problem) =>
			stand(
				isLost(problem)
					? h('p', {class: 'warn'}, fault(problem))
					: [
							h('p', {class: 'warn'}, t('board.failed')),
							h('div', {class: 'row'}, h('button', {type: 'button', onclick: redraw}, t('again'))),
						],
			),
		);
	};
}

const steps = ['registered', 'first_order', 'second_order', 'third_order'];
export function funnelRows({funnel}, hrefOf = () => null) {
	const share = (step) =>
		step === 'registered' || !funnel.registered ? '' : ` · ${percent(funnel[step] / funnel.registered)}`;
	return steps.map((step) => ({
		label: t(`board.${step}`),
		value: funnel[step],
		href: funnel[step] > 0 ? hrefOf(step) : null,
		text: `${number(funnel[step])}${share(step)}`,
	}));
}
