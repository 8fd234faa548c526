// A rule edited as phrases: conditions added, filled in, taken away, put into groups of "all", "any", "none"; beside
// each how many persons it leaves.  Plain controls only, so keyboard and screen reader come along.
import {append, fault, h, number, post, t, toast} from './base.js';
import {complete, fresh, label, phrases, read, ready, unready, write} from './phrases.js';

const option = (value, text, chosen) => h('option', {value, selected: value === chosen}, text);
const select = (name, choices, chosen, act) =>
	h(
		'select',
		{'aria-label': name, onchange: (event) => act(event.target.value)},
		choices.map(([value, text]) => option(value, text, chosen)),
	);
const amount = (name, value, act) =>
	h('input', {
		type: 'number',
		class: 'short',
		step: 'any',
		inputmode: 'decimal',
		'aria-label': name,
		value: value ?? '',
		oninput: (event) => act(event.target.value === '' ? null : Number(event.target.value)),
	});

// One blank of a phrase; `changed` is told of each new value, `again` when other controls must be drawn.
function blank(node, name, slot, changed, again) {
	const said = t(`slot.${name}`);
	const set = (value) => {
		node.values[name] = value;
		changed();
	};
	const value = node.values[name];
	if (slot.type === 'text')
		return h('input', {
			type: 'text',
			class: 'middle',
			'aria-label': said,
			value,
			autocomplete: 'off',
			oninput: (event) => set(event.target.value.trim()),
		});
	if (slot.type === 'number') return amount(said, value, set);
	if (slot.type === 'pick') return picked(said, slot, value, set);
	if (slot.type === 'many') return manyOf(said, slot, node, name, changed);
	const part = (key) =>
		amount(t(key === 'a' ? 'slot.from' : 'slot.to'), value[key], (n) => {
			value[key] = n;
			changed();
		});
	if (slot.type === 'when')
		return [
			select(
				t('slot.when'),
				['ever', 'last', 'between'].map((mode) => [mode, t(`when.${mode}`)]),
				value.mode,
				(mode) => {
					value.mode = mode;
					changed();
					again();
				},
			),
			value.mode !== 'ever' && part('a'),
			value.mode === 'between' && ['–', part('b')],
			value.mode !== 'ever' && t(`when.${value.mode}.unit`),
		];
	return [
		select(
			t('slot.compare'),
			['>=', '<=', 'between', '='].map((op) => [op, t(`op.${op}`)]),
			value.op,
			(op) => {
				value.op = op;
				changed();
				again();
			},
		),
		part('a'),
		value.op === 'between' && ['–', part('b')],
	];
}

function picked(said, slot, value, set) {
	const place = h(
		'select',
		{class: 'middle', 'aria-label': said, onchange: (event) => set(event.target.value)},
		option('', t('slot.choose'), value),
		value !== '' && option(value, value, value),
	);
	slot.options().then(
		(options) => {
			const chosen = place.value;
			const all =
				options.some((one) => one.value === chosen) || chosen === ''
					? options
					: [{value: chosen, label: chosen}, ...options];
			place.replaceChildren(
				option('', t('slot.choose'), chosen),
				...all.map((one) => option(one.value, one.label, chosen)),
			);
		},
		() => {},
	);
	return place;
}

function manyOf(said, slot, node, name, changed) {
	const place = h('span', {class: 'many', role: 'group', 'aria-label': said});
	slot.options().then((options) =>
		append(
			place,
			options.map((one) =>
				h(
					'label',
					{class: 'check'},
					h('input', {
						type: 'checkbox',
						checked: node.values[name].includes(one.value),
						onchange: (event) => {
							node.values[name] = event.target.checked
								? [...node.values[name], one.value]
								: node.values[name].filter((other) => other !== one.value);
							changed();
						},
					}),
					one.label,
				),
			),
		),
	);
	return place;
}

// The words around the blanks: {is} is whether or not.
function sentence(node, changed, again) {
	const phrase = phrases[node.id];
	return t(`phrase.${node.id}`)
		.split(/({\w+})/)
		.filter((part) => part.trim() !== '')
		.map((part) => {
			const name = part.startsWith('{') ? part.slice(1, -1) : null;
			if (name === 'is')
				return select(
					t('slot.is'),
					['yes', 'no'].map((is) => [is, t(`phrase.${node.id}.${is}`)]),
					node.negated ? 'no' : 'yes',
					(is) => {
						node.negated = is === 'no';
						changed();
					},
				);
			return name ? blank(node, name, phrase.slots[name], changed, again) : h('span', {}, part);
		});
}

const chapters = ['shop', 'who', 'reach', 'act'];

