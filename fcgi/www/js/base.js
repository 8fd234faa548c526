// What every page stands on: words and formats, the gateway, elements.  It is one file because a phone far away waits
// for files: over HTTP/1.1 a browser asks for six at a time, and style, words, who is signed in, the frame and the
// first page are five.

// ---- Words and formats: zh-CN first, en; the choice is the browser's until somebody chooses.

let words = {};
export let language = 'zh-CN';
const zone = 'Asia/Shanghai';

// Parts of the pages bring words of their own (i18n/NAME.zh-CN.json), so that the first page stays light.
const parts = [];
const read = (name) =>
	fetched(
		fetch(`/i18n/${name}.json`).then((answer) => {
			if (!answer.ok) throw new TypeError(`${name}: ${answer.status}`); // what is not there has not come
			return answer.json();
		}),
	);

export async function choose(wanted) {
	const n = parts.length,
		known = await Promise.all([wanted, ...parts.map((part) => `${part}.${wanted}`)].map(read));
	if (n < parts.length) return choose(wanted); // a part came meanwhile
	language = wanted;
	document.documentElement.lang = wanted;
	words = Object.assign({}, ...known);
}

export async function withWords(part) {
	if (parts.includes(part)) return;
	const asked = language,
		more = await read(`${part}.${asked}`);
	if (asked !== language) return withWords(part); // another was chosen meanwhile
	if (!parts.includes(part)) parts.push(part);
	Object.assign(words, more);
}

// What was copied from a list of contacts or a chat brings signs along that nobody sees.
export const plain = (text) => text.replace(/\p{Cf}/gu, '').trim();

export function preferred() {
	const kept = new URLSearchParams(location.search).get('lang');
	if (kept === 'en' || kept === 'zh-CN') return kept;
	return (navigator.language || '').startsWith('zh') ? 'zh-CN' : 'en';
}

// Somebody chose: the address says so, and so the page does when it is opened anew, or from a bookmark.
export async function speak(wanted) {
	await choose(wanted);
	const query = new URLSearchParams(location.search);
	query.set('lang', wanted);
	history.replaceState(history.state, '', `?${query}${location.hash}`);
}

// t('find.points', {n: 3}): the word with {n} filled in; an unknown key shows itself, so that a test finds it.
export function t(key, values) {
	const word = words[key] ?? key;
	return word.replace(/{(\w+)}/g, (whole, name) => (values && name in values ? values[name] : whole));
}

// What somebody called a thing, in the language of the page.
export const named = (row, otherwise = row.code) => (language === 'en' ? row.name_en : row.name_zh) || otherwise;

// The word for a code of the database (a tier, a channel), or the code.
export function code(kind, value) {
	return value === null || value === undefined ? '' : (words[`${kind}.${value}`] ?? String(value));
}

// What to suggest to a customer, and why.
export const suggested = (one) =>
	one && {
		what: t('person.suggest', {what: one.category_name}),
		why: (language === 'en' ? one.reason_en : one.reason_zh) || one.reason,
	};

// What a fault means to who sees it: by its code, else by the field it names (`label`, as the form calls it),
// else by its status; what has no word is said as the server said it.
export function fault(problem, label) {
	const key = [
		`fault.${problem.code}`,
		problem.field && `fault.field.${problem.field}`,
		label && 'fault.field',
		`fault.${problem.status}`,
	].find((known) => known in words);
	return key ? t(key, {label, message: problem.message}) : problem.message;
}

const made = (maker, options) => new maker(language, options);
export const number = (value) =>
	value === null || value === undefined ? '–' : made(Intl.NumberFormat, {}).format(value);
export const money = (value) =>
	value === null || value === undefined
		? '–'
		: made(Intl.NumberFormat, {style: 'currency', currency: 'CNY', currencyDisplay: 'narrowSymbol'}).format(value);
