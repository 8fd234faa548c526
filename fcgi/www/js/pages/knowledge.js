// What staff know: articles found by words, written and changed by those who answer customers.  #/knowledge,
// #/knowledge/ARTICLE, #/knowledge/new
import {
	append,
	code,
	field,
	get,
	h,
	language,
	leading,
	list,
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
import {daysBack} from '../report_parts.js';
import {table} from '../table.js';
import {keptForm} from '../typed.js';

const writers = ['crm_service', 'crm_store_manager', 'crm_headquarters'];

export async function draw([which = ''], me) {
	await withWords('desk');
	const mayWrite = writers.includes(me.role);
	if (which === 'new' && mayWrite) return write(null, {}, me);
	if (which) return one(which, me, mayWrite);
	const place = h('div', {});
	const fill = async (text) => {
		if (!words.isConnected) return;
		// coming back from an article finds what was looked for
		history.replaceState({...history.state, words: text}, '');
		const {rows} = await list(`articles?limit=50${text ? `&text=${encodeURIComponent(text)}` : ''}`);
		if (text !== words.value.trim()) return; // something else was typed meanwhile
		place.replaceChildren();
		append(place, [
			rows.length === 0
				? h('p', {class: 'faint'}, t(text ? 'article.none_found' : 'article.none'))
				: h(
						'ul',
						{class: 'plain'},
						rows.map((row) =>
							h(
								'li',
								{},
								h('a', {href: `#/knowledge/${row.article_id}`}, row.title),
								' ',
								row.topic && h('span', {class: 'tag'}, topicOf(row)),
								' ',
								!row.is_active && h('span', {class: 'tag warn'}, t('article.put_away')),
								h(
									'p',
									{class: 'faint'},
									row.body.length > 100 ? `${row.body.slice(0, 100)}…` : row.body,
								),
							),
						),
					),
		]);
	};
	const words = h('input', {
		id: 'words',
		type: 'search',
		maxlength: 200,
		value: history.state?.words || '',
		oninput: () => {
			clearTimeout(words.timer);
			words.timer = setTimeout(() => fill(words.value.trim()), 300);
		},
	});
	show(
		h('h1', {}, t('page.knowledge')),
		h(
			'div',
			{class: 'card'},
			h('label', {for: 'words'}, t('article.find')),
			words,
			mayWrite && h('div', {class: 'row'}, h('a', {class: 'tag', href: '#/knowledge/new'}, t('article.new'))),
		),
		h('section', {class: 'card'}, place),
		me.role === 'crm_clerk' ? null : await hits(),
	);
	await fill(words.value.trim());
}

const topicOf = (row) => (language === 'en' ? row.topic_en : row.topic_zh);

// For how many tickets of the last 90 days there was an article, and how many it answered.
async function hits() {
	const {rows} = await list(`reports/knowledge?from=${daysBack(90)}&to=${daysBack(0)}`);
	if (rows.length === 0) return null;
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('article.hits')),
		h('p', {class: 'faint'}, t('article.hits_what')),
		table(
			t('article.hits'),
			[
				t('tickets.topic'),
				...['tickets', 'covered', 'used', 'hit_rate'].map((name) => [t(`article.${name}`), 'number']),
			],
			rows.map((row) => [
				row.topic ? topicOf(row) : t('article.all'),
				number(row.tickets),
				percent(row.covered),
				number(row.used),
				percent(row.hit_rate),
			]),
		),
	);
}

async function one(id, me, mayWrite) {
	const article = await get(`articles/${encodeURIComponent(id)}`);
	if (mayWrite) return write(id, article, me);
	show(h('h1', {}, article.title), h('section', {class: 'card'}, h('p', {class: 'said'}, article.body)));
}

async function write(id, article, me) {
	const {rows: topics} = await list('ticket-topics');
	show(
		h('h1', {}, id ? article.title : t('article.new')),
		h(
			'section',
			{class: 'card'},
			keptForm(
				`${me.actor}:article:${id || 'new'}`,
				[
					field('title', t('article.title'), {required: true, maxlength: 200, value: article.title || ''}),
					h('label', {for: 'body'}, t('article.body')),
					h(
						'textarea',
						{id: 'body', name: 'body', required: true, maxlength: 20000, rows: 8},
						article.body || '',
					),
					h('label', {for: 'topic'}, t('tickets.topic')),
					h(
						'select',
						{id: 'topic', name: 'topic'},
						h('option', {value: ''}, t('article.any')),
						topics.map((topic) =>
							h(
								'option',
								{value: topic.topic, selected: topic.topic === article.topic},
								`${code('ticket_kind', topic.kind)} · ${named(topic, topic.topic)}`,
							),
						),
					),
					id &&
						h(
							'label',
							{class: 'check'},
							h('input', {type: 'checkbox', name: 'away', checked: article.is_active === false}),
							t('article.away'),
						),
				],
				t('save'),
				async (data, element, done) => {
					const onward = leading(),
						spec = {
							title: data.get('title'),
							body: data.get('body'),
							topic: data.get('topic') || null,
							is_active: !data.get('away'),
						};
					await (id ? put(`articles/${id}`, spec) : post('articles', spec));
					done();
					toast(t('saved'));
					onward('#/knowledge');
				},
			),
		),
		id && h('p', {class: 'faint'}, t('article.was_used', {n: number(article.used)})),
	);
}
