// Types of coupons: what they are worth and how long, how many may be claimed, and the codes that others printed.
import {
	anew,
	field,
	form,
	get,
	h,
	language,
	leading,
	list,
	money,
	named,
	number,
	patch,
	percent,
	post,
	show,
	t,
	toast,
	withWords,
} from '../base.js';
import {newCode} from '../code.js';
import {drafted, forget, keep, kept} from '../drafts.js';
import {behindOf, opening, told as words} from '../report_parts.js';
import {save, table} from '../table.js';
import {keptForm} from '../typed.js';

const title = (row) => named(row, row.coupon_type);
const path = (code) => `coupon-types/${encodeURIComponent(code)}`;
const worth = (row) =>
	row.kind === 'amount'
		? money(row.value)
		: row.kind === 'percent'
			? t('coupon.off', {n: number(row.value), fold: number((100 - row.value) / 10)})
			: t('coupon.shipping');

export async function draw([what = '', code = ''], me) {
	await withWords('marketer');
	const rows = (await list('coupon-types')).rows;
	if (what === 'new') return edit(null);
	const row = what === 'edit' && rows.find((candidate) => candidate.coupon_type === code);
	if (row) return edit(row, me);
	const heads = [
		t('coupon.name'),
		t('coupon.worth'),
		[t('coupon.minimum'), 'number'],
		[t('coupon.days'), 'number'],
		t('coupon.pool'),
	];
	show(
		h('h1', {}, t('page.coupons')),
		h('div', {class: 'row'}, h('a', {class: 'button main', href: '#/coupons/new'}, t('coupon.new'))),
		h(
			'div',
			{class: 'card'},
			table(
				t('page.coupons'),
				heads,
				rows.map((one) => [
					h('a', {href: `#/coupons/edit/${encodeURIComponent(one.coupon_type)}`}, title(one)),
					worth(one),
					Number(one.minimum_amount) > 0 ? money(one.minimum_amount) : t('coupon.free_of'),
					number(one.valid_days),
					one.is_pooled
						? h(
								'span',
								{class: one.free <= one.pool_low ? 'warn' : null},
								t('coupon.free', {n: number(one.free)}),
							)
						: t('coupon.own'),
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
							save('coupons', [
								heads.flat().filter((head) => head !== 'number'),
								...rows.map((one) => [
									title(one),
									worth(one),
									one.minimum_amount,
									one.valid_days,
									one.is_pooled ? one.free : '',
								]),
							]),
					},
					t('csv'),
				),
			),
		),
	);
}

// A discount is spoken of as what is left of ten: 8 折, 8.5 折, or 85 折; kept as percent off.  In English it is
// percent off.
const isFold = (kind) => kind === 'percent' && language !== 'en';
const spoken = (kind, value) =>
	isFold(kind) && value !== undefined && value !== null ? Number(((100 - value) / 10).toFixed(3)) : (value ?? '');
const meant = (kind, typed) => (isFold(kind) ? Number((100 - (typed > 10 ? typed : 10 * typed)).toFixed(2)) : typed);

const numbers = ['value', 'minimum_amount', 'valid_days', 'rank'];

async function edit(row, me) {
	const key = `coupon:${row ? row.coupon_type : 'new'}`;
	const draft = kept(key);
	const now = draft || row || {kind: 'amount', minimum_amount: 0, valid_days: 30};
	const names = ['name_zh', 'name_en', 'kind', ...numbers];
	const amount = (name, label) =>
		field(name, label, {type: 'number', step: 'any', min: 0, inputmode: 'decimal', value: now[name] ?? ''});
	const worthField = h('div', {}, amount('value', t('coupon.value'))),
		poolField = h(
			'div',
			{},
			field('pool_low', t('coupon.low'), {
				type: 'number',
				min: 0,
				inputmode: 'numeric',
				value: now.pool_low ?? 0,
			}),
		);
	const value = worthField.querySelector('input');
	value.value = spoken(now.kind, now.value);
	// what is asked for is what the kind has: nothing of free shipping, and no codes that run out where they are made
	// here
	const worded = () => {
		const kind = whole.elements.kind.value;
		worthField.hidden = kind === 'shipping';
		worthField.querySelector('label').textContent = t(kind === 'percent' ? 'coupon.value_percent' : 'coupon.value');
		poolField.hidden = !whole.elements.is_pooled.checked;
	};
	const whole = form(
		[
			field('name_zh', t('coupon.name'), {value: now.name_zh || '', maxlength: 100, autocomplete: 'off'}),
			field('name_en', t('audience.name_en'), {value: now.name_en || '', maxlength: 100, autocomplete: 'off'}),
			h('label', {for: 'kind'}, t('coupon.kind')),
			h(
				'select',
				{id: 'kind', name: 'kind', onchange: () => worded()},
				['amount', 'percent', 'shipping'].map((kind) =>
					h('option', {value: kind, selected: kind === now.kind}, t(`coupon.${kind}`)),
				),
			),
			worthField,
			amount('minimum_amount', t('coupon.minimum')),
			amount('valid_days', t('coupon.days')),
			amount('rank', t('coupon.rank')),
			h(
				'label',
				{class: 'check'},
				h('input', {type: 'checkbox', name: 'is_transferable', checked: now.is_transferable}),
				t('coupon.transferable'),
			),
			h(
				'label',
				{class: 'check'},
				h('input', {type: 'checkbox', name: 'is_pooled', checked: now.is_pooled, onchange: () => worded()}),
				t('coupon.pooled'),
			),
			poolField,
		],
		t('save'),
		async (data) => {
			const body = read(data);
			const code = row ? row.coupon_type : newCode('coupon'),
				onward = leading();
			await patch(path(code), {...body, name_en: body.name_en || body.name_zh});
			forget(key);
			onward(row || !body.is_pooled ? '#/coupons' : `#/coupons/edit/${code}`);
			toast(
				t('saved'),
				row && {
					label: t('undo'),
					run: async () => {
						await patch(
							path(code),
							Object.fromEntries(
								[...names, 'is_transferable', 'is_pooled', 'pool_low'].map((name) => [name, row[name]]),
							),
						);
						toast(t('saved'));
						if (location.hash === '#/coupons') await draw([], me);
					},
				},
			);
		},
	);
	const read = (data) => ({
		...(data.get('kind') === 'shipping' && {value: 0}),
		...Object.fromEntries(
			names
				.map((name) => [name, data.get(name)])
				.filter(([name, value]) => !numbers.includes(name) || value !== '')
				.map(([name, value]) => [
					name,
					name === 'value'
						? meant(data.get('kind'), Number(value))
						: numbers.includes(name)
							? Number(value)
							: value.trim(),
				]),
		),
		is_transferable: Boolean(data.get('is_transferable')),
		is_pooled: Boolean(data.get('is_pooled')),
		pool_low: Number(data.get('pool_low') || 0),
	});
	worded();
	whole.addEventListener('input', () => keep(key, read(new FormData(whole))));
	const said = h('section', {class: 'card'}, h('h2', {}, t('trial.title')));
	show(
		h('h1', {}, row ? title(row) : t('coupon.new')),
		draft && drafted(key, () => edit(row, me)),
		h(
			'div',
			{class: 'cards'},
			h('section', {class: 'card'}, whole),
			row && limits(row, me),
			row && row.is_pooled && pool(row, me),
			row && said,
		),
	);
	if (row) said.append(...(await trial(row)));
}