// As a chart has room for it, and as it is said: 123.46万, 1.23M; to the cent it stands in the table beside.
export const brief = (value) =>
	value === null || value === undefined || Math.abs(value) < 10000
		? money(value)
		: made(Intl.NumberFormat, {
				style: 'currency',
				currency: 'CNY',
				currencyDisplay: 'narrowSymbol',
				notation: 'compact',
				maximumFractionDigits: 2,
			}).format(value);
export const percent = (value) =>
	value === null || value === undefined
		? '–'
		: made(Intl.NumberFormat, {style: 'percent', maximumFractionDigits: 1}).format(value);
export const day = (value) =>
	value
		? made(Intl.DateTimeFormat, {dateStyle: 'medium', timeZone: 'UTC'}).format(
				new Date(`${value.slice(0, 10)}T00:00:00Z`),
			)
		: '–';
export const moment = (value) =>
	value
		? made(Intl.DateTimeFormat, {dateStyle: 'medium', timeStyle: 'short', timeZone: zone}).format(new Date(value))
		: '–';

export const month = (value) =>
	made(Intl.DateTimeFormat, {year: 'numeric', month: 'long', timeZone: 'UTC'}).format(
		new Date(`${value.slice(0, 7)}-01T00:00:00Z`),
	);

// How long ago, in the largest unit that is one or more: 3 hours ago.
export function ago(value) {
	if (!value) return '–';
	const seconds = (new Date(value) - Date.now()) / 1000;
	const [unit, size] = [
		['day', 86400],
		['hour', 3600],
		['minute', 60],
		['second', 1],
	].find(([, length]) => Math.abs(seconds) >= length) || ['second', 1];
	return made(Intl.RelativeTimeFormat, {numeric: 'auto'}).format(Math.trunc(seconds / size), unit);
}

// ---- The gateway: JSON in, JSON out, the session in a cookie that no script sees.  A write carries an
// idempotency key, so that it can be sent again when the answer was lost, and counts once.

export class Problem extends Error {
	constructor(status, body) {
		super([body.detail, body.hint].filter(Boolean).join(' ') || `HTTP ${status}`);
		this.status = status;
		this.code = body.code;
		this.field = ((body.errors || [])[0] || {}).pointer
			? body.errors[0].pointer.slice(1).replaceAll('/', '.')
			: null;
	}
}

// A file of the pages that was asked for: when the network does not give it, that is a fault like a call's, which
// pages say in words.
export const fetched = (file) =>
	file.catch((problem) => {
		throw problem instanceof TypeError ? new Problem(0, {code: 'network', detail: problem.message}) : problem;
	});

let onSignedOut = () => {};
export function whenSignedOut(act) {
	onSignedOut = act;
}

// Who leaves a page is not followed by it: what was asked for there is answered to nobody.
let turn = 0;
export function leavePage() {
	return ++turn;
}
export const isLeft = (page) => page !== turn;

// Where an answer leads who still waits for it: const onward = leading(); await post(…); onward('#/tasks').  Nobody
// is taken from the next customer to the one before.
export function leading() {
	const asked = turn,
		address = location.hash;
	return (onward) => {
		if (asked === turn && location.hash === address) location.hash = onward;
	};
}

async function ask(method, path, body, key, signal) {
	const headers = {Accept: 'application/json'};
	if (body !== undefined) headers['Content-Type'] = 'application/json';
	if (key) headers['Idempotency-Key'] = `"${key}"`;
	return fetch(`/api/v1/${path}`, {
		method,
		headers,
		signal,
		credentials: 'same-origin',
		body: body === undefined ? undefined : JSON.stringify(body),
	});
}

const call = (method, path, body, signal) =>
	send(method, path, body, method === 'GET' || path.startsWith('sign-') ? null : crypto.randomUUID(), signal);

