// Elements without HTML text: what a customer is called can never be markup.

import {fault} from './i18n.js';

// What a tap began is ended before the next tap begins anything, and a fault that nobody caught is said.
function tapped(act) {
	let isBusy = false;
	return async (event) => {
		if (isBusy) return;
		isBusy = true;
		try {
			await act(event);
		} catch (problem) {
			if (problem.status === undefined) throw problem;
			if (problem.status !== 401) toast(fault(problem));
		} finally {
			isBusy = false;
		}
	};
}

// h('p', {class: 'faint'}, 'text', child, [more]): attributes by name, on* as listeners, null children left out.
export function h(name, attributes, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes || {})) {
		if (value === null || value === undefined || value === false) continue;
		if (key.startsWith('on')) element.addEventListener(key.slice(2), key === 'onclick' ? tapped(value) : value);
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

export function show(...children) {
	const main = document.getElementById('main');
	main.replaceChildren();
	append(main, children);
	main.focus({preventScroll: true});
	window.scrollTo(0, 0);
}

// Draws the page of an address anew, if it is still the one that is looked at.
export function anew(draw) {
	const address = location.hash;
	return () => location.hash === address ? draw() : null;
}

// A message that goes by itself; with an act (undo, say) it stays longer.
export function toast(text, act) {
	const run = async () => {
		note.remove();
		try { await act.run(); } catch (problem) { toast(fault(problem)); }
	};
	const note = h('p', {}, text, act && h('button', {type: 'button', onclick: run}, act.label));
	document.getElementById('toast').append(note);
	setTimeout(() => note.remove(), act ? 10000 : 5000);
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

// What must be filled in and is not is said before anything is sent: over a slow network the answer is known here.  So is half a day or no
// number, of which the browser would send nothing.
function requireFilled(element) {
	const inputs = [...element.elements], half = inputs.find((input) => input.validity.badInput);
	if (half) throw Object.assign(new Error(half.name), {field: half.name, code: 'unreadable'});
	const empty = inputs.find((input) => input.required && input.value.trim() === '');
	if (empty) throw Object.assign(new Error(empty.name), {field: empty.name, code: 'missing'});
}

// A form whose button waits for the answer; a fault is shown at the field that the gateway names.
export function form(fields, label, submit) {
	const notice = h('p', {class: 'warn', role: 'alert'});
	const button = h('button', {class: 'main', type: 'submit'}, label);
	const element = h('form', {novalidate: true, onsubmit: async (event) => {
		event.preventDefault();
		button.disabled = true;
		notice.textContent = '';
		for (const wrong of element.querySelectorAll('[aria-invalid]')) wrong.removeAttribute('aria-invalid');
		try {
			requireFilled(element);
			await submit(new FormData(element), element);
		} catch (problem) {
			const wrong = problem.field && element.elements.namedItem(problem.field);
			notice.textContent = fault(problem, wrong instanceof Element ? (wrong.labels ? wrong.labels[0] : wrong.querySelector('legend'))?.textContent : null);
			if (wrong instanceof Element) {
				wrong.setAttribute('aria-invalid', 'true');
				wrong.focus();
			}
		} finally {
			button.disabled = false;
		}
	}}, fields, notice, h('div', {class: 'row'}, button));
	return element;
}
