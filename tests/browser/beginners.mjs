// Beginners who do wrong things on the way: at each second step they wander off to another page, go back, open the
// page anew, or type what cannot be; then they read what the page says and do that.  Whatever they did, they come to
// a changed tier rule and a running flow, in half an hour at half a minute for each thing done, wrong ones too.
import {judge, ok, open, quiet, read, send} from './harness.mjs';
import {control, spoken} from './setup.mjs';

// The same wrong turns each time.
const dice = (seed) => () => {
	seed = (seed * 1103515245 + 12345) % 2147483648;
	return seed / 2147483648;
};
const one = (list, roll) => list[Math.floor(roll() * list.length)];

// Something wrong, but nothing that the house would have to mend.
async function stray(page, roll) {
	const kind = one(['menu', 'menu', 'back', 'anew', 'link', 'nonsense'], roll);
	const menu = page.locator('header nav a:visible');
	if (kind === 'menu') await menu.nth(Math.floor(roll() * (await menu.count()))).click();
	if (kind === 'back') await page.goBack({timeout: 30000}).catch(() => null);
	if (kind === 'anew') await page.reload();
	if (kind === 'link')
		await page.evaluate((n) => {
			const all = [...document.querySelectorAll('main a[href^="#/"]')].filter(
				(link) => link.checkVisibility?.() ?? true,
			);
			all[Math.floor(n * all.length)]?.click();
		}, roll());
	if (kind === 'nonsense')
		await page.evaluate((n) => {
			const all = [
					...document.querySelectorAll(
						'main input.guided, main input:is([type=text], [type=number]):not([disabled])',
					),
				],
				input = document.querySelector('main input.guided') || all[Math.floor(n * all.length)];
			if (!input) return;
			input.value = input.type === 'number' ? '-7' : '？？';
			for (const change of ['input', 'change']) input.dispatchEvent(new Event(change, {bubbles: true}));
		}, roll());
	await page.waitForSelector('#guide p');
	await quiet(page);
	await page.evaluate(
		() =>
			new Promise((resume) => {
				setTimeout(resume, 300);
			}),
	); // the page's own clock: the guide looks again a tenth of a second after the last change
	return kind;
}

async function led(page, language, roll, took) {
	const {quotes, done} = spoken[language];
	let before = '';
	for (let turn = 0; turn < 60; turn++) {
		if (roll() < 0.5) took.wrong.push(await stray(page, roll));
		const said = await page.textContent('#guide p');
		took.signs += said === before ? 0 : said.length;
		before = said;
		if (said.startsWith(done)) return;
		const [name, value] = [...said.matchAll(quotes)].map(([, inside]) => inside);
		if (name === undefined) throw new Error(`nothing is named to go on with: ${said}`);
		const what = await control(page, name),
			kind = await what.evaluate((element) => element.tagName);
		if (kind === 'SELECT') await what.selectOption({label: value});
		else if (kind === 'INPUT') {
			await what.fill(value);
			await what.press('Tab');
		} else await what.click();
		took.right++;
		await page
			.waitForFunction(
				(words) =>
					document.querySelector('#guide p') && document.querySelector('#guide p').textContent !== words,
				said,
				{timeout: 20000},
			)
			.catch(() => null);
	}
	throw new Error(`no end after sixty turns: ${await page.textContent('#guide p')} on ${page.url()}`);
}

export async function beginners(browser) {
	for (const [seed, language, size] of [
		[9, 'zh-CN', 'small'],
		[20, 'en', 'desk'],
		[33, 'zh-CN', 'desk'],
	]) {
		const page = await open(browser, 'headquarters', {size, language});
		const tiers = async () => (await read(page, 'tier-sets')).body.items.find((set) => set.is_active);
		const before = await tiers(),
			flows = (await read(page, 'flows')).body.items.map((row) => row.flow);
		const roll = dice(seed),
			took = {right: 0, wrong: [], signs: 0};
		for (const name of ['tier', 'flow']) {
			await page.evaluate(() => {
				location.hash = '#/start';
			});
			await page.waitForSelector(`#begin_${name}`);
			await page.click(`#begin_${name}`);
			await page.waitForSelector('#guide');
			await led(page, language, roll, took);
			took.right += 2;
			await page.click('#guide a');
		}
		const made = (await read(page, 'flows')).body.items.filter((row) => !flows.includes(row.flow)),
			after = await tiers();
		const minutes = took.signs / spoken[language].reads + (took.right + took.wrong.length) * 0.5;
		console.log(
			`# ${language}, ${size}: ${took.right} right, ${took.wrong.length} wrong (${took.wrong.join(' ')}), ${took.signs} signs: ${Math.round(minutes)} minutes`,
		);
		ok(
			after.version > before.version && made.some((row) => row.state === 'active'),
			`${language} ${size}: who strays at each second step comes to a changed tier rule and a running flow`,
			[after.version, made.map((row) => row.state)],
		);
		ok(took.wrong.length >= 5 && minutes < 30, 'in less than half an hour, wrong turns and all', {
			...took,
			minutes,
		});
		if (size === 'small') await judge(page, 'after a guide with wrong turns');
		for (const row of made) await send(page, `flows/${row.flow}/stop`, {});
		await send(page, `tier-sets/${before.tier_set}`, {name: before.name, rules: before.rules}, 'PUT');
		await page.context().close();
	}
}
