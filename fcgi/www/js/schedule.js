// When a flow looks: every day, on days of the week or of the month, at a time; another cron expression stays as it is.
import {append, h, language, t} from './base.js';

const day_name = (i) => new Intl.DateTimeFormat(language, {weekday: 'short'}).format(new Date(2026, 0, 4 + i));
const two = (n) => String(n).padStart(2, '0');

function read(cron) {
	const form = /^(\d{1,2}) (\d{1,2}) (\*|[\d,]+) \* (\*|[\d,]+)$/.exec(cron || '');
	if (!form) return {kind: 'cron', cron: cron || ''};
	const [, minute, hour, month_days, week_days] = form;
	const whole = {
		time: `${two(hour)}:${two(minute)}`,
		days: (month_days === '*' ? week_days : month_days)
			.split(',')
			.filter((one) => one !== '*')
			.map(Number),
	};
	if (month_days !== '*' && week_days !== '*') return {kind: 'cron', cron};
	return {kind: month_days !== '*' ? 'month' : week_days !== '*' ? 'week' : 'day', ...whole};
}

function write({kind, cron, time, days}) {
	if (kind === 'cron') return cron;
	const [hour, minute] = time.split(':').map(Number);
	const list = days.length > 0 ? [...days].sort((a, b) => a - b).join(',') : '*';
	return `${minute} ${hour} ${kind === 'month' ? list : '*'} * ${kind === 'week' ? list : '*'}`;
}

export function schedule(cron, set) {
	const now = {time: '10:00', days: [], ...read(cron)};
	const place = h('div', {class: 'phrase'});
	const changed = () => set(write(now));
	const draw = () => {
		place.replaceChildren();
		append(place, [
			h('label', {for: 'schedule'}, t('schedule.when')),
			h(
				'select',
				{
					id: 'schedule',
					onchange: (event) => {
						now.kind = event.target.value;
						now.days = now.kind === 'month' ? [1] : now.kind === 'week' ? [1] : [];
						if (now.kind === 'cron') now.cron = cron;
						changed();
						draw();
						document.getElementById('schedule').focus();
					},
				},
				['day', 'week', 'month', 'cron'].map((kind) =>
					h('option', {value: kind, selected: kind === now.kind}, t(`schedule.${kind}`)),
				),
			),
			now.kind === 'week' &&
				h(
					'span',
					{class: 'many', role: 'group', 'aria-label': t('schedule.week')},
					[1, 2, 3, 4, 5, 6, 0].map((i) =>
						h(
							'label',
							{class: 'check'},
							h('input', {
								type: 'checkbox',
								checked: now.days.includes(i),
								onchange: (event) => {
									now.days = event.target.checked
										? [...now.days, i]
										: now.days.filter((other) => other !== i);
									changed();
								},
							}),
							day_name(i),
						),
					),
				),
			now.kind === 'month' &&
				h('input', {
					type: 'text',
					class: 'short',
					inputmode: 'numeric',
					'aria-label': t('schedule.month_days'),
					value: now.days.join(','),
					oninput: (event) => {
						now.days = event.target.value
							.split(/[,，\s]+/)
							.map(Number)
							.filter((n) => n >= 1 && n <= 31);
						changed();
					},
				}),
			now.kind === 'cron'
				? h('input', {
						type: 'text',
						class: 'middle',
						'aria-label': t('schedule.cron'),
						value: now.cron,
						oninput: (event) => {
							now.cron = event.target.value;
							changed();
						},
					})
				: h('input', {
						type: 'time',
						class: 'middle',
						'aria-label': t('schedule.at'),
						value: now.time,
						oninput: (event) => {
							if (event.target.value) {
								now.time = event.target.value;
								changed();
							}
						},
					}),
		]);
	};
	draw();
	return place;
}
