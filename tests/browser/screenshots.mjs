// Pictures of each page for doc/screenshots, at phone and desk width in both themes: make screenshots.
import {base, counted, ok, open, picture, send, sizes, stood, visit} from './harness.mjs';
import {filled, somethingToDo, views} from './views.mjs';

const looks = [
	['phone', 'light', 'zh-CN'],
	['phone', 'dark', 'zh-CN'],
	['desk', 'light', 'zh-CN'],
	['desk', 'dark', 'en'],
];

export async function screenshots(browser) {
	const named = await somethingToDo(browser);
	for (const role of new Set(views.map((view) => view[1])))
		for (const [size, theme, language] of looks) {
			const page = await open(browser, role, {size, theme, language});
			for (const [name, , address] of views.filter((view) => view[1] === role)) {
				await visit(page, filled(address, named));
				await stood(page);
				await picture(page, `${name}-${size}-${theme}`);
			}
			await page.context().close();
		}
	await doors(browser);
}

// What is seen by who is not signed in: the door, and the form that a store's code leads to.
async function doors(browser) {
	const clerk = await open(browser, 'clerk');
	const {
		body: {code},
	} = await send(clerk, 'store-codes', {});
	await clerk.context().close();
	for (const [size, theme, language] of looks) {
		const page = counted(
			await (await browser.newContext({viewport: sizes[size], colorScheme: theme, locale: language})).newPage(),
		);
		for (const [name, address] of [
			['sign-in', ''],
			['join', `#/join/${code}`],
		]) {
			await page.goto('about:blank');
			await page.goto(`${base}/${address}`);
			await page.waitForSelector('main form');
			await stood(page);
			await picture(page, `${name}-${size}-${theme}`);
		}
		await page.context().close();
	}
}

// A picture is taken of a page whose data stands: with every answer late, nothing of it changes any more.
export async function still(browser) {
	const named = await somethingToDo(browser);
	for (const role of new Set(views.map((view) => view[1]))) {
		const page = await open(browser, role, {size: 'desk'});
		await page.route('**/api/v1/**', async (route) => {
			await new Promise((resume) => setTimeout(resume, 300));
			await route.continue();
		});
		for (const [name, , address] of views.filter((view) => view[1] === role)) {
			await visit(page, filled(address, named));
			await stood(page);
			const changed = await page.evaluate(async () => {
				const seen = new MutationObserver(() => null);
				seen.observe(document.getElementById('main'), {childList: true, subtree: true, characterData: true});
				await new Promise((resume) => setTimeout(resume, 700));
				return seen.takeRecords().map((one) => one.target.textContent.slice(0, 60));
			});
			ok(changed.length === 0, `${name}: a picture is of a page that stands`, changed);
		}
		await page.context().close();
	}
}
