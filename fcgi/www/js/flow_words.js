// What flows decided and brought, said in words.
import {bars} from './chart.js';
import {compared} from './flow_variants.js';
import {behindOf, opening} from './report_parts.js';
import {code, day, fault, h, language, moment, money, named, number, percent, t} from './base.js';

export const title = (flow) => named(flow, flow.flow);

// The gate's reasons as the server writes them, and the key of the words for each; what is new stays as it came.
const reasons = [
	[/^flow is (\w+)$/, 'state'],
	[/^missed: it was due (.+)$/, 'late'],
	[/^missed: its day is over/, 'day_over'],
	[/^in time$/, 'in_time'],
	[/^tier (\w+) is excluded$/, 'tier'],
	[/^last purchase is (.+) now$/, 'last'],
	[/^this branch is for others$/, 'branch'],
	[/^superseded: another flow/, 'better'],
	[/^excluded by the flow's rule$/, 'excluded'],
	[/^goal reached/, 'goal'],
	[/^not excluded, goal not reached$/, 'not_excluded'],
	[/^in the control group$/, 'control'],
	[/^treatment$/, 'treatment'],
	[/^holds or used an equal or better offer$/, 'offer'],
	[/^no equal or better offer$/, 'no_offer'],
	[/^superseded: (\d+) of (\d+) in (\d+) days to this address$/, 'cap_address'],
	[/^superseded: (\d+) of (\d+) in (\d+) days to this person$/, 'cap_person'],
	[/^superseded: (\d+) of (\d+) a day to this address$/, 'cap_address_day'],
	[/^superseded: (\d+) of (\d+) a week to this address$/, 'cap_address_week'],
	[/^superseded: (\d+) of (\d+) a month to this address$/, 'cap_address_month'],
	[/^superseded: (\d+) of (\d+) a day to this person$/, 'cap_person_day'],
	[/^superseded: (\d+) of (\d+) a week to this person$/, 'cap_person_week'],
	[/^superseded: (\d+) of (\d+) a month to this person$/, 'cap_person_month'],
	[/^superseded: (\d+) of (\d+) by the cap/, 'cap_house'],
	[/^all (\d+) are taken$/, 'quota'],
	[/^no lottery is open$/, 'no_lottery'],
	[/^held to the best hour, (.+)$/, 'held_best'],
	[/^within the caps$/, 'within_caps'],
	[/^held to (.+)$/, 'held'],
	[/^no quiet hours$/, 'not_quiet'],
	[/^sends no message$/, 'silent'],
	[/^no code is left in the pool/, 'no_code'],
	[/^the last purchase is another one now$/, 'last_other'],
];
const channels = [
	[/^(\w+): no endpoint carries it$/, 'no_endpoint'],
	[/^(\w+): no address$/, 'no_address'],
	[/^(\w+): as many this month as it allows$/, 'month_full'],
	[/^(\w+): consent no$/, 'said_no'],
	[/^(\w+): consent (\w+)$/, 'no_consent'],
	[/^(sms|wechat|email|wecom)$/, 'by'],
];

export function reason(text) {
	if (!text) return '';
	for (const [form, key] of reasons) {
		const found = form.exec(text);
		if (found)
			return t(`reason.${key}`, {
				1: key === 'state' ? code('state', found[1]) : key === 'tier' ? code('tier', found[1]) : found[1],
				2: found[2],
				3: found[3],
			});
	}
	return text
		.split(', ')
		.map((part) => {
			for (const [form, key] of channels) {
				const found = form.exec(part);
				if (found) return t(`reason.${key}`, {1: code('channel', found[1])});
			}
			return part;
		})
		.join(t('comma'));
}

// 29 of 100 came back, 21 would have anyway; and whether that says anything yet.
// Whom the board lists of what results count.
const behindFlow = {
	assigned: 'treated',
	sent: 'sent',
	delivered: 'delivered',
	opened: 'opened',
	clicked: 'clicked',
	redeemed: 'redeemed',
};

export function results(answer) {
	const {treatment, control} = answer;
	const said = [];
	if (treatment.persons > 0) {
		said.push(
			t('result.came', {n: number(treatment.ordered), all: number(treatment.persons), days: answer.window_days}),
		);
		if (control.persons > 0)
			said.push(
				t('result.anyway', {
					n: number(Math.round((control.ordered / control.persons) * treatment.persons)),
					ordered: number(control.ordered),
					persons: number(control.persons),
				}),
			);
	}
	if (treatment.persons + control.persons === 0) return h('p', {class: 'said', id: 'verdict'}, t('result.nobody'));
	const smaller = Math.min(treatment.persons, control.persons);
	const fewer = Math.min(treatment.ordered, control.ordered);
	const points = (value) => number(Math.round(value * 10) / 10);
	const opens = (name) => (name in behindFlow ? behindOf('flow', `${answer.flow}.${behindFlow[name]}`) : null);
	let verdict;
	if (smaller < 100) verdict = t('result.more_persons', {n: number(100 - smaller)});
	else if (fewer < 5) verdict = t('result.more_orders', {n: number(5 - fewer)});
	else {
		const [low, high] = answer.lift_interval;
		verdict = t(low > 0 ? 'result.works' : high < 0 ? 'result.harms' : 'result.chance', {
			points: points(answer.lift_points),
			low: points(low),
			high: points(high),
		});
	}
	return h(
		'div',
		{class: 'results'},
		answer.as_of && h('p', {class: 'faint'}, t('result.as_of', {at: moment(answer.as_of)})),
		said.map((line) => h('p', {class: 'said'}, line)),
		h('p', {class: smaller < 100 || fewer < 5 ? 'warn' : 'said', id: 'verdict'}, verdict),
		answer.sample_ratio.is_skewed &&
			h(
				'p',
				{class: 'warn'},
				t('result.skewed', {
					n: number(control.persons),
					expected: number(Math.round(answer.sample_ratio.control_expected)),
				}),
			),
		answer.funnel &&
			answer.funnel.assigned > 0 &&
			bars(
				t('funnel.title'),
				['assigned', 'sent', 'delivered', 'opened', 'clicked', 'redeemed'].map((name) => ({
					label: t(`funnel.${name}`),
					value: answer.funnel[name],
					href: answer.funnel[name] > 0 ? opens(name) : null,
					text: number(answer.funnel[name]),
				})),
			),
		compared(answer),
		answer.cost && worth(answer),
		h(
			'dl',
			{},
			[
				['fired', answer.fired],
				['sent', answer.sent],
				['redeemed', answer.redeemed],
			].map(([name, value]) => [h('dt', {}, t(`result.${name}`)), h('dd', {}, opening(value, opens(name)))]),
		),
	);
}

// What it cost, and what each customer who would not have come has cost.
function worth(answer) {
	const lines = [
		t('worth.cost', {
			total: money(answer.cost.total),
			messages: money(answer.cost.messages),
			coupons: money(answer.cost.coupons),
			points: money(answer.cost.points),
		}),
	];
	if (answer.recalled > 0) lines.push(t('worth.recalled', {n: number(Math.round(answer.recalled))}));
	if (answer.cost_per_recalled !== null) lines.push(t('worth.each', {cost: money(answer.cost_per_recalled)}));
	if (answer.roi !== null) lines.push(t('worth.roi', {roi: percent(answer.roi)}));
	else if (/margin_percent/.test(answer.worth_says)) lines.push(t('worth.no_margin'));
	return h('p', {class: 'said', id: 'worth'}, lines.join(language === 'en' ? ' ' : ''));
}

// Why a person got it, or not: each time it came up, then what would happen now.
export function explained(answer) {
	const steps = (list) =>
		h(
			'ol',
			{class: 'steps'},
			list.map((step) =>
				h(
					'li',
					{class: step.result === 'stop' ? 'warn' : null},
					h('strong', {}, t(`gate.${step.step}`)),
					' ',
					step.result === 'stop' ? '✕ ' : step.result === 'hold' ? '⏸ ' : '✓ ',
					reason(step.reason),
				),
			),
		);
	const outcome = (value) =>
		t(`outcome_said.${['sent', 'held', 'control'].includes(value) ? value : 'stopped'}`, {
			step: t(`gate.${value}`),
		});
	return [
		answer.fired.length === 0
			? h('p', {}, t('why.never'))
			: answer.fired.map((time) =>
					h(
						'div',
						{},
						h('p', {}, h('strong', {}, `${day(time.fired_at)} · ${outcome(time.outcome)}`)),
						steps(time.decisions),
					),
				),
		answer.under_way.map((way) => h('p', {}, t('why.under_way', {step: way.step, at: day(way.due_at)}))),
		answer.backlog &&
			!answer.backlog.entered_at &&
			h('p', {}, t(answer.backlog.confirmed_at ? 'why.backlog_confirmed' : 'why.backlog')),
		answer.who &&
			h(
				'div',
				{},
				h('h3', {}, t('why.who')),
				h(
					'ul',
					{class: 'plain'},
					answer.who.map((part) =>
						h(
							'li',
							{class: part.is_met ? 'good' : 'warn'},
							part.is_met ? '✓ ' : '✕ ',
							language === 'en' ? part.words_en : part.words_zh,
							t('why.found', {found: part.found ?? '–'}),
						),
					),
				),
			),
		h('h3', {}, t('why.now')),
		answer.now.would_be === 'fired before' ? h('p', {}, t('why.before')) : steps(answer.now.steps),
	];
}

// Why a flow or a text was refused, in the page's language where it has words for it.
const faults = [
	[/nothing fills in {{(.+?)}}/, 'variable'],
	[/says how to stop it/, 'stop'],
	[/is one line/, 'line'],
	[/500 characters/, 'sms_long'],
	[/give 1 to 2000 characters/, 'length'],
	[/has no text for channel "(\w+)"/, 'no_text'],
	[/an e-mail needs a subject/, 'subject'],
	[/no endpoint carries any of its channels/, 'no_endpoint'],
	[/at least one channel/, 'no_channel'],
	[/give (?:a )?whole (?:days|number|hours)?,? ?(\d+) to (\d+)/, 'range'],
	[/give (\d+) to (\d+)/, 'range'],
	[/approved texts alone/, 'approved'],
	[/its schedule never comes/, 'never'],
];

export function refusal(problem) {
	if (problem.code === 'RM801') {
		for (const [form, key] of faults) {
			const found = form.exec(problem.message);
			if (found)
				return t(`refusal.${key}`, {1: key === 'no_text' ? code('channel', found[1]) : found[1], 2: found[2]});
		}
	}
	return problem.field === 'body' ? t('refusal.length') : fault(problem);
}
