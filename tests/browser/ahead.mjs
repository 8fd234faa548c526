// What is to be expected with open deals in it, and how growth goes, in words.
import {judge, ok, open, read, send, sql, visit} from './harness.mjs';

// Open deals are part of what is to be expected, as those like them went; of whose like too few have ended it is said
// that they are not.
export async function dealsAhead(browser) {
	const page = await open(browser, 'headquarters', {size: 'desk'});
	const {
		body: {
			items: [{customer_id: person}],
		},
	} = await send(page, 'search', {text: '王', limit: 1});
	const forecast = async () =>
		(await read(page, 'reports/forecast?months=3')).body.items.filter((row) => row.expected !== null);
	const [alone] = await forecast();
	sql(`SELECT crm.sales_deal_open(${person}, 'consult', '年会蛋糕', 6000)`);
	await visit(page, '#/reports');
	ok(
		(await page.textContent('#of_deals')).includes('没有算进去'),
		'a deal of whose like none has ended is not counted, and that is said',
		await page.textContent('#of_deals'),
	);
	sql(`INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, amount, is_important, lead_source, opened_at, stage_at, touched_at, closed_at, came_stages, came_at)
		SELECT ${person}, n, 'consult', o, o, 'ahead', 100, false, 'web', crm.core_now() - interval '99 days', crm.core_now() - interval '99 days', crm.core_now(), crm.core_now() - interval '99 days' + interval '20 days',
			(SELECT ARRAY[s.stage] FROM crm.pipeline_stage s WHERE s.pipeline = 'consult' ORDER BY s.position LIMIT 1), ARRAY[crm.core_now() - interval '99 days'] FROM generate_series(1, 12) n, LATERAL (SELECT CASE WHEN n <= 6 THEN 'won' ELSE 'lost' END) v (o);
		INSERT INTO crm.deal_event (customer_id, deal_id, deal_event_id, at, kind, actor, stage) SELECT customer_id, deal_id, deal_id, opened_at, 'opened', 'x', came_stages[1] FROM crm.deal WHERE title = 'ahead'`);
	const told = await forecast(),
		brought = told.reduce((sum, row) => sum + Number(row.from_deals), 0);
	ok(
		Math.abs(brought - 3000) < 0.02 &&
			told[0].deals === 1 &&
			told.some((row) => row.high - row.low > alone.high - alone.low),
		'half of those like it were won: half of its amount is expected, and the bounds are wider',
		told,
	);
	await visit(page, '#/reports');
	const words = await page.textContent('#of_deals');
	ok(words.includes('3,000.00') && !words.includes('没有算进去'), 'and the page says so', words);
	ok(
		/多|少|每月/.test(await page.textContent('#pace')),
		'how growth goes is said in words',
		await page.textContent('#pace'),
	);
	await judge(page, 'reports with deals');
	await page.click('section:has(h2:text("销售额趋势与预测")) summary');
	ok(
		(await page.textContent('section:has(h2:text("销售额趋势与预测")) thead')).includes('其中商机'),
		'month by month in the table',
	);
	await page.click('#of_deals a');
	await page.waitForFunction(() => location.hash === '#/deals');
	ok(page.errors.length === 0, 'from where the deals are one tap away, quietly', page.errors);
	sql(
		"DELETE FROM crm.deal_event e USING crm.deal d WHERE d.deal_id = e.deal_id AND d.customer_id = e.customer_id AND d.title IN ('ahead', '年会蛋糕'); DELETE FROM crm.task t USING crm.deal d WHERE d.title = '年会蛋糕' AND t.task_key LIKE 'deal:' || d.deal_id || ':%'; DELETE FROM crm.deal WHERE title IN ('ahead', '年会蛋糕')",
	);
	await page.context().close();
}
