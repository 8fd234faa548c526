// A manager's work: what is stuck, the board with every number opening its persons, stores side by side, people's
// scorecards, a leaver's customers handed over; what a store's manager sees is the store's.
import {judge, ok, open, quiet, settled, sql, visit} from './harness.mjs';

export async function boards(browser) {
	for (const [size, language, theme] of [
		['small', 'zh-CN', 'light'],
		['desk', 'en', 'dark'],
	]) {
		const page = await open(browser, 'headquarters', {size, language, theme});
		for (const address of [
			'#/board',
			'#/board/region/E',
			'#/board/store/S1',
			'#/board/all/-/2026-10-31',
			'#/scorecard',
			'#/behind/active/-',
			'#/behind/tier/P/store/S1',
		]) {
			await visit(page, address);
			await judge(page, `headquarters ${address} ${size} ${language} ${theme}`);
			ok(
				(await page.$$('main .warn:text("这一块没有读出来"), main .warn:text("could not be read")')).length ===
					0,
				`${address}: every part was read`,
			);
		}
		ok(page.errors.length === 0, `boards ${size} ${language} ${theme}: the console is quiet`, page.errors);
		await page.context().close();
	}
}

// The number on the board and the persons it opens are as many; pages of the list follow each other.
export async function numbers(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/board');
	const links = await page.$$eval('main a[href^="#/behind/"], main svg a', (all) =>
		all.map((link) => [
			link.getAttribute('href'),
			link.querySelector('text:last-of-type')?.textContent || link.textContent,
		]),
	);
	const counted = links
		.filter(([, text]) => (!text.includes('%') || text.includes('·')) && !/[¥￥.]/.test(text))
		.map(([href, text]) => [href, Number(text.replace(/ ·.*/, '').replace(/\D/g, ''))]);
	ok(counted.length >= 8, 'the board has numbers that open their persons', links);
	ok(
		links.filter(([href]) => href.startsWith('#/behind/rfm/')).length >= 2 &&
			links.some(([href]) => href.startsWith('#/behind/cohort/')) &&
			links.some(([href]) => href.startsWith('#/behind/transition/')),
		'those of the value map, of the cohorts and of moves among them',
		links.map(([href]) => href),
	);
	const wrong = [];
	// what was frozen is opened by what is known now, so it is none of these
	for (const [href, n] of counted
		.filter(([href, n]) => n > 0 && n <= 100 && !href.startsWith('#/behind/indicator/'))
		.slice(0, 25)) {
		await visit(page, href);
		await quiet(page);
		const rows = (await page.$$('main tbody tr')).length;
		if (rows !== n) wrong.push([href, n, rows]);
	}
	ok(wrong.length === 0, `each of ${Math.min(counted.length, 25)} numbers is as many persons as it opens`, wrong);
	await page.click('main tbody a');
	await page.waitForSelector('h2:text("时间线")');
	ok(page.errors.length === 0, 'and a person opens from there, quietly', page.errors);
	await page.context().close();
	const mine = await open(browser, 'store_manager');
	await visit(mine, '#/board');
	await judge(mine, 'store manager board');
	ok((await mine.$$('tbody a:text("人民路店")')).length === 0, "a store's manager sees no other store");
	const status = await mine.evaluate(() =>
		Promise.all(
			[
				'reports/persons?what=active&store=S2',
				'reports/scorecard?from=2026-01-01&to=2026-01-31&store=S2',
				'reports/exceptions?store=S2',
				'reports/value-map?store=S2',
				'health-board?store=S2',
			].map(async (path) => (await fetch(`/api/v1/${path}`)).status),
		),
	);
	ok(
		status.every((code) => code === 404),
		'nor by asking for it',
		status,
	);
	await mine.context().close();
}

// The numbers of a page that open their persons: where each leads, as many as it says; money and shares open who they
// are of.
const openings = (page, within = 'main') =>
	page.$$eval(`${within} a[href^="#/behind/"]`, (all) =>
		all.map((link) => ({
			href: link.getAttribute('href'),
			text: link.querySelector('text:last-of-type')?.textContent || link.textContent,
		})),
	);
