// How stores and the people in them work: enrolled, how complete, duplicates made, followed up in time; and a
// leaver's work moved.
import {anew, day, field, form, h, list, month, number, percent, post, show, t, toast, withWords} from '../base.js';
import {behindOf, daysBack, opening, parts, scopeName} from '../report_parts.js';
import {save, table} from '../table.js';
import {keptForm} from '../typed.js';

export async function draw([kind = '', name = '', from = daysBack(30), to = daysBack(0)], me) {
	const where = kind && kind !== 'all' ? `&${kind}=${encodeURIComponent(name)}` : '';
	await withWords('report');
	// of many stores they are counted for a while: the rest does not wait for them
	const managers = h('div', {});
	if (me.role !== 'crm_store_manager')
		parts(managers, 'managers')(
			'title',
			async () => managed((await list(`reports/managers?${where.slice(1)}`)).rows),
			true,
		);
	const [stores, rows, leaders, staff] = await Promise.all([
		list('stores'),
		list(`reports/scorecard?from=${from}&to=${to}${where}`),
		list(`reports/leaderboard?month=${to}${where}`),
		me.role === 'crm_analyst' ? {rows: []} : list('task-staff'),
	]);
	show(
		h('h1', {}, t('page.scorecard'), ' ', where && h('span', {class: 'tag'}, scopeName(stores.rows, kind, name))),
		h(
			'div',
			{class: 'card'},
			form(
				[
					h(
						'div',
						{class: 'fields'},
						h('div', {}, field('from', t('scorecard.from'), {type: 'date', value: from})),
						h('div', {}, field('to', t('scorecard.to'), {type: 'date', value: to})),
					),
				],
				t('scorecard.show'),
				async (data) => {
					location.hash = `#/scorecard/${kind || 'all'}/${encodeURIComponent(name || '-')}/${data.get('from')}/${data.get('to')}`;
				},
			),
		),
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t('scorecard.people')),
			rows.rows.length === 0
				? h('p', {class: 'faint'}, t('scorecard.none'))
				: [
						table(
							t('scorecard.people'),
							[
								t('person.store'),
								t('scorecard.who'),
								...['enrolled', 'completeness', 'duplicates', 'notes', 'due', 'in_time', 'overdue'].map(
									(what) => [t(`scorecard.${what}`), 'number'],
								),
							],
							rows.rows.map((row) => {
								const opens = (figure) => lineOf(row, figure, from, to),
									warns = (figure) =>
										h(
											'span',
											{class: row[figure] > 0 ? 'warn' : null},
											opening(row[figure], opens(figure)),
										);
								return [
									row.store_name || '–',
									[
										row.staff_name || t('scorecard.own_phone'),
										row.has_left && h('span', {class: 'tag'}, t('scorecard.left')),
									],
									opening(row.enrolled, opens('enrolled')),
									opening(
										row.completeness !== null && row.completeness < 1,
										opens('incomplete'),
										percent(row.completeness),
									),
									warns('duplicates'),
									opening(row.notes, opens('notes')),
									opening(row.due, opens('due')),
									opening(row.in_time, opens('in_time'), percent(row.in_time_rate)),
									warns('overdue'),
								];
							}),
						),
						h(
							'div',
							{class: 'row'},
							h(
								'button',
								{
									type: 'button',
									onclick: () =>
										save('scorecard', [
											[
												'store',
												'staff',
												'enrolled',
												'completeness',
												'duplicates',
												'notes',
												'due',
												'in_time',
												'overdue',
											],
											...rows.rows.map((row) => [
												row.store,
												row.staff,
												row.enrolled,
												row.completeness,
												row.duplicates,
												row.notes,
												row.due,
												row.in_time,
												row.overdue,
											]),
										]),
								},
								t('save_csv'),
							),
						),
					],
		),
		managers,
		leaderboard(leaders.rows, to.slice(0, 7)),
		staff.rows.length > 1 &&
			move(
				staff.rows,
				anew(() => draw([kind, name, from, to], me)),
				me,
			),
	);
}

// The persons behind a number of a member of staff in a store; staff null: customers' own phones, store null: in none.
const lineOf = (row, figure, from, to) =>
	behindOf(
		'scorecard',
		`${figure}.${from}.${to}.${row.store ? 'store' : 'nowhere'}.${row.staff || ''}`,
		row.store && 'store',
		row.store,
	);

