// What the customers of an audience or a tag are like, without anybody: for who writes texts and makes films, and may
// see no person.  #/portraits/CODE
import {choosing, code, h, list, named, number, percent, show, t, withWords} from '../base.js';
import {save, table} from '../table.js';
import {inOrder} from '../tier_order.js';

const dimensions = ['sex', 'age', 'tier', 'stage', 'category', 'tag', 'city', 'channel'];
const isTag = (one) => one.segment.startsWith('tag:');
const title = (one) => named(one, one.segment);

export async function draw([segment = ''], me) {
	await withWords('report');
	const known = (await list('reports/portraits')).rows;
	const rows = (await list(`reports/portrait${segment ? `?segment=${encodeURIComponent(segment)}` : ''}`)).rows;
	const whole = rows.find((row) => row.dimension === 'all');
	const mayOpen =
		['crm_marketer', 'crm_analyst', 'crm_headquarters'].includes(me.role) &&
		known.some((one) => one.segment === segment && !isTag(one));
	show(
		h('h1', {}, t('page.portraits')),
		chooser(known, segment, mayOpen),
		whole
			? [
					summary(whole, rows, segment),
					h(
						'div',
						{class: 'cards'},
						dimensions.map((dimension) =>
							part(
								dimension,
								rows.filter((row) => row.dimension === dimension),
								!segment,
							),
						),
					),
				]
			: h('p', {class: 'card warn'}, t('portrait.few')),
		whole &&
			h(
				'div',
				{class: 'row'},
				h(
					'button',
					{
						type: 'button',
						onclick: () =>
							save(`portrait-${segment || 'all'}`, [
								['dimension', 'key', 'name', 'persons', 'share', 'share_of_all'],
								...rows.map((row) => [
									row.dimension,
									row.key,
									word(row),
									row.persons,
									row.share,
									row.share_of_all,
								]),
							]),
					},
					t('save_csv'),
				),
			),
	);
}

function chooser(known, segment, mayOpen) {
	const option = (one) => h('option', {value: one.segment, selected: one.segment === segment}, title(one));
	const group = (label, some) => some.length > 0 && h('optgroup', {label}, some.map(option));
	return h(
		'div',
		{class: 'card'},
		h('label', {for: 'whose'}, t('portrait.whose')),
		h(
			'select',
			{
				id: 'whose',
				...choosing((event) => {
					location.hash = `#/portraits/${encodeURIComponent(event.target.value)}`;
				}),
			},
			h('option', {value: ''}, t('portrait.everybody')),
			group(
				t('portrait.audiences'),
				known.filter((one) => !isTag(one)),
			),
			group(t('portrait.tags'), known.filter(isTag)),
		),
		h('p', {class: 'faint'}, t('portrait.what')),
		mayOpen && h('p', {}, h('a', {href: `#/audiences/${encodeURIComponent(segment)}`}, t('portrait.open'))),
	);
}

const words = {
	tier: (row) => code('tier', row.key),
	stage: (row) => named(row, row.key),
	sex: (row) => code('sex', row.key),
	age: (row) => t('portrait.years', {n: row.key}),
	channel: (row) => code('channel', row.key),
	city: (row) => row.key,
	category: (row) => named(row, row.key),
	tag: (row) => named(row, row.key),
};
function word(row) {
	if (row.dimension === 'all') return '';
	return row.key === null ? t('portrait.others') : row.key === '' ? t('report.unknown') : words[row.dimension](row);
}

// Five points more than of everybody, the most first: what somebody who makes a film begins with.
const most = 6,
	least = 0.05;
function summary(whole, rows, segment) {
	const more = (row) => Number(row.share) - Number(row.share_of_all);
	const out = rows
		.filter((row) => row.key && row.share_of_all !== null && more(row) >= least)
		.sort((a, b) => more(b) - more(a))
		.slice(0, most);
	return h(
		'section',
		{class: 'card'},
		h('p', {}, h('span', {class: 'big'}, number(whole.persons)), ' ', t('portrait.persons')),
		segment && [
			h('h2', {}, t('portrait.out')),
			out.length === 0
				? h('p', {class: 'faint'}, t('portrait.none_out'))
				: h(
						'ul',
						{class: 'plain', id: 'out'},
						out.map((row) =>
							h(
								'li',
								{},
								t(`portrait.${row.dimension}`),
								t('portrait.colon'),
								h('strong', {}, word(row)),
								' ',
								t('portrait.more', {
									share: percent(Number(row.share)),
									all: percent(Number(row.share_of_all)),
								}),
							),
						),
					),
		],
	);
}

function part(dimension, rows, isAll) {
	if (rows.length === 0) return null;
	const tiers = dimension === 'tier' && inOrder(rows.map((row) => row.key).filter((key) => key !== null));
	const sorted = tiers
		? [...rows].sort((a, b) => (a.key === null) - (b.key === null) || tiers.indexOf(a.key) - tiers.indexOf(b.key))
		: rows;
	const label = t(`portrait.${dimension}`);
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, label),
		table(
			label,
			[
				label,
				[t('report.share'), 'number'],
				[t('report.persons'), 'number'],
				...(isAll ? [] : [[t('portrait.of_all'), 'number']]),
			],
			sorted.map((row) => [
				word(row),
				percent(Number(row.share)),
				number(row.persons),
				...(isAll ? [] : [percent(row.share_of_all === null ? null : Number(row.share_of_all))]),
			]),
		),
	);
}