// What became of the offer, and what those who held it say of it, the least content first.
async function trial(row) {
	const told = await get(`reports/trial?coupon_type=${encodeURIComponent(row.coupon_type)}`);
	const of = (value, whole) => (whole ? ` (${percent(value / whole)})` : '');
	const opens = (figure, shown) => opening(told[figure], behindOf('offer', `${figure}.${row.coupon_type}`), shown);
	return [
		h('p', {class: 'faint'}, t('trial.what', {code: row.coupon_type})),
		h(
			'p',
			{},
			words('trial.counts', {
				quota: told.quota === null ? '–' : number(told.quota),
				issued: opens('issued'),
				redeemed: opens('redeemed', `${number(told.redeemed)}${of(told.redeemed, told.issued)}`),
				answered: opening(told.answered, behindOf('answered', row.coupon_type)),
				stars: told.stars === null ? '–' : number(Number(told.stars)),
			}),
		),
		...(told.words.length === 0
			? []
			: [
					table(
						t('trial.title'),
						[[t('trial.stars'), 'number'], t('trial.said'), t('trial.who')],
						told.words.map((one) => [
							one.stars === null ? '–' : number(Number(one.stars)),
							one.text,
							h('a', {href: `#/person/${one.customer_id}`}, one.name || '–'),
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
									save(`trial-${row.coupon_type}`, [
										['at', 'stars', 'topic', 'text', 'used'],
										...told.words.map((one) => [
											one.at,
											one.stars,
											one.topic,
											one.text,
											one.has_used,
										]),
									]),
							},
							t('save_csv'),
						),
					),
				]),
	];
}

// How many may be claimed, in all and by one person.
function limits(row, me) {
	const set = (values) => post(`${path(row.coupon_type)}/claims`, values),
		again = anew(() => draw(['edit', row.coupon_type], me));
	return h(
		'section',
		{class: 'card'},
		h('h2', {}, t('coupon.claims')),
		h('p', {}, t('coupon.claimed', {n: number(row.claimed)})),
		keptForm(
			`${me.actor}:claims:${row.coupon_type}`,
			[
				h(
					'label',
					{class: 'check'},
					h('input', {type: 'checkbox', name: 'is_claimable', checked: row.is_claimable}),
					t('coupon.claimable'),
				),
				field('total_limit', t('coupon.total'), {
					type: 'number',
					min: 0,
					inputmode: 'numeric',
					value: row.total_limit ?? '',
				}),
				field('person_limit', t('coupon.each'), {
					type: 'number',
					min: 1,
					inputmode: 'numeric',
					value: row.person_limit ?? '',
				}),
			],
			t('save'),
			async (data, element, done) => {
				await set({
					is_claimable: Boolean(data.get('is_claimable')),
					total_limit: data.get('total_limit') || null,
					person_limit: data.get('person_limit') || null,
				});
				done();
				toast(t('saved'), {
					label: t('undo'),
					run: async () => {
						await set({
							is_claimable: row.is_claimable,
							total_limit: row.total_limit,
							person_limit: row.person_limit,
						});
						await again();
					},
				});
				await again();
			},
		),
	);
}

function pool(row, me) {
	const left = h('p', {role: 'status'}, t('coupon.free', {n: number(row.free)}));
	const filled = keptForm(
		`${me.actor}:codes:${row.coupon_type}`,
		[field('codes', t('coupon.codes'), {tag: 'textarea', autocomplete: 'off'})],
		t('coupon.load'),
		async (data, element, done) => {
			const list_of = data
				.get('codes')
				.split(/[\s,;，；]+/)
				.filter(Boolean);
			const answer = await post(`${path(row.coupon_type)}/codes`, {codes: list_of});
			left.textContent = t('coupon.loaded', {
				added: number(answer.added),
				known: number(answer.known),
				free: number(answer.free),
			});
			done.empty();
		},
	);
	return h('section', {class: 'card'}, h('h2', {}, t('coupon.pool')), left, filled);
}
