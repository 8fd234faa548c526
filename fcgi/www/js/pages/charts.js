// Charts that one puts together: a measure, what it is divided by, a span, a scope; saved under a name, shared with
// roles.  #/charts/ID.
import {
	anew,
	brief,
	check,
	code,
	del,
	fault,
	field,
	h,
	leading,
	list,
	money,
	number,
	percent,
	post,
	show,
	t,
	toast,
	withWords,
} from '../base.js';
import {bars, line, ring} from '../chart.js';
import {behindOf, daysBack, iso, opening, ownStores, scopes} from '../report_parts.js';
import {save, table} from '../table.js';
import {keptForm} from '../typed.js';
import {versions} from '../versions.js';

const periods = ['day', 'week', 'month'];
const figures = ['net', 'orders', 'buyers', 'average_order', 'repurchase_rate'];
const measures = {
	day: [...figures, 'new_buyers', 'registered'],
	week: [...figures, 'new_buyers', 'registered'],
	month: [...figures, 'new_buyers', 'registered'],
	store: figures,
	region: figures,
	tier: ['persons'],
	channel: ['persons'],
	category: ['net'],
	frequency: ['buyers'],
};
const roles = ['store_manager', 'manager', 'marketer', 'analyst', 'headquarters'];
const spans = [30, 90, 180, 365, 730, 1095];
const timeless = ['tier', 'channel', 'category'];

export async function draw([id = ''], me) {
	await Promise.all([withWords('report'), withWords('guide')]);
	const [saved, stores] = await Promise.all([
		list('reports/saved').then((page) => page.rows),
		list('stores').then((page) => ownStores(page.rows, me)),
	]);
	const chosen = saved.find((one) => one.report_id === id);
	const spec = {
		measure: 'net',
		group: 'month',
		days: 365,
		chart: 'line',
		...(chosen ? {days: undefined, ...chosen.spec} : {}),
	};
	const result = h('div', {});
	const again = anew(() => draw([id], me));
	show(
		h('h1', {}, chosen ? chosen.name : t('page.charts')),
		builder(spec, stores, result),
		h('section', {class: 'card'}, h('h2', {}, t('chart.result')), result),
		keeping(spec, chosen, again, `${me.actor}:chart:${id}`),
		chosen && versions(`reports/saved/${chosen.report_id}`, {name: part, value: said, may: chosen.is_mine, again}),
		shelf(saved, again),
	);
	await answer(spec, result);
}

const parts = {
	name: 'name',
	roles: 'share',
	'spec.measure': 'measure',
	'spec.group': 'group',
	'spec.days': 'span',
	'spec.from': 'from',
	'spec.to': 'to',
	'spec.chart': 'kind',
	'spec.store': 'store',
	'spec.region': 'region',
};
const part = (path) => t(`chart.${parts[path]}`);
const said = (given, path, plain) =>
	given === null || given === undefined
		? plain(given)
		: path === 'roles'
			? given.map((role) => code('role', role)).join(t('comma')) || '–'
			: path === 'spec.measure'
				? t(`report.${given}`)
				: path === 'spec.group' || path === 'spec.chart'
					? t(`chart.${given}`)
					: path === 'spec.days'
						? t('chart.days', {n: number(given)})
						: plain(given);

const options = (names, chosen, label) =>
	names.map((name) => h('option', {value: name, selected: String(name) === String(chosen)}, label(name)));
const select = (id, label, content, onchange) => [h('label', {for: id}, label), h('select', {id, onchange}, content)];

