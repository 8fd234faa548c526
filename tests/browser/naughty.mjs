// Strings that break programs (data/gateway/blns beside the checkout; skipped when absent), as names: they are shown
// as they are and run nothing.
import {existsSync, readFileSync, readdirSync} from 'node:fs';
import {ok, open, visit} from './harness.mjs';

const folder = '../shared/data/gateway/blns';

export async function naughtyNames(browser) {
	const file = existsSync(folder) && readdirSync(folder).find((name) => name.endsWith('.json'));
	if (!file) return ok(true, 'naughty strings as names # SKIP no data beside the checkout');
	const strings = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'))
		.filter((text) => /[<>"'&`{]|javascript/i.test(text) && text.trim().length > 0 && text.length <= 100)
		.slice(0, 60);
	const page = await open(browser, 'clerk');
	const statuses = await page.evaluate(async (names) => {
		const answers = [];
		for (const [i, name] of names.entries())
			answers.push(
				await (
					await fetch('/api/v1/enrol', {
						method: 'POST',
						headers: {'Content-Type': 'application/json'},
						body: JSON.stringify({name, phone: `13533${String(100000 + i)}`, consents: []}),
					})
				)
					.json()
					.then((body) => body.customer_id || -body.status),
			);
		return answers;
	}, strings);
	ok(
		statuses.every((answer) => answer > 0 || answer === -422) && statuses.some((answer) => answer > 0),
		'naughty names are taken or refused, never a fault',
		statuses,
	);
	for (const person of statuses.filter((answer, i) => answer > 0 && i % 10 === 0))
		await visit(page, `#/person/${person}`);
	await visit(page, '#/find');
	for (const digits of ['0000', '0030', '0059']) {
		await page.fill('#text', digits);
		await page.click('main button[type=submit]');
		await page.waitForSelector('main h2, main :text("没有找到")');
	}
	ok(
		(
			await page.$$(
				'main script, main img, main iframe, main svg, main object, main b, main [onerror], main [onload]',
			)
		).length === 0,
		'none of them is markup',
	);
	ok(page.errors.length === 0, 'and none ran or disturbed the console', page.errors);
	await page.context().close();
}
