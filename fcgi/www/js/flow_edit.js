// A flow's values as a form: trigger, who, exclusions, steps with their texts, channels, offer, holdout, caps, quiet
// hours.  Only what changed is sent; a refusal stands at its field.
import {append, code, fault, h, leading, list, named, patch, post, put, requireFilled, show, t, toast} from './base.js';
import {copy, drafted, guarded, kept} from './drafts.js';
import {refusal, title} from './flow_words.js';
import {tiers} from './tier_order.js';
import {liveCount} from './rule_editor.js';
import {schedule} from './schedule.js';
import {branch, choice, errand, ruled, vendor} from './flow_parts.js';
import {variantsCard, writeVariants} from './flow_variants.js';

const path = (flow) => `flows/${encodeURIComponent(flow)}`;
const sameAs = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
// what is shown on pages has a channel of its own
const channelsOf = (row, spec) => (row.trigger === 'site' ? ['site'] : spec.channels || []);

export async function edit(row, me) {
	const [texts, coupons, channels] = await Promise.all([
		list(`${path(row.flow)}/texts`),
		list('coupon-types'),
		list('rules/values?kind=message&field=channel'),
	]);
	const key = `flow:${row.flow}`;
	const draft = kept(key);
	const present = async () => (await list('flows')).rows.find((one) => one.flow === row.flow);
	const saved = guarded(key, row.version, async () => (await present()).version),
		again = async () => edit(await present(), me);
	const whole = texts.rows.filter((one) => !one.variant);
	const was = {
		name_zh: row.name_zh,
		spec: copy(row.spec),
		texts: Object.fromEntries(whole.map((one) => [`${one.step}/${one.channel}`, one.body || ''])),
		said: Object.fromEntries(
			texts.rows
				.filter((one) => one.variant)
				.map((one) => [`${one.step}/${one.channel}/${one.variant}`, one.body || '']),
		),
		subjects: Object.fromEntries(whole.map((one) => [`${one.step}/${one.channel}`, one.subject || ''])),
		vendors: Object.fromEntries(
			whole.map((one) => [
				`${one.step}/${one.channel}`,
				{template: one.vendor_template || '', params: one.vendor_params},
			]),
		),
	};
	const now = {...copy(was), ...draft};
	const page = {
		row,
		me,
		was,
		now,
		manners: Object.fromEntries(texts.rows.map((one) => [one.channel, one.placeholder])),
		coupons: coupons.rows,
		channels: [
			...new Set([
				...channelsOf(row, now.spec),
				...channels.rows.map((one) => one.code).filter((code) => code !== 'site'),
			]),
		],
		channelName: (channel) => named(channels.rows.find((one) => one.code === channel) || {code: channel}),
		remember: () => saved.keep(now),
		editors: [],
	};
	const notice = h('p', {class: 'warn', role: 'alert', id: 'refused'});
	const steps = h('div', {});
	page.drawSteps = () => {
		page.editors = page.editors.filter(({editor}) => !steps.contains(editor.element));
		steps.replaceChildren();
		append(steps, stepCards(page));
	};
	page.drawSteps();
	show(
		h('h1', {}, title(row)),
		draft && drafted(key, () => edit(row, me)),
		h(
			'form',
			{novalidate: true, class: 'flow', onsubmit: (event) => store(event, page, saved, notice, again)},
			h(
				'section',
				{class: 'card'},
				h('label', {for: 'name_zh'}, t('flows.name')),
				h('input', {
					id: 'name_zh',
					value: now.name_zh,
					maxlength: 100,
					autocomplete: 'off',
					oninput: (event) => {
						now.name_zh = event.target.value;
						page.remember();
					},
				}),
				trigger(page),
			),
			['schedule', 'event', 'site'].includes(row.trigger) && who(page),
			exclusions(page),
			steps,
			h('section', {class: 'card'}, h('h2', {}, t('flow.limits')), limits(page)),
			notice,
			h(
				'div',
				{class: 'row'},
				h('button', {class: 'main', type: 'submit'}, t('save')),
				h('a', {class: 'button', href: `#/flows/${encodeURIComponent(row.flow)}`}, t('flow.back')),
			),
		),
	);
}

