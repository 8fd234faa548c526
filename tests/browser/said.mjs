// What a customer asks for at the counter beside a coupon: points taken off an order, and to be written to no more,
// or again.
import {judge, ok, open, quiet, read, send, sql, visit} from './harness.mjs';

const enrolled = (external, name, phone, more = '') =>
	sql(
		`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "${external}", "name": "${name}", "phone": "${phone}", "store_code": "S1"${more}}')`,
	);
const fault = async (page) => {
	await page.waitForFunction(() =>
		[...document.querySelectorAll('form [role=alert]')].some((one) => one.textContent !== ''),
	);
	return page.evaluate(() => [
		[...document.querySelectorAll('form [role=alert]')].map((one) => one.textContent).join(''),
		document.activeElement.id,
	]);
};

// What they are worth and what is left stands there before they are spent; refused in words at the field; once on a
// double tap; said when the order had them before; taken back, the same order can be done anew.
export async function pointsSpent(browser) {
	const person = enrolled('POINTS1', '积分', '13655591001');
	sql(
		`SELECT crm.loyalty_adjust(${person}, 120, 'to begin with'), crm.loyalty_define_points('said_later', '{"kind": "order", "rate": 1, "pending_days": 7, "valid_days": 90, "valid_from": "2020-01-01T00:00:00+08:00"}')`,
	);
	sql(
		`SELECT r.code FROM crm.ingest_order('till', convert_to(jsonb_build_object('external_id', 'POINTS1-1', 'member_external_id', 'POINTS1', 'store_code', 'S1', 'ordered_at', crm.core_now(), 'amount', 50)::text, 'UTF8')) r`,
	);
	sql("SELECT crm.loyalty_define_points('said_later', '{\"is_active\": false}')");
	const spent = () =>
		Number(sql(`SELECT count(*) FROM crm.points_use WHERE customer_id = ${person} AND returned_at IS NULL`));
	const page = await open(browser, 'clerk');
	await page.fill('#text', '13655591001');
	await page.waitForSelector(`main .card a[href="#/points/${person}"]`);
	await judge(page, 'the answer with points');
	await page.click(`main .card a[href="#/person/${person}"]`);
	await page.click('main dd a[href^="#/points/"]');
	await page.waitForSelector('#points');
	const there = () => page.textContent('#there'),
		ahead = () => page.textContent('#ahead');
	ok(
		(await there()).includes('120') &&
			(await there()).includes('另有 50 分还没有生效') &&
			!(await there()).includes('抵'),
		'what there is, and what is not usable yet; points alone where nobody set a value',
		await there(),
	);
	ok((await page.textContent('main')).includes('积*'), 'whose they are, masked', await page.textContent('main p'));
	await page.fill('#points', '100');
	ok((await ahead()) === '还剩 20 分', 'what would be left, before anything is sent', await ahead());
	await page.fill('#points', '160');
	ok((await ahead()) === '现在还差 40 分：有积分还没有生效', 'what is not usable yet is said', await ahead());
	await page.fill('#points', '２00');
	ok((await ahead()) === '积分不够，还差 80 分', 'what is missing, as people write figures', await ahead());
	await page.fill('#reference', 'PT-1');
	await page.click('main button[type=submit]');
	let [said, field] = await fault(page);
	ok(said === '可用积分不够' && field === 'points' && spent() === 0, 'refused in words at its field', [said, field]);
	await page.fill('#points', '1.5');
	await page.click('main button[type=submit]');
	await page.waitForFunction(
		() => document.querySelector('form [role=alert]').textContent === '积分请填大于 0 的整数',
	);
	ok(spent() === 0, 'a half is none');
	sql("SELECT crm.access_set_setting('loyalty.point_value', '0.05')");
	await page.fill('#points', '100');
	await page.reload();
	await page.waitForSelector('#points');
	ok(
		(await page.inputValue('#points')) === '100' &&
			(await page.inputValue('#reference')) === 'PT-1' &&
			(await ahead()) === '抵 ¥5.00 · 还剩 20 分',
		'a reload loses nothing, and says what they are worth',
		[await page.inputValue('#points'), await ahead()],
	);
	await judge(page, 'points zh');
	await page.evaluate(() => {
		const button = document.querySelector('main form button.main');
		button.click();
		button.click();
	});
	await page.waitForSelector('main [aria-live] .good:text("已使用 100 积分")');
	await quiet(page);
	ok(
		spent() === 1 &&
			(await page.textContent('main [aria-live] .big')) === '抵 ¥5.00' &&
			(await there()).includes('20'),
		'done, once for a double tap',
		[spent(), await page.textContent('main')],
	);
	ok(
		(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.includes('points')).length)) === 0,
		'what was done is not kept as typed',
	);
	await judge(page, 'points used');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main [role=alert]:text("已用过 100 积分，没有再扣")');
	ok(spent() === 1, 'the same order again says that it was done', await page.textContent('main'));
	await page.fill('#points', '10');
	await page.click('main button[type=submit]');
	[said, field] = await fault(page);
	ok(
		said.startsWith('这个订单号已经用过积分') && field === 'reference',
		'another number for it is refused at the order',
		[said, field],
	);
	await page.fill('#points', '100');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main [role=alert]:text("没有再扣")');
	await page.click('main [aria-live] button:text("撤销")');
	await page.waitForSelector('main [role=status].good:text("已撤销，100 积分退回")');
	ok(spent() === 0 && (await there()).includes('120'), 'taken back they are there again', await there());
	await page.fill('#points', '50');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main [aria-live] .good:text("已使用 50 积分")');
	ok(
		spent() === 1 && (await there()).includes('70'),
		'and the same order can be done anew, with the right number',
		await there(),
	);
	ok(
		sql(`SELECT string_agg(DISTINCT actor, ' ') FROM crm.points_use WHERE customer_id = ${person}`) === 'CLERK',
		'the books say by whom',
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
	const english = await open(browser, 'store_manager', {language: 'en', theme: 'dark', size: 'phone'});
	await visit(english, `#/points/${person}`);
	await english.fill('#points', '71');
	ok(
		(await english.textContent('#ahead')).startsWith('1 are missing now') &&
			(await english.textContent('#there')).includes('worth ¥3.50'),
		'in English',
		[await english.textContent('#ahead'), await english.textContent('#there')],
	);
	await english.click('main summary');
	await judge(english, 'points en');
	await english.context().close();
	sql("SELECT crm.access_set_setting('loyalty.point_value', '0')");
}