const figureOf = ({text}) =>
	/[%¥￥]/.test(text.replace(/ ·.*/, '')) ? null : Number(text.replace(/ ·.*/, '').replace(/\D/g, ''));
async function listed(page, href) {
	await visit(page, href);
	await quiet(page);
	return (await page.$$('main tbody tr')).length;
}

// What a night adds up: somebody lost long ago, a lead that came to the store, a message that was opened, a coupon
// that was used and spoken of; and a deal, a tag and an overdue follow-up.
function withNight() {
	const told = (what, body) =>
		`SELECT count(*) FROM crm.ingest_${what}(convert_to('${JSON.stringify(body)}', 'UTF8'))`.replace(
			'(convert',
			`('${what === 'event' ? 'counts_app' : 'till'}', convert`,
		);
	const ago = (days) => new Date(Date.now() - days * 86400000).toISOString();
	sql(`SELECT crm.ingest_define_source('counts_app', '小程序', 'mini_program', '{"channel": "wechat"}')`);
	sql(
		told('member', {
			external_id: 'GONE',
			name: '沈默',
			phone: '13912347777',
			store_code: 'S1',
			registered_at: ago(600),
		}),
	);
	sql(
		told('order', {
			external_id: 'GONE1',
			member_external_id: 'GONE',
			store_code: 'S1',
			ordered_at: ago(400),
			amount: 88,
			items: [{product_code: 'P1', quantity: 1, unit_price: 88}],
		}),
	);
	sql(told('event', {external_id: 'L1', type: 'lead_form', occurred_at: ago(5), phone: '13912340001'}));
	sql(told('event', {external_id: 'L2', type: 'store_visit', occurred_at: ago(3), phone: '13912340001'}));
	const person = sql(
		"SELECT m.customer_id FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = 'M1' AND m.valid_to = 'infinity'",
	);
	sql(
		`INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind) SELECT ${person}, 'counts', crm.core_now(), 1 + n, k FROM unnest('{sent,opened,clicked}'::text[]) WITH ORDINALITY x (k, n)`,
	);
	sql(
		`INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, is_marketing, body, due_at, created_at) VALUES (${person}, 'counts', 'sms', 'post', true, '{}', crm.core_now(), crm.core_now())`,
	);
	sql(
		`SELECT crm.loyalty_define_coupon('counts', '{"name_zh": "试用", "name_en": "trial", "kind": "amount", "value": 10, "valid_days": 30, "rank": 10}')`,
	);
	sql(
		`INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, value, state, issued_at, valid_until, redeemed_at) VALUES (${person}, crm._new_id(), 'COUNTS1', 'counts', 10, 'redeemed', crm.core_now(), crm.core_now() + interval '9 days', crm.core_now())`,
	);
	sql(
		told('event', {
			external_id: 'F1',
			type: 'feedback',
			occurred_at: ago(0),
			phone: '13912340001',
			properties: {offer: 'counts', stars: 5, text: '好'},
		}),
	);
	sql(
		`SELECT crm.segment_define_tag('数一数', '数一数', 'base', NULL, 'manual'), crm.segment_tag_person(${person}, '数一数', NULL, 'x')`,
	);
	sql(
		`INSERT INTO crm.task (customer_id, task_id, task_key, kind, store_id, role, title, due_at, state, created_at) SELECT ${person}, crm._new_id(), 'counts', 'follow_up', min(s.store_id), 'crm_clerk', '回访', crm.core_now() - interval '3 days', 'open', crm.core_now() FROM crm.store s WHERE s.code = 'S1'`,
	);
	sql(
		`INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, amount, is_important, lead_source, store_id, opened_at, stage_at, touched_at, came_stages, came_at) SELECT ${person}, 1, 'consult', 'lead', 'open', '团购', 100, false, 'web', min(s.store_id), crm.core_now(), crm.core_now(), crm.core_now(), '{lead}', ARRAY[crm.core_now()] FROM crm.store s WHERE s.code = 'S1'`,
	);
	sql(
		`INSERT INTO crm.deal_event (customer_id, deal_id, deal_event_id, at, kind, actor, stage) VALUES (${person}, 1, crm._new_id(), crm.core_now(), 'opened', 'x', 'lead')`,
	);
	sql('SELECT crm._value_drain(); SELECT crm._report_groups_job()');
}

