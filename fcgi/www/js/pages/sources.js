// Where facts come from: who is behind and how well it goes, and the records that were refused, by reason, with what
// to do.
import {
	ago,
	anew,
	append,
	code,
	day,
	fault,
	h,
	list,
	number,
	percent,
	post,
	show,
	t,
	toast,
	withWords,
} from '../base.js';
import {spark} from '../chart.js';
import {opening, told} from '../report_parts.js';
import {remedy, sourceNames} from '../sources.js';
import {table} from '../table.js';
import {twice} from '../twice.js';
import {wholeList} from '../whole_list.js';

// #/sources/SOURCE: its refused records; #/sources/SOURCE/ENTITY/CODE/FIELD: those of one reason.
export async function draw([source, ...why], me) {
	await Promise.all([withWords('steward'), withWords('fields')]);
	if (source) return refused(source, why, me);
	const [sources, days, groups] = await Promise.all([list('sources'), list('source-days'), list('reject-groups')]);
	const behind = sources.rows.filter((row) => row.is_silent);
	show(
		h('h1', {}, t('page.sources')),
		behind.length > 0 &&
			h(
				'p',
				{class: 'warn', role: 'status'},
				t('sources.behind', {names: behind.map((row) => row.name).join(t('comma'))}),
			),
		h(
			'section',
			{class: 'card'},
			table(
				t('page.sources'),
				[
					t('sources.source'),
					t('sources.last'),
					[t('sources.received'), 'number'],
					[t('sources.success'), 'number'],
					t('sources.days'),
					[t('sources.open'), 'number'],
				],
				sources.rows.map((row) =>
					line(
						row,
						days.rows.filter((one) => one.source === row.source),
					),
				),
			),
		),
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t('sources.rejects')),
			groups.rows.length === 0
				? h('p', {class: 'faint'}, t('none'))
				: h(
						'ul',
						{class: 'plain'},
						groups.rows.map((group) =>
							reason(
								group,
								sources.rows.find((row) => row.source === group.source)?.name || group.source,
								me,
							),
						),
					),
		),
	);
}

const share = (percents) => (percents === null || percents === undefined ? null : percents / 100);

function line(row, days) {
	return [
		[row.name, row.is_silent && h('span', {class: 'warn'}, ' ', t('sources.silent'))],
		h('span', {title: row.last_received_at || ''}, ago(row.last_received_at)),
		number(row.received_today),
		h(
			'span',
			{class: row.success_percent < 99.7 && row.success_percent !== null ? 'warn' : null},
			percent(share(row.success_percent)),
		),
		days.length > 1
			? spark(
					t('sources.days'),
					days.map((one) => ({
						label: day(one.day),
						value: one.received,
						text: `${number(one.received)} (${percent(share(one.success_percent))})`,
					})),
				)
			: '–',
		row.open_rejects > 0
			? h('a', {href: `#/sources/${encodeURIComponent(row.source)}`}, number(row.open_rejects))
			: number(0),
	];
}

const retry = (source, after) => async () => {
	try {
		const answer = await post('rejects/retry', {source});
		toast(t('sources.retried', {n: answer.resolved}));
		await after();
	} catch (problem) {
		toast(fault(problem));
	}
};
const mayMend = (me) => me.role !== 'crm_headquarters';

function reason(group, source, me) {
	const each = `#/sources/${[group.source, group.entity, group.code, group.field || '-'].map(encodeURIComponent).join('/')}`;
	return h(
		'li',
		{},
		h(
			'strong',
			{},
			told('sources.group', {n: opening(group.records, each), source, entity: code('entity', group.entity)}),
		),
		' ',
		group.field && h('span', {class: 'tag'}, code('field', group.field)),
		' ',
		code('refused', group.code),
		h('p', {class: 'faint'}, remedy(group), ' ', ago(group.oldest)),
		h(
			'div',
			{class: 'row'},
			h('a', {class: 'tag', href: each}, t('sources.each')),
			mayMend(me) &&
				h(
					'button',
					{
						type: 'button',
						onclick: retry(
							group.source,
							anew(() => draw([], me)),
						),
					},
					t('sources.retry'),
				),
		),
	);
}

// The refused records of one source, in pages, one by one.
async function refused(source, [entity, reasonCode, field = ''], me) {
	const place = h('ul', {class: 'plain'}),
		path = `rejects?${new URLSearchParams({source, ...(entity ? {entity, code: reasonCode, field: field === '-' ? '' : field} : {})})}`;
	const file = wholeList(
		`rejects-${source}`,
		path,
		['id', 'entity', 'external_id', 'line', 'field', 'code', 'remedy'],
		(row) => [row.reject_id, row.entity, row.external_id, row.line, row.field, row.code, row.remedy],
	);
	const fill = async (cursor) => {
		const page = await list(`${path}&limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
		file.add(page);
		append(
			place,
			!cursor && page.rows.length === 0
				? [h('li', {class: 'faint'}, t('none'))]
				: page.rows.map((row) => one(row, me)),
		);
		if (page.next) {
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
			place.append(more);
		}
	};
	const naming = await sourceNames();
	show(
		h(
			'h1',
			{},
			t('sources.rejects'),
			' ',
			h('span', {class: 'tag'}, naming(source)),
			entity && h('span', {class: 'tag'}, `${code('entity', entity)} · ${code('refused', reasonCode)}`),
		),
		h(
			'div',
			{class: 'row'},
			h('a', {class: 'tag', href: '#/sources'}, t('page.sources')),
			mayMend(me) &&
				h(
					'button',
					{
						type: 'button',
						onclick: retry(
							source,
							anew(() => refused(source, [entity, reasonCode, field], me)),
						),
					},
					t('sources.retry'),
				),
			file.parts,
		),
		h('section', {class: 'card'}, place),
	);
	await fill('');
}

function one(row, me) {
	const item = h(
		'li',
		{},
		h('strong', {}, `${code('entity', row.entity)} · ${row.external_id || ''}`),
		' ',
		row.field && h('span', {class: 'tag'}, code('field', row.field)),
		h('p', {}, code('refused', row.code), ' ', h('span', {class: 'faint'}, remedy(row))),
		mayMend(me) &&
			h(
				'div',
				{class: 'row'},
				twice('sources.dismiss', 'sources.dismiss_sure', async () => {
					await post('rejects/dismiss', {
						reject_ids: [String(row.reject_id)],
						reason: t('sources.dismissed'),
					});
					item.remove();
				}),
			),
	);
	return item;
}
