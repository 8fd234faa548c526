// Words of the shop instead of codes: campaigns, stores, sources, coupons; what a page that is empty says.
import {readFileSync, readdirSync} from 'node:fs';
import {judge, ok, open, read, send, sql, visit} from './harness.mjs';

export async function names(browser) {
	const marketer = await open(browser, 'marketer', {size: 'desk'});
	const {
		body: {
			items: [{preset}],
		},
	} = await read(marketer, 'flow-presets');
	await send(marketer, `flow-presets/${preset}/flows/flow_words`, {});
	const named = await send(marketer, 'flows/flow_words/name', {name_zh: '开学季欢迎'}, 'PUT');
	ok(named.status === 200 || named.status === 204, "a campaign of one's own", named);
	await visit(marketer, '#/board');
	await marketer.waitForSelector('section:has(h2:text-is("活动")) table');
	const board = await marketer.textContent('section:has(h2:text-is("活动"))');
	ok(
		board.includes('开学季欢迎') && board.includes('人次') && !board.includes('flow_words'),
		'the board calls a campaign by its name, and says what it counts',
		board,
	);
	await visit(marketer, '#/behind/flow/flow_words.treated/store/S1');
	const behind = await marketer.textContent('h1');
	ok(
		behind.includes('开学季欢迎') && behind.includes('南京路店') && !/flow_words|S1/.test(behind),
		'so does the list behind it',
		behind,
	);
	// whom results count is opened from there
	sql(`INSERT INTO crm.occurrence (flow_id, customer_id, occurrence_key, epoch, fired_at, due_at, arm, outcome, message_id, flow_version)
		SELECT f.flow_id, c.customer_id, 'words', f.epoch, crm.core_now(), crm.core_now(), 'treatment', 'sent', 'words', 1 FROM crm.flow f, (SELECT min(customer_id) AS customer_id FROM crm.customer WHERE status = 'active') c WHERE f.code = 'flow_words'`);
	await visit(marketer, '#/flows/flow_words');
	await marketer.waitForSelector('.results a');
	const opened = await marketer.$$eval('.results a[href^="#/behind/flow/flow_words."]', (all) =>
		all.map((link) => link.getAttribute('href')),
	);
	ok(
		opened.some((href) => href.endsWith('.treated')),
		'whom results count is opened from there',
		opened,
	);
	await visit(marketer, opened[0]);
	await marketer.waitForSelector('main tbody tr');
	ok(
		(await marketer.$$('main tbody tr')).length === 1,
		'the one whom it reached',
		await marketer.textContent('main'),
	);
	await visit(marketer, '#/behind/active/-');
	ok(
		!/S[12](?!\d)/.test(await marketer.textContent('main tbody')),
		'stores have names in lists',
		await marketer.textContent('main tbody'),
	);
	await visit(marketer, '#/coupons');
	const coupons = await marketer.textContent('main table');
	ok(
		coupons.includes('8 折') && coupons.includes('无门槛') && !coupons.includes('减 20%'),
		'a discount is said as shops say it',
		coupons,
	);
	await marketer.context().close();
}

