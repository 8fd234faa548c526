// Every page there is, as some role opens it: its name, who looks, its address; a test compares with the pages of
// app.js, so that a new page is looked at, printed, walked by key and pictured like the others.  {person}, {deal},
// {ticket} stand for what the chain has.
import {open, read, send} from './harness.mjs';

export const views = [
	['find', 'clerk', '#/find'],
	['person', 'clerk', '#/person/{person}'],
	['tasks', 'clerk', '#/tasks'],
	['knowledge', 'clerk', '#/knowledge'],
	['owned', 'clerk', '#/owned'],
	['redeem', 'clerk', '#/redeem'],
	['points', 'clerk', '#/points/{person}'],
	['enrol', 'clerk', '#/enrol'],
	['qr', 'clerk', '#/qr'],
	['waiting', 'clerk', '#/waiting'],
	['tickets', 'store_manager', '#/tickets'],
	['ticket', 'store_manager', '#/tickets/one/{ticket}'],
	['ticket-new', 'store_manager', '#/tickets/new/{person}'],
	['deals', 'store_manager', '#/deals'],
	['deal', 'store_manager', '#/deals/one/{deal}'],
	['deal-new', 'store_manager', '#/deals/new/{person}'],
	['deals-won', 'store_manager', '#/deals/won/consult'],
	['store', 'store_manager', '#/board/store/S1'],
	['targets', 'store_manager', '#/targets'],
	['usage', 'store_manager', '#/usage'],
	['board', 'headquarters', '#/board'],
	['behind', 'headquarters', '#/behind/tier/B'],
	['scorecard', 'headquarters', '#/scorecard'],
	['reports', 'headquarters', '#/reports'],
	['charts', 'headquarters', '#/charts'],
	['start', 'headquarters', '#/start'],
	['portraits', 'headquarters', '#/portraits'],
	['flows', 'marketer', '#/flows'],
	['flow-new', 'marketer', '#/flows/new'],
	['flow', 'marketer', '#/flows/silence_30'],
	['flow-edit', 'marketer', '#/flows/silence_30/edit'],
	['flow-branches', 'marketer', '#/flows/t_views/edit'],
	['flow-why', 'marketer', '#/flows/silence_30/why/{person}'],
	['audiences', 'marketer', '#/audiences'],
	['audience-new', 'marketer', '#/audiences/new'],
	['tags', 'marketer', '#/tags'],
	['tag-new', 'marketer', '#/tags/new'],
	['tiers', 'marketer', '#/tiers'],
	['coupons', 'marketer', '#/coupons'],
	['coupon-new', 'marketer', '#/coupons/new'],
	['channels', 'headquarters', '#/channels'],
	['costs', 'admin', '#/costs'],
	['forms', 'headquarters', '#/forms'],
	['import', 'steward', '#/import'],
	['sources', 'steward', '#/sources'],
	['reviews', 'steward', '#/reviews'],
	['history', 'steward', '#/history/{person}'],
];

// A complaint, a deal and a task, so that their lists are not empty; answers with what addresses name.
export async function somethingToDo(browser) {
	const page = await open(browser, 'headquarters');
	const {
		body: {items},
	} = await send(page, 'search', {text: '王', limit: 10});
	await page.context().close();
	const marketer = await open(browser, 'marketer');
	await send(marketer, 'flow-presets/win_back/flows/t_views', {});
	await marketer.context().close();
	const clerk = await open(browser, 'clerk');
	let person;
	for (const {customer_id: one} of items)
		if (!person && (await read(clerk, `persons/${one}`)).status === 200) person = one;
	await send(clerk, `persons/${person}/notes`, {
		channel: 'call',
		outcome: 'complaint',
		body: '蛋糕送到时塌了一角，希望补送一份',
	});
	await send(clerk, `persons/${person}/tasks`, {title: '送新品试吃', due_on: '2030-01-02'});
	const {body: deal} = await send(clerk, `persons/${person}/deals`, {
		pipeline: 'consult',
		title: '婚礼蛋糕',
		amount: '8800',
		is_important: 'true',
	});
	const {
		body: {points},
	} = await read(clerk, `persons/${person}/overview`);
	await clerk.context().close();
	if (points === 0) {
		const headquarters = await open(browser, 'headquarters');
		await send(headquarters, `persons/${person}/points/adjust`, {points: 120, reason: '开业活动'});
		await headquarters.context().close();
	}
	const manager = await open(browser, 'store_manager');
	const {
		body: {
			items: [ticket],
		},
	} = await read(manager, `persons/${person}/tickets`);
	await manager.context().close();
	return {person, ticket: `${ticket.customer_id}/${ticket.ticket_id}`, deal: `${deal.customer_id}/${deal.deal_id}`};
}

export const filled = (address, named) => address.replace(/{(\w+)}/g, (whole, name) => named[name]);
