// What is asked of every page, and of the whole: each is known to the tests, reached by key alone, taken along as a
// file; charts go with the theme; what is frozen stays; what is shown in clear is on the trail; a link opens once;
// the counter answers for the whole chain.
import {readFileSync, readdirSync} from 'node:fs';
import {base, judge, ok, open, people, quiet, read, send, sql, visit} from './harness.mjs';
import {pairsUnderReview} from './steward.mjs';
import {filled, somethingToDo, views} from './views.mjs';

// No page is left out of what these tests walk, and nothing is pressed that a keyboard does not reach.
export async function complete() {
	const known = [
		...readFileSync('fcgi/www/js/app.js', 'utf8')
			.match(/const pages = {([\s\S]*?)\n};/)[1]
			.matchAll(/^\t(\w+): {/gm),
	].map(([, name]) => name);
	const walked = new Set(views.map(([, , address]) => address.split('/')[1]));
	ok(
		known.length > 25 && known.every((name) => walked.has(name)),
		`all ${known.length} pages are walked`,
		known.filter((name) => !walked.has(name)),
	);
	const pressed = readdirSync('fcgi/www/js', {recursive: true})
		.filter((file) => file.endsWith('.js'))
		.flatMap((file) =>
			[...readFileSync(`fcgi/www/js/${file}`, 'utf8').matchAll(/\bh\(\s*'(\w+)',\s*{[^{}]*\bonclick:/g)].map(
				([, name]) => [name, file],
			),
		);
	const mute = pressed.filter(([name]) => !['button', 'a'].includes(name));
	// on the list of what was found, a tap on a link within remembers where the list stood
	ok(
		pressed.length > 50 && mute.every(([name, file]) => name === 'div' && file === 'pages/find.js'),
		`${pressed.length} things to press are buttons and links`,
		mute,
	);
}

const each = async (browser, of, act) => {
	const named = await somethingToDo(browser);
	for (const role of new Set(of.map(([, who]) => who))) {
		const page = await open(browser, role, {size: 'desk', language: 'en', theme: 'dark'});
		for (const [name, , address] of of.filter(([, who]) => who === role)) {
			await visit(page, filled(address, named));
			await quiet(page);
			await act(page, name);
		}
		ok(page.errors.length === 0, `${role}: the console was quiet`, page.errors);
		await page.context().close();
	}
};

// From the top of each page the tab key comes to everything that can be pressed or filled in, says where it is, and
// is not held.
export async function byKey(browser) {
	await each(browser, views, async (page, name) => {
		const wanted = await page.evaluate(() => {
			const all = [
				...document.querySelectorAll(
					'main a[href], main button:not([disabled]), main input:not([disabled]), main select:not([disabled]), main textarea:not([disabled]), main summary, main [tabindex="0"]',
				),
			].filter((one) => one.getClientRects().length > 0 && one.checkVisibility({visibilityProperty: true}));
			all.forEach((one, i) => {
				one.dataset.key = i;
			});
			document.activeElement.blur();
			getSelection().removeAllRanges();
			document.getElementById('skip').focus();
			return all.filter((one) => one.type !== 'radio').length;
		});
		const come = new Set(),
			unseen = [];
		for (let n = 0; n < Math.min(wanted, 160) + 60 && come.size < Math.min(wanted, 160); n++) {
			await page.keyboard.press('Tab');
			const at = await page.evaluate(() => {
				const one = document.activeElement,
					style = getComputedStyle(one);
				return one.dataset.key === undefined
					? null
					: [
							one.dataset.key,
							style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
							one.outerHTML.slice(0, 80),
						];
			});
			if (at && !at[1] && !come.has(at[0])) unseen.push(at[2]);
			if (at) come.add(at[0]);
		}
		ok(
			come.size >= Math.min(wanted, 160) && unseen.length === 0,
			`${name}: ${come.size} things are reached by key, and seen to be`,
			{
				wanted,
				come: come.size,
				unseen: unseen.slice(0, 3),
				missing: await page.$$eval(
					'[data-key]',
					(all, keys) =>
						all.filter((one) => !keys.includes(one.dataset.key)).map((one) => one.outerHTML.slice(0, 120)),
					[...come],
				),
			},
		);
	});
}

// Whatever list somebody looks at can be taken along as a file, which says no more than the page.
export async function taken(browser) {
	const bare = ['find', 'redeem', 'points', 'enrol', 'waiting'];
	await each(
		browser,
		views.filter(([name]) => !bare.includes(name)),
		async (page, name) => {
			const [file] = await Promise.all([page.waitForEvent('download'), page.click('#seen')]);
			const text = readFileSync(await file.path(), 'utf8');
			const missing = await page.evaluate(
				(csv) =>
					[...document.querySelectorAll('main h2, main td')]
						.filter((one) => !one.closest('form, details:not([open])'))
						.map((one) => one.innerText.replace(/\s+/g, ' ').trim())
						.filter((said) => said && !csv.includes(said.replaceAll('"', '""')))
						.slice(0, 3),
				text,
			);
			ok(
				text.startsWith('\ufeff') && missing.length === 0 && !/1391234\d{4}/.test(text),
				`${name} as a file, as it is seen`,
				missing,
			);
		},
	);
}

// The theme of the device turns while a page stands: charts turn with it, and can be read in both.
export async function redrawn(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	for (const address of ['#/board', '#/reports', '#/charts']) {
		await visit(page, address);
		await page.waitForSelector('main svg');
		const looks = () =>
			page.evaluate(() => {
				const rgb = (text) =>
					text
						.match(/[\d.]+/g)
						.slice(0, 3)
						.map(Number);
				const light = ([r, g, b]) => {
					const [x, y, z] = [r, g, b].map((c) =>
						c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
					);
					return 0.2126 * x + 0.7152 * y + 0.0722 * z;
				};
				const ground = (one) => {
					for (let at = one; at; at = at.parentElement) {
						const color = getComputedStyle(at).backgroundColor;
						if (!/, 0\)$|transparent/.test(color)) return rgb(color);
					}
					return [255, 255, 255];
				};
				const texts = [...document.querySelectorAll('main svg text')].filter((one) => one.textContent.trim());
				const contrast = texts.map((one) => {
					const [a, b] = [light(rgb(getComputedStyle(one).fill)), light(ground(one.closest('svg')))].sort(
						(x, y) => y - x,
					);
					return (a + 0.05) / (b + 0.05);
				});
				return {
					drawn: [...document.querySelectorAll('main svg :is(rect, path, polyline, circle, polygon)')]
						.map((one) => getComputedStyle(one).fill + getComputedStyle(one).stroke)
						.join(),
					least: Math.min(...contrast),
					texts: texts.length,
				};
			});
		await page.emulateMedia({colorScheme: 'light'});
		const day = await looks();
		await page.emulateMedia({colorScheme: 'dark'});
		const night = await looks();
		ok(
			day.texts > 0 && day.drawn !== night.drawn && day.least >= 4.5 && night.least >= 4.5,
			`${address}: charts turn with the theme, and are read in both (contrast ${day.least.toFixed(1)} and ${night.least.toFixed(1)})`,
		);
		await page.emulateMedia({colorScheme: 'light'});
		ok((await looks()).drawn === day.drawn, `${address}: and back`);
	}
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A number in clear is told with its reason, and stands on the trail with who asked; before that nothing on the page
// shows it.
export async function unmasked(browser) {
	const page = await open(browser, 'clerk');
	const {
		body: {customer_id: person},
	} = await send(page, 'lookup', {kind: 'phone', value: '13912340002'});
	await visit(page, `#/person/${person}`);
	ok(!(await page.content()).includes('13912340002'), 'what is masked is not in the page either');
	const trail = () =>
		sql(
			`SELECT count(*) FROM crm.audit WHERE action = 'unmask' AND object_id = ${person} AND actor = 'CLERK' AND field = 'phone' AND reason <> ''`,
		);
	const before = Number(await trail());
	await page.evaluate(() =>
		addEventListener('click', (event) => event.target.closest('a[href^="tel:"]') && event.preventDefault(), true),
	);
	ok(
		await page.evaluate(
			() =>
				document.querySelector('main').contains(document.querySelector('form #reason')) &&
				document.querySelector('form:has(#reason) button').getBoundingClientRect().top < 500,
		),
		"the one key to dial is near the top of the phone's page",
	);
	await page.click('form:has(#reason) button[type=submit]');
	await page.waitForSelector('a.dial[href="tel:13912340002"], a.dial[href="tel:+8613912340002"]');
	ok(Number(await trail()) === before + 1, 'who saw a number in clear is on the trail, with the reason', [
		before,
		await trail(),
	]);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// The counter card: a member of another store is known by phone or card, as far as the card goes, counted and on the
// trail; and by name not at all.
export async function counterCard(browser) {
	sql(
		`SELECT count(*) FROM crm.ingest_member('till', convert_to('{"external_id": "FAR", "name": "诸葛亮", "phone": "13655551234", "member_card": "CARD-778899", "store_code": "S2", "address": "人民路1号"}', 'UTF8')) r`,
	);
	const page = await open(browser, 'clerk');
	for (const value of ['136 5555 1234', 'CARD-778899']) {
		await visit(page, '#/find');
		await page.fill('#text', value);
		await page.click('main form button');
		await page.waitForSelector('main .card h2');
		const card = await page.textContent('main .card:has(h2)');
		ok(
			card.includes('诸') &&
				!/诸葛亮|13655551234|人民路1号/.test(card) &&
				(await page.$('main .card h2 a')) === null,
			`${value}: a member of another store is answered with the counter card, and not opened`,
			card,
		);
	}
	await visit(page, '#/find');
	await page.fill('#text', '诸葛亮');
	await page.click('main form button');
	await page.waitForSelector('main a[href^="#/enrol/"]');
	ok((await page.$$('main .card h2')).length === 0, 'by name nobody of another store is found');
	const far = sql("SELECT k.customer_id FROM crm.customer k WHERE k.name_masked LIKE '诸%' ORDER BY 1 DESC LIMIT 1");
	ok(
		Number(
			sql(`SELECT count(*) FROM crm.audit WHERE actor = 'CLERK' AND action LIKE '%look%' AND object_id = ${far}`),
		) >= 2,
		'each look-up is on the trail',
	);
	await visit(page, '#/find');
	await page.evaluate((id) => {
		location.hash = `#/person/${id}`;
	}, far);
	await page.waitForSelector('main .warn');
	ok(!(await page.textContent('main')).includes('诸'), 'nor by an address', await page.textContent('main'));
	await page.context().close();
}

// A one-time link signs in once.
export async function oneTimeLink(browser) {
	const token = sql("SELECT crm.access_issue_link('CLERK')");
	for (const turn of ['first', 'second']) {
		const page = await (await browser.newContext({locale: 'zh-CN', viewport: {width: 360, height: 740}})).newPage();
		await page.goto(`${base}/#/link/${token}`);
		await page.waitForSelector('main button[type=submit]');
		if (turn === 'first') await judge(page, 'sign-in by link');
		await page.click('main button[type=submit]');
		if (turn === 'first')
			ok(
				await page.waitForSelector('nav a[href="#/tasks"]').then(
					() => true,
					() => false,
				),
				'a link signs in, without a password',
			);
		else
			ok(
				(await page
					.waitForFunction(() => document.querySelector('[role=alert]')?.textContent !== '')
					.then(
						() => page.$('nav a'),
						() => 'no word',
					)) === null,
				'and only once',
			);
		await page.context().close();
	}
}

// Both languages and themes at the door, for who is not signed in.
export async function doorsLook(browser) {
	for (const [language, theme, width] of [
		['zh-CN', 'light', 360],
		['en', 'dark', 390],
		['zh-CN', 'dark', 768],
		['en', 'light', 1280],
	]) {
		const page = await (
			await browser.newContext({locale: language, colorScheme: theme, viewport: {width, height: 800}})
		).newPage();
		await page.goto(base);
		await page.waitForSelector('#password');
		await judge(page, `the door ${language} ${theme} ${width}`);
		await page.context().close();
	}
	ok(Object.keys(people).length > 4, 'and signed in, the pages of each role');
}

// What was frozen is what everybody reads later: a late order changes the board of today and not the month that is
// over.
export async function frozen(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	const cells = async () => {
		await visit(page, '#/board');
		await page.waitForSelector('section:has(h2:text("十二项指标")) tbody tr');
		return page.$$eval('section:has(h2:text("十二项指标")) tbody tr', (rows) => rows.map((row) => row.innerText));
	};
	const week = async () => {
		await cells();
		await page.click('section:has(h2:text("十二项指标")) button:text("周")');
		await page.waitForSelector('section:has(h2:text("十二项指标")) button[aria-pressed=true]:text("周")');
		return page.$$eval('section:has(h2:text("十二项指标")) tbody tr', (rows) => rows.map((row) => row.innerText));
	};
	const before = [await cells(), await week()];
	await cells();
	ok((await page.$('section:has(h2:text("十二项指标")) svg.radar')) !== null, 'as a radar beside the period before');
	ok(
		before[0].length === 12 && before[1].length === 12,
		'twelve indicators, of the month and of the week',
		before.map((one) => one.length),
	);
	const month = (await read(page, 'reports/indicators?period=month')).body;
	ok(
		month.indicators.some((row) => row.frozen_at),
		'the month that is over is frozen',
		month,
	);
	const buyers = async () =>
		(await read(page, `reports/trend?from=${month.ends_on}&to=${month.ends_on}&unit=day`)).body.items[0].buyers;
	const live = await buyers();
	sql(`SELECT count(*) FROM crm.ingest_member('till', convert_to('{"external_id": "LATE", "name": "晚到", "phone": "13655554321", "store_code": "S1", "registered_at": "${month.ends_on}T10:00:00+08:00"}', 'UTF8')) r;
		SELECT count(*) FROM crm.ingest_order('till', convert_to('{"external_id": "LATE1", "member_external_id": "LATE", "store_code": "S1", "ordered_at": "${month.ends_on}T11:00:00+08:00", "amount": 9999}', 'UTF8')) r`);
	const after = [await cells(), await week()];
	ok(JSON.stringify(after) === JSON.stringify(before), 'a late order changes nothing that was frozen', [
		before[0],
		after[0],
	]);
	ok((await buyers()) === live + 1, 'and is in the figures of today at once', [live, await buyers()]);
	await page.context().close();
}

// J and K go through the pairs, as M, N and U decide them.
export async function reviewKeys(browser) {
	const page = await pairsUnderReview(browser);
	const shown = () =>
		page.$$eval('main th a[href^="#/history/"]', (all) => all.map((one) => one.getAttribute('href')).join());
	const first = await shown();
	await page.keyboard.press('j');
	await page.waitForFunction(
		(was) =>
			[...document.querySelectorAll('main th a[href^="#/history/"]')]
				.map((one) => one.getAttribute('href'))
				.join() !== was,
		first,
	);
	await page.keyboard.press('k');
	await page.waitForFunction(
		(was) =>
			[...document.querySelectorAll('main th a[href^="#/history/"]')]
				.map((one) => one.getAttribute('href'))
				.join() === was,
		first,
	);
	ok(true, 'J is the next pair, K the one before');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
	sql("DELETE FROM crm.review WHERE state = 'open' AND reason = 'contradiction'");
}

// Who is a customer already is said before anything is saved; who goes on all the same keeps one record.
export async function warned(browser) {
	const page = await open(browser, 'clerk');
	await visit(page, '#/enrol');
	await page.fill('#phone', '13912340002');
	await page.fill('#name', '王芳');
	const before = sql('SELECT count(*) FROM crm.source_record');
	await page.click('main form button[type=submit]');
	await page.waitForSelector('main .warn:text("已")');
	ok(
		(await page.$('main a[href^="#/person/"]')) !== null &&
			sql('SELECT count(*) FROM crm.source_record') === before,
		'a phone that is known is told before anything is saved, with the customer it is',
		await page.textContent('main'),
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A region's manager has the morning's exceptions first, the region's stores and none beside, and hands on what
// stands still.
export async function regional(browser) {
	sql("SELECT crm.access_define_region('W', '华西'), crm.access_define_store('S9', '春熙路店', 'W', '成都')");
	const page = await open(browser, 'manager');
	await visit(page, '#/board');
	const parts = await page.$$eval('main section h2', (all) => all.map((one) => one.textContent));
	ok(parts.length > 6 && parts[0] === '需要处理', 'what is stuck stands before every figure', parts);
	const stores = await page.$$eval('#where option', (all) => all.map((one) => one.textContent));
	ok(
		stores.includes('南京路店') && stores.includes('人民路店') && !stores.includes('春熙路店'),
		'the stores of the region, and none beside',
		stores,
	);
	const status = await Promise.all(
		[
			'health-board?store=S9',
			'reports/scorecard?from=2026-01-01&to=2026-01-31&store=S9',
			'reports/forecast?store=S9',
			'reports/persons?what=active&store=S9',
		].map((path) => read(page, path).then((answer) => answer.status)),
	);
	ok(
		status.every((code) => code === 404),
		'nor by asking for it',
		status,
	);
	ok(
		(await send(page, 'tier-sets/retail_sabc', {name: 'x', rules: []}, 'PUT')).status === 403 &&
			(await send(page, 'flows/silence_30/start', {})).status === 403,
		'flows and tiers are read, not changed',
	);
	ok(page.errors.filter((text) => !/403/.test(text)).length === 0, 'the console was quiet', page.errors);
	await page.context().close();
	sql("DELETE FROM crm.store WHERE code = 'S9'; DELETE FROM crm.region WHERE code = 'W'");
}