// Why somebody got it: by a phone, or from the timeline.
export async function whyByPhone(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/flows/silence_30');
	await page.fill('#person', '139 1234 0002');
	await page.click('form:has(#person) button');
	await page.waitForFunction(() => /\/why\/\d+$/.test(location.hash));
	const {
		body: {customer_id: person},
	} = await send(page, 'lookup', {kind: 'phone', value: '13912340002'});
	ok(page.url().endsWith(`/why/${person}`), 'a phone leads to the customer');
	sql(
		`INSERT INTO crm.occurrence (flow_id, customer_id, occurrence_key, epoch, fired_at, due_at, arm, outcome, flow_version) SELECT flow_id, ${person}, 'words', epoch, crm.core_now(), crm.core_now(), 'control', 'control', 1 FROM crm.flow WHERE code = 'silence_30'`,
	);
	await visit(page, `#/person/${person}`);
	ok(
		(await page.getAttribute('main a[href*="/why/"]', 'href')) === `#/flows/silence_30/why/${person}`,
		'the timeline leads there, too',
	);
	// who may not look phones up is not asked for one: the address of the customer's page says who it is
	const marketer = await open(browser, 'marketer', {size: 'desk'});
	await visit(marketer, '#/flows/silence_30');
	const asked = await marketer.textContent('label[for=person]');
	await marketer.fill('#person', '13912340002');
	await marketer.click('form:has(#person) button');
	await marketer.waitForFunction(
		() => document.querySelector('section:has(#person) [role=alert]').textContent !== '',
	);
	ok(
		!asked.includes('手机号') &&
			(await marketer.textContent('section:has(#person) [role=alert]')).includes('从名单里打开'),
		'a marketer is told how to say whom they mean',
		[asked, await marketer.textContent('section:has(#person)')],
	);
	await marketer.fill('#person', marketer.url().replace(/#.*/, `#/person/${person}`));
	await marketer.click('form:has(#person) button');
	await marketer.waitForFunction((id) => location.hash.endsWith(`/why/${id}`), person);
	ok(true, 'the address of the page leads to why');
	await marketer.context().close();
	const steward = await open(browser, 'steward', {size: 'desk'});
	await visit(steward, '#/reviews/open');
	await visit(steward, `#/history/${person}`);
	ok(
		(await steward.textContent('main table')).includes('收银') &&
			!(await steward.textContent('main table')).includes('till'),
		'sources have names',
		await steward.textContent('main table'),
	);
	ok((await read(steward, 'sources')).status === 200, 'to whom may see them');
	for (const one of [page, steward]) {
		ok(one.errors.length === 0, 'the console was quiet', one.errors);
		await one.context().close();
	}
}

// Every kind of alert that the code raises has its words, on the board as well.
export async function alerts(browser) {
	const raised = new Set(
		readdirSync('extension/sql').flatMap((file) =>
			[
				...readFileSync(`extension/sql/${file}`, 'utf8').matchAll(
					/_alert\('([a-z_.]+)'|_new_id\(\), '([a-z]+\.[a-z_]+)'/g,
				),
			].map(([, kind, other]) => kind ?? other),
		),
	);
	const known = ['zh-CN', 'en'].map((language) =>
		JSON.parse(readFileSync(`fcgi/www/i18n/house.${language}.json`, 'utf8')),
	);
	const silent = [...raised].filter((kind) => known.some((words) => !(`alert_kind.${kind}` in words)));
	ok(raised.size >= 11 && silent.length === 0, `${raised.size} kinds of alerts have words in both languages`, silent);
	sql("SELECT crm._alert('ingest.silence', 'words', '{}'), crm._alert('outbox.dead', 'words', '{}')");
	for (const [language, said] of [
		['zh-CN', '来源长时间没有数据'],
		['en', 'a source that went silent'],
	]) {
		const page = await open(browser, 'headquarters', {language});
		await visit(page, '#/board');
		const line = await page.textContent('main li:has-text("告警"), main li:has-text("alerts")');
		ok(
			line.includes(said) && !/ingest\.|outbox\./.test(line),
			`${language}: the board says what the alert is`,
			line,
		);
		await page.context().close();
	}
	sql("SELECT crm._alert_close('ingest.silence', 'words'), crm._alert_close('outbox.dead', 'words')");
}

// What a preset does is said before it is copied, for each of them in both languages.
export async function presetsToldFirst(browser) {
	for (const language of ['zh-CN', 'en']) {
		const page = await open(browser, 'marketer', {language});
		await visit(page, '#/flows/new');
		const told = {};
		for (const preset of await page.$$eval('#preset option', (all) => all.map((one) => one.value))) {
			if ((await page.inputValue('#preset')) !== preset) {
				// what is waited for is of this one
				await page.evaluate(() => document.querySelector('main dl').replaceChildren());
				await page.selectOption('#preset', preset);
			}
			await page.waitForSelector('main dl dd');
			told[preset] = await page.textContent('main dl');
		}
		ok(
			/90/.test(told.win_back) &&
				/3/.test(told.win_back) &&
				/微信|WeChat/.test(told.win_back) &&
				Object.values(told).every((words) => words.length > 5 && !/[a-z]+_[a-z]+|undefined|\{/.test(words)),
			`${language}: what a preset does is said before it is copied`,
			told,
		);
		await judge(page, `preset told ${language}`);
		ok(page.errors.length === 0, 'the console was quiet', page.errors);
		await page.context().close();
	}
}
