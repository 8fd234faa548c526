// Goals of the chain, regions, stores and people, how far they are reached, and setting them.
import {anew, code, day, field, h, list, put, show, t, toast, withWords} from '../base.js';
import {amountOf} from '../counter.js';
import {amount, isShare, metrics, ofPlacesOnly, progress} from '../goals.js';
import {save, table} from '../table.js';
import {keptForm} from '../typed.js';
import {iso} from '../report_parts.js';

const roles = ['clerk', 'store_manager', 'manager', 'service'];

export async function draw([on = ''], me) {
	await withWords('desk');
	const [rows, stores, staff] = await Promise.all([
		list(`targets${on ? `?on_day=${on}` : ''}`),
		list('stores'),
		me.role === 'crm_analyst' ? {rows: []} : list('task-staff'),
	]);
	const days = (back) => iso(new Date(Date.parse(on || new Date().toISOString().slice(0, 10)) + back * 86400000));
	show(
		h('h1', {}, t('page.targets')),
		h(
			'section',
			{class: 'card broad'},
			h('h2', {}, t('goal.now')),
			h(
				'div',
				{class: 'row'},
				h('a', {class: 'tag', href: `#/targets/${days(-30)}`}, t('goal.before')),
				on && h('a', {class: 'tag', href: '#/targets'}, t('goal.today')),
				on && h('span', {class: 'faint'}, day(on)),
			),
			rows.rows.length === 0
				? h('p', {class: 'faint'}, t('goal.none'))
				: [
						h('p', {class: 'faint'}, t('goal.what')),
						table(
							t('goal.now'),
							[t('goal.whose'), t('goal.metric'), t('goal.period'), t('goal.progress')],
							rows.rows.map((row) => [
								whose(row),
								t(`goal.${row.metric}`),
								`${t(`goal.${row.unit}`)} ${day(row.starts_on)}`,
								h('span', {}, ...progress(row)),
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
										save('targets', [
											['whose', 'code', 'metric', 'unit', 'from', 'goal', 'value', 'share'],
											...rows.rows.map((row) => [
												row.place,
												row.code,
												row.metric,
												row.unit,
												row.starts_on,
												row.goal,
												row.value,
												row.share,
											]),
										]),
								},
								t('save_csv'),
							),
						),
					],
		),
		me.role !== 'crm_analyst' &&
			h(
				'section',
				{class: 'card'},
				h('h2', {}, t('goal.set')),
				setter(
					me,
					stores.rows,
					staff.rows,
					anew(() => draw([on], me)),
				),
			),
	);
}

const whose = (row) =>
	row.place === 'chain' ? t('goal.chain') : row.role ? `${row.name} · ${code('role', row.role)}` : row.name;

function setter(me, stores, staff, after) {
	const own = me.sees_all ? stores : stores.filter((store) => me.stores.some((mine) => mine.code === store.code));
	const regions = new Map(own.map((store) => [store.region, store.region_name]));
	const option = (value, label) => h('option', {value}, label);
	const group = (label, some) => some.length > 0 && h('optgroup', {label}, some);
	const select = (name, label, options, more = {}) =>
		h('div', {}, h('label', {for: name}, label), h('select', {id: name, name, required: true, ...more}, options));
	return keptForm(
		`${me.actor}:goal`,
		[
			h(
				'div',
				{class: 'fields'},
				select('whose', t('goal.whose'), [
					option('', t('goal.choose')),
					me.role === 'crm_headquarters' && option('chain', t('goal.chain')),
					me.role === 'crm_headquarters' &&
						group(
							t('goal.each'),
							roles.map((role) => option(`role/${role}`, code('role', role))),
						),
					me.role !== 'crm_store_manager' &&
						group(
							t('goal.regions'),
							[...regions].map(([region, name]) => option(`region/${region}`, name)),
						),
					group(
						t('goal.stores'),
						own.map((store) => option(`store/${store.code}`, store.name)),
					),
					group(
						t('goal.people'),
						staff.filter((one) => !one.has_left).map((one) => option(`staff/${one.staff}`, one.name)),
					),
				]),
				select(
					'metric',
					t('goal.metric'),
					metrics.map((metric) => option(metric, `${t(`goal.${metric}`)}${isShare(metric) ? ' (%)' : ''}`)),
				),
				select(
					'unit',
					t('goal.period'),
					['month', 'week', 'quarter'].map((unit) => option(unit, t(`goal.${unit}`))),
				),
				h('div', {}, field('starts_on', t('goal.starts_on'), {type: 'date'})),
				h('div', {}, field('goal', t('goal.goal'), {inputmode: 'decimal', maxlength: 16})),
			),
		],
		t('goal.save'),
		async (data, element, done) => {
			const [kind, ref] = data.get('whose').split('/');
			const metric = data.get('metric');
			if (['role', 'staff'].includes(kind) && ofPlacesOnly(metric))
				throw Object.assign(new Error(metric), {field: 'metric', code: 'goal_people'});
			const written = amountOf(data.get('goal')),
				goal = written === '' ? null : Number(written) / (isShare(metric) ? 100 : 1);
			if (goal !== null && !(goal > 0))
				throw Object.assign(new Error('goal'), {field: 'goal', code: 'goal_above'});
			await put('targets', {
				metric,
				goal,
				unit: data.get('unit'),
				starts_on: data.get('starts_on') || null,
				[kind]: ref ?? null,
			});
			done();
			toast(goal === null ? t('goal.taken') : t('goal.saved', {goal: amount(metric, goal)}));
			await after();
		},
	);
}
