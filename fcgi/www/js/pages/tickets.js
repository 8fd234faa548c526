// Complaints and questions: what has to be settled first, one ticket with its life, a new one for a customer.
// #/tickets/LIST, #/tickets/one/PERSON/TICKET, #/tickets/new/PERSON
import {
	anew,
	append,
	code,
	field,
	get,
	h,
	language,
	leading,
	list,
	moment,
	named,
	post,
	put,
	show,
	t,
	toast,
	withWords,
} from '../base.js';
import {table} from '../table.js';
import {keptForm} from '../typed.js';
import {wholeList} from '../whole_list.js';

const lists = ['mine', 'open', 'late', 'resolved'];

export async function draw([which, person, ticket], me) {
	await withWords('desk');
	if (which === 'one') return one(person, ticket, me);
	if (which === 'new') return fresh(person, me);
	return all(lists.includes(which) ? which : me.role === 'crm_clerk' || me.role === 'crm_service' ? 'mine' : 'open');
}

const topicOf = (row) => (language === 'en' ? row.topic_en : row.topic_zh);
const whole = (row) => `#/tickets/one/${row.customer_id}/${row.ticket_id}`;

async function all(which) {
	const place = h('div', {}),
		path = `tickets?list=${which}`;
	const file = wholeList(
		`tickets-${which}`,
		path,
		[
			'id',
			'kind',
			'topic',
			'title',
			'name',
			'store',
			'state',
			'opened_at',
			'answered_at',
			'resolved_at',
			'staff',
			'stars',
		],
		(row) => [
			row.ticket_id,
			row.kind,
			row.topic,
			row.title,
			row.name,
			row.store,
			row.state,
			row.opened_at,
			row.answered_at,
			row.resolved_at,
			row.staff,
			row.stars,
		],
	);
	const fill = async (cursor) => {
		const page = await list(`${path}&limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
		file.add(page);
		const more = h(
			'button',
			{
				type: 'button',
				onclick: async () => {
					await fill(page.next);
					more.remove();
				},
			},
			t('more'),
		);
		append(place, [
			!cursor && page.rows.length === 0
				? h('p', {class: 'faint'}, t(`tickets.none_${which}`))
				: table(
						t('page.tickets'),
						[
							t('tickets.what'),
							t('person.name'),
							t('tickets.topic'),
							t(which === 'resolved' ? 'tickets.resolved_at' : 'tickets.due'),
							t('tickets.with'),
						],
						page.rows.map(line),
					),
			page.next && more,
		]);
	};
	show(
		h('h1', {}, t('page.tickets')),
		h(
			'div',
			{class: 'row'},
			lists.map((name) =>
				h(
					'a',
					{href: `#/tickets/${name}`, class: 'tag', 'aria-current': name === which ? 'true' : null},
					t(`tickets.${name}`),
				),
			),
			file.parts,
		),
		h('section', {class: 'card'}, place),
	);
	await fill('');
}

const due = (row) => row.resolved_at || (row.answered_at ? row.resolve_due_at : row.answer_due_at);
const line = (row) => [
	h('a', {href: whole(row)}, row.title),
	row.name || t('unnamed'),
	`${code('ticket_kind', row.kind)} · ${topicOf(row)}`,
	h('span', {class: row.is_late ? 'warn' : null}, moment(due(row)), row.is_late && ` · ${t('tasks.overdue')}`),
	row.staff_name || code('role', (row.role || '').replace('crm_', '')),
];

async function one(person, id, me) {
	const path = `persons/${person}/tickets/${id}`;
	const known = h('section', {class: 'card'}, h('h2', {}, t('article.fits')));
	const ticket = await get(path),
		again = anew(() => one(person, id, me));
	show(
		h(
			'h1',
			{},
			ticket.title,
			' ',
			h('span', {class: ticket.is_late ? 'tag warn' : 'tag'}, code('ticket_state', ticket.state)),
		),
		h(
			'p',
			{},
			h('a', {href: `#/person/${ticket.customer_id}`}, ticket.name || t('unnamed')),
			' · ',
			code('ticket_kind', ticket.kind),
			' · ',
			topicOf(ticket),
			' · ',
			code('channel', ticket.channel),
		),
		h('div', {class: 'cards'}, clocks(ticket), acts(ticket, path, me, again), ticket.state !== 'resolved' && known),
		life(ticket),
	);
	if (ticket.state !== 'resolved') await suggest(known, path);
}

// Articles that fit what was asked; one that is taken stands in the answer, to be changed before it is sent.
async function suggest(known, path) {
	const {rows} = await list(`${path}/suggestions`);
	append(known, [
		rows.length === 0
			? h('p', {class: 'faint'}, t('article.none_fits'))
			: rows.map((row) =>
					h(
						'details',
						{},
						h('summary', {}, row.title),
						h('p', {class: 'said'}, row.body),
						h(
							'div',
							{class: 'row'},
							h(
								'button',
								{
									type: 'button',
									onclick: () => {
										const form = document.querySelector('#body').form;
										form.elements.namedItem('body').value = row.body.slice(0, 4000);
										form.dataset.article = row.article_id;
										form.elements
											.namedItem('body')
											.dispatchEvent(new Event('input', {bubbles: true}));
										form.elements.namedItem('body').focus();
									},
								},
								t('article.take'),
							),
						),
					),
				),
	]);
}

