// Texts and offers of a step side by side: each customer is given one of them, by weight, and keeps it.
import {append, h, named, number, percent, put, t, toast} from './base.js';
import {copy} from './drafts.js';
import {table} from './table.js';
import {choice, numbered} from './flow_parts.js';

const letters = 'abcdefghij';
export const letter = (variant) => t('variant.name', {name: variant.toUpperCase()});
const key = (step, channel, variant) => `${step}/${channel}/${variant}`;

const lastVariant = '.variant:last-of-type :is(input, select, textarea)',
	firstButton = 'button';

export function variantsCard(page, own, i, channels) {
	const place = h(
		'details',
		{open: Boolean(own.variants), id: numbered('variants', i)},
		h('summary', {}, t('variant.title')),
	);
	const body = h('div', {});
	place.append(body);
	const shares = () => {
		for (const variant of own.variants || []) {
			const said = body.querySelector(`[id="${numbered('share', i)}_${variant.variant}"]`);
			if (said) said.textContent = t('variant.share', {share: percent(shareOf(variant, own.variants))});
		}
	};
	const draw = (focus) => {
		body.replaceChildren();
		append(
			body,
			own.variants
				? own.variants.map((variant) => one(page, own, i, variant, channels, {draw, shares}))
				: [h('p', {class: 'faint'}, t('variant.what'))],
		);
		append(body, [
			h(
				'div',
				{class: 'row'},
				(own.variants || []).length < 10 &&
					h(
						'button',
						{
							type: 'button',
							onclick: () => {
								add(page, own);
								draw(lastVariant);
							},
						},
						t(own.variants ? 'variant.add' : 'variant.begin'),
					),
				own.variants && h('button', {type: 'button', onclick: () => end(page, own, draw)}, t('variant.end')),
			),
		]);
		shares();
		if (focus) body.querySelector(focus)?.focus(); // what had it is gone
	};
	draw();
	return place;
}

const weightOf = (variant) => (variant.who ? 0 : (variant.weight ?? 1));
function shareOf(variant, all) {
	const total = all.reduce((sum, row) => sum + weightOf(row), 0);
	return total > 0 ? weightOf(variant) / total : 0;
}

function add(page, own) {
	const used = (own.variants || []).map((variant) => variant.variant);
	const free = () => [...letters].find((name) => !used.includes(name));
	const more = () => {
		const name = free();
		used.push(name);
		return {variant: name, weight: 1};
	};
	own.variants = own.variants ? [...own.variants, more()] : [more(), more()];
	page.remember();
}

function end(page, own, draw) {
	const before = copy(own.variants);
	delete own.variants;
	page.remember();
	draw(firstButton);
	toast(t('variant.ended'), {
		label: t('undo'),
		of: document.querySelector('form.flow'),
		run: () => {
			own.variants = before;
			page.remember();
			draw(lastVariant);
		},
	});
}

function one(page, own, i, variant, channels, {draw, shares}) {
	const id = (name) => `${numbered(name, i)}_${variant.variant}`;
	const words = channels.map((channel) => {
		const at = key(i + 1, channel, variant.variant);
		return [
			h('label', {for: `${id('said')}_${channel}`}, t('flow.text_on', {channel: page.channelName(channel)})),
			h(
				'textarea',
				{
					id: `${id('said')}_${channel}`,
					maxlength: 2000,
					placeholder: t('variant.same_text'),
					oninput: (event) => {
						page.now.said[at] = event.target.value;
						page.remember();
					},
				},
				page.now.said[at] ?? '',
			),
		];
	});
	return h(
		'fieldset',
		{class: 'variant'},
		h('legend', {}, letter(variant.variant)),
		variant.who && h('p', {class: 'faint'}, t('variant.who')),
		h(
			'div',
			{class: 'fields'},
			!variant.who &&
				h(
					'div',
					{},
					h('label', {for: id('weight')}, t('variant.weight')),
					h('input', {
						id: id('weight'),
						type: 'number',
						min: 0,
						max: 10000,
						inputmode: 'numeric',
						value: variant.weight ?? 1,
						onchange: (event) => {
							variant.weight = Number(event.target.value);
							page.remember();
							shares();
						},
					}),
					h('p', {class: 'faint', id: id('share')}),
				),
			choice(
				id('offer'),
				t('flow.coupon'),
				[
					['', t('flow.coupon_same')],
					...page.coupons.map((row) => [row.coupon_type, named(row, row.coupon_type)]),
				],
				variant.coupon_type,
				(value) => {
					if (value === '') delete variant.coupon_type;
					else variant.coupon_type = value;
					page.remember();
				},
			),
		),
		words,
		h(
			'div',
			{class: 'row'},
			h(
				'button',
				{type: 'button', class: 'quiet', onclick: () => take(page, own, i, variant, channels)},
				t('variant.take', {name: letter(variant.variant)}),
			),
			own.variants.length > 2 &&
				h(
					'button',
					{
						type: 'button',
						class: 'quiet',
						onclick: () => {
							own.variants = own.variants.filter((row) => row !== variant);
							page.remember();
							draw(lastVariant);
						},
					},
					t('variant.drop', {name: letter(variant.variant)}),
				),
		),
	);
}

