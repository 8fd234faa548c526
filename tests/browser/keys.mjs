// A keyboard goes through lists without leaving the page, a choice is made by Enter, by leaving the field or by a
// tap; what a choice asks for and is not answered is said; the long menu unfolds; a page whose files do not come says
// so.
import {base, judge, ok, open, people, quiet, send, settled, sizes, visit} from './harness.mjs';
import {filled, somethingToDo, views} from './views.mjs';

const at = (page, hash) => page.waitForFunction((wanted) => location.hash === wanted, hash);

// Each list that leads on: its page, the list, who looks.
const leading = [
	['headquarters', '#/board', '#where'],
	['headquarters', '#/reports', '#where'],
	['headquarters', '#/usage', '#role'],
	['headquarters', '#/portraits', '#whose'],
	['admin', '#/costs', '#kind'],
];

export async function arrows(browser) {
	for (const role of new Set(leading.map(([who]) => who))) {
		const page = await open(browser, role, {size: 'desk'});
		for (const [, address, list] of leading.filter(([who]) => who === role)) {
			await visit(page, address);
			await quiet(page);
			const values = await page.$$eval(`${list} option`, (all) => all.map((one) => one.value));
			if (values.length < 3) throw new Error(`${address} has too few to choose from`);
			const now = () =>
				page.evaluate(
					(name) => [
						location.hash,
						document.querySelector(name).value,
						document.activeElement === document.querySelector(name),
					],
					list,
				);
			const first = await page.inputValue(list);
			await page.focus(list);
			const step = values.indexOf(first) + 2 < values.length ? 'ArrowDown' : 'ArrowUp',
				second = values[values.indexOf(first) + (step === 'ArrowDown' ? 2 : -2)];
			await page.keyboard.press(step);
			await page.keyboard.press(step);
			await quiet(page);
			ok(
				(await now()).join() === [address, second, true].join(),
				`${address}: arrow keys look through the list`,
				await now(),
			);
			ok(await page.isVisible('main :text("按回车键选定")'), `${address}: and how to choose is said`);
			await page.keyboard.press('Escape');
			ok(
				(await now()).join() === [address, first, true].join(),
				`${address}: Esc goes back to what stood`,
				await now(),
			);
			for (const [key, said] of [
				['Enter', 'Enter chooses'],
				['Tab', 'so does leaving the field'],
			]) {
				await page.focus(list);
				await page.keyboard.press(step);
				await page.keyboard.press(step);
				await page.keyboard.press(key);
				await page.waitForFunction((hash) => location.hash !== hash, address);
				await settled(page);
				ok((await page.inputValue(list)) === second, `${address}: ${said}`, await now());
				await visit(page, address);
				await quiet(page);
			}
		}
		ok(page.errors.length === 0, `${role}: the console was quiet`, page.errors);
		await page.context().close();
	}
	await elsewhere(browser);
	await byTap(browser);
	await byDay(browser);
	await named(browser);
}

// Who looked through a list and taps another page goes there.
async function elsewhere(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/board');
	await quiet(page);
	await page.focus('#where');
	await page.keyboard.press('ArrowDown');
	await page.click('nav a[href="#/tasks"]');
	await at(page, '#/tasks');
	await page.waitForTimeout(300);
	ok((await page.evaluate(() => location.hash)) === '#/tasks', 'a tap elsewhere does what it is for');
	await visit(page, '#/board');
	await quiet(page);
	const second = await page.$eval('#where', (one) => one.options[1].value);
	await page.focus('#where');
	await page.keyboard.press('ArrowDown');
	await page.click('main h1');
	await at(page, `#/board/${second}`);
	ok(true, 'a tap beside the list leaves it, and so chooses');
	await page.context().close();
}

// One tap, one choice: from the opened list by mouse and key, and as a phone gives it.
async function byTap(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/board');
	await quiet(page);
	const second = await page.$eval('#where', (one) => one.options[1].value);
	await page.focus('#where');
	await page.keyboard.press('Space');
	await page.waitForTimeout(200);
	await page.keyboard.press('ArrowDown');
	await page.waitForTimeout(200);
	ok((await page.evaluate(() => location.hash)) === '#/board', 'an open list is looked through');
	await page.keyboard.press('Enter');
	await at(page, `#/board/${second}`);
	ok(true, 'and left by Enter with what was chosen');
	await page.context().close();
	const phone = await open(browser, 'headquarters');
	await visit(phone, '#/board');
	await phone.selectOption('#where', second);
	await at(phone, `#/board/${second}`);
	ok(true, 'on a phone what is chosen is shown at once');
	await phone.context().close();
}

