// What makes a clerk's day short: the answer says what to suggest, going back finds the list again, days and words by
// one tap, figures as people write them, and nothing that is written or ticked without a network is lost or tells
// nobody.
import {judge, ok, open, read, send, sql, visit} from './harness.mjs';

const bought = (member, category) =>
	sql(`SELECT r.code FROM crm.ingest_order('till', convert_to(jsonb_build_object('external_id', '${member}-${category}', 'member_external_id', '${member}', 'store_code', 'S1', 'ordered_at', crm.core_now() - interval '2 days', 'amount', 50,
	'items', jsonb_build_array(jsonb_build_object('product_code', 'p_${category}', 'product_name', '${category}', 'category_code', '${category}', 'quantity', 1, 'unit_price', '50.00')))::text, 'UTF8')) r`);
const enrolled = (external, name, phone) =>
	sql(
		`SELECT customer_id FROM crm.ingest_member('till', '{"external_id": "${external}", "name": "${name}", "phone": "${phone}", "store_code": "S1"}')`,
	);
const find = async (page, text) => {
	await page.fill('#text', text);
	await page.click('main button[type=submit]');
	await page.waitForSelector('main [aria-live] .card');
};

// By the counter card and on the page of the person: what to suggest, and why.
export async function suggestions(browser) {
	enrolled('SUGGEST0', '顾客甲', '13655570000');
	bought('SUGGEST0', 'baby_wash');
	sql("UPDATE crm.product_category SET name = '婴儿洗护' WHERE code = 'baby_wash'");
	const person = enrolled('SUGGEST1', '顾客乙', '13655570001');
	bought('SUGGEST1', 'nappies');
	for (const [language, what, why] of [
		['zh-CN', '建议推荐：婴儿洗护', '买过纸尿裤，搭配洗护'],
		['en', 'Suggest: 婴儿洗护', 'bought nappies'],
	]) {
		const page = await open(browser, 'clerk', {language});
		await find(page, '13655570001');
		ok(
			(await page.textContent('main [aria-live]')).includes(what) &&
				(await page.textContent('main [aria-live]')).includes(why),
			`${language}: the answer says what to suggest, and why`,
			await page.textContent('main [aria-live]'),
		);
		await visit(page, `#/person/${person}`);
		ok(
			(await page.textContent('main')).includes(what),
			`${language}: so does the page of the person`,
			await page.textContent('main section'),
		);
		await page.context().close();
	}
}

