// Audiences: built from phrases with the count beside, kept as segments, with their members and who came and went.
import {
	anew,
	append,
	del,
	fault,
	follow,
	get,
	h,
	leading,
	list,
	moment,
	named,
	number,
	percent,
	post,
	put,
	show,
	t,
	toast,
	withWords,
} from '../base.js';
import {bars} from '../chart.js';
import {newCode} from '../code.js';
import {drafted, forget, keep, kept} from '../drafts.js';
import {askAnew} from '../phrases.js';
import {behindOf, daysBack, opening, told} from '../report_parts.js';
import {liveCount, ruleEditor} from '../rule_editor.js';
import {save, table} from '../table.js';
import {saveWhole} from '../whole_list.js';

const mayWrite = (me) => ['crm_marketer', 'crm_headquarters'].includes(me.role);
const title = (row) => named(row, row.segment);
const path = (code) => `segments/${encodeURIComponent(code)}`;

export async function draw([what = '', code = ''], me) {
	await withWords('marketer');
	if (what === 'new') return edit(null, me);
	const all = (await list('segments')).rows;
	const row = all.find((candidate) => candidate.segment === (what === 'edit' ? code : what));
	if (what && !row)
		return show(
			h('h1', {}, t('page.audiences')),
			h('p', {class: 'card'}, t('fault.404')),
			h('a', {href: '#/audiences'}, t('page.audiences')),
		);
	if (what === 'edit') return edit(row, me);
	return row ? one(row, me) : overview(all, me);
}

function overview(rows, me) {
	show(
		h('h1', {}, t('page.audiences')),
		mayWrite(me) &&
			h('div', {class: 'row'}, h('a', {class: 'button main', href: '#/audiences/new'}, t('audience.new'))),
		h(
			'div',
			{class: 'card'},
			rows.length === 0
				? h('p', {class: 'faint'}, t(mayWrite(me) ? 'audience.empty' : 'none'))
				: table(
						t('page.audiences'),
						[t('audience.name'), [t('audience.persons'), 'number'], t('audience.as_of')],
						rows.map((row) => [
							h('a', {href: `#/audiences/${encodeURIComponent(row.segment)}`}, title(row)),
							opening(row.persons, `#/audiences/${encodeURIComponent(row.segment)}`),
							row.error
								? h('span', {class: 'warn'}, row.error)
								: row.as_of
									? moment(row.as_of)
									: t('audience.filling'),
						]),
					),
			rows.length > 0 &&
				h(
					'div',
					{class: 'row'},
					h(
						'button',
						{
							type: 'button',
							onclick: () =>
								save('audiences', [
									[t('audience.name'), t('audience.persons'), t('audience.as_of')],
									...rows.map((row) => [title(row), row.persons, row.as_of]),
								]),
						},
						t('csv'),
					),
				),
		),
		rows.length > 1 && overlap(rows),
	);
}

function overlap(rows) {
	const answer = h('div', {'aria-live': 'polite'});
	const chooser = (id, label, chosen) => [
		h('label', {for: id}, label),
		h(
			'select',
			{id},
			rows.map((row, i) => h('option', {value: row.segment, selected: i === chosen}, title(row))),
		),
	];
	const ask = async () => {
		try {
			const codes = ['overlap_a', 'overlap_b'].map((id) => document.getElementById(id).value);
			const [pair] = await post('segment-overlap', {codes: codes[0] === codes[1] ? [codes[0]] : codes});
			const names = codes.map((code) => title(rows.find((row) => row.segment === code)));
			answer.replaceChildren(
				h(
					'p',
					{},
					told('overlap.both', {
						n: opening(
							pair.both,
							codes[0] === codes[1]
								? `#/audiences/${encodeURIComponent(codes[0])}`
								: behindOf('overlap', JSON.stringify(codes)),
						),
					}),
				),
				h('p', {}, t('overlap.share', {name: names[0], share: percent(pair.share_of_a)})),
				h('p', {}, t('overlap.share', {name: names[1], share: percent(pair.share_of_b)})),
				bars(t('overlap.title'), [
					{label: names[0], value: pair.a_persons, text: number(pair.a_persons)},
					{label: names[1], value: pair.b_persons, text: number(pair.b_persons)},
					{label: t('overlap.in_both'), value: pair.both, text: number(pair.both)},
				]),
			);
		} catch (problem) {
			answer.replaceChildren(h('p', {class: 'warn'}, fault(problem)));
		}
	};
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('overlap.title')),
		chooser('overlap_a', t('overlap.a'), 0),
		chooser('overlap_b', t('overlap.b'), 1),
		h('div', {class: 'row'}, h('button', {type: 'button', onclick: ask}, t('overlap.go'))),
		answer,
	);
}

