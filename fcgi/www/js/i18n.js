// Words and formats: zh-CN first, en; the choice is the browser's until somebody chooses.

let words = {};
export let language = 'zh-CN';
const zone = 'Asia/Shanghai';

// Parts of the pages bring words of their own (i18n/NAME.zh-CN.json), so that the first page stays light.
const parts = [];
const read = async (name) => (await fetch(`/i18n/${name}.json`)).json();

export async function choose(wanted) {
	const known = await Promise.all([wanted, ...parts.map((part) => `${part}.${wanted}`)].map(read));
	language = wanted;
	document.documentElement.lang = wanted;
	words = Object.assign({}, ...known);
}

export async function withWords(part) {
	if (parts.includes(part)) return;
	const more = await read(`${part}.${language}`);
	parts.push(part);
	Object.assign(words, more);
}

export function preferred() {
	const kept = new URLSearchParams(location.search).get('lang');
	if (kept === 'en' || kept === 'zh-CN') return kept;
	return (navigator.language || '').startsWith('zh') ? 'zh-CN' : 'en';
}

// t('tasks.due', {n: 3}): the word with {n} filled in; an unknown key shows itself, so that a test finds it.
export function t(key, values) {
	const word = words[key] ?? key;
	return word.replace(/{(\w+)}/g, (whole, name) => values && name in values ? values[name] : whole);
}

// What somebody called a thing, in the language of the page.
export const named = (row, otherwise = row.code) => (language === 'en' ? row.name_en : row.name_zh) || otherwise;

// The word for a code of the database (a tier, a channel), or the code.
export function code(kind, value) { return value === null || value === undefined ? '' : words[`${kind}.${value}`] ?? String(value); }

// What to suggest to a customer, and why.
export const suggested = (one) => one && {what: t('person.suggest', {what: one.category_name}), why: (language === 'en' ? one.reason_en : one.reason_zh) || one.reason};

// What a fault means to who sees it: by its code, else by the field it names (`label`, as the form calls it),
// else by its status; what has no word is said as the server said it.
export function fault(problem, label) {
	const key = [`fault.${problem.code}`, problem.field && `fault.field.${problem.field}`, label && 'fault.field', `fault.${problem.status}`].find((known) => known in words);
	return key ? t(key, {label, message: problem.message}) : problem.message;
}

const made = (maker, options) => new maker(language, options);
export const number = (value) => value === null || value === undefined ? '–' : made(Intl.NumberFormat, {}).format(value);
export const money = (value) => value === null || value === undefined ? '–' : made(Intl.NumberFormat, {style: 'currency', currency: 'CNY'}).format(value);
export const percent = (value) => value === null || value === undefined ? '–' : made(Intl.NumberFormat, {style: 'percent', maximumFractionDigits: 1}).format(value);
export const day = (value) => value ? made(Intl.DateTimeFormat, {dateStyle: 'medium', timeZone: 'UTC'}).format(new Date(`${value.slice(0, 10)}T00:00:00Z`)) : '–';
export const moment = (value) => value ? made(Intl.DateTimeFormat, {dateStyle: 'medium', timeStyle: 'short', timeZone: zone}).format(new Date(value)) : '–';

export const month = (value) => made(Intl.DateTimeFormat, {year: 'numeric', month: 'long', timeZone: 'UTC'}).format(new Date(`${value.slice(0, 7)}-01T00:00:00Z`));

// How long ago, in the largest unit that is one or more: 3 hours ago.
export function ago(value) {
	if (!value) return '–';
	const seconds = (new Date(value) - Date.now()) / 1000;
	const [unit, size] = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]].find(([, length]) => Math.abs(seconds) >= length) || ['second', 1];
	return made(Intl.RelativeTimeFormat, {numeric: 'auto'}).format(Math.trunc(seconds / size), unit);
}