// Many are found: each is a line whose whole width leads on, and going back shows them again; a new search begins
// empty.
export async function foundAgain(browser) {
	for (let n = 0; n < 3; n++) enrolled(`AGAIN${n}`, '回头客', `1365557010${n}`);
	const page = await open(browser, 'clerk');
	await find(page, '回头客');
	const hits = await page.$$('main .hit');
	ok(
		hits.length === 3 && (await page.textContent('main [aria-live]')).includes('注册'),
		'many are lines with what tells them apart',
		await page.textContent('main [aria-live]'),
	);
	await judge(page, 'many found');
	const box = await hits[1].boundingBox();
	await page.mouse.click(box.x + box.width - 5, box.y + box.height / 2);
	await page.waitForSelector('textarea');
	ok(true, 'the whole line leads on');
	await page.goBack();
	await page.waitForSelector('main .hit');
	ok(
		(await page.inputValue('#text')) === '回头客' && (await page.$$('main .hit')).length === 3,
		'going back shows what was found',
	);
	await page.goForward();
	await page.waitForSelector('textarea');
	await page.click('nav a[href="#/find"]');
	await page.waitForSelector('#text');
	ok(
		(await page.inputValue('#text')) === '' && (await page.$$('main .hit')).length === 0,
		'a new search begins empty',
	);
	await page.fill('#text', '1365557010');
	await page.click('main button[type=submit]');
	await page.waitForSelector('main :text("您输入了 10 位")');
	ok(true, 'a number that is too short says so');
	ok(await page.isHidden('footer'), 'where one only types there is nothing to print');
	await page.evaluate(() => {
		location.hash = '#/board';
	});
	await page.waitForSelector('#text');
	ok((await page.$$('main :text("这一块没有读出来")')).length === 0, 'a page of other roles is not opened half');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// Days and words by a tap; what the note says stands in the list of its day; what must be filled in is said without
// asking the server.
export async function taps(browser) {
	const person = enrolled('TAPS', '点一下', '13655570200');
	const page = await open(browser, 'clerk');
	await visit(page, `#/person/${person}`);
	let asked = 0;
	page.on('request', (request) => {
		if (request.method() === 'POST') asked++;
	});
	const form = 'form:has(#body)';
	await page.click(`${form} button[type=submit]`);
	await page.waitForFunction(() =>
		[...document.querySelectorAll('[role=alert]')].some((one) => one.textContent === '请填写“沟通内容”'),
	);
	ok(
		asked === 0 && (await page.evaluate(() => document.activeElement.id)) === 'body',
		'what is missing is said at its field, without asking',
	);
	await page.click(`${form} button:text("过敏")`);
	await page.keyboard.type('花生');
	await page.click(`${form} button:text("一周后")`);
	const day = sql("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date + 7");
	ok(
		(await page.inputValue('#body')) === '过敏：花生' && (await page.inputValue('#next_on')) === day,
		'a word and a day by one tap each',
		[await page.inputValue('#body'), await page.inputValue('#next_on'), day],
	);
	await page.click(`${form} button[type=submit]`);
	await page.waitForSelector('li:has-text("过敏：花生")');
	sql(`SELECT crm._loyalty_issue(${person}, 'welcome_5', NULL, 'taps', crm.core_now(), 'Asia/Shanghai')`);
	await visit(page, `#/person/${person}`);
	const timeline = await page.textContent('section.card:has(h2:text("时间线"))');
	ok(
		timeline.includes('5元券') && !timeline.includes('welcome_5'),
		'a coupon has its name on the timeline',
		timeline,
	);
	await visit(page, '#/tasks');
	await page.waitForSelector('li:has-text("点一下") .said, li:has-text("点*") .said');
	ok(
		(await page.textContent('main .said:text("过敏：花生")')) === '过敏：花生',
		'the list of the day says what was said',
	);
	await page.context().close();
}

// An amount as people write it, and what the customer has to pay.
export async function amounts(browser) {
	const person = enrolled('AMOUNT', '用券', '13655570300');
	sql(`SELECT crm._loyalty_issue(${person}, 'welcome_5', NULL, 'amount', crm.core_now(), 'Asia/Shanghai')`);
	const page = await open(browser, 'clerk');
	await visit(page, `#/person/${person}`);
	await page.click('main a[href^="#/redeem/"]');
	await page.fill('#order_external_id', 'AMOUNT-1');
	await page.fill('#amount', '￥１，０８８．５０ 元');
	await page.click('main button[type=submit]');
	await page.waitForSelector('.big.good');
	ok(
		(await page.textContent('.big.good')) === '应收 ¥1,083.50',
		'the amount is read as it is written, and what is to be paid is said',
		await page.textContent('.big.good'),
	);
	await page.context().close();
}

// Without a network a colleague is named by hand, and a task is ticked: back again, the colleague is told, and the
// tick counts, once.
export async function withoutNetwork(browser) {
	const person = enrolled('APART', '离线', '13655570400');
	const page = await open(browser, 'clerk');
	await send(page, `persons/${person}/tasks`, {title: '离线打勾', due_on: '2020-01-02'});
	await visit(page, '#/tasks');
	await page.waitForSelector('li:has-text("离线打勾")');
	await page.context().setOffline(true);
	await page.click('li:has-text("离线打勾") button:text("已联系")');
	await page.waitForSelector('#offline :text("1 条待发送")');
	await page.context().setOffline(false);
	await page.waitForFunction(() => sessionStorage.getItem('waiting') === null);
	ok(
		!(await read(page, 'tasks?limit=100')).body.items.some((task) => task.title === '离线打勾'),
		'a tick without a network counts when it is back',
	);
	await visit(page, `#/person/${person}`);
	await page.context().setOffline(true);
	await page.fill('#body', '@store_manager store_manager 断网时提到');
	await page.click('form:has(#body) button[type=submit]');
	await page.waitForSelector('#offline a[href="#/waiting"]');
	await page.context().setOffline(false);
	await page.waitForFunction(() => sessionStorage.getItem('waiting') === null);
	ok(
		sql(
			`SELECT string_agg(s.code, ' ') FROM crm.task t JOIN crm.staff s USING (staff_id) WHERE t.kind = 'mention' AND t.customer_id = ${person}`,
		) === 'STORE_MANAGER',
		'a colleague named by hand without a network is told when it is back',
	);
	// a file that the worker of the pages asks for fails under another name
	ok(
		page.errors.filter((text) => !/ERR_INTERNET_DISCONNECTED|ERR_FAILED/.test(text)).length === 0,
		'the console was quiet',
		page.errors,
	);
	await page.context().close();
}

// A code that the customer shows is read by the camera, where the browser can; the camera is let go of.  The reader
// itself is a browser's: it is played here.
export async function scanned(browser) {
	const page = await open(browser, 'clerk');
	await visit(page, '#/find');
	const card = '13912340003';
	await page.evaluate((text) => {
		window.tracks = [];
		window.BarcodeDetector = class {
			async detect(video) {
				return video.videoWidth > 0 ? [{rawValue: text}] : [];
			}
		};
		navigator.mediaDevices.getUserMedia = async () => {
			const canvas = document.createElement('canvas');
			canvas.getContext('2d').fillRect(0, 0, 9, 9);
			setInterval(() => canvas.getContext('2d').fillRect(0, 0, 9, 9), 50);
			const stream = canvas.captureStream(20);
			window.tracks.push(...stream.getTracks());
			return stream;
		};
	}, `https://m.example/card?phone=${card}`);
	await visit(page, '#/find');
	await page.click('button:text("扫码")');
	await page.waitForSelector('main .card a[href^="#/person/"]');
	ok(
		(await page.inputValue('#text')) === card &&
			(await page.evaluate(
				() =>
					window.tracks.length === 1 &&
					window.tracks.every((track) => track.readyState === 'ended') &&
					!document.querySelector('video'),
			)),
		"the code's customer is there, and the camera is off",
	);
	await judge(page, 'find with a scanner');
	await page.evaluate(() => {
		navigator.mediaDevices.getUserMedia = async () => {
			throw new DOMException('no', 'NotAllowedError');
		};
	});
	await page.click('button:text("扫码")');
	await page.waitForSelector('#toast:has-text("请在浏览器中允许")');
	ok(page.errors.length === 0, 'a camera that may not be used is said so', page.errors);
	await page.context().close();
}
