// A file becomes facts: what it is, which column is which field, what each row would do, and then all or nothing.
// #/import lists the imports, #/import/ID follows one: it can be left and opened again, the worker goes on.
import {
	append,
	check,
	choosing,
	code,
	fault,
	field,
	follow,
	form,
	get,
	h,
	leading,
	list,
	moment,
	number,
	percent,
	post,
	put,
	show,
	t,
	toast,
	upload,
	withWords,
} from '../base.js';
import {opened} from '../sheet.js';
import {remedy, sourceNames} from '../sources.js';
import {csv, save, table} from '../table.js';

const entities = ['member', 'order_line', 'refund', 'product', 'coupon', 'consent', 'interaction', 'event'];
// what was chosen stays while one looks elsewhere, and while a session that ended is begun anew; it is nobody else's
let draft = null;
let whose = null;
addEventListener('signed-out', ({detail: isMeant}) => {
	if (isMeant) draft = null;
});

export async function draw([id], me) {
	if (whose !== me.actor) draft = null;
	whose = me.actor;
	await Promise.all([withWords('steward'), withWords('fields')]);
	if (id) return one(id);
	const [sources, jobs] = await Promise.all([list('sources'), list('imports?limit=20')]);
	const place = h('div', {});
	show(
		h('h1', {}, t('page.import')),
		place,
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t('import.recent')),
			jobs.rows.length === 0
				? h('p', {class: 'faint'}, t('none'))
				: table(
						t('import.recent'),
						[
							t('import.when'),
							t('sources.source'),
							t('import.entity'),
							t('import.state'),
							[t('import.lines'), 'number'],
						],
						jobs.rows.map((job) => [
							h('a', {href: `#/import/${job.batch_id}`}, moment(job.created_at)),
							sources.rows.find((row) => row.source === job.source)?.name || job.source,
							code('entity', job.entity),
							code('import', job.state),
							number(job.line_count),
						]),
					),
		),
	);
	if (draft) await choose(place, sources.rows);
	else place.replaceChildren(begin(place, sources.rows));
}

const label = (item) =>
	code('field', item.field) === item.field && item.name_zh
		? document.documentElement.lang === 'en'
			? item.name_en
			: item.name_zh
		: code('field', item.field);

// 1. The source, the kind, the file.
function begin(place, sources) {
	const usable = sources.filter((source) => source.is_active && source.kind !== 'console');
	const name = field('new_name', t('import.new_name'), {autocomplete: 'off', maxlength: 60});
	const named = h('div', {hidden: usable.length > 0}, name),
		told = h('p', {class: 'faint', role: 'status'}, t('import.file_what'));
	const source = h(
		'select',
		{
			id: 'source',
			name: 'source',
			onchange: () => {
				named.hidden = source.value !== '';
			},
		},
		usable.map((row) => h('option', {value: row.source}, row.name)),
		h('option', {value: ''}, t('import.new_source')),
	);
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('import.begin')),
		form(
			[
				h('label', {for: 'source'}, t('sources.source')),
				source,
				named,
				h('label', {for: 'entity'}, t('import.entity')),
				h(
					'select',
					{id: 'entity', name: 'entity'},
					entities.map((entity) => h('option', {value: entity}, code('entity', entity))),
				),
				field('file', t('import.file'), {
					type: 'file',
					accept: '.csv,.txt,.xlsx,.xlsm,.xls,text/csv',
					required: true,
				}),
				told,
				check('history', t('import.history'), true),
			],
			t('import.next'),
			async (data, element) => {
				const file = element.elements.namedItem('file').files[0];
				told.textContent = t('import.reading');
				const read = await opened(file).finally(() => {
					told.textContent = t('import.file_what');
				}); // before a source is made of a file that cannot be read
				const made = data.get('source') || (await newSource(data.get('new_name')));
				draft = {source: made, entity: data.get('entity'), history: data.get('history') !== null, ...read};
				try {
					await choose(place, sources);
				} catch (problem) {
					draft = null; // what cannot be gone on with stands in nobody's way
					throw problem;
				}
			},
		),
	);
}

async function newSource(name) {
	if (!name.trim()) throw Object.assign(new Error(t('import.new_name')), {field: 'new_name', code: 'no_name'});
	const source = `file_${Date.now().toString(36)}`;
	await put(`sources/${source}`, {name: name.trim(), kind: 'spreadsheet'});
	return source;
}

