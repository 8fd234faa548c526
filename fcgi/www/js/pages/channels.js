// How customers are reached: what carries each channel and what it bears, how many messages of flows one person gets
// from the whole house, and who is told when something fails.
import {
	anew,
	append,
	code,
	del,
	fault,
	field,
	h,
	list,
	moment,
	named,
	number,
	patch,
	post,
	put,
	show,
	t,
	toast,
	withWords,
} from '../base.js';
import {newCode} from '../code.js';
import {keptForm, wasTyped} from '../typed.js';

const channelName = (row) => named(row, row.channel);
const mayAlert = (me) => ['crm_headquarters', 'crm_admin'].includes(me.role);

export async function draw([], me) {
	await withWords('house');
	const mayCap = me.role !== 'crm_admin';
	const [channels, caps, flows, routes, endpoints] = await Promise.all([
		list('channels'),
		mayCap ? list('caps') : null,
		mayCap ? list('flows') : null,
		mayAlert(me) ? list('alert-routes') : null,
		mayAlert(me) ? list('endpoints') : null,
	]);
	const again = anew(() => draw([], me));
	const typing = (form) => `${me.actor}:${form}`;
	show(
		h('h1', {}, t('page.channels')),
		h(
			'div',
			{class: 'cards'},
			h(
				'section',
				{class: 'card'},
				h('h2', {}, t('channel_state.title')),
				h(
					'ul',
					{class: 'plain'},
					channels.rows.map((row) => channel(row, again, typing(`channel:${row.channel}`))),
				),
			),
			caps && house(caps.rows, channels.rows, flows.rows, again, typing('cap')),
			routes && alerts(routes.rows, endpoints.rows, again, typing('alert')),
		),
	);
}

const limits = ['monthly_cap', 'address_day_cap', 'receipt_hours'];

function channel(row, again, key) {
	const state = h(
		'p',
		{},
		h('strong', {}, channelName(row)),
		' ',
		h('span', {class: ['works', 'own'].includes(row.state) ? 'tag' : 'tag warn'}, t(`carried.${row.state}`)),
		row.rests_until && h('span', {class: 'warn'}, t('channel_state.until', {at: moment(row.rests_until)})),
		row.endpoint && h('span', {class: 'faint'}, code('connector', row.connector)),
		row.waiting > 0 && h('span', {class: 'faint'}, ' · ', t('channel_state.waiting', {n: number(row.waiting)})),
		row.dead > 0 && h('span', {class: 'warn'}, ' · ', t('channel_state.dead', {n: number(row.dead)})),
	);
	if (row.state === 'own') return h('li', {}, state, h('p', {class: 'faint'}, t('channel_state.site')));
	const input = (name) =>
		field(`${row.channel}_${name}`, t(`limit.${name}`), {
			type: 'number',
			min: 1,
			max: 1000,
			inputmode: 'numeric',
			placeholder: t('limit.none'),
			value: row[name] ?? '',
		});
	const send = (values) => patch(`channels/${encodeURIComponent(row.channel)}`, values);
	return h(
		'li',
		{},
		state,
		row.state === 'none' && h('p', {class: 'faint'}, t('channel_state.connect')),
		h(
			'details',
			{open: wasTyped(key)},
			h(
				'summary',
				{},
				t('limit.title', {
					said:
						limits
							.filter((name) => row[name] !== null)
							.map((name) => t(`limit.said_${name}`, {n: row[name]}))
							.join(t('comma')) || t('limit.no'),
				}),
			),
			keptForm(key, limits.map(input), t('save'), async (data, element, done) => {
				await send(
					Object.fromEntries(
						limits.map((name) => [
							name,
							data.get(`${row.channel}_${name}`) === ''
								? null
								: Number(data.get(`${row.channel}_${name}`)),
						]),
					),
				);
				done();
				toast(t('saved'), {
					label: t('undo'),
					run: async () => {
						await send(Object.fromEntries(limits.map((name) => [name, row[name]])));
						again();
					},
				});
				await again();
			}),
		),
	);
}

const sentence = (cap, channels) =>
	t(cap.per ? `cap.per_${cap.per}` : 'cap.days', {
		n: cap.messages,
		days: cap.days,
		what: cap.channel
			? channelName(channels.find((row) => row.channel === cap.channel) || cap)
			: cap.tag
				? t('cap.tagged', {tag: cap.tag})
				: t('cap.any'),
	});

