// Pictures of each page for doc/screenshots, at phone and desk width in both themes: make screenshots.
import {open, picture, visit} from './harness.mjs';

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

export async function screenshots(browser) {
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
