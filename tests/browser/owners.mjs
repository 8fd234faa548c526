// Whose customer it is: found by pinyin, taken, listed, given on by a manager; what was ticked off or redeemed by
// mistake is taken back.
import {judge, ok, open, read, send, visit} from './harness.mjs';

export async function pinyin(browser) {
	const page = await open(browser, 'clerk');
	const names = async (typed) => {
		await page.evaluate(() => document.querySelector('main [aria-live]').replaceChildren());
		await page.fill('#text', typed);
		await page.click('main button[type=submit]');
		await page.waitForSelector('main h2, main :text("没有找到")');
		return [...new Set(await page.$$eval('main h2', (all) => all.map((one) => one.textContent)))].join(' ');
	};
	for (const typed of ['wangfang', 'WangF', 'wf', 'wang fang'])
		ok((await names(typed)) === '王**', `${typed} finds 王芳`);
	ok((await names('wf 0010')) === '王**' && (await names('fang 0012')) === '', 'and digits narrow it');
	ok((await names('xyzw')) === '', 'nobody is read so');
	await page.context().close();
}

export async function owners(browser) {
	const clerk = await open(browser, 'clerk');
	const {
		body: {customer_id: person},
	} = await send(clerk, 'enrol', {name: '跟进', phone: '13655550077', consents: []});
	await visit(clerk, `#/person/${person}`);
	await clerk.click('#owner button:text("我来跟进")');
	await clerk.waitForSelector('#owner strong:text("clerk clerk")');
	await clerk.click('#toast button:text("撤销")');
	await clerk.waitForSelector('#owner :text("还没有人跟进")');
	ok(true, 'a clerk takes whom nobody looks after, and takes it back');
	await clerk.click('#owner button:text("我来跟进")');
	await clerk.waitForSelector('#owner strong:text("clerk clerk")');
	await judge(clerk, 'person with an owner');
	await send(clerk, `persons/${person}/tasks`, {title: '送样品', due_on: '2020-01-02'});
	for (const list of ['all', 'due', 'quiet']) {
		await visit(clerk, `#/owned/${list}`);
		await clerk.waitForSelector('main table, main p.faint');
		ok(
			(await clerk.$$(`main a[href="#/person/${person}"]`)).length === (list === 'quiet' ? 0 : 1),
			`the list ${list} is right`,
		);
	}
	await judge(clerk, 'owned small zh-CN light');
	// ticked off by mistake
	await visit(clerk, '#/tasks');
	const line = 'main li:has-text("送样品")';
	await clerk.click(`${line} button >> nth=0`);
	await clerk.waitForSelector(line, {state: 'detached'});
	await clerk.click('#toast button:text("撤销") >> nth=-1');
	await clerk.waitForSelector(line);
	const left = await read(clerk, 'tasks?limit=100');
	ok(
		left.body.items.filter((task) => task.title === '送样品').length === 1,
		'what was ticked off by mistake is open again',
	);
	ok(clerk.errors.length === 0, 'quietly', clerk.errors);
	const manager = await open(browser, 'store_manager', {size: 'desk'});
	await visit(manager, `#/person/${person}`);
	await manager.focus('#heir');
	await manager.waitForSelector('#heir option[value=STORE_MANAGER]', {state: 'attached'});
	let given = 0;
	manager.on('request', (request) => {
		if (request.method() === 'PUT') given++;
	});
	for (let n = 0; n < 2; n++) await manager.keyboard.press('ArrowDown');
	await manager.selectOption('#heir', 'STORE_MANAGER');
	await manager.waitForTimeout(200);
	ok(given === 0, 'who goes through the names by the arrow keys has given nothing yet', given);
	await manager.click('#owner button:text-is("交给")');
	await manager.waitForSelector('#owner strong:text("store_manager store_manager")');
	ok(
		(await send(clerk, `persons/${person}/owner`, {staff: 'CLERK'}, 'PUT')).status === 409,
		'a manager gives the customer to somebody; the clerk cannot take them from there',
	);
	ok(
		(await read(manager, 'owned?staff=STORE_MANAGER')).body.items.some((one) => one.customer_id === person),
		'and they are in the other list',
	);
	ok((await read(clerk, 'owned?staff=STORE_MANAGER')).status === 403, 'which a clerk does not see');
	ok(manager.errors.length === 0, "the manager's console is quiet", manager.errors);
	await manager.context().close();
	await clerk.context().close();
}
