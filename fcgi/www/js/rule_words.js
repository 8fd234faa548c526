// A rule said in words, as the editor shows it, without its blanks: "bought at least 3 times in the last 30 days".
import {label, phrases, read} from './phrases.js';
import {t} from './base.js';

const when = ({mode, a, b}) =>
	mode === 'ever'
		? t('when.ever')
		: [t(`when.${mode}`), mode === 'between' ? `${a}–${b}` : a, t(`when.${mode}.unit`)].join(' ');
const compare = ({op, a, b}) => [t(`op.${op}`), op === 'between' ? `${a}–${b}` : a].join(' ');

async function named(slot, value) {
	if (!slot.options) return String(value);
	const options = await slot.options().catch(() => []);
	return [value]
		.flat()
		.map((one) => options.find((option) => option.value === one)?.label ?? one)
		.join(t('comma'));
}

async function sentence(node) {
	const words = await Promise.all(
		t(`phrase.${node.id}`)
			.split(/({\w+})/)
			.map((part) => {
				const name = part.startsWith('{') ? part.slice(1, -1) : null;
				if (name === 'is') return t(`phrase.${node.id}.${node.negated ? 'no' : 'yes'}`);
				if (name === 'when') return when(node.values.when);
				if (name === 'compare') return compare(node.values.compare);
				return name ? named(phrases[node.id].slots[name], node.values[name]) : part.trim();
			}),
	);
	return words.filter(Boolean).join(' ');
}

async function said(node) {
	if (node.type === 'phrase') return sentence(node);
	if (node.type === 'raw') return label(node);
	const parts = await Promise.all(node.items.map(said));
	return parts.length === 0
		? t('guide.everybody')
		: `${parts.length > 1 || node.mode === 'none' ? `${t(`mode.${node.mode}`)}: ` : ''}${parts.join(t('semicolon'))}`;
}

export const isRule = (value) =>
	value !== null &&
	typeof value === 'object' &&
	['all', 'any', 'not', 'kind'].some((name) => name in value) &&
	!('types' in value);
export const ruleWords = (rule) => said(read(rule));