function builder(spec, stores, result) {
	const measure = h('select', {
		id: 'measure',
		onchange: () => {
			spec.measure = measure.value;
			ask();
		},
	});
	const dates = h(
		'div',
		{hidden: spec.days !== undefined},
		field('from', t('chart.from'), {type: 'date', value: spec.from || ''}),
		field('to', t('chart.to'), {type: 'date', value: spec.to || ''}),
	);
	const span = h(
		'select',
		{id: 'span', onchange: () => pick(span.value)},
		options(spans.includes(spec.days) || spec.days === undefined ? spans : [spec.days, ...spans], spec.days, (n) =>
			t('chart.days', {n: number(n)}),
		),
		h('option', {value: '', selected: spec.days === undefined}, t('chart.between')),
	);
	const note = h('p', {class: 'faint'});
	let turn = 0;
	const ask = async () => {
		const mine = ++turn;
		await answer(spec, result, () => mine === turn);
	};
	const pick = (days) => {
		dates.hidden = days !== '';
		if (days !== '') Object.assign(spec, {days: Number(days), from: undefined, to: undefined});
		else
			Object.assign(spec, {
				days: undefined,
				from: dates.querySelector('#from').value,
				to: dates.querySelector('#to').value,
			});
		if (days !== '' || (spec.from && spec.to)) ask();
	};
	for (const one of dates.querySelectorAll('input')) one.addEventListener('change', () => pick(''));
	const offer = () => {
		if (!measures[spec.group].includes(spec.measure)) spec.measure = measures[spec.group][0];
		measure.replaceChildren(...options(measures[spec.group], spec.measure, (name) => t(`report.${name}`)));
		span.disabled = timeless.includes(spec.group);
		note.textContent =
			spec.group === 'category' ? t('chart.year') : timeless.includes(spec.group) ? t('chart.now') : '';
	};
	offer();
	const place = spec.store ? `store/${spec.store}` : spec.region ? `region/${spec.region}` : '';
	return h(
		'form',
		{class: 'card', onsubmit: (event) => event.preventDefault()},
		h(
			'div',
			{class: 'fields'},
			[
				select(
					'group',
					t('chart.group'),
					options(Object.keys(measures), spec.group, (name) => t(`chart.${name}`)),
					(event) => {
						spec.group = event.target.value;
						offer();
						ask();
					},
				),
				[h('label', {for: 'measure'}, t('chart.measure')), measure],
				[h('label', {for: 'span'}, t('chart.span')), span, dates, note],
				select('where', t('report.where'), scopes(stores, place, t('report.all')), (event) => {
					const [kind, ...name] = event.target.value.split('/');
					Object.assign(spec, {store: undefined, region: undefined}, kind ? {[kind]: name.join('/')} : {});
					ask();
				}),
				select(
					'chart',
					t('chart.kind'),
					options(['line', 'bars', 'pie', 'table'], spec.chart, (name) => t(`chart.${name}`)),
					(event) => {
						spec.chart = event.target.value;
						ask();
					},
				),
			].map((one) => h('div', {}, one)),
		),
	);
}

const shown = {net: money, average_order: money, repurchase_rate: percent};
function naming(spec, row) {
	if (spec.group === 'tier') return code('tier', row.key);
	if (spec.group === 'channel') return row.key ? code('channel', row.key) : t('report.unknown');
	if (spec.group === 'category') return row.key === '-' ? t('report.unknown') : row.label;
	if (spec.group === 'frequency') return t(row.key === '20' ? 'report.times_more' : 'report.times', {n: row.key});
	return spec.group === 'month' ? row.label.slice(0, 7) : row.label;
}

// A ring is read in a few parts: what comes after the largest five is one.
const most = 6;
function shares(made, format) {
	if (made.length <= most) return made;
	const sorted = [...made].sort((a, b) => b.value - a.value);
	const rest = sorted.slice(most - 1).reduce((sum, row) => sum + row.value, 0);
	return [...sorted.slice(0, most - 1), {label: t('chart.others'), value: rest, text: format(rest)}];
}

// Whom a row counts, or whose purchases it adds up: of a period all of it, of a place those of the span.
function behind(spec, {key}) {
	const place = spec.store ? ['store', spec.store] : spec.region ? ['region', spec.region] : [];
	const days = `${spec.from || daysBack(spec.days - 1)}.${spec.to || daysBack(0)}`,
		figure = {registered: 'registered', new_buyers: 'new', repurchase_rate: 'repeat'}[spec.measure] || 'buyers';
	const kinds = {
		tier: ['tier', key],
		channel: ['origin', key],
		category: ['mix', `.${key}`],
		frequency: ['frequency', `${key}.${days}`],
	};
	if (kinds[spec.group]) return behindOf(...kinds[spec.group], ...place);
	if (['store', 'region'].includes(spec.group)) return behindOf('span', `${figure}.${days}`, spec.group, key);
	const [year, month] = key.split('-').map(Number);
	const ends =
		spec.group === 'month'
			? iso(new Date(Date.UTC(year, month, 0)))
			: iso(new Date(Date.parse(key) + (spec.group === 'week' ? 6 : 0) * 86400000));
	return behindOf('span', `${figure}.${key}.${ends}`, ...place);
}