// Since when and where from; no more by a tap, with undo; yes with what was shown; nothing at all by two taps; at
// once, on the timeline, in the trail.
export async function consents(browser) {
	const person = enrolled('SAID1', '联系', '13655591002', ', "email": "said@example.com", "consent_sms": "yes"');
	const state = (channel) => sql(`SELECT coalesce(crm._outbox_consent(${person}, '${channel}'), '')`);
	const page = await open(browser, 'clerk');
	await visit(page, '#/tasks');
	const calls = [];
	page.on('request', (request) => {
		if (request.url().includes(`/persons/${person}`)) calls.push(request.url().split('/').at(-1));
	});
	await visit(page, `#/person/${person}`);
	await quiet(page);
	ok(calls.join() === 'overview,owner', 'a person is one call, and one for who looks after them', calls);
	const card = '#consents',
		text = () => page.textContent(card),
		line = (name) => `${card} li:has(strong:text-is("${name}"))`;
	ok(
		/短信 ?同意/.test(await text()) &&
			(await text()).includes('来自收银 · 南京路店') &&
			/邮件 ?没有说过/.test(await text()),
		'each channel with since when and where from',
		await text(),
	);
	await page.click(`${line('短信')} button`);
	await page.waitForSelector('#toast button:text("撤销")');
	ok(
		state('sms') === 'no' &&
			/短信 ?不要/.test(await text()) &&
			(await text()).includes('clerk clerk 记下') &&
			(await text()).includes('顾客当面要求'),
		'no more by one tap, with who noted it',
		await text(),
	);
	await page.waitForSelector(
		'section.card li:has(strong:text-is("联系许可")):has-text("短信 · 不要 · clerk clerk 记下")',
	);
	ok(true, 'it stands on the timeline');
	await page.click('#toast button:text("撤销")');
	await page.waitForSelector(`${line('短信')} .good`);
	ok(state('sms') === 'yes' && (await text()).includes('来自收银'), 'undone it is as it was', await text());
	// yes needs what was shown
	await page.click(`${line('邮件')} button:text-is("同意…")`);
	ok(
		(await page.evaluate(() => document.activeElement.id)) === 'evidence',
		'who agrees is asked what they were shown',
	);
	let asked = 0;
	page.on('request', (request) => {
		if (request.method() === 'POST') asked++;
	});
	await page.click(`${card} form button[type=submit]`);
	await page.waitForFunction(() => document.querySelector('#consents form [role=alert]').textContent !== '');
	ok(
		asked === 0 && state('email') === 'unknown',
		'without it nothing is sent',
		await page.textContent(`${card} form`),
	);
	await page.click(`${card} form button:text("看了店内告示后同意")`);
	await page.fill('#evidence', `${await page.inputValue('#evidence')}，A4 海报`);
	await judge(page, 'consents asked zh');
	await page.reload();
	await page.waitForSelector('#evidence');
	ok(
		(await page.inputValue('#evidence')) === '看了店内告示后同意，A4 海报',
		'a reload loses nothing of it',
		await page.inputValue('#evidence'),
	);
	await page.click(`${card} form button[type=submit]`);
	await page.waitForSelector(`${line('邮件')} .good`);
	ok(
		state('email') === 'yes' &&
			(await text()).includes('看了店内告示后同意，A4 海报') &&
			(await page.$('#evidence')) === null,
		'then it is noted with it',
		await text(),
	);
	// nothing at all
	await page.click(`${card} button:text-is("什么都不要发")`);
	ok(
		state('sms') === 'yes' && (await page.evaluate(() => document.activeElement.textContent)) === '取消',
		'nothing at all asks once more',
	);
	await page.click(`${card} button:text-is("确定：以后什么都不发")`);
	await page.waitForSelector('#toast p:has-text("什么都不再发") button');
	ok(
		['sms', 'wechat', 'email', 'voice', 'wecom'].every((channel) => state(channel) === 'no') &&
			(await page.$(`${card} button:text-is("什么都不要发")`)) === null,
		'then nothing is sent by any channel',
		await text(),
	);
	await judge(page, 'consents none');
	await page.click('#toast p:has-text("什么都不再发") button');
	await page.waitForSelector(`${line('短信')} .good`);
	ok(
		state('sms') === 'yes' && state('email') === 'yes' && state('wechat') === 'unknown',
		'undone each is as it was',
		await text(),
	);
	// what was never said is refused like what was agreed to
	await page.click(`${line('微信')} button:text-is("不再发送")`);
	await page.waitForSelector(`${line('微信')} .warn`);
	ok(
		state('wechat') === 'no' && state('email') === 'yes',
		'no more by a channel of which nothing was said',
		await text(),
	);
	// without a network it waits
	await page.context().setOffline(true);
	await page.click(`${line('邮件')} button`);
	await page.waitForSelector('#offline a[href="#/waiting"]');
	await page.context().setOffline(false);
	await page.waitForFunction(() => sessionStorage.getItem('waiting') === null);
	ok(state('email') === 'no' && state('sms') === 'yes', 'said without a network it is noted when it is back');
	ok(
		sql(
			`SELECT string_agg(DISTINCT actor || ' ' || action, ', ' ORDER BY actor || ' ' || action) FROM crm.audit WHERE object_id = ${person} AND action ~ '^consent'`,
		) === 'CLERK consent, CLERK consent_undone',
		'the trail has who noted and who took back',
	);
	ok(
		page.errors.filter((one) => !/ERR_(INTERNET_DISCONNECTED|FAILED)/.test(one)).length === 0,
		'the console was quiet',
		page.errors,
	);
	await page.context().close();
	const manager = await open(browser, 'manager', {language: 'en', theme: 'dark', size: 'desk'});
	await visit(manager, `#/person/${person}`);
	await manager.click('#consents li:has(strong:text-is("e-mail")) button:has-text("Agrees")');
	await judge(manager, 'consents asked en');
	ok(
		(await manager.textContent('#consents')).includes('noted by clerk clerk') &&
			(await manager.textContent('#consents')).includes('from 收银'),
		'in English',
		await manager.textContent('#consents'),
	);
	await manager.context().close();
	const analyst = await open(browser, 'analyst', {size: 'desk'});
	await visit(analyst, `#/person/${person}`);
	ok(
		(await analyst.$$('#consents button')).length === 0 &&
			(await send(analyst, `persons/${person}/consents`, {state: 'no'})).status === 403,
		'who may not note it is not offered it',
	);
	ok((await read(analyst, `persons/${person}/overview`)).body.consents.email === 'no', 'but sees what was said');
	await analyst.context().close();
}