// A number of the spec, under the name that a refusal uses.
function number(page, name, attributes = {}) {
	const set = (value) => {
		if (value === '') delete page.now.spec[name];
		else page.now.spec[name] = Number(value);
		page.remember();
	};
	return h(
		'div',
		{class: 'field'},
		h('label', {for: name}, t(`flow.${name}`)),
		h('input', {
			id: name,
			type: 'number',
			inputmode: 'numeric',
			value: page.now.spec[name] ?? '',
			oninput: (event) => set(event.target.value),
			...attributes,
		}),
	);
}

const clock = (id, label, value, set) =>
	h(
		'div',
		{class: 'field'},
		h('label', {for: id}, label),
		h('input', {id, type: 'time', value: value || '', oninput: (event) => set(event.target.value)}),
	);

function trigger(page) {
	const {row, now} = page;
	const set = (name) => (value) => {
		now.spec[name] = value;
		page.remember();
	};
	const parts = {
		welcome: () => h('p', {}, t('trigger.welcome')),
		silence: () => [h('p', {}, t('trigger.silence')), number(page, 'days'), number(page, 'backlog_per_day')],
		birthday: () => [h('p', {}, t('trigger.birthday')), clock('at', t('flow.at'), now.spec.at, set('at'))],
		schedule: () => [
			schedule(now.spec.schedule, set('schedule')),
			'ago' in now.spec && number(page, 'ago'),
			'calendar' in now.spec &&
				choice(
					'calendar',
					t('flow.calendar'),
					[...new Set(['festival', 'solar_term', now.spec.calendar])].map((value) => [
						value,
						code('calendar', value),
					]),
					now.spec.calendar,
					set('calendar'),
				),
			('days_before' in now.spec || 'calendar' in now.spec) && number(page, 'days_before'),
			'key' in now.spec &&
				choice(
					'key',
					t('flow.key'),
					['once', 'year', 'quarter', 'month', 'half_month', 'day', 'tier'].map((value) => [
						value,
						t(`key.${value}`),
					]),
					now.spec.key,
					set('key'),
				),
			number(page, 'late_hours'),
		],
		event: () => [entry(page), number(page, 'reentry_days'), number(page, 'late_hours')],
		site: () => [
			h('p', {}, t('trigger.site')),
			h(
				'div',
				{class: 'field'},
				h('label', {for: 'place'}, t('flow.place')),
				h('input', {
					id: 'place',
					value: now.spec.place.join(', '),
					autocomplete: 'off',
					oninput: (event) => set('place')(event.target.value.split(/[,，\s]+/).filter(Boolean)),
				}),
			),
			number(page, 'reentry_days'),
		],
	};
	return [h('h2', {}, t('flow.trigger')), parts[row.trigger]()];
}

// What lets somebody in: what customers do, an order, what staff noted.
function entry(page) {
	const {spec} = page.now;
	const place = h('div', {});
	let types = spec.event.types || [];
	const draw = () => {
		place.replaceChildren();
		if (spec.event.kind === 'event') place.append(eventTypes(page));
	};
	draw();
	return [
		choice(
			'event_kind',
			t('trigger.event_kind'),
			['event', 'order', 'interaction'].map((kind) => [kind, t(`trigger.by_${kind}`)]),
			spec.event.kind,
			(kind) => {
				types = spec.event.types || types; // what was ticked is there again when who edits comes back to it
				spec.event = kind === 'event' ? {kind, types} : {kind};
				page.remember();
				draw();
			},
		),
		place,
	];
}

// The kinds of events that let somebody in.
function eventTypes(page) {
	const {event} = page.now.spec;
	const place = h('span', {class: 'many'});
	list('rules/values?kind=event&field=type&limit=500').then(
		(known) =>
			append(
				place,
				[...new Set([...event.types, ...known.rows.map((row) => row.code)])].map((type) => {
					const row = known.rows.find((one) => one.code === type);
					return h(
						'label',
						{class: 'check'},
						h('input', {
							type: 'checkbox',
							checked: event.types.includes(type),
							onchange: (change) => {
								event.types = change.target.checked
									? [...event.types, type]
									: event.types.filter((other) => other !== type);
								page.remember();
							},
						}),
						row && named(row) !== type ? named(row) : code('event', type),
					);
				}),
			),
		() => append(place, [event.types.join(t('comma'))]),
	);
	return h('fieldset', {id: 'event', tabindex: '-1'}, h('legend', {}, t('trigger.event', {what: ''})), place);
}

