// A complaint from the note to the customer's stars: it stands in the list of who has to take it, is answered,
// settled, opened again; a marketer leaves out who has an open one.  A deal from the customer's page to the
// signature.
import {judge, ok, open, read, send, settled, visit, sql} from './harness.mjs';

const said = '蛋糕送到时已经塌了';
const gone = (route) =>
	route.fulfill({status: 404, contentType: 'application/problem+json', body: '{"status": 404, "detail": "gone"}'});

export async function complaints(browser) {
	const clerk = await open(browser, 'clerk');
	const {
		body: {customer_id: person},
	} = await send(clerk, 'enrol', {name: '秦明', phone: '13655550088', consents: []});
	await visit(clerk, `#/person/${person}`);
	await clerk.selectOption('#outcome', 'complaint');
	await clerk.fill('#body', said);
	await clerk.click('form:has(#outcome) button[type=submit]');
	await clerk.waitForSelector(`section a:text("${said}")`);
	ok(
		(await clerk.$$(`main li:has-text("${said}")`)).length >= 2,
		'a note with the outcome complaint is an open ticket, on the card and in the timeline',
	);
	ok((await clerk.$$(`main a:text("${said}")`)).length === 1, 'one link leads to it');
	await judge(clerk, 'person with a complaint');
	await taken(browser, person);
	const reopened = await open(browser, 'store_manager', {size: 'desk'});
	await visit(reopened, '#/tickets');
	await reopened.waitForSelector(`main td a:text("${said}")`);
	await judge(reopened, 'tickets desk zh-CN light');
	await reopened.click(`main td a:text("${said}")`);
	await reopened.waitForSelector('h2:text("处理过程")');
	ok((await reopened.textContent('main')).includes('重新处理'), 'what was opened again is with the store manager');
	const marketer = await open(browser, 'marketer', {size: 'desk'});
	ok(
		(await send(marketer, 'rules/preview', {rule: {kind: 'open_ticket', where: {kind: 'complaint'}}})).body
			.persons >= 1,
		'a marketer can leave out who has an open complaint',
	);
	ok(
		(await read(marketer, `persons/${person}/tickets`)).status === 403 &&
			(await read(marketer, 'tickets')).status === 403,
		'and reads none',
	);
	ok(clerk.errors.length + reopened.errors.length === 0, 'the consoles are quiet', [clerk.errors, reopened.errors]);
	await Promise.all([clerk, reopened, marketer].map((page) => page.context().close()));
}

async function taken(browser, person) {
	const desk = await open(browser, 'service', {language: 'en', theme: 'dark'});
	await visit(desk, '#/tasks/mine');
	await desk.click(`main li a:has-text("${said}")`);
	await desk.waitForSelector('h2:text("What happened")');
	await judge(desk, 'ticket small en dark');
	const address = await desk.evaluate(() => location.hash);
	await desk.fill('#body', 'sorry, a new one is on its way');
	await desk.reload();
	await settled(desk);
	await desk.waitForSelector('#body');
	ok((await desk.inputValue('#body')) === 'sorry, a new one is on its way', 'a reload loses nothing that was typed');
	await desk.check('input[name=waiting]');
	await desk.click('form:has(#body) button[type=submit]');
	await desk.waitForSelector('h1 .tag:text("waiting for the customer")');
	await desk.fill('#resolution', 'replaced');
	await desk.click('form:has(#resolution) button[type=submit]');
	await desk.waitForSelector('h1 .tag:text("settled")');
	await desk.route('**/stars', gone);
	await desk.click('button:text("2 ★")');
	await desk.waitForFunction(() => document.getElementById('toast').textContent.includes('Nothing was found'));
	await desk.unroute('**/stars');
	await desk.click('button:text("2 ★")');
	await desk.waitForSelector('button[aria-pressed=true]:text("2 ★")');
	await judge(desk, 'settled ticket small en dark');
	ok(
		(await read(desk, 'tasks?list=mine&limit=100')).body.items.every((task) => task.title !== said),
		'what is settled is no task any more',
	);
	await desk.fill('#reason', 'the new one is broken, too');
	await desk.click('form:has(#reason) button[type=submit]');
	await desk.waitForSelector('h1 .tag:text("in progress")');
	await visit(desk, `#/tickets/new/${person}`);
	await desk.waitForSelector('#topic');
	await judge(desk, 'new ticket small en dark');
	await desk.selectOption('#topic', 'membership');
	await desk.fill('#body', 'where are my points');
	await desk.click('main button[type=submit]');
	await desk.waitForSelector('h1:text("where are my points")');
	ok((await desk.evaluate(() => location.hash)) !== address, 'a new one opens on its own page');
	ok(desk.errors.length === 0, "the desk's console is quiet", desk.errors);
	await desk.context().close();
}

