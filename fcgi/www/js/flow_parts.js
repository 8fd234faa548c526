// Parts of a flow's form that stand in each wave: for whom it is (a branch), the task it gives the store, and what a
// vendor that sends approved texts alone has to be told.
import {h, t} from './base.js';
import {ruleEditor} from './rule_editor.js';

export const choice = (id, label, options, chosen, set) =>
	h(
		'div',
		{class: 'field'},
		h('label', {for: id}, label),
		h(
			'select',
			{id, onchange: (event) => set(event.target.value)},
			options.map(([value, text]) => h('option', {value, selected: value === (chosen ?? '')}, text)),
		),
	);

// A rule of a spec or of a wave; one that holds nothing is none.
export function ruled(page, owner, name, label, {onChange = () => {}, prefix = name} = {}) {
	const editor = ruleEditor(
		owner[name] || {},
		(rule) => {
			if (Array.isArray(rule.all) && rule.all.length === 0 && name !== 'who') delete owner[name];
			else owner[name] = rule;
			page.remember();
			onChange(rule);
		},
		{prefix, note: label},
	);
	page.editors.push({name, editor});
	return editor;
}

export const numbered = (name, i) => (i === 0 ? name : `${name}_${i + 1}`);

// Two waves of one day with conditions of their own are the branches of a flow.
export const branch = (page, own, i) =>
	h(
		'details',
		{open: Boolean(own.only), id: numbered('only', i)},
		h('summary', {}, t('flow.only')),
		ruled(page, own, 'only', t('flow.only'), {prefix: numbered('only_rule', i)}).element,
	);

const roles = ['crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service', 'crm_headquarters'];

// A task without a title is none.
export function errand(page, own, i) {
	const task = own.task || {};
	const set = (name, value) => {
		if (value === '') delete task[name];
		else task[name] = value;
		if (task.title) own.task = task;
		else delete own.task;
		page.remember();
	};
	const id = (name) => `${numbered('task', i)}_${name}`;
	const words = (name, tag, most) =>
		h(
			'div',
			{class: 'field'},
			h('label', {for: id(name)}, t(`flow.task_${name}`)),
			input(tag, {
				id: id(name),
				value: task[name] ?? '',
				maxlength: most,
				oninput: (event) => set(name, event.target.value),
			}),
		);
	const hours = (name) =>
		h(
			'div',
			{class: 'field'},
			h('label', {for: id(name)}, t(`flow.task_${name}`)),
			h('input', {
				id: id(name),
				type: 'number',
				inputmode: 'numeric',
				min: 1,
				value: task[name] ?? '',
				oninput: (event) => set(name, event.target.value === '' ? '' : Number(event.target.value)),
			}),
		);
	const who = (name, none) =>
		choice(
			id(name),
			t(`flow.task_${name}`),
			[...(none ? [['', none]] : []), ...roles.map((role) => [role, t(`role.${role.slice(4)}`)])],
			task[name] || (none ? '' : 'crm_clerk'),
			(value) => set(name, value),
		);
	return h(
		'details',
		{open: Boolean(own.task), id: numbered('task', i)},
		h('summary', {}, t('flow.task')),
		words('title', 'input', 200),
		words('body', 'textarea', 2000),
		h(
			'div',
			{class: 'fields'},
			who('role'),
			hours('hours'),
			hours('escalate_hours'),
			who('escalate_to', t('flow.task_nobody')),
		),
	);
}

function input(tag, {value, ...attributes}) {
	return tag === 'textarea' ? h(tag, attributes, value) : h(tag, {...attributes, value, autocomplete: 'off'});
}

// The vendor's id of the approved text, and what fills its placeholders: NAME = text, a line each (or only texts, in
// their order).
export function vendor(page, key) {
	const manner = page.manners[key.split('/')[1]];
	if (!manner || manner === 'text') return null;
	const told = () =>
		page.now.vendors[key] ?? page.now.vendors[`1/${key.split('/')[1]}`] ?? {template: '', params: null};
	const set = (change) => {
		page.now.vendors[key] = {...told(), ...change};
		page.remember();
	};
	const id = `vendor_${key.replace('/', '_')}`;
	const {template, params} = told();
	const lines = Array.isArray(params)
		? params
		: Object.entries(params || {}).map(([name, text]) => `${name} = ${text}`);
	return h(
		'details',
		{open: !template, id},
		h('summary', {}, t('flow.vendor')),
		h('label', {for: `${id}_template`}, t('flow.vendor_template')),
		h('input', {
			id: `${id}_template`,
			value: template,
			maxlength: 100,
			autocomplete: 'off',
			oninput: (event) => set({template: event.target.value.trim()}),
		}),
		h('label', {for: `${id}_params`}, t(manner === 'listed' ? 'flow.vendor_listed' : 'flow.vendor_named')),
		h(
			'textarea',
			{
				id: `${id}_params`,
				maxlength: 2000,
				oninput: (event) => set({params: paramsOf(event.target.value, manner)}),
			},
			lines.join('\n'),
		),
	);
}

function paramsOf(text, manner) {
	const lines = text
		.split('\n')
		.map((line) => line.trim())
		.filter(Boolean);
	if (manner === 'listed') return lines;
	return Object.fromEntries(
		lines.map((line) => line.split('=')).map(([name, ...rest]) => [name.trim(), rest.join('=').trim()]),
	);
}
