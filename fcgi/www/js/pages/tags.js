// The dictionary of tags: automatic ones made of phrases like audiences, others given by hand or by a model.
import {append, fault, h, language, leading, list, named, put, show, t, toast, withWords} from '../base.js';
import {drafted, forget, keep, kept} from '../drafts.js';
import {askAnew} from '../phrases.js';
import {behindOf, opening} from '../report_parts.js';
import {liveCount, ruleEditor} from '../rule_editor.js';
import {save, table} from '../table.js';

const title = (row) => named(row, row.tag);
const layers = ['base', 'behaviour', 'prediction'];

export async function draw([what = '', tag = '']) {
	await withWords('marketer');
	const rows = (await list('tags')).rows;
	if (what === 'new') return edit(null);
	if (what === 'edit' && rows.some((row) => row.tag === tag)) return edit(rows.find((row) => row.tag === tag));
	show(
		h('h1', {}, t('page.tags')),
		h('div', {class: 'row'}, h('a', {class: 'button main', href: '#/tags/new'}, t('tag.new'))),
		h(
			'div',
			{class: 'card'},
			table(
				t('page.tags'),
				[t('tag.name'), t('tag.layer'), t('tag.kind'), [t('audience.persons'), 'number']],
				rows.map((row) => [
					row.kind === 'predicted'
						? title(row)
						: h('a', {href: `#/tags/edit/${encodeURIComponent(row.tag)}`}, title(row)),
					t(`layer.${row.layer}`),
					t(`tag.${row.kind}`),
					opening(row.persons, behindOf('tagged', row.tag)),
				]),
			),
			h(
				'div',
				{class: 'row'},
				h(
					'button',
					{
						type: 'button',
						onclick: () =>
							save('tags', [
								[t('tag.name'), t('tag.layer'), t('tag.kind'), t('audience.persons')],
								...rows.map((row) => [
									title(row),
									t(`layer.${row.layer}`),
									t(`tag.${row.kind}`),
									row.persons,
								]),
							]),
					},
					t('csv'),
				),
			),
		),
	);
}

function edit(row) {
	const key = `tag:${row ? row.tag : 'new'}`;
	const draft = kept(key);
	const now = draft || {
		name: row ? title(row) : '',
		layer: row ? row.layer : 'behaviour',
		kind: row ? row.kind : 'automatic',
		rule: (row && row.rule) || {},
	};
	const count = h('p', {role: 'status'}),
		sample = h('div', {}),
		notice = h('p', {class: 'warn', role: 'alert'}),
		place = h('div', {class: 'card'});
	const remember = () => keep(key, now);
	let editor = null;
	const ask = liveCount(count, sample, (preview, problem) => {
		if (editor) {
			editor.tell(preview);
			if (problem) editor.refuse(problem);
		}
	});
	const drawRule = () => {
		place.replaceChildren();
		editor = null;
		if (now.kind !== 'automatic') return append(place, [h('p', {}, t('tag.by_hand'))]);
		editor = ruleEditor(now.rule, (rule) => {
			now.rule = rule;
			remember();
			ask(rule);
		});
		append(place, [editor.element]);
		setTimeout(() => ask(now.rule));
	};
	const choice = (id, label, options, chosen, set, fixed) => [
		h('label', {for: id}, label),
		h(
			'select',
			{
				id,
				disabled: fixed,
				onchange: (event) => {
					set(event.target.value);
					remember();
				},
			},
			options.map(([value, text]) => h('option', {value, selected: value === chosen}, text)),
		),
	];
	const store = async (event) => {
		event.preventDefault();
		notice.textContent = '';
		if (editor && editor.isOpen()) {
			notice.textContent = t('rule.fill_in');
			return editor.focusOpen();
		}
		const onward = leading(),
			before = row && {
				name_zh: row.name_zh,
				name_en: row.name_en,
				layer: row.layer,
				kind: row.kind,
				rule: row.rule,
			};
		// the code of a new tag is its name, without what codes cannot have
		const send = (body) =>
			put(`tags/${encodeURIComponent(row ? row.tag : now.name.trim().replace(/[\s:]+/g, '_'))}`, body);
		try {
			await send({
				name_zh: language === 'en' && row ? row.name_zh : now.name.trim(),
				name_en: language === 'en' ? now.name.trim() : row ? row.name_en : '',
				layer: now.layer,
				kind: now.kind,
				rule: now.kind === 'automatic' ? now.rule : null,
			});
			forget(key);
			askAnew();
			onward('#/tags');
			toast(
				t('saved'),
				before && {
					label: t('undo'),
					run: async () => {
						await send(before);
						toast(t('saved'));
						if (location.hash === '#/tags') await draw([]);
					},
				},
			);
		} catch (problem) {
			notice.textContent = fault(problem);
			if (editor) editor.refuse(problem);
			const wrong = document.getElementById(
				problem.field === 'name_zh' || problem.field === 'code' ? 'tag' : problem.field,
			);
			if (wrong) {
				wrong.setAttribute('aria-invalid', 'true');
				wrong.focus();
			}
		}
	};
	show(
		h('h1', {}, row ? title(row) : t('tag.new')),
		draft && drafted(key, () => edit(row)),
		h(
			'form',
			{novalidate: true, class: 'beside', onsubmit: store},
			place,
			h(
				'aside',
				{class: 'card', 'aria-label': t('audience.meant')},
				h('h2', {}, t('audience.meant')),
				count,
				sample,
				h('label', {for: 'tag'}, t('tag.name')),
				h('input', {
					id: 'tag',
					value: now.name,
					maxlength: 60,
					autocomplete: 'off',
					oninput: (event) => {
						now.name = event.target.value;
						remember();
					},
				}),
				choice(
					'layer',
					t('tag.layer'),
					layers.map((layer) => [layer, t(`layer.${layer}`)]),
					now.layer,
					(value) => {
						now.layer = value;
					},
				),
				choice(
					'kind',
					t('tag.kind'),
					['automatic', 'manual'].map((kind) => [kind, t(`tag.${kind}`)]),
					now.kind,
					(value) => {
						now.kind = value;
						drawRule();
					},
					Boolean(row),
				),
				notice,
				h(
					'div',
					{class: 'row'},
					h('button', {class: 'main', type: 'submit'}, t('save')),
					h('a', {class: 'button', href: '#/tags'}, t('flow.back')),
				),
			),
		),
	);
	drawRule();
}
