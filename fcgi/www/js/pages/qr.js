// The store's code for enrolling: on the counter's screen for a day, or printed for as long as codes may last.
import {day, fault, h, list, post, show, t, toast} from '../base.js';
import {picture} from '../qr.js';
import {ownStores} from '../report_parts.js';
import {twice} from '../twice.js';

export async function draw(words, me) {
	const stores = ownStores((await list('stores')).rows, me);
	const isManager = me.role !== 'crm_clerk';
	const place = h('div', {'aria-live': 'polite'});
	const select = h(
		'select',
		{id: 'store'},
		stores.map((store) => h('option', {value: store.code}, store.name)),
	);
	const channel = h(
		'select',
		{id: 'channel'},
		['store', 'wechat', 'miniprogram', 'douyin', 'red'].map((name) =>
			h('option', {value: name}, t(`join_by.${name}`)),
		),
	);
	let turn = 0;
	const make = async (days) => {
		const mine = ++turn;
		try {
			const made = await post('store-codes', {
				...(isManager ? {store: select.value, channel: channel.value} : {}),
				...(days ? {days} : {}),
			});
			if (mine !== turn) return; // another was asked for meanwhile, or all were ended
			const address = `${location.origin}/#/join/${made.code}`;
			place.replaceChildren(
				h(
					'section',
					{class: 'card'},
					h('h2', {}, made.store_name),
					h('p', {}, t('qr.scan')),
					picture(address, t('qr.label', {store: made.store_name})),
					h('p', {class: 'faint'}, h('a', {href: address}, address)),
					h('p', {class: 'faint'}, t('qr.until', {day: day(made.expires_at)})),
				),
			);
		} catch (problem) {
			toast(fault(problem));
		}
	};
	show(
		h('h1', {}, t('page.qr')),
		isManager &&
			h(
				'div',
				{class: 'card'},
				h('label', {for: 'store'}, t('qr.store')),
				select,
				h('label', {for: 'channel'}, t('qr.channel')),
				channel,
				h(
					'div',
					{class: 'row'},
					h('button', {class: 'main', type: 'button', onclick: () => make(1)}, t('qr.today')),
					h('button', {type: 'button', onclick: () => make(null)}, t('qr.poster')),
					h('button', {type: 'button', onclick: () => print()}, t('print')),
					twice('qr.end', 'qr.end_sure', async () => {
						turn++;
						await post(`stores/${encodeURIComponent(select.value)}/end-codes`);
						place.replaceChildren();
						toast(t('qr.ended'));
					}),
				),
			),
		place,
	);
	if (!isManager) await make(1);
}
