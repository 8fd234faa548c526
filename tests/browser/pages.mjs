// The pages in a real browser: every role signs in, sees its pages in both languages and themes, on a phone and a desk;
// no console error, nothing to scroll sideways, no finding of axe; then the work of a day, click by click.
import {base, judge, ok, open, people, sql, visit} from './harness.mjs';

export const menus = {
	clerk: ['find', 'tasks', 'redeem'],
	store_manager: ['find', 'tasks', 'redeem', 'board'],
	marketer: ['board', 'audiences', 'flows', 'tags', 'tiers', 'coupons', 'channels'],
	manager: ['find', 'tasks', 'tickets', 'deals', 'board', 'reports', 'scorecard', 'flows'],
	analyst: ['board', 'reports', 'charts', 'audiences', 'scorecard', 'targets', 'usage'],
	steward: ['find', 'import', 'sources', 'reviews', 'forms'],
	headquarters: ['board', 'flows', 'sources', 'reviews', 'tasks', 'channels', 'forms'],
};

export async function looks(browser) {
	for (const [role, names] of Object.entries(menus))
		for (const [size, language, theme] of [
			['small', 'zh-CN', 'light'],
			['desk', 'en', 'dark'],
			['tablet', 'zh-CN', 'dark'],
			['phone', 'en', 'light'],
		]) {
			const page = await open(browser, role, {size, language, theme});
			const menu = await page.$$eval('nav a', (links) => links.map((link) => link.getAttribute('href').slice(2)));
			ok(
				names.every((name) => menu.includes(name)) && (role !== 'clerk' || menu.length === names.length),
				`${role} has the pages of the role, a clerk three things`,
				menu,
			);
			for (const name of names) {
				await visit(page, `#/${name}`);
				await judge(page, `${role} ${name} ${size} ${language} ${theme}`);
			}
			ok(page.errors.length === 0, `${role} ${size} ${language} ${theme}: the console is quiet`, page.errors);
			await page.context().close();
		}
}

// A clerk's day: enrol, find, look, note, task, tick off.
export async function day(browser) {
	const page = await open(browser, 'clerk');
	const phone = `138${String(Date.now() % 100000000).padStart(8, '0')}`;
	await page.fill('#text', phone);
	await page.click('button[type=submit]');
	await page.click('a[href^="#/enrol/"]');
	await page.waitForSelector('#phone');
	ok((await page.inputValue('#phone')) === phone, 'what was looked for is in the form');
	await page.fill('#name', '<img src=x onerror=alert(1)>');
	await page.check('input[name=consent_sms]');
	await page.click('button[type=submit]');
	await page.waitForFunction(() => location.hash.startsWith('#/person/') && document.querySelector('textarea'));
	ok((await page.$$('main img')).length === 0, 'a hostile name is a name, and runs nothing');
	await judge(page, 'clerk person phone zh-CN light');
	await page.fill('textarea', '试吃了新品，下周再来');
	await page.selectOption('#outcome', 'reached');
	await page.fill('#next_on', '2030-01-02');
	await page.click('form:has(textarea) button[type=submit]');
	await page.waitForSelector('li:has-text("到店 · 已联系 · 试吃了新品")');
	ok(true, 'the note is on the timeline');
	// what the phone would be asked to dial: nothing here can
	await page.evaluate(() =>
		addEventListener(
			'click',
			(event) => {
				const link = event.target.closest('a[href^="tel:"]');
				if (link) event.preventDefault();
				globalThis.dialled = link?.href ?? globalThis.dialled;
			},
			true,
		),
	);
	await page.click('form:has(#reason) button[type=submit]');
	const dial = await page.waitForSelector('a.dial');
	ok(
		(await dial.getAttribute('href')).includes(phone.slice(3)) &&
			(await page.evaluate(() => globalThis.dialled)) === (await dial.getAttribute('href')),
		'one key dials, with its reason',
	);
	await visit(page, '#/tasks');
	await page.waitForSelector('li:has-text("跟进")');
	ok(true, 'the next day is in the list');
	const before = (await page.$$('main li')).length;
	await page.click('li:has-text("跟进") button >> nth=0');
	await page.waitForFunction((n) => document.querySelectorAll('main li').length < n, before);
	ok(true, 'and ticked off');
	await visit(page, '#/redeem/NO-SUCH-CODE');
	await page.fill('#order_external_id', 'T1');
	await page.fill('#amount', '59.00');
	await page.click('button[type=submit]');
	await page.waitForFunction(() => document.querySelector('[role=alert]').textContent !== '');
	ok(true, 'an unknown coupon says why');
	await visit(page, '#/find');
	await page.fill('#text', phone);
	await page.click('button[type=submit]');
	await page.waitForSelector('h2 a[href^="#/person/"]');
	ok(true, 'found by phone');
	ok(page.errors.length === 0, 'the console was quiet all day', page.errors);
	const denied = await page.evaluate(async () => (await fetch('/api/v1/staff', {credentials: 'same-origin'})).status);
	ok(denied === 403, 'a clerk reaches nothing of the administrator', denied);
	const lying = await page.evaluate(() => [
		localStorage.length,
		document.cookie.length,
		...Object.keys(sessionStorage).filter((key) => !key.startsWith('draft:typed:')),
	]);
	ok(lying.join() === '0,0', 'nothing of the session lies where a script reads it', lying);
	await page.context().close();
}

