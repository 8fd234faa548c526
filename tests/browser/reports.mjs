// Reports: the stock charts, what to expect, stores compared; charts that one puts together, saves and shares; who
// entered best.
import {readFileSync} from 'node:fs';
import {judge, ok, open, settled, visit} from './harness.mjs';

const parts = (page) => page.$$eval('main section h2', (all) => all.map((one) => one.textContent));
const figure = (text) => Number((text || '').replace(/[^\d.]/g, ''));

export async function reports(browser) {
	for (const [size, language, theme] of [
		['small', 'zh-CN', 'dark'],
		['desk', 'en', 'light'],
	]) {
		const page = await open(browser, 'headquarters', {size, language, theme});
		for (const address of [
			'#/reports',
			'#/reports/region/E',
			'#/reports/store/S1',
			'#/charts',
			'#/scorecard',
			'#/usage',
			'#/usage/store_manager',
			'#/targets',
		]) {
			await visit(page, address);
			await judge(page, `headquarters ${address} ${size} ${language} ${theme}`);
			ok(
				(await page.$$('main .warn:text("这一块没有读出来"), main .warn:text("could not be read")')).length ===
					0,
				`${address}: every part was read`,
			);
		}
		ok(page.errors.length === 0, `reports ${size} ${language} ${theme}: the console is quiet`, page.errors);
		await page.context().close();
	}
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/reports');
	const shown = await parts(page);
	ok(
		[
			'销售额趋势与预测',
			'顾客来源',
			'销售业绩排行榜',
			'销售漏斗',
			'过程、行为、结果',
			'线上线索到店',
			'流失顾客',
			'等级与品类',
			'门店对比：等级',
		].every((part) => shown.includes(part)),
		'the four stock charts, panels and comparisons are there',
		shown,
	);
	ok(
		(await page.$('svg.line .expected')) !== null && (await page.$('svg.line .band')) !== null,
		'sales go on as expected, between bounds',
	);
	await visit(page, '#/scorecard');
	const manager = await page.textContent('section:has(h2:text("管理者绩效")) tbody');
	ok(
		/store_manager/.test(manager) && /华东/.test(manager),
		"managers stand with how their stores' customers are looked after",
		manager,
	);
	await visit(page, '#/reports');
	const ranked = await page.$$eval('section:has(h2:text("销售业绩排行榜")) svg text:last-of-type', (all) =>
		all.map((one) => one.textContent),
	);
	ok(ranked.length === 2 && figure(ranked[0]) >= figure(ranked[1]), 'the better store stands first', ranked);
	await page.context().close();
	const mine = await open(browser, 'store_manager');
	await visit(mine, '#/reports');
	ok(
		!(await mine.textContent('#main section:has(h2:text("销售业绩排行榜"))')).includes('人民路店'),
		"a store's manager is compared with nobody else's store",
	);
	const status = await mine.evaluate(() =>
		Promise.all(
			[
				'reports/trend?from=2026-01-01&to=2026-02-01&store=S2',
				'reports/forecast?store=S2',
				'reports/panels?store=S2',
				'reports/mix?store=S2',
				'reports/origins?store=S2',
				'reports/leaderboard?store=S2',
			].map(async (path) => (await fetch(`/api/v1/${path}`)).status),
		),
	);
	ok(
		status.every((code) => code === 404),
		'nor by asking for it',
		status,
	);
	ok(mine.errors.length === 0, 'and the console is quiet', mine.errors);
	await mine.context().close();
}