// 2. Which column is which field: as guessed or as the source has it, to be changed.
async function choose(place, sources) {
	const [known, fields] = await Promise.all([
		get(`sources/${encodeURIComponent(draft.source)}/mappings/${draft.entity}`),
		list(`import-fields?entity=${draft.entity}`),
	]);
	if (!draft.mapping) {
		const columns = draft.rows[0];
		const names = (spec) =>
			Object.values(spec?.fields || {})
				.map((value) => (typeof value === 'string' ? value : value.column))
				.filter(Boolean);
		draft.mapping =
			known.mapping && names(known.mapping).every((column) => columns.includes(column))
				? known.mapping
				: await post('mapping-guess', {entity: draft.entity, header: csv([columns])});
	}
	const chosen = (name) => draft.mapping.fields[name];
	const isShown = (item) => item.is_required || chosen(item.field) !== undefined;
	place.replaceChildren(
		h(
			'section',
			{class: 'card'},
			h('h2', {}, t('import.mapping')),
			h(
				'p',
				{class: 'faint'},
				t('import.mapping_what', {
					file: draft.name,
					source: sources.find((row) => row.source === draft.source)?.name || draft.source,
				}),
			),
			draft.sheets?.length > 1 && sheets(place, sources),
			form(
				[
					fields.rows.filter(isShown).map(pick),
					h(
						'details',
						{},
						h('summary', {}, t('import.more_fields')),
						fields.rows.filter((item) => !isShown(item)).map(pick),
					),
				],
				t('import.try'),
				async (data, element) => {
					for (const item of fields.rows)
						if (item.is_required && !data.get(item.field))
							throw Object.assign(new Error(t('import.required', {field: label(item)})), {
								field: item.field,
								code: 'required',
							});
					await send(element);
				},
			),
			h(
				'div',
				{class: 'row'},
				h(
					'button',
					{
						type: 'button',
						onclick: () => {
							draft = null;
							place.replaceChildren(begin(place, sources));
						},
					},
					t('import.other_file'),
				),
			),
		),
	);
}

// Another sheet is another list: its columns are guessed anew.
function sheets(place, sources) {
	const choice = h(
		'select',
		{
			id: 'sheet',
			...choosing(async ({type}) => {
				try {
					draft = {...draft, ...(await draft.take(choice.value)), mapping: null};
					await choose(place, sources);
				} catch (problem) {
					toast(fault(problem));
					choice.value = draft.sheet;
				}
				if (type !== 'blur') document.getElementById('sheet')?.focus(); // all of it was drawn anew
			}),
		},
		draft.sheets.map((name) => h('option', {value: name, selected: name === draft.sheet}, name)),
	);
	return [h('label', {for: 'sheet'}, t('import.sheet')), choice];
}

function pick(item) {
	const value = draft.mapping.fields[item.field];
	const column = typeof value === 'object' ? value.column : value;
	const columns = draft.rows[0];
	const example = h('p', {class: 'faint'});
	const tell = (name) => {
		example.textContent = columns.includes(name)
			? t('import.example', {
					values: draft.rows
						.slice(1, 4)
						.map((row) => row[columns.indexOf(name)])
						.filter(Boolean)
						.join(' · '),
				})
			: '';
	};
	const select = h(
		'select',
		{
			id: item.field,
			name: item.field,
			onchange: () => {
				if (select.value === '') delete draft.mapping.fields[item.field];
				else draft.mapping.fields[item.field] = select.value;
				tell(select.value);
			},
		},
		h('option', {value: ''}, t('import.no_column')),
		columns
			.filter((name, i) => name !== '' && columns.indexOf(name) === i)
			.map((name) => h('option', {value: name, selected: name === column}, name)),
	);
	tell(column);
	return h(
		'div',
		{class: 'pick'},
		h('label', {for: item.field}, label(item), item.is_required ? ' *' : ''),
		select,
		example,
	);
}

async function send(element) {
	const onward = leading();
	const {version} = await put(
		`sources/${encodeURIComponent(draft.source)}/mappings/${draft.entity}?current=false`,
		draft.mapping,
	);
	const bar = h('progress', {max: '1', value: '0', 'aria-label': t('import.sending')});
	element.append(bar);
	const query = new URLSearchParams({
		source: draft.source,
		entity: draft.entity,
		format: 'csv',
		encoding: draft.encoding,
		dry_run: 'true',
		lenient: 'true',
		history: String(draft.history),
		mapping_version: version,
	});
	try {
		const job = await upload(`imports?${query}`, draft.body, 'text/csv', (part) => {
			bar.value = part;
		});
		draft = null;
		onward(`#/import/${job.batch_id}`);
	} finally {
		bar.remove();
	}
}

// 3. What the rows would do, then all of it or nothing, and the report.
const isFinal = (job) => ['awaiting_confirmation', 'done', 'invalid', 'aborted'].includes(job.state);

async function one(id) {
	const head = h('section', {class: 'card', 'aria-live': 'polite'});
	const rest = h('div', {});
	show(
		h('h1', {}, t('page.import'), ' ', h('span', {class: 'tag'}, id)),
		head,
		rest,
		h('p', {}, h('a', {href: '#/import'}, t('import.back'))),
	);
	const naming = await sourceNames();
	await follow(`imports/${id}`, isFinal, (job) => head.replaceChildren(progress(job, naming)));
	const job = await get(`imports/${id}`);
	append(rest, [
		job.state === 'awaiting_confirmation' && decide(job),
		await refused(job),
		job.state === 'awaiting_confirmation' && (await rows(job)),
	]);
}