// A tap that failed says so in the page's language; two taps at once are one.
async function taps(page) {
	await page.route('**/move', gone);
	await page.click('button:text("→ 初步沟通")');
	ok(
		(await page.waitForSelector('#toast :text("没有找到")').catch(() => null)) !== null,
		"a tap that failed says so in the page's words",
		await page.textContent('#toast'),
	);
	await page.unroute('**/move');
	let moves = 0;
	page.on('request', (request) => {
		moves += request.url().endsWith('/move') ? 1 : 0;
	});
	await page.dblclick('button:text("→ 初步沟通")');
	await page.waitForSelector('h1 .tag:text("初步沟通")');
	ok(moves === 1, 'tapped twice, moved once', moves);
}

export async function deals(browser) {
	const clerk = await open(browser, 'clerk');
	const {
		body: {customer_id: person},
	} = await send(clerk, 'enrol', {name: '宋江', phone: '13655550099', consents: []});
	await visit(clerk, `#/person/${person}`);
	await clerk.click('main a:text("新建商机")');
	await clerk.waitForSelector('#pipeline');
	await judge(clerk, 'new deal small zh-CN light');
	await clerk.selectOption('#pipeline', 'consult');
	await clerk.fill('#title', '婚礼蛋糕');
	await clerk.type('#amount', '88-00');
	await clerk.click('main button[type=submit]');
	ok(
		(await clerk.waitForSelector('[role=alert]:text("金额请写成")').catch(() => null)) !== null,
		'an amount that is no number is not left out in silence',
		await clerk.textContent('h1'),
	);
	await clerk.fill('#amount', '8800');
	await clerk.check('input[name=important]');
	await clerk.click('main button[type=submit]');
	await clerk.waitForSelector('h1 .tag:text("线索获取")');
	await judge(clerk, 'deal small zh-CN light');
	await taps(clerk);
	ok(
		(await clerk.isDisabled('button:text("→ 方案演示")')) &&
			(await clerk.textContent('main .warn')).includes('顾客需求清单'),
		'what the stage asks for is said before one taps',
	);
	ok(
		(
			await send(
				clerk,
				`${(await clerk.evaluate(() => location.hash)).replace('#/deals/one', 'persons').replace(/\/(\d+)$/, '/deals/$1')}/move`,
				{stage: 'proposal'},
			)
		).body.code === 'RM876',
		'and kept by the database, whatever a page sends',
	);
	for (const [what, title] of [
		['minutes', '沟通纪要一'],
		['needs', '需求清单一'],
	]) {
		await clerk.selectOption('#evidence', what);
		await clerk.fill('#title', title);
		await clerk.fill('#url', `https://files.example/${what}.pdf`);
		await clerk.click('form:has(#url) button[type=submit]');
		await clerk.waitForSelector(`main a:text("${title}")`);
	}
	await clerk.click('button:text("→ 方案演示")');
	await clerk.waitForSelector('h1 .tag:text("方案演示")');
	await clerk.click('button:text("→ 未成交")');
	ok((await clerk.textContent('h1')).includes('方案演示'), 'lost needs the reason');
	ok(clerk.errors.length === 0, "the clerk's console is quiet", clerk.errors);
	const manager = await open(browser, 'store_manager', {size: 'desk', language: 'en', theme: 'dark'});
	await visit(manager, '#/deals');
	await manager.waitForSelector('main td a:text("婚礼蛋糕")');
	await judge(manager, 'deals desk en dark');
	await manager.click('main td a:text("婚礼蛋糕")');
	await manager.waitForSelector('h1 .tag:text("proposal")');
	// prices by quantity, from what the customer bought
	const [, who] = (await manager.evaluate(() => location.hash)).match(/one\/(\d+)/);
	sql(
		'SELECT (crm.ingest_product(\'till\', convert_to(\'{"external_id": "WEDDING", "name": "喜饼", "list_price": "10.00"}\', \'UTF8\'))).code',
	);
	sql(`SELECT (crm.ingest_order('till', convert_to(jsonb_build_object('external_id', 'WED-1', 'member_external_id', r.external_id, 'member_source', s.code, 'ordered_at', crm.core_now(), 'store_code', 'S1', 'amount', '380.00',
		'items', jsonb_build_array(jsonb_build_object('line_key', '1', 'product_code', 'WEDDING', 'quantity', 40, 'unit_price', '9.50')))::text, 'UTF8'))).code
		FROM crm.membership m JOIN crm.source_record r USING (source_record_id) JOIN crm.source s USING (source_id) WHERE m.customer_id = ${who} AND m.valid_to = 'infinity' AND r.kind = 'member' LIMIT 1`);
	await manager.click('summary:text("Prices by quantity")');
	await manager.waitForSelector('#price_product option[value="WEDDING"]', {state: 'attached'});
	await manager.selectOption('#price_product', 'WEDDING');
	await manager.waitForSelector('details tbody tr');
	ok(
		(
			await manager.$$eval('details.card tbody tr', (rows) =>
				rows.map((row) => row.innerText.split('\t').slice(0, 2).join(' ')),
			)
		).join(', ') === '40 ¥9.50, 60 ¥9.22, 80 ¥9.03, 100 ¥8.74',
		'prices to propose, of what they usually buy',
		await manager.textContent('details.card'),
	);
	await judge(manager, 'prices of a deal desk en dark');
	await manager.fill('#reason', 'too dear');
	await manager.click('button:text("→ lost")');
	await manager.waitForSelector('h1 .tag:text("lost")');
	await visit(manager, '#/deals/won/consult');
	await judge(manager, 'won deals desk en dark');
	ok(manager.errors.length === 0, "the manager's console is quiet", manager.errors);
	await Promise.all([clerk, manager].map((page) => page.context().close()));
}