// The one that did best becomes the step's own, and the test ends.
function take(page, own, i, variant, channels) {
	if ('coupon_type' in variant) own.coupon_type = variant.coupon_type;
	for (const channel of channels) {
		const said = page.now.said[key(i + 1, channel, variant.variant)];
		if (said) page.now.texts[`${i + 1}/${channel}`] = said;
	}
	delete own.variants;
	page.remember();
	page.drawSteps();
	document.getElementById(numbered('variants', i))?.focus();
}

// Texts of variants are templates of the flow's own; one that says nothing of its own says what the step says.
export async function writeVariants(page, ownOf, steps, channels) {
	const {row, was, now} = page;
	for (let i = 0; i < steps; i++)
		for (const variant of ownOf(i).variants || []) {
			const said = Object.fromEntries(
				channels.map((channel) => [channel, (now.said[key(i + 1, channel, variant.variant)] ?? '').trim()]),
			);
			if (Object.values(said).every((text) => text === '')) {
				delete variant.template;
				continue;
			}
			const isNew = channels.some(
				(channel) => said[channel] !== (was.said[key(i + 1, channel, variant.variant)] ?? '').trim(),
			);
			if (!isNew) continue;
			const template = `${row.flow}_${i + 1}_${variant.variant}`.slice(0, 63);
			for (const channel of channels) {
				page.at = `${numbered('said', i)}_${variant.variant}_${channel}`;
				const subject = now.subjects[`${i + 1}/${channel}`] ?? now.subjects[`1/${channel}`];
				await put(`templates/${template}`, {
					channel,
					body: said[channel] || (now.texts[`${i + 1}/${channel}`] ?? now.texts[`1/${channel}`]),
					options: channel === 'email' && subject ? {subject} : {},
				});
			}
			variant.template = template;
		}
	page.at = null;
}

// How each did, beside the others.
export function compared({variants, variant_ratio}) {
	if (!variants) return null;
	const against = ({against_best: best}) =>
		!best
			? '–'
			: best.lift_interval
				? t(best.lift_interval[1] < 0 ? 'variant.worse' : 'variant.unclear', {
						points: number(Math.round(best.lift_points * 10) / 10),
						best: letter(best.best),
					})
				: t('variant.wait');
	return [
		h('h3', {}, t('variant.results')),
		variant_ratio?.is_skewed && h('p', {class: 'warn'}, t('variant.skewed')),
		table(
			t('variant.results'),
			[
				t('variant.one'),
				[t('audience.persons'), 'number'],
				[t('result.sent'), 'number'],
				[t('variant.ordered'), 'number'],
				t('variant.against'),
			],
			variants.map((row) => [
				letter(row.variant),
				number(row.persons),
				number(row.funnel?.sent),
				row.persons > 0 ? percent(row.ordered / row.persons) : '–',
				row.is_drawn ? against(row) : t('variant.rule'),
			]),
		),
	];
}