async function answer(spec, place, isWanted = () => true) {
	place.setAttribute('aria-busy', 'true');
	try {
		const {rows} = await post('reports/chart', spec);
		if (!isWanted()) return;
		const format = shown[spec.measure] || number;
		const made = rows.map((row) => ({
			label: naming(spec, row),
			value: row.value === null ? 0 : Number(row.value),
			text: format(row.value === null ? null : Number(row.value)),
			brief: format === money && row.value !== null ? brief(Number(row.value)) : undefined,
		}));
		const title = `${t(`report.${spec.measure}`)} · ${t(`chart.${spec.group}`)}`;
		const picture = {
			line: () => line(title, made),
			bars: () => bars(title, made.slice(0, 60), !periods.includes(spec.group)),
			pie: () => ring(title, shares(made, format)),
			table: () => null,
		}[spec.chart || 'table']();
		place.replaceChildren(
			...[
				h('p', {class: 'faint', role: 'status'}, title),
				rows.length === 0 ? h('p', {class: 'faint'}, t('none')) : picture,
				rows.length > 0 &&
					table(
						title,
						[t(`chart.${spec.group}`), [t(`report.${spec.measure}`), 'number']],
						made.map((row, i) => [row.label, opening(row.value, behind(spec, rows[i]), row.text)]),
					),
				h(
					'div',
					{class: 'row'},
					h(
						'button',
						{
							type: 'button',
							onclick: () =>
								save(`${spec.measure}-${spec.group}`, [
									[spec.group, spec.measure],
									...rows.map((row) => [row.label, row.value]),
								]),
						},
						t('save_csv'),
					),
				),
			].filter(Boolean),
		);
	} catch (problem) {
		if (isWanted()) place.replaceChildren(h('p', {class: 'warn', role: 'alert'}, fault(problem)));
	} finally {
		if (isWanted()) place.removeAttribute('aria-busy');
	}
}

function keeping(spec, chosen, again, key) {
	const own = chosen && chosen.is_mine ? chosen : null;
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('chart.save_as')),
		keptForm(
			key,
			[
				field('name', t('chart.name'), {value: own ? own.name : '', maxlength: '80', required: true}),
				h(
					'fieldset',
					{},
					h('legend', {}, t('chart.share')),
					roles.map((role) => check(role, code('role', role), own && own.roles.includes(role))),
				),
				h('p', {class: 'faint'}, t('chart.shared')),
			],
			t('chart.save_as'),
			async (data, element, done) => {
				const onward = leading(),
					kept = await post('reports/saved', {
						name: data.get('name'),
						spec,
						roles: roles.filter((role) => data.get(role)),
						...(own ? {report_id: own.report_id} : {}),
					});
				done();
				toast(t('saved'));
				if (own) await again();
				else onward(`#/charts/${kept.report_id}`);
			},
		),
	);
}

function shelf(saved, again) {
	const remove = async (one) => {
		try {
			await del(`reports/saved/${one.report_id}`);
			toast(t('chart.deleted'), {
				label: t('undo'),
				run: async () => {
					await post('reports/saved', {name: one.name, spec: one.spec, roles: one.roles});
					await again();
				},
			});
			await again();
		} catch (problem) {
			toast(fault(problem));
		}
	};
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('chart.saved')),
		saved.length === 0
			? h('p', {class: 'faint'}, t('none'))
			: h(
					'ul',
					{class: 'plain'},
					saved.map((one) =>
						h(
							'li',
							{},
							h('a', {href: `#/charts/${one.report_id}`}, one.name),
							one.is_mine
								? h(
										'button',
										{
											type: 'button',
											'aria-label': `${t('chart.delete')} ${one.name}`,
											onclick: () => remove(one),
										},
										t('chart.delete'),
									)
								: h('span', {class: 'faint'}, ' · ', t('chart.by', {who: one.owner})),
						),
					),
				),
		h('div', {class: 'row'}, h('a', {class: 'button', href: '#/charts'}, t('chart.new'))),
	);
}
