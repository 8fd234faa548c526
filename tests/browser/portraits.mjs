// Without anybody: the portrait of an audience for who may see figures alone; and the tags that staff give to one
// customer by hand.
import {judge, ok, open, people, read, send, sql, visit} from './harness.mjs';

export async function portraits(browser) {
	sql(
		"SELECT crm.access_define_staff('READER', 'reader reader', 'crm_reader', '{all}', 'reader'), crm.access_set_password('READER', 'pass-reader-word')",
	);
	people.reader ??= {name: 'reader', password: 'pass-reader-word'};
	const marketer = await open(browser, 'marketer', {size: 'desk'});
	await send(
		marketer,
		'segments/portrait_s1',
		{
			name_zh: '南京路的顾客',
			name_en: 'customers of Nanjing Road',
			rule: {kind: 'person', field: 'store', value: 'S1'},
			kind: 'static',
		},
		'PUT',
	);
	await send(
		marketer,
		'segments/portrait_few',
		{name_zh: '没几个', rule: {kind: 'person', field: 'city', value: '无此城'}, kind: 'static'},
		'PUT',
	);
	await visit(marketer, '#/portraits/portrait_s1');
	ok((await marketer.$('main a[href="#/audiences/portrait_s1"]')) !== null, 'a marketer is led on to the list');
	await marketer.context().close();
	const members = sql(
		"SELECT count(*) FROM crm.segment_member m JOIN crm.segment s USING (segment_id) WHERE s.code = 'portrait_s1' AND m.left_at = 'infinity'",
	);
	for (const [language, theme, name, few] of [
		['zh-CN', 'light', '南京路的顾客', '人数太少'],
		['en', 'dark', 'customers of Nanjing Road', 'Too few customers'],
	]) {
		const page = await open(browser, 'reader', {language, theme});
		ok(
			(await page.$$eval('nav a', (links) => links.map((link) => link.getAttribute('href')))).join() ===
				'#/portraits',
			'who sees figures alone has the portraits',
		);
		await visit(page, '#/portraits');
		await page.selectOption('#whose', {label: name});
		await page.waitForFunction(
			() =>
				location.hash === '#/portraits/portrait_s1' &&
				document.querySelector('#whose')?.value === 'portrait_s1',
		);
		const told = await page.textContent('main');
		const rows = (await read(page, 'reports/portrait?segment=portrait_s1')).body.items;
		ok(
			(await page.textContent('main .big')) === members &&
				rows.every(
					(row) =>
						row.dimension === 'all' ||
						told.includes(
							new Intl.NumberFormat(language, {style: 'percent', maximumFractionDigits: 1}).format(
								row.share,
							),
						),
				),
			`${language}: as many as the audience has, each share as the database tells it`,
			told,
		);
		ok(
			(await page.$$('main a[href*="person"], main a[href*="audiences"]')).length === 0 &&
				!/\*\*|null|undefined/.test(told),
			'nobody is named in it, nor led to',
			told,
		);
		await judge(page, `portrait ${language} ${theme}`);
		await visit(page, '#/portraits/portrait_few');
		ok(
			(await page.textContent('main')).includes(few),
			`${language}: too few are not told, and why`,
			await page.textContent('main'),
		);
		await page.evaluate(() => {
			location.hash = '#/portraits/no_such';
		});
		ok(
			await page.waitForSelector('main [role=alert]').then(
				() => true,
				() => false,
			),
			'an audience that is none says so',
			await page.textContent('main'),
		);
		ok(page.errors.length === 0, 'the console was quiet', page.errors);
		await page.context().close();
	}
}

// A tag that staff give on a customer's page, as the page of tags says, and take back: each with its undo.
export async function tagged(browser) {
	sql("SELECT crm.segment_define_tag('by_hand', '孕妇关怀', 'base', NULL, 'manual', 'expecting')");
	const person = sql(
		`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "TAGGED", "name": "贴标签", "phone": "13655590011", "store_code": "S1"}')`,
	);
	const held = () =>
		sql(
			`SELECT count(*) FROM crm.customer_tag WHERE customer_id = ${person} AND tag = 'by_hand' AND until > crm.core_now()`,
		);
	for (const [language, name, add, take, back] of [
		['zh-CN', '孕妇关怀', '贴标签', '去掉标签：孕妇关怀', '撤销'],
		['en', 'expecting', 'Add a tag', 'Take away: expecting', 'Undo'],
	]) {
		const page = await open(browser, 'clerk', {language});
		const undo = () => page.click(`#toast p:last-child button:text("${back}")`);
		await visit(page, `#/person/${person}`);
		await page.click(`#tags button:text("${add}")`);
		await page.click(`#tags button:text-is("${name}")`);
		await page.waitForSelector(`#tags .tag:text-is("${name}")`);
		ok(
			held() === '1' &&
				(await page.evaluate(() => document.querySelector('#tags').contains(document.activeElement))),
			`${language}: two taps give a tag, and the keys stay there`,
			held(),
		);
		await judge(page, `a customer with a tag by hand ${language}`);
		await undo();
		await page.waitForSelector(`#tags .tag:text-is("${name}")`, {state: 'detached'});
		ok(held() === '0', 'taken back at once');
		await page.click(`#tags button:text("${add}")`);
		await page.click(`#tags button:text-is("${name}")`);
		await page.click(`#tags button[aria-label="${take}"]`);
		await page.waitForSelector(`#tags .tag:text-is("${name}")`, {state: 'detached'});
		ok(held() === '0', 'or later');
		await undo();
		await page.waitForSelector(`#tags .tag:text-is("${name}")`);
		ok(held() === '1', 'and given again');
		await page.click(`#tags button[aria-label="${take}"]`);
		await page.waitForSelector(`#tags .tag:text-is("${name}")`, {state: 'detached'});
		ok(page.errors.length === 0, 'the console was quiet', page.errors);
		await page.context().close();
	}
	const analyst = await open(browser, 'analyst', {size: 'desk'});
	await visit(analyst, `#/person/${person}`);
	ok((await analyst.$$('#tags button')).length === 0, 'who may give none is offered none');
	await analyst.context().close();
}
