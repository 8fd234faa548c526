// What a chain sets up by itself: an operations manager who was shown nothing follows what the page says to a tier
// rule and a running flow; fields, flows and charts change without a restart, and who changed what is told, laid side
// by side and taken back.
import {judge, ok, open, read, send, sql, visit} from './harness.mjs';

const undo = (page) => page.click('#toast p:last-child button');
export const spoken = {
	'zh-CN': {quotes: /「([^」]+)」/g, done: '完成了', reads: 200, undo: '撤销'},
	en: {quotes: /“([^”]+)”/g, done: 'Done', reads: 600, undo: 'Undo'},
};

// The control that the words name, as somebody looks for it: a link or a button that says so, else the field of this
// label.
export async function control(page, name) {
	for (let turn = 0; turn < 300; turn++, await page.waitForTimeout(200))
		for (const found of [
			page.locator(':is(header nav, main, #guide) a').getByText(name, {exact: true}),
			page.locator(':is(main, #guide)').getByRole('button', {name, exact: true}),
			page.locator('main').getByLabel(name, {exact: true}),
		])
			for (let i = 0; i < (await found.count()); i++) if (await found.nth(i).isVisible()) return found.nth(i);
	throw new Error(`the guide names "${name}", and nothing on ${page.url()} is called so`);
}

// Does what the guide says until it says that all is done, and nothing else; answers with what that took.
async function follow(page, language) {
	const {quotes, done} = spoken[language];
	const took = {touched: 0, signs: 0};
	for (let turn = 0; turn < 30; turn++) {
		const said = await page.textContent('#guide p');
		took.signs += said.length;
		if (said.startsWith(done)) return took;
		const [name, value] = [...said.matchAll(quotes)].map(([, inside]) => inside);
		const one = await control(page, name),
			kind = await one.evaluate((element) => element.tagName);
		if (kind === 'SELECT') await one.selectOption({label: value});
		else if (kind === 'INPUT') {
			await one.fill(value);
			await one.press('Tab');
		} else await one.click();
		took.touched++;
		await page
			.waitForFunction((before) => document.querySelector('#guide p').textContent !== before, said)
			.catch(() => {
				throw new Error(`the guide went on saying: ${said}`);
			});
	}
	throw new Error(`no end after thirty steps: ${await page.textContent('#guide p')}`);
}

