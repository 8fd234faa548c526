// A marketer's work: an audience from phrases with the count beside, flows, tags, tiers and coupons; nothing typed lost,
// hostile names shown as they are.
import {judge, ok, open, visit} from './harness.mjs';

const text = (page, what) => page.waitForSelector(`:is(main, #toast) :text("${what}")`);
const hostile = '<img src=x onerror=alert(1)>"\'&{{7*7}}';
const counted = (page) => page.waitForFunction(() => document.querySelector('aside [role=status] .big') && !document.querySelector('aside [aria-busy]'));
const count = async (page) => { await counted(page); return Number((await page.textContent('aside .big')).replace(/\D/g, '')); };

// The question put to the database by other means than the editor's words.
const asked = (page, rule) => page.evaluate(async (given) => (await (await fetch('/api/v1/rules/preview', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({rule: given})})).json()).persons, rule);

async function add(page, phrase, within = '.rule > fieldset > .add') {
	await page.selectOption(`${within} select`, phrase);
	await page.click(`${within} button >> nth=0`);
}

export async function audiences(browser) {
	const page = await open(browser, 'marketer');
	await visit(page, '#/audiences/new');
	const everybody = await count(page);
	await add(page, 'bought');
	ok(await page.evaluate(() => document.activeElement.closest('li') !== null), 'what was added has the focus');
	await text(page, '请填完空格');
	await page.waitForSelector('.parts li select[aria-label="取值"] option[value=cake]', {state: 'attached'});
	await page.selectOption('.parts li select[aria-label="取值"]', 'cake');
	await page.selectOption('.parts li select[aria-label="时间"]', 'last');
	await page.fill('.parts li input[aria-label="数值"]', '40');
	await page.waitForFunction(() => /剩 \d/.test(document.querySelector('.effect').textContent));
	const cake = {kind: 'item', where: {category: 'cake'}, days: 40};
	ok(await count(page) === await asked(page, cake) && await count(page) < everybody, 'the count is the database\'s');
	await add(page, 'last');
	await page.fill('.parts > li:nth-child(2) input[aria-label="数值"]', '1');
	await page.fill('.parts > li:nth-child(2) input[aria-label="至"]', '20');
	const last = {kind: 'purchase', measure: 'last', op: 'between', value: [1, 20]};
	await page.waitForFunction(() => /剩 \d/.test(document.querySelectorAll('.effect')[1].textContent));
	const both = await asked(page, {all: [cake, last]});
	ok(await count(page) === both, 'two conditions together');
	ok((await page.textContent('.parts > li:nth-child(2) .effect')).includes(`剩 ${both} 人`), 'each condition says how many it leaves');
	// a group within, by keyboard alone
	await page.focus('.rule > fieldset > .add button >> nth=1');
	await page.keyboard.press('Enter');
	await page.selectOption('.parts > li:nth-child(3) select[aria-label="怎样组合"]', 'none');
	await add(page, 'tier', '.parts > li:nth-child(3) .add');
	await page.check('.parts .parts input[type=checkbox] >> nth=2');
	await add(page, 'consent', '.parts > li:nth-child(3) .add');
	await page.selectOption('.parts .parts > li:nth-child(2) select[aria-label="取值"]', 'email');
	const whole = {all: [cake, last, {not: {any: [{kind: 'value', field: 'tier', value: 'B'}, {kind: 'consent', field: 'email', value: 'yes'}]}}]};
	await page.waitForFunction(() => /剩 \d/.test(document.querySelectorAll('.parts > li:nth-child(3) .effect')[0].textContent));
	ok(await count(page) === await asked(page, whole), 'a group within');
	for (const size of [360, 390, 768, 1280]) {
		await page.setViewportSize({width: size, height: 800});
		await judge(page, `audience editor ${size}`);
	}
	await page.click('.parts > li:nth-child(2) > .phrase button');
	await page.waitForFunction(() => document.querySelectorAll('.rule > fieldset > .parts > li').length === 2);
	await page.click('#toast button:text("撤销")');
	await page.waitForFunction(() => document.querySelectorAll('.rule > fieldset > .parts > li').length === 3);
	ok(await page.inputValue('.parts > li:nth-child(2) input[aria-label="至"]') === '20', 'what was taken away comes back as it was, where it was');
	// left and opened again: nothing typed is lost
	await page.fill('#name_zh', hostile);
	await page.reload();
	await page.waitForSelector('#name_zh');
	ok(await page.inputValue('#name_zh') === hostile && (await page.$$('.rule > fieldset > .parts > li')).length === 3, 'a reload loses nothing that was typed');
	await page.click('main button[type=submit]');
	await page.waitForFunction(() => /#\/audiences\/audience_/.test(location.hash) && document.querySelector('h1 .tag'));
	const address = await page.evaluate(() => location.hash);
	ok((await page.textContent('h1')).includes(hostile) && (await page.$$('main img')).length === 0, 'a hostile name is a name, and runs nothing');
	const kept = await page.evaluate(async (code) => (await (await fetch('/api/v1/segments')).json()).items.find((row) => row.segment === code).rule, address.split('/')[2]);
	ok(await asked(page, kept) === await asked(page, whole), 'what was kept means the same', kept);
	await judge(page, 'audience');
	await visit(page, address.replace('audiences/', 'audiences/edit/'));
	ok((await page.$$('.rule code')).length === 0 && (await page.$$('.rule > fieldset > .parts > li')).length === 3, 'and is read back as phrases');
	await visit(page, address);
	await page.click('main button:text("删除")');
	await page.waitForFunction(() => location.hash === '#/audiences');
	await page.click('#toast button:text("撤销")');
	await page.waitForFunction((back) => location.hash === back, address);
	ok(true, 'a deleted audience comes back');
	ok(page.errors.length === 0, 'the console was quiet over an audience', page.errors);
	await page.context().close();
}

// Two audiences, their overlap, and a list as a file.
export async function overlaps(browser) {
	const page = await open(browser, 'marketer', {size: 'desk', language: 'en', theme: 'dark'});
	const codes = await page.evaluate(async () => {
		const rules = {overlap_one: {kind: 'purchase', measure: 'last', op: '<=', value: 40}, overlap_two: {kind: 'person', field: 'store', value: 'S1'}};
		for (const [code, rule] of Object.entries(rules))
			await fetch(`/api/v1/segments/${code}`, {method: 'PUT', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({name_zh: `=${code}`, rule, kind: 'static'})});
		return Object.keys(rules);
	});
	await visit(page, '#/audiences');
	await judge(page, 'audiences en dark');
	await page.selectOption('#overlap_a', codes[0]);
	await page.selectOption('#overlap_b', codes[1]);
	await page.click('button:text("Compare")');
	const both = await asked(page, {all: [{kind: 'purchase', measure: 'last', op: '<=', value: 40}, {kind: 'person', field: 'store', value: 'S1'}]});
	await text(page, `${both} persons are in both`);
	ok(true, 'the overlap is the database\'s');
	await visit(page, `#/audiences/${codes[1]}`);
	await page.waitForSelector('main li a');
	const [file] = await Promise.all([page.waitForEvent('download'), page.click('button:text("Export CSV")')]);
	const content = await (await import('node:fs/promises')).readFile(await file.path(), 'utf8');
	ok(content.split('\r\n').length - 2 === await asked(page, {kind: 'person', field: 'store', value: 'S1'}) && /\*\*/.test(content) && !/1391234\d{4}/.test(content), 'the file holds the members as they are shown: masked', content.slice(0, 200));
	await judge(page, 'audience en dark');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}
