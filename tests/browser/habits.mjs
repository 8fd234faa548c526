// What people are used to: paper of A4, a file of what is on the page, nothing typed lost, browsers of three years
// ago, pages that weigh little and answer soon over a slow network and a slow phone.
import {readFileSync, readdirSync} from 'node:fs';
import {gzipSync} from 'node:zlib';
import {base, judge, ok, open, people, quiet, read, secure, send, visit} from './harness.mjs';
import {menus} from './pages.mjs';
import {filled, somethingToDo, views} from './views.mjs';

const idle = (page) => page.waitForLoadState('networkidle').catch(() => null);

// On paper nothing is cut: what is as wide as a sheet between its margins, at the sheet's width.
export async function paper(browser) {
	const named = await somethingToDo(browser),
		bare = ['find', 'redeem', 'points', 'enrol', 'waiting'];
	for (const role of new Set(views.map(([, who]) => who))) {
		const page = await open(browser, role, {size: 'desk'});
		for (const [, , address] of views.filter(([name, who]) => who === role && !bare.includes(name))) {
			await visit(page, filled(address, named));
			await quiet(page);
			await page.setViewportSize({width: 680, height: 1000});
			await page.emulateMedia({media: 'print'});
			await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
			const cut = await page.evaluate(() =>
				[document.documentElement, ...document.querySelectorAll('main *')]
					.filter(
						(one) =>
							(one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible') ||
							(one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 &&
								one.getClientRects().length > 0),
					)
					.map(
						(one) =>
							`${one.tagName}.${one.className} ${Math.round(one.getBoundingClientRect().right)} ${one.textContent.slice(0, 30)}`,
					)
					.slice(0, 5),
			);
			ok(cut.length === 0, `${address} on paper: nothing is cut`, cut);
			const {folded, shown} = await page.evaluate(
				() =>
					dispatchEvent(new Event('beforeprint')) && {
						folded: document.querySelectorAll('main details:not([open])').length,
						shown: [...document.querySelectorAll('header, footer, main button')].filter(
							(one) => one.getClientRects().length > 0,
						).length,
					},
			);
			ok(
				folded === 0 && shown === 0,
				`${address} on paper: folded parts are open, and there is nothing to press`,
				[folded, shown],
			);
			const pdf = (await page.pdf({format: 'A4', printBackground: true})).toString('latin1');
			const count = (pdf.match(/\/Type\s*\/Page\b(?!s)/g) || []).length;
			const boxes = [...new Set([...pdf.matchAll(/\/MediaBox\s*\[([^\]]+)\]/g)].map((box) => box[1].trim()))];
			ok(
				count >= 1 && count <= 12 && boxes.every((box) => /^0 0 59[45](\.\d+)? 84[12](\.\d+)?$/.test(box)),
				`${address} is ${count} sheets of A4`,
				[count, boxes],
			);
			await page.evaluate(() => dispatchEvent(new Event('afterprint')));
			await page.emulateMedia({media: null});
			await page.setViewportSize({width: 1280, height: 800});
		}
		await page.context().close();
	}
}

// A reload in the middle of each form loses nothing; signing out forgets.
export async function typed(browser) {
	const page = await open(browser, 'clerk');
	const {
		body: {customer_id: person},
	} = await send(page, 'enrol', {name: '输入', phone: '13655550088', consents: []});
	const forms = [
		['#/enrol', {phone: '13655550099', name: '没写完', birthday: '1990'}],
		[`#/person/${person}`, {body: '写到一半', next_on: '2030-03-04', title: '做一半', due_on: '2030-03-05'}],
		[`#/points/${person}`, {points: '12', reference: 'T8'}],
		['#/redeem', {code: 'C-1', order_external_id: 'T9', amount: '12.'}],
	];
	const over = async (address, values, what) => {
		await visit(page, address);
		for (const [name, value] of Object.entries(values)) await page.fill(`#${name}`, value);
		await page.reload();
		await page.waitForSelector(`#${Object.keys(values)[0]}`);
		const now = await page.evaluate(
			(names) => names.map((name) => document.getElementById(name).value),
			Object.keys(values),
		);
		ok(now.join() === Object.values(values).join(), `${address}: ${what}`, now);
	};
	for (const [address, values] of forms) await over(address, values, 'a reload loses nothing');
	await visit(page, '#/enrol');
	ok(
		(await page.inputValue('#name')) === '没写完' && (await page.isVisible('main button:text("放弃")')),
		'coming back shows it, and that it can be dropped',
	);
	await page.click('main button:text("放弃")');
	ok((await page.inputValue('#name')) === '', 'dropped, the form is new');
	await page.click('header button:text("退出")');
	await page.waitForSelector('#password');
	ok((await page.evaluate(() => sessionStorage.length)) === 0, 'signing out forgets what was typed');
	await page.context().close();
	const manager = await open(browser, 'store_manager', {size: 'desk'});
	await visit(manager, '#/scorecard');
	await manager.fill('#reason', '离职');
	await manager.reload();
	await manager.waitForSelector('#reason');
	ok((await manager.inputValue('#reason')) === '离职', 'a handover half filled in, too');
	await manager.context().close();
}