// What is no longer wanted is taken back by its signal: the gateway then has the database stop.
export async function send(method, path, body, key, signal) {
	let answer;
	for (let attempt = 1; ; attempt++) {
		try {
			answer = await ask(method, path, body, key, signal);
			// an answer that was cut off is asked for again, too
			if (answer.ok) return answer.status === 204 ? null : await answer.json();
			if (answer.status !== 503 || attempt === 3) break;
		} catch (fault) {
			if (attempt === 3 || (signal && signal.aborted))
				throw new Problem(0, {code: 'network', detail: fault.message});
		}
		await new Promise((resume) => setTimeout(resume, 400 * attempt));
	}
	if (answer.status === 401 && !path.startsWith('sign-in')) onSignedOut();
	throw new Problem(answer.status, await answer.json().catch(() => ({})));
}

export async function get(path) {
	const asked = turn;
	try {
		return await call('GET', path);
	} finally {
		if (asked !== turn) await new Promise(() => {});
	}
}

export const post = (path, body = {}, signal) => call('POST', path, body, signal);
export const patch = (path, body) => call('PATCH', path, body);
export const put = (path, body) => call('PUT', path, body);
export const del = (path) => call('DELETE', path);

// The rows of a list, and the cursor of the next page (null: that was all).
export async function list(path) {
	const page = await get(path);
	return {rows: page.items, next: page.next};
}

// A body of any size, with its progress from 0 to 1; the answer as of the others.
export function upload(path, body, type, onProgress) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open('POST', `/api/v1/${path}`);
		request.setRequestHeader('Content-Type', type);
		request.setRequestHeader('Accept', 'application/json');
		request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
		request.onerror = () => reject(new Problem(0, {code: 'network', detail: 'network'}));
		request.onload = () => {
			let answer = {};
			try {
				answer = JSON.parse(request.responseText);
			} catch {
				/* a proxy answered */
			}
			if (request.status === 401) onSignedOut();
			if (request.status < 300) resolve(answer);
			else reject(new Problem(request.status, answer));
		};
		request.send(body);
	});
}

// Asks again every second until the answer is final or its page was left.
export async function follow(path, isFinal, onAnswer) {
	for (;;) {
		const answer = await get(path);
		onAnswer(answer);
		if (isFinal(answer)) return answer;
		const asked = turn;
		await new Promise((resume) => setTimeout(resume, 1000));
		if (asked !== turn) return answer;
	}
}

// ---- Elements without HTML text: what a customer is called can never be markup.

// What a tap or a form began is ended before the next tap begins anything.  Who pressed by key what is gone then goes
// on where it stood.
function tapped(act) {
	let isBusy = false;
	return async (event) => {
		if (isBusy) return event.preventDefault();
		isBusy = true;
		const pressed = event.currentTarget,
			address = location.hash,
			before = event.detail === 0 ? stops() : null;
		try {
			await act(event);
		} finally {
			isBusy = false;
		}
		if (before && !pressed.isConnected && isLost(address)) goOn(before, before.indexOf(pressed));
	};
}

