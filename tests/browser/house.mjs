// What the chain sets for itself: how customers are reached and who is told of trouble, what each role enters,
// colleagues named in notes, and flows begun from nothing: their kind of entry, tests of several texts, what the site
// shows.
import {judge, ok, open, read, send, sql, visit} from './harness.mjs';

const undo = (page) => page.click('#toast p:last-child button');
const flowOf = async (page, code) => (await read(page, 'flows')).body.items.find((row) => row.flow === code);

// Caps of the house, limits of a channel, who is told: set, taken away, and back again.
export async function reach(browser) {
	const page = await open(browser, 'headquarters');
	sql(
		"SELECT crm.outbox_connect('mail', 'smtp', 'smtps://127.0.0.1', '{\"from\": \"crm@example.com\"}', '{}', '{\"is_private_allowed\": true}')",
	);
	await visit(page, '#/channels');
	await page.selectOption('#scope', 'channel:sms');
	await page.selectOption('#per', 'week');
	await page.fill('#messages', '0');
	await page.click('#caps button[type=submit]');
	await page.waitForFunction(() => document.querySelector('#caps [role=alert]').textContent !== '');
	ok(
		(await page.evaluate(() => document.activeElement.id)) === 'messages',
		'a cap that is none is refused at its field',
	);
	await page.fill('#messages', '2');
	await page.fill('#address', 'half@');
	await page.click('#caps button[type=submit]');
	await page.waitForSelector('#caps li:has-text("每人每周最多 2 条：短信")');
	ok((await page.inputValue('#address')) === 'half@', 'what was typed in another form of the page is still there');
	ok(
		sql('SELECT messages || per || channel FROM crm.message_cap') === '2weeksms',
		'a cap of the house is what was said',
	);
	await page.click('#caps li button');
	await page.waitForSelector('#caps .warn:text("还没有上限")');
	await undo(page);
	await page.waitForSelector('#caps li:has-text("每人每周最多 2 条：短信")');
	ok(sql('SELECT count(*) FROM crm.message_cap') === '1', 'taken away, it comes back as it was');
	await page.click('main li:has-text("短信") summary');
	await page.fill('#sms_monthly_cap', '5');
	await page.click('main li:has-text("短信") form button[type=submit]');
	await page.waitForSelector('summary:has-text("每人每月 5 条")');
	ok(sql("SELECT monthly_cap FROM crm.channel WHERE channel = 'sms'") === '5', 'what a channel bears');
	await undo(page);
	await page.waitForFunction(() => !document.querySelector('main').textContent.includes('每人每月 5 条'));
	ok(sql("SELECT monthly_cap IS NULL FROM crm.channel WHERE channel = 'sms'") === 't', 'and bears no more');
	await page.selectOption('#endpoint', 'mail');
	await page.fill('#address', 'nobody');
	await page.click('#alerts button[type=submit]');
	await page.waitForFunction(() => document.querySelector('#alerts [role=alert]').textContent !== '');
	ok(
		(await page.evaluate(() => document.activeElement.id)) === 'address',
		'an address that is none is refused at its field',
	);
	await page.fill('#address', 'ops@example.com');
	await page.uncheck('input[name=alert_all]');
	await page.check('input[name=alert_intake]');
	await page.click('#alerts button[type=submit]');
	await page.waitForSelector('#alerts li:has-text("ops@example.com")');
	ok(
		sql('SELECT address || kinds::text FROM crm.alert_route') === 'ops@example.com{ingest.%}' &&
			(await page.textContent('#alerts li')).includes('数据接入'),
		'who is told of what',
	);
	await judge(page, 'channels with a cap and a route');
	await page.click('#alerts li button');
	await page.waitForSelector('#alerts .warn');
	ok(sql('SELECT count(*) FROM crm.alert_route') === '0', 'and is told no more');
	const marketer = await open(browser, 'marketer', {language: 'en', theme: 'dark'});
	await visit(marketer, '#/channels');
	ok(
		(await marketer.isVisible('#caps')) && (await marketer.$('#alerts')) === null,
		'a marketer sets caps, and routes no alerts',
	);
	await judge(marketer, 'channels en dark');
	ok(page.errors.length + marketer.errors.length === 0, 'the consoles were quiet', [page.errors, marketer.errors]);
	sql('DELETE FROM crm.message_cap');
	await page.context().close();
	await marketer.context().close();
}