// From the first page to a changed tier rule and a running flow. Nobody is timed here: minutes are what reading at
// the speed of a slow reader and half a minute to find and use each control add up to.
async function learned(browser, language) {
	const page = await open(browser, 'headquarters', {size: language === 'en' ? 'desk' : 'small', language});
	const tiers = async () => (await read(page, 'tier-sets')).body.items.find((set) => set.is_active);
	const before = await tiers(),
		flows = (await read(page, 'flows')).body.items.length;
	await page.click('nav a[href="#/start"]');
	await page.waitForSelector('#begin_tier');
	await judge(page, `first steps ${language}`);
	let signs = (await page.textContent('main')).length,
		touched = 1;
	for (const name of ['tier', 'flow']) {
		await page.click(`#begin_${name}`);
		await page.waitForSelector('#guide');
		if (name === 'flow') await judge(page, `guide ${language}`);
		const took = await follow(page, language);
		signs += took.signs;
		touched += took.touched + 2;
		await page.click('#guide a');
		await page.waitForSelector('#begin_flow');
	}
	const after = await tiers(),
		made = (await read(page, 'flows')).body.items;
	ok(
		after.version === before.version + 1 && after.rules[0].conditions[0].days === 60,
		`${language}: who follows the page has changed a tier rule`,
		after.rules[0],
	);
	const flow = made.at(-1);
	ok(
		made.length === flows + 1 && flow.state === 'active' && flow.spec.holdout_percent === 20,
		'and a flow of their own is running',
		flow,
	);
	const minutes = signs / spoken[language].reads + touched * 0.5;
	console.log(
		`# ${language}: ${touched} interactions, ${signs} signs to read: ${Math.round(minutes)} minutes at half a minute an interaction and ${spoken[language].reads} signs a minute`,
	);
	ok(touched <= 24 && minutes < 30, 'in less than half an hour of a slow beginner', {touched, minutes});
	ok(
		(await page.textContent('main')).includes('✓') && (await page.$('#guide')) === null,
		'the first page shows what is done, the guide is gone',
	);
	await send(page, `flows/${flow.flow}/stop`, {});
	await send(page, `tier-sets/${before.tier_set}`, {name: before.name, rules: before.rules}, 'PUT');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

export async function firstSteps(browser) {
	for (const language of ['zh-CN', 'en']) await learned(browser, language);
	await strayed(browser);
}

// Mistakes are led back: a gap says what to do, what is empty is said, a reload keeps the step, who leaves is let go.
async function strayed(browser) {
	const page = await open(browser, 'marketer');
	await visit(page, '#/start');
	await page.click('#begin_tier');
	await page.click('nav a[href="#/tiers"]');
	await page.waitForSelector('#days_1_1.guided');
	await page.fill('#days_1_1', '');
	await page.press('#days_1_1', 'Tab');
	await page.waitForSelector('aside [role=status] .warn');
	ok(
		(await page.textContent('#guide')).includes('第 2 步'),
		'an empty number is no step',
		await page.textContent('#guide'),
	);
	await page.fill('#days_1_1', '45');
	await page.press('#days_1_1', 'Tab');
	await page.waitForSelector('#guide :text("第 3 步")');
	await page.fill('#value_7_1', '1');
	await page.waitForSelector('#guide :text("有漏洞")');
	ok(
		(await page.textContent('aside .gap')).includes('这样的顾客没有等级'),
		'a gap is shown, and how to go on is said',
	);
	await page.fill('#value_7_1', '0');
	await page.waitForSelector('#guide :text("点「保存」")');
	await page.reload();
	await page.waitForSelector('#guide :text("第 3 步")');
	ok((await page.inputValue('#days_1_1')) === '45', 'a reload keeps the step, and what was typed');
	await page.click('#guide button');
	ok((await page.$('#guide')) === null && (await page.$('.guided')) === null, 'who wants no guide has none');
	await page.click('main button:text("放弃")');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

const story = async (page) => {
	await page.click('details.versions summary');
	await page.waitForSelector('details.versions ol li');
	return page.$$eval('details.versions ol li', (all) => all.map((one) => one.innerText.replace(/\s+/g, ' ')));
};

// A field of the house: added on the page, in the clerk's form a moment later, renamed, and back.
export async function ownFields(browser) {
	const page = await open(browser, 'headquarters');
	await visit(page, '#/forms/clerk');
	await page.click('#field_new');
	await page.click('#own_fields form button[type=submit]');
	await page.waitForFunction(() => document.querySelector('#own_fields [role=alert]').textContent !== '');
	ok((await page.evaluate(() => document.activeElement.id)) === 'code', 'what is missing is said at its field');
	await page.fill('#code', 'shoe');
	await page.fill('#name_zh', '鞋码');
	await page.selectOption('#own_fields #type', 'option');
	await page.fill('#options', '38\n39');
	await judge(page, "a field of one's own");
	await page.click('#own_fields form button[type=submit]');
	await page.waitForSelector('#own_fields button:text-is("鞋码")');
	ok((await page.$('#more option[value="custom.shoe"]')) !== null, 'a new field can be put into a form at once');
	await page.click('#own_fields button:text-is("鞋码")');
	await page.fill('#name_zh', '鞋子尺码');
	await page.click('#own_fields form button[type=submit]');
	await page.click('#own_fields button:text-is("鞋子尺码")');
	await page.click('#own_fields details.versions summary');
	await page.waitForSelector('#own_fields .versions li');
	const told = await page.$$eval('#own_fields .versions li', (all) =>
		all.map((one) => one.innerText.replace(/\s+/g, ' ')),
	);
	ok(
		told.length === 2 &&
			told[0].includes('第 2 版 现用') &&
			told[0].includes('headquarters headquarters') &&
			told[0].includes('中文名 鞋码 鞋子尺码'),
		'who changed it when, and what, is told',
		told,
	);
	await judge(page, 'versions of a field');
	await page.click('#own_fields .versions li button:text("恢复")');
	await page.waitForSelector('#own_fields button:text-is("鞋码")');
	await undo(page);
	await page.waitForSelector('#own_fields button:text-is("鞋子尺码")');
	ok(true, 'an earlier version comes back, and goes again');
	const {
		body: {items},
	} = await read(page, 'custom-fields/shoe/versions?against=1');
	ok(
		items[0].version === 4 &&
			items[0].back_to === 2 &&
			items[0].changed_by === 'HEADQUARTERS' &&
			items[0].changes.some((one) => one.path === 'name_zh' && one.was === '鞋码' && one.became === '鞋子尺码'),
		'over HTTP, too, beside any version',
		items[0],
	);
	const codes = await Promise.all([
		read(page, 'custom-fields/none/versions'),
		read(page, 'custom-fields/shoe/versions?against=9'),
		send(page, 'custom-fields/shoe/revert', {version: 9}),
		send(page, 'custom-fields/shoe/revert', {}),
		send(page, 'custom-fields/Shoe', {type: 'text', name_zh: 'x'}, 'PUT'),
	]);
	ok(
		codes.map((one) => one.status).join() === '404,404,404,404,422',
		'what is not there is not found, what is no field is refused',
		codes,
	);
	const clerk = await open(browser, 'clerk');
	ok(
		(await send(clerk, 'custom-fields/x', {type: 'text', name_zh: 'x'}, 'PUT')).status === 403 &&
			(await read(clerk, 'custom-fields')).status === 403,
		'a clerk changes none',
	);
	await clerk.context().close();
	sql("DELETE FROM crm.custom_field_version WHERE code = 'shoe'; DELETE FROM crm.custom_field WHERE code = 'shoe'");
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A flow's versions are said as its form says them: no codes, rules as sentences, texts as texts; one is taken back.
export async function flowVersions(browser) {
	const page = await open(browser, 'marketer', {size: 'desk'});
	await send(page, 'flow-presets/win_back/flows/t_versions', {});
	const kept = async () => (await read(page, 'flows')).body.items.find((row) => row.flow === 't_versions');
	const {spec} = await kept();
	await send(
		page,
		'flows/t_versions',
		{
			holdout_percent: 25,
			channels: ['sms'],
			who: {
				all: [
					{kind: 'purchase', measure: 'count', op: '>=', value: 3},
					{kind: 'value', field: 'tier', value: 'B'},
				],
			},
		},
		'PATCH',
	);
	await send(page, 'flows/t_versions/texts', {step: 1, channel: 'sms', body: '{{name}}，新的一句，退订回T'}, 'PUT');
	await visit(page, '#/flows/t_versions');
	const told = await story(page);
	const all = told.join(' ');
	ok(
		told.length >= 3 &&
			all.includes('marketer marketer') &&
			all.includes('对照组 % 10 25') &&
			all.includes('新的一句') &&
			/消费 至少 3 次/.test(all) &&
			/B 待唤醒/.test(all),
		'what changed is said as the form says it',
		told,
	);
	ok(!/holdout|purchase|\bwho\b|measure|win_back|t_versions|null/.test(all), 'and in no codes', told);
	await judge(page, 'versions of a flow');
	await page.selectOption('details.versions select', '1');
	await page.waitForFunction(() => document.querySelector('details.versions ol li').innerText.includes('对照组'));
	ok(
		(await page.textContent('details.versions ol li')).includes('25'),
		'any version is laid beside the one that holds',
	);
	await page.click('details.versions button[aria-label="恢复 第 1 版"]');
	await page.waitForSelector('#toast :text("已恢复第 1 版")');
	ok(JSON.stringify((await kept()).spec) === JSON.stringify(spec), 'and taken back as it was', (await kept()).spec);
	await undo(page);
	for (let n = 0; n < 600 && (await kept()).spec.holdout_percent !== 25; n++) await page.waitForTimeout(100);
	const texts = (await read(page, 'flows/t_versions/texts')).body.items;
	ok(
		texts.some((one) => one.body === '{{name}}，新的一句，退订回T'),
		'an undo brings its texts, too',
		texts,
	);
	const seen = await open(browser, 'headquarters', {size: 'desk', language: 'en', theme: 'dark'});
	await visit(seen, '#/flows/t_versions');
	await story(seen);
	await judge(seen, 'versions of a flow en dark');
	ok(page.errors.length + seen.errors.length === 0, 'the consoles were quiet', [page.errors, seen.errors]);
	await Promise.all([page, seen].map((one) => one.context().close()));
}

// A saved chart: saved anew it keeps what it was; with whom it is shared sees that, and takes nothing back.
export async function chartVersions(browser) {
	const page = await open(browser, 'headquarters');
	const {
		body: {report_id: id},
	} = await send(page, 'reports/saved', {
		name: '每月',
		spec: {measure: 'net', group: 'month', days: 90, chart: 'line'},
		roles: ['store_manager'],
	});
	await send(page, 'reports/saved', {
		name: '每月订单',
		spec: {measure: 'orders', group: 'month', days: 365, chart: 'bars'},
		roles: ['store_manager'],
		report_id: id,
	});
	await visit(page, `#/charts/${id}`);
	const [now] = await story(page);
	ok(
		/名称 每月 每月订单/.test(now) &&
			now.includes('折线 条形') &&
			now.includes('最近 90 天 最近 365 天') &&
			!/spec|month|orders/.test(now),
		'what changed in a chart, in words',
		now,
	);
	await judge(page, 'versions of a chart');
	const mine = await open(browser, 'store_manager');
	await visit(mine, `#/charts/${id}`);
	await story(mine);
	ok(
		(await mine.$('details.versions li button')) === null &&
			(await send(mine, `reports/saved/${id}/revert`, {version: 1})).status === 404,
		'with whom it is shared takes nothing back',
	);
	await page.click('details.versions li button');
	await page.waitForSelector('h1:text-is("每月")');
	ok(
		(await read(page, 'reports/saved')).body.items.find((one) => one.report_id === id).spec.measure === 'net',
		'whose it is does',
	);
	await send(page, `reports/saved/${id}`, null, 'DELETE');
	ok(page.errors.length + mine.errors.length === 0, 'the consoles were quiet', [page.errors, mine.errors]);
	await Promise.all([page, mine].map((one) => one.context().close()));
}
