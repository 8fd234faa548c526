// The way back: a page is found where it was left, a page that is drawn anew stays where it is, and so do the keys;
// numbers as a Chinese keyboard writes them; a message that is looked at stays.
import {base, ok, open, people, quiet, read, send, sql, visit} from './harness.mjs';
import {filled, somethingToDo, views} from './views.mjs';

const at = (page) =>
	page.evaluate(() => [
		Math.round(scrollY),
		document.activeElement.getAttribute('href') || document.activeElement.tagName,
	]);
// Scrolling back waits for the page to be that long again.
const downTo = (page, y) =>
	page
		.waitForFunction((wanted) => Math.abs(scrollY - wanted) < 2, y)
		.then(
			() => true,
			() => false,
		);

function manyTasks(n) {
	const person = sql(
		`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "WAYS", "name": "来回", "phone": "13655591001", "store_code": "S1"}')`,
	);
	sql(
		`SELECT count(crm.sales_task_create(${person}, '第' || n || '件', '2030-02-03', staff => 'CLERK')) FROM generate_series(1, ${n}) n`,
	);
}

export async function comesBack(browser) {
	manyTasks(70);
	const page = await open(browser, 'clerk');
	await visit(page, '#/tasks');
	await quiet(page);
	await page.evaluate(() => {
		const all = [...document.querySelectorAll('main li a')],
			one = all[30];
		one.scrollIntoView({block: 'center'});
		one.focus();
	});
	const [y, link] = await at(page);
	if (y < 500) throw new Error(`the list is too short to be scrolled: ${y}`);
	await page.keyboard.press('Enter');
	await page.waitForSelector('main textarea');
	ok((await at(page))[0] === 0, 'a page that is opened begins at its top');
	await page.goBack();
	ok(await downTo(page, y), 'going back finds the list where it was left', [y, await at(page)]);
	await quiet(page);
	ok((await at(page))[1] === link, 'and the keys on the customer who was opened', [link, await at(page)]);
	await page.waitForFunction((wanted) => Math.abs(history.state.y - wanted) < 2, y);
	await page.reload();
	ok(await downTo(page, y), 'so does opening the page anew', [y, await at(page)]);
	await page.evaluate(() => {
		location.hash = '#/redeem';
	});
	await page.waitForSelector('#code');
	ok((await at(page))[0] === 0, 'another page begins at its top');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
	const manager = await open(browser, 'store_manager', {size: 'desk'});
	await visit(manager, '#/knowledge/new');
	await manager.fill('#title', '蛋糕的保存办法');
	await manager.fill('#body', '冷藏三天');
	await manager.click('main button[type=submit]');
	await manager.waitForFunction(() => location.hash === '#/knowledge');
	await manager.waitForSelector('#words');
	await manager.fill('#words', '保存办法');
	await manager.waitForFunction(() => history.state?.words === '保存办法');
	await quiet(manager);
	await manager.click('main li a');
	await manager.waitForSelector('#title');
	await manager.goBack();
	await manager.waitForSelector('#words');
	await quiet(manager);
	ok(
		(await manager.inputValue('#words')) === '保存办法' && (await manager.$$('main li a')).length === 1,
		'going back to articles finds what was looked for',
		await manager.inputValue('#words'),
	);
	ok(manager.errors.length === 0, 'the console was quiet', manager.errors);
	await manager.context().close();
}