// A member of another store, whose page is not opened here, says it all the same: of the number, by two taps.
export async function stoppedElsewhere(browser) {
	const person = sql(
		'SELECT customer_id FROM crm.ingest_member(\'till\', \'{"external_id": "SAID2", "name": "别店", "phone": "13655591003", "store_code": "S2", "consent_sms": "yes"}\')',
	);
	sql(`SELECT crm.loyalty_adjust(${person}, 7, 'to begin with')`);
	const page = await open(browser, 'clerk');
	await page.fill('#text', '13655591003');
	await page.waitForSelector('main .card:has-text("别*")');
	ok((await page.$$('main a[href^="#/points/"]')).length === 0, 'their points are not used here');
	ok(
		(await send(page, `persons/${person}/consents`, {state: 'no'})).status === 404 &&
			(await send(page, `persons/${person}/points/spend`, {points: 1, source: 'console', reference: 'X'}))
				.status === 404,
		'nothing of theirs is reached here',
	);
	await page.click('main button:text-is("这个号码不再收营销短信和外呼")');
	await page.waitForSelector('main button:text-is("确定：这个号码不再发")');
	ok(
		sql(`SELECT crm._outbox_consent(${person}, 'sms')`) === 'yes' &&
			(await page.evaluate(() => document.activeElement.textContent)) === '取消',
		'the first tap asks',
	);
	await judge(page, 'number about to be stopped');
	await page.click('main button:text-is("确定：这个号码不再发")');
	await page.waitForSelector('#toast p:text("已记下：这个号码不再发")');
	ok(
		sql(`SELECT crm._outbox_consent(${person}, 'sms') || crm._outbox_consent(${person}, 'voice')`) === 'nono',
		'the number has no more',
	);
	ok(
		sql("SELECT count(*) FROM crm.audit WHERE action = 'opt_out' AND actor = 'CLERK'") === '2',
		'the trail has who noted it',
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}
