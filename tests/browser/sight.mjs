// What is looked at on a phone is in sight: the answer above the keys, the menu above the page, what a row is about
// beside its figures, letters of charts as large as the page's.
import {base, ok, open, sizes, stood, visit} from './harness.mjs';

export async function inSight(browser) {
	const clerk = await open(browser, 'clerk');
	await clerk.setViewportSize({width: 360, height: 450}); // what the keys of a phone leave
	await clerk.fill('#text', '13912340002');
	await clerk.waitForSelector('main [aria-live] .card');
	const {top, bottom, height} = await clerk.$eval('main [aria-live] .card', (card) => ({
		...card.getBoundingClientRect().toJSON(),
		height: innerHeight,
	}));
	ok(top >= 0 && bottom <= height + 1, 'who was found by a whole phone stands above the keys', {top, bottom, height});
	await clerk.click('main [aria-live] .card a');
	await clerk.waitForSelector('#body');
	await clerk.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
	const menu = await clerk.$eval('nav a[href="#/find"]', (link) => link.getBoundingClientRect().toJSON());
	ok(menu.top >= 0 && menu.bottom <= 60, 'the menu stays above a long page', menu);
	await visit(clerk, '#/enrol');
	await clerk.click('main button[type=submit]');
	await clerk.waitForSelector('#phone + p[role=alert]:text("请填写“手机号”")');
	ok(
		await clerk.$eval('#phone + p[role=alert]', (said) => said.getBoundingClientRect().bottom <= innerHeight),
		'what is wrong with a field stands below it, above the keys',
	);
	await clerk.context().close();
	await atDoor(browser);
	await onBoards(browser);
}

// Whoever is not signed in yet chooses the language, and sees what they type, too.
async function atDoor(browser) {
	const page = await (await browser.newContext({viewport: sizes.small, locale: 'zh-CN'})).newPage();
	await page.goto(base);
	await page.fill('#password', 'abc');
	await page.check('input[name=shown]');
	ok((await page.getAttribute('#password', 'type')) === 'text', 'a password is shown when one asks for it');
	await page.uncheck('input[name=shown]');
	ok((await page.getAttribute('#password', 'type')) === 'password', 'and hidden again');
	await page.click('button:text("English")');
	await page.waitForSelector('h1:text("Sign in")');
	ok((await page.$('button:text("中文")')) !== null, 'the door speaks English, and Chinese again');
	await page.context().close();
}

async function onBoards(browser) {
	const page = await open(browser, 'headquarters');
	for (const address of ['#/board', '#/reports']) {
		await visit(page, address);
		await stood(page);
		const small = await page.$$eval('main svg text', (all) =>
			all
				.map((one) => [one.textContent, parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a])
				.filter(([, size]) => size < 13.5),
		);
		ok(small.length === 0, `${address}: letters of charts are as large as the page's`, small.slice(0, 5));
		const over = await page.$$eval('main svg:is(.bars, .line, .radar)', (all) =>
			all.flatMap((chart) =>
				[...chart.querySelectorAll('text')]
					.filter((one) => {
						const [inner, outer] = [one.getBoundingClientRect(), chart.getBoundingClientRect()];
						return inner.left < outer.left - 2 || inner.right > outer.right + 2;
					})
					.map((one) => one.textContent),
			),
		);
		ok(over.length === 0, `${address}: and none is cut off at the side`, over);
	}
	await visit(page, '#/scorecard');
	await stood(page);
	const moved = await page.$$eval('main .scroll', (regions) => {
		const region = regions.find((one) => one.scrollWidth > one.clientWidth + 60);
		if (!region) return null;
		region.scrollLeft = 50;
		return {
			by: region.scrollLeft,
			name: region.querySelector('tbody td').getBoundingClientRect().left,
			edge: region.getBoundingClientRect().left,
		};
	});
	ok(
		moved !== null && moved.by > 0 && Math.abs(moved.name - moved.edge) < 2,
		'who a row is about stays beside figures that are pushed sideways',
		moved,
	);
	await page.context().close();
}