// By key: what was pressed is gone, and the keys go on where it stood, on a page that did not jump.
export async function staysPut(browser) {
	manyTasks(70);
	const clerk = await open(browser, 'clerk');
	await visit(clerk, '#/tasks');
	await quiet(clerk);
	const count = (await clerk.$$('main li a')).length;
	await clerk.focus('main ul.plain > button:last-child');
	await clerk.keyboard.press('Enter');
	await clerk.waitForFunction((n) => document.querySelectorAll('main li a').length > n, count);
	await quiet(clerk);
	ok((await at(clerk))[1] !== 'BODY', 'after more of a list the keys are in it', await at(clerk));
	await clerk.evaluate(() => {
		const one = document.querySelectorAll('main li .row button')[3];
		one.focus();
		one.closest('li').dataset.first = '';
	}); // others may say the same
	await clerk.keyboard.press('Enter');
	await clerk.waitForSelector('[data-first]', {state: 'detached'});
	await clerk.waitForFunction(() => document.activeElement !== document.body).catch(() => null);
	ok(
		await clerk.evaluate(() => document.activeElement.closest('main li') !== null),
		'after a task is ticked off they are at the next',
		await at(clerk),
	);
	await visit(clerk, await clerk.$eval('main li a', (one) => one.getAttribute('href')));
	await clerk.fill('#body', '存了，还在原处');
	await clerk.focus('form:has(#body) button[type=submit]');
	const [there] = await at(clerk);
	await clerk.keyboard.press('Enter');
	await clerk.waitForSelector('li:has-text("存了，还在原处")');
	await clerk.waitForFunction(() => document.activeElement.type === 'submit').catch(() => null);
	ok(
		(await downTo(clerk, there)) &&
			(await clerk.evaluate(() => document.activeElement.closest('form')?.elements.body !== undefined)),
		'after a note is kept, page and keys are where they were',
		[there, await at(clerk)],
	);
	ok(clerk.errors.length === 0, 'the console was quiet', clerk.errors);
	await clerk.context().close();
	const page = await open(browser, 'headquarters');
	for (const per of ['day', 'week', 'month']) await send(page, `caps/ways_${per}`, {messages: 9, per}, 'PUT');
	await visit(page, '#/channels');
	await quiet(page);
	await page.evaluate(() => {
		const all = document.querySelectorAll('#caps li button'),
			one = all[0];
		one.scrollIntoView({block: 'center'});
		one.focus();
	});
	const [y] = await at(page),
		caps = (await page.$$('#caps li')).length;
	await page.keyboard.press('Enter');
	await page.waitForFunction((n) => document.querySelectorAll('#caps li').length === n - 1, caps);
	await page.waitForFunction(() => !['BODY', 'MAIN'].includes(document.activeElement.tagName)).catch(() => null);
	const [now] = await at(page);
	ok(y > 50 && Math.abs(now - y) < 40, 'a page that is drawn anew stays where it was', [y, now]);
	ok(
		await page.evaluate(() => document.activeElement.closest('#caps li') !== null),
		'and the keys at what came in the place of what went',
		await page.evaluate(() => document.activeElement.outerHTML.slice(0, 200)),
	);
	await page.focus('header button[lang]');
	await page.keyboard.press('Enter');
	await page.waitForSelector('header button:text("中文")');
	await page
		.waitForFunction(() => document.activeElement.lang === 'zh-CN' && document.activeElement.tagName === 'BUTTON')
		.catch(() => null);
	ok(
		(await page.evaluate(() => document.activeElement.tagName)) === 'BUTTON',
		'who turns the language can turn it back',
		await at(page),
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A Chinese keyboard writes １２。５; a paste brings it, too.  Keys come faster than a busy phone draws: a point that
// waited for its turn came after the next digit.
export async function fullWidth(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	const device = await page.context().newCDPSession(page);
	const type = async (field, parts, isComposed) => {
		await page.fill(field, '');
		await page.focus(field);
		await Promise.all(
			parts.flatMap((text) => [
				...(isComposed
					? [
							device.send('Input.imeSetComposition', {
								text,
								selectionStart: text.length,
								selectionEnd: text.length,
							}),
						]
					: []),
				device.send('Input.insertText', {text}),
			]),
		);
		return page.inputValue(field);
	};
	for (const [address, field] of [
		['#/redeem', '#amount'],
		['#/coupons/new', 'main input[type=number][step=any]'],
	]) {
		await visit(page, address);
		await quiet(page);
		await page.evaluate(() =>
			setInterval(() => {
				for (const end = performance.now() + 4; performance.now() < end;);
			}, 5),
		);
		for (const [parts, isComposed] of [
			[['１２。５'], false],
			[['１', '２', '。', '５'], false],
			[['12', '。', '5'], true],
			[['１２．５'], true],
		]) {
			const value = await type(field, parts, isComposed);
			ok(value === '12.5', `${address}: ${parts.join(' ')}${isComposed ? ', composed,' : ''} is 12.5`, value);
		}
	}
	await visit(page, '#/enrol');
	await page.fill('#name', '');
	await page.focus('#name');
	await device.send('Input.insertText', {text: '王。１'});
	ok((await page.inputValue('#name')) === '王。１', 'what is no number is left as it is written');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A flow whose number cannot be read, or was taken away, is not saved with another: a wave at once was not meant.
export async function unreadNumbers(browser) {
	const page = await open(browser, 'marketer', {size: 'desk'});
	await send(page, 'flow-presets/win_back/flows/t_numbers', {});
	const spec = async () =>
		JSON.stringify((await read(page, 'flows')).body.items.find((one) => one.flow === 't_numbers').spec);
	const before = await spec();
	await visit(page, '#/flows/t_numbers/edit');
	for (const [field, typed, said] of [
		['#after_2', '5e', '“触发后多少天”填写不正确'],
		['#after_2', '', '请填写“触发后多少天”'],
		['#holdout_percent', '5e', '“对照组 %”填写不正确'],
	]) {
		const had = await page.inputValue(field);
		await page.fill(field, '');
		await page.type(field, typed);
		await page.click('form.flow button[type=submit]');
		await page.waitForFunction(
			() => document.querySelector('#refused')?.textContent || !location.hash.endsWith('/edit'),
		);
		const told = page.url().endsWith('/edit') && (await page.textContent('#refused'));
		ok(
			told === said && (await page.evaluate((id) => document.activeElement.matches(id), field)),
			`${field}: “${typed}” is refused at its field`,
			told,
		);
		ok((await spec()) === before, 'and nothing is saved instead');
		if (!told) await visit(page, '#/flows/t_numbers/edit');
		await page.fill(field, had);
	}
	await page.evaluate(() =>
		sessionStorage.setItem('waiting', '[{"path": "x", "body": {}, "key": "k", "label": "x", "actor": "nobody"}]'),
	);
	ok(
		(await page.evaluate(() => {
			const leaving = document.createEvent('BeforeUnloadEvent');
			leaving.initEvent('beforeunload', false, true);
			dispatchEvent(leaving);
			return leaving.returnValue;
		})) !== '',
		'a browser of before 119 asks, too, who leaves what waits',
	);
	await page.evaluate(() => sessionStorage.removeItem('waiting'));
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// The undo of what was done is not taken away while somebody is at it.
export async function toldLonger(browser) {
	const page = await open(browser, 'clerk', {size: 'desk'});
	await page.clock.install();
	manyTasks(2);
	await visit(page, '#/tasks');
	await page.click('main li .row button >> nth=0');
	await page.waitForSelector('#toast button');
	await page.focus('#toast button');
	await page.clock.fastForward(60000);
	ok(await page.isVisible('#toast button'), 'an undo that the keys are on stays');
	await page.focus('main a');
	await page.clock.fastForward(11000);
	ok((await page.$('#toast button')) === null, 'and goes after they left it');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// Who sees badly: a desk at four times its size is 320 px broad, and letters are as large as the browser was told;
// nothing is cut at either.
export async function zoomed(browser) {
	const named = await somethingToDo(browser);
	for (const role of new Set(views.map(([, who]) => who))) {
		const page = await open(browser, role);
		const device = await page.context().newCDPSession(page);
		for (const [width, letters] of [
			[320, 16],
			[360, 24],
		]) {
			await page.setViewportSize({width, height: 700});
			await device.send('Page.setFontSizes', {fontSizes: {standard: letters, fixed: letters}});
			for (const [name, , address] of views.filter(([, who]) => who === role)) {
				await visit(page, filled(address, named));
				await quiet(page);
				const {wide, size, over} = await page.evaluate(() => ({
					wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
					size: parseFloat(getComputedStyle(document.body).fontSize),
					over: [...document.querySelectorAll('main *')]
						.filter(
							(one) =>
								one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 &&
								!one.closest('.scroll'),
						)
						.map(
							(one) =>
								`${one.tagName}#${one.id}.${one.className} ${Math.round(one.getBoundingClientRect().right)}`,
						)
						.slice(0, 4),
				}));
				ok(
					wide <= 0 && size === letters,
					`${name}: ${width} px broad, letters of ${letters} px: nothing to scroll sideways`,
					{wide, size, over},
				);
			}
		}
		await page.context().close();
	}
}

// What a hand does without looking: a wheel over a number, Ctrl and Enter at the end of a note, a number copied with
// signs that nobody sees, Esc.
export async function courtesies(browser) {
	const page = await open(browser, 'clerk', {size: 'desk'});
	const {
		body: {customer_id: person},
	} = await send(page, 'enrol', {name: '客气', phone: '13655591002', consents: []});
	sql("SELECT crm.segment_define_tag('ways', '常客', 'base', NULL, 'manual', 'regular')");
	await visit(page, '#/find');
	await page.fill('#text', '\u202d136 5559 1002\u202c');
	await page.click('main button[type=submit]');
	await page.waitForSelector(`main h2 a[href="#/person/${person}"]`);
	ok(true, 'a number copied from a list of contacts finds its holder');
	await visit(page, `#/person/${person}`);
	await page.fill('#body', '按两个键就存');
	await page.focus('#body');
	await page.keyboard.press('Control+Enter');
	await page.waitForSelector('li:has-text("按两个键就存")');
	ok(
		sql("SELECT count(*) FROM crm.interaction WHERE body = '按两个键就存'") === '1',
		'Ctrl and Enter keep a note, once',
	);
	await page.click('#tags button');
	await page.waitForSelector('#tags .row button');
	await page.keyboard.press('Escape');
	ok(
		await page.evaluate(
			() =>
				[...document.querySelectorAll('#tags .row')].every((one) => one.childElementCount === 0) &&
				document.activeElement.closest('#tags') !== null,
		),
		'Esc folds the tags that are offered, and the keys stay',
	);
	await page.click('header button[lang=en]');
	await page.waitForSelector('header button:text("中文")');
	await page.reload();
	await page.waitForSelector('header button:text("中文")');
	ok(
		page.url().endsWith(`#/person/${person}`),
		'a language that was chosen stays when the page is opened anew',
		page.url(),
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
	const marketer = await open(browser, 'marketer', {size: 'desk'});
	await visit(marketer, '#/coupons/new');
	const number = marketer.locator('main input[type=number]').first();
	await number.fill('50');
	await number.focus();
	await number.hover();
	const y = await marketer.evaluate(() => scrollY);
	for (let n = 0; n < 3; n++) await marketer.mouse.wheel(0, 100);
	await marketer.waitForFunction(
		(before) => scrollY > before || document.documentElement.scrollHeight <= innerHeight,
		y,
	);
	ok((await number.inputValue()) === '50', 'who scrolls over a number does not turn it', await number.inputValue());
	await marketer.context().close();
	const stranger = await (await browser.newContext({locale: 'zh-CN'})).newPage();
	await stranger.goto(base);
	await stranger.fill('#login', `${people.clerk.name} `);
	await stranger.fill('#password', people.clerk.password);
	await stranger.click('button[type=submit]');
	await stranger.waitForSelector('nav a');
	ok(true, 'a blank that a phone puts behind the name does not keep anybody out');
	await stranger.context().close();
	const chief = await open(browser, 'headquarters', {size: 'desk'});
	await visit(chief, '#/targets');
	await chief.selectOption('#whose', 'chain');
	await chief.selectOption('#metric', 'net');
	for (const [written, meant] of [
		['12.5万', '¥125,000.00'],
		['￥1,280元', '¥1,280.00'],
		['３０。５', '¥30.50'],
	]) {
		await chief.fill('#goal', written);
		await chief.click('form:has(#goal) button[type=submit]');
		const toast = await chief.waitForSelector(`#toast p:has-text("${meant}")`).then(
			() => meant,
			() => chief.textContent('#toast'),
		);
		ok(toast === meant, `${written} is ${meant}`, toast);
		await visit(chief, '#/targets');
		await chief.selectOption('#whose', 'chain');
		await chief.selectOption('#metric', 'net');
	}
	await chief.fill('#goal', '');
	await chief.click('form:has(#goal) button[type=submit]');
	await chief.context().close();
	const steward = await open(browser, 'steward', {serviceWorkers: 'block'});
	await steward.route('**/js/xlsx.js', (route) => route.fulfill({status: 403, body: 'no'}));
	await visit(steward, '#/import');
	await steward.setInputFiles('input[type=file]', {
		name: 'a.xlsx',
		mimeType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
		buffer: Buffer.from('PK\u0003\u0004'),
	});
	await steward.click('main form button[type=submit]');
	await steward.waitForFunction(() =>
		[...document.querySelectorAll('main [role=alert]')].some((one) => one.textContent !== ''),
	);
	const said = (await steward.$$eval('main [role=alert]', (all) => all.map((one) => one.textContent))).join('');
	ok(said.includes('网络不通'), 'a reader of workbooks that did not come is not the fault of the file', said);
	await steward.context().close();
}

// A part of a board that was not read says so, and is read by its button.
export async function partAgain(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	const failed = 'main section:has-text("这一块没有读出来")';
	await page.route('**/api/v1/reports/transitions*', (route) =>
		route.fulfill({status: 500, contentType: 'application/problem+json', body: '{"status": 500, "detail": "x"}'}),
	);
	await visit(page, '#/board');
	await page.waitForSelector(failed);
	await quiet(page);
	ok((await page.$$(failed)).length === 1, 'one part that fails leaves the others alone');
	await page.unroute('**/api/v1/reports/transitions*');
	await page.click(`${failed} button`);
	await page.waitForFunction(
		() =>
			!document.body.textContent.includes('这一块没有读出来') &&
			document.querySelectorAll('main section').length > 3,
	);
	await quiet(page);
	ok((await page.$$(failed)).length === 0, 'its button reads it', await page.textContent('main'));
	await visit(page, '#/board/store/nowhere');
	await page.waitForSelector('main section p:text("没有找到，或不在您能看的范围里")');
	await quiet(page);
	ok(
		(await page.$$('main section button:text("重试")')).length === 0,
		'what is not there is said, and not asked for again',
	);
	await page.context().close();
}

// Large sums are said in charts as they are spoken, and stand to the cent beside them.
export async function inWan(browser) {
	for (const [language, short, whole] of [
		['zh-CN', '¥123.46万', '¥1,234,567.89'],
		['en', '¥1.23M', '¥1,234,567.89'],
	]) {
		const page = await open(browser, 'headquarters', {size: 'desk', language});
		await page.route('**/api/v1/reports/stores*', async (route) => {
			const answer = await route.fetch(),
				rows = await answer.json();
			await route.fulfill({
				response: answer,
				json: rows.map((row, i) => ({...row, net: i === 0 ? '1234567.89' : '88.5'})),
			});
		});
		await visit(page, '#/reports');
		await quiet(page);
		const bars = await page.$$eval('main svg.bars text', (all) =>
			all.map((one) => [one.firstChild.textContent, one.querySelector('title')?.textContent]),
		);
		ok(
			bars.some(([text, title]) => text === short && title === whole) &&
				bars.some(([text, title]) => text === '¥88.50' && title === undefined),
			`${language}: ${short} in a chart is ${whole}`,
			bars,
		);
		ok(page.errors.length === 0, 'the console was quiet', page.errors);
		await page.context().close();
	}
}

// An answer that comes late, after something else was asked, is nobody's.
export async function lateAnswers(browser) {
	const page = await open(browser, 'store_manager', {size: 'desk'});
	for (const title of ['慢慢来', '快快来'])
		await send(page, 'articles', {title, body: title, topic: null, is_active: true});
	let release;
	const held = new Promise((resume) => {
		release = resume;
	});
	await page.route(`**/api/v1/articles*${encodeURIComponent('慢慢来')}*`, async (route) => {
		await held;
		await route.continue();
	});
	await visit(page, '#/knowledge');
	const asked = page.waitForRequest((request) => request.url().includes(encodeURIComponent('慢慢来')));
	await page.fill('#words', '慢慢来');
	const slow = await asked;
	await page.fill('#words', '快快来');
	await page.waitForFunction(
		() => [...document.querySelectorAll('main li a')].map((one) => one.textContent).join() === '快快来',
	);
	release();
	await slow.response();
	await quiet(page);
	const shown = await page.$$eval('main li a', (all) => all.map((one) => one.textContent).join());
	ok(shown === '快快来', 'what is shown is what was asked for last', shown);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}