const files = (folder) =>
	readdirSync(folder, {withFileTypes: true}).flatMap((entry) =>
		entry.isDirectory() ? files(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
	);
// What one of Chromium 109 (the last on Windows 7), Firefox 113 and Safari 15.4 does not know, all older than three
// years.
const young =
	/\.(toSorted|toReversed|toSpliced|isSubsetOf|isSupersetOf|isWellFormed|requestSubmit|showPicker|checkVisibility)\(|\(\?<[=!]|\bstatic \{|AbortSignal\.|requestIdleCallback|scrollend|Intl\.(Segmenter|DurationFormat)|Promise\.(withResolvers|try)|Array\.fromAsync|(Object|Map)\.groupBy|URL\.canParse|\/[a-z]*v[a-z]*\.(test|exec)\(|\bimport\s+.*\bwith\s*\{|color-mix\(|light-dark\(|@container|@scope|@starting-style|:has\(|text-wrap|field-sizing|popover|interpolate-size|oklch\(|@property|subgrid|:user-valid|@layer|\n\s+&[ :.>]/;

export async function weights(browser) {
	const all = files('fcgi/www').map((name) => [name, readFileSync(name)]);
	const packed = all.reduce((sum, [, bytes]) => sum + gzipSync(bytes).length, 0);
	ok(packed <= 300 * 1024, `all pages weigh ${Math.round(packed / 1024)} KB compressed`);
	const modern = all
		.filter(([name, bytes]) => /\.(js|css|html)$/.test(name) && young.test(bytes.toString()))
		.map(([name, bytes]) => [name, young.exec(bytes.toString())[0]]);
	ok(modern.length === 0, 'nothing that browsers of three years ago do not know', modern);
	ok(
		all.every(
			([name, bytes]) =>
				!/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|localStorage/.test(
					bytes.toString(),
				) && !(name.endsWith('.html') && /<script>|style=|onclick=/.test(bytes.toString())),
		),
		'text is never markup, no code stands in a page, nothing is stored for good',
	);
	for (const role of Object.keys(people)) {
		const context = await browser.newContext({locale: 'zh-CN'});
		const page = await context.newPage();
		let bytes = 0;
		const parts = new Map(),
			sizes = [];
		const device = await context.newCDPSession(page);
		await device.send('Network.enable');
		device.on('Network.responseReceived', (event) =>
			parts.set(event.requestId, event.response.url.replace(base, '')),
		);
		device.on('Network.loadingFinished', (event) => {
			bytes += event.encodedDataLength;
			sizes.push([event.encodedDataLength, parts.get(event.requestId)]);
		});
		await page.goto(base);
		await page.fill('#login', people[role].name);
		await page.fill('#password', people[role].password);
		await page.click('button[type=submit]');
		await page.waitForSelector('nav a');
		await idle(page);
		// what the database answers grows with the house: its figures, its alerts; what the page is made of does not
		const answers = sizes.filter(([, path]) => path.startsWith('/api/')).reduce((sum, [size]) => sum + size, 0);
		ok(
			bytes - answers > 5000 && bytes - answers <= 60 * 1024 && answers <= 20 * 1024,
			`${role}: sign-in and the first page weigh ${Math.round((bytes - answers) / 1024)} KB, what they are answered ${Math.round(answers / 1024)} KB`,
			sizes.sort((a, b) => b[0] - a[0]).slice(0, 25),
		);
		await context.close();
	}
}

// Opening, typing, the answer: what the phone of a clerk asks for, and when.  Everything that the first page needs is
// named in its html, so that it is asked for at once: no more than a browser's six connections over HTTP/1.1.
// Nothing is kept yet.  Seconds depend on the machine and are told, not judged: three times, by the page's own clock,
// for who drives a slowed browser from outside slows it by looking.
export async function opening(browser) {
	for (const [at, by] of [
		[base, 'HTTP/1.1'],
		[secure, 'HTTP/2'],
	])
		await opened(browser, at, by);
}

// When the search can be typed into, when its last digit was, when the answer stood: as painted, but the digit.
function watchOpening() {
	const marks = (globalThis.marks = {});
	const seen = (name) => {
		marks[name] = 0;
		requestAnimationFrame(() =>
			setTimeout(() => {
				marks[name] = performance.now();
			}),
		);
	};
	new MutationObserver(() => {
		if (!('ready' in marks) && document.querySelector('#text')) seen('ready');
		if (!('answered' in marks) && document.querySelector('main h2')) seen('answered');
	}).observe(document, {childList: true, subtree: true});
	addEventListener(
		'input',
		() => {
			marks.typed ??= performance.now();
		},
		true,
	);
}
const marked = (page, name) => page.waitForFunction((one) => globalThis.marks?.[one] > 0, name, {polling: 250});

async function opened(browser, at, by) {
	const page = await open(browser, 'clerk', {at, serviceWorkers: 'block'});
	const device = await page.context().newCDPSession(page);
	await page.addInitScript(watchOpening);
	await device.send('Network.enable');
	await device.send('Network.emulateNetworkConditions', {
		offline: false,
		latency: 400,
		downloadThroughput: -1,
		uploadThroughput: -1,
	});
	await device.send('Emulation.setCPUThrottlingRate', {rate: 4});
	const asked = [];
	device.on('Network.requestWillBeSent', ({request, initiator}) =>
		asked.push({path: new URL(request.url).pathname, by: initiator.type}),
	);
	for (let turn = 0; turn < 3; turn++) {
		await page.goto('about:blank');
		await device.send('Network.clearBrowserCache');
		asked.length = 0;
		await page.goto(`${at}/?slow${turn}`, {waitUntil: 'commit'});
		await marked(page, 'ready');
		const before = asked.filter(
			({path}) =>
				!/^(blank|\/favicon|\/js\/(waiting|typed|drafts|owner|tags_given|keep_pages|pages\/person)\b)/.test(
					path,
				) && path !== '/',
		);
		ok(
			before.length <= 6 && before.every(({by}) => by === 'parser'),
			'the first page is one round trip, and what it is made of another: six files at most, and nothing is asked for by what comes',
			before,
		);
		await answered(page, asked);
		const {ready, typed, answered: stood} = await page.evaluate(() => globalThis.marks);
		console.log(
			`# ${by}, 400 ms a round trip, a quarter of the processor: ready after ${Math.round(ready)} ms, the answer ${Math.round(stood - typed)} ms after the last digit, together ${Math.round(ready + stood - typed)} ms`,
		);
	}
	await page.context().close();
}

// A whole phone in the field: one request answers with name, last purchase, tier, coupons, points and what to
// suggest, without a tap; who taps, too, asks nothing more.
async function answered(page, asked) {
	const calls = () => asked.filter(({path}) => path.startsWith('/api/')).length;
	const before = calls();
	await page.fill('#text', '13912340002');
	await marked(page, 'answered');
	ok(calls() - before === 1, 'a whole phone is asked for with its last digit, by one request', asked);
	await page.evaluate(() =>
		document.addEventListener(
			'click',
			() => {
				globalThis.marks.tapped = performance.now();
			},
			{once: true, capture: true},
		),
	);
	await page.tap('main form button');
	await page.waitForTimeout(300);
	const {typed, tapped} = await page.evaluate(() => globalThis.marks);
	// what is older than five seconds is asked for again: a machine may take them
	ok(
		(calls() - before === 1 || tapped - typed > 4500) && (await page.$$('main h2')).length === 1,
		'and the tap asks nothing more',
		[tapped - typed, asked],
	);
}

// The files that a tab could open with: the newest whole set, as the browser keeps it.
const newest = (page) =>
	page.evaluate(async () => {
		for (const name of (await caches.keys())
			.filter((one) => one.startsWith('pages '))
			.sort()
			.reverse())
			if (await (await caches.open(name)).match('/')) return name;
		return null;
	});
const keptFiles = (page, name) =>
	page.evaluate(
		async (set) =>
			Promise.all(
				(await (await caches.open(set)).keys()).map(async (request) => [
					new URL(request.url).pathname,
					await (await (await caches.open(set)).match(request)).text(),
				]),
			),
		name,
	);
const another = async (page, before) => {
	for (let n = 0; n < 300; n++, await page.waitForTimeout(200)) {
		const name = await newest(page);
		if (name && name !== before) return name;
	}
	throw new Error(`no set but ${before} was filled`);
};
const served = async (path) => (await fetch(base + path)).text();
// As if the server had had another text, or another policy, then.
const make = (page, set, path, text, headers = {}) =>
	page.evaluate(
		async ([name, where, body, more]) =>
			(await caches.open(name)).put(
				where,
				new Response(body, {
					headers: {
						'Content-Type': where.endsWith('.js')
							? 'text/javascript'
							: where === '/'
								? 'text/html'
								: 'text/css',
						...more,
					},
				}),
			),
		[set, path, text, headers],
	);
const toldOfNew = (page) =>
	page.evaluate(() => {
		globalThis.isBefore = true;
		navigator.serviceWorker.addEventListener('message', () => {
			globalThis.isTold = true;
		});
	});

// The second time the files come from the device; without a network the page opens and says so, and nothing of the
// gateway was kept.
export async function kept(browser) {
	const page = await open(browser, 'clerk');
	const first = await another(page, null);
	const files = await keptFiles(page, first);
	ok(
		files.every(([path]) => !path.startsWith('/api/') && path !== '/keep.js') && files.length > 50,
		'all files are kept, no answer of the gateway is',
		files.map(([path]) => path),
	);
	const answers = [];
	page.on('response', (response) => answers.push([new URL(response.url()).pathname, response.fromServiceWorker()]));
	await page.goto(`${base}/?again`);
	await page.waitForSelector('#text');
	const far = answers.filter(([path, isKept]) => !isKept && path !== '/favicon.svg').map(([path]) => path);
	ok(far.join() === '/api/v1/me', 'opened again, the network is asked one thing: who is signed in', far);
	await changed(page, first);
	await apart(page);
	ok(
		page.errors.filter((text) => !/ERR_INTERNET_DISCONNECTED/.test(text)).length === 0,
		'the console was quiet',
		page.errors,
	);
	await page.context().close();
}

// A new release: two files are others now, one is new, then the policy of the page is.
async function changed(page, first) {
	const old = 'export function draw() { document.getElementById("main").append("old"); }';
	await make(page, first, '/style.css', 'main { color: red; }', {ETag: '"old"'});
	await make(page, first, '/js/pages/redeem.js', old, {ETag: '"old"'});
	await page.evaluate(async (name) => (await caches.open(name)).delete('/js/pages/tiers.js'), first);
	await page.reload();
	await page.waitForSelector('#text');
	await toldOfNew(page);
	const second = await another(page, first);
	const others = [];
	for (const [path, text] of await keptFiles(page, second)) if (text !== (await served(path))) others.push(path);
	ok(
		others.length === 0 && (await keptFiles(page, second)).some(([path]) => path === '/js/pages/tiers.js'),
		"a new set is whole, and all of it the server's",
		others,
	);
	ok(
		(await page.evaluate(async () => (await fetch('/js/pages/redeem.js')).text())) === old &&
			(await page.evaluate(async () => getComputedStyle(document.querySelector('main')).color)) ===
				'rgb(255, 0, 0)',
		'a tab goes on with the set that it was opened with',
	);
	await page.waitForFunction(() => globalThis.isTold);
	await page.context().setOffline(true);
	await page.evaluate(() => {
		location.hash = '#/tasks';
	});
	await page.waitForSelector('main [role=alert]');
	ok(await page.evaluate(() => globalThis.isBefore), 'it is not opened anew while the network is away');
	await page.context().setOffline(false);
	await page.evaluate(() => {
		location.hash = '#/find';
	});
	await page.waitForFunction(
		() =>
			!globalThis.isBefore &&
			getComputedStyle(document.documentElement).getPropertyValue('--brand').trim() !== '',
	);
	ok(true, 'with the network, the next page is drawn by the new files');
	await make(page, second, '/', await served('/'), {
		ETag: (await fetch(base)).headers.get('etag'),
		'Content-Security-Policy': "default-src 'self'",
	});
	await page.reload();
	const third = await another(page, second);
	ok(
		(
			await page.evaluate(
				async (name) => (await (await caches.open(name)).match('/')).headers.get('Content-Security-Policy'),
				third,
			)
		).includes("frame-ancestors 'none'"),
		'another policy is another set, too',
	);
	ok(
		(await page.evaluate(() => caches.keys()))
			.filter((name) => name.startsWith('pages '))
			.sort()
			.join() === [second, third].join(),
		'sets that no tab was opened with are forgotten',
		await page.evaluate(() => caches.keys()),
	);
}

// Without a network the page opens, says what is wrong and what waits; who signs out leaves nothing behind.
async function apart(page) {
	await visit(page, '#/find');
	await page.context().setOffline(true);
	await page.addInitScript(() => {
		if (!sessionStorage.getItem('waiting'))
			sessionStorage.setItem(
				'waiting',
				JSON.stringify([
					{path: 'enrol', body: {}, key: 'k', label: '', actor: 'SOMEBODY', at: new Date().toISOString()},
				]),
			);
	});
	await page.reload();
	await page.waitForSelector('[role=alert]');
	await page.waitForSelector('#offline:text("1 条待发送")');
	ok(
		(await page.textContent('[role=alert]')).includes('网络不通') &&
			(await page.textContent('#offline')).includes('网络已断开'),
		'without a network the page opens, and says what is wrong',
		await page.textContent('#offline'),
	);
	await page.context().setOffline(false);
	await page.click('main button');
	await page.waitForSelector('nav a');
	await page.waitForSelector('#offline', {state: 'hidden'});
	ok(true, 'what somebody else wrote is not shown');
	await page.context().setOffline(true);
	await page.click('header button:text("退出")');
	await page.waitForSelector('#password');
	ok(
		(await page.evaluate(() => Object.keys(sessionStorage).join())) === 'leaving' &&
			(await page.isHidden('header')),
		'who signs out without a network leaves nothing behind',
		await page.evaluate(() => Object.keys(sessionStorage)),
	);
	await page.context().setOffline(false);
	await page.waitForFunction(() => sessionStorage.length === 0);
	ok((await read(page, 'me')).status === 401, 'and the session ends when the network is back');
}

// What the menus do not lead to is judged as what they do: in both languages and themes, from the phone to the desk.
export async function linked(browser) {
	const named = await somethingToDo(browser);
	const others = views.filter(([, role, address]) => !menus[role]?.some((name) => address === `#/${name}`));
	for (const role of new Set(others.map(([, who]) => who)))
		for (const [size, language, theme] of [
			['small', 'zh-CN', 'light'],
			['phone', 'en', 'dark'],
			['tablet', 'zh-CN', 'dark'],
			['desk', 'en', 'light'],
		]) {
			const page = await open(browser, role, {size, language, theme});
			for (const [name, , address] of others.filter(([, who]) => who === role)) {
				await visit(page, filled(address, named));
				await judge(page, `${role} ${name} ${size} ${language} ${theme}`);
			}
			ok(
				page.errors.length === 0,
				`${role} ${size} ${language} ${theme}: the console is quiet on what is linked`,
				page.errors,
			);
			await page.context().close();
		}
}
