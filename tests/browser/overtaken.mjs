// A slow answer is overtaken by what its asker does next: the next customer is asked for, a key is pressed twice,
// more is typed, another page is opened.  Here each answer is held until that is done.
import {readFileSync} from 'node:fs';
import {ok, open, quiet, sql, visit} from './harness.mjs';
import {pairsUnderReview} from './steward.mjs';

const enrolled = (external, name, phone) =>
	sql(
		`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "${external}", "name": "${name}", "phone": "${phone}", "store_code": "S1"}')`,
	);

// The answers of an address are held until `go`; `all` are those who asked, `come` waits for the first of them.
async function held(page, address) {
	const all = [];
	let go, come;
	const released = new Promise((resume) => {
			go = resume;
		}),
		first = new Promise((resume) => {
			come = resume;
		});
	await page.route(address, async (route) => {
		all.push(route.request());
		const response = await route.fetch();
		come();
		await released;
		await route.fulfill({response}).catch(() => null);
	});
	return {
		all,
		come: first,
		go: async () => {
			go();
			await quiet(page);
			await page.unroute(address);
		},
	};
}

// Who went on to the next customer stays there, told that the one before is kept; who left a page calls nobody from
// it, nor marks the next one's note as a call.
export async function goneOn(browser) {
	const page = await open(browser, 'clerk');
	const enrol = await held(page, '**/api/v1/enrol');
	await visit(page, '#/enrol');
	await page.fill('#phone', '13655592001');
	await page.fill('#name', '存得慢');
	await page.click('main form button[type=submit]');
	await enrol.come;
	await page.click('nav a[href="#/find"]');
	await page.waitForSelector('#text');
	await page.fill('#text', '1365559');
	await enrol.go();
	await page.waitForSelector('#toast p:text("已保存")');
	ok(
		(await page.evaluate(() => location.hash)) === '#/find' && (await page.inputValue('#text')) === '1365559',
		'a member who is kept late takes nobody from the next customer',
		await page.evaluate(() => location.hash),
	);
	const [first, next] = [enrolled('GONE1', '要打电话', '13655592002'), enrolled('GONE2', '下一位', '13655592003')];
	await page.evaluate(() =>
		addEventListener(
			'click',
			(event) => {
				const link = event.target.closest('a[href^="tel:"]');
				if (!link) return;
				event.preventDefault();
				globalThis.dialled = link.href;
			},
			true,
		),
	);
	const clear = await held(page, '**/unmask');
	await visit(page, `#/person/${first}`);
	await page.click('form:has(#reason) button[type=submit]');
	await clear.come;
	await visit(page, `#/person/${next}`);
	await page.waitForSelector('#channel');
	await clear.go();
	ok(
		(await page.evaluate(() => globalThis.dialled === undefined)) &&
			(await page.inputValue('#channel')) === 'store',
		'a number that comes after its page was left is not dialled',
		[await page.evaluate(() => globalThis.dialled), await page.inputValue('#channel')],
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// What is typed while a note is on its way was not in it: it stays, in its field and in others, and the keys stay
// where one writes.
export async function writtenOn(browser) {
	const person = enrolled('WRITTEN', '接着写', '13655592004');
	const page = await open(browser, 'clerk', {size: 'desk'});
	const notes = await held(page, '**/notes');
	await visit(page, `#/person/${person}`);
	await page.fill('#body', '第一句');
	await page.press('#body', 'Control+Enter');
	await notes.come;
	await page.press('#body', 'End');
	await page.keyboard.type('，第二句');
	await page.fill('#title', '');
	await page.focus('#title');
	await page.keyboard.type('送');
	await notes.go();
	await page.waitForSelector('li:has-text("第一句")');
	await page.keyboard.type('货');
	const [body, title, at] = [
		await page.inputValue('#body'),
		await page.inputValue('#title'),
		await page.evaluate(() => document.activeElement.id),
	];
	ok(
		body === '第一句，第二句' && title === '送货' && at === 'title',
		'a note that is kept takes nothing away that was typed meanwhile, nor the keys',
		[body, title, at],
	);
	const overview = await held(page, '**/overview');
	await page.focus('#body');
	await page.keyboard.press('Control+A');
	await page.keyboard.type('only this');
	await page.keyboard.press('Control+Enter');
	await overview.come;
	await page.focus('#title'); // the field that is left has changed, for the browser
	await overview.go();
	await page.waitForSelector('li:has-text("only this")');
	ok(
		(await page.inputValue('#body')) === '',
		'what was kept is not found again as what was not',
		await page.inputValue('#body'),
	);
	const tasks = await held(page, `**/persons/${person}/tasks`);
	await page.fill('#title', '第一件');
	await page.fill('#due_on', '2031-01-02');
	await page.press('#title', 'Enter');
	await tasks.come;
	await page.fill('#title', '第二件');
	await tasks.go();
	ok(
		(await page.inputValue('#title')) === '第二件' &&
			sql(`SELECT string_agg(title, ' ') FROM crm.task WHERE customer_id = ${person} AND kind = 'hand'`) ===
				'第一件',
		'so it is with a task',
		await page.inputValue('#title'),
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A form that is sent twice makes one thing.
export async function sentTwice(browser) {
	const page = await open(browser, 'marketer', {size: 'desk'});
	const copies = await held(page, '**/api/v1/flow-presets/*/flows/*');
	await visit(page, '#/flows/new');
	await page.fill('#name_zh', '点了两下');
	await page.evaluate(() => {
		const form = document.querySelector('main form');
		form.requestSubmit();
		form.requestSubmit();
	});
	await copies.come;
	await page.evaluate(() => document.querySelector('main form').requestSubmit());
	await copies.go();
	await page.waitForFunction(() => location.hash.endsWith('/edit'));
	ok(
		copies.all.length === 1,
		'two taps on a button make one flow',
		copies.all.map((one) => one.url()),
	);
	await visit(page, '#/audiences/new');
	await page.fill('#name_zh', '存了两下');
	const put = await held(page, '**/api/v1/segments/audience_*');
	await page.evaluate(() => {
		const form = document.querySelector('main form');
		form.requestSubmit();
		form.requestSubmit();
	});
	await put.come;
	await put.go();
	await page.waitForFunction(() => /#\/audiences\/audience_/.test(location.hash));
	ok(put.all.filter((one) => one.method() === 'PUT').length === 1, 'and one audience');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// Pairs under review: a key that is pressed again before the answer decides nothing else, going on meanwhile loses
// none, and each undo is of its own pair.
export async function decidedOnce(browser) {
	const page = await pairsUnderReview(browser);
	const of = (state) =>
		sql(
			`SELECT coalesce(string_agg(review_id::text, ' ' ORDER BY review_id), '') FROM crm.review WHERE reason = 'contradiction' AND state = '${state}'`,
		)
			.split(' ')
			.filter(Boolean);
	const all = of('open').length,
		decide = await held(page, '**/reviews/*/decide');
	const shown = () =>
		page.$$eval('main th a[href^="#/history/"]', (links) => links.map((one) => one.getAttribute('href')).join());
	await page.keyboard.press('n');
	await decide.come;
	await page.keyboard.press('n');
	await page.keyboard.press('u');
	await page.keyboard.press('j');
	const second = await shown();
	await decide.go();
	await page.waitForSelector('#toast button');
	const [gone] = of('rejected');
	ok(
		decide.all.length === 1 &&
			of('rejected').length === 1 &&
			(await shown()) === second &&
			(await page.textContent('h1')).includes(`1 / ${all - 1}`),
		'one key decides one pair, and who went on stays there',
		[decide.all.length, await shown(), second, await page.textContent('h1')],
	);
	await page.keyboard.press('n');
	await page.waitForFunction(() => document.querySelectorAll('#toast button').length === 2);
	const other = of('rejected').find((id) => id !== gone);
	await page.click('#toast button >> nth=0');
	await page.waitForFunction((n) => document.querySelector('h1')?.textContent.includes(`/ ${n}`), all - 1);
	ok(of('rejected').join() === other, 'the undo of the first one undoes the first one', [
		gone,
		other,
		of('rejected'),
	]);
	await page.click('#toast button >> nth=0');
	await page.waitForFunction((n) => document.querySelector('h1')?.textContent.includes(`/ ${n}`), all);
	ok(of('open').length === all, 'and that of the second one the second', of('open'));
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
	sql("DELETE FROM crm.review WHERE state = 'open' AND reason = 'contradiction'");
}

// What was taken out of a form and not saved comes back into that form alone: its undo goes with it.
export async function undoneHere(browser) {
	const page = await open(browser, 'marketer', {size: 'desk'});
	await visit(page, '#/tiers');
	const before = await page.$$eval('main ol > li', (all) => all.length);
	await page.click('main ol > li:nth-child(2) .ends button:last-child');
	await page.waitForSelector('#toast button');
	await visit(page, '#/tags/new');
	ok((await page.$('#toast button')) === null, 'whose page was left has no undo there');
	await visit(page, '#/tiers');
	ok((await page.$$eval('main ol > li', (all) => all.length)) === before - 1, 'the draft is there as it was left');
	await page.click('main button:text("放弃")');
	await quiet(page);
	ok((await page.$$eval('main ol > li', (all) => all.length)) === before, 'and is given up');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// The language is turned while words of a page are on their way: none of the other language comes after it, none is
// missing.
export async function turnedWords(browser) {
	for (const [what, words] of [
		['words of the page', '**/i18n/desk.zh-CN.json'],
		['words of the frame', '**/i18n/en.json'],
	]) {
		const page = await open(browser, 'store_manager', {size: 'desk', serviceWorkers: 'block'});
		const late = await held(page, words);
		if (what === 'words of the frame') await page.click('header button[lang=en]');
		else
			await page.evaluate(() => {
				location.hash = '#/knowledge';
			});
		await late.come;
		if (what === 'words of the frame') await visit(page, '#/knowledge');
		else {
			await page.click('header button[lang=en]');
			await page.waitForSelector('#words');
		}
		await late.go();
		await page.waitForSelector('header button[lang="zh-CN"]');
		await visit(page, '#/knowledge');
		await quiet(page);
		const text = await page.innerText('main'),
			label = JSON.parse(readFileSync('fcgi/www/i18n/desk.en.json', 'utf8'))['article.find'];
		ok(
			(await page.textContent('main label')) === label && !/article\.[a-z]/i.test(text),
			`${what} that come late are of the language of the page`,
			text,
		);
		ok(page.errors.length === 0, 'the console was quiet', page.errors);
		await page.context().close();
	}
}

// What is offered to choose from is asked once for all pages: it comes although the page that asked first was left; a
// period that was asked for last is shown.
export async function askedOnce(browser) {
	const page = await open(browser, 'marketer', {size: 'desk'});
	const values = await held(page, '**/api/v1/rules/values?*');
	const bought = async () => {
		await visit(page, '#/audiences/new');
		await page.selectOption('.rule > fieldset > .add select', 'bought');
		await page.click('.rule > fieldset > .add button >> nth=0');
	};
	await bought();
	await values.come;
	await visit(page, '#/coupons');
	await values.go();
	await bought();
	ok(
		await page.waitForSelector('.parts li select[aria-label="取值"] option[value=cake]', {state: 'attached'}).then(
			() => true,
			() => false,
		),
		'what there is to choose from is there when one comes back',
		await page.textContent('.parts'),
	);
	await page.click('main button:text("放弃")');
	await visit(page, '#/board');
	const pressed = 'section:has(h2:text("十二项指标")) button[aria-pressed=true]';
	await page.waitForSelector(pressed);
	const week = await held(page, '**/api/v1/reports/indicators?period=week*');
	await page.click('section:has(h2:text("十二项指标")) button:text-is("周")');
	await week.come;
	const month = page.waitForResponse((response) => response.url().includes('period=month'));
	await page.click('section:has(h2:text("十二项指标")) button:text-is("月")');
	await month;
	await week.go();
	ok(
		(await page.textContent(pressed)) === '月',
		'a period that comes late is not shown over the one that was asked for after it',
		await page.textContent(pressed),
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}
