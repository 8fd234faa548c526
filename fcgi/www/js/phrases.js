// Conditions of the rule language as phrases with blanks.  A phrase knows how to write its condition and how to read it
// back; what no phrase can read without loss stays as it is.
import {code, language, named, send, t} from './base.js';
import {tiers} from './tier_order.js';

// Values to choose from, asked once: for whatever page, so that they come although the first that asked was left.
const asked = new Map();
function once(path, shape) {
	if (!asked.has(path))
		asked.set(
			path,
			send('GET', path)
				.then((page) => page.items.map(shape))
				.catch((problem) => {
					asked.delete(path);
					throw problem;
				}),
		);
	return asked.get(path);
}
const offered = (row) => ({value: row.code, label: named(row)});
const values = (kind, field) => () =>
	once(`rules/values?kind=${kind}&field=${field}&limit=500`, (row) => row).then((rows) => rows.map(offered));
const tags = () => once('tags', (row) => row).then((rows) => rows.map((row) => offered({...row, code: row.tag})));
const segments = () =>
	once('segments', (row) => row).then((rows) => rows.map((row) => offered({...row, code: row.segment})));
const words = (kind, codes) => async () => codes.map((value) => ({value, label: code(kind, value)}));
// who made another segment or tag is offered it
export function askAnew() {
	asked.clear();
}

const pick = (options) => ({
	type: 'pick',
	options,
	is: (value) => typeof value === 'string' && value !== '',
	empty: () => '',
});
const many = (options) => ({
	type: 'many',
	options,
	is: (value) => Array.isArray(value) && value.length > 0,
	empty: () => [],
});
const text = () => ({type: 'text', is: (value) => typeof value === 'string' && value.trim() !== '', empty: () => ''});
const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
const whole = (start) => ({type: 'number', is: isNumber, empty: () => start});
const when = () => ({
	type: 'when',
	is: (value) => value.mode === 'ever' || (isNumber(value.a) && (value.mode === 'last' || isNumber(value.b))),
	empty: () => ({mode: 'ever', a: 30, b: 180}),
});
const compare = (op, a, b) => ({
	type: 'compare',
	is: (value) => isNumber(value.a) && (value.op !== 'between' || isNumber(value.b)),
	empty: () => ({op, a, b}),
});

const writeWhen = ({mode, a, b}) => (mode === 'ever' ? {} : {days: mode === 'last' ? a : [a, b]});
const readWhen = ({days}) =>
	days === undefined
		? {mode: 'ever', a: 30, b: 180}
		: Array.isArray(days)
			? {mode: 'between', a: days[0], b: days[1]}
			: {mode: 'last', a: days, b: 180};
const writeCompare = ({op, a, b}) => ({op, value: op === 'between' ? [a, b] : a});
const readCompare = ({op, value}) => (op === 'between' ? {op, a: value[0], b: value[1]} : {op, a: value, b: value});
const state = (kind, field) => ({
	write: (v) => ({kind, field, op: '=', value: v.what}),
	read: (r) => r.kind === kind && r.field === field && {what: r.value},
});
const anyOf = (kind, field) => ({
	write: (v) => ({kind, field, op: 'in', value: v.what}),
	read: (r) => r.kind === kind && r.field === field && {what: [r.value].flat()},
});
const fact = (kind, field) => ({
	write: (v) => ({kind, where: {[field]: v.what}, ...writeWhen(v.when)}),
	read: (r) => r.kind === kind && r.where && {what: r.where[field], when: readWhen(r)},
});
const measured = (kind, measure, more = {}) => ({
	write: (v) => ({kind, measure, ...more, ...(v.when ? writeWhen(v.when) : {}), ...writeCompare(v.compare)}),
	read: (r) => r.kind === kind && r.measure === measure && {compare: readCompare(r), when: readWhen(r)},
});

const months = async () =>
	Array.from({length: 12}, (_, i) => ({
		value: i + 1,
		label: new Intl.DateTimeFormat(language, {month: 'short'}).format(new Date(2026, i, 1)),
	}));

