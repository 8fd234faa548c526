// The counter: a customer enrols with the store's code, is welcomed with a coupon that is redeemed, and is seen in the
// marketer's figures and on the manager's board; what is written without a network is sent once when it is back.
import {createRequire} from 'node:module';
import {base, judge, ok, open, read, send, sizes, sql, visit} from './harness.mjs';

const require = createRequire(process.env.CRM_NODE_MODULES ? `${process.env.CRM_NODE_MODULES}/x.js` : import.meta.url);
const readCode = require('jsqr');

// What another program reads in the picture.
async function scanned(page) {
	const {size, cells} = await page.$eval('svg.qr', (chart) => ({
		size: Number(chart.getAttribute('viewBox').split(' ')[2]),
		cells: [
			...chart
				.querySelector('path')
				.getAttribute('d')
				.matchAll(/M(\d+) (\d+)/g),
		].map((m) => [Number(m[1]), Number(m[2])]),
	}));
	const scale = 4,
		width = size * scale;
	const pixels = new Uint8ClampedArray(width * width * 4).fill(255);
	for (const [c, r] of cells)
		for (let y = 0; y < scale; y++)
			for (let x = 0; x < scale; x++) {
				const at = 4 * (((r + 4) * scale + y) * width + (c + 4) * scale + x);
				pixels[at] = pixels[at + 1] = pixels[at + 2] = 0;
			}
	return readCode(pixels, width, width)?.data;
}

export async function codes(browser) {
	const page = await open(browser, 'clerk');
	const texts = [
		'a',
		'x'.repeat(14),
		'https://crm.example/#/join/',
		'会员'.repeat(9),
		'y'.repeat(62),
		'z'.repeat(84),
		'q'.repeat(106),
	];
	const seen = [];
	for (const text of texts) {
		await page.evaluate(async (what) => {
			document.getElementById('main').replaceChildren((await import('/js/qr.js')).picture(what, 'code'));
		}, text);
		seen.push(await scanned(page));
	}
	ok(
		texts.every((text, i) => text === seen[i]),
		'codes of every size are read by another program',
		seen,
	);
	await page.context().close();
}

// What the sender would be given for a phone: no sender runs here, so the test takes its place.
const messaged = (phone) =>
	sql(`SELECT substring(r.body::jsonb ->> 'text' FROM '^\\d{6}') FROM crm.outbox o, crm._outbox_request(ROW(o.*)::crm.message_row, 1) r
	WHERE o.message_id LIKE '%-check' AND r.body::jsonb ->> 'to' = '+86${phone}' ORDER BY o.created_at DESC LIMIT 1`);

// Enrol by code (the phone proves itself by digits it is sent) -> welcome coupon -> redeemed at the counter -> the
// marketer's figures -> the manager's board.
export async function loop(browser) {
	const marketer = await open(browser, 'marketer');
	await send(marketer, 'flows/welcome/start', {});
	const before = (await read(marketer, 'health-board')).body.flows.find((flow) => flow.flow === 'welcome');
	const clerk = await open(browser, 'clerk');
	await visit(clerk, '#/qr');
	await clerk.waitForSelector('svg.qr');
	await judge(clerk, 'clerk qr');
	const address = await scanned(clerk);
	ok(address && address.startsWith(`${base}/#/join/`), 'the counter shows a code that leads to the form', address);
	const customer = await (
		await browser.newContext({viewport: sizes.small, isMobile: true, hasTouch: true, locale: 'zh-CN'})
	).newPage();
	customer.errors = [];
	customer.on('pageerror', (fault) => customer.errors.push(String(fault)));
	let coupon, person;
	// one in ten is held out: then the next customer is the one to follow
	for (let n = 1; n <= 8 && !coupon; n++) {
		await customer.goto('about:blank');
		await customer.goto(address);
		await customer.waitForSelector('#phone');
		if (n === 1) await judge(customer, 'join small');
		await customer.fill('#name', '赵云');
		await customer.fill('#phone', `1352222000${n}`);
		await customer.check('input[name=consent_sms]');
		await customer.click('#send_check');
		await customer.waitForFunction(() =>
			document.querySelector('[role=status].faint:not(.row)').textContent.startsWith('已发送'),
		);
		const digits = messaged(`1352222000${n}`);
		if (n === 1) {
			await customer.fill('#check', digits === '123456' ? '654321' : '123456');
			await customer.click('button[type=submit]');
			await customer.waitForFunction(() =>
				document.querySelector('[role=alert]').textContent.startsWith('验证码不对'),
			);
			ok(
				(await send(clerk, 'lookup', {kind: 'phone', value: '13522220001'})).status === 404,
				'wrong digits enrol nobody, and say so at their field',
			);
			await customer.reload();
			await customer.waitForSelector('#phone');
			ok(
				(await customer.inputValue('#name')) === '赵云' &&
					(await customer.inputValue('#phone')) === '13522220001' &&
					(await customer.isChecked('input[name=consent_sms]')),
				'a reload loses nothing that was typed',
			);
		}
		await customer.fill('#check', digits);
		await customer.click('button[type=submit]');
		await customer.waitForSelector('.good[role=status]').catch(async (fault) => {
			throw new Error(`${await customer.textContent('main')} ${fault.message}`);
		});
		person = (await send(clerk, 'lookup', {kind: 'phone', value: `1352222000${n}`})).body.customer_id;
		coupon = (await read(clerk, `persons/${person}/coupons`)).body.items.find((one) => one.state === 'issued');
	}
	ok(coupon !== undefined, 'who enrolled is welcomed with a coupon', coupon);
	await visit(clerk, `#/redeem/${coupon.code}`);
	await clerk.fill('#order_external_id', `QR-${person}`);
	await clerk.fill('#amount', '88.00');
	await clerk.click('main button[type=submit]');
	await clerk.waitForSelector('.big.good');
	ok(true, 'redeemed at the counter');
	await visit(clerk, '#/find');
	const after = (await read(marketer, 'health-board')).body.flows.find((flow) => flow.flow === 'welcome');
	ok(after.redeemed === before.redeemed + 1 && after.treated > before.treated, "the marketer's figures count it", [
		before,
		after,
	]);
	const manager = await open(browser, 'store_manager');
	await visit(manager, '#/behind/flow/welcome.redeemed');
	await manager.waitForSelector(`a[href="#/person/${person}"]`);
	ok(true, "and the manager's board opens the person behind it");
	ok(
		(await read(customer, 'me')).status === 401 && (await send(customer, 'search', {text: '赵'})).status === 401,
		"a store's code opens nothing else",
	);
	ok(
		customer.errors.length + clerk.errors.length + manager.errors.length === 0,
		'the consoles were quiet all the way',
		[customer.errors, clerk.errors, manager.errors],
	);
	for (const page of [marketer, clerk, customer, manager]) await page.context().close();
}