// Where the tab key stops, in its order.
const stops = () =>
	[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter(
		(one) => one.getClientRects().length > 0,
	);

const isLost = (address) =>
	location.hash === address && [document.body, document.getElementById('main')].includes(document.activeElement);

// What stood behind what is gone, or before it; of a page that was drawn anew what is the same next to its place,
// where what comes later may be missing still.
function goOn(before, at) {
	const now = stops(),
		main = document.getElementById('main'),
		isIn = (one) => main.contains(one);
	const isSame = (one) => one.tagName === before[at]?.tagName && one.textContent === before[at].textContent;
	const same = now
		.map((one, i) => [Math.abs(i - at), one])
		.filter(([, one]) => isIn(one) && isSame(one))
		.sort(([one], [other]) => one - other)[0];
	const next =
		before.slice(at + 1).find(isIn) ||
		before.slice(0, Math.max(at, 0)).reverse().find(isIn) ||
		same?.[1] ||
		now[Math.min(at, now.length - 1)];
	next?.focus({preventScroll: true});
}

// A fault that nobody caught is said, whatever began it: a button, a choice, a field, a part that was unfolded, a
// pause in typing.  What is no answer of the gateway's is a mistake of the page, and the console's.
addEventListener('unhandledrejection', (event) => {
	const problem = event.reason;
	if (!(problem instanceof Problem)) return;
	event.preventDefault();
	if (problem.status !== 401) tell(fault(problem));
});

// A choice that leads on is made by a tap, from an open list, by Enter, or by leaving the field.  An arrow key on a
// closed list, or a digit of a day, looks at what there is and has chosen nothing yet (WCAG 3.2.2); Esc goes back to
// what stood.  h('select', {...choosing((event) => ...)}).
const opens = ['Enter', 'Escape', 'Tab', ' ', 'F4', 'Shift', 'Control', 'Alt', 'Meta'],
	isMac = /^(Mac|iP)/.test(navigator.platform);
const looks = ({key, altKey, target}) =>
	!opens.includes(key) && !(key.startsWith('Arrow') && (altKey || (isMac && target.tagName === 'SELECT')));

export function choosing(act) {
	let before = null,
		isLooking = false,
		isTabbed = false; // before: what stood when the keys began
	const note = h('p', {class: 'faint', role: 'status'});
	const end = () => {
		before = null;
		isLooking = false;
		note.remove();
	};
	const isOther = (element) => before !== null && element.value !== before;
	const choose = (event) => {
		end();
		return act(event);
	};
	return {
		onpointerdown: () => {
			isLooking = false;
		},
		onkeydown: (event) => {
			const {key, target} = event;
			isTabbed = key === 'Tab';
			if (key === 'Enter' && isOther(target)) {
				event.preventDefault();
				return choose(event);
			}
			if (key === 'Escape' && isOther(target)) {
				event.preventDefault();
				target.value = before;
				return end();
			}
			if ((isLooking = looks(event)) && before === null) before = target.value;
		},
		onchange: (event) => {
			if (!isLooking) return choose(event);
			note.textContent = isOther(event.target) ? t('choose.enter') : '';
			if (!note.isConnected) event.target.after(note);
		},
		onblur: (event) => {
			if (!isOther(event.target)) return;
			const address = location.hash,
				{target} = event;
			// a page that goes takes its fields along; a tap elsewhere does what it is for first, and may lead
			// elsewhere itself
			const later = () =>
				setTimeout(
					() =>
						isOther(target) &&
						target.isConnected &&
						document.activeElement !== target &&
						location.hash === address &&
						choose(event),
					isTabbed ? 0 : 100,
				);
			if (isTabbed) later();
			else addEventListener('click', later, {once: true});
		},
	};
}

// h('p', {class: 'faint'}, 'text', child, [more]): attributes by name, on* as listeners, null children left out.
export function h(name, attributes, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes || {})) {
		if (value === null || value === undefined || value === false) continue;
		if (key.startsWith('on'))
			element.addEventListener(key.slice(2), ['onclick', 'onsubmit'].includes(key) ? tapped(value) : value);
		else element.setAttribute(key, value === true ? '' : value);
	}
	append(element, children);
	return element;
}

export function append(element, children) {
	for (const child of children.flat(Infinity)) {
		if (child === null || child === undefined || child === false) continue;
		element.append(child instanceof Node ? child : document.createTextNode(String(child)));
	}
	return element;
}

// A page that is drawn anew stays where it was scrolled to, and who writes in a field goes on writing in it.  The
// undo of what was not saved goes with its page (`toast`).
let drawn = -1;
export function show(...children) {
	const main = document.getElementById('main'),
		isAnew = drawn === turn,
		y = isAnew ? scrollY : 0,
		at =
			isAnew && main.contains(document.activeElement) && document.activeElement.matches('input, select, textarea')
				? document.activeElement
				: null;
	drawn = turn;
	const where = at && at.selectionStart;
	main.replaceChildren();
	append(main, children);
	for (const note of document.querySelectorAll('#toast p')) if (note.of?.isConnected === false) note.remove();
	main.focus({preventScroll: true});
	if (at?.id) writeOn(document.getElementById(at.id), at, where);
	scrollBack(y);
}

