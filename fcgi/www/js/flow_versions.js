// What a version of a flow changed, said as the flow's form calls it.
import {code, list, named, t} from './base.js';
import {isRule, ruleWords} from './rule_words.js';
import {versions} from './versions.js';

const called = {
	who: 'flow.who',
	except: 'flow.except',
	only: 'flow.only',
	superseded_by: 'flow.superseded',
	coupon_type: 'flow.coupon',
	schedule: 'flow.trigger',
	event: 'flow.trigger',
	variants: 'variant.title',
	task: 'flow.task',
	steps: 'flow.add_step',
};

// A path is null when what changed is seen elsewhere: which template is used is seen in its text.
function name(path) {
	const [first, second, ...rest] = path.split('.');
	if (first === 'template' || second === 'template' || rest.includes('template')) return null;
	if (first === 'steps' && second)
		return [t('flow.step', {n: second}), rest.length > 0 ? name(rest.join('.')) : null].filter(Boolean).join(' · ');
	if (first === 'texts') {
		const [template, channel] = second.split(' ');
		const step = /_(\d+)$/.exec(template);
		return [
			step && t('flow.step', {n: step[1]}),
			t('flow.text_on', {channel: code('channel', channel)}),
			rest.includes('subject') && t('flow.subject'),
		]
			.filter(Boolean)
			.join(' · ');
	}
	if (first === 'quiet') return t(second === 'to' ? 'flow.quiet_to' : 'flow.quiet_from');
	const word = called[first] ? t(called[first]) : code('flow', first);
	return word === first || word === called[first] ? t('guide.more') : word;
}

async function value(given, path, plain) {
	if (given === null || given === undefined) return '–';
	if (isRule(given)) return ruleWords(given);
	const last = path.split('.').at(-1);
	if (last === 'channels' || last === 'exclude_tiers')
		return given.map((one) => code(last === 'channels' ? 'channel' : 'tier', one)).join(t('comma'));
	if (last === 'coupon_type')
		return named((await list('coupon-types')).rows.find((one) => one.coupon_type === given) || {}, given);
	if (last === 'goal') return t(`goal.${given}`);
	if (last === 'key') return t(`key.${given}`);
	if (path.startsWith('texts') && typeof given === 'object') return given.body;
	if (typeof given === 'object' && !Array.isArray(given))
		return (
			await Promise.all(
				Object.entries(given).map(
					async ([key, one]) => name(key) && `${name(key)} ${await value(one, key, plain)}`,
				),
			)
		)
			.filter(Boolean)
			.join(t('comma'));
	return plain(given);
}

export const flowVersions = (path, may, again) => versions(path, {name, value, may, again});
