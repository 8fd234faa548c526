// What each role enters when it registers a customer: which fields, in which order, which must be filled in.  An edit
// holds at once and is a version; an earlier one is taken back as it was.
import {anew, append, code, fault, get, h, put, show, t, toast, withWords} from '../base.js';
import {drafted, forget, keep, kept} from '../drafts.js';
import {fieldName} from '../entry.js';
import {ownFields} from '../own_fields.js';
import {versions} from '../versions.js';

const roles = ['clerk', 'store_manager', 'manager', 'service', 'headquarters'];
const fixed = ['phone', 'name'];

// "fields.3", "fields.3.field": the third place of the form, "fields.3.is_required": whether it must be filled in.
const part = (path) => {
	const [, n, what] = path.split('.');
	return t(what === 'is_required' ? 'guide.required' : 'guide.place', {n});
};
const said = (given, plain, label) =>
	typeof given === 'string'
		? label(given)
		: given && typeof given === 'object'
			? `${label(given.field)}${given.is_required ? '*' : ''}`
			: plain(given);

export async function draw([role = 'clerk'], me) {
	await Promise.all([withWords('house'), withWords('fields'), withWords('guide')]);
	const [form, owns] = await Promise.all([
		get(`entry-forms/${encodeURIComponent(role)}`),
		me.role === 'crm_headquarters'
			? get('settings').then((page) => page.items.find((row) => row.name === 'sales.enroller_owns')?.value)
			: undefined,
	]);
	const key = `form:${role}`;
	const draft = kept(key);
	const now = draft || form.fields.map(({field, is_required}) => ({field, is_required}));
	const label = (name) => fieldName(form.known.find((one) => one.field === name) || {field: name});
	const place = h('ol', {class: 'parts'}),
		more = h('div', {class: 'row add'}),
		notice = h('p', {class: 'warn', role: 'alert'});
	const again = anew(() => draw([role], me));
	const redraw = (focus) => {
		place.replaceChildren();
		append(
			place,
			now.map((one, i) => line(one, i)),
		);
		const left = form.known.filter((one) => !now.some((other) => other.field === one.field));
		const choice = h(
			'select',
			{id: 'more', 'aria-label': t('form.more')},
			left.map((one) => h('option', {value: one.field}, fieldName(one))),
		);
		more.replaceChildren();
		if (left.length > 0)
			append(more, [
				choice,
				h(
					'button',
					{
						type: 'button',
						onclick: () => {
							now.push({field: choice.value, is_required: false});
							changed(`field_${now.length}`);
						},
					},
					t('form.add'),
				),
			]);
		if (focus) document.getElementById(focus)?.focus();
	};
	const changed = (focus) => {
		keep(key, now);
		redraw(focus);
	};
	const move = (i, to) => {
		now.splice(to, 0, ...now.splice(i, 1));
		changed(`field_${to + 1}`);
	};
	const line = (one, i) =>
		h(
			'li',
			{},
			h(
				'div',
				{class: 'phrase', role: 'group', id: `field_${i + 1}`, tabindex: '-1', 'aria-label': label(one.field)},
				h('strong', {}, label(one.field)),
				h(
					'label',
					{class: 'check'},
					h('input', {
						type: 'checkbox',
						checked: one.is_required,
						disabled: fixed.includes(one.field),
						onchange: (event) => {
							one.is_required = event.target.checked;
							changed(`field_${i + 1}`);
						},
					}),
					t('form.required'),
				),
				h(
					'span',
					{class: 'ends'},
					i > 0 &&
						h(
							'button',
							{
								type: 'button',
								class: 'quiet',
								'aria-label': t('form.up', {name: label(one.field)}),
								onclick: () => move(i, i - 1),
							},
							'↑',
						),
					i < now.length - 1 &&
						h(
							'button',
							{
								type: 'button',
								class: 'quiet',
								'aria-label': t('form.down', {name: label(one.field)}),
								onclick: () => move(i, i + 1),
							},
							'↓',
						),
					!fixed.includes(one.field) &&
						h(
							'button',
							{
								type: 'button',
								class: 'quiet',
								'aria-label': t('form.drop', {name: label(one.field)}),
								onclick: () => {
									now.splice(i, 1);
									changed('more');
								},
							},
							'✕',
						),
				),
			),
		);
	const store = async (fields, back) => {
		notice.textContent = '';
		try {
			await put(`entry-forms/${encodeURIComponent(role)}`, {fields});
			forget(key);
			await again();
			toast(t('form.saved'), back && {label: t('undo'), run: () => store(back, null)});
		} catch (problem) {
			notice.textContent = fault(problem);
		}
	};
	redraw();
	show(
		h('h1', {}, t('page.forms')),
		h('p', {class: 'faint'}, t('form.what')),
		h(
			'div',
			{class: 'row'},
			roles.map((name) =>
				h(
					'a',
					{href: `#/forms/${name}`, class: 'tag', 'aria-current': name === role ? 'true' : null},
					code('role', name),
				),
			),
		),
		draft && drafted(key, () => draw([role], me)),
		h(
			'form',
			{
				class: 'card',
				novalidate: true,
				onsubmit: (event) => {
					event.preventDefault();
					store(
						now,
						form.fields.map(({field, is_required}) => ({field, is_required})),
					);
				},
			},
			place,
			more,
			notice,
			h('div', {class: 'row'}, h('button', {class: 'main', type: 'submit'}, t('save'))),
		),
		owns !== undefined && owner(owns),
		versions(`entry-forms/${encodeURIComponent(role)}`, {
			name: part,
			value: (given, path, plain) => said(given, plain, label),
			again,
		}),
		await ownFields(again, me),
	);
}

// Whether whoever registers a customer looks after them from then on.
function owner(owns) {
	const box = h('input', {
		type: 'checkbox',
		checked: owns,
		onchange: async () => {
			try {
				await put('settings/sales.enroller_owns', {value: box.checked});
				toast(t('saved'));
			} catch (problem) {
				box.checked = !box.checked;
				toast(fault(problem));
			}
		},
	});
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('form.after')),
		h('label', {class: 'check'}, box, t('form.owns')),
	);
}