function writeOn(field, before, at) {
	if (!field || field.type !== before.type || field.disabled) return;
	field.focus({preventScroll: true});
	if (Number.isInteger(at)) field.setSelectionRange(at, at);
}

// To where one was, as soon as the page is that long again; who scrolls meanwhile is left alone.
let endBack = () => {};
const own = ['wheel', 'touchstart', 'pointerdown', 'keydown'];
export function scrollBack(y) {
	endBack();
	window.scrollTo(0, y);
	if (scrollY >= y - 1) return;
	const grows = new ResizeObserver(() => {
		window.scrollTo(0, y);
		if (scrollY >= y - 1) endBack();
	});
	const late = setTimeout(() => endBack(), 10000);
	endBack = () => {
		grows.disconnect();
		clearTimeout(late);
		for (const name of own) removeEventListener(name, endBack);
		endBack = () => {};
	};
	for (const name of own) addEventListener(name, endBack, {passive: true});
	grows.observe(document.getElementById('main'));
}

// Draws the page of an address anew, if it is still the one that is looked at.
export function anew(draw) {
	const address = location.hash;
	return () => (location.hash === address ? draw() : null);
}

// A message that goes by itself; with an act (undo, say) it stays longer, but not after the part of a page that alone
// it is about (`of`).  What is told already is not told twice beside it (`tell`).
const tell = (text) =>
	[...document.querySelectorAll('#toast p')].some((one) => one.textContent === text) || toast(text);
export function toast(text, act) {
	const run = async () => {
		note.remove();
		try {
			await act.run();
		} catch (problem) {
			toast(fault(problem));
		}
	};
	const note = h('p', {}, text, act && h('button', {type: 'button', onclick: run}, act.label));
	note.of = act?.of;
	document.getElementById('toast').append(note);
	const wait = () => setTimeout(() => note.remove(), act ? 10000 : 5000);
	let going = wait();
	// what is pointed at, or reached by key, stays
	for (const name of ['pointerenter', 'focusin']) note.addEventListener(name, () => clearTimeout(going));
	for (const name of ['pointerleave', 'focusout'])
		note.addEventListener(name, () => {
			clearTimeout(going);
			going = wait();
		});
}

// Numbers as a Chinese keyboard writes them.  Where a number is asked for, Chromium takes １ for 1 but leaves 。 out:
// 12。5 would be 125; Firefox and Safari show whatever is typed or pasted and give the page nothing.  In each, what
// is no part of a number is left out before it is there; a comma only between thousands.
const halfWidth = (text) => text.normalize('NFKC').replaceAll('。', '.');
const isNumber = (one) => one.type === 'number' || ['decimal', 'numeric'].includes(one.inputMode);
const isGrouped = (text) => /^\D*\d{1,3}(,\d{3})+(\.\d*)?\D*$/.test(text);
const fitting = (text, {type}) =>
	type !== 'number'
		? halfWidth(text)
		: (isGrouped(halfWidth(text)) ? halfWidth(text).replaceAll(',', '') : halfWidth(text)).replace(
				/[^\d.,eE+-]/g,
				'',
			);