export function ruleEditor(rule, onChange, {prefix = 'rule', note = null} = {}) {
	const root = read(rule || {});
	if (root.type !== 'group') Object.assign(root, {type: 'group', mode: 'all', items: [{...root}]});
	const element = h('div', {class: 'rule'});
	const effects = new Map();
	const changed = () => onChange(write(root));

	function item(node, parent) {
		const line = h('li', {});
		const draw = () => {
			line.replaceChildren();
			const effect = h('p', {class: 'effect', 'aria-live': 'off'});
			effects.set(node, effect);
			append(line, [
				node.type === 'group'
					? group(node, parent)
					: h(
							'div',
							{class: 'phrase', role: 'group', 'aria-label': label(node)},
							node.type === 'raw'
								? h('code', {}, JSON.stringify(node.rule))
								: sentence(
										node,
										() => {
											line.classList.toggle('open', !complete(node));
											changed();
										},
										() => {
											draw();
											line.querySelectorAll('select, input')[1]?.focus();
										},
									),
							remover(node, parent),
						),
			]);
			append(line, parent === root ? [effect] : []);
			line.classList.toggle('open', node.type === 'phrase' && !complete(node));
		};
		draw();
		return line;
	}

	function remover(node, parent) {
		return h(
			'button',
			{
				type: 'button',
				class: 'quiet',
				'aria-label': t('rule.remove', {what: label(node)}),
				onclick: (event) => {
					const place = parent.items.indexOf(node);
					const line = event.target.closest('li');
					const next = line.nextElementSibling || line.previousElementSibling;
					const list = line.parentElement;
					parent.items.splice(place, 1);
					line.remove();
					(
						(next && next.querySelector('select, input, button')) ||
						list.parentElement.querySelector('.add select')
					).focus();
					changed();
					toast(t('rule.removed', {what: label(node)}), {
						label: t('undo'),
						of: element,
						run: () => {
							parent.items.splice(place, 0, node);
							const back = item(node, parent);
							list.insertBefore(back, list.children[place] || null);
							changed();
							back.querySelector('select, input, button').focus();
						},
					});
				},
			},
			'✕',
		);
	}

	function group(node, parent) {
		const items = h(
			'ol',
			{class: 'plain parts'},
			node.items.map((part) => item(part, node)),
		);
		const add = (part) => {
			node.items.push(part);
			const line = item(part, node);
			items.append(line);
			line.querySelector('select, input').focus();
			changed();
		};
		const menu = h(
			'select',
			{'aria-label': t('rule.add_what'), class: 'middle'},
			chapters.map((chapter) =>
				h(
					'optgroup',
					{label: t(`chapter.${chapter}`)},
					Object.keys(phrases)
						.filter((id) => phrases[id].chapter === chapter)
						.map((id) => option(id, t(`phrase.${id}.name`))),
				),
			),
		);
		return h(
			'fieldset',
			{class: 'group'},
			h('legend', {}, parent ? t('rule.group') : note || t('rule.who')),
			h(
				'div',
				{class: 'phrase'},
				select(
					t('rule.mode'),
					['all', 'any', 'none'].map((mode) => [mode, t(`mode.${mode}`)]),
					node.mode,
					(mode) => {
						node.mode = mode;
						changed();
					},
				),
				parent && remover(node, parent),
			),
			items,
			h(
				'div',
				{class: 'row add'},
				menu,
				h('button', {type: 'button', onclick: () => add(fresh(menu.value))}, t('rule.add')),
				h(
					'button',
					{type: 'button', class: 'quiet', onclick: () => add({type: 'group', mode: 'any', items: []})},
					t('rule.add_group'),
				),
			),
		);
	}

	element.append(group(root, null));
	element.id = prefix;
	return {
		element,
		rule: () => write(root),
		isOpen: () => unready(root) && root.items.length > 0,
		focusOpen: () =>
			(element.querySelector('.open select, .open input') || element.querySelector('.add select')).focus(),
		// what each part of the rule does to the count
		tell(preview) {
			const asked = root.items.filter(ready);
			for (const [node, effect] of effects)
				effect.textContent = !ready(node) && node.type !== 'group' ? t('rule.open') : '';
			if (!preview || root.mode !== 'all') return;
			asked.forEach((node, i) => {
				const part = preview.parts[i];
				const effect = effects.get(node);
				if (part && effect)
					effect.replaceChildren(
						h('progress', {
							max: Math.max(preview.everybody, 1),
							value: part.left,
							'aria-label': t('rule.left', {n: said(part, 'left')}),
						}),
						t('rule.effect', {
							persons: said(part, 'persons'),
							left: said(part, 'left'),
							out: said(part, 'keeps_out'),
						}),
					);
			});
		},
		// the server's words for what is wrong, at the condition they name
		refuse(problem) {
			const place = /(?:all|any)\[(\d+)\]/.exec(problem.message);
			const node = place && root.items.filter(ready)[Number(place[1]) - 1];
			if (node && effects.has(node)) effects.get(node).textContent = problem.message;
		},
	};
}

