// What the page tests share: a browser that signs in as a role, goes to a page, judges it; TAP on standard output.
//
// node all.mjs BASE SIGN_INS [SCREENSHOTS]: SIGN_INS holds lines "login NAME PASSWORD ROLE".
import {execFileSync} from 'node:child_process';
import {mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {isSlow, late, slowed} from './slow.mjs';

const require = createRequire(process.env.CRM_NODE_MODULES ? `${process.env.CRM_NODE_MODULES}/x.js` : import.meta.url);
const {chromium} = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const [given, signIns, shots] = process.argv.slice(2);
export const base = await late(given);
export const secure = process.env.CRM_SECURE; // the same over HTTP/2
export const people = Object.fromEntries(
	readFileSync(signIns, 'utf8')
		.split('\n')
		.filter((line) => line.startsWith('login '))
		.map((line) => line.split(' '))
		.map(([, name, password, role]) => [role.replace('crm_', ''), {name, password}]),
);
export const sizes = {
	small: {width: 360, height: 740},
	phone: {width: 390, height: 844},
	tablet: {width: 768, height: 1024},
	desk: {width: 1280, height: 800},
};
let count = 0,
	failed = 0;
export function ok(good, what, detail) {
	count++;
	if (!good) failed++;
	console.log(`${good ? 'ok' : 'not ok'} ${count} - ${what}`);
	if (!good && detail !== undefined)
		console.log(`# ${typeof detail === 'string' ? detail : JSON.stringify(detail)}`.slice(0, 1500));
}

// What a page has asked for, and what of it is on its way (`quiet`).
export function counted(page) {
	page.asked = 0;
	page.asking = new Set();
	page.on('request', (request) => {
		page.asked++;
		// what the page before asked for is nobody's
		if (request.isNavigationRequest() && request.frame() === page.mainFrame()) page.asking.clear();
		if (request.url().startsWith('http')) page.asking.add(request);
	});
	for (const end of ['requestfinished', 'requestfailed']) page.on(end, (request) => page.asking.delete(request));
	return page;
}

export async function open(
	browser,
	role,
	{size = 'small', language = 'zh-CN', theme = 'light', at = base, ...others} = {},
) {
	const context = await browser.newContext({
		ignoreHTTPSErrors: true,
		...others,
		viewport: sizes[size],
		isMobile: ['small', 'phone'].includes(size),
		hasTouch: size !== 'desk',
		colorScheme: theme,
		locale: language,
		timezoneId: 'Asia/Shanghai',
	});
	const page = await context.newPage();
	page.errors = [];
	counted(page);
	page.on(
		'console',
		(message) =>
			message.type() === 'error' &&
			!/status of (401|404|409|422)/.test(message.text()) &&
			page.errors.push(message.text()),
	);
	page.on('pageerror', (fault) => page.errors.push(String(fault)));
	page.on('dialog', (dialog) => {
		page.errors.push(`dialog: ${dialog.message()}`);
		dialog.dismiss();
	});
	await page.goto(at);
	await page.fill('#login', people[role].name);
	await page.fill('#password', people[role].password);
	await page.click('button[type=submit]');
	await page.waitForSelector('nav a').catch(async (fault) => {
		throw new Error(`${role} was not let in: ${await page.textContent('body')} ${page.errors} ${fault.message}`);
	});
	return page;
}

// An empty page, so that what is waited for is the new one.
export const settled = (page) =>
	page.waitForFunction(
		() => document.querySelector('#main h1') !== null && document.querySelector('#main [aria-busy]') === null,
	);

// All that a page asks for after it stands has come, and is drawn: a page says that it is idle (networkidle) once,
// when it is opened.  What is not answered in half a minute is not waited for.
export async function quiet(page) {
	const until = Date.now() + 30000;
	for (let seen = -1; (seen !== page.asked || page.asking.size > 0) && Date.now() < until;) {
		if (page.asking.size > 0) await page.waitForTimeout(20);
		seen = page.asked;
		await page.evaluate(
			() =>
				new Promise((resume) => {
					requestAnimationFrame(() => setTimeout(resume));
				}),
		);
		await settled(page);
	}
	if (Date.now() >= until)
		console.log(`# not waited for any longer: ${[...page.asking].map((request) => request.url()).join(' ')}`);
}

// A page whose data stands: nothing is on its way, nothing says that it comes, and letters are those of the page.
export async function stood(page) {
	await quiet(page);
	await page.evaluate(() => document.fonts.ready);
	await page.waitForFunction(
		() =>
			![...document.querySelectorAll('main p, main li')].some((one) =>
				/^(正在读取|Loading)/.test(one.textContent),
			),
	);
	await quiet(page);
}

export async function visit(page, address) {
	await page.evaluate((hash) => {
		document.getElementById('main').replaceChildren();
		if (location.hash === hash) dispatchEvent(new HashChangeEvent('hashchange', {newURL: location.href}));
		location.hash = hash;
	}, address);
	await settled(page).catch(async (fault) => {
		throw new Error(`${address} was not drawn: ${await page.textContent('main')} ${page.errors} ${fault.message}`);
	});
}

// A call of the gateway by who is signed in on a page, whatever the page itself would send.
export const send = (page, path, body, method = 'POST') =>
	page.evaluate(
		async ([where, what, how]) => {
			const answer = await fetch(`/api/v1/${where}`, {
				method: how,
				headers: {'Content-Type': 'application/json', Accept: 'application/json'},
				body: what === null ? undefined : JSON.stringify(what),
			});
			return {status: answer.status, body: await answer.json().catch(() => null)};
		},
		[path, body ?? null, method],
	);
export const read = (page, path) => send(page, path, null, 'GET');

// What the chain's own people would do on the server.
export const sql = (text) => execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', text]).toString().trim();

// What keys of words begin with: none of them is ever read on a page.
const words = 'fcgi/www/i18n';
const rooms = [
	...new Set(
		readdirSync(words)
			.filter((name) => name.endsWith('en.json'))
			.flatMap((name) => Object.keys(JSON.parse(readFileSync(`${words}/${name}`, 'utf8'))))
			.filter((word) => word.includes('.'))
			.map((word) => word.split('.')[0]),
	),
];

export async function judge(page, what) {
	if (isSlow) return; // looks are not chance's
	const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
	ok(wide <= 0, `${what}: nothing to scroll sideways`, `${wide} px too wide`);
	// it stays until the page is opened anew
	if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
	const {violations} = await page.evaluate(() => globalThis.axe.run(document, {resultTypes: ['violations']}));
	ok(
		violations.length === 0,
		`${what}: axe finds nothing`,
		violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(' ')}`),
	);
	const keys = ((await page.evaluate(() => document.body.innerText)).match(/\b[a-z_]+\.[a-z_0-9]+\b/g) || []).filter(
		(word) => rooms.includes(word.split('.')[0]),
	);
	ok(keys.length === 0, `${what}: every word is translated`, keys);
}

// The page as a picture, small enough to be kept beside the text that names it.
export async function picture(page, name) {
	const device = await page.context().newCDPSession(page);
	const {width, height} = await page.evaluate(() => ({
		width: innerWidth,
		height: document.documentElement.scrollHeight,
	}));
	const {data} = await device.send('Page.captureScreenshot', {
		format: 'webp',
		quality: 40,
		captureBeyondViewport: true,
		clip: {x: 0, y: 0, width, height: Math.min(height, 1600), scale: 1},
	});
	writeFileSync(`${shots}/${name}.webp`, Buffer.from(data, 'base64'));
}

// Runs tests, each a function that takes the browser, and prints the plan; a fault ends only its own test.
export async function run(tests) {
	if (shots) mkdirSync(shots, {recursive: true});
	const browser = slowed(
		await chromium.launch({
			executablePath: process.env.CRM_CHROMIUM || '/usr/bin/chromium',
			args: ['--no-sandbox'],
		}),
	);
	for (const test of tests.filter(
		(candidate) => !process.env.CRM_ONLY || process.env.CRM_ONLY.split(' ').includes(candidate.name),
	)) {
		const begun = Date.now();
		try {
			await test(browser);
		} catch (fault) {
			ok(false, `${test.name} went to its end`, String(fault.stack));
		}
		console.log(`# ${test.name} took ${((Date.now() - begun) / 1000).toFixed(1)} s`);
	}
	await browser.close();
	console.log(`1..${count}`);
	process.exit(failed ? 1 : 0);
}