const insert = (text) => document.execCommand('insertText', false, text);
let isPut = false; // what a keyboard composed: Safari lets it be replaced before it is there
addEventListener('beforeinput', (event) => {
	const {cancelable, data, target} = event;
	if (!cancelable || !data || !isNumber(target) || fitting(data, target) === data) return;
	event.preventDefault();
	isPut = true;
	insert(fitting(data, target));
});
// Who scrolls over a number does not turn it.
addEventListener(
	'wheel',
	({target}) => target.type === 'number' && target === document.activeElement && target.blur(),
	{passive: true},
);
addEventListener('compositionstart', ({target}) => {
	isPut = false;
	if (isNumber(target)) target.dataset.before = target.value;
});
addEventListener('compositionend', ({target, data}) => {
	if (isPut || !isNumber(target) || !data || halfWidth(data) === data) return;
	const typed = halfWidth(data),
		{before} = target.dataset;
	if (target.type !== 'number') target.value = halfWidth(target.value);
	else if (target.validity.badInput || (target.value === '' && before !== ''))
		// Firefox shows it as it is, and may not know yet what that is
		return replaceBefore(data, fitting(data, target));
	else if (typed === '.')
		return insert('.'); // a number cannot be set that ends in a point, but be typed: at once, before the next digit
	else if (typed.includes('.') && target.value === before + typed.replaceAll('.', '')) target.value = before + typed;
	target.dispatchEvent(new Event('input', {bubbles: true}));
});

// A field of numbers does not tell what it shows, nor where the caret is: that stands behind what was composed.
function replaceBefore(data, text) {
	for (let n = [...data].length; n > 0; n--) document.execCommand('delete');
	insert(text);
}

// A labelled field; `name` is its id and the member of the body that it becomes.
export function field(name, label, attributes) {
	const tag = (attributes || {}).tag || 'input';
	const input = h(tag, {id: name, name, ...attributes, tag: null});
	return [h('label', {for: name}, label), input];
}

export function check(name, label, checked) {
	return h('label', {class: 'check'}, h('input', {type: 'checkbox', name, checked}), label);
}

// What must be filled in and is not is said before anything is sent: over a slow network the answer is known here.
// So is half a day or no number, of which the browser would send nothing, and a day that is over where one to come is
// asked for (`min`).
export function requireFilled(element) {
	const wrong = {
		unreadable: (input) => input.validity.badInput,
		missing: (input) => input.required && input.value.trim() === '',
		over: (input) => input.type === 'date' && input.validity.rangeUnderflow,
	};
	for (const [code, isWrong] of Object.entries(wrong)) {
		const one = [...element.elements].find(isWrong);
		if (one) throw Object.assign(new Error(one.name || one.id), {field: one.name || one.id, code});
	}
}

// A form whose button waits for the answer; a fault is shown below the field that the gateway names, where one types
// on, else above the button.
export function form(fields, label, submit) {
	const notice = h('p', {class: 'warn', role: 'alert'});
	const button = h('button', {class: 'main', type: 'submit'}, label);
	const element = h(
		'form',
		{
			novalidate: true,
			onkeydown: (event) =>
				event.key === 'Enter' &&
				(event.ctrlKey || event.metaKey) &&
				event.target.tagName === 'TEXTAREA' &&
				button.click(),
			onsubmit: async (event) => {
				event.preventDefault();
				const wasPressed = document.activeElement === button,
					before = wasPressed && stops(),
					address = location.hash;
				button.disabled = true;
				notice.textContent = '';
				button.parentElement.before(notice);
				for (const wrong of element.querySelectorAll('[aria-invalid]')) wrong.removeAttribute('aria-invalid');
				try {
					requireFilled(element);
					await submit(new FormData(element), element);
				} catch (problem) {
					const wrong = problem.field && element.elements.namedItem(problem.field);
					notice.textContent = fault(
						problem,
						wrong instanceof Element
							? (wrong.labels ? wrong.labels[0] : wrong.querySelector('legend'))?.textContent.replace(
									/ \*$/,
									'',
								)
							: null,
					);
					if (wrong instanceof Element) {
						(wrong.closest('.phrase') || wrong).after(notice);
						wrong.setAttribute('aria-invalid', 'true');
						wrong.focus();
					}
				} finally {
					button.disabled = false;
					if (wasPressed && isLost(address))
						// a button that rests loses the keys
						button.isConnected ? button.focus({preventScroll: true}) : goOn(before, before.indexOf(button));
				}
			},
		},
		fields,
		notice,
		h('div', {class: 'row'}, button),
	);
	return element;
}