// Stores side by side, ways through categories, indicators, growth, lines of the scorecard: each number opens whom it
// counts.
export async function counts(browser) {
	withNight();
	const page = await open(browser, 'headquarters', {size: 'desk'});
	const kinds = {
		'#/board': ['persons', 'span', 'path', 'indicator', 'stuck'],
		'#/reports': ['span', 'frequency', 'funnel', 'tier', 'origin', 'mix', 'lost', 'lead', 'reached', 'field'],
		'#/scorecard': ['scorecard'],
		'#/tags': ['tagged'],
		'#/deals/consult': ['pipeline'],
		'#/coupons/edit/counts': ['offer', 'answered'],
	};
	for (const [address, wanted] of Object.entries(kinds)) {
		await visit(page, address);
		await quiet(page);
		const links = await openings(page);
		for (const kind of wanted) {
			const of = links.filter(({href}) => href.startsWith(`#/behind/${kind}/`));
			ok(
				of.length > 0,
				`${address}: numbers open ${kind}`,
				links.map(({href}) => href),
			);
			const wrong = [];
			await visit(page, of[0].href);
			ok(
				!/[a-z]+\.[a-z_]+/.test(await page.textContent('h1')),
				`${kind}: the list has a title`,
				await page.textContent('h1'),
			);
			for (const link of of.filter((one) => figureOf(one) === null || figureOf(one) <= 100).slice(0, 6)) {
				const rows = await listed(page, link.href),
					said = figureOf(link);
				// what is entered about one person twice, sent or due, is one line; an indicator that was frozen is
				// none of persons
				if (
					['scorecard', 'stuck', 'reached', 'offer', 'pipeline'].includes(kind)
						? rows < 1 || (said !== null && rows > said)
						: kind !== 'indicator' && (said === null ? rows < 1 : rows !== said)
				)
					wrong.push([link, rows]);
			}
			ok(wrong.length === 0, `${address}: as many ${kind} as they say`, wrong);
		}
	}
	await judge(page, 'the last of them');
	ok(page.errors.length === 0, 'quietly', page.errors);
	await page.context().close();
}

// A chart that one puts together opens whom each row counts, whatever it is divided by.
export async function chartCounts(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/charts');
	const all = [];
	for (const [group, measure, kind] of [
		['tier', 'persons', 'tier'],
		['channel', 'persons', 'origin'],
		['frequency', 'buyers', 'frequency'],
		['store', 'buyers', 'span'],
		['region', 'buyers', 'span'],
		['week', 'buyers', 'span'],
		['month', 'registered', 'span'],
		['category', 'net', 'mix'],
	]) {
		const answered = page.waitForResponse(/reports\/chart$/);
		await page.selectOption('#group', group);
		await answered;
		if ((await page.inputValue('#measure')) !== measure) {
			const again = page.waitForResponse(/reports\/chart$/);
			await page.selectOption('#measure', measure);
			await again;
		}
		await page.waitForFunction((wanted) => document.querySelector(`main a[href^="#/behind/${wanted}/"]`), kind);
		const links = (await openings(page)).filter(({href}) => href.startsWith(`#/behind/${kind}/`));
		ok(links.length > 0, `by ${group}: rows open persons`);
		all.push(...links.filter((one) => figureOf(one) === null || figureOf(one) <= 100).slice(0, 2));
	}
	const wrong = [];
	for (const link of all) {
		const rows = await listed(page, link.href),
			said = figureOf(link);
		if (said === null ? rows < 1 : rows !== said) wrong.push([link, rows]);
	}
	ok(all.length > 8 && wrong.length === 0, 'as many as they say', wrong);
	ok(page.errors.length === 0, 'quietly', page.errors);
	await page.context().close();
}

