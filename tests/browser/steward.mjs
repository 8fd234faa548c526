// A data steward's work: a file imported by column names in Chinese, faults by row, nothing taken or all; a workbook;
// a refused record tried again; a merge decided by key, looked at and undone.
import {deflateRawSync} from 'node:zlib';
import {judge, ok, open, sql, visit} from './harness.mjs';

// The steward's page of reviews, with three more pairs to decide.
export async function pairsUnderReview(browser) {
	sql(`INSERT INTO crm.review (review_id, customer_a, customer_b, reason, state, opened_at)
		SELECT crm._new_id(), a, b, 'contradiction', 'open', crm.core_now() FROM (SELECT customer_id AS a, lead(customer_id) OVER (ORDER BY customer_id) AS b, row_number() OVER (ORDER BY customer_id) AS n FROM crm.customer WHERE status = 'active') p WHERE n IN (3, 5, 7)`);
	const page = await open(browser, 'steward', {size: 'desk'});
	await visit(page, '#/reviews');
	await page.waitForSelector('button:text("(M)")');
	return page;
}

const text = (page, what) => page.waitForSelector(`:is(main, #toast) :text("${what}")`);
const file = (name, body) => ({name, mimeType: 'application/octet-stream', buffer: Buffer.from(body)});

async function choose(page, given, name) {
	await visit(page, '#/import');
	await page.selectOption('#source', '');
	await page.fill('#new_name', name);
	await page.selectOption('#entity', 'member');
	await page.setInputFiles('#file', given);
	await page.click('main button[type=submit]');
	await page.waitForSelector('.pick');
}