export async function offline(browser) {
	const page = await open(browser, 'clerk');
	const {customer_id: person} = (await send(page, 'enrol', {name: '断网', phone: '13522221111', consents: []})).body;
	await visit(page, '#/waiting');
	await visit(page, `#/person/${person}`);
	await page.context().setOffline(true);
	await page.fill('textarea', '断网时写的');
	await page.click('form:has(textarea) button[type=submit]');
	await page.waitForSelector('#offline a[href="#/waiting"]');
	ok((await page.textContent('#offline')).includes('1 条待发送'), 'without a network a note waits, and says so');
	await page.click('#offline a');
	await page.waitForSelector('main li:has-text("断网时写的")');
	await page.context().setOffline(false);
	await page.waitForFunction(() => sessionStorage.length === 0);
	ok(
		(await page.waitForSelector('main p:text("暂无")').catch(() => null)) !== null,
		'what was sent is no longer shown as waiting',
		await page.textContent('main'),
	);
	const notes = (await read(page, `persons/${person}/timeline?limit=50`)).body.items.filter(
		(item) => item.text === '断网时写的',
	);
	ok(notes.length === 1, 'back again it is sent, once', notes);
	ok(
		page.errors.filter((text) => !/ERR_(INTERNET_DISCONNECTED|FAILED)/.test(text)).length === 0,
		'nothing else was said in the console',
		page.errors,
	);
	await page.context().close();
	await early(browser, person);
}

// A page that was left before it stood, and files that are kept nowhere.
async function early(browser, person) {
	const page = await open(browser, 'clerk', {serviceWorkers: 'block'});
	await visit(page, '#/tasks');
	await page.route('**/api/v1/tasks*', () => null);
	await page.reload();
	await page.waitForSelector('nav a');
	await page.evaluate((id) => {
		location.hash = `#/person/${id}`;
	}, person);
	await page.waitForSelector('textarea');
	await page.context().setOffline(true);
	await page.fill('textarea', '打开一半时写的');
	await page.click('form:has(textarea) button[type=submit]');
	await page.waitForSelector('#offline a[href="#/waiting"]');
	ok(
		(await page.evaluate(() => JSON.parse(sessionStorage.getItem('waiting'))[0].actor)) === 'CLERK',
		"a note waits under its writer's name, whatever the first page did",
	);
	await page.context().setOffline(false);
	await page.waitForFunction(() => sessionStorage.getItem('waiting') === null);
	await visit(page, `#/person/${person}`);
	await page.context().setOffline(true);
	await page.click('header button:text("退出")');
	await page.waitForSelector('main [role=alert]');
	ok(
		!(await page.textContent('body')).includes('打开一半') && (await page.isHidden('header')),
		'who signs out without a network leaves no customer on the screen',
		await page.textContent('main'),
	);
	await page.context().setOffline(false);
	await page.click('main button');
	await page.waitForSelector('#password');
	ok((await page.evaluate(() => sessionStorage.length)) === 0, 'and is asked to sign in, once the network is back');
	await page.context().close();
}
