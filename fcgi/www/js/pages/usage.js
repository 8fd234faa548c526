// How much of the staff uses the system, week by week and quarter by quarter, who does not yet, and which functions
// nobody calls.
import {choosing, code, day, h, list, number, percent, show, t, withWords} from '../base.js';
import {bars} from '../chart.js';
import {parts} from '../report_parts.js';
import {save, table} from '../table.js';

const roles = ['clerk', 'store_manager', 'manager', 'service', 'marketer', 'steward'];
const figure = (value) => (value === null || value === undefined ? null : Number(value));
const faint = (words) => h('p', {class: 'faint'}, words);
const keepable = (name, rows) =>
	h('div', {class: 'row'}, h('button', {type: 'button', onclick: () => save(name, rows)}, t('save_csv')));

export async function draw([role0 = 'clerk'], me) {
	await withWords('report');
	const role = roles.includes(role0) ? role0 : 'clerk';
	const main = h('div', {class: 'cards'});
	show(
		h('h1', {}, t('page.usage')),
		h(
			'div',
			{class: 'card'},
			h('label', {for: 'role'}, t('usage.role')),
			h(
				'select',
				{
					id: 'role',
					...choosing((event) => {
						location.hash = `#/usage/${event.target.value}`;
					}),
				},
				roles.map((one) => h('option', {value: one, selected: one === role}, code('role', one))),
			),
		),
		main,
	);
	const part = parts(main, 'usage');
	for (const [unit, periods] of [
		['week', 13],
		['quarter', 5],
	])
		part(unit, async () =>
			share(unit, (await list(`reports/usage?unit=${unit}&periods=${periods}&role=${role}`)).rows),
		);
	part('people', async () => people((await list(`reports/staff-use?role=${role}`)).rows), true);
	if (['crm_headquarters', 'crm_analyst'].includes(me.role))
		part('functions', async () => functions((await list('reports/functions')).rows), true);
}

function share(unit, rows) {
	const shown = rows.filter((row) => row.staff > 0);
	if (shown.length === 0) return faint(t('none'));
	return [
		faint(t('usage.what')),
		bars(
			t(`usage.${unit}`),
			shown.map((row) => ({
				label: `${day(row.starts_on)}${row.is_running ? ` · ${t('usage.running')}` : ''}`,
				value: figure(row.share),
				text: `${percent(figure(row.share))} · ${number(row.active)} / ${number(row.staff)}`,
			})),
			true,
			1,
		),
		keepable(`use-${unit}`, [
			['from', 'staff', 'active', 'share', 'days_each', 'entered'],
			...rows.map((row) => [row.starts_on, row.staff, row.active, row.share, row.days_each, row.entered]),
		]),
	];
}

function people(rows) {
	if (rows.length === 0) return faint(t('none'));
	return [
		faint(t('usage.people_what')),
		table(
			t('usage.people'),
			[
				t('scorecard.who'),
				t('person.store'),
				[t('usage.days'), 'number'],
				[t('usage.entered'), 'number'],
				t('usage.last_on'),
			],
			rows
				.slice(0, 100)
				.map((row) => [
					row.name,
					row.stores || '–',
					h('span', {class: row.active_days === 0 ? 'warn' : null}, number(row.active_days)),
					number(row.entered),
					row.last_on ? day(row.last_on) : '–',
				]),
		),
		keepable('staff-use', [
			['staff', 'name', 'active_days', 'entered', 'last_on'],
			...rows.map((row) => [row.staff, row.name, row.active_days, row.entered, row.last_on]),
		]),
	];
}

// What nobody calls first: it is what to learn, or to leave out.
function functions(rows) {
	if (rows.length === 0) return faint(t('usage.none_told'));
	const unused = rows.filter((row) => row.is_unused);
	const listed = (title, some) =>
		h(
			'details',
			{},
			h('summary', {}, title),
			table(
				title,
				[t('usage.function'), [t('usage.calls'), 'number'], t('usage.by')],
				some.map((row) => [
					h('span', {lang: 'en'}, `${row.tag}: ${row.summary}`),
					number(row.calls),
					Object.entries(row.roles)
						.sort((a, b) => b[1] - a[1])
						.slice(0, 4)
						.map(([role, calls]) => `${role ? code('role', role) : t('usage.others')} ${number(calls)}`)
						.join(t('comma')),
				]),
			),
		);
	return [
		faint(
			t('usage.functions_what', {
				used: number(rows.length - unused.length),
				all: number(rows.length),
				since: day(rows.map((row) => row.counted_since).sort()[0]),
			}),
		),
		listed(t('usage.unused', {n: number(unused.length)}), unused),
		listed(
			t('usage.used', {n: number(rows.length - unused.length)}),
			rows.filter((row) => !row.is_unused),
		),
		keepable('functions', [
			['function', 'chapter', 'calls', 'last_on'],
			...rows.map((row) => [row.operation, row.tag, row.calls, row.last_on]),
		]),
	];
}