// What service wrote is found by its words, stands beside a ticket that asks for it, and becomes the answer.
export async function knowledge(browser) {
	const desk = await open(browser, 'service', {size: 'desk'});
	await visit(desk, '#/knowledge/new');
	await desk.fill('#title', '生日蛋糕怎么预订');
	await desk.fill('#body', '提前两天在门店或小程序预订，可写祝福语。');
	await desk.selectOption('#topic', 'product');
	await judge(desk, 'writing an article');
	await desk.click('form:has(#title) button[type=submit]');
	await desk.waitForSelector('main li a:text("生日蛋糕怎么预订")');
	await desk.fill('#words', '祝福语');
	await desk.waitForSelector('main li a:text("生日蛋糕怎么预订")');
	await desk.fill('#words', '停车场');
	await desk.waitForSelector('main p:text("没有找到")');
	ok(true, 'an article is found by its words, by no others');
	await judge(desk, 'articles');
	const {
		body: {customer_id: person},
	} = await send(desk, 'enrol', {name: '许晴', phone: '13655550077', consents: []});
	const clerk = person ? desk : await open(browser, 'clerk');
	const who =
		person || (await send(clerk, 'enrol', {name: '许晴', phone: '13655550077', consents: []})).body.customer_id;
	const {body: ticket} = await send(clerk, `persons/${who}/tickets`, {
		topic: 'product',
		channel: 'call',
		body: '想给孩子预订生日蛋糕',
	});
	await visit(clerk, `#/tickets/one/${who}/${ticket.ticket_id}`);
	await clerk.click('summary:text("生日蛋糕怎么预订")');
	await clerk.click('button:text("用它回复")');
	ok((await clerk.inputValue('#body')).startsWith('提前两天'), 'an article that fits becomes the answer');
	await judge(clerk, 'a ticket with an article');
	await clerk.click('form:has(#body) button[type=submit]');
	await clerk.waitForSelector('main li:has-text("提前两天在门店")');
	await visit(desk, '#/knowledge');
	ok(
		/1/.test(await desk.textContent('section:has(h2:text("命中率")) tbody tr:first-child td:nth-child(4)')),
		'and counts in the hit rate',
	);
	ok(desk.errors.length + clerk.errors.length === 0, 'the consoles are quiet', [desk.errors, clerk.errors]);
	if (clerk !== desk) await clerk.context().close();
	await desk.context().close();
}
