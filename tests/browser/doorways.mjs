// Who leaves, who comes, and what lies between: nothing of one person is shown to, or done by, the next; an address
// that is not one's own says so; what was begun is there again, and what takes long goes on when its page is left.
import {readFileSync} from 'node:fs';
import {base, judge, ok, open, people, read, send, sql, visit} from './harness.mjs';
import {pairsUnderReview} from './steward.mjs';

const signIn = async (page, role) => {
	await page.waitForSelector('#password');
	await page.fill('#login', people[role].name);
	await page.fill('#password', people[role].password);
	await page.click('button[type=submit]');
	await page.waitForSelector('nav a');
};
const signOut = (page) => page.click('header > div > button:last-child');

// A pair under review, and an undo that still stood there, go with whoever signs out: keys bring neither back.
export async function leftBehind(browser) {
	const page = await pairsUnderReview(browser);
	await page.keyboard.press('n');
	await page.waitForSelector('#toast button:text("撤销")');
	await send(page, 'sign-out', {});
	await page.keyboard.press('n');
	await page.waitForSelector('#password');
	await page.evaluate(() => document.activeElement.blur());
	await page.evaluate(() =>
		new MutationObserver(() => {
			globalThis.isShown ||= document.querySelector('main table') !== null;
		}).observe(document.querySelector('main'), {childList: true, subtree: true}),
	);
	for (const key of ['j', 'k', 'm', 'u']) await page.keyboard.press(key);
	await page.waitForTimeout(300);
	ok(
		(await page.$('#password')) !== null && !(await page.evaluate(() => globalThis.isShown)),
		'a session that ended: no key shows the pair again, not for a moment',
		await page.textContent('main'),
	);
	ok(
		(await page.$('#toast button')) === null,
		'nor does an undo of what was done before stand there',
		await page.textContent('#toast'),
	);
	await signIn(page, 'steward');
	await page.waitForSelector('button:text("(M)")');
	ok(page.url().endsWith('#/reviews'), 'who signs in again goes on where it was');
	await signOut(page);
	await page.waitForSelector('#password');
	await signIn(page, 'clerk');
	ok(
		/#\/$/.test(page.url()) && (await page.$('main [role=status].warn')) === null,
		'who comes after somebody who left begins at the beginning',
		page.url(),
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
	sql("DELETE FROM crm.review WHERE reason = 'contradiction'");
}

// A file that was chosen outlives a session that ended, and not a sign-out.
export async function fileOfOne(browser) {
	const page = await open(browser, 'steward', {size: 'desk'});
	await visit(page, '#/import');
	await page.selectOption('#source', 'till');
	await page.setInputFiles('#file', {
		name: '名单.csv',
		mimeType: 'text/csv',
		buffer: Buffer.from('会员编号,姓名,手机号,门店\nF1,赵一,13712340001,S1\n'),
	});
	await page.click('main button[type=submit]');
	await page.waitForSelector('.pick');
	await send(page, 'sign-out', {});
	await page.evaluate(() => dispatchEvent(new HashChangeEvent('hashchange', {newURL: location.href})));
	await signIn(page, 'steward');
	ok(
		await page.waitForSelector('.pick').then(
			() => true,
			() => false,
		),
		'a file that was chosen is still there when the session is begun anew',
	);
	await signOut(page);
	await signIn(page, 'steward');
	await visit(page, '#/import');
	ok(
		(await page.$('.pick')) === null && (await page.$('#file')) !== null,
		'who signed out left no file behind',
		await page.textContent('main'),
	);
	await page.context().close();
}

// An address of somebody else's page opens one's own first page, whole, and says so.
export async function notYours(browser) {
	for (const [role, address, first, language, said] of [
		['clerk', '#/flows/silence_30/edit', '找顾客', 'zh-CN', '不是您的角色能用的页面'],
		['analyst', '#/reviews/accepted', 'Health board', 'en', 'no page of your role'],
		['steward', '#/nothing/of/that/name', '找顾客', 'zh-CN', '不是您的角色能用的页面'],
	]) {
		const page = await open(browser, role, {language});
		await visit(page, address);
		await page.waitForSelector('main > [role=status].warn').catch(() => null);
		ok(
			(await page.textContent('h1')).trim() === first && (await page.textContent('main')).includes(said),
			`${role} at ${address}: the first page, and that the address is not theirs`,
			await page.textContent('main'),
		);
		if (role === 'analyst')
			ok(
				(await page.inputValue('#where')) === '' &&
					(await page.textContent('main')).includes('Stores side by side'),
				'the board is the whole one: words of another page say nothing to it',
				await page.inputValue('#where'),
			);
		await judge(page, `${role} at an address of others`);
		await visit(page, '#/');
		ok(!(await page.textContent('main')).includes(said), 'and their own address says nothing of it');
		ok(page.errors.length === 0, 'the console was quiet', page.errors);
		await page.context().close();
	}
}

// A one-time link opened where somebody is signed in: nobody works under another's name without knowing.
export async function linkOfAnother(browser) {
	const page = await open(browser, 'clerk');
	const token = sql("SELECT crm.access_issue_link('STORE_MANAGER')");
	await visit(page, `#/link/${token}`);
	await page.waitForSelector('main button.main');
	ok(
		(await page.textContent('main')).includes('clerk clerk') && (await page.$('#text')) === null,
		'who is signed in is said, and nothing is opened yet',
		await page.textContent('main'),
	);
	await judge(page, 'a link where somebody is signed in');
	await page.click('main a.button');
	await page.waitForSelector('#text');
	ok((await read(page, 'me')).body.actor === 'CLERK', 'who stays goes on as before');
	await visit(page, `#/link/${token}`);
	await page.click('main button.main');
	await page.waitForSelector('main form button[type=submit]');
	await page.click('main form button[type=submit]');
	await page.waitForSelector('header :text("store_manager store_manager")');
	ok((await read(page, 'me')).body.actor === 'STORE_MANAGER', 'who leaves signs in with the link');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A field of the house half described, limits and codes half entered: a reload loses nothing.
export async function begun(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/forms/clerk');
	await page.click('#field_new');
	await page.fill('#own_fields #name_zh', '忌口');
	await page.selectOption('#own_fields #type', 'option');
	await page.fill('#own_fields #options', '花生\n海鲜');
	await page.reload();
	await page.waitForSelector('#own_fields');
	const now = await page.evaluate(() =>
		['name_zh', 'type', 'options'].map((id) => document.querySelector(`#own_fields #${id}`)?.value),
	);
	ok(
		now.join() === '忌口,option,花生\n海鲜' && (await page.isVisible('#own_fields #options')),
		'a field half described is there again',
		now,
	);
	await page.click('#own_fields button:text("放弃")');
	await visit(page, '#/forms/clerk');
	ok((await page.$('#own_fields #name_zh')) === null, 'and not when it was given up');
	await send(
		page,
		'coupon-types/begun',
		{
			name_zh: '半途',
			name_en: 'begun',
			kind: 'amount',
			value: 5,
			minimum_amount: 0,
			valid_days: 30,
			is_pooled: true,
		},
		'PATCH',
	);
	await visit(page, '#/coupons/edit/begun');
	await page.fill('#codes', 'A1 A2');
	await page.fill('#total_limit', '77');
	await page.reload();
	await page.waitForSelector('#codes');
	ok(
		(await page.inputValue('#codes')) === 'A1 A2' && (await page.inputValue('#total_limit')) === '77',
		'codes and limits half entered, too',
		[await page.inputValue('#codes'), await page.inputValue('#total_limit')],
	);
	await page.click('form:has(#total_limit) button[type=submit]');
	await page.click('#toast button:text("撤销")');
	await page.waitForFunction(() => document.querySelector('#total_limit')?.value === '');
	ok(
		sql("SELECT total_limit IS NULL FROM crm.coupon_type WHERE coupon_type = 'begun'") === 't' &&
			(await page.inputValue('#codes')) === 'A1 A2',
		'limits are taken back, and the codes stand where they were',
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A list of many as a file: a bar says how far it is, over the page and not on it, and it comes although the page was
// left.
export async function longFile(browser) {
	const page = await open(browser, 'marketer');
	await send(
		page,
		'segments/long_file',
		{name_zh: '很长', rule: {kind: 'person', field: 'store', value: 'S1'}, kind: 'static'},
		'PUT',
	);
	let turns = 0;
	await page.route(/\/api\/v1\/segments$/, async (route) => {
		const response = await route.fetch(),
			json = await response.json();
		if (turns++ < 2)
			Object.assign(
				json.items.find((one) => one.segment === 'long_file'),
				{as_of: null, persons: 0},
			);
		await route.fulfill({response, json});
	});
	await visit(page, '#/audiences/long_file');
	ok(
		(await page.textContent('main')).includes('正在计算') && (await page.textContent('main .big')) === '–',
		'an audience that is being filled says so, and not that it is empty',
		await page.textContent('main'),
	);
	ok(
		await page
			.waitForFunction(
				() =>
					/^\d+$/.test(document.querySelector('main .big')?.textContent) &&
					document.querySelector('main li a[href^="#/person/"]'),
			)
			.then(
				() => true,
				() => false,
			),
		'and shows who is in it as soon as it is',
		await page.textContent('main'),
	);
	await page.unroute(/\/api\/v1\/segments$/);
	const rows = (from) =>
		Array.from({length: 500}, (_, i) => ({
			customer_id: String(from + i),
			name: '王*',
			phone: '139****0001',
			since: '2026-01-01T00:00:00+08:00',
		}));
	let go;
	const held = new Promise((resume) => {
		go = resume;
	});
	await page.route('**/members?limit=500*', async (route) => {
		const at = Number(new URL(route.request().url()).searchParams.get('cursor') || 0);
		if (at === 6) await held;
		await route.fulfill({
			contentType: 'application/json',
			body: JSON.stringify({items: rows(1 + at * 500), next: at < 9 ? String(at + 1) : null}),
		});
	});
	const download = page.waitForEvent('download');
	await page.click('main button:text("导出 CSV")');
	await page.waitForFunction(
		() =>
			document.querySelector('main progress')?.value >= 3000 ||
			document.querySelector('main').textContent.includes('3,000'),
	);
	ok(
		(await page.$$('#toast p')).length === 0 && (await page.textContent('main')).includes('读完会自动保存'),
		'how far it is stands on the page, and not in a heap of messages over it',
		(await page.$$('#toast p')).length,
	);
	await judge(page, 'an audience that is being saved');
	await visit(page, '#/tags');
	go();
	const file = await download;
	ok(
		readFileSync(await file.path(), 'utf8')
			.trim()
			.split('\r\n').length === 5001,
		'the file comes whole, although its page was left',
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
	sql("SELECT crm.segment_drop('long_file')");
}

// On a customer's page nobody is offered what would be refused when it is typed already; who may redeem comes there
// from the coupon.
export async function offered(browser) {
	const person = sql(
		`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "OFFERED", "name": "谁能做什么", "phone": "13655590012", "store_code": "S1"}')`,
	);
	sql(`SELECT crm._loyalty_issue(${person}, 'welcome_5', NULL, 'offered', crm.core_now(), 'Asia/Shanghai')`);
	const forms = {reason: 'unmask', body: 'notes', title: 'tasks'},
		bodies = {
			unmask: {fields: ['phone'], reason: 'x'},
			notes: {body: 'x', channel: 'store'},
			tasks: {title: 'x', due_on: '2030-01-02'},
		};
	for (const role of [
		'clerk',
		'store_manager',
		'manager',
		'service',
		'steward',
		'marketer',
		'analyst',
		'headquarters',
	]) {
		const page = await open(browser, role, {size: 'desk'});
		await visit(page, `#/person/${person}`);
		const shown = await page.evaluate(
			(ids) => ids.filter((id) => document.querySelector(`main form #${id}`)),
			Object.keys(forms),
		);
		const link = await page.$('main a[href^="#/redeem/"]');
		const may = [];
		for (const [id, path] of Object.entries(forms))
			if ((await send(page, `persons/${person}/${path}`, bodies[path])).status !== 403) may.push(id);
		ok(shown.join() === may.join(), `${role}: what is offered is what one may do`, {shown, may});
		const mayRedeem =
			(
				await send(page, 'coupons/redeem', {
					code: 'NOSUCH',
					order_external_id: 'OFFERED',
					amount: '5',
					source: 'console',
				})
			).status !== 403;
		ok((link !== null) === (mayRedeem && role !== 'steward'), `${role}: coupons lead on to redeem who may`, [
			link !== null,
			mayRedeem,
		]);
		if (link) await link.click();
		if (link)
			ok(
				await page.waitForSelector('#order_external_id').then(
					() => true,
					() => false,
				),
				`${role}: and the coupon is there`,
				await page.textContent('main'),
			);
		ok(page.errors.filter((text) => !/403/.test(text)).length === 0, 'the console was quiet', page.errors);
		await page.context().close();
	}
}

// What cannot be taken back takes two taps: the store's posters go on working when one was by mistake.
export async function twoTaps(browser) {
	const page = await open(browser, 'store_manager');
	await visit(page, '#/qr');
	await page.click('main button.main');
	await page.waitForSelector('svg.qr');
	const code = (await page.getAttribute('main a[href*="#/join/"]', 'href')).split('/').at(-1);
	const works = async () => (await send(page, 'join/store', {code})).status;
	await page.click('main a[href*="#/join/"]');
	ok(
		(await page.waitForSelector('main form #phone').then(
			() => true,
			() => false,
		)) && (await page.isHidden('header')),
		'the address below the code leads to the form that customers see',
		await page.textContent('main'),
	);
	await page.goBack();
	await page.waitForSelector('main button.main');
	const first = 'button:text-is("停用本店所有的码")';
	await page.click(first);
	await judge(page, 'codes about to be ended');
	await page.keyboard.press('Enter');
	await page.waitForSelector(first);
	ok((await works()) === 200, 'one tap, and a second one without looking, ends no code');
	await page.click(first);
	await page.click('button:text("确定停用")');
	await page.waitForSelector('#toast p:text("已停用")');
	ok((await works()) === 404, 'two that are meant end all of them');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}