// In the order of the menu, by its chapters.
export const phrases = {
	bought: {
		chapter: 'shop',
		slots: {what: pick(values('item', 'category')), when: when()},
		...fact('item', 'category'),
	},
	product: {
		chapter: 'shop',
		slots: {what: pick(values('item', 'product')), when: when()},
		...fact('item', 'product'),
	},
	last: {chapter: 'shop', slots: {compare: compare('between', 90, 180)}, ...measured('purchase', 'last')},
	orders: {chapter: 'shop', slots: {compare: compare('>=', 3, 5), when: when()}, ...measured('purchase', 'count')},
	spent: {
		chapter: 'shop',
		slots: {compare: compare('between', 100, 500), when: when()},
		...measured('purchase', 'sum'),
	},
	average: {
		chapter: 'shop',
		slots: {compare: compare('>=', 100, 500), when: when()},
		...measured('order', 'average', {field: 'amount'}),
	},
	basket: {
		chapter: 'shop',
		slots: {what: whole(75)},
		write: (v) => ({kind: 'basket', field: 'percentile', op: '>=', value: v.what}),
		read: (r) => r.kind === 'basket' && r.field === 'percentile' && {what: r.value},
	},
	tier: {chapter: 'who', slots: {what: many(words('tier', tiers))}, ...anyOf('value', 'tier')},
	tag: {
		chapter: 'who',
		slots: {what: pick(tags)},
		write: (v) => ({kind: 'tag', where: {tag: v.what}}),
		read: (r) => r.kind === 'tag' && r.where && {what: r.where.tag},
	},
	segment: {
		chapter: 'who',
		slots: {what: pick(segments)},
		write: (v) => ({kind: 'segment', where: {segment: v.what}}),
		read: (r) => r.kind === 'segment' && r.where && {what: r.where.segment},
	},
	birthday_month: {chapter: 'who', slots: {what: many(months)}, ...anyOf('birthday', 'day.month')},
	birthday_in: {
		chapter: 'who',
		slots: {what: whole(14)},
		write: (v) => ({kind: 'birthday', field: 'day.in', op: '<=', value: v.what}),
		read: (r) => r.kind === 'birthday' && {what: r.value},
	},
	sex: {chapter: 'who', slots: {what: pick(words('sex', ['f', 'm']))}, ...state('person', 'sex')},
	city: {chapter: 'who', slots: {what: text()}, ...state('person', 'city')},
	store: {chapter: 'who', slots: {what: pick(values('person', 'store'))}, ...state('person', 'store')},
	registered: {
		chapter: 'who',
		slots: {compare: compare('<=', 30, 90)},
		write: (v) => ({kind: 'person', field: 'registered_on.since', ...writeCompare(v.compare)}),
		read: (r) => r.kind === 'person' && r.field === 'registered_on.since' && {compare: readCompare(r)},
	},
	consent: {
		chapter: 'reach',
		slots: {what: pick(words('channel', ['sms', 'wechat', 'email']))},
		write: (v) => ({kind: 'consent', field: v.what, op: '=', value: 'yes'}),
		read: (r) => r.kind === 'consent' && {what: r.field},
	},
	coupon: {
		chapter: 'reach',
		slots: {what: pick(values('coupon', 'type'))},
		write: (v) => ({kind: 'coupon', where: {type: v.what, state: 'issued'}}),
		read: (r) => r.kind === 'coupon' && r.where && {what: r.where.type},
	},
	redeemed: {
		chapter: 'reach',
		slots: {what: pick(values('redemption', 'type')), when: when()},
		...fact('redemption', 'type'),
	},
	flow: {chapter: 'reach', slots: {what: pick(values('flow', 'flow')), when: when()}, ...fact('flow', 'flow')},
	event: {
		chapter: 'act',
		slots: {what: pick(values('event', 'type')), compare: compare('>=', 1, 5), when: when()},
		write: (v) => ({
			kind: 'event',
			measure: 'count',
			where: {type: v.what},
			...writeWhen(v.when),
			...writeCompare(v.compare),
		}),
		read: (r) =>
			r.kind === 'event' &&
			r.where && {
				what: r.where.type,
				compare: r.measure === 'count' && r.op ? readCompare(r) : {op: '>=', a: 1, b: 1},
				when: readWhen(r),
			},
	},
	contact: {chapter: 'act', slots: {compare: compare('>=', 1, 5), when: when()}, ...measured('interaction', 'count')},
	ticket: {
		chapter: 'act',
		slots: {what: pick(words('ticket_kind', ['complaint', 'enquiry', 'suggestion']))},
		write: (v) => ({kind: 'open_ticket', where: {kind: v.what}}),
		read: (r) => r.kind === 'open_ticket' && r.where && {what: r.where.kind},
	},
};