// Who leaves gives all open tasks about customers to somebody else, with the reason for the trail.
function move(staff, after, me) {
	const label = (one) =>
		`${one.name}${one.has_left ? ` (${t('scorecard.left')})` : ''} · ${one.stores || ''} · ${t('scorecard.open', {n: one.open_tasks, customers: one.owned})}`;
	const select = (name, who) =>
		h(
			'select',
			{id: name, name, required: true},
			h('option', {value: ''}, t('scorecard.choose')),
			who.map((one) => h('option', {value: one.staff}, label(one))),
		);
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('scorecard.reassign')),
		keptForm(
			`${me.actor}:handover`,
			[
				h('label', {for: 'leaver'}, t('scorecard.leaver')),
				select(
					'leaver',
					[...staff].sort(
						(a, b) => b.has_left - a.has_left || b.owned - a.owned || b.open_tasks - a.open_tasks,
					),
				),
				h('label', {for: 'to_staff'}, t('scorecard.heir')),
				select(
					'to_staff',
					staff.filter((one) => !one.has_left),
				),
				field('reason', t('scorecard.why'), {required: true, maxlength: 200}),
			],
			t('scorecard.move'),
			async (data, element, done) => {
				const answer = await post(`staff/${encodeURIComponent(data.get('leaver'))}/reassign`, {
					to: data.get('to_staff'),
					reason: data.get('reason'),
				});
				done();
				toast(
					answer.tasks + answer.customers === 0
						? t('scorecard.none_moved')
						: t('scorecard.moved', {n: number(answer.tasks), persons: number(answer.customers)}),
				);
				await after();
			},
		),
	);
}

const lastDay = (of) => new Date(Date.UTC(Number(of.slice(0, 4)), Number(of.slice(5)), 0)).toISOString().slice(0, 10);
// Who entered best in the month of the last day: how complete, less the share that was known before; the formula
// stands beside it.
function leaderboard(rows, of) {
	const title = t('leaders.title', {month: month(of)});
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, title),
		h('p', {class: 'faint'}, t('leaders.formula')),
		rows.length === 0
			? h('p', {class: 'faint'}, t('leaders.none'))
			: [
					table(
						title,
						[
							[t('leaders.rank'), 'number'],
							t('scorecard.who'),
							t('person.store'),
							[t('leaders.quality'), 'number'],
							[t('scorecard.enrolled'), 'number'],
							[t('scorecard.completeness'), 'number'],
							[t('scorecard.duplicates'), 'number'],
							[t('scorecard.notes'), 'number'],
							[t('leaders.points'), 'number'],
						],
						rows.map((row) => {
							const opens = (figure) => lineOf(row, figure, `${of}-01`, lastDay(of));
							return [
								row.rank === null ? '–' : number(row.rank),
								row.staff_name,
								row.store_name || '–',
								percent(row.quality),
								opening(row.enrolled, opens('enrolled')),
								opening(
									row.completeness !== null && row.completeness < 1,
									opens('incomplete'),
									percent(row.completeness),
								),
								opening(row.duplicates, opens('duplicates')),
								opening(row.notes, opens('notes')),
								number(row.points),
							];
						}),
					),
					h(
						'div',
						{class: 'row'},
						h(
							'button',
							{
								type: 'button',
								onclick: () =>
									save(`leaders-${of}`, [
										[
											'rank',
											'staff',
											'store',
											'quality',
											'enrolled',
											'completeness',
											'duplicates',
											'notes',
											'points',
										],
										...rows.map((row) => [
											row.rank,
											row.staff,
											row.store,
											row.quality,
											row.enrolled,
											row.completeness,
											row.duplicates,
											row.notes,
											row.points,
										]),
									]),
							},
							t('save_csv'),
						),
					),
				],
	);
}

// How managers look after the customers of their stores; the least coverage stands first.
function managed(rows) {
	if (rows.length === 0) return null;
	const figures = [
		'persons',
		'persons_a_clerk',
		'coverage',
		'owned_share',
		'overdue',
		'better',
		'worse',
		'complaints',
	];
	const shown = {coverage: percent, owned_share: percent};
	const opened = {persons_a_clerk: 'persons', coverage: 'spoken', owned_share: 'owned'};
	const figure = (value) => (value === null ? null : Number(value));
	return [
		h('p', {class: 'faint'}, t('managers.what', {days: rows[0].days, as_of: day(rows[0].as_of)})),
		table(
			t('managers.title'),
			[t('managers.who'), t('managers.stores'), ...figures.map((name) => [t(`managers.${name}`), 'number'])],
			rows.map((row) => [
				row.name,
				`${row.regions} · ${number(row.stores)}`,
				...figures.map((name) =>
					h(
						'span',
						{
							class:
								(name === 'overdue' && row.overdue > 0) ||
								(name === 'complaints' && row.complaints_open > 0)
									? 'warn'
									: null,
						},
						opening(
							row[name],
							behindOf('manager', `${opened[name] || name}.${row.staff}`),
							(shown[name] || number)(figure(row[name])),
						),
					),
				),
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
						save('managers', [
							['staff', 'name', 'stores', ...figures, 'complaints_open'],
							...rows.map((row) => [
								row.staff,
								row.name,
								row.stores,
								...figures.map((name) => row[name]),
								row.complaints_open,
							]),
						]),
				},
				t('save_csv'),
			),
		),
	];
}
