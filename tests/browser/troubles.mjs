// What goes wrong in the middle of a form: the session ends, the server fails, a proxy answers, another tab signs
// out.  Nothing typed is lost.
import {base, ok, open, people, quiet, send, sql, visit} from './harness.mjs';

const signIn = async (page, role) => {
	await page.waitForSelector('#password');
	await page.fill('#login', people[role].name);
	await page.fill('#password', people[role].password);
	await page.click('button[type=submit]');
};
const note = 'form:has(#body) button[type=submit]';

export async function troubles(browser) {
	const page = await open(browser, 'clerk');
	const {
		body: {customer_id: person},
	} = await send(page, 'enrol', {name: '半途', phone: '13655580001', consents: []});
	await visit(page, `#/person/${person}`);
	await page.fill('#body', '写到一半，会话到期');
	await send(page, 'sign-out', {});
	await page.click(note);
	await page.waitForSelector('#password');
	ok(
		!(await page.textContent('body')).includes('半途') && (await page.isHidden('header')),
		'a session that ended shows nothing of the customer',
	);
	await signIn(page, 'clerk');
	await page.waitForSelector('#body');
	ok(
		(await page.inputValue('#body')) === '写到一半，会话到期' && page.url().endsWith(`#/person/${person}`),
		'signed in again, the page and what was typed are there',
		await page.inputValue('#body'),
	);
	for (const [answer, said] of [
		[{status: 500, contentType: 'application/problem+json', body: '{"status": 500, "detail": "x"}'}, '系统出错了'],
		[{status: 502, contentType: 'text/html', body: '<html>'}, '系统正忙'],
		[{status: 503, body: ''}, '系统正忙'],
		[{status: 504, body: ''}, '用时太长'],
	]) {
		await page.route('**/notes', (route) => route.fulfill(answer));
		await page.click(note);
		await page
			.waitForFunction(
				(words) =>
					[...document.querySelectorAll('[role=alert]')].some((one) => one.textContent.startsWith(words)),
				said,
			)
			.catch(() => null);
		const alerts = await page.$$eval('[role=alert]', (all) => all.map((one) => one.textContent).filter(Boolean));
		ok(
			alerts.some((one) => one.startsWith(said)) &&
				(await page.inputValue('#body')) === '写到一半，会话到期' &&
				(await page.isEnabled(note)),
			`${answer.status}: said in words, and nothing is lost`,
			alerts,
		);
		await page.unroute('**/notes');
	}
	await page.click(note);
	await page.waitForSelector('li:has-text("写到一半，会话到期")');
	ok(sql(`SELECT count(*) FROM crm.interaction WHERE body = '写到一半，会话到期'`) === '1', 'sent at last, once');
	await page.fill('#body', '回答断在半路');
	await page.evaluate(() => {
		const ask = globalThis.fetch;
		globalThis.fetch = async (path, what) => {
			const answer = await ask(path, what);
			if (!path.endsWith('/notes')) return answer;
			globalThis.fetch = ask;
			return new Response(new ReadableStream({pull: (stream) => stream.error(new TypeError('network error'))}), {
				status: answer.status,
			});
		};
	});
	await page.click(note);
	await page.waitForSelector('li:has-text("回答断在半路")');
	ok(
		sql(`SELECT count(*) FROM crm.interaction WHERE body = '回答断在半路'`) === '1' &&
			(await page.$$eval('[role=alert]', (all) => all.map((one) => one.textContent).join(''))) === '',
		'an answer that is cut off is asked for again, and what it was of counts once',
	);
	await page.context().close();
}

// A page that was never opened, before the browser keeps its files: without a network that is said in words, and the
// same button opens it later.
export async function unopened(browser) {
	const page = await open(browser, 'clerk', {serviceWorkers: 'block'});
	await page.waitForSelector('#text');
	await page.context().setOffline(true);
	await page.evaluate(() => {
		location.hash = '#/qr';
	});
	await page.waitForSelector('main [role=alert]');
	ok(
		(await page.textContent('main [role=alert]')) === '网络不通，请稍后再试',
		'a page that cannot be fetched says that the network is away',
		await page.textContent('main'),
	);
	await page.context().setOffline(false);
	await page.click('main button:text("重试")');
	await page.waitForSelector('svg.qr');
	ok(true, 'and opens when it is back');
	await beside(page);
	await page.context().close();
}

// What comes beside a page may stay away as the network goes: the page stands without it, and no fault is left to
// nobody.
async function beside(page) {
	await page.route('**/api/v1/my-targets', (route) =>
		route.fulfill({json: {items: [{metric: 'enrolled', goal: 1, value: 0}], next: null}}),
	);
	await page.route('**/i18n/desk.*', (route) => route.abort());
	page.errors.length = 0;
	const [failed] = await Promise.all([page.waitForEvent('requestfailed'), visit(page, '#/tasks')]);
	await quiet(page);
	ok(
		failed.url().includes('/i18n/desk.') && page.errors.every((text) => /ERR_FAILED/.test(text)),
		'words that do not come leave the list of the day as it is',
		page.errors,
	);
}

export async function twoTabs(browser) {
	const page = await open(browser, 'clerk');
	await visit(page, '#/enrol');
	await page.fill('#name', '另一个标签页');
	const other = await page.context().newPage();
	await other.goto(base);
	await other.waitForSelector('nav a');
	await other.click('header button:text("退出")');
	await page.waitForSelector('#password');
	ok(
		(await page.isHidden('header')) && (await page.evaluate(() => sessionStorage.length)) === 0,
		'who signs out in one tab is signed out in the other, and what was typed there is forgotten',
		await page.evaluate(() => Object.keys(sessionStorage)),
	);
	await signIn(other, 'store_manager');
	await page.waitForSelector('header :text("store_manager store_manager")');
	ok(true, 'who signs in then is who the other tab shows, too');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}