// What an indicator is a share of, and who did it, stand beside each other; whose line of a scorecard it is is said
// by name.
export async function sides(browser) {
	const page = await open(browser, 'headquarters', {language: 'en'});
	const month = await page.evaluate(
		async () => await (await fetch('/api/v1/reports/indicators?period=month')).json(),
	);
	const span = `${month.starts_on || '2026-10-01'}.${month.ends_on || '2026-10-31'}`;
	const of = await listed(page, `#/behind/indicator/dormancy.of.${span}`);
	await page.click('a.tag:text("who did")');
	await quiet(page);
	const met = (await page.$$('main tbody tr')).length;
	ok(of >= met && page.url().includes('dormancy.met'), 'those who did it are some of those it counts', [of, met]);
	await judge(page, "an indicator's persons");
	await listed(page, '#/scorecard');
	const line = (await openings(page)).find(({href}) => href.startsWith('#/behind/scorecard/'));
	await listed(page, line.href);
	const staff = decodeURIComponent(line.href).split('.').slice(4).join('.').split('/')[0];
	const name = sql(`SELECT coalesce(min(name), '') FROM crm.staff WHERE code = '${staff}'`);
	ok(
		(await page.textContent('h1')).includes(name || 'own phones'),
		'the line of a scorecard says whose it is',
		await page.textContent('h1'),
	);
	await page.context().close();
	const mine = await open(browser, 'store_manager');
	const status = await mine.evaluate(() =>
		Promise.all(
			[
				'span&key=buyers.2026-01-01.2026-12-31',
				'scorecard&key=notes.2026-01-01.2026-12-31.store.',
				'persons',
				'path&key=%5B%22x%22%5D',
			].map(async (what) => (await fetch(`/api/v1/reports/persons?what=${what}&store=S2`)).status),
		),
	);
	ok(
		status.every((code) => code === 404),
		'of another store no number opens anybody',
		status,
	);
	await mine.context().close();
}

// A number of nobody opens no list; from the line of a scorecard the way back leads to its days.
export async function nobody(browser) {
	const page = await open(browser, 'headquarters', {language: 'en'});
	const zeros = (figures) => Object.fromEntries(Object.keys(figures).map((name) => [name, 0]));
	await page.route('**/api/v1/health-board*', async (route) => {
		const response = await route.fetch(),
			board = await response.json();
		await route.fulfill({
			response,
			json: {...board, active_30d: 0, funnel: zeros(board.funnel), tiers: zeros(board.tiers)},
		});
	});
	await page.route('**/api/v1/reports/indicators*', async (route) => {
		const response = await route.fetch(),
			frozen = await response.json();
		await route.fulfill({
			response,
			json: {
				...frozen,
				indicators: frozen.indicators.map((row) =>
					row.indicator === 'active' ? {...row, value: 0, before: 0} : row,
				),
			},
		});
	});
	await visit(page, '#/board');
	await quiet(page);
	const hrefs = (await openings(page)).map(({href}) => href);
	ok(
		hrefs.length > 0 && !hrefs.some((href) => /behind\/(active|funnel|tier|indicator\/active)/.test(href)),
		'of nobody no number is a link',
		hrefs,
	);
	await visit(page, '#/behind/active/-');
	await quiet(page);
	const listedHere = (await page.$$('main tbody tr')).length;
	ok(
		(await page.textContent('main p[role=status]')) ===
			`${listedHere} customers are counted, and all of them are listed`,
		'a list says how many its number counts',
		await page.textContent('main p[role=status]'),
	);
	await page.route('**/api/v1/reports/persons/count*', (route) =>
		route.fulfill({
			contentType: 'application/json',
			body: JSON.stringify({counted: 310, listed: 298, most: 20000}),
		}),
	);
	await visit(page, '#/behind/persons/-');
	await visit(page, '#/behind/active/-');
	await quiet(page);
	ok(
		/^310 customers are counted; 12 of them .* below are 298$/.test(await page.textContent('main p[role=status]')),
		'and whom it counts beside',
		await page.textContent('main p[role=status]'),
	);
	await visit(page, '#/behind/scorecard/enrolled.2026-10-01.2026-10-31.store.e1/store/S1');
	ok(
		(await page.getAttribute('main a.tag[href^="#/scorecard"]', 'href')) ===
			'#/scorecard/store/S1/2026-10-01/2026-10-31',
		'the way back leads to the days that were looked at',
	);
	await page.context().close();
}