function who(page) {
	const count = h('p', {role: 'status'}),
		sample = h('div', {});
	const ask = liveCount(count, sample, (preview, problem) => {
		editor.tell(preview);
		if (problem) editor.refuse(problem);
	});
	const editor = ruled(page, page.now.spec, 'who', t('rule.who'), {onChange: ask});
	setTimeout(() => ask(editor.rule()));
	return h(
		'section',
		{class: 'card beside'},
		h('div', {}, h('h2', {}, t('flow.who')), editor.element),
		h('aside', {'aria-label': t('audience.meant')}, h('h3', {}, t('flow.who_now')), count, sample),
	);
}

function exclusions(page) {
	const {spec} = page.now;
	const without = (tier, is) => {
		const list_now = (spec.exclude_tiers || []).filter((other) => other !== tier);
		if (is) list_now.push(tier);
		if (list_now.length > 0) spec.exclude_tiers = list_now;
		else delete spec.exclude_tiers;
		page.remember();
	};
	const goal = typeof spec.goal === 'object' ? 'rule' : spec.goal || '';
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('flow.exclusions')),
		h(
			'fieldset',
			{id: 'exclude_tiers', tabindex: '-1'},
			h('legend', {}, t('flow.exclude_tiers')),
			h(
				'span',
				{class: 'many'},
				tiers.map((tier) =>
					h(
						'label',
						{class: 'check'},
						h('input', {
							type: 'checkbox',
							checked: (spec.exclude_tiers || []).includes(tier),
							onchange: (event) => without(tier, event.target.checked),
						}),
						code('tier', tier),
					),
				),
			),
		),
		choice(
			'goal',
			t('flow.goal'),
			[['', t('goal.unset')], ['order', t('goal.order')], ...(goal === 'rule' ? [['rule', t('goal.rule')]] : [])],
			goal,
			(value) => {
				if (value === '') delete spec.goal;
				else spec.goal = value === 'rule' ? page.was.spec.goal : value;
				page.remember();
			},
		),
		['schedule', 'event', 'site'].includes(page.row.trigger) && [
			ruled(page, spec, 'except', t('flow.except')).element,
			h(
				'details',
				{open: Boolean(spec.superseded_by)},
				h('summary', {}, t('flow.superseded')),
				ruled(page, spec, 'superseded_by', t('flow.superseded')).element,
			),
		],
	);
}

// The steps there are: a flow without steps of its own is one.
const stepsOf = (spec) => spec.steps || [{}];

function stepCards(page) {
	const {now, row} = page;
	const {spec} = now;
	const mayAct = ['schedule', 'event'].includes(row.trigger),
		mayWave = mayAct && 'channels' in spec;
	const channels = channelsOf(row, spec);
	const cards = stepsOf(spec).map((step, i) =>
		h(
			'section',
			{class: 'card step'},
			h('h2', {}, spec.steps ? t('flow.step', {n: i + 1}) : t('flow.text')),
			spec.steps && waits(page, step, i),
			offer(page, step, i),
			channels.length > 0 && wording(page, channels, i),
			channels.length > 0 && variantsCard(page, spec.steps ? step : spec, i, channels),
			mayAct && [branch(page, spec.steps ? step : spec, i), errand(page, spec.steps ? step : spec, i)],
			spec.steps &&
				spec.steps.length > 1 &&
				h('button', {type: 'button', onclick: () => dropStep(page, i)}, t('flow.drop_step', {n: i + 1})),
		),
	);
	return [
		spec.steps &&
			spec.task &&
			h('section', {class: 'card'}, h('h2', {}, t('flow.task_each')), errand(page, spec, stepsOf(spec).length)),
		cards,
		mayWave &&
			h(
				'div',
				{class: 'row'},
				h('button', {type: 'button', id: 'steps', onclick: () => addStep(page)}, t('flow.add_step')),
			),
	];
}

