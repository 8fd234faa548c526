// What costs money or tells a customer of another at a counter: an answer that is the last one's, a discount that is
// not this order's, a day that is over, a promise that is not kept.
import {judge, ok, open, quiet, send, sql, visit} from './harness.mjs';

const enrolled = (external, name, phone) =>
	sql(
		`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "${external}", "name": "${name}", "phone": "${phone}", "store_code": "S1"}')`,
	);
const alerts = (page) => page.$$eval('[role=alert]', (all) => all.map((one) => one.textContent).filter(Boolean));

// Who was found goes with the first sign of another, and does not come back when the search fails or is overtaken.
export async function lastOne(browser) {
	enrolled('LAST1', '前一位', '13655590001');
	enrolled('LAST2', '后一位', '13655590002');
	const page = await open(browser, 'clerk');
	const shown = () => page.$$eval('main [aria-live] .card h2', (all) => all.map((one) => one.textContent));
	await page.fill('#text', '13655590001');
	await page.waitForSelector('main .card h2:has-text("前*")');
	await page.fill('#text', '136');
	ok((await shown()).length === 0, 'who was found goes when another is typed', await shown());
	await page.fill('#text', '13655590001');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main .card h2');
	await page.route('**/api/v1/search', (route) =>
		route.fulfill({status: 500, contentType: 'application/problem+json', body: '{"status": 500, "detail": "x"}'}),
	);
	await page.fill('#text', '后一位');
	await page.click('main button[type=submit]');
	await page.waitForFunction(() =>
		[...document.querySelectorAll('[role=alert]')].some((one) => one.textContent !== ''),
	);
	ok(
		(await shown()).length === 0 && !(await page.textContent('main')).includes('正在读取…'),
		'a search that fails shows nobody, and says that it failed',
		await page.textContent('main'),
	);
	await page.unroute('**/api/v1/search');
	let go;
	await page.route('**/api/v1/search', async (route) => {
		await new Promise((resume) => {
			go = resume;
		});
		await route.continue();
	});
	await page.fill('#text', '前一位');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main [aria-live] :text("正在读取…")');
	await page.fill('#text', '13655590002');
	await page.waitForSelector('main .card h2:has-text("后*")');
	go();
	await page.waitForResponse('**/api/v1/search');
	await quiet(page);
	ok(
		(await shown()).length === 1 && (await shown())[0].startsWith('后'),
		'a slow answer to what is no longer asked is not shown, and takes away nothing',
		await shown(),
	);
	await page.fill('#text', '1365559000');
	await page.fill('#text', '13655590002');
	ok(
		(await page.waitForSelector('main .card h2:has-text("后*")').catch(() => null)) !== null,
		'a digit taken out and typed again shows the answer again',
		await shown(),
	);
	ok(page.errors.filter((text) => !/status of 500/.test(text)).length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A number that two hold answers with who took it last, and says who else does: his coupons are not given to her.
export async function sharedPhone(browser) {
	const tell = (external, name, birthday) =>
		sql(
			`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "${external}", "name": "${name}", "phone": "13655590010", "birthday": "${birthday}", "store_code": "S1"}')`,
		);
	const his = tell('SHARED1', '陈国强', '1970-03-04');
	tell('SHARED2', '刘晓洋', '1995-06-07');
	const page = await open(browser, 'clerk');
	await page.fill('#text', '13655590010');
	await page.waitForSelector('main .card h2:has-text("刘")');
	await judge(page, 'find shared phone');
	await page.click('main .card p:has-text("使用这个号码的还有") a:has-text("陈")');
	await page.waitForSelector('main h1:has-text("陈")');
	ok(page.url().endsWith(`/person/${his}`), 'who else has the number is named, and a tap away', page.url());
	await visit(page, '#/find');
	await page.fill('#text', '0010');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main .card h2:has-text("陈")');
	const names = await page.$$eval('main .card h2', (all) => all.map((one) => one.textContent));
	ok(
		names.some((name) => name.startsWith('刘')) && names.some((name) => name.startsWith('陈')),
		'the last four digits find both',
		names,
	);
	await visit(page, '#/enrol');
	await page.fill('#phone', '13655590010');
	await page.fill('#name', '陈国强');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main .warn:text("这个手机号已登记")');
	const other = await page.$('main [aria-live] a:has-text("陈")');
	ok(other !== null, 'who enrols is told of all who hold the number', await page.textContent('main [aria-live]'));
	await judge(page, 'enrol shared phone');
	await page.click('main button[type=submit]');
	await page.waitForFunction(() => location.hash.startsWith('#/person/'));
	const [toast, enrolledAs] = [await page.textContent('#toast p:last-child'), page.url().split('/').at(-1)];
	ok(enrolledAs === his && toast === '已保存', 'who held it before is no other customer', [toast, enrolledAs, his]);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A family whose masked names are one: each is told apart by what may be seen beside the name, and nothing is unmasked.
export async function sameName(browser) {
	const tell = (external, name, birthday, sex, store) =>
		sql(
			`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "${external}", "name": "${name}", "phone": "13655590020", "birthday": "${birthday}", "sex": "${sex}", "store_code": "${store}"}')`,
		);
	const sister = tell('SAME3', '周美玲', '1998-02-02', 'f', 'S2'),
		father = tell('SAME1', '周国强', '1970-03-04', 'm', 'S1'),
		daughter = tell('SAME2', '周晓洋', '1995-06-07', 'f', 'S1');
	ok(new Set([father, daughter, sister]).size === 3, 'three who hold one number');
	const page = await open(browser, 'clerk');
	await page.fill('#text', '13655590020');
	await page.waitForSelector('main .card p:has-text("使用这个号码的还有")');
	const told = async (where) => {
		const text = await page.textContent(where);
		ok(!/国强|晓洋|美玲|1365559\d{4}/.test(text), 'nothing is unmasked', text);
		return text;
	};
	const card = await told('main .card:has(h2) p'),
		tags = await page.$$eval('main .card:has(h2) p:last-child .tag', (all) => all.map((one) => one.textContent));
	ok(
		tags.length === 2 && new Set(tags).size === 2 && card.includes('女') && tags.some((one) => one.includes('男')),
		'who else has the number is told apart by what one sees',
		[card, tags],
	);
	ok(
		!tags.some((one) => one.includes(sql("SELECT name FROM crm.store WHERE code = 'S2'"))),
		"of another store's customer no more is said than on the counter card",
		tags,
	);
	await judge(page, 'find a family of one name');
	await page.fill('#text', '0020');
	await page.click('main button[type=submit]');
	await page.waitForFunction(() => document.querySelectorAll('main .hit').length > 1);
	await told('main');
	const hits = await page.$$eval('main .hit', (all) => all.map((one) => one.textContent));
	ok(new Set(hits).size === hits.length, 'so are lines of a search', hits);
	await visit(page, '#/enrol');
	await page.fill('#phone', '13655590020');
	await page.fill('#name', '周新来');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main .warn:text("这个手机号已登记")');
	ok(
		/男|女/.test(await page.textContent('main [aria-live] .warn')),
		'and who is known already, before a member is saved',
		await told('main [aria-live]'),
	);
	await judge(page, 'enrol into a family of one name');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A redemption again with another amount: the discount is of the first, which is said, and what is to be paid is not
// reckoned from two of them.
export async function repeatedRedeem(browser) {
	const person = enrolled('TWICE', '用两次', '13655590003');
	sql(
		"INSERT INTO crm.coupon_type (coupon_type, name_zh, name_en, kind, value, minimum_amount, valid_days, rank) SELECT 'twice_20', '八折', '20 % off', 'percent', 20, 0, 30, 9 WHERE NOT EXISTS (SELECT FROM crm.coupon_type WHERE coupon_type = 'twice_20')",
	);
	sql(`SELECT crm._loyalty_issue(${person}, 'twice_20', NULL, 'twice', crm.core_now(), 'Asia/Shanghai')`);
	const page = await open(browser, 'clerk');
	await visit(page, `#/person/${person}`);
	await page.click('main a[href^="#/redeem/"]');
	const redeem = async (amount) => {
		await page.fill('#order_external_id', 'TWICE-1');
		await page.fill('#amount', amount);
		await page.click('main button[type=submit]');
		await page.waitForFunction(
			() =>
				!document.querySelector('main button[type=submit]').disabled &&
				document.querySelector('main [aria-live] .card'),
		);
		return page.textContent('main [aria-live]');
	};
	ok((await redeem('100')).includes('应收 ¥80.00'), 'a redemption says what is to be paid');
	const same = await redeem('100');
	ok(
		same.includes('这一单已用过这张券') && same.includes('应收 ¥80.00'),
		'the same again is said to be one, and comes to the same',
		same,
	);
	const other = await redeem('200');
	ok(
		other.includes('已按 ¥100.00') &&
			other.includes('没有按 ¥200.00') &&
			!other.includes('应收') &&
			!other.includes('180'),
		'another amount is said not to be reckoned, and no sum of two orders is shown',
		other,
	);
	await judge(page, 'redeemed before');
	await page.click('main button:text("撤销")');
	await page.waitForSelector('main .good[role=status]');
	ok((await redeem('200')).includes('应收 ¥160.00'), 'taken back, it is reckoned anew');
	await page.fill('#code', 'NOSUCH');
	await page.fill('#order_external_id', 'TWICE-2');
	await page.fill('#amount', '30');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main [role=alert]:text("没有这张券")');
	ok(
		!(await page.textContent('main')).includes('应收'),
		'what the last order had to pay does not stand beside a refusal',
		await page.textContent('main'),
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A day that is over is no next day: the page says so at its field, and so does the database to whoever asks it past
// the page.
export async function pastDay(browser) {
	const person = enrolled('PAST', '昨天', '13655590004');
	for (const [language, said, label] of [
		['zh-CN', '今天或以后', '下次跟进'],
		['en', 'today or a day to come', 'Next contact'],
	]) {
		const page = await open(browser, 'clerk', {language});
		await visit(page, `#/person/${person}`);
		await page.fill('#body', '约好昨天再来');
		await page.fill('#next_on', '2020-01-02');
		let asked = 0;
		page.on('request', (request) => {
			if (request.method() === 'POST') asked++;
		});
		await page.click('form:has(#body) button[type=submit]');
		await page.waitForFunction(() => document.activeElement.id === 'next_on');
		ok(
			(await alerts(page)).some((one) => one.includes(said) && one.includes(label)) &&
				asked === 0 &&
				(await page.inputValue('#body')) === '约好昨天再来',
			`${language}: a day that is over is refused at its field, without asking, and nothing is lost`,
			await alerts(page),
		);
		// a page that was left open over night
		await page.evaluate(() => document.querySelector('#next_on').removeAttribute('min'));
		await page.click('form:has(#body) button[type=submit]');
		await page.waitForFunction(
			() =>
				document.querySelector('#next_on[aria-invalid]') &&
				[...document.querySelectorAll('[role=alert]')].some((one) => one.textContent),
		);
		ok(
			asked === 1 && (await alerts(page)).some((one) => one.includes(said)),
			`${language}: the database refuses it, too, and its answer stands at the field`,
			await alerts(page),
		);
		const answer = await send(page, `persons/${person}/notes`, {channel: 'call', body: 'x', next_on: '2020-01-02'});
		ok(
			answer.status === 422 && answer.body.errors[0].pointer === '/next_on',
			'over HTTP it is a fault of its field',
			answer,
		);
		await page.fill('#title', '送货');
		await page.fill('#due_on', '2020-01-02');
		await page.click('form:has(#title) button[type=submit]');
		await page.waitForFunction(() => document.activeElement.id === 'due_on');
		ok(
			(await alerts(page)).some((one) => one.includes(said)),
			`${language}: nor is it the day of a task`,
			await alerts(page),
		);
		await page.context().close();
	}
	ok(
		sql(
			`SELECT count(*) FROM crm.interaction i JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = ${person}`,
		) === '0',
		'nothing was written',
	);
}

// A phone that is somebody's under another name: what saving does is said before, what it did after.
export async function apart(browser) {
	const person = enrolled('APART1', '钱多多', '13655590005');
	const page = await open(browser, 'clerk');
	const enrol = async (name) => {
		await visit(page, '#/enrol');
		await page.fill('#phone', '13655590005');
		await page.fill('#name', name);
		await page.click('main button[type=submit]');
		await page.waitForSelector('main .warn:text("这个手机号已登记")');
		const said = await page.textContent('main [aria-live]');
		await page.click('main button[type=submit]');
		await page.waitForFunction(() => location.hash.startsWith('#/person/'));
		return [
			said,
			await page.textContent('#toast p:last-child'),
			await page.evaluate(() => location.hash.split('/')[2]),
		];
	};
	const [said, done, other] = await enrol('孙悟空');
	ok(
		said.includes('另登记一位') && done.includes('另登记为一位') && other !== person,
		'who has another name is another customer, which is said before and after',
		[said, done, other, person],
	);
	await visit(page, '#/enrol');
	await page.fill('#phone', '13655590005');
	await page.fill('#name', '谁');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main .warn:text("这个手机号已登记")');
	await page.fill('#phone', '13655590006');
	await page.route('**/api/v1/enrol', (route) => route.fulfill({status: 500, body: '{}'}));
	await page.click('main button[type=submit]');
	await page.waitForFunction(() =>
		[...document.querySelectorAll('form [role=alert]')].some((one) => one.textContent),
	);
	ok(
		!(await page.textContent('main')).includes('这个手机号已登记'),
		'the warning goes with the phone it was about',
		await page.textContent('main'),
	);
	await page.context().close();
}

// Two hundred coupons are a line for each kind, the one that ends first is redeemed by two taps from the answer, of
// another store's customer, too; who left no phone is said to have left none.
export async function manyCoupons(browser) {
	const person = sql(
		`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "MANY", "name": "券很多", "phone": "13655590007", "store_code": "S2"}')`,
	);
	sql(
		`SELECT count(crm._loyalty_issue(${person}, CASE n % 2 WHEN 0 THEN 'welcome_5' ELSE 'wake_up_90' END, NULL, 'many' || n, crm.core_now() - n * interval '1 hour', 'Asia/Shanghai')) FROM generate_series(0, 199) n`,
	);
	const soonest = sql(
		`SELECT c.code FROM crm.coupon c WHERE c.customer_id = ${person} AND c.coupon_type = 'welcome_5' ORDER BY c.valid_until, c.coupon_id LIMIT 1`,
	);
	const page = await open(browser, 'clerk');
	await page.fill('#text', '13655590007');
	await page.waitForSelector('main .card h2');
	const lines = await page.$$eval('main [aria-live] li', (all) => all.map((one) => one.textContent));
	ok(
		lines.length === 2 &&
			lines.every((line) => line.includes('×100')) &&
			(await page.textContent('main')).includes('其他门店的顾客'),
		'coupons of a kind are one line, by the counter card, too',
		lines,
	);
	await judge(page, 'many coupons');
	await page.click('main [aria-live] a:text("5元券")');
	await page.waitForSelector('#order_external_id');
	ok((await page.inputValue('#code')) === soonest, 'the one that ends first is redeemed', [
		await page.inputValue('#code'),
		soonest,
	]);
	const none = sql(
		`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "NOPHONE", "name": "没电话", "store_code": "S1"}')`,
	);
	await visit(page, `#/person/${none}`);
	ok(
		(await page.textContent('main .card')) === '没有留电话',
		'who left no phone is said to have left none',
		await page.textContent('main .card'),
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// What is to be done today is of today, all day long; what was to be done yesterday is late.
export async function today(browser) {
	const person = enrolled('TODAY', '今天的', '13655590008');
	sql(`SELECT crm._sales_task_put(${person}, 'hand:t' || n, 'hand', CASE n WHEN 0 THEN '今天要打的' ELSE '昨天没打的' END, NULL, (crm._local_day(crm.core_now(), 'Asia/Shanghai') - n)::timestamp AT TIME ZONE 'Asia/Shanghai' + interval '1 second', s.store_id, f.staff_id, 'crm_clerk', crm.core_now() + interval '2 days', 'crm_store_manager')
		FROM generate_series(0, 1) n, crm.store s, crm.staff f WHERE s.code = 'S1' AND f.code = 'CLERK'`);
	sql(`SELECT crm.sales_task_create(${person}, '以后再打的', '2030-02-03', staff => 'CLERK')`);
	for (const [language, now, late, later, none, undo] of [
		['zh-CN', '今天', '已逾期', '以后', '没有超时未跟进', '撤销'],
		['en', 'today', 'overdue', 'Later', 'Nothing late', 'Undo'],
	]) {
		const page = await open(browser, 'clerk', {language});
		await visit(page, '#/tasks');
		const of = async (title) => page.textContent(`main li:has-text("${title}")`);
		await page.waitForSelector('main li:has-text("今天要打的")');
		ok(
			(await of('今天要打的')).includes(now) &&
				!(await of('今天要打的')).includes(late) &&
				(await of('昨天没打的')).includes(late),
			`${language}: today's is of today, yesterday's is late`,
			[await of('今天要打的'), await of('昨天没打的')],
		);
		await page.waitForSelector('main li[data-later]');
		const lines = await page.$$eval('main .card li', (all) => all.map((one) => one.textContent));
		const [at, head, ahead] = ['今天要打的', later, '以后再打的'].map((said, i) =>
			lines.findIndex((line) => (i === 1 ? line === said : line.includes(said))),
		);
		ok(
			at >= 0 && at < head && head < ahead,
			`${language}: what is of another day stands apart, below today's`,
			lines,
		);
		// the last one of a list: what stands there then, and back
		await page.route('**/api/v1/tasks?list=escalated*', (route) =>
			route.fulfill({
				contentType: 'application/json',
				body: JSON.stringify({
					items: [
						{
							customer_id: person,
							task_id: '1',
							kind: 'hand',
							name: '今*',
							title: '唯一一件',
							due_at: '2020-01-02T00:00:00+08:00',
							is_overdue: true,
						},
					],
					next: null,
				}),
			}),
		);
		await page.route('**/tasks/1/*', (route) => route.fulfill({contentType: 'application/json', body: '{}'}));
		await visit(page, '#/tasks/escalated');
		await page.click('main li:has-text("唯一一件") button >> nth=0');
		ok(
			await page.waitForSelector(`main li:has-text("${none}")`).then(
				() => true,
				() => false,
			),
			`${language}: a list that was worked off says so`,
			await page.textContent('main'),
		);
		await page.click(`#toast button:text("${undo}")`);
		await page.waitForSelector('main li:has-text("唯一一件")');
		ok(!(await page.textContent('main')).includes(none), 'and not any more when one is taken back');
		ok(page.errors.length === 0, 'the console was quiet', page.errors);
		await page.context().close();
	}
	sql(`DELETE FROM crm.task WHERE (task_key LIKE 'hand:t_' OR title = '以后再打的') AND customer_id = ${person}`);
}