// Who it is in one look: points, level, tags, what is to be done, and what is missing to the next tier (two of three
// orders in 90 days).
export async function glance(browser) {
	const person = sql(
		`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "GLANCE", "name": "一览", "phone": "13655550066", "store_code": "S1"}')`,
	);
	sql(
		`SELECT count(*) FROM unnest('{70,20}'::int[]) n, crm.ingest_order('till', convert_to(jsonb_build_object('external_id', 'GL' || n, 'member_external_id', 'GLANCE', 'store_code', 'S1', 'ordered_at', crm.core_now() - n * interval '1 day', 'amount', 50)::text, 'UTF8')) r`,
	);
	sql(`SELECT crm.loyalty_adjust(${person}, 1120, 'a gift'), crm.loyalty_define_level('glance', '{"position": 900, "name_zh": "金卡", "name_en": "Gold", "reach": {"kind": "purchase", "measure": "count", "op": ">=", "value": 1000}}'),
		crm.loyalty_set_level(${person}, 'glance', 'a friend'), crm.segment_define_tag('glance', '贵宾', 'base', NULL, 'manual', 'guest'), crm.segment_tag_person(${person}, 'glance')`);
	sql(`SELECT crm.sales_task_create(${person}, '送月饼', '2030-02-03', staff => 'CLERK')`);
	for (const [language, said] of [
		[
			'zh-CN',
			[
				'可用积分1,120',
				'会员等级金卡',
				'贵宾',
				'送月饼',
				'离活跃客户还差： 90 天内再来 1 次',
				'客单价¥50.00',
				'来源渠道到店',
			],
		],
		[
			'en',
			[
				'1,120',
				'Gold',
				'guest',
				'送月饼',
				'Still needed for',
				'visits within 90 days: 1 more',
				'Came throughin store',
			],
		],
	]) {
		const page = await open(browser, 'clerk', {language});
		await visit(page, `#/person/${person}`);
		const text = await page.textContent('section.card');
		ok(
			said.every((words) => text.includes(words)),
			`${language}: a person in one look`,
			text,
		);
		ok(page.errors.length === 0, 'the console is quiet', page.errors);
		await page.context().close();
	}
}

// A counter's mistakes are said in the clerk's language at the field; who agrees to nothing is enrolled all the same.
export async function mistakes(browser) {
	const page = await open(browser, 'clerk');
	const notice = async () => {
		await page.waitForFunction(() => document.querySelector('[role=alert]').textContent !== '');
		return [await page.textContent('[role=alert]'), await page.evaluate(() => document.activeElement.id)];
	};
	const enter = async (values) => {
		for (const [name, value] of Object.entries(values)) await page.fill(`#${name}`, value);
		await page.click('main button[type=submit]');
	};
	const said = (got, text, field) => ok(got[0] === text && got[1] === field, `${field}: ${text}`, got);
	await visit(page, '#/enrol');
	await enter({phone: '010-62781234', name: '李雷'});
	said(await notice(), '请填写个人手机号，例如 138 1234 5678', 'phone');
	await enter({phone: '13967241905', name: '李雷', birthday: 'soon'});
	said(await notice(), '生日请写成 1990-05-01，不晚于今天', 'birthday');
	await enter({birthday: '2190-05-01'});
	said(await notice(), '生日请写成 1990-05-01，不晚于今天', 'birthday');
	await enter({birthday: ''});
	await page.waitForFunction(() => location.hash.startsWith('#/person/'));
	ok(true, 'enrolled without any consent');
	await visit(page, '#/redeem/%E5%88');
	ok((await page.inputValue('#code')) === '%E5%88', 'an address that was cut off is read as it stands');
	await visit(page, '#/redeem');
	await enter({code: 'NO-SUCH', order_external_id: 'T1', amount: 'x'});
	said(await notice(), '金额请写成 12.50', 'amount');
	await enter({amount: '5'});
	ok((await notice())[0] === '没有这张券', 'a code that is no coupon');
	for (const part of ['', 'marketer.', 'report.', 'house.', 'desk.', 'steward.', 'guide.', 'fields.']) {
		const [chinese, english] = await page.evaluate(
			(name) =>
				Promise.all(
					['zh-CN', 'en'].map(async (language) =>
						Object.keys(await (await fetch(`/i18n/${name}${language}.json`)).json()).join(),
					),
				),
			part,
		);
		ok(chinese === english, `both languages have the same words ${part}`);
	}
	ok(page.errors.length === 0, 'the console was quiet at each mistake', page.errors);
	await page.context().close();
}

// Whoever is signed out is asked to sign in, wrong passwords say so.
export async function doors(browser) {
	const page = await (await browser.newContext({locale: 'zh-CN'})).newPage();
	await page.goto(base);
	await page.fill('#login', people.clerk.name);
	await page.fill('#password', 'not the password');
	await page.click('button[type=submit]');
	await page.waitForFunction(() => document.querySelector('[role=alert]').textContent !== '');
	ok(
		(await page.isVisible('#password')) && (await page.textContent('[role=alert]')).startsWith('账号或密码不对'),
		'a wrong password stays at the door and says so',
	);
	await page.context().close();
}