export async function imports(browser) {
	const page = await open(browser, 'steward', {size: 'desk'});
	const people = [
		'会员编号,姓名,手机号,门店,备注',
		...Array.from({length: 40}, (_, i) => `X${i + 1},<b>赵${i + 1}</b>,${i < 39 ? 13712345000 + i : '1371'},S1,`),
		',无编号,13712345999,S1,',
		'X99,店不对,13712345998,S77,',
	].join('\n');
	await choose(page, file('名单.csv', people), '地推名单');
	ok(
		(await page.inputValue('#external_id')) === '会员编号' &&
			(await page.inputValue('#phone')) === '手机号' &&
			(await page.inputValue('#store_code')) === '门店',
		'columns are guessed from their names',
	);
	ok((await page.textContent('.pick:has(#phone) p')).includes('13712345000'), 'with values of the file as examples');
	await judge(page, 'import mapping');
	await page.click('main button[type=submit]');
	await text(page, '已检查，等您决定');
	ok(/#\/import\/\d+/.test(page.url()), 'the dry run has an address of its own');
	await text(page, '40 条可以导入，2 行有问题');
	await text(page, '没有定义的门店');
	ok(
		(await page.$$('td span:text-is("新增")')).length === 40 &&
			(await page.$$('td span:text-is("拒绝")')).length === 2,
		'each row says what it would do',
	);
	await text(page, '其余导入，手机号无效不导入');
	await judge(page, 'import dry run');
	const address = page.url();
	await visit(page, '#/find');
	await page.fill('#text', '13712345001');
	await page.click('main button[type=submit]');
	await text(page, '没有找到');
	ok(true, 'nothing is taken before somebody decides');
	await page.goto(address);
	await page.click('button:text("只导入没问题的 40 条")');
	await text(page, '已完成');
	await text(page, '已新增');
	ok(true, 'left and opened again, then taken: the report says what became of it');
	await visit(page, '#/find');
	await page.fill('#text', '13712345001');
	await page.click('main button[type=submit]');
	await page.waitForSelector('h2 a');
	ok((await page.$$('main h2 b')).length === 0, 'a name from the file is no markup');
	ok(page.errors.length === 0, 'the console was quiet over an import', page.errors);
	await page.context().close();
}

// A workbook as spreadsheets write it: shared words, a date by its format, a phone as a number.
const workbook = () =>
	zipped({
		'xl/workbook.xml':
			'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="名单" sheetId="1" r:id="rId7"/></sheets></workbook>',
		'xl/_rels/workbook.xml.rels':
			'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId7" Target="worksheets/sheet1.xml"/></Relationships>',
		'xl/styles.xml':
			'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
		'xl/sharedStrings.xml':
			'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>会员号</t></si><si><t>姓名</t></si><si><t>手机</t></si><si><t>生日</t></si><si><r><t>钱</t></r><r><t>多多</t></r><rPh><t>qian</t></rPh></si></sst>',
		'xl/worksheets/sheet1.xml':
			'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c><c r="D1" t="s"><v>3</v></c></row>' +
			'<row r="2"><c r="A2" t="inlineStr"><is><t>W1</t></is></c><c r="B2" t="s"><v>4</v></c><c r="C2"><v>1.3612345678E10</v></c><c r="D2" s="1"><v>32994</v></c></row></sheetData></worksheet>',
	});

function zipped(parts) {
	const chunks = [],
		heads = [];
	let at = 0;
	for (const [name, xml] of Object.entries(parts)) {
		const packed = deflateRawSync(Buffer.from(xml)),
			title = Buffer.from(name);
		const head = Buffer.alloc(26);
		(head.writeUInt16LE(20, 0),
			head.writeUInt16LE(8, 4),
			head.writeUInt32LE(packed.length, 14),
			head.writeUInt32LE(Buffer.byteLength(xml), 18),
			head.writeUInt16LE(title.length, 22));
		chunks.push(Buffer.from([0x50, 0x4b, 3, 4]), head, title, packed);
		const entry = Buffer.alloc(42);
		(entry.writeUInt16LE(20, 0), head.copy(entry, 2), entry.writeUInt32LE(at, 38));
		heads.push(Buffer.from([0x50, 0x4b, 1, 2]), entry, title);
		at += 30 + title.length + packed.length;
	}
	const end = Buffer.alloc(18);
	(end.writeUInt16LE(heads.length / 3, 4),
		end.writeUInt16LE(heads.length / 3, 6),
		end.writeUInt32LE(Buffer.concat(heads).length, 8),
		end.writeUInt32LE(at, 12));
	return Buffer.concat([...chunks, ...heads, Buffer.from([0x50, 0x4b, 5, 6]), end]);
}

export async function workbooks(browser) {
	const page = await open(browser, 'steward');
	await choose(page, file('名单.xlsx', workbook()), 'Excel 名单');
	const examples = await page.$$eval('.pick p', (all) => all.map((p) => p.textContent).join(' '));
	ok(
		/13612345678/.test(examples) && /1990-05-01/.test(examples) && /钱多多/.test(examples),
		'a workbook is read: a phone without exponent, a date as a day, words of several runs',
		examples,
	);
	await page.click('main button[type=submit]');
	await text(page, '1 条都可以导入');
	await judge(page, 'import small');
	await page.click('button:text("一条也不导入")');
	await text(page, '已放弃');
	ok(true, 'and given up: nothing is taken');
	await visit(page, '#/import');
	await page.setInputFiles('#file', file('坏.xlsx', 'this is no workbook'));
	await page.click('main button[type=submit]');
	await page.waitForFunction(() => document.querySelector('[role=alert]').textContent.includes('读不出来'));
	ok(page.errors.length === 0, 'what is no workbook is said to be none, quietly', page.errors);
	await page.context().close();
}

// Text as spreadsheets and old programs write it; what is no table says so in the page's words and stands in nobody's
// way.
export async function encodings(browser) {
	const page = await open(browser, 'steward');
	const raw = (name, ...bytes) => ({
		name,
		mimeType: 'application/octet-stream',
		buffer: Buffer.concat(bytes.map((one) => Buffer.from(one))),
	});
	const list = '会员编号,姓名,手机号\nE1,张三,13612350001\n';
	// 编号,姓名 and a name of four bytes that GBK alone does not know, in GB18030
	const rare = [
		[0xb1, 0xe0, 0xba, 0xc5, 0x2c, 0xd0, 0xd5, 0xc3, 0xfb, 0x0a, 0x45, 0x32, 0x2c],
		[0x95, 0x34, 0xb2, 0x35],
		[0xd2, 0xb0, 0x0a],
	];
	for (const [name, given, field, told] of [
		[
			'统一码.txt',
			raw('统一码.txt', [0xff, 0xfe], Buffer.from(list.replaceAll(',', '\t'), 'utf16le')),
			'phone',
			'13612350001',
		],
		['大端.csv', raw('大端.csv', [0xfe, 0xff], Buffer.from(list, 'utf16le').swap16()), 'phone', '13612350001'],
		['老苹果.csv', file('老苹果.csv', list.replaceAll('\n', '\r')), 'phone', '13612350001'],
		['生僻字.csv', raw('生僻字.csv', ...rare), 'name', '𠮷野'],
	]) {
		await choose(page, given, `编码 ${name}`);
		ok((await page.textContent(`.pick:has(#${field}) p`)).includes(told), `${name}: read as it was meant`);
		await page.click('main form button[type=submit]');
		await text(page, '1 条都可以导入');
		await page.click('button:text("一条也不导入")');
		await text(page, '已放弃');
	}
	ok(true, 'and each can be taken');
	for (const [given, said] of [
		[file('空行.csv', '\n\n  \n'), '没有找到数据'],
		[raw('照片.csv', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 1, 2, 3]), '不是表格'],
	]) {
		await visit(page, '#/import');
		await page.setInputFiles('#file', given);
		await page.click('main button[type=submit]');
		await page.waitForSelector(`[role=alert]:text("${said}")`);
	}
	await page.route('**/mapping-guess', (route) =>
		route.fulfill({
			status: 400,
			contentType: 'application/problem+json',
			body: '{"status": 400, "code": "22P05", "detail": "A text holds a character that cannot be stored."}',
		}),
	);
	await page.setInputFiles('#file', file('怪.csv', list));
	await page.click('main button[type=submit]');
	await page.waitForFunction(() => document.querySelector('[role=alert]')?.textContent);
	await page.unroute('**/mapping-guess');
	await visit(page, '#/tasks');
	await visit(page, '#/import');
	ok(await page.isVisible('#file'), 'a file that could not be gone on with is not in the way of the next');
	await choose(page, file('少列.csv', `${list}E9,王五\nE10,赵六,13612350010,多\n`), '少列');
	await page.click('main form button[type=submit]');
	await text(page, '每行的列数要和表头一样');
	ok(!/Send |Give /.test(await page.innerText('main')), 'what mends a line is said in the language of the page');
	await page.click('button:text("一条也不导入")');
	await text(page, '已放弃');
	await choose(page, file('没有编号.csv', '甲,乙\n1,2\n'), '没有编号');
	await page.click('main form button[type=submit]');
	await page.waitForSelector('[role=alert]:text("“编号”是必填项")');
	await page.click('button:text("换一个文件")');
	ok(page.errors.filter((one) => !/status of 400/.test(one)).length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A list as people send it: notes on a first sheet, a title over all columns, a head of two rows with merged cells,
// two columns of one name, a formula that failed, a sheet that is hidden.
function lists() {
	const main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
	const sheet = (rows, merged = []) =>
		`<worksheet ${main}><sheetData>${rows.map((row, r) => `<row r="${r + 1}">${row.map((value, c) => (value === null ? '' : `<c r="${'ABCDEFG'[c]}${r + 1}" ${value === '#N/A' ? 't="e"><f>X()</f><v>#N/A</v>' : `t="inlineStr"><is><t>${value}</t></is>`}</c>`)).join('')}</row>`).join('')}</sheetData><mergeCells>${merged.map((ref) => `<mergeCell ref="${ref}"/>`).join('')}</mergeCells></worksheet>`;
	return zipped({
		'xl/workbook.xml': `<workbook ${main} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>${['填写说明', '会员', '旧名单', '隐藏'].map((name, i) => `<sheet name="${name}" sheetId="${i + 1}" ${name === '隐藏' ? 'state="hidden"' : ''} r:id="r${i + 1}"/>`).join('')}</sheets></workbook>`,
		'xl/_rels/workbook.xml.rels': `<Relationships>${[1, 2, 3, 4].map((i) => `<Relationship Id="r${i}" Target="worksheets/sheet${i}.xml"/>`).join('')}</Relationships>`,
		'xl/worksheets/sheet1.xml': sheet([['请按模板填写'], ['手机号必填']]),
		'xl/worksheets/sheet2.xml': sheet(
			[
				['十一月会员登记表', null, null, null, null, null],
				['制表：李店长'],
				['会员编号', '姓名', '联系方式', null, '备注', '备注'],
				[null, null, '手机号', '邮箱', null, null],
				['S1', '张三', '13612340001', 'a@b.cn', '老客', '#N/A'],
				['S2', '李四', '13612340002', null, null, '熟人'],
			],
			['A1:F1', 'A3:A4', 'B3:B4', 'C3:D3', 'E3:E4', 'F3:F4'],
		),
		'xl/worksheets/sheet3.xml': sheet([
			['卡号', '顾客姓名'],
			['K1', '赵六'],
		]),
		'xl/worksheets/sheet4.xml': sheet([
			['a', 'b'],
			['1', '2'],
		]),
	});
}

export async function sheets(browser) {
	const page = await open(browser, 'steward');
	await choose(page, file('登记表.xlsx', lists()), '登记表');
	const picked = async () =>
		Object.fromEntries(
			await page.$$eval('.pick', (all) =>
				all.map((one) => [
					one.querySelector('select').id,
					`${one.querySelector('select').value} ${one.querySelector('p').textContent}`,
				]),
			),
		);
	const first = await picked();
	ok(
		first.external_id === '会员编号 例：S1 · S2' &&
			first.name === '姓名 例：张三 · 李四' &&
			first.phone === '手机号 例：13612340001 · 13612340002' &&
			first.email === '邮箱 例：a@b.cn',
		'titles above the names are passed over, a head of merged cells is read',
		first,
	);
	ok(
		(await page.$$eval('#note option', (all) => all.map((one) => one.textContent)))
			.join()
			.includes('备注,备注 (2)') && !(await page.textContent('main')).includes('#N/A'),
		'two columns of one name are two; a formula that failed says nothing',
		await page.textContent('.pick:has(#note)'),
	);
	ok(
		(await page.$$eval('#sheet option', (all) => all.map((one) => one.textContent))).join() ===
			'填写说明,会员,旧名单',
		'the sheets that are not hidden are offered',
	);
	await judge(page, 'import of a workbook with sheets');
	await page.focus('#sheet');
	await page.keyboard.press('ArrowDown');
	ok(
		(await page.inputValue('#sheet')) === '旧名单' && (await picked()).name === first.name,
		'an arrow key looks at another sheet, and reads nothing',
		await picked(),
	);
	await page.keyboard.press('Enter');
	await page.waitForFunction(() =>
		document.querySelector('#external_id, #member_card')?.closest('form').textContent.includes('K1'),
	);
	await page.waitForFunction(() => document.activeElement.id === 'sheet').catch(() => null);
	ok((await page.evaluate(() => document.activeElement.id)) === 'sheet', 'Enter reads it, and the keys stay');
	ok(
		(await picked()).name === '顾客姓名 例：赵六',
		'another sheet is another list, its columns are guessed anew',
		await picked(),
	);
	await page.selectOption('#sheet', '会员');
	await page.waitForFunction(() => document.querySelector('#phone')?.value === '手机号');
	await page.click('main form button[type=submit]');
	await text(page, '2 条都可以导入');
	ok(true, 'and all of its rows can be taken');
	await choose(page, file('导出.csv', '\ufeff十一月导出\n会员编号,姓名,手机号\nC1,周七,13612340003\n'), '带标题');
	ok((await page.inputValue('#phone')) === '手机号', 'a title in a CSV is passed over');
	await page.click('main form button[type=submit]');
	await text(page, '1 条都可以导入');
	await visit(page, '#/import');
	const before = (await page.$$('#source option')).length;
	await page.selectOption('#source', '');
	await page.fill('#new_name', '旧版');
	await page.setInputFiles('#file', {
		name: '旧.xls',
		mimeType: 'application/vnd.ms-excel',
		buffer: Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]),
	});
	await page.click('main button[type=submit]');
	await page.waitForFunction(() => document.querySelector('[role=alert]').textContent.includes('旧版 Excel'));
	await visit(page, '#/tasks');
	await visit(page, '#/import');
	ok(
		(await page.$$('#source option')).length === before,
		'a file of twenty years ago or with a password says what to do, and leaves no source behind',
	);
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A pair decided by key, undone by key; decided by button, found among the decided ones, the merge undone in the
// person's history.
export async function merges(browser) {
	const page = await open(browser, 'steward', {size: 'desk'});
	await visit(page, '#/reviews');
	await page.waitForSelector('button:text("(M)")');
	ok(
		(await page.$$('td .warn:text-is("不同")')).length > 0 &&
			(await page.$$('main table >> nth=0 >> thead th')).length === 3,
		'what differs is marked, in as many columns as a phone has room for',
	);
	await page.waitForSelector('table:has-text("任意两条记录"):has-text("合计")');
	ok(true, 'what the model says of the pair stands below the guard');
	await page.route('**/explain/*', (route) =>
		route.fulfill({status: 404, contentType: 'application/problem+json', body: '{"status": 404, "detail": "x"}'}),
	);
	await page.keyboard.press('j');
	ok(
		await page.waitForSelector('main .faint:text("没有读出来")').then(
			() => true,
			() => false,
		),
		'or that it could not be read',
		await page.textContent('main'),
	);
	await page.unroute('**/explain/*');
	await page.keyboard.press('n');
	await text(page, '没有待审核的合并');
	await page.keyboard.press('u');
	await page.waitForSelector('button:text("(M)")');
	ok(true, 'N says two, U takes it back');
	await page.click('summary:text("试运行的来源")');
	const source = await page.innerText('details tbody tr:first-child td, details tbody tr:first-child th');
	await page.click('details tbody tr:first-child button:text("试运行")');
	await page.waitForSelector(`details[open] tr:has-text("${source}") button:text("开始合并")`);
	await judge(page, 'reviews with a source that is tried out');
	await page.click('button:text("开始合并")');
	await page.waitForFunction(() => !document.querySelector('main').innerText.includes('开始合并'));
	ok(true, 'a source is tried out, and let go');
	const id = (await page.getAttribute('main th a[href^="#/history/"]', 'href')).split('/')[2];
	await page.keyboard.press('m');
	await text(page, '没有待审核的合并');
	await visit(page, '#/reviews/accepted');
	await page.waitForSelector('main li a');
	await judge(page, 'reviews decided');
	await visit(page, `#/history/${id}`);
	await judge(page, 'history desk');
	await page.click('button:text("撤销合并…")');
	await page.waitForSelector('td:text-is("分出去的")');
	ok(true, 'undoing is shown before it is done: who stays, who leaves');
	await page.click('button:text-is("撤销合并")');
	await page.waitForSelector('strong:text("撤销合并")');
	ok(
		!/null|undefined|engine|identifier/.test(await page.innerText('main')),
		'in words, without a code',
		await page.innerText('main'),
	);
	ok(true, 'and done: the journal says so');
	await page.context().close();
	const phone = await open(browser, 'steward');
	await visit(phone, '#/find');
	await phone.fill('#text', '13912340001');
	await phone.click('main button[type=submit]');
	await phone.click('main h2 a');
	await phone.waitForSelector('h1:text("合并历史")');
	await judge(phone, 'history small');
	ok(page.errors.length + phone.errors.length === 0, 'the console was quiet over merges', [
		...page.errors,
		...phone.errors,
	]);
	await phone.context().close();
}

// A setting of merging was changed: the page says that it is due, all are settled anew with a reason, the bar can be
// left, what changed is counted.
export async function resettled(browser) {
	const page = await open(browser, 'steward');
	await visit(page, '#/reviews');
	await page.waitForSelector('details.resettle:not([open])');
	sql(
		"UPDATE crm.job SET is_active = false WHERE job = 'identity.resettle'; SELECT crm.access_set_setting('identity.person_records', '1')",
	);
	await visit(page, '#/reviews');
	await page.waitForSelector('details.resettle[open] .warn:text("改过合并设置")');
	ok(true, 'what is due opens by itself and says why');
	await page.click('.resettle button[type=submit]');
	await page.waitForSelector('.resettle [role=alert]:text("请填写")');
	await page.fill('.resettle #reason', '一人一条');
	await page.click('.resettle button[type=submit]');
	await page.waitForSelector('.resettle progress');
	ok(
		await page.evaluate(() => document.activeElement.matches('.resettle summary')),
		'the keys stay where the form was',
	);
	await judge(page, 'reviews while all are settled anew');
	await page.route('**/api/v1/identity-resettle', (route) => route.abort());
	await page.waitForSelector('#toast p:text("网络")').catch(() => null);
	ok(
		(await page.textContent('#toast')).includes('网络') && page.errors.every((one) => /ERR_FAILED/.test(one)),
		'a bar that can no longer be followed says why',
		[await page.textContent('#toast'), page.errors],
	);
	await page.unroute('**/api/v1/identity-resettle');
	page.errors.length = 0;
	await visit(page, '#/sources');
	await visit(page, '#/reviews');
	const bar = await page.waitForSelector('.resettle[open] progress');
	ok(
		Number(await bar.getAttribute('value')) < 1 && (await page.textContent('.resettle')).includes('一人一条'),
		'left and opened again, the bar and its reason stand there',
	);
	sql(
		"UPDATE crm.job SET is_active = true, next_run_at = crm.core_now() WHERE job = 'identity.resettle'; SELECT crm._worker_wake()",
	);
	await page.waitForSelector('.resettle strong:text("已全部判断完")');
	const [records, run] = [
		sql('SELECT count(*) FROM crm.source_record'),
		JSON.parse(sql('SELECT crm.identity_resettle_progress()')),
	];
	ok(
		String(run.records) === records &&
			(await page.$$eval('.resettle .tag', (all) => all.map((one) => one.textContent))).join() ===
				`合并 ${run.joined} 次,拆开 ${run.parted} 次,${run.moved} 条记录换了顾客`,
		'the end says what changed',
		[records, run],
	);
	ok((await page.$$('.resettle .warn:text("改过合并设置")')).length === 0, 'and nothing is due any more');
	sql(
		"SELECT crm.access_set_setting('identity.person_records', '100'); UPDATE crm.room_setting SET changed_at = NULL WHERE name = 'identity.person_records'",
	);
	ok(page.errors.length === 0, 'the console was quiet while all were settled anew', page.errors);
	await page.context().close();
}

// A refused record by its reason: the store is opened, the record tried again, the list empty.
export async function rejects(browser) {
	const page = await open(browser, 'steward');
	await visit(page, '#/sources');
	await text(page, '没有定义的门店');
	await judge(page, 'sources small');
	const reason = sql("SELECT j.code || '/' || j.field FROM crm.reject j WHERE j.external_id = 'BAD'");
	await page.click(`a[href="#/sources/till/member/${reason}"]:text("逐条查看")`);
	await page.waitForSelector('main li strong');
	await judge(page, 'rejects small');
	const [file] = await Promise.all([page.waitForEvent('download'), page.click('button:text("存为 CSV")')]);
	ok(/^rejects-.*\.csv$/.test(file.suggestedFilename()), 'what is seen is saved as CSV', file.suggestedFilename());
	const before = (await page.$$('main li strong')).length;
	ok(
		/sources\/till\/member\/RM\d+\/\w+$/.test(page.url()) &&
			before ===
				Number(
					sql(
						"SELECT count(*) FROM crm.ingest_rejects('till', 0, 500, 'member', (SELECT j.code FROM crm.reject j WHERE j.external_id = 'BAD'), (SELECT j.field FROM crm.reject j WHERE j.external_id = 'BAD')) j",
					),
				),
		'a reason opens its records, and no other',
		[page.url(), before],
	);
	await page.click('button:text-is("放弃") >> nth=0');
	await page.keyboard.press('Enter');
	ok(
		(await page.$$('main li strong')).length === before &&
			(await page.isVisible('button:text-is("放弃") >> nth=0')),
		'what cannot be taken back takes two taps, and a second one without looking gives nothing up',
	);
	await page.click('button:text-is("放弃") >> nth=0');
	await page.click('button:text("确定放弃")');
	await page.waitForFunction((n) => document.querySelectorAll('main li strong').length < n, before);
	ok(page.errors.length === 0, 'given up with a reason, quietly', page.errors);
	await page.context().close();
}