// Headquarters says what clerks enter; the clerk's page has it at once, and the database holds to it whatever a page
// sends.
export async function forms(browser) {
	const page = await open(browser, 'headquarters');
	await visit(page, '#/forms/clerk');
	await page.selectOption('#more', 'custom.diet');
	await page.click('main button:text("加入表单")');
	await page.check('[aria-label="饮食习惯"] input[type=checkbox]');
	await page.selectOption('#more', 'sex');
	await page.click('main button:text("加入表单")');
	await page.click('[aria-label="性别"] button[aria-label="上移 性别"]');
	await page.reload();
	await page.waitForSelector('[aria-label="饮食习惯"]');
	ok(await page.isChecked('[aria-label="饮食习惯"] input'), 'what was not saved outlives a reload');
	await judge(page, 'forms with a draft');
	await page.click('form.card button[type=submit]');
	await page.waitForFunction(() => document.getElementById('toast').textContent.includes('表单已更新'));
	const clerk = await open(browser, 'clerk');
	await visit(clerk, '#/enrol');
	const asked = await clerk.evaluate(() =>
		[...document.querySelectorAll('main form :is(input:not([type=checkbox]), select, fieldset[name])')].map(
			(one) => one.name,
		),
	);
	ok(
		asked.join() === 'phone,name,birthday,sex,custom.diet',
		'the clerk is asked what headquarters said, in its order',
		asked,
	);
	await clerk.fill('#phone', '13655560001');
	await clerk.fill('#name', '表单');
	await clerk.selectOption('#sex', 'f');
	await clerk.click('main form button[type=submit]');
	await clerk.waitForFunction(() => document.querySelector('main form [role=alert]').textContent !== '');
	ok(
		(await clerk.getAttribute('fieldset[name="custom.diet"]', 'aria-invalid')) === 'true',
		'what must be filled in is said at its field',
	);
	await judge(clerk, 'enrol with a longer form');
	await clerk.check('input[name="custom.diet:素食"]');
	await clerk.check('input[name="custom.diet:低盐"]');
	await clerk.click('main form button[type=submit]');
	await clerk.waitForFunction(() => location.hash.startsWith('#/person/') && document.querySelector('main dl'));
	ok(
		/饮食习惯(低盐、素食|素食、低盐)/.test(await clerk.textContent('main dl')),
		"and stands on the customer's page",
		await clerk.textContent('main dl'),
	);
	ok(
		(await send(clerk, 'enrol', {name: '绕过', phone: '13655560002', consents: []})).status === 422,
		'a page that leaves it out is refused',
	);
	ok((await send(clerk, 'entry-forms/clerk', {fields: []}, 'PUT')).status === 403, 'a clerk changes no form');
	await page.click('details summary:text("以前的版本")');
	await page.click('details.card li button:text("恢复")');
	await page.waitForFunction(() => document.querySelectorAll('form.card .parts > li').length === 3);
	ok(
		(await send(clerk, 'enrol', {name: '三项', phone: '13655560003', consents: []})).status === 201,
		'an earlier version is taken back, and three fields are enough',
	);
	// whoever registers looks after the customer, when the chain wants it
	await page.check('section:has(h2:text("登记之后")) input');
	await page.waitForFunction(() => document.getElementById('toast').textContent.includes('已保存'));
	const {
		body: {customer_id: person},
	} = await send(clerk, 'enrol', {name: '归属', phone: '13655560004', consents: []});
	await visit(clerk, `#/person/${person}`);
	ok((await clerk.textContent('#owner')).includes('clerk'), 'who registered looks after the customer');
	sql("UPDATE crm.room_setting SET value = 'false' WHERE name = 'sales.enroller_owns'");
	ok(
		page.errors.length + clerk.errors.filter((text) => !text.includes('403')).length === 0,
		'the consoles were quiet',
		[page.errors, clerk.errors],
	);
	await page.context().close();
	await clerk.context().close();
}

