// Fields that the house added to what is known of customers: added, changed, and given an earlier version back.
import {append, field, h, list, named, put, t, toast} from './base.js';
import {keptForm, wasTyped} from './typed.js';
import {versions} from './versions.js';

const types = ['text', 'number', 'date', 'bool', 'option', 'multi_option'];
const parts = {
	name_zh: 'guide.name_zh',
	name_en: 'guide.name_en',
	type: 'guide.type',
	options: 'guide.options',
	is_sensitive: 'guide.sensitive',
};
const name = (path) => (parts[path] ? t(parts[path]) : null);
const value = (given, path, plain) => (path === 'type' ? t(`guide.type_${given}`) : plain(given));

const key = (row, me) => `${me.actor}:field:${row?.field ?? ''}`;

export async function ownFields(again, me) {
	const {rows} = await list('custom-fields');
	const place = h('div', {});
	const edit = (row) => {
		place.replaceChildren();
		append(place, one(row, again, me));
	};
	const begin = (row) => {
		edit(row);
		place.querySelector('input').focus();
	};
	// what was begun and not saved stands there again
	const left = [null, ...rows].find((row) => wasTyped(key(row, me)));
	if (left !== undefined) edit(left);
	return h(
		'section',
		{class: 'card', id: 'own_fields'},
		h('h2', {}, t('guide.fields')),
		h('p', {class: 'faint'}, t('guide.fields_what')),
		h(
			'p',
			{class: 'row'},
			rows
				.filter((row) => !row.is_derived)
				.map((row) => h('button', {type: 'button', onclick: () => begin(row)}, named(row))),
			h('button', {type: 'button', id: 'field_new', onclick: () => begin(null)}, t('guide.field_new')),
		),
		place,
	);
}

function one(row, again, me) {
	const type = h(
		'select',
		{
			id: 'type',
			name: 'type',
			disabled: row !== null,
			onchange: () => {
				choices.hidden = !type.value.endsWith('option');
			},
		},
		types.map((kind) => h('option', {value: kind, selected: row?.type === kind}, t(`guide.type_${kind}`))),
	);
	const choices = h(
		'div',
		{hidden: !row?.options},
		h('label', {for: 'options'}, t('guide.options_each')),
		h('textarea', {id: 'options', name: 'options'}, (row?.options || []).join('\n')),
	);
	const entry = keptForm(
		key(row, me),
		[
			row === null &&
				field('code', t('guide.field_code'), {autocomplete: 'off', required: true, pattern: '[a-z][a-z0-9_]*'}),
			field('name_zh', t('guide.name_zh'), {value: row?.name_zh, required: true, autocomplete: 'off'}),
			field('name_en', t('guide.name_en'), {value: row?.name_en, autocomplete: 'off'}),
			h('label', {for: 'type'}, t('guide.type')),
			type,
			choices,
			h(
				'label',
				{class: 'check'},
				h('input', {type: 'checkbox', name: 'is_sensitive', checked: row?.is_sensitive}),
				t('guide.sensitive'),
			),
		],
		t('save'),
		async (data, element, done) => {
			const kind = row?.type ?? type.value;
			await put(`custom-fields/${encodeURIComponent(row?.field ?? data.get('code').trim())}`, {
				type: kind,
				name_zh: data.get('name_zh'),
				name_en: data.get('name_en'),
				is_sensitive: data.get('is_sensitive') !== null,
				...(kind.endsWith('option')
					? {
							options: data
								.get('options')
								.split('\n')
								.map((line) => line.trim())
								.filter(Boolean),
						}
					: {}),
			});
			done();
			toast(t('guide.field_saved'));
			await again();
		},
	);
	choices.hidden = !type.value.endsWith('option'); // as it was typed before
	return [
		h('h3', {}, row ? named(row) : t('guide.field_new')),
		entry,
		row && versions(`custom-fields/${encodeURIComponent(row.field)}`, {name, value, again}),
	];
}
