// Pictures of each page for doc/screenshots, at phone and desk width in both themes: make screenshots.
import {open, picture, send, visit} from './harness.mjs';

// Name of the picture, who looks, where; "person" stands for the first one found.
const views = [
	['find', 'clerk', '#/find'], ['person', 'clerk', '#/person/1'], ['tasks', 'clerk', '#/tasks'], ['owned', 'clerk', '#/owned'], ['tickets', 'store_manager', '#/tickets'], ['deals', 'store_manager', '#/deals'], ['redeem', 'clerk', '#/redeem'], ['enrol', 'clerk', '#/enrol'],
	['board', 'headquarters', '#/board'], ['store', 'store_manager', '#/board/store/S1'], ['behind', 'headquarters', '#/behind/tier/B'], ['scorecard', 'headquarters', '#/scorecard'],
	['reports', 'headquarters', '#/reports'], ['charts', 'headquarters', '#/charts'],
	['flows', 'marketer', '#/flows'], ['flow', 'marketer', '#/flows/silence_30'], ['flow-edit', 'marketer', '#/flows/silence_30/edit'],
	['audiences', 'marketer', '#/audiences'], ['audience-new', 'marketer', '#/audiences/new'], ['tags', 'marketer', '#/tags'], ['tiers', 'marketer', '#/tiers'], ['coupons', 'marketer', '#/coupons'], ['channels', 'headquarters', '#/channels'], ['forms', 'headquarters', '#/forms'],
	['import', 'steward', '#/import'], ['sources', 'steward', '#/sources'], ['reviews', 'steward', '#/reviews'],
];
const looks = [['phone', 'light', 'zh-CN'], ['phone', 'dark', 'zh-CN'], ['desk', 'light', 'zh-CN'], ['desk', 'dark', 'en']];

// A complaint, a deal and a task, so that their lists are not empty.
async function somethingToDo(browser) {
	const clerk = await open(browser, 'clerk');
	const person = await somebody(clerk);
	await send(clerk, `persons/${person}/notes`, {channel: 'call', outcome: 'complaint', body: '蛋糕送到时塌了一角，希望补送一份'});
	await send(clerk, `persons/${person}/deals`, {pipeline: 'consult', title: '婚礼蛋糕', amount: '8800', is_important: 'true'});
	await send(clerk, `persons/${person}/tasks`, {title: '送新品试吃', due_on: '2030-01-02'});
	await clerk.context().close();
}

export async function screenshots(browser) {
	await somethingToDo(browser);
	for (const role of new Set(views.map((view) => view[1])))
		for (const [size, theme, language] of looks) {
			const page = await open(browser, role, {size, theme, language});
			for (const [name, , address] of views.filter((view) => view[1] === role)) {
				await visit(page, address.replace('person/1', `person/${await somebody(page)}`));
				await page.waitForLoadState('networkidle');
				await picture(page, `${name}-${size}-${theme}`);
			}
			await page.context().close();
		}
}

const somebody = (page) => page.evaluate(async () => (await (await fetch('/api/v1/search', {method: 'POST', headers: {'Content-Type': 'application/json'},
	body: JSON.stringify({text: '王', limit: 1})})).json()).items[0].customer_id).catch(() => 1);