// A colleague who is named in a note finds it in the own list, and nobody else does.
export async function mentions(browser) {
	const clerk = await open(browser, 'clerk'),
		manager = await open(browser, 'store_manager');
	const {
		body: {customer_id: person},
	} = await send(clerk, 'enrol', {name: '提及', phone: '13655560005', consents: []});
	await visit(clerk, `#/person/${person}`);
	await clerk.fill('#body', '想订大蛋糕 ');
	await clerk.focus('#mention');
	await clerk.waitForSelector('#mention option[value=STORE_MANAGER]', {state: 'attached'});
	await clerk.selectOption('#mention', 'STORE_MANAGER');
	ok(
		(await clerk.inputValue('#body')) === '想订大蛋糕 @store_manager store_manager ',
		'a colleague who is chosen is named in the text',
		await clerk.inputValue('#body'),
	);
	await clerk.click('form:has(#body) button[type=submit]');
	await clerk.waitForSelector('li:has-text("想订大蛋糕")');
	await visit(manager, '#/tasks');
	await manager.waitForSelector('li:has-text("clerk clerk 提到了您"):has-text("想订大蛋糕")');
	const line = 'main li:has-text("提到了您"):has(.said:text("想订大蛋糕"))';
	ok((await manager.$$(line)).length === 1, 'and finds the note in the own list');
	await judge(manager, 'tasks with a mention');
	await visit(clerk, '#/tasks/store');
	ok(!(await clerk.textContent('main')).includes('提到了您'), "it is in nobody else's");
	await manager.click(`${line} button:text("知道了")`);
	await manager.waitForSelector(line, {state: 'detached'});
	await alike(clerk, person);
	ok(clerk.errors.length + manager.errors.length === 0, 'the consoles were quiet', [clerk.errors, manager.errors]);
	await clerk.context().close();
	await manager.context().close();
}

// One name is the beginning of another, and the names are asked for anew: the page was opened again since one was
// chosen.
async function alike(clerk, person) {
	sql(
		"SELECT crm.access_define_staff(code, name, 'crm_clerk', '{store:S1}') FROM (VALUES ('WF', '王芳'), ('WFF', '王芳芳')) AS v (code, name)",
	);
	const told = async (text) => {
		await visit(clerk, `#/person/${person}`);
		await clerk.fill('#body', text);
		await clerk.reload();
		await clerk.waitForSelector('#body');
		await clerk.click('form:has(#body) button[type=submit]');
		await clerk.waitForFunction(
			(said) => [...document.querySelectorAll('main li')].some((line) => line.textContent.includes(said)),
			text,
		);
		return sql(
			`SELECT string_agg(s.code, ' ' ORDER BY s.code) FROM crm.task t JOIN crm.staff s USING (staff_id) WHERE t.kind = 'mention' AND t.body = '${text}'`,
		);
	};
	ok((await told('@王芳芳 请回电')) === 'WFF', 'who is named is told, not whose name the name begins with');
	ok((await told('请 @王芳 和 @王芳芳 看看')) === 'WF WFF', 'and both when both are named');
	ok((await told('发到 wang@example.com')) === '', 'nobody by an address');
	sql("SELECT crm.access_staff_left(code) FROM unnest('{WF,WFF}'::text[]) code");
}

