// Everybody settled anew after settings of merging changed: begun with a reason, followed by a bar, left and opened
// again.
import {append, fault, field, follow, form, get, h, moment, number, percent, post, t, toast} from './base.js';

// Fills a place of the page of reviews; again draws that page anew, for what guards stop becomes a question there.
export async function resettle(place, again) {
	let run;
	try {
		run = await get('identity-resettle');
	} catch {
		return; // whoever may not ask is not told
	}
	const card = h(
		'details',
		{class: 'card resettle', open: run.state === 'settling' || run.settings_changed_at !== null},
		h('summary', {}, t('resettle.title')),
		h('p', {class: 'faint'}, t('resettle.about')),
	);
	const now = h('div', {}),
		told = h('div', {role: 'status'}),
		begin = h('div', {});
	const tell = (said) => {
		now.replaceChildren();
		append(now, [said.state === 'settling' ? underWay(said) : null]);
	};
	const stand = (said) => {
		tell(said);
		told.replaceChildren();
		append(told, [
			said.settings_changed_at &&
				h('p', {class: 'warn'}, t('resettle.due', {when: moment(said.settings_changed_at)})),
			said.state === 'done' && lastRun(said, again),
		]);
		begin.replaceChildren(...(said.state === 'settling' ? [] : [ask(go)]));
	};
	const go = async (said) => {
		stand(said);
		if (said.state === 'settling')
			stand(await follow('identity-resettle', (one) => one.state !== 'settling', tell));
	};
	append(card, [now, told, begin]);
	place.replaceChildren(card);
	await go(run);
}

const underWay = (run) => [
	h(
		'p',
		{},
		h('strong', {}, t('resettle.settling')),
		' ',
		h('span', {class: 'faint'}, `${run.reason} · ${moment(run.started_at)}`),
	),
	h('progress', {max: '1', value: String(run.progress), 'aria-label': t('resettle.settling')}),
	h(
		'p',
		{},
		`${percent(run.progress)} · ${t('resettle.of', {n: number(run.settled), all: number(run.records)})} · ${t('import.leave')}`,
	),
	counts(run),
	run.awaited > 0 && h('p', {class: 'faint'}, t('resettle.awaited', {n: number(run.awaited)})),
	run.failed > 0 && h('p', {class: 'warn'}, t('resettle.failed', {n: number(run.failed)})),
];

const lastRun = (run, again) => [
	h(
		'p',
		{},
		h('strong', {}, t('resettle.done')),
		' ',
		h('span', {class: 'faint'}, `${run.reason} · ${moment(run.finished_at)}`),
	),
	counts(run),
	run.moved > 0 && h('div', {class: 'row'}, h('button', {type: 'button', onclick: again}, t('resettle.look'))),
];

const counts = (run) =>
	h(
		'p',
		{},
		...['joined', 'parted', 'moved'].flatMap((what) => [
			h('span', {class: 'tag'}, t(`resettle.${what}`, {n: number(run[what])})),
			' ',
		]),
	);

const ask = (go) =>
	form(
		field('reason', t('resettle.reason'), {required: true, maxlength: 200, autocomplete: 'off'}),
		t('resettle.begin'),
		async (data, element) => {
			const run = await post('identity-resettle', {reason: data.get('reason').trim()});
			element.closest('details').firstChild.focus(); // the form goes
			go(run).catch((problem) => toast(fault(problem)));
		},
	);
