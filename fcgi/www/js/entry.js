// The form in which a role registers customers: fields as headquarters set them, drawn by their type and read back by
// name.
import {append, check, code, field, get, h, named, t} from './base.js';

// Without a network it is the form that every role begins with.
const least = [
	{field: 'phone', type: 'text', is_required: true},
	{field: 'name', type: 'text', is_required: true},
	{field: 'birthday', type: 'date', is_required: false},
];
export const askForm = () =>
	get('entry-form').then(
		(form) => form.fields,
		(problem) => {
			if (problem.status !== 0) throw problem;
			return least;
		},
	);

const counter = ['phone', 'name', 'birthday'];
export const fieldName = (one) =>
	named(one, t(counter.includes(one.field) ? `enrol.${one.field}` : `field.${one.field}`));

const kinds = {phone: {type: 'tel'}, email: {type: 'email'}};
const option = (one) => (value) => (one.field === 'sex' ? code('sex', value) : value);

export function inputs(fields, typed) {
	return fields.map((one) => {
		const label = one.is_required ? fieldName(one) : t('enrol.optional', {name: fieldName(one)});
		const required = one.is_required;
		if (one.type === 'multi_option')
			return h(
				'fieldset',
				{name: one.field, tabindex: '-1'},
				h('legend', {}, label),
				h(
					'span',
					{class: 'many'},
					one.options.map((value) => check(`${one.field}:${value}`, value)),
				),
			);
		if (one.type === 'bool') return check(one.field, label);
		if (one.type === 'option')
			return [
				h('label', {for: one.field}, label),
				append(h('select', {id: one.field, name: one.field, required}), [
					h('option', {value: ''}, '–'),
					one.options.map((value) => h('option', {value}, option(one)(value))),
				]),
			];
		if (one.type === 'number')
			return field(one.field, label, {inputmode: 'decimal', autocomplete: 'off', required});
		return field(one.field, label, {
			autocomplete: 'off',
			required,
			value: typed[one.field] ?? '',
			...(one.type === 'date' ? {placeholder: '1990-05-01'} : {}),
			...kinds[one.field],
		});
	});
}

export function entered(fields, data) {
	const value = (one) => {
		if (one.type === 'multi_option') return one.options.filter((each) => data.get(`${one.field}:${each}`));
		if (one.type === 'bool') return data.get(one.field) ? true : null;
		const text = (data.get(one.field) || '').trim();
		return one.type === 'number' && text !== '' && Number.isFinite(Number(text)) ? Number(text) : text || null;
	};
	const all = Object.fromEntries(fields.map((one) => [one.field, value(one)]));
	const {phone, name, birthday, ...others} = all;
	return {
		phone,
		name,
		birthday: birthday ?? null,
		fields: Object.fromEntries(
			Object.entries(others).filter(
				([, given]) => given !== null && !(Array.isArray(given) && given.length === 0),
			),
		),
	};
}