function addStep(page) {
	const {spec} = page.now;
	const last = stepsOf(spec).at(-1);
	const hours = 'after_hours' in last;
	spec.steps = [
		...stepsOf(spec),
		hours ? {after_hours: last.after_hours + 24} : {after_days: (last.after_days || 0) + 14},
	];
	page.remember();
	page.drawSteps();
	document.getElementById(`after_${spec.steps.length}`).focus();
}

function dropStep(page, i) {
	const {now} = page;
	const before = copy({
		steps: now.spec.steps,
		texts: now.texts,
		said: now.said,
		subjects: now.subjects,
		vendors: now.vendors,
	});
	const without = (kept_by) =>
		Object.fromEntries(
			Object.entries(kept_by)
				.map(([key, body]) => [key.split('/'), body])
				.filter(([[step]]) => Number(step) !== i + 1)
				.map(([[step, ...rest], body]) => [[Number(step) > i + 1 ? step - 1 : step, ...rest].join('/'), body]),
		);
	now.spec.steps.splice(i, 1);
	now.texts = without(now.texts);
	now.said = without(now.said);
	now.subjects = without(now.subjects);
	now.vendors = without(now.vendors);
	page.remember();
	page.drawSteps();
	toast(t('flow.step_dropped', {n: i + 1}), {
		label: t('undo'),
		of: document.querySelector('form.flow'),
		run: () => {
			now.spec.steps = before.steps;
			Object.assign(now, {
				texts: before.texts,
				said: before.said,
				subjects: before.subjects,
				vendors: before.vendors,
			});
			page.remember();
			page.drawSteps();
		},
	});
}

function waits(page, step, i) {
	const name = 'after_hours' in step ? 'after_hours' : 'after_days';
	return h(
		'div',
		{class: 'field'},
		h('label', {for: `after_${i + 1}`}, t(`flow.${name}`)),
		h('input', {
			id: `after_${i + 1}`,
			type: 'number',
			inputmode: 'numeric',
			min: 0,
			required: true,
			value: step[name] ?? 0,
			oninput: (event) => {
				step[name] = Number(event.target.value);
				page.remember();
			},
		}),
	);
}

function offer(page, step, i) {
	const own = page.now.spec.steps ? step : page.now.spec;
	const options = [
		['', t(page.now.spec.steps && page.now.spec.coupon_type ? 'flow.coupon_same' : 'flow.coupon_none')],
		...page.coupons.map((row) => [row.coupon_type, named(row, row.coupon_type)]),
	];
	return choice(i === 0 ? 'coupon_type' : `coupon_${i + 1}`, t('flow.coupon'), options, own.coupon_type, (value) => {
		if (value === '') delete own.coupon_type;
		else own.coupon_type = value;
		page.remember();
	});
}

const variables = ['name', 'coupon_code', 'coupon_value', 'valid_until'];

function wording(page, channels, i) {
	const {now} = page;
	return channels.map((channel) => {
		const key = `${i + 1}/${channel}`;
		const id = `text_${i + 1}_${channel}`;
		const read = h('p', {class: 'said', 'aria-live': 'polite'});
		const body = () => now.texts[key] ?? now.texts[`1/${channel}`] ?? '';
		const area = h(
			'textarea',
			{
				id,
				maxlength: 2000,
				oninput: (event) => {
					now.texts[key] = event.target.value;
					page.remember();
				},
			},
			body(),
		);
		const insert = (variable) => {
			area.setRangeText(`{{${variable}}}`, area.selectionStart, area.selectionEnd, 'end');
			area.dispatchEvent(new Event('input'));
			area.focus();
		};
		const subject = channel === 'email' && [
			h('label', {for: `subject_${i + 1}`}, t('flow.subject')),
			h('input', {
				id: `subject_${i + 1}`,
				maxlength: 200,
				autocomplete: 'off',
				value: now.subjects[key] ?? now.subjects[`1/${channel}`] ?? '',
				oninput: (event) => {
					now.subjects[key] = event.target.value;
					page.remember();
				},
			}),
		];
		return h(
			'div',
			{},
			subject,
			h('label', {for: id}, t('flow.text_on', {channel: page.channelName(channel)})),
			area,
			h(
				'div',
				{class: 'row'},
				variables.map((variable) =>
					h(
						'button',
						{type: 'button', class: 'quiet', onclick: () => insert(variable)},
						t(`variable.${variable}`),
					),
				),
				h(
					'button',
					{type: 'button', onclick: () => preview(page, i + 1, channel, area.value, read)},
					t('flow.read_text'),
				),
			),
			read,
			vendor(page, key),
		);
	});
}