function clocks(ticket) {
	const clock = (name, at, until) => [
		h('dt', {}, t(`tickets.${name}`)),
		h('dd', {class: !at && ticket.is_late ? 'warn' : null}, at ? moment(at) : t('tickets.by', {at: moment(until)})),
	];
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('tickets.clocks')),
		h(
			'dl',
			{},
			clock('answered_at', ticket.answered_at, ticket.answer_due_at),
			clock('resolved_at', ticket.resolved_at, ticket.resolve_due_at),
			h('dt', {}, t('tickets.with')),
			h('dd', {}, ticket.staff_name || code('role', (ticket.role || '').replace('crm_', ''))),
			ticket.stars && [h('dt', {}, t('tickets.stars')), h('dd', {}, '★'.repeat(ticket.stars))],
		),
		ticket.is_repeated && h('p', {class: 'warn'}, t('tickets.repeated')),
	);
}

function acts(ticket, path, me, again) {
	const act = (name, label, member, send) =>
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t(`tickets.${name}`)),
			keptForm(
				`${me.actor}:${name}:${ticket.ticket_id}`,
				[
					field(member, label, {tag: 'textarea', required: true, maxlength: 4000}),
					name === 'answer' &&
						h(
							'label',
							{class: 'check'},
							h('input', {type: 'checkbox', name: 'waiting'}),
							t('tickets.is_waiting'),
						),
				],
				t(`tickets.${name}`),
				async (data, element, done) => {
					await send(data, element);
					done();
					toast(t('saved'));
					await again();
				},
			),
		);
	if (ticket.state !== 'resolved') {
		return [
			act('answer', t('tickets.said'), 'body', (data, element) =>
				post(`${path}/answer`, {
					body: data.get('body'),
					state: data.get('waiting') ? 'waiting' : 'open',
					article: element.dataset.article || null,
				}),
			),
			act('resolve', t('tickets.how'), 'resolution', (data) =>
				post(`${path}/resolve`, {resolution: data.get('resolution')}),
			),
		];
	}
	return [
		rating(ticket, path, again),
		act('reopen', t('tickets.why'), 'reason', (data) => post(`${path}/reopen`, {reason: data.get('reason')})),
	];
}

function rating(ticket, path, again) {
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('tickets.ask_stars')),
		h(
			'div',
			{class: 'row'},
			[1, 2, 3, 4, 5].map((stars) =>
				h(
					'button',
					{
						type: 'button',
						'aria-label': t('tickets.n_stars', {n: stars}),
						'aria-pressed': String(ticket.stars === stars),
						onclick: async () => {
							await put(`${path}/stars`, {stars});
							toast(t('saved'));
							await again();
						},
					},
					`${stars} ★`,
				),
			),
		),
	);
}

const life = (ticket) =>
	h(
		'section',
		{class: 'card'},
		h('h2', {}, t('tickets.life')),
		h(
			'ul',
			{class: 'plain'},
			ticket.events.map((event) =>
				h(
					'li',
					{},
					h('span', {class: 'faint'}, moment(event.at), ' '),
					h('strong', {}, code('ticket_event', event.kind)),
					' ',
					event.stars && '★'.repeat(event.stars),
					' ',
					event.actor,
					event.given_to && ` · ${code('given_to', event.given_to)}`,
					event.body && h('p', {class: 'said'}, event.body),
				),
			),
		),
	);

async function fresh(id, me) {
	const [person, {rows: topics}, {rows: known}] = await Promise.all([
		get(`persons/${id}`),
		list('ticket-topics'),
		list(`persons/${id}/tickets`),
	]);
	const usable = topics.filter((topic) => topic.is_active);
	show(
		h('h1', {}, t('tickets.new')),
		h('p', {}, h('a', {href: `#/person/${id}`}, person.name || person.name_masked || t('unnamed'))),
		h(
			'div',
			{class: 'cards'},
			h(
				'section',
				{class: 'card'},
				keptForm(
					`${me.actor}:ticket:${id}`,
					[
						h('label', {for: 'topic'}, t('tickets.topic')),
						h(
							'select',
							{id: 'topic', name: 'topic'},
							['complaint', 'enquiry', 'suggestion'].map((kind) =>
								h(
									'optgroup',
									{label: code('ticket_kind', kind)},
									usable
										.filter((topic) => topic.kind === kind)
										.map((topic) => h('option', {value: topic.topic}, named(topic, topic.topic))),
								),
							),
						),
						h('label', {for: 'channel'}, t('person.channel')),
						h(
							'select',
							{id: 'channel', name: 'channel'},
							['store', 'call', 'wechat', 'online'].map((name) =>
								h('option', {value: name}, code('channel', name)),
							),
						),
						field('body', t('tickets.words'), {tag: 'textarea', required: true, maxlength: 4000}),
					],
					t('tickets.open_it'),
					async (data, element, done) => {
						const onward = leading(),
							made = await post(`persons/${id}/tickets`, {
								topic: data.get('topic'),
								channel: data.get('channel'),
								body: data.get('body'),
							});
						done();
						toast(t('saved'));
						onward(whole(made));
					},
				),
			),
			known.length > 0 &&
				h(
					'section',
					{class: 'card'},
					h('h2', {}, t('tickets.before')),
					h(
						'ul',
						{class: 'plain'},
						known.map((row) =>
							h(
								'li',
								{},
								h('a', {href: whole(row)}, row.title),
								' ',
								h('span', {class: 'tag'}, code('ticket_state', row.state)),
								' ',
								h('span', {class: 'faint'}, topicOf(row), ' · ', moment(row.opened_at)),
							),
						),
					),
				),
		),
	);
}