// Who has one store looks at it without choosing; stores of others are not offered; what is not chosen yet is said.
export async function ownStore(browser) {
	const page = await open(browser, 'store_manager');
	for (const address of ['#/board', '#/reports', '#/charts']) {
		await visit(page, address);
		const stores = await page.$$eval('#where option', (all) => all.map((one) => one.textContent));
		ok(
			stores.includes('南京路店') && !stores.includes('人民路店'),
			`${address} offers one's own store alone`,
			stores,
		);
	}
	await visit(page, '#/board');
	ok(
		!(await page.textContent('main')).includes('请选择一家门店') &&
			(await page.$$('section:has(h2:text("十二项指标")) tbody tr')).length > 9,
		"the indicators are the store's, nothing is to be chosen",
		await page.textContent('main'),
	);
	await visit(page, '#/scorecard/store/S1');
	ok(
		(await page.textContent('h1')).includes('南京路店') &&
			/录入质量排行 \d{4}年\d+月/.test(await page.textContent('main')),
		'stores and months have names',
		await page.textContent('h1'),
	);
	await page.fill('#reason', '离职');
	await page.click('form:has(#leaver) button[type=submit]');
	await page.waitForSelector('[role=alert]:text("请填写“从谁”")');
	ok(true, 'nobody is handed over by chance');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// Charts keep the size of the page's letters wherever they stand, rows and their numbers one line; what is stuck
// leads to where it is worked on; a region's board says where to choose a store.
export async function drawn(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/board');
	const sizes = await page.$$eval('main svg.bars', (all) =>
		all.map((one) => Math.round((one.getBoundingClientRect().width / 340) * 14)),
	);
	ok(
		sizes.length > 2 && sizes.every((size) => size >= 11 && size <= 17),
		'letters of bars are as large in a broad card as in a narrow one',
		sizes,
	);
	const slanted = await page.$$eval(
		'main .map tbody tr',
		(all) =>
			all
				.filter((row) => row.querySelector('td a'))
				.map((row) =>
					[row.querySelector('th'), row.querySelector('td a')].map((one) => {
						const range = document.createRange();
						range.selectNodeContents(one);
						const box = range.getBoundingClientRect();
						return (box.top + box.bottom) / 2;
					}),
				)
				.filter(([a, b]) => Math.abs(a - b) > 3).length,
	);
	ok(slanted === 0, 'what a row is called stands beside its numbers', slanted);
	ok(
		(await page.$$eval(
			'header nav a',
			(all) =>
				new Set(
					all
						.filter((one) => one.getClientRects().length > 0)
						.map((one) => Math.round(one.getBoundingClientRect().top)),
				).size,
		)) <= 2,
		'the menu of headquarters uses the breadth of the page',
	);
	sql(
		"INSERT INTO crm.alert (alert_id, kind, key, opened_at) SELECT crm._new_id(), 'dead_letter', 'drawn', crm.core_now() WHERE NOT EXISTS (SELECT FROM crm.alert a WHERE a.closed_at IS NULL)",
	);
	await visit(page, '#/board');
	await page.click('section:has(h2:text("需要处理")) a[href="#/channels"]');
	await page.waitForSelector('h1:text("触达设置")');
	ok(true, 'an alert leads to where it is seen to');
	await page.context().close();
	const region = await open(browser, 'manager');
	await visit(region, '#/board');
	const noRadar = await region.$$('main svg.radar');
	ok(
		noRadar.length > 0 || !(await region.textContent('main')).includes('雷达'),
		'nothing is said of a radar that is not there',
	);
	await region.click('button:text("请选择一家门店")');
	ok(
		(await region.evaluate(() => document.activeElement.id)) === 'where',
		'a region is told where to choose a store',
	);
	ok(page.errors.length + region.errors.length === 0, 'the console was quiet', [...page.errors, ...region.errors]);
	await region.context().close();
}

// A day before today: its active customers, and no persons behind, for today's are others.
export async function dated(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	await visit(page, '#/board');
	const earlier = await page.evaluate(() =>
		new Date(Date.now() + 8 * 3600000 - 100 * 86400000).toISOString().slice(0, 10),
	);
	await page.fill('#on_day', earlier);
	await page.dispatchEvent('#on_day', 'change');
	await page.waitForFunction((wanted) => location.hash === `#/board/all/-/${wanted}`, earlier);
	await settled(page);
	const told = await page.evaluate(
		async (wanted) => [
			(await (await fetch(`/api/v1/health-board?on_day=${wanted}`)).json()).active_30d,
			document.querySelector('main .big').textContent,
		],
		earlier,
	);
	ok(
		told[0] > 0 && String(told[0]) === told[1] && (await page.$$('main .big a')).length === 0,
		'the board of a day before says who was active then',
		told,
	);
	await page.fill('#on_day', '0202-01-05');
	await page.dispatchEvent('#on_day', 'change');
	ok((await page.evaluate(() => location.hash)) === `#/board/all/-/${earlier}`, 'a year half typed is no day yet');
	await page.fill('#on_day', '');
	await page.dispatchEvent('#on_day', 'change');
	await page.waitForFunction(() => location.hash === '#/board/');
	ok(page.errors.length === 0, 'quietly', page.errors);
	await page.context().close();
}

// A clerk's follow-up shows in the scorecard; the clerk leaves, the work is handed over.
export async function handover(browser) {
	const clerk = await open(browser, 'clerk');
	await clerk.evaluate(async () => {
		const send = async (path, body) =>
			(
				await fetch(`/api/v1/${path}`, {
					method: 'POST',
					headers: {'Content-Type': 'application/json', Accept: 'application/json'},
					body: JSON.stringify(body),
				})
			).json();
		const {customer_id: person} = await send('enrol', {name: '交接', phone: '13655550001', consents: ['sms']});
		await send(`persons/${person}/notes`, {body: '下周来', channel: 'store', next_on: '2030-01-02'});
	});
	await clerk.context().close();
	const page = await open(browser, 'store_manager', {size: 'desk'});
	await visit(page, '#/scorecard');
	await page.waitForSelector('td:text("clerk clerk")');
	ok(true, 'who enrolled and noted is in the scorecard');
	await page.selectOption('#leaver', 'CLERK');
	await page.selectOption('#to_staff', 'STORE_MANAGER');
	await page.click('button:text-is("交接")');
	await page.waitForFunction(() =>
		[...document.querySelectorAll('[role=alert]')].some((alert) => alert.textContent === '请填写“原因”'),
	);
	ok(true, 'a handover needs its reason');
	await page.fill('#reason', '离职');
	await page.click('button:text-is("交接")');
	await page.waitForSelector('#toast :text("已交接")');
	await visit(page, '#/tasks');
	await page.waitForSelector('main li a');
	ok((await page.$$('li:has-text("跟进")')).length > 0, "what was the leaver's is in the heir's list");
	ok(page.errors.length === 0, 'the console was quiet over a handover', page.errors);
	await page.context().close();
}