// Two ways to write one condition are one.
function plain(rule) {
	const {measure = 'ever', op, value, ...rest} = rule;
	const whole = {...rest};
	if (measure !== 'ever') whole.measure = measure;
	if (
		(measure === 'count' && op === undefined && value === undefined) ||
		(measure === 'ever' && op === undefined && value === undefined && rule.kind === 'event')
	)
		return {...whole, measure: 'count', op: '>=', value: 1};
	const listed = Array.isArray(value) && (op === undefined || op === 'in');
	if (value !== undefined)
		Object.assign(
			whole,
			listed && value.length === 1 ? {op: '=', value: value[0]} : {op: op ?? (listed ? 'in' : '='), value},
		);
	return whole;
}
const sorted = (value) =>
	Array.isArray(value)
		? value.map(sorted)
		: value && typeof value === 'object'
			? Object.fromEntries(
					Object.keys(value)
						.sort()
						.map((key) => [key, sorted(value[key])]),
				)
			: value;
const same = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

export const complete = (node) =>
	Object.entries(phrases[node.id].slots).every(([name, slot]) => slot.is(node.values[name]));
export const fresh = (id) => ({
	type: 'phrase',
	id,
	negated: false,
	values: Object.fromEntries(Object.entries(phrases[id].slots).map(([name, slot]) => [name, slot.empty()])),
});

function readPhrase(rule, negated) {
	const isNever = rule.measure === 'never';
	const {measure, ...ever} = rule;
	const asked = isNever ? ever : rule;
	for (const [id, phrase] of Object.entries(phrases)) {
		try {
			const node = {type: 'phrase', id, negated: negated !== isNever, values: phrase.read(asked)};
			if (node.values && complete(node) && same(plain(phrase.write(node.values)), plain(asked))) return node;
		} catch {
			/* another phrase may read it */
		}
	}
	return null;
}

// A rule as what the editor shows, and back.
export function read(rule) {
	const group = (mode, parts) => ({type: 'group', mode, items: parts.map(read)});
	if (Array.isArray(rule.all) || Object.keys(rule).length === 0) return group('all', rule.all || []);
	if (Array.isArray(rule.any)) return group('any', rule.any);
	if (rule.not && Array.isArray(rule.not.any)) return group('none', rule.not.any);
	return (rule.not ? readPhrase(rule.not, true) : readPhrase(rule, false)) || {type: 'raw', rule};
}

export function write(node) {
	if (node.type === 'raw') return node.rule;
	if (node.type === 'phrase') {
		const rule = phrases[node.id].write(node.values);
		return node.negated ? {not: rule} : rule;
	}
	const parts = node.items.filter(ready).map(write);
	return node.mode === 'none' ? {not: {any: parts}} : {[node.mode]: parts};
}

// What can be asked: blanks are filled in, groups hold something.
export const ready = (node) =>
	node.type === 'raw' || (node.type === 'phrase' ? complete(node) : node.items.some(ready));
export const unready = (node) => (node.type === 'group' ? node.items.some(unready) : !ready(node));
export const label = (node) =>
	node.type === 'phrase' ? t(`phrase.${node.id}.name`) : t(node.type === 'raw' ? 'rule.raw' : 'rule.group');
