// The pages in another engine: each view in Firefox beside Chromium, the same words and controls, nothing to scroll
// sideways, a quiet console; and numbers as people type and paste them.  `make test-engines`; not part of `make
// test`.
import {createRequire} from 'node:module';
import {ok, open, run, stood, visit} from './harness.mjs';
import {filled, somethingToDo, views} from './views.mjs';

const {firefox} = createRequire(`${process.env.CRM_NODE_MODULES}/x.js`)('playwright-core');
const launch = (theme) =>
	firefox.launch({
		channel: 'moz-firefox',
		executablePath: process.env.CRM_FIREFOX || '/usr/bin/firefox-esr',
		firefoxUserPrefs: {'layout.css.prefers-color-scheme.content-override': theme === 'dark' ? 0 : 1},
	});

// What is seen: words by their text nodes (of lists only what is chosen), digits aside, for hours and keys differ;
// controls by kind and name.  Sorted: what happened at one time stands in no order.
const seen = (page) =>
	page.evaluate(() => {
		const isSeen = (element) =>
			element.getClientRects().length > 0 && getComputedStyle(element).visibility !== 'hidden';
		const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT),
			words = [];
		while (nodes.nextNode()) {
			const {parentElement: around, data} = nodes.currentNode;
			if (data.trim() && !around.closest('select, noscript, #toast') && isSeen(around))
				words.push(
					data
						.trim()
						.replace(/join\/\S+/, 'join')
						.replace(/\d+/g, '#'),
				);
		}
		const controls = [
			...document.querySelectorAll('a[href], button, input, select, textarea, summary, svg, meter, progress'),
		]
			.filter(isSeen)
			.map(
				(one) =>
					`${one.tagName}#${one.id}${one.tagName === 'SELECT' ? (one.selectedOptions[0]?.text ?? '') : ''}`,
			);
		const {scrollWidth, clientWidth} = document.documentElement;
		return {words: words.sort(), controls: controls.sort(), wide: scrollWidth - clientWidth};
	});

// The first thing in which two lists are not the same.
function apart(ours, theirs) {
	const at = ours.findIndex((one, i) => one !== theirs[i]);
	return at >= 0 || ours.length !== theirs.length
		? {
				chromium: ours.slice(Math.max(at, 0), at + 4),
				firefox: theirs.slice(Math.max(at, 0), at + 4),
				of: [ours.length, theirs.length],
			}
		: null;
}

// Both pages as they stand; what a page finds out by itself a moment later (what rules would do, how many remain) is
// waited for.
async function beside(ours, theirs, address) {
	for (const page of [ours, theirs]) {
		await visit(page, address);
		await stood(page);
	}
	for (const until = Date.now() + 30000; ; await theirs.waitForTimeout(500)) {
		const [here, there] = [await seen(ours), await seen(theirs)];
		const found = {
			words: apart(here.words, there.words),
			controls: apart(here.controls, there.controls),
			wide: there.wide,
		};
		if ((!found.words && !found.controls) || Date.now() > until) return found;
	}
}

async function walked(chromium, other, named, {size, language, theme}) {
	for (const role of new Set(views.map(([, whose]) => whose))) {
		const [ours, theirs] = [
			await open(chromium, role, {size, language, theme}),
			await open(other, role, {size, language, theme}),
		];
		for (const [name, , address] of views.filter(([, whose]) => whose === role)) {
			const found = {...(await beside(ours, theirs, filled(address, named))), errors: theirs.errors.splice(0)};
			ok(
				found.wide <= 0 && !found.words && !found.controls && found.errors.length === 0,
				`${name} ${size} ${language} ${theme}: as in Chromium`,
				found,
			);
		}
		await Promise.all([ours, theirs].map((page) => page.context().close()));
	}
}

// Where a number is asked for, Firefox takes any sign and then gives the page nothing.
async function numbers(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	const copied = async (text) => {
		await page.evaluate((what) => {
			const place = document.createElement('textarea');
			document.body.append(place);
			place.value = what;
			place.select();
		}, text);
		await page.keyboard.press('Control+c');
		await page.evaluate(() => document.querySelector('body > textarea').remove());
	};
	for (const [address, field, only] of [
		['#/redeem', '#amount', false],
		['#/coupons/new', 'main input[type=number][step=any]', true],
	]) {
		await visit(page, address);
		await stood(page);
		for (const [text, value, how] of [
			['12.5', '12.5'],
			['１２。５', '12.5'],
			['12．5', '12.5'],
			['１２。５', '12.5', 'pasted'],
			...(only
				? [
						['12元', '12'],
						['￥1,234.50 元', '1234.50', 'pasted'],
						[' 12.5 ', '12.5', 'pasted'],
					]
				: []),
		]) {
			if (how) await copied(text);
			await page.fill(field, '');
			await page.focus(field);
			await (how ? page.keyboard.press('Control+v') : page.keyboard.type(text));
			ok(
				(await page.inputValue(field)) === value,
				`${address}: “${text}”, ${how || 'typed'}, is ${value}`,
				await page.inputValue(field),
			);
		}
	}
	await page.context().close();
}

async function engines(chromium) {
	const named = await somethingToDo(chromium);
	for (const [theme, size, language] of [
		['light', 'small', 'zh-CN'],
		['dark', 'desk', 'en'],
	]) {
		const other = await launch(theme);
		if (theme === 'light') console.log(`# Firefox ${other.version()} beside Chromium ${chromium.version()}`);
		await walked(chromium, other, named, {size, language, theme});
		if (theme === 'light') await numbers(other);
		await other.close();
	}
}

await run([engines]);