// Caps that hold for every flow, beside its own.
function house(caps, channels, flows, again, key) {
	const tags = [...new Set(flows.map((flow) => flow.spec.tag).filter(Boolean))].sort();
	const body = ({cap, ...rule}) => rule;
	const set = (cap, rule) => put(`caps/${encodeURIComponent(cap)}`, rule);
	const lines = caps.map((cap) =>
		h(
			'li',
			{},
			sentence(cap, channels),
			' ',
			h(
				'button',
				{
					type: 'button',
					class: 'quiet',
					'aria-label': t('cap.remove', {what: sentence(cap, channels)}),
					onclick: async () => {
						try {
							await del(`caps/${encodeURIComponent(cap.cap)}`);
							toast(t('cap.removed'), {
								label: t('undo'),
								run: async () => {
									await set(cap.cap, body(cap));
									again();
								},
							});
							await again();
						} catch (problem) {
							toast(fault(problem));
						}
					},
				},
				'✕',
			),
		),
	);
	const option = (value, text) => h('option', {value}, text);
	return h(
		'section',
		{class: 'card', id: 'caps'},
		h('h2', {}, t('cap.title')),
		h('p', {class: 'faint'}, t('cap.what')),
		lines.length > 0 ? h('ul', {class: 'plain'}, lines) : h('p', {class: 'warn'}, t('cap.none')),
		keptForm(
			key,
			[
				h(
					'div',
					{class: 'fields'},
					h(
						'div',
						{},
						h('label', {for: 'scope'}, t('cap.scope')),
						h(
							'select',
							{id: 'scope', name: 'scope'},
							option('', t('cap.any')),
							channels
								.filter((row) => row.state !== 'own')
								.map((row) => option(`channel:${row.channel}`, channelName(row))),
							tags.map((tag) => option(`tag:${tag}`, t('cap.tagged', {tag}))),
						),
					),
					h(
						'div',
						{},
						h('label', {for: 'per'}, t('cap.per')),
						h(
							'select',
							{id: 'per', name: 'per'},
							['week', 'month', 'day'].map((per) => option(per, t(`cap.${per}`))),
						),
					),
					h(
						'div',
						{},
						field('messages', t('cap.messages'), {
							type: 'number',
							min: 1,
							max: 99,
							inputmode: 'numeric',
							required: true,
						}),
					),
				),
			],
			t('cap.add'),
			async (data, element, done) => {
				const [kind, ...what] = data.get('scope').split(':');
				await set(newCode('cap'), {
					messages: Number(data.get('messages')),
					per: data.get('per'),
					...(kind ? {[kind]: what.join(':')} : {}),
				});
				done();
				toast(t('saved'));
				await again();
			},
		),
	);
}

// What can go wrong, by who minds it; `%` is any of a kind.
const kinds = {intake: ['ingest.%'], sending: ['outbox.%'], coupons: ['loyalty.%'], all: ['%']};
const saidKinds = (route) => {
	const known = Object.keys(kinds).filter((name) => kinds[name].every((kind) => route.kinds.includes(kind)));
	return known.length > 0 ? known.map((name) => t(`alert.${name}`)).join(t('comma')) : route.kinds.join(t('comma'));
};
const tells = (endpoint) => ['webhook', 'smtp'].includes(endpoint.connector) || endpoint.connector.endsWith('_robot');
const reader = (route) => route.address || `${route.endpoint} (${code('connector', route.connector)})`;

function alerts(routes, endpoints, again, key) {
	const send = (route, wanted) =>
		post('alert-routes', {endpoint: route.endpoint, address: route.address, kinds: wanted});
	const able = endpoints.filter(tells);
	const lines = routes.map((route) =>
		h(
			'li',
			{},
			h('strong', {}, reader(route)),
			' ',
			saidKinds(route),
			' ',
			h('span', {class: 'faint'}, t('alert.told', {n: number(route.told)})),
			route.waiting > 0 &&
				h('span', {class: 'warn'}, ' ', t('channel_state.waiting', {n: number(route.waiting)})),
			' ',
			h(
				'button',
				{
					type: 'button',
					class: 'quiet',
					'aria-label': t('alert.remove', {who: reader(route)}),
					onclick: async () => {
						try {
							await send(route, []);
							toast(t('alert.removed'), {
								label: t('undo'),
								run: async () => {
									await send(route, route.kinds);
									again();
								},
							});
							await again();
						} catch (problem) {
							toast(fault(problem));
						}
					},
				},
				'✕',
			),
		),
	);
	const section = h(
		'section',
		{class: 'card', id: 'alerts'},
		h('h2', {}, t('alert.title')),
		h('p', {class: 'faint'}, t('alert.what')),
		lines.length > 0 ? h('ul', {class: 'plain'}, lines) : h('p', {class: 'warn'}, t('alert.none')),
	);
	if (able.length === 0) return append(section, [h('p', {}, t('alert.connect'))]);
	const isMail = () => able.find((endpoint) => endpoint.endpoint === choice.value).connector === 'smtp';
	const choice = h(
		'select',
		{
			id: 'endpoint',
			name: 'endpoint',
			onchange: () => {
				mail.hidden = !isMail();
			},
		},
		able.map((endpoint) =>
			h('option', {value: endpoint.endpoint}, `${endpoint.endpoint} (${code('connector', endpoint.connector)})`),
		),
	);
	const mail = h(
		'div',
		{hidden: !isMail()},
		field('address', t('alert.address'), {type: 'email', autocomplete: 'off'}),
	);
	const added = keptForm(
		key,
		[
			h('label', {for: 'endpoint'}, t('alert.by')),
			choice,
			mail,
			h(
				'fieldset',
				{name: 'kinds', tabindex: '-1'},
				h('legend', {}, t('alert.kinds')),
				Object.keys(kinds).map((name) =>
					h(
						'label',
						{class: 'check'},
						h('input', {type: 'checkbox', name: `alert_${name}`, checked: name === 'all'}),
						t(`alert.${name}`),
					),
				),
			),
		],
		t('alert.add'),
		async (data, element, done) => {
			const wanted = Object.keys(kinds)
				.filter((name) => data.get(`alert_${name}`))
				.flatMap((name) => kinds[name]);
			if (wanted.length === 0) {
				toast(t('alert.choose'));
				return true;
			}
			await send({endpoint: data.get('endpoint'), address: isMail() ? data.get('address').trim() : ''}, wanted);
			done();
			toast(t('saved'));
			await again();
		},
	);
	mail.hidden = !isMail();
	return append(section, [added]);
}