function progress(job, naming) {
	const counts = [
		'facts',
		'would_create',
		'would_update',
		'would_keep',
		'created',
		'updated',
		'replaced',
		'unchanged',
		'stale',
		'suppressed',
		'rejected',
		'errors',
	].filter((name) => job.counts[name]);
	return h(
		'div',
		{},
		h('h2', {}, code('import', job.state)),
		!isFinal(job) &&
			h('progress', {max: '1', value: String(job.progress), 'aria-label': code('import', job.state)}),
		!isFinal(job) && h('p', {}, percent(job.progress), ' · ', t('import.leave')),
		h(
			'dl',
			{},
			h('dt', {}, t('sources.source')),
			h('dd', {}, naming(job.source)),
			h('dt', {}, t('import.entity')),
			h('dd', {}, code('entity', job.entity)),
			h('dt', {}, t('import.lines')),
			h('dd', {}, number(job.line_count)),
			counts.map((name) => [h('dt', {}, code('count', name)), h('dd', {}, number(job.counts[name]))]),
		),
		job.last_error && h('p', {class: 'warn'}, job.last_error),
	);
}

function decide(job) {
	const wrong = job.counts.errors || 0;
	const good = job.counts.facts || 0;
	const act = (verb) => async (event) => {
		event.target.disabled = true;
		try {
			await post(`imports/${job.batch_id}/${verb}`);
			await one(job.batch_id);
		} catch (problem) {
			toast(fault(problem));
			event.target.disabled = false;
		}
	};
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('import.decide')),
		h(
			'p',
			{class: wrong ? 'warn' : 'good'},
			wrong
				? t('import.some_wrong', {good: number(good), wrong: number(wrong)})
				: t('import.all_good', {good: number(good)}),
		),
		h(
			'div',
			{class: 'row'},
			good > 0 &&
				h(
					'button',
					{type: 'button', class: wrong ? null : 'main', onclick: act('confirm')},
					wrong ? t('import.take_good', {good: number(good)}) : t('import.take_all', {good: number(good)}),
				),
			h('button', {type: 'button', class: wrong ? 'main' : null, onclick: act('abort')}, t('import.nothing')),
		),
	);
}

// Why a row is refused, or what of it is not taken along.
const why = (row) =>
	row.left_out
		? h(
				'span',
				{class: 'warn'},
				t('import.left_out', {fields: row.left_out.map((name) => code('field', name)).join(t('comma'))}),
			)
		: row.code
			? [
					h('strong', {}, row.field ? code('field', row.field) : ''),
					' ',
					code('refused', row.code),
					' ',
					h('span', {class: 'faint'}, remedy(row)),
				]
			: '';

async function refused(job) {
	const page = await list(`imports/${job.batch_id}/errors?limit=100`);
	if (page.rows.length === 0) return null;
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('import.refused')),
		table(
			t('import.refused'),
			[[t('import.line'), 'number'], t('import.id'), t('import.why')],
			page.rows.map((row) => [number(row.line), row.external_id || '–', why(row)]),
		),
		page.next && h('p', {class: 'faint'}, t('import.first', {n: number(page.rows.length)})),
		h('div', {class: 'row'}, h('button', {type: 'button', onclick: () => download(job)}, t('import.save_refused'))),
	);
}

async function download(job) {
	const lines = [[t('import.line'), t('import.id'), t('import.field'), t('import.code'), t('import.why')]];
	for (let next = ''; next !== null && lines.length < 10001;) {
		const page = await list(
			`imports/${job.batch_id}/errors?limit=500${next ? `&cursor=${encodeURIComponent(next)}` : ''}`,
		);
		for (const row of page.rows)
			lines.push([
				row.line,
				row.external_id,
				row.field && code('field', row.field),
				row.code,
				[code('refused', row.code), remedy(row)].filter(Boolean).join(' '),
			]);
		next = page.next || null;
	}
	save(`import-${job.batch_id}`, lines);
}

// Each row and what it would do; more on request.
async function rows(job) {
	const place = h('div', {});
	const fill = async (cursor) => {
		const page = await list(
			`imports/${job.batch_id}/preview?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
		);
		append(place, [
			table(
				t('import.rows'),
				[[t('import.line'), 'number'], t('import.id'), t('import.does'), t('import.why')],
				page.rows.map((row) => [
					number(row.line),
					row.external_id || '–',
					h(
						'span',
						{class: row.outcome === 'reject' ? 'warn' : row.outcome === 'create' ? 'good' : null},
						code('does', row.outcome),
					),
					why(row),
				]),
			),
		]);
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
	await fill('');
	return h('section', {class: 'card'}, h('h2', {}, t('import.rows')), place);
}