function edit(row, me) {
	const key = `audience:${row ? row.segment : 'new'}`;
	const draft = kept(key);
	const begin = draft || {
		name_zh: row ? row.name_zh : '',
		name_en: row && row.name_en !== row.name_zh ? row.name_en : '',
		rule: row ? row.rule || {} : {},
	};
	const count = h('p', {role: 'status'}),
		sample = h('div', {}),
		notice = h('p', {class: 'warn', role: 'alert'});
	const name = (id, label, value) => [
		h('label', {for: id}, label),
		h('input', {id, name: id, value, maxlength: 100, autocomplete: 'off', oninput: () => remember()}),
	];
	const ask = liveCount(count, sample, (preview, problem) => {
		editor.tell(preview);
		if (problem) editor.refuse(problem);
	});
	const editor = ruleEditor(begin.rule, (rule) => {
		remember();
		ask(rule);
	});
	const values = () => ({
		name_zh: document.getElementById('name_zh').value.trim(),
		name_en: document.getElementById('name_en').value.trim(),
		rule: editor.rule(),
	});
	const remember = () => keep(key, values());
	const store = async (event) => {
		event.preventDefault();
		notice.textContent = '';
		if (editor.isOpen()) {
			notice.textContent = t('rule.fill_in');
			return editor.focusOpen();
		}
		const code = row ? row.segment : newCode('audience'),
			onward = leading();
		try {
			await put(path(code), {...values(), kind: 'living'});
			forget(key);
			askAnew();
			toast(t('saved'));
			onward(`#/audiences/${encodeURIComponent(code)}`);
		} catch (problem) {
			notice.textContent = fault(
				problem,
				problem.field === 'name_zh' || problem.field === 'code' ? t('audience.name') : null,
			);
			editor.refuse(problem);
			const wrong = document.getElementById(problem.field);
			if (wrong) {
				wrong.setAttribute('aria-invalid', 'true');
				wrong.focus();
			}
		}
	};
	show(
		h('h1', {}, row ? title(row) : t('audience.new')),
		draft && drafted(key, () => edit(row, me)),
		h(
			'form',
			{novalidate: true, class: 'beside', onsubmit: store},
			h('div', {class: 'card'}, editor.element),
			h(
				'aside',
				{class: 'card', 'aria-label': t('audience.meant')},
				h('h2', {}, t('audience.meant')),
				count,
				sample,
				mayWrite(me) && [
					name('name_zh', t('audience.name'), begin.name_zh),
					name('name_en', t('audience.name_en'), begin.name_en),
					notice,
					h('div', {class: 'row'}, h('button', {class: 'main', type: 'submit'}, t('save'))),
				],
			),
		),
	);
	ask(editor.rule());
}

// A new one is filled in a moment: the page waits for it, and shows it then.
async function filled({segment}, me) {
	const again = anew(() => draw([segment], me));
	const found = ({items}) => items.find((row) => row.segment === segment);
	await follow(
		'segments',
		(page) => !found(page) || found(page).as_of || found(page).error,
		() => null,
	);
	await again();
}

