// How far goals are reached: of places and people on the managers' page, one's own beside one's tasks.
import {h, money, number, percent, t} from './base.js';

const shares = ['repurchase_rate', 'in_time_rate', 'answered_in_time'];
export const metrics = [
	'net',
	'orders',
	'buyers',
	'average_order',
	'repurchase_rate',
	'enrolled',
	'notes',
	'in_time_rate',
	'answered_in_time',
	'answer_minutes',
	'deals_won',
];
export const isShare = (metric) => shares.includes(metric);
export const ofPlacesOnly = (metric) => metrics.indexOf(metric) < 5;

export function amount(metric, value) {
	if (value === null || value === undefined) return '–';
	return ['net', 'average_order'].includes(metric)
		? money(Number(value))
		: isShare(metric)
			? percent(Number(value))
			: number(Number(value));
}

export function progress(row) {
	const label = t(`goal.${row.metric}`);
	const says =
		row.value === null
			? `${t('goal.nothing')} / ${amount(row.metric, row.goal)}`
			: `${amount(row.metric, row.value)} / ${amount(row.metric, row.goal)}${row.share === null ? '' : ` · ${percent(Number(row.share))}`}`;
	return [
		h('meter', {min: 0, max: 1, value: Math.min(Number(row.share) || 0, 1), 'aria-label': `${label} ${says}`}),
		' ',
		h(
			'span',
			{class: row.is_on_track === false ? 'warn' : null},
			says,
			' ',
			row.is_reached ? t('goal.reached') : row.is_on_track === false ? t('goal.behind') : '',
		),
	];
}
