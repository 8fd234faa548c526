// Whom somebody looks after: all, those with something due today, those not heard of for long; a manager sees a
// clerk's by #/owned/all/CODE.
import {append, code, day, h, list, moment, show, t} from '../base.js';
import {table} from '../table.js';
import {wholeList} from '../whole_list.js';

const lists = ['all', 'due', 'quiet'];

export async function draw([wanted, staff = '']) {
	const which = lists.includes(wanted) ? wanted : 'all';
	const whose = staff ? `&staff=${encodeURIComponent(staff)}` : '';
	const place = h('div', {'aria-busy': 'true'}, h('p', {class: 'faint'}, t('loading')));
	const path = `owned?list=${encodeURIComponent(which)}${whose}`;
	const file = wholeList(
		`owned-${which}`,
		path,
		['id', 'name', 'phone', 'tier', 'next_title', 'next_due', 'last_on'],
		(one) => [one.customer_id, one.name, one.phone, one.tier, one.next_title, one.next_due, one.last_on],
	);
	const fill = async (cursor) => {
		const page = await list(`${path}&limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
		file.add(page);
		if (!cursor) place.replaceChildren();
		place.removeAttribute('aria-busy');
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
				? h('p', {class: 'faint'}, t(which === 'all' && !staff ? 'owned.none_yet' : 'owned.none'))
				: table(t('page.owned'), [t('person.name'), t('owned.next'), t('owned.last')], page.rows.map(row)),
			page.next && more,
		]);
	};
	show(
		h(
			'h1',
			{},
			t('page.owned'),
			staff &&
				h(
					'span',
					{class: 'tag'},
					(await list('task-staff')).rows.find((one) => one.staff === staff)?.name || staff,
				),
		),
		h(
			'div',
			{class: 'row'},
			lists.map((name) =>
				h(
					'a',
					{
						href: `#/owned/${name}${staff ? `/${encodeURIComponent(staff)}` : ''}`,
						class: 'tag',
						'aria-current': name === which ? 'true' : null,
					},
					t(`owned.${name}`),
				),
			),
			file.parts,
		),
		h('section', {class: 'card'}, place),
	);
	await fill('');
}

const row = (one) => [
	[
		h('a', {href: `#/person/${one.customer_id}`}, one.name || t('unnamed')),
		' ',
		one.tier && h('span', {class: 'tag'}, code('tier', one.tier)),
	],
	one.next_due
		? [
				h('strong', {}, one.next_title),
				' ',
				h('span', {class: one.is_overdue ? 'warn' : 'faint'}, moment(one.next_due)),
			]
		: '–',
	day(one.last_on),
];