async function one(row, me) {
	const members = h('div', {}),
		changes = h('div', {}),
		reading = h('p', {class: 'faint'});
	show(
		h('h1', {}, title(row), ' ', h('span', {class: 'tag'}, t(`audience.${row.kind}`))),
		h(
			'p',
			{},
			h('span', {class: 'big'}, number(row.as_of ? row.persons : null)),
			' ',
			h(
				'span',
				{class: 'faint'},
				row.as_of ? t('audience.right', {at: moment(row.as_of)}) : t('audience.filling'),
			),
		),
		row.error && h('p', {class: 'warn'}, row.error),
		h(
			'div',
			{class: 'row'},
			mayWrite(me) && [
				row.rule &&
					h('a', {class: 'button', href: `#/audiences/edit/${encodeURIComponent(row.segment)}`}, t('edit')),
				h('button', {type: 'button', onclick: () => drop(row)}, t('delete')),
			],
			h('button', {type: 'button', onclick: () => everybody(row, reading)}, t('csv')),
		),
		reading,
		h(
			'div',
			{class: 'cards'},
			h('section', {class: 'card'}, h('h2', {}, t('audience.members')), members),
			h('section', {class: 'card'}, h('h2', {}, t('audience.moves')), changes),
		),
	);
	// what cannot be followed is seen when the page is opened again
	if (!row.as_of && !row.error) filled(row, me).catch(() => null);
	const [movement] = await Promise.all([
		get(`${path(row.segment)}/movement?from=${daysBack(27)}&to=${daysBack(0)}`),
		page(members, `${path(row.segment)}/members?limit=50`, person),
	]);
	const weeks = [0, 1, 2, 3].map((week) => movement.slice(week * 7, week * 7 + 7));
	const sum = (days, which) => days.reduce((total, one_day) => total + one_day[which], 0);
	append(
		changes,
		['entered', 'left'].map((which) =>
			bars(
				t(`audience.${which}`),
				weeks.map((days, i) => ({
					label: i === 3 ? t('audience.last_week') : t('audience.weeks_ago', {n: 3 - i}),
					value: sum(days, which),
					text: `${which === 'entered' ? '+' : '−'}${number(sum(days, which))}`,
				})),
			),
		),
	);
	await page(changes, `${path(row.segment)}/changes?limit=30`, (change) =>
		h(
			'li',
			{},
			h('span', {class: change.kind === 'enter' ? 'good' : 'warn'}, t(`audience.${change.kind}`)),
			' ',
			link(change),
			' ',
			h('span', {class: 'faint'}, moment(change.at)),
		),
	);
}

const link = (row) => h('a', {href: `#/person/${row.customer_id}`}, row.name || t('unnamed'));
const person = (row) =>
	h(
		'li',
		{},
		link(row),
		' ',
		h('span', {class: 'faint'}, row.phone || '', ' · ', t('audience.since', {at: moment(row.since)})),
	);

async function page(place, address, line) {
	const rows = h('ul', {class: 'plain'});
	append(place, [rows]);
	const fill = async (cursor) => {
		const answer = await list(`${address}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
		append(rows, answer.rows.map(line));
		if (!cursor && answer.rows.length === 0) append(rows, [h('li', {class: 'faint'}, t('none'))]);
		if (answer.next) {
			const more = h(
				'button',
				{
					type: 'button',
					onclick: async () => {
						await fill(answer.next);
						more.remove();
					},
				},
				t('more'),
			);
			append(place, [more]);
		}
	};
	await fill('');
}

const everybody = (row, place) =>
	saveWhole(
		place,
		title(row),
		{path: `${path(row.segment)}/members`, rows: [], next: '', most: 200000, total: row.persons},
		[t('csv.id'), t('csv.name'), t('csv.phone'), t('csv.since')],
		(one_row) => [one_row.customer_id, one_row.name, one_row.phone, one_row.since],
	);

async function drop(row) {
	const onward = leading();
	try {
		await del(path(row.segment));
		askAnew();
		onward('#/audiences');
		toast(
			t('audience.dropped', {name: title(row)}),
			row.rule && {
				label: t('undo'),
				run: async () => {
					const back = leading();
					await put(path(row.segment), {
						name_zh: row.name_zh,
						name_en: row.name_en,
						rule: row.rule,
						kind: row.kind,
					});
					back(`#/audiences/${encodeURIComponent(row.segment)}`);
				},
			},
		);
	} catch (problem) {
		toast(fault(problem));
	}
}