// A day is typed in its own time.
async function byDay(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk', language: 'en'});
	await visit(page, '#/board');
	await quiet(page);
	await page.focus('#on_day');
	await page.keyboard.type('03042024');
	ok(
		(await page.evaluate(() => location.hash)) === '#/board' && (await page.inputValue('#on_day')) === '2024-03-04',
		'a day that is typed leads nowhere before it is chosen',
		await page.inputValue('#on_day'),
	);
	await page.keyboard.press('Enter');
	await at(page, '#/board/all/-/2024-03-04');
	await settled(page);
	await page.focus('#on_day');
	await page.keyboard.press('ArrowUp');
	ok(
		(await page.evaluate(() => location.hash)) === '#/board/all/-/2024-03-04',
		'nor does another month that is looked at',
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// Colleagues are looked through by key; who is chosen stands in the note.
async function named(browser) {
	const page = await open(browser, 'clerk', {size: 'desk'});
	const {
		body: {customer_id: person},
	} = await send(page, 'enrol', {name: '键盘', phone: '13655590001', consents: []});
	await visit(page, `#/person/${person}`);
	await page.focus('#mention');
	await page.waitForFunction(() => document.querySelectorAll('#mention option').length > 2);
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('ArrowDown');
	const name = await page.$eval('#mention', (one) => one.selectedOptions[0].textContent.split(' · ')[0]);
	ok(
		(await page.inputValue('#body')) === '' && (await page.evaluate(() => document.activeElement.id)) === 'mention',
		'arrow keys name nobody yet',
	);
	await page.keyboard.press('Enter');
	await page.waitForFunction(() => document.activeElement.id === 'body');
	ok(
		(await page.inputValue('#body')) === `@${name} `,
		'Enter names who was looked at',
		await page.inputValue('#body'),
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// Any other list may draw what stands beside it anew, but keeps the keys.
export async function lists(browser) {
	const chain = await somethingToDo(browser);
	for (const role of new Set(views.map(([, who]) => who))) {
		const page = await open(browser, role, {size: 'desk'});
		for (const [name, , address] of views.filter(([, who]) => who === role)) {
			await visit(page, filled(address, chain));
			await page.evaluate(() => {
				for (const one of document.querySelectorAll('main details')) one.open = true;
			});
			await quiet(page);
			const lost = [],
				count = await page.evaluate(
					() =>
						[...document.querySelectorAll('main select:not([disabled])')]
							.filter((one) => one.checkVisibility({visibilityProperty: true}) && one.options.length > 1)
							.map((one, i) => {
								one.dataset.list = i;
							}).length,
				);
			for (let i = 0; i < count; i++) {
				const said = await page.evaluate((n) => {
					const all = [...document.querySelectorAll('main select:not([disabled])')].filter(
							(one) => one.checkVisibility({visibilityProperty: true}) && one.options.length > 1,
						),
						one = all[n];
					if (!one) return null;
					one.focus();
					return [
						one.id || one.getAttribute('aria-label'),
						one.selectedIndex === one.options.length - 1 ? 'ArrowUp' : 'ArrowDown',
					];
				}, i);
				if (!said) continue;
				await page.keyboard.press(said[1]);
				await quiet(page);
				const after = await page.evaluate(() => [
					location.hash,
					document.activeElement.tagName,
					document.activeElement.id || document.activeElement.getAttribute('aria-label'),
				]);
				if (after[0] !== filled(address, chain) || after[1] !== 'SELECT' || after[2] !== said[0])
					lost.push([said[0], after]);
				if (after[0] !== filled(address, chain)) {
					await visit(page, filled(address, chain));
					await quiet(page);
				}
			}
			if (count > 0)
				ok(lost.length === 0, `${name}: an arrow key in one of ${count} lists leads nowhere else`, lost);
		}
		await page.context().close();
	}
}

// A choice, a field or an unfolded part whose call is refused says so, like a button.
export async function heard(browser) {
	const refuse = {status: 500, contentType: 'application/problem+json', body: '{"status": 500, "detail": "x"}'};
	const page = await open(browser, 'headquarters', {size: 'desk'});
	const told = async (what) => {
		const said = await page.waitForSelector('#toast p').then(
			(one) => one.textContent(),
			() => 'nothing',
		);
		ok(said.startsWith('系统出错了'), `${what}: a refused call is said`, said);
		await page.evaluate(() => document.getElementById('toast').replaceChildren());
	};
	const refused = async (what, address, calls, act) => {
		await visit(page, address);
		await quiet(page);
		await page.route(calls, (route) => route.fulfill(refuse));
		await act();
		await told(what);
		await page.unroute(calls);
	};
	await refused('search of articles', '#/knowledge', '**/api/v1/articles*', () => page.fill('#words', '蛋糕'));
	await refused('what a preset offers', '#/flows/new', '**/api/v1/coupon-types*', async () => {
		for (const preset of await page.$$eval('#preset option', (all) => all.map((one) => one.value)))
			await page.selectOption('#preset', preset);
	});
	const {deal} = await somethingToDo(browser);
	await refused('prices that are unfolded', `#/deals/one/${deal}`, '**/price-products*', () =>
		page.click('details:has(#price_product) summary'),
	);
	ok(
		page.errors.filter((text) => !/status of 500/.test(text)).length === 0,
		'and the console has nothing of its own to say',
		page.errors,
	);
	await page.context().close();
}

// The menu of headquarters is two lines at most; what is seldom wanted unfolds by key and tap, and the page that is
// open stands in sight.
export async function folded(browser) {
	for (const language of ['zh-CN', 'en'])
		for (const role of Object.keys(people)) {
			for (const size of Object.keys(sizes)) {
				const page = await open(browser, role, {size, language});
				const {lines, wide, strip} = await page.evaluate(() => {
					const seen = [...document.querySelectorAll('header nav > *, header nav > #rest > a')].filter(
						(one) => one.getClientRects().length > 0 && one.id !== 'rest',
					);
					return {
						lines: new Set(seen.map((one) => Math.round(one.getBoundingClientRect().top))).size,
						wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
						strip:
							seen.filter((one) => one.tagName === 'A').length ===
							document.querySelectorAll('header nav a').length,
					};
				});
				ok(
					lines <= (size === 'desk' ? 2 : 1) && wide <= 0 && (size === 'desk' || strip),
					`${role} ${language} ${size}: the menu is ${lines} lines`,
					{lines, wide, strip},
				);
				await page.context().close();
			}
		}
	const page = await open(browser, 'headquarters', {size: 'desk', language: 'en'});
	await page.setViewportSize({width: 768, height: 800});
	const rows = await page.$$eval(
		'header nav a',
		(all) =>
			new Set(
				all
					.filter((one) => one.getClientRects().length > 0)
					.map((one) => Math.round(one.getBoundingClientRect().top)),
			).size,
	);
	ok(rows <= 3, 'in a narrow window, too, the menu has the breadth there is', rows);
	await page.setViewportSize(sizes.desk);
	const fold = page.locator('header nav button');
	const links = () =>
		page.$$eval('header nav a', (all) => all.filter((one) => one.getClientRects().length > 0).length);
	const before = await links();
	await fold.focus();
	await page.keyboard.press('Enter');
	ok(
		(await fold.getAttribute('aria-expanded')) === 'true' &&
			(await links()) === (await page.locator('header nav a').count()) &&
			(await links()) > before,
		'unfolded by key, all pages are there',
	);
	await judge(page, 'the unfolded menu');
	await page.keyboard.press('Tab');
	ok((await page.evaluate(() => document.activeElement.parentElement.id)) === 'rest', 'the next key is in it');
	await page.keyboard.press('Escape');
	ok(
		(await links()) === before &&
			(await page.evaluate(() => document.activeElement.getAttribute('aria-controls'))) === 'rest',
		'Esc folds it, and the keys stay',
	);
	await fold.click();
	await page.click('nav a[href="#/usage"]');
	await at(page, '#/usage');
	ok(
		(await page.isVisible('nav a[aria-current=page][href="#/usage"]')) &&
			(await fold.getAttribute('aria-expanded')) === 'false',
		'the page that is open is marked in sight',
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A file that does not come: said in both languages, with what to do; the page opens when it comes.
export async function notCome(browser) {
	const clerk = await open(browser, 'clerk');
	const {
		body: {code},
	} = await send(clerk, 'store-codes', {});
	await clerk.context().close();
	const both = async (page, what) => {
		const said = await page.waitForSelector('#late').then(
			(one) => one.textContent(),
			() => '',
		);
		ok(
			said.includes('请检查网络') && said.includes('Check the network'),
			`${what}: said in both languages`,
			said || (await page.textContent('body')),
		);
	};
	for (const [file, where] of [
		['/js/pages/join.js', `#/join/${code}`],
		['/js/typed.js', `#/join/${code}`],
		['/i18n/zh-CN.json', `#/join/${code}`],
		['/i18n/zh-CN.json', ''],
		['/js/base.js', `#/join/${code}`],
		['/js/app.js', ''],
	]) {
		const page = await (await browser.newContext({locale: 'zh-CN', serviceWorkers: 'block'})).newPage();
		await page.route(`**${file}`, (route) => route.fulfill({status: 403, body: 'no'}));
		await page.goto(`${base}/${where}`);
		await both(page, `${file} for ${where.slice(0, 6) || 'the door'}`);
		await page.unroute(`**${file}`);
		if (await page.$('#late button')) await page.click('#late button');
		else await page.reload();
		await page.waitForSelector('main form');
		ok((await page.$('#late')) === null, `${file}: opened again, the page is there`);
		await page.context().close();
	}
	const page = await (await browser.newContext({locale: 'en', serviceWorkers: 'block'})).newPage();
	await page.route('**/js/pages/signin.js', (route) => route.fulfill({status: 403, body: 'no'}));
	await page.goto(base);
	await page.waitForSelector('main [role=alert]:text("No connection")');
	await page.unroute('**/js/pages/signin.js');
	await page.click('main button');
	await page.waitForSelector('#password');
	ok(true, 'the door says so, too, and its button opens it');
	await page.context().close();
	const one = await open(browser, 'clerk', {serviceWorkers: 'block'});
	await one.route('**/i18n/fields.zh-CN.json', (route) => route.fulfill({status: 404, body: '<html>'}));
	await one.evaluate(() => {
		location.hash = '#/enrol';
	});
	await one.waitForSelector('main [role=alert]:text("网络不通")');
	await one.unroute('**/i18n/fields.zh-CN.json');
	await one.click('main button:text("重试")');
	await one.waitForSelector('#phone');
	ok(true, 'words that did not come are asked for again');
	await one.context().close();
}