// As one of those who fit would read it; another one each time.
async function preview(page, step, channel, body, place) {
	try {
		page.sample ||= (
			await post('rules/preview', {rule: page.now.spec.who || {}, sample: 20, look_at: 2000})
		).sample;
		for (let after = 0; page.sample.length === 0 && after !== null;)
			({sample: page.sample, after} = await post('rules/preview', {
				rule: page.now.spec.who || {},
				sample: 20,
				after,
			}));
		if (page.sample.length === 0)
			page.sample = (await post('rules/preview', {rule: {}, sample: 20, look_at: 2000})).sample;
		const person = page.sample[(page.turn = (page.turn ?? -1) + 1) % page.sample.length];
		const answer = await post(`${path(page.row.flow)}/texts/read`, {
			customer_id: person.customer_id,
			step: Math.min(step, stepsOf(page.was.spec).length),
			channel,
			body,
		});
		place.replaceChildren(
			answer.text,
			h('br', {}),
			h(
				'span',
				{class: 'faint'},
				t(answer.segments > 1 ? 'flow.segments' : 'flow.characters', {
					n: answer.characters,
					parts: answer.segments,
				}),
				answer.is_masked ? ` · ${t('flow.masked')}` : '',
			),
		);
	} catch (problem) {
		place.replaceChildren(h('span', {class: 'warn'}, refusal(problem)));
	}
}

function limits(page) {
	const {spec} = page.now;
	const quiet = (end) => (value) => {
		spec.quiet = {...(spec.quiet || {from: '21:00', to: '08:00'}), [end]: value};
		page.remember();
	};
	// such a flow may hand out coupons and tasks, and say nothing
	const maySilent = ['schedule', 'event'].includes(page.row.trigger);
	const carried = (channel, is) => {
		spec.channels = (spec.channels || []).filter((other) => other !== channel);
		if (is) spec.channels.push(channel);
		if (spec.channels.length === 0 && maySilent) delete spec.channels;
		page.remember();
		page.drawSteps();
	};
	const label = (name, attributes) =>
		h(
			'div',
			{class: 'field'},
			h('label', {for: name}, t(`flow.${name}`)),
			h('input', {
				id: name,
				autocomplete: 'off',
				value: spec[name] ?? '',
				oninput: (event) => {
					const value = event.target.value.trim();
					if (value === '') delete spec[name];
					else spec[name] = value;
					page.remember();
				},
				...attributes,
			}),
		);
	return [
		page.row.trigger !== 'site' &&
			h(
				'fieldset',
				{id: 'channels', tabindex: '-1'},
				h('legend', {}, t('flow.channels')),
				h(
					'span',
					{class: 'many'},
					page.channels.map((channel) =>
						h(
							'label',
							{class: 'check'},
							h('input', {
								type: 'checkbox',
								checked: (spec.channels || []).includes(channel),
								onchange: (event) => carried(channel, event.target.checked),
							}),
							page.channelName(channel),
						),
					),
				),
			),
		h(
			'div',
			{class: 'fields'},
			number(page, 'holdout_percent', {min: 0, max: 99}),
			number(page, 'cap_messages', {min: 1}),
			number(page, 'cap_days', {min: 1, max: 30}),
			number(page, 'offer_days', {min: 0}),
			number(page, 'priority', {min: 0}),
			number(page, 'quota', {min: 1}),
			label('tag', {maxlength: 32, placeholder: 'promotion'}),
			clock('quiet', t('flow.quiet_from'), spec.quiet?.from, quiet('from')),
			clock('quiet_to', t('flow.quiet_to'), spec.quiet?.to, quiet('to')),
		),
	];
}