// Headquarters makes a chart and shares it; a store's manager sees it with figures of the store alone, and cannot
// change it.
export async function charts(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/charts');
	await page.selectOption('#group', 'store');
	await page.selectOption('#measure', 'orders');
	await page.selectOption('#chart', 'bars');
	await page.waitForFunction(
		() => [...document.querySelectorAll('main tbody tr')].length === 2 && document.querySelector('main svg.bars'),
	);
	const all = await page.$$eval('main tbody tr', (rows) => rows.map((row) => row.innerText));
	ok(
		all.some((row) => row.includes('人民路店')),
		'a chart is put together by choosing, live',
		all,
	);
	await page.selectOption('#group', 'tier');
	await page.waitForFunction(
		() =>
			document.querySelector('#measure').value === 'persons' &&
			document.querySelector('main thead').innerText.includes('等级'),
	);
	ok(await page.isDisabled('#span'), 'what has no span is not asked for one');
	await page.selectOption('#group', 'store');
	await page.waitForFunction(() => document.querySelector('main thead').innerText.includes('门店'));
	await page.click('form:has(#name) button[type=submit]');
	await page.waitForFunction(() => document.querySelector('#name').getAttribute('aria-invalid') === 'true');
	ok(true, 'none is saved without a name');
	await page.fill('#name', '<b>各店订单</b>');
	await page.reload();
	await page.waitForSelector('#name');
	ok((await page.inputValue('#name')) === '<b>各店订单</b>', 'its name outlives a reload');
	await page.selectOption('#group', 'store');
	await page.selectOption('#measure', 'orders');
	await page.selectOption('#chart', 'bars');
	await page.check('input[name=store_manager]');
	await page.click('form:has(#name) button[type=submit]');
	await page.waitForFunction(() => /^#\/charts\/\d+$/.test(location.hash));
	await settled(page);
	ok(
		(await page.$$('main b')).length === 0 && (await page.textContent('main h1')) === '<b>各店订单</b>',
		'saved under its name, which is no markup',
	);
	await judge(page, 'a saved chart');
	const address = await page.evaluate(() => location.hash);
	const mine = await open(browser, 'store_manager');
	await visit(mine, address);
	const own = await mine.$$eval('main tbody tr', (rows) => rows.map((row) => row.innerText));
	ok(own.length === 1 && own[0].includes('南京路店'), 'with whom it is shared sees their own store in it', own);
	ok(
		(await page.getAttribute('main li button', 'aria-label')) === '删除 <b>各店订单</b>',
		'what a button deletes is said',
	);
	ok((await mine.$$('main li button')).length === 0, 'and cannot delete it');
	ok(mine.errors.length === 0, 'quietly', mine.errors);
	await mine.context().close();
	await page.selectOption('#group', 'month');
	await page.selectOption('#measure', 'net');
	await page.selectOption('#chart', 'pie');
	await page.waitForSelector('svg.ring');
	const parts = await page.$$eval('svg.ring circle title', (all) => all.map((one) => one.textContent));
	const whole = await page.$$eval('main tbody td.number', (cells) =>
		cells.map((cell) => Number(cell.textContent.replace(/[^\d.-]/g, ''))),
	);
	const total = (numbers) => Math.round(100 * numbers.reduce((sum, one) => sum + one, 0));
	ok(
		whole.length > 6 &&
			parts.length === 6 &&
			/^其他/.test(parts[5]) &&
			total(parts.map((one) => figure(one.replace(/^\S+ /, '')))) === total(whole),
		'a ring is the whole in six parts',
		[parts, whole],
	);
	await page.click('main li:has-text("各店订单") button');
	await page.waitForFunction(() => !document.querySelector('main li'));
	await page.click('#toast button');
	await page.waitForSelector('main li:has-text("各店订单")');
	ok(true, 'deleted, and taken back');
	await page.click('main li:has-text("各店订单") button');
	await page.waitForFunction(() => !document.querySelector('main li'));
	ok(page.errors.length === 0, 'the console was quiet over charts', page.errors);
	await page.context().close();
}

// Who enrols somebody twice falls behind who does not.
export async function leaders(browser) {
	const clerk = await open(browser, 'clerk');
	await clerk.evaluate(async () => {
		const enrol = (name, phone, more) =>
			fetch('/api/v1/enrol', {
				method: 'POST',
				headers: {'Content-Type': 'application/json', Accept: 'application/json'},
				body: JSON.stringify({name, phone, consents: [], ...more}),
			});
		for (let n = 1; n <= 5; n++)
			await enrol(`甲${n}`, `1366666000${n}`, {birthday: '1990-01-02', consents: ['sms']});
		await enrol('王芳', '13912340005');
	});
	await clerk.context().close();
	const page = await open(browser, 'store_manager', {size: 'desk'});
	await visit(page, '#/scorecard');
	const row = await page.textContent('section:has(h2:text("录入质量排行")) tbody tr:has-text("clerk clerk")');
	ok(/^1/.test(row), 'who entered is ranked', row);
	ok(
		(await page.textContent('section:has(h2:text("录入质量排行"))')).includes('质量 = 完整度'),
		'by a formula that stands there',
	);
	const duplicates = await page.$eval(
		'section:has(h2:text("录入质量排行")) tbody tr:has-text("clerk clerk") td:nth-child(7)',
		(cell) => Number(cell.textContent),
	);
	ok(duplicates >= 1, 'a duplicate counts against who made it', duplicates);
	ok(page.errors.length === 0, 'the console is quiet', page.errors);
	await page.context().close();
}

// Who was there stands with who does not use it yet; a manager of a store sees the store's people, and no list of
// functions.
export async function use(browser) {
	const clerk = await open(browser, 'clerk');
	await clerk.context().close();
	const page = await open(browser, 'store_manager', {size: 'desk'});
	await visit(page, '#/usage');
	const week = await page.$eval('section:has(h2:text("每周使用率")) svg', (chart) =>
		chart.getAttribute('aria-label'),
	);
	ok(/100\s?% · 1 \/ 1/.test(week), 'a clerk who signed in this week is one of one', week);
	const quarter = await page.evaluate(async () => {
		const {bars} = await import('/js/chart.js');
		return (
			Number(
				bars('', [{label: '', value: 0.25, text: ''}], true, 1)
					.querySelector('rect')
					.getAttribute('width'),
			) / Number(document.querySelector('section svg rect').getAttribute('width'))
		);
	});
	ok(quarter === 0.25, 'a quarter of the staff is a quarter of a bar, not a whole one', quarter);
	ok(
		/clerk clerk.*南京路店/.test(await page.textContent('section:has(h2:text("谁还没有用起来")) tbody')),
		'and stands by name',
	);
	ok((await page.$('h2:text("功能使用")')) === null, "functions are headquarters'");
	ok(page.errors.length === 0, 'the console is quiet', page.errors);
	await page.context().close();
}

// Headquarters gives each clerk a goal; the clerk sees it beside the tasks, the store's manager with how far it is
// reached; a store's own goal is the manager's.
export async function goals(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/targets');
	await page.selectOption('#whose', 'role/clerk');
	await page.selectOption('#metric', 'net');
	await page.fill('#goal', '20');
	await page.click('form:has(#goal) button[type=submit]');
	await page.waitForFunction(() => document.querySelector('#metric').getAttribute('aria-invalid') === 'true');
	ok(true, 'nobody has a goal of what only places have');
	await page.selectOption('#metric', 'enrolled');
	await page.click('form:has(#goal) button[type=submit]');
	await page.waitForSelector('main tbody tr:has-text("clerk clerk")');
	await judge(page, 'goals');
	ok(page.errors.length === 0, 'the console is quiet', page.errors);
	await page.context().close();
	const clerk = await open(browser, 'clerk');
	await visit(clerk, '#/tasks');
	await clerk.waitForSelector('section:has(h2:text("我的目标")) meter');
	ok(
		/登记会员 \d+ \/ 20/.test((await clerk.textContent('section:has(h2:text("我的目标"))')).replace(/\s+/g, ' ')),
		'a clerk sees their own goal',
		await clerk.textContent('section:has(h2:text("我的目标"))'),
	);
	await judge(clerk, 'own goals');
	await clerk.context().close();
	const manager = await open(browser, 'store_manager', {size: 'desk'});
	await visit(manager, '#/targets');
	await manager.selectOption('#whose', 'store/S1');
	await manager.selectOption('#metric', 'repurchase_rate');
	await manager.fill('#goal', '0');
	await manager.click('form:has(#goal) button[type=submit]');
	await manager.waitForFunction(() => document.querySelector('#goal').getAttribute('aria-invalid') === 'true');
	await manager.fill('#goal', '50');
	await manager.click('form:has(#goal) button[type=submit]');
	await manager.waitForSelector('main tbody tr:has-text("南京路店")');
	ok(
		/50\s?%/.test(await manager.textContent('main tbody tr:has-text("南京路店")')),
		"a manager sets the store's, as shares are said",
		await manager.textContent('main tbody tr:has-text("南京路店")'),
	);
	const early = await manager.evaluate(async () =>
		(await import('/js/goals.js'))
			.progress({metric: 'repurchase_rate', value: null, goal: 0.5, share: null})
			.map((one) => one.textContent ?? one)
			.join(''),
	);
	ok(/50\s?%/.test(early), 'also on the first day of a month, when nothing is measured yet', early);
	ok(
		(await manager.$('#whose option[value=chain]')) === null &&
			(await manager.$('#whose option[value="store/S2"]')) === null,
		'and no others',
	);
	await manager.selectOption('#whose', 'store/S1');
	await manager.selectOption('#metric', 'repurchase_rate');
	await manager.fill('#goal', '');
	await manager.click('form:has(#goal) button[type=submit]');
	await manager.waitForSelector('main tbody tr:has-text("南京路店")', {state: 'detached'});
	ok(manager.errors.length === 0, 'taken away again, quietly', manager.errors);
	await manager.context().close();
}

// A list in pages is saved whole, although a page of it stands on the screen; it can be cancelled, has a bound that
// is told, and no cell of it is a formula.
export async function wholeFile(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	let all = 412,
		release = () => null,
		held = null;
	const asked = [];
	await page.route('**/api/v1/reports/persons?*', async (route) => {
		const {searchParams} = new URL(route.request().url()),
			from = Number(searchParams.get('cursor') || 0),
			limit = Number(searchParams.get('limit'));
		asked.push([searchParams.get('what'), searchParams.get('key'), from, limit]);
		if (from > 0 && held) await held;
		const rows = Array.from({length: Math.min(limit, all - from)}, (_, i) => ({
			customer_id: String(from + i + 1),
			name: ['王*', '=1+1', '+8', '-2+3', '@SUM(A1)', '＝1'][(from + i) % 6],
			tier: 'A',
			store: '南京路店',
			last_day: '2026-11-01',
			order_days: 2,
			net: '-12.50',
		}));
		await route.fulfill({
			contentType: 'application/json',
			body: JSON.stringify({items: rows, next: from + limit < all ? String(from + limit) : null}),
		});
	});
	const saved = async () => {
		const [file] = await Promise.all([page.waitForEvent('download'), page.click('main button:text("存为 CSV")')]);
		return readFileSync(await file.path(), 'utf8');
	};
	await visit(page, '#/behind/tier/A');
	const text = await saved(),
		lines = text.trim().split('\r\n');
	ok(
		lines.length === 413 && lines[412].startsWith('412,') && new Set(lines).size === 413,
		'of 412 persons a file of 412 lines, though the page shows 100',
		[lines.length, lines[412], asked],
	);
	ok((await page.$$('main tbody tr')).length === 100, 'and the page shows what it showed');
	ok(
		asked.every(([what, key]) => what === 'tier' && key === 'A'),
		'of the same list',
		asked,
	);
	ok(
		text.startsWith('\ufeff') &&
			!lines.some((line) =>
				line.split(',').some((cell) => /^[=+@＝]/.test(cell) || /^-(?!12\.50$)/.test(cell)),
			) &&
			lines[2].includes("'=1+1") &&
			lines[2].endsWith(',-12.50'),
		'a spreadsheet knows its letters and takes no name for a formula, nor an amount for a word',
		lines.slice(0, 7),
	);
	held = new Promise((resume) => {
		release = resume;
	});
	await page.click('main button:text("存为 CSV")');
	await page.waitForSelector('main progress');
	await judge(page, 'a list that is being saved');
	await page.click('main button:text("取消")');
	ok((await page.$$('main progress')).length === 0, 'who cancels is done with it');
	release();
	held = null;
	all = 10400;
	asked.length = 0;
	const cut = (await saved()).trim().split('\r\n');
	await page.waitForSelector('#toast p:text("只导出了前 10,000 行")');
	ok(
		cut.length === 10001 && Math.max(...asked.map(([, , from]) => from)) < 10000,
		'a file has an end, which is told',
		[cut.length, asked.length],
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}