// A flow begun from nothing: what lets customers in, the channel, two texts side by side with their weights.
export async function variants(browser) {
	const page = await open(browser, 'marketer');
	await send(page, 'flow-presets/blank_event/flows/t_test', {});
	await visit(page, '#/flows/t_test/edit');
	await page.selectOption('#event_kind', 'event');
	await page.waitForSelector('#event input[type=checkbox]');
	await page.check('#event label:has-text("浏览商品") input');
	await page.selectOption('#event_kind', 'order');
	await page.selectOption('#event_kind', 'event');
	ok(
		await page.isChecked('#event label:has-text("浏览商品") input'),
		'what was ticked is ticked when the kind of entry comes back',
	);
	await page.check('#channels label:has-text("短信") input');
	await page.fill('#text_1_sms', '{{name}}，欢迎，退订回T');
	await page.click('#variants summary');
	await page.click('#variants button:text("开始分组测试")');
	await page.fill('#weight_a', '3');
	await page.press('#weight_a', 'Tab');
	await page.waitForFunction(() => document.getElementById('variants').textContent.includes('75%'));
	ok(
		(await page.evaluate(() => document.activeElement.id)) === 'offer_a',
		'a weight that is changed keeps the place of who types',
	);
	await page.fill('#said_b_sms', '{{name}}，新品来了，退订回T');
	await page.selectOption('#offer_b', 'welcome_5');
	await page.fill('#quota', '100');
	await page.fill('#tag', 'promotion');
	await judge(page, 'flow editor with a test');
	await page.click('form.flow button[type=submit]');
	await page
		.waitForFunction(() => location.hash === '#/flows/t_test')
		.catch(async () => ok(false, 'saved', await page.textContent('#refused')));
	let {spec} = await flowOf(page, 't_test');
	ok(
		spec.event.kind === 'event' &&
			spec.event.types.join() === 'product_view' &&
			spec.channels.join() === 'sms' &&
			spec.quota === 100 &&
			spec.tag === 'promotion',
		'entry, channel, quota and tag are what was said',
		spec,
	);
	ok(
		spec.variants.length === 2 &&
			spec.variants[0].weight === 3 &&
			!('template' in spec.variants[0]) &&
			spec.variants[1].coupon_type === 'welcome_5' &&
			sql("SELECT body FROM crm.template WHERE template = 't_test_1_b'") === '{{name}}，新品来了，退订回T',
		'and so are the groups, their weights, texts and offers',
		spec.variants,
	);
	const before = (await flowOf(page, 't_test')).version;
	await visit(page, '#/flows/t_test/edit');
	await page.waitForSelector('#variants[open]');
	ok(
		(await page.inputValue('#said_b_sms')) === '{{name}}，新品来了，退订回T' &&
			(await page.inputValue('#text_1_sms')) === '{{name}}，欢迎，退订回T',
		'each text stands where it was written',
	);
	await page.click('form.flow button[type=submit]');
	await page.waitForFunction(() => location.hash === '#/flows/t_test');
	ok((await flowOf(page, 't_test')).version === before, 'read and written without loss');
	await visit(page, '#/flows/t_test/edit');
	await page.fill('#said_b_sms', '只有这些');
	await page.click('form.flow button[type=submit]');
	await page.waitForFunction(() => document.getElementById('refused').textContent !== '');
	ok(
		(await page.evaluate(() => document.activeElement.id)) === 'said_b_sms',
		'a text that cannot be sent is refused where it stands',
		await page.textContent('#refused'),
	);
	await page.fill('#said_b_sms', '{{name}}，新品来了，退订回T');
	await page.click('#variants button:text("都用B 组的内容")');
	await page.click('form.flow button[type=submit]');
	await page.waitForFunction(() => location.hash === '#/flows/t_test');
	({spec} = await flowOf(page, 't_test'));
	ok(
		!('variants' in spec) &&
			spec.coupon_type === 'welcome_5' &&
			sql("SELECT body FROM crm.template WHERE template = 't_test' AND channel = 'sms'") ===
				'{{name}}，新品来了，退订回T',
		"the better one becomes everybody's",
		spec,
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// What the site shows: its text is written on the page, and a visit is answered with it.
export async function site(browser) {
	const page = await open(browser, 'headquarters');
	await send(page, 'flow-presets/blank_site/flows/t_site', {});
	await visit(page, '#/flows/t_site/edit');
	await page.fill('#place', 'home, cart');
	await page.fill('#text_1_site', '{{name}}，今天满减');
	await page.fill('#holdout_percent', '0');
	await judge(page, 'flow editor of a site');
	await page.click('form.flow button[type=submit]');
	await page
		.waitForFunction(() => location.hash === '#/flows/t_site')
		.catch(async () => ok(false, 'saved', await page.textContent('#refused')));
	await page.click('main button:text("启动")');
	await page.waitForFunction(() => document.querySelector('h1 .tag').textContent === '进行中');
	const {
		body: {customer_id: person},
	} = await send(page, 'lookup', {kind: 'phone', value: '13912340003'});
	const {body: shown} = await send(page, 'decide', {place: 'cart', session: 'browser-test-1', customer_id: person});
	ok(
		shown.flow === 't_site' && shown.text.endsWith('，今天满减'),
		'a visit is answered with what was written',
		shown,
	);
	await send(page, 'flows/t_site/stop', {});
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// What brought an entry of the timeline about is one tap away.
export async function causes(browser) {
	const page = await open(browser, 'clerk');
	const {
		body: {customer_id: person},
	} = await send(page, 'lookup', {kind: 'phone', value: '13912340002'});
	await visit(page, `#/person/${person}`);
	await page.click('li:has-text("等级") button:text("起因：订单")');
	ok(
		await page.evaluate(
			() => document.activeElement.textContent.includes('订单') && document.activeElement.tagName === 'LI',
		),
		'the order that moved the customer to another tier',
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// Who looks after the server sees what an order costs, rule by rule, and puts one off; the till goes on, and nothing
// is lost.
export async function costs(browser) {
	const page = await open(browser, 'admin');
	sql('SELECT crm.worker_count_anew()');
	const order = (n) =>
		sql(
			`SELECT (crm.ingest_order('till', convert_to(jsonb_build_object('external_id', 'C${n}', 'phone', '13912340001', 'ordered_at', crm.core_now(), 'store_code', 'S1', 'amount', '12.00')::text, 'UTF8'))).code`,
		);
	order(1);
	await visit(page, '#/costs');
	const row = (words) => page.locator('tbody tr', {has: page.locator('td:first-child', {hasText: words})});
	ok(
		/平均 [\d.]+ 毫秒/.test(await page.textContent('main')) &&
			/[\d.]+ 毫秒/.test(await row('等级与累计').textContent()),
		'what an order takes, and tiers of it',
		await page.textContent('main'),
	);
	await row('等级与累计').locator('button').click();
	await row('等级与累计').locator('.tag:text("已推后")').waitFor();
	const before = sql('SELECT sum(order_days * 1e12 + net_minor) FROM crm.customer_value');
	ok(
		order(2) === 'created' && sql('SELECT sum(order_days * 1e12 + net_minor) FROM crm.customer_value') === before,
		'the till takes an order, and tiers wait',
	);
	await visit(page, '#/costs');
	ok(
		/1 人等待/.test(await row('等级与累计').textContent()),
		'it says who waits',
		await row('等级与累计').textContent(),
	);
	sql('SELECT crm._worker_catch_up()');
	ok(sql('SELECT sum(order_days * 1e12 + net_minor) FROM crm.customer_value') !== before, 'caught up');
	await row('等级与累计').locator('button').click();
	// the word of before may still offer its undo
	await row('等级与累计').locator('.tag:text("已推后")').waitFor({state: 'detached'});
	await page.locator('#toast button:text("撤销")').last().click();
	await row('等级与累计').locator('.tag:text("已推后")').waitFor();
	await row('等级与累计').locator('button').click();
	await page.waitForFunction(() => !document.querySelector('#main .tag.warn'));
	ok(
		sql('SELECT count(*) FROM crm.put_off_rule') === '0' && page.errors.length === 0,
		'done at once again, and back and forth by undo',
		page.errors,
	);
	await page.context().close();
	const clerk = await open(browser, 'headquarters');
	ok(
		(await read(clerk, 'costs')).status === 403 &&
			(await send(clerk, 'costs', {rule: 'value', is_put_off: true})).status === 403,
		'nobody else reads or switches it',
	);
	await clerk.context().close();
}

// In English what one presses and reads as a head begins with a capital, whatever the word is elsewhere.
export async function capitals(browser) {
	const page = await open(browser, 'headquarters', {language: 'en', size: 'desk'});
	const names = await page.$$eval('nav a', (links) => links.map((link) => link.textContent));
	ok(names.length > 15 && names.every((name) => /^[A-Z]/.test(name)), 'every name of a page in the menu', names);
	for (const address of ['#/scorecard', '#/board', '#/knowledge', '#/reports', '#/reviews', '#/deals', '#/tasks']) {
		await visit(page, address);
		const small = await page.$$eval(
			'main :is(h1, h2, button, label, legend, summary, th, a.tag, a.button), footer button',
			(all) =>
				all
					.filter(
						(one) =>
							one.textContent !== '' &&
							one.textContent[0] !== one.textContent[0].toUpperCase() &&
							(getComputedStyle(one, '::first-letter').textTransform !== 'uppercase' ||
								getComputedStyle(one).display.includes('flex')),
					)
					.map((one) => `${one.tagName} ${one.textContent}`),
		);
		ok(small.length === 0, `heads, buttons and labels of ${address}`, small);
	}
	await page.context().close();
}