// How far a number may be off, either way, to two digits (null: it is exact), and the number no finer than that.
function give(told, name) {
	const between = told[`${name}_between`];
	if (!between) return null;
	const off = Math.max(between[1] - told[name], told[name] - between[0], 1);
	const unit = 10 ** Math.max(0, Math.floor(Math.log10(off)) - 1);
	return {
		off: Math.ceil(off / unit) * unit,
		about: Math.round(told[name] / unit) * unit,
		most: Math.ceil(between[1] / unit) * unit,
	};
}

// A number in words: as it is when everybody was asked, "about" one when some were, "at most" one of whom none was
// found.
function said(told, name) {
	const range = give(told, name);
	if (!range) return number(told[name]);
	return told[name] === 0 ? t('rule.most', {n: number(range.most)}) : t('rule.about', {n: number(range.about)});
}

function sayCount(place, preview) {
	const range = give(preview, 'persons');
	place.replaceChildren(
		h('span', {class: 'big'}, said(preview, 'persons')),
		' ',
		t('rule.of', {n: said(preview, 'everybody')}),
	);
	if (range)
		append(place, [
			h('br'),
			h(
				'span',
				{class: 'faint'},
				preview.persons > 0 && t('rule.give', {n: number(range.off)}),
				t('rule.counting'),
			),
		]);
}

const saySample = (place, persons) =>
	place.replaceChildren(
		h(
			'ul',
			{class: 'plain'},
			persons.map((person) =>
				h(
					'li',
					{},
					h('a', {href: `#/person/${person.customer_id}`}, person.name || t('unnamed')),
					' ',
					h('span', {class: 'faint'}, person.phone || ''),
				),
			),
		),
	);

// Some persons answer at once, five times as many soon after, everybody in the end, part after part; a small chain is
// counted at the first question.
const looks = [2000, 10000];
const named = 8;

// Of parts of everybody, whose persons were asked once each: numbers add up.
function together(before, part) {
	const sum = (one, other) =>
		Object.fromEntries(
			Object.entries(other).map(([name, value]) => [name, typeof value === 'number' ? one[name] + value : value]),
		);
	return before
		? {
				...sum(before, part),
				parts: part.parts.map((one, i) => sum(before.parts[i], one)),
				sample: [...before.sample, ...part.sample].slice(0, named),
				after: part.after,
			}
		: part;
}

// Everybody: a large chain is not waited for in one answer, and how far it is shows where `place` says that it is
// counted.
async function countAll(rule, sample, estimate, place, signal) {
	const done = h('progress', {max: estimate.everybody, value: 0, 'aria-label': t('rule.counting')});
	place.append(' ', done);
	let all = null;
	do {
		all = together(
			all,
			await post('rules/preview', {rule, sample, as_of: all?.as_of, after: all ? all.after : 0}, signal),
		); // all as of one moment
		done.value = all.everybody;
	} while (all.after !== null);
	return all;
}

// How many a rule means, asked a moment after the last change; `place` says it, `sample` shows whom.
export function liveCount(place, sample, onAnswer) {
	let asking = new AbortController(),
		waiting = null;
	// who leaves waits for nothing, nor does the database
	addEventListener('hashchange', () => asking.abort(), {once: true});
	async function count(rule, mine) {
		let shown = 0,
			preview = null;
		for (const look_at of [...looks, null]) {
			// who is shown stays, unless fewer were found than there is room for
			const wanted = shown < named ? named : 0;
			preview =
				look_at === null
					? await countAll(rule, wanted, preview, place, mine.signal)
					: await post('rules/preview', {rule, sample: wanted, look_at}, mine.signal);
			if (mine.signal.aborted || !place.isConnected) return;
			sayCount(place, preview);
			if (shown < named) saySample(sample, preview.sample);
			shown = Math.max(shown, preview.sample.length);
			onAnswer(preview, null);
			if (preview.is_exact) break;
		}
		place.removeAttribute('aria-busy');
	}
	return (rule) => {
		clearTimeout(waiting);
		asking.abort();
		const mine = (asking = new AbortController());
		place.setAttribute('aria-busy', 'true');
		waiting = setTimeout(
			() =>
				count(rule, mine).catch((problem) => {
					if (mine.signal.aborted || !place.isConnected) return;
					place.replaceChildren(h('span', {class: 'warn'}, fault(problem)));
					onAnswer(null, problem);
					place.removeAttribute('aria-busy');
				}),
			350,
		);
	};
}
