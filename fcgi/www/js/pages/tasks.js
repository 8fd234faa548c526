// Today's list: what is overdue first; ticked off with what came of it.
import {append, day, fault, h, list, moment, post, show, t, toast, withWords} from '../base.js';
import {progress} from '../goals.js';
import {write} from '../waiting.js';

const lists = ['mine', 'store', 'escalated'];

export async function draw([wanted]) {
	const which = lists.includes(wanted) ? wanted : 'mine';
	// an empty list would say that there is nothing to do
	const place = h('ul', {class: 'plain', 'aria-busy': 'true'}, h('li', {class: 'faint'}, t('loading')));
	const goals = h('div', {});
	show(
		h('h1', {}, t('page.tasks')),
		h(
			'div',
			{class: 'row'},
			lists.map((name) =>
				h(
					'a',
					{href: `#/tasks/${name}`, class: 'tag', 'aria-current': name === which ? 'true' : null},
					t(`tasks.${name}`),
				),
			),
			h('a', {href: '#/owned', class: 'tag'}, t('tasks.my_persons')),
		),
		h('div', {class: 'card'}, place),
		goals,
	);
	await fill(place, which, '');
	own(goals).catch(() => null);
}

// One's own goals, when somebody set some; without a network the list stands without them.
async function own(goals) {
	const {rows} = await list('my-targets');
	if (rows.length === 0) return;
	await withWords('desk');
	append(goals, [
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t('goal.mine')),
			h(
				'ul',
				{class: 'plain'},
				rows.map((row) => h('li', {}, t(`goal.${row.metric}`), ' ', ...progress(row))),
			),
		),
	]);
}

async function fill(place, which, cursor) {
	const page = await list(`tasks?list=${which}&limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
	if (!cursor) place.replaceChildren();
	place.removeAttribute('aria-busy');
	for (const task of page.rows) {
		if (!place.querySelector('[data-later]') && localDay(task.due_at) > localDay(Date.now()))
			append(place, [h('li', {class: 'faint', 'data-later': true}, t('tasks.later'))]);
		append(place, [row(task, which)]);
	}
	if (!cursor && page.rows.length === 0) append(place, [nothing(which)]);
	if (page.next) {
		const more = h(
			'button',
			{
				type: 'button',
				onclick: async () => {
					await fill(place, which, page.next);
					more.remove();
				},
			},
			t('more'),
		);
		append(place, [more]);
	}
}

const nothing = (which) => h('li', {class: 'faint', 'data-nothing': true}, t(`tasks.none_${which}`));

function row(task, which) {
	const line = h(
		'li',
		{},
		h('a', {href: `#/person/${task.customer_id}`}, task.name || t('unnamed')),
		' ',
		h('strong', {}, title(task)),
		' ',
		due(task),
		task.staff_name && task.kind !== 'mention' && h('span', {class: 'faint'}, ' · ', task.staff_name),
		task.body && h('p', {class: 'said'}, task.body),
		h(
			'div',
			{class: 'row'},
			(endings[task.kind] || ['reached', 'unreached', 'bought']).map((outcome) =>
				h('button', {type: 'button', onclick: () => finish(task, outcome, line, which)}, t(`tasks.${outcome}`)),
			),
		),
	);
	return line;
}

// A follow-up is of a day: what is to be done today is not late because the morning is over.
const localDay = (at) => new Intl.DateTimeFormat('sv-SE', {timeZone: 'Asia/Shanghai'}).format(new Date(at));
function due({kind, due_at: at, is_overdue: isOver}) {
	const isOfDay = ['hand', 'follow_up'].includes(kind);
	if (isOfDay && localDay(at) === localDay(Date.now())) return h('strong', {class: 'good'}, t('tasks.today'));
	return h(
		'span',
		{class: isOver ? 'warn' : 'faint'},
		isOfDay ? day(localDay(at)) : moment(at),
		isOver && ` · ${t('tasks.overdue')}`,
	);
}

// A mention is read; a complaint or question is settled on its own page, and its task ends with it.
const endings = {mention: ['seen'], ticket: []};
const pages = {ticket: ['tickets', 'ticket_id'], deal: ['deals', 'deal_id'], stall: ['deals', 'deal_id']};

function title(task) {
	if (task.kind === 'mention') return t('tasks.mention', {who: task.title.replace(/^@ ?/, '')});
	const [page, id] = pages[task.kind] || [];
	return task[id]
		? h('a', {href: `#/${page}/one/${task.customer_id}/${task[id]}`}, `${t(`page.${page}`)} · ${task.title}`)
		: task.title;
}

async function finish(task, outcome, line, which) {
	const buttons = line.querySelectorAll('button');
	for (const button of buttons) button.disabled = true;
	try {
		const done = await write(
			`persons/${task.customer_id}/tasks/${task.task_id}/finish`,
			{outcome, state: 'done'},
			`${t('page.tasks')} ${task.name || ''} ${task.title}`,
		);
		for (const button of buttons) button.disabled = false;
		const after = line.nextElementSibling,
			place = line.parentElement;
		line.remove();
		if (place.querySelector('li > .row, button') === null) place.replaceChildren(nothing(which));
		if (!done) toast(t('waiting.kept'));
		else toast(t('saved'), {label: t('undo'), run: () => takeBack(task, line, place, after)});
	} catch (problem) {
		for (const button of buttons) button.disabled = false;
		toast(fault(problem));
	}
}

async function takeBack(task, line, place, after) {
	try {
		await post(`persons/${task.customer_id}/tasks/${task.task_id}/reopen`);
		place.querySelector('[data-nothing]')?.remove();
		place.insertBefore(line, after?.parentElement === place ? after : null);
		toast(t('tasks.taken_back'));
	} catch (problem) {
		toast(fault(problem));
	}
}