const changesOf = (was, now) =>
	Object.fromEntries(
		[...new Set([...Object.keys(was), ...Object.keys(now)])]
			.filter((name) => !sameAs(was[name], now[name]))
			.map((name) => [name, name in now ? now[name] : null]),
	);

// Values first, but channels that are new only when they have their texts, and texts only when their steps are there.
async function send(page) {
	const {row, was, now} = page;
	await writeVariants(
		page,
		(i) => (now.spec.steps ? now.spec.steps[i] : now.spec),
		stepsOf(now.spec).length,
		channelsOf(row, now.spec),
	);
	const {channels, ...first} = changesOf(was.spec, now.spec);
	if (now.name_zh.trim() !== was.name_zh)
		await put(`${path(row.flow)}/name`, {
			name_zh: now.name_zh.trim(),
			name_en: row.name_en === row.name_zh ? '' : row.name_en,
		});
	if (Object.keys(first).length > 0) await patch(path(row.flow), first);
	// what the form shows is what is meant: a new channel's text stands in each wave
	for (let step = 1; step <= stepsOf(now.spec).length; step++)
		for (const channel of channelsOf(row, now.spec)) {
			const shown = (kept_by) => kept_by[`${step}/${channel}`] ?? kept_by[`1/${channel}`] ?? '';
			const had = (kept_by) =>
				kept_by[`${step}/${channel}`] ??
				(step > stepsOf(was.spec).length ? kept_by[`1/${channel}`] : undefined) ??
				'';
			const approved = now.vendors[`${step}/${channel}`];
			const isOther = approved && !sameAs(approved, was.vendors[`${step}/${channel}`]);
			if (shown(now.texts) === had(was.texts) && shown(now.subjects) === had(was.subjects) && !isOther) continue;
			page.at = `text_${step}_${channel}`;
			await put(`${path(row.flow)}/texts`, {
				step,
				channel,
				body: shown(now.texts),
				subject: shown(now.subjects) || null,
				...(isOther ? {vendor: approved} : {}),
			});
		}
	page.at = null;
	if (channels !== undefined) await patch(path(row.flow), {channels});
}

async function store(event, page, saved, notice, again) {
	event.preventDefault();
	notice.textContent = '';
	for (const wrong of document.querySelectorAll('[aria-invalid]')) wrong.removeAttribute('aria-invalid');
	const open = page.editors.find(({editor}) => editor.isOpen());
	if (open) {
		notice.textContent = t('rule.fill_in');
		return open.editor.focusOpen();
	}
	// what is no number would be taken for none: a wave at once
	try {
		requireFilled(event.target);
	} catch (problem) {
		return refuse(problem, page, notice);
	}
	const button = document.querySelector('form.flow button[type=submit]');
	button.disabled = true;
	const onward = leading();
	try {
		if (!(await saved.isOvertaken(notice, again))) {
			await send(page);
			saved.forget();
			toast(t('saved'));
			onward(`#/flows/${encodeURIComponent(page.row.flow)}`);
		}
	} catch (problem) {
		refuse(problem, page, notice);
		await saved.moved().catch(() => null);
	}
	button.disabled = false;
}

function refuse(problem, page, notice) {
	const field =
		problem.field === 'subject'
			? document.querySelector('[id^=subject_]')
			: ['body', 'template'].includes(problem.field)
				? document.getElementById(page.at) || document.querySelector('textarea')
				: problem.field && document.getElementById(problem.field);
	const label = field?.labels?.[0]?.textContent || field?.querySelector?.('legend')?.textContent;
	notice.textContent =
		problem.status === undefined
			? fault(problem, label)
			: label
				? `${label}${t('colon')}${refusal(problem)}`
				: refusal(problem);
	if (!field) return page.editors.forEach(({editor}) => editor.refuse(problem));
	field.setAttribute('aria-invalid', 'true');
	field.setAttribute('aria-describedby', 'refused');
	field.after(notice);
	for (let fold = field.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true;
	// a folded part with a place of its own in the order of keys would keep the keys out of it
	(field.tagName === 'DETAILS' ? field.querySelector('summary') : field).focus();
}
