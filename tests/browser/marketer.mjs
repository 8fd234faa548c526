// A marketer's work: an audience from phrases with the count beside, flows, tags, tiers and coupons; nothing typed
// lost, hostile names shown as they are.
import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {judge, ok, open, read, send, sql, visit} from './harness.mjs';

const text = (page, what) => page.waitForSelector(`:is(main, #toast) :text("${what}")`);
const hostile = '<img src=x onerror=alert(1)>"\'&{{7*7}}';
const counted = (page) =>
	page.waitForFunction(
		() => document.querySelector('aside [role=status] .big') && !document.querySelector('aside [aria-busy]'),
	);
const count = async (page) => {
	await counted(page);
	return Number((await page.textContent('aside .big')).replace(/\D/g, ''));
};

// The question put to the database by other means than the editor's words.
const asked = (page, rule) =>
	page.evaluate(
		async (given) =>
			(
				await (
					await fetch('/api/v1/rules/preview', {
						method: 'POST',
						headers: {'Content-Type': 'application/json'},
						body: JSON.stringify({rule: given}),
					})
				).json()
			).persons,
		rule,
	);

async function add(page, phrase, within = '.rule > fieldset > .add') {
	await page.selectOption(`${within} select`, phrase);
	await page.click(`${within} button >> nth=0`);
}

export async function audiences(browser) {
	const page = await open(browser, 'marketer');
	await visit(page, '#/audiences/new');
	const everybody = await count(page);
	await add(page, 'bought');
	ok(await page.evaluate(() => document.activeElement.closest('li') !== null), 'what was added has the focus');
	await text(page, '请填完空格');
	await page.waitForSelector('.parts li select[aria-label="取值"] option[value=cake]', {state: 'attached'});
	await page.selectOption('.parts li select[aria-label="取值"]', 'cake');
	await page.selectOption('.parts li select[aria-label="时间"]', 'last');
	await page.fill('.parts li input[aria-label="数值"]', '40');
	await page.waitForFunction(() => /剩 \d/.test(document.querySelector('.effect').textContent));
	const cake = {kind: 'item', where: {category: 'cake'}, days: 40};
	ok(
		(await count(page)) === (await asked(page, cake)) && (await count(page)) < everybody,
		"the count is the database's",
	);
	await add(page, 'last');
	await page.fill('.parts > li:nth-child(2) input[aria-label="数值"]', '1');
	await page.fill('.parts > li:nth-child(2) input[aria-label="至"]', '20');
	const last = {kind: 'purchase', measure: 'last', op: 'between', value: [1, 20]};
	await page.waitForFunction(() => /剩 \d/.test(document.querySelectorAll('.effect')[1].textContent));
	const both = await asked(page, {all: [cake, last]});
	ok((await count(page)) === both, 'two conditions together');
	ok(
		(await page.textContent('.parts > li:nth-child(2) .effect')).includes(`剩 ${both} 人`),
		'each condition says how many it leaves',
	);
	// a group within, by keyboard alone
	await page.focus('.rule > fieldset > .add button >> nth=1');
	await page.keyboard.press('Enter');
	await page.selectOption('.parts > li:nth-child(3) select[aria-label="怎样组合"]', 'none');
	await add(page, 'tier', '.parts > li:nth-child(3) .add');
	await page.check('.parts .parts input[type=checkbox] >> nth=2');
	await add(page, 'consent', '.parts > li:nth-child(3) .add');
	await page.selectOption('.parts .parts > li:nth-child(2) select[aria-label="取值"]', 'email');
	const whole = {
		all: [
			cake,
			last,
			{
				not: {
					any: [
						{kind: 'value', field: 'tier', value: 'B'},
						{kind: 'consent', field: 'email', value: 'yes'},
					],
				},
			},
		],
	};
	await page.waitForFunction(() =>
		/剩 \d/.test(document.querySelectorAll('.parts > li:nth-child(3) .effect')[0].textContent),
	);
	ok((await count(page)) === (await asked(page, whole)), 'a group within');
	for (const size of [360, 390, 768, 1280]) {
		await page.setViewportSize({width: size, height: 800});
		await judge(page, `audience editor ${size}`);
	}
	await page.click('.parts > li:nth-child(2) > .phrase button');
	await page.waitForFunction(() => document.querySelectorAll('.rule > fieldset > .parts > li').length === 2);
	await page.click('#toast button:text("撤销")');
	await page.waitForFunction(() => document.querySelectorAll('.rule > fieldset > .parts > li').length === 3);
	ok(
		(await page.inputValue('.parts > li:nth-child(2) input[aria-label="至"]')) === '20',
		'what was taken away comes back as it was, where it was',
	);
	// left and opened again: nothing typed is lost
	await page.fill('#name_zh', hostile);
	await page.reload();
	await page.waitForSelector('#name_zh');
	ok(
		(await page.inputValue('#name_zh')) === hostile &&
			(await page.$$('.rule > fieldset > .parts > li')).length === 3,
		'a reload loses nothing that was typed',
	);
	await page.click('main button[type=submit]');
	await page.waitForFunction(
		() => /#\/audiences\/audience_/.test(location.hash) && document.querySelector('h1 .tag'),
	);
	const address = await page.evaluate(() => location.hash);
	ok(
		(await page.textContent('h1')).includes(hostile) && (await page.$$('main img')).length === 0,
		'a hostile name is a name, and runs nothing',
	);
	const kept = await page.evaluate(
		async (code) => (await (await fetch('/api/v1/segments')).json()).items.find((row) => row.segment === code).rule,
		address.split('/')[2],
	);
	ok((await asked(page, kept)) === (await asked(page, whole)), 'what was kept means the same', kept);
	await judge(page, 'audience');
	await visit(page, address.replace('audiences/', 'audiences/edit/'));
	ok(
		(await page.$$('.rule code')).length === 0 && (await page.$$('.rule > fieldset > .parts > li')).length === 3,
		'and is read back as phrases',
	);
	await visit(page, address);
	await page.click('main button:text("删除")');
	await page.waitForFunction(() => location.hash === '#/audiences');
	await page.click('#toast button:text("撤销")');
	await page.waitForFunction((back) => location.hash === back, address);
	ok(true, 'a deleted audience comes back');
	ok(page.errors.length === 0, 'the console was quiet over an audience', page.errors);
	await page.context().close();
}

// As a server answers that has no time for everybody: those up to an id, which are all of them without those behind it.
const half = 7000002400;
async function firstPart(route, body) {
	const ask = async (after) => (await route.fetch({postData: JSON.stringify({...body, after})})).json();
	const all = await ask(0),
		behind = await ask(half);
	const less = (one, other) =>
		Object.fromEntries(
			Object.entries(one).map(([name, value]) => [name, typeof value === 'number' ? value - other[name] : value]),
		);
	return {...less(all, behind), parts: all.parts.map((part, i) => less(part, behind.parts[i])), after: half};
}

// A count of many begins as an estimate that says so, and ends exact; what is no longer wanted is taken back. The
// page asks for as few persons here as a chain of thousands has in its sixteenth; the gateway and the database answer
// as they are.
export async function estimates(browser) {
	sql(
		`INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at, sex) SELECT 7000000000 + g, 'active', now(), current_date, now(), CASE WHEN g % 3 = 0 THEN 'm' ELSE 'f' END FROM generate_series(1, 4800) g`,
	);
	const page = await open(browser, 'marketer');
	let release = () => {},
		held = null;
	const failed = [],
		later = [];
	page.on('requestfailed', (request) => failed.push(request.url()));
	await page.route('**/rules/preview', async (route) => {
		const body = route.request().postDataJSON();
		if (body.look_at === undefined && held) await held;
		if (body.after === 0)
			return firstPart(route, body)
				.then((json) => route.fulfill({json}))
				.catch(() => {}); // taken back meanwhile
		if (body.after > 0) later.push(body);
		await route
			.continue({postData: JSON.stringify({...body, look_at: {2000: 100, 10000: 200}[body.look_at]})})
			.catch(() => {});
	});
	const hold = () => {
		held = new Promise((resume) => {
			release = resume;
		});
	};
	await visit(page, '#/audiences/new');
	await counted(page);
	hold();
	await add(page, 'sex');
	await page.selectOption('.parts li select[aria-label="取值"]', 'm');
	await page.waitForFunction(
		() =>
			/约 [\d,]+/.test(document.querySelector('aside .big').textContent) &&
			/约/.test(document.querySelector('.effect').textContent),
	);
	await text(page, '正在逐人清点');
	await page.waitForSelector('aside [role=status] progress', {state: 'attached'});
	ok((await page.$$('aside [role=status] progress')).length === 1, 'how far the count is, is shown');
	const words = await page.textContent('aside [role=status]');
	const off = Number(/不超过 ([\d,]+)/.exec(words)[1].replace(/\D/g, '')),
		about = await page.textContent('aside .big').then((said) => Number(said.replace(/\D/g, '')));
	const males = {kind: 'person', field: 'sex', value: 'm'};
	const truth = Number(sql("SELECT count(*) FROM crm.customer WHERE status = 'active' AND sex = 'm'"));
	ok(off > 0 && Math.abs(about - truth) <= off, 'an estimate says how far it may be off', {words, truth});
	await judge(page, 'an estimate');
	await page.selectOption('.parts li select[aria-label="取值"]', 'f');
	for (let i = 0; i < 1200 && failed.length === 0; i++) await page.waitForTimeout(50);
	ok(failed.length > 0, 'the count of what was changed meanwhile is taken back');
	await page.selectOption('.parts li select[aria-label="取值"]', 'm');
	await text(page, '正在逐人清点');
	release();
	held = null;
	await page.waitForFunction(
		() => !document.querySelector('aside [aria-busy]') && !/约/.test(document.querySelector('aside').textContent),
	);
	ok(
		(await count(page)) === truth &&
			(await asked(page, males)) === truth &&
			(await page.textContent('.effect')).includes(`剩 ${truth.toLocaleString('zh-CN')} 人`),
		'in the end everybody was counted',
	);
	ok((await page.$$('aside li a')).length === 8, 'and some of them are named');
	ok(
		later.length > 0 && later.every((body) => body.after === half && body.as_of),
		'part after part, all as of one moment',
		later,
	);
	hold();
	await page.selectOption('.parts li select[aria-label="取值"]', 'f');
	await text(page, '正在逐人清点');
	const before = failed.length;
	await visit(page, '#/audiences');
	for (let i = 0; i < 1200 && failed.length === before; i++) await page.waitForTimeout(50);
	ok(failed.length > before, 'and of whoever leaves the page');
	release();
	ok(
		page.errors.filter((fault) => !/ERR_ABORTED/.test(fault)).length === 0,
		'the console was quiet over an estimate',
		page.errors,
	);
	await page.context().close();
	sql('DELETE FROM crm.customer WHERE customer_id BETWEEN 7000000001 AND 7000004800');
}

// Two audiences, their overlap, and a list as a file.
export async function overlaps(browser) {
	const page = await open(browser, 'marketer', {size: 'desk', language: 'en', theme: 'dark'});
	const codes = await page.evaluate(async () => {
		const rules = {
			overlap_one: {kind: 'purchase', measure: 'last', op: '<=', value: 40},
			overlap_two: {kind: 'person', field: 'store', value: 'S1'},
		};
		for (const [code, rule] of Object.entries(rules))
			await fetch(`/api/v1/segments/${code}`, {
				method: 'PUT',
				headers: {'Content-Type': 'application/json'},
				body: JSON.stringify({name_zh: `=${code}`, rule, kind: 'static'}),
			});
		return Object.keys(rules);
	});
	await visit(page, '#/audiences');
	await judge(page, 'audiences en dark');
	await page.selectOption('#overlap_a', codes[0]);
	await page.selectOption('#overlap_b', codes[1]);
	await page.click('button:text("Compare")');
	const both = await asked(page, {
		all: [
			{kind: 'purchase', measure: 'last', op: '<=', value: 40},
			{kind: 'person', field: 'store', value: 'S1'},
		],
	});
	await text(page, `${both} persons are in both`);
	ok(true, "the overlap is the database's");
	await page.click('section a[href^="#/behind/overlap/"]');
	await page.waitForSelector('main tbody tr');
	ok(
		(await page.$$('main tbody tr')).length === both && (await page.textContent('h1')).includes('∩'),
		'and opens who is in both',
		await page.textContent('h1'),
	);
	await visit(page, '#/audiences');
	await visit(page, `#/audiences/${codes[1]}`);
	await page.waitForSelector('main li a');
	const [file] = await Promise.all([page.waitForEvent('download'), page.click('button:text("Export CSV")')]);
	const content = await (await import('node:fs/promises')).readFile(await file.path(), 'utf8');
	ok(
		content.split('\r\n').length - 2 === (await asked(page, {kind: 'person', field: 'store', value: 'S1'})) &&
			/\*\*/.test(content) &&
			!/1391234\d{4}/.test(content),
		'the file holds the members as they are shown: masked',
		content.slice(0, 200),
	);
	await judge(page, 'audience en dark');
	ok(page.errors.length === 0, 'the console was quiet', page.errors);
	await page.context().close();
}

// A flow copied from a preset, edited, tried, started, paused and stopped, in at most twelve interactions for the edit.
export async function flows(browser) {
	const page = await open(browser, 'marketer');
	let touched = 0;
	const touch = async (act) => {
		touched++;
		await act;
	};
	await visit(page, '#/flows');
	await touch(page.click('a[href="#/flows/new"]'));
	await page.waitForSelector('#preset');
	await touch(page.selectOption('#preset', 'win_back'));
	await touch(page.fill('#name_zh', hostile));
	await touch(page.click('main button[type=submit]'));
	await page.waitForFunction(
		() => /#\/flows\/flow_\w+\/edit/.test(location.hash) && document.querySelector('form.flow'),
	);
	const flow = (await page.evaluate(() => location.hash)).split('/')[2];
	ok(
		(await page.textContent('h1')) === hostile && (await page.$$('main img')).length === 0,
		'a hostile name of a flow runs nothing',
	);
	await touch(page.fill('#who .parts input[aria-label="数值"]', '60'));
	await touch(page.fill('#ago', '60'));
	await touch(page.fill('#holdout_percent', '20'));
	await touch(page.click('#steps'));
	await touch(page.fill('#text_2_sms', '{{name}}，第二波，券码{{coupon_code}}，退订回T'));
	await touch(page.click('form.flow button[type=submit]'));
	await page.waitForFunction((code) => location.hash === `#/flows/${code}`, flow);
	ok(
		touched <= 12,
		`a flow made of a preset, its trigger, condition, holdout, a wave and a text: ${touched} interactions`,
	);
	const kept = await page.evaluate(
		async (code) => (await (await fetch('/api/v1/flows')).json()).items.find((row) => row.flow === code),
		flow,
	);
	ok(
		kept.spec.ago === 60 &&
			kept.spec.who.all[0].value === 60 &&
			kept.spec.holdout_percent === 20 &&
			kept.spec.steps.length === 4 &&
			kept.spec.steps[3].after_days === 42,
		'is what was typed',
		kept.spec,
	);
	ok(
		kept.spec.steps[1].template === `${flow}_2` && kept.spec.steps[2].template === 'recall_80',
		"a text edited is the flow's own, others stay",
	);

	// refusals stand at their field
	await visit(page, `#/flows/${flow}/edit`);
	await page.fill('#holdout_percent', '120');
	await page.click('form.flow button[type=submit]');
	await page.waitForSelector('#holdout_percent[aria-invalid]');
	ok(
		(await page.evaluate(() => document.activeElement.id)) === 'holdout_percent' &&
			(await page.textContent('#refused')).includes('对照组'),
		'a refusal stands at its field',
	);
	await page.reload();
	await page.waitForSelector('#holdout_percent');
	ok((await page.inputValue('#holdout_percent')) === '120', 'nothing typed is lost over a reload');
	await page.fill('#holdout_percent', '10');
	for (const [wrong, said] of [
		['{{secret}}，退订回T', 'secret'],
		['好久不见', '退订回T'],
		['', '2000'],
	]) {
		await page.fill('#text_1_sms', wrong);
		await page.click('form.flow button[type=submit]');
		await page.waitForSelector('#text_1_sms[aria-invalid]');
		ok(
			(await page.textContent('#refused')).includes(said),
			`a text is refused at its field: ${wrong}`,
			await page.textContent('#refused'),
		);
	}
	await page.fill('#text_1_sms', '{{name}}，好久不见，退订回T');
	await page.click('section.step >> nth=0 >> button:text("以真实顾客预览") >> nth=1');
	await page.waitForFunction(() => /\*\*，好久不见/.test(document.querySelector('section.step').textContent));
	ok(true, 'a text is previewed on a real person, masked');
	// a channel added brings its text along
	await page.check('#channels input >> nth=2');
	await page.fill('#subject_1', '想念您');
	await page.fill('#text_1_email', '{{name}}，好久不见');
	await page.click('button:text("删除第 4 波")');
	await page.waitForFunction(() => document.querySelectorAll('section.step').length === 3);
	await page.click('#toast button:text("撤销")');
	await page.waitForFunction(() => document.querySelectorAll('section.step').length === 4);
	ok(true, 'a wave taken away comes back');
	for (const size of [360, 390, 768, 1280]) {
		await page.setViewportSize({width: size, height: 800});
		await judge(page, `flow editor ${size}`);
	}
	await page.click('form.flow button[type=submit]');
	await page.waitForFunction((code) => location.hash === `#/flows/${code}`, flow);
	const said = await page.evaluate(
		async (code) => (await (await fetch(`/api/v1/flows/${code}/texts`)).json()).items,
		flow,
	);
	ok(
		said.filter((one) => one.channel === 'email').length === 4 &&
			said.find((one) => one.channel === 'email').subject === '想念您',
		'a channel added has its text in each wave',
		said.filter((one) => one.channel === 'email'),
	);

	// dry run, start (refused: nothing carries its channels), why
	await page.click('button:text("试算")');
	await page.waitForSelector('#dry');
	ok((await page.textContent('#dry')).includes('消息费用约'), 'a dry run says who, why not, and what it costs');
	await judge(page, 'flow dry run');
	await page.evaluate(
		(code) =>
			fetch(`/api/v1/flows/${code}`, {
				method: 'PATCH',
				headers: {'Content-Type': 'application/json'},
				body: '{"channels": ["wechat"]}',
			}),
		flow,
	);
	await page.click('main button:text("启动")');
	await page.waitForSelector('a:text("去修改")');
	ok(true, 'a start that cannot be says why, and where to mend it');
	const somebody = await page.evaluate(
		async () =>
			(
				await (
					await fetch('/api/v1/rules/preview', {
						method: 'POST',
						headers: {'Content-Type': 'application/json'},
						body: '{"rule":{},"sample":1}',
					})
				).json()
			).sample[0].customer_id,
	);
	await page.fill('#person', String(somebody));
	await page.click('button:text("查看原因")');
	await page.waitForFunction((person) => location.hash.endsWith(`/why/${person}`), somebody);
	await text(page, '这个活动还没有为这位顾客触发过');
	await text(page, '活动是“草稿”');
	ok(true, 'why a person did not get it, in words, under an address of its own');
	await judge(page, 'flow why');
	// started: those past the line wait for somebody's word; paused, stopped
	await visit(page, '#/flows/silence_30');
	const act = async (verb, then) => {
		await page.click(`main button:text-is("${verb}")`);
		await page.waitForSelector(`main :text("${then}")`);
	};
	await act('启动', '确认后才会分批进入');
	const waiting = await page.evaluate(
		async () =>
			(await (await fetch('/api/v1/flows')).json()).items.find((row) => row.flow === 'silence_30')
				.backlog_waiting,
	);
	ok(waiting > 0 && (await page.textContent('main')).includes(`${waiting} 人`), 'a start shows who is past the line');
	await judge(page, 'flow with a backlog');
	await page.click('main button:text-is("确认积压")');
	await page.waitForFunction(() => !document.querySelector('main').textContent.includes('确认后才会分批进入'));
	await act('暂停', '已暂停');
	await act('启动', '进行中');
	await act('停止', '已停止');
	ok(true, 'started, confirmed, paused, gone on, stopped');
	ok(page.errors.length === 0, 'the console was quiet over a flow', page.errors);
	await page.context().close();
}

// Every flow that ships and every preset opens in the editor without loss: saving sends nothing that was not changed.
// Branches and tasks of waves, and what a vendor of approved texts is told: edited, kept, refused at their fields.
export async function branches(browser) {
	const sql = (text) => execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', text]).toString().trim();
	const page = await open(browser, 'marketer', {size: 'desk'});
	const send = (method, path, body) =>
		page.evaluate(
			async ([how, where, what]) =>
				(
					await fetch(`/api/v1/${where}`, {
						method: how,
						headers: {'Content-Type': 'application/json'},
						body: JSON.stringify(what),
					})
				).status,
			[method, path, body],
		);
	const spec = (code) =>
		page.evaluate(
			async (flow) => (await (await fetch('/api/v1/flows')).json()).items.find((row) => row.flow === flow).spec,
			code,
		);
	await send('POST', 'flow-presets/win_back/flows/t_branches', {});
	const {steps, who} = await spec('t_branches');
	const status = await send('PATCH', 'flows/t_branches', {steps: [{...steps[0], only: who}, ...steps.slice(1)]});
	ok(status === 200, 'a wave is for some', [status, who]);
	await visit(page, '#/flows/t_branches/edit');
	await page.waitForSelector('#only[open]');
	await page.fill('#only input[aria-label="数值"]', '3');
	await page.click('#task_2 summary');
	await page.fill('#task_2_title', '打电话');
	await page.fill('#task_2_hours', '24');
	await page.selectOption('#task_2_role', 'crm_service');
	await page.click('button:text("删除第 3 波")');
	await page.click('#toast button:text("撤销")');
	await page.waitForFunction(() => document.querySelectorAll('section.step').length === 3);
	ok(
		(await page.inputValue('#task_2_title')) === '打电话' &&
			(await page.inputValue('#only input[aria-label="数值"]')) === '3',
		'an undo of another wave keeps both',
	);
	await judge(page, 'flow editor with a branch and a task');
	await page.click('form.flow button[type=submit]');
	await page.waitForFunction(() => location.hash === '#/flows/t_branches');
	let kept = await spec('t_branches');
	ok(
		JSON.stringify(kept.steps[0].only).includes('"value":3') &&
			kept.steps[1].task.title === '打电话' &&
			kept.steps[1].task.hours === 24 &&
			kept.steps[1].task.role === 'crm_service' &&
			!kept.steps[2].task &&
			!kept.steps[1].only,
		'branch and task are kept where they stand',
		kept.steps,
	);
	await visit(page, '#/flows/t_branches/edit');
	await page.fill('#task_2_title', '');
	await page.click('form.flow button[type=submit]');
	await page.waitForFunction(() => location.hash === '#/flows/t_branches');
	kept = await spec('t_branches');
	ok(!('task' in kept.steps[1]), 'a task without a title is none', kept.steps);
	// a vendor that sends approved texts alone
	sql(
		`SELECT crm.outbox_connect('ali', 'aliyun_sms', 'https://127.0.0.1', '{"sign_name": "店", "access_key_id": "k"}', '{"access_key_secret": "s"}', '{"is_private_allowed": true}'); SELECT crm.outbox_set_channel('sms', 'ali')`,
	);
	try {
		await visit(page, '#/flows/t_branches/edit');
		await page.waitForSelector('#vendor_1_sms[open]');
		await page.fill('#text_1_sms', '{{name}}，回来看看，退订回T');
		await page.fill('#vendor_1_sms_template', 'SMS_1');
		await page.fill('#vendor_1_sms_params', 'name = {{secret}}');
		await page.click('form.flow button[type=submit]');
		await page.waitForFunction(() => document.getElementById('refused').textContent !== '');
		ok(true, 'a placeholder that nothing fills in is refused');
		await page.reload();
		await page.waitForSelector('#vendor_1_sms_params', {state: 'attached'});
		await page.evaluate(() => {
			for (const step of [1, 2, 3]) document.getElementById(`vendor_${step}_sms`).open = true;
		});
		ok(
			(await page.inputValue('#vendor_1_sms_params')) === 'name = {{secret}}',
			'and what was typed outlives a reload',
		);
		await page.fill('#vendor_1_sms_params', 'name = {{name}}\ncode = {{coupon_code}}');
		for (const n of [2, 3]) {
			await page.fill(`#vendor_${n}_sms_template`, 'SMS_1');
			await page.fill(`#vendor_${n}_sms_params`, 'name = {{name}}');
		}
		await page.click('form.flow button[type=submit]');
		await page
			.waitForFunction(() => location.hash === '#/flows/t_branches')
			.catch(async () => ok(false, 'saved', await page.textContent('#refused')));
		ok(
			sql(
				"SELECT t.vendor_template || t.vendor_params::text FROM crm.template t WHERE t.template = 't_branches' AND channel = 'sms'",
			) === 'SMS_1{"code": "{{coupon_code}}", "name": "{{name}}"}',
			"the vendor's id and placeholders are kept",
		);
	} finally {
		sql("SELECT crm.outbox_set_channel('sms', 'post')");
	}
	ok(page.errors.length === 0, 'the console was quiet over branches', page.errors);
	await page.context().close();
}

export async function presets(browser) {
	const page = await open(browser, 'marketer', {size: 'desk', language: 'en', theme: 'dark'});
	const made = await page.evaluate(async () => {
		const send = (method, path, body) =>
			fetch(`/api/v1/${path}`, {
				method,
				headers: {'Content-Type': 'application/json'},
				body: JSON.stringify(body),
			});
		const names = (await (await fetch('/api/v1/flow-presets')).json()).items.map((preset) => preset.preset);
		for (const name of names) await send('POST', `flow-presets/${name}/flows/t_${name}`, {});
		return ['welcome', 'silence_30', 'birthday', ...names.map((name) => `t_${name}`)];
	});
	const specs = () =>
		page.evaluate(async () =>
			Object.fromEntries(
				(await (await fetch('/api/v1/flows')).json()).items.map((row) => [
					row.flow,
					JSON.stringify([row.version, row.spec]),
				]),
			),
		);
	const before = await specs();
	for (const flow of made) {
		await visit(page, `#/flows/${flow}/edit`);
		await page.waitForSelector('form.flow');
		await page.click('form.flow button[type=submit]');
		await page.waitForFunction((code) => location.hash === `#/flows/${code}`, flow);
	}
	const after = await specs();
	const changed = made.filter((flow) => before[flow] !== after[flow]);
	ok(made.length > 12 && changed.length === 0, `${made.length} flows are read and written without loss`, changed);
	await visit(page, '#/flows/t_win_back/edit');
	await page.waitForSelector('form.flow');
	await judge(page, 'flow editor en dark');
	await visit(page, '#/flows/t_browse/edit');
	await page.waitForSelector('#event input:checked');
	await page.check('#event label:has-text("searched") input');
	await judge(page, 'flow editor of events en dark');
	await page.click('form.flow button[type=submit]');
	await page.waitForFunction(() => location.hash === '#/flows/t_browse');
	ok(
		JSON.parse((await specs()).t_browse)[1].event.types.join() === 'product_view,search',
		'the events of a trigger are edited',
	);
	await visit(page, '#/flows/t_win_back');
	await page.waitForSelector('#verdict');
	await judge(page, 'flow en dark');
	ok(page.errors.length === 0, 'the console was quiet over all presets', page.errors);
	await page.context().close();
}

// What came of a flow and why somebody got it, said in words: figures given, words expected.
export async function wordings(browser) {
	const page = await open(browser, 'marketer', {language: 'en', size: 'desk'});
	await visit(page, '#/flows/silence_30');
	await page.waitForSelector('#verdict');
	const said = (treatment, control, lift = {}) =>
		page.evaluate(
			async ([t, c, more]) =>
				(await import('/js/flow_words.js')).results({
					window_days: 14,
					fired: 0,
					sent: 0,
					redeemed: 0,
					sample_ratio: {is_skewed: false},
					treatment: {persons: t[0], ordered: t[1]},
					control: {persons: c[0], ordered: c[1]},
					...more,
				}).textContent,
			[treatment, control, lift],
		);
	let words = await said([100, 29], [19, 4]);
	ok(
		words.includes('29 of 100 came back within 14 days') &&
			words.includes('About 21 would have anyway') &&
			words.includes('the smaller group needs 81 more persons'),
		'too few persons',
		words,
	);
	words = await said([1000, 20], [100, 2]);
	ok(words.includes('needs 3 more orders'), 'too few orders', words);
	words = await said([1000, 290], [1000, 210], {lift_points: 8, lift_interval: [4.2, 11.8]});
	ok(
		words.includes('It works: 8 points more (95 % sure between 4.2 and 11.8)'),
		'an effect with its interval',
		words,
	);
	words = await said([1000, 220], [1000, 210], {
		lift_points: 1,
		lift_interval: [-2.6, 4.6],
		sample_ratio: {is_skewed: true, control_expected: 100.4},
	});
	ok(
		words.includes('may be chance') && words.includes('1,000 persons where about 100 were expected'),
		'chance, and a split that cannot be right',
		words,
	);
	words = await said([1000, 290], [1000, 210], {
		lift_points: 8,
		lift_interval: [4.2, 11.8],
		funnel: {assigned: 1000, sent: 990, delivered: 900, opened: 300, clicked: 120, redeemed: 80},
		cost: {messages: 49.5, coupons: 400, points: 0, total: 449.5},
		recalled: 80,
		cost_per_recalled: 5.62,
		roi: 1.25,
		worth_says: '',
	});
	ok(
		words.includes('It cost ¥449.50') &&
			words.includes('About 80 customers came who would not have') &&
			words.includes('each of them cost ¥5.62') &&
			words.includes('125%'),
		'what it was worth',
		words,
	);
	const reasons = [
		'flow is paused',
		'missed: it was due 2026-01-01 10:00 Asia/Shanghai',
		'in time',
		'wechat: no endpoint carries it, sms: consent no',
		'sms: no address',
		'email: consent unknown',
		'sms',
		'tier S is excluded',
		'last purchase is 2026-01-01 now',
		'superseded: 1 of 1 in 7 days to this address',
		'superseded: 1 of 1 in 7 days to this person',
		'held to 2026-01-02 08:00 Asia/Shanghai',
		'holds or used an equal or better offer',
		'in the control group',
		'goal reached: bought',
		"excluded by the flow's rule",
		'no code is left in the pool of its coupon',
		'the last purchase is another one now',
		'wecom: as many this month as it allows',
		'superseded: 2 of 2 by the cap "cap_x"',
		'superseded: 1 of 1 a week to this person',
		'superseded: 1 of 1 a day to this address',
		'all 100 are taken',
		'no lottery is open',
		'held to the best hour, 2026-01-02 19:00',
	];
	await page.click('button:text("中文")');
	await page.waitForFunction(() => document.documentElement.lang === 'zh-CN');
	const spoken = await page.evaluate(async (texts) => {
		const {reason} = await import('/js/flow_words.js');
		return texts.map(reason);
	}, reasons);
	ok(
		spoken.every((text) => !/[a-z]{3}/i.test(text.replace('Asia/Shanghai', ''))),
		"reasons are said in the page's language",
		spoken,
	);
	await page.context().close();
}

// A tier rule edited: a gap is shown while it is there, who would move, saved and taken back, in at most twelve
// interactions.
export async function tiers(browser) {
	const page = await open(browser, 'marketer');
	let touched = 0;
	const touch = async (act) => {
		touched++;
		await act;
	};
	const set = () =>
		page.evaluate(async () => (await (await fetch('/api/v1/tier-sets')).json()).items.find((one) => one.is_active));
	const before = await set();
	await touch(page.click('nav a[href="#/tiers"]'));
	await page.waitForSelector('#value_7_1');
	await text(page, '没有漏洞');
	await touch(page.fill('#value_7_1', '1'));
	await page.waitForSelector('.gap');
	ok(
		(await page.textContent('.gap')).includes('消费天数'),
		'a gap is shown with a state that falls into it',
		await page.textContent('.gap'),
	);
	await page.click('form button[type=submit]');
	await text(page, '有些顾客会没有等级');
	ok(true, 'rules with a gap are refused');
	await touch(page.fill('#value_7_1', '0'));
	await touch(page.fill('#days_1_1', '60'));
	await touch(page.fill('#value_1_2', '10'));
	await text(page, '位会换等级');
	await text(page, '处重叠');
	for (const size of [360, 390, 768, 1280]) {
		await page.setViewportSize({width: size, height: 800});
		await judge(page, `tiers ${size}`);
	}
	await page.reload();
	await page.waitForSelector('#days_1_1');
	ok(
		(await page.inputValue('#days_1_1')) === '60' && (await page.inputValue('#value_1_2')) === '10',
		'nothing typed is lost over a reload',
	);
	await page.waitForSelector('.good');
	await touch(page.click('form button[type=submit]'));
	await text(page, '正在重新计算');
	const after = await set();
	ok(
		touched <= 12 &&
			after.version === before.version + 1 &&
			after.rules[0].conditions[0].days === 60 &&
			after.rules[0].conditions[1].value === 10,
		`a tier rule is edited in ${touched} interactions`,
		after.rules[0],
	);
	await page.click('#toast button:text("撤销")');
	await text(page, '第 3 版');
	ok(JSON.stringify((await set()).rules) === JSON.stringify(before.rules), 'and taken back');
	await page.click('button:text("添加等级")');
	ok(
		(await page.evaluate(() => document.activeElement.id)) === 'tier_7',
		'a tier added has the focus, before the last',
	);
	await page.click('.parts > li:nth-child(7) > .phrase button >> nth=-1');
	await page.click('.parts > li:nth-child(1) .phrase button[aria-label^="下移"]');
	ok(
		(await page.inputValue('#tier_1')) === 'A' && (await page.inputValue('#tier_2')) === 'S',
		'tiers change their order',
	);
	ok(page.errors.length === 0, 'the console was quiet over tiers', page.errors);
	await page.context().close();
}

// A tag by a rule, in the same phrases; given back its rule by undo.
export async function tags(browser) {
	const page = await open(browser, 'marketer', {size: 'desk', language: 'en', theme: 'dark'});
	await visit(page, '#/tags/new');
	await add(page, 'spent');
	await page.fill('.parts input[aria-label="Number"]', '30');
	await page.fill('.parts input[aria-label="To"]', '90');
	const meant = await asked(page, {kind: 'purchase', measure: 'sum', op: 'between', value: [30, 90]});
	await page.waitForFunction((n) => document.querySelector('aside .big')?.textContent === String(n), meant);
	ok(true, "the count beside a tag's rule");
	await judge(page, 'tag editor en dark');
	await page.fill('#tag', hostile);
	await page.click('form button[type=submit]');
	await page.waitForFunction(() => location.hash === '#/tags');
	await page.waitForFunction(
		(name) => [...document.querySelectorAll('td a')].some((link) => link.textContent === name),
		hostile,
	);
	ok((await page.$$('main img')).length === 0, 'a hostile tag runs nothing');
	await judge(page, 'tags en dark');
	await page.click(`td a:text-is(${JSON.stringify(hostile)})`);
	await page.waitForSelector('.parts input[aria-label="To"]');
	await page.fill('.parts input[aria-label="To"]', '60');
	await page.click('form button[type=submit]');
	await page.waitForFunction(() => location.hash === '#/tags');
	const rule = () =>
		page.evaluate(
			async (name) =>
				JSON.stringify(
					(await (await fetch('/api/v1/tags')).json()).items.find((row) => row.name_en === name).rule,
				),
			hostile,
		);
	ok((await rule()).includes('60'), 'a tag is edited');
	await page.click('#toast button:text("Undo") >> nth=-1');
	await page.waitForFunction(
		async (name) =>
			JSON.stringify(
				(await (await fetch('/api/v1/tags')).json()).items.find((row) => row.name_en === name).rule,
			).includes('90'),
		hostile,
	);
	ok(true, 'and has its rule back');
	await visit(page, `#/tags/edit/${encodeURIComponent('高潜')}`);
	await page.waitForSelector('.parts .parts input[type=number]');
	ok(
		(await page.$$('.rule code')).length === 0 && (await page.textContent('.rule')).includes('basket'),
		"the rule of a tag that ships is read as phrases, its basket among the chain's",
		await page.textContent('.rule'),
	);
	ok(page.errors.length === 0, 'the console was quiet over tags', page.errors);
	await page.context().close();
}

// A type of coupon with codes that others printed, its limits, faults at their field.
export async function coupons(browser) {
	const page = await open(browser, 'marketer');
	await visit(page, '#/coupons/new');
	await page.fill('#name_zh', hostile);
	await page.fill('#value', '-1');
	await page.check('input[name=is_pooled]');
	await page.click('main button[type=submit]');
	await page.waitForSelector('#value[aria-invalid]');
	ok(true, 'a refusal stands at its field');
	await page.reload();
	await page.waitForSelector('#name_zh');
	ok(
		(await page.inputValue('#name_zh')) === hostile && (await page.isChecked('input[name=is_pooled]')),
		'nothing typed is lost over a reload',
	);
	await page.fill('#value', '15');
	await page.click('main button[type=submit]');
	await page.waitForSelector('#codes');
	await page.fill('#codes', 'PRINT-0001, PRINT-0002\nPRINT-0002');
	await page.click('section:has(#codes) button[type=submit]');
	await text(page, '新增 2 个，已有 1 个，剩 2 个');
	ok(true, 'codes are loaded, each once');
	await page.check('input[name=is_claimable]');
	await page.fill('#total_limit', '20');
	await page.fill('#person_limit', '1');
	// the word of what was saved before may still stand there
	await Promise.all([
		page.waitForResponse((answer) => answer.url().endsWith('/claims')),
		page.click('section:has(#total_limit) button[type=submit]'),
	]);
	const kept = await page.evaluate(
		async (name) => (await (await fetch('/api/v1/coupon-types')).json()).items.find((row) => row.name_zh === name),
		hostile,
	);
	ok(
		kept.is_claimable && kept.total_limit === 20 && kept.person_limit === 1 && kept.free === 2 && kept.value === 15,
		'limits and values are kept',
		kept,
	);
	await visit(page, '#/coupons/new');
	ok(await page.isHidden('#pool_low'), 'where codes are made here nobody is asked when they run out');
	await page.fill('#name_zh', '八五折券');
	await page.selectOption('#kind', 'percent');
	ok((await page.textContent('label[for=value]')).startsWith('打几折'), 'a discount is asked for as it is spoken of');
	await page.fill('#value', '8.5');
	await page.click('main button[type=submit]');
	await page.click('a:text("八五折券")');
	await page.waitForSelector('#value');
	const fold = await page.evaluate(async () =>
		(await (await fetch('/api/v1/coupon-types')).json()).items.find((row) => row.name_zh === '八五折券'),
	);
	ok(
		Number(fold.value) === 15 && (await page.inputValue('#value')) === '8.5',
		'and is kept as percent off, and shown again as it was said',
		fold,
	);
	await page.selectOption('#kind', 'shipping');
	ok(await page.isHidden('#value'), 'free shipping has no value');
	for (const size of [360, 1280]) {
		await page.setViewportSize({width: size, height: 800});
		await judge(page, `coupon ${size}`);
	}
	await visit(page, '#/coupons');
	await judge(page, 'coupons');
	ok(
		(await page.$$('main img')).length === 0 && page.errors.length === 0,
		'the console was quiet over coupons',
		page.errors,
	);
	await page.context().close();
}

// Naughty strings as names of audiences and flows: shown as they are, and run nothing.
export async function naughty(browser) {
	let strings = [
		hostile,
		'"><script>alert(1)</script>',
		'javascript:alert(1)//',
		'{{constructor.constructor("alert(1)")()}}',
		'\u202Etxet',
		'田中さんにあげて下さい',
		'=1+1',
		'${alert(1)}',
		'<svg/onload=alert(1)>',
		'👩‍👩‍👧‍👦',
	];
	try {
		strings = strings.concat(
			JSON.parse(readFileSync(new URL('../../../shared/data/gateway/blns/blns.json', import.meta.url), 'utf8')),
		);
	} catch {
		/* the list lies beside the checkout, or not at all */
	}
	strings = [...new Set(strings.map((text) => text.trim()))].filter(
		(text) => [...text].length >= 1 && text.length <= 100 && !text.includes('\u0000'),
	);
	const page = await open(browser, 'marketer', {size: 'desk'});
	const {names, flows, before} = await page.evaluate(async (texts) => {
		const send = async (method, path, body) =>
			(
				await fetch(`/api/v1/${path}`, {
					method,
					headers: {'Content-Type': 'application/json'},
					body: JSON.stringify(body),
				})
			).status;
		const taken = [],
			renamed = [];
		for (const [i, text] of texts.entries())
			if ((await send('PUT', `segments/naughty_${i}`, {name_zh: text, rule: {any: []}, kind: 'static'})) === 200)
				taken.push(text);
		const rows = (await (await fetch('/api/v1/flows')).json()).items;
		for (const [i, {flow}] of rows.entries())
			if ((await send('PUT', `flows/${flow}/name`, {name_zh: texts[i % texts.length]})) === 200)
				renamed.push(texts[i % texts.length]);
		return {
			names: taken,
			flows: renamed,
			before: rows.map(({flow, name_zh, name_en}) => ({flow, name_zh, name_en})),
		};
	}, strings);
	ok(names.length > strings.length * 0.9, `${names.length} of ${strings.length} naughty names are taken`);
	await visit(page, '#/audiences');
	const trimmed = (texts) => texts.map((text) => text.replace(/^\s+|\s+$/g, ''));
	const shown = new Set(trimmed(await page.$$eval('td a', (links) => links.map((link) => link.textContent))));
	const lost = trimmed(names).filter((name) => !shown.has(name));
	ok(lost.length === 0, 'audiences are called what they are called', lost.slice(0, 5));
	await visit(page, '#/flows');
	const called = new Set(trimmed(await page.$$eval('h2 a', (links) => links.map((link) => link.textContent))));
	ok(flows.length > 2 && trimmed(flows).every((name) => called.has(name)), 'and flows');
	await visit(page, '#/audiences/new');
	await add(page, 'segment');
	await page.waitForFunction(() => document.querySelectorAll('.parts select[aria-label="取值"] option').length > 5);
	ok(
		(await page.$$('main img, main script, main svg[onload]')).length === 0 && page.errors.length === 0,
		'none of them runs, in lists or in choices',
		page.errors,
	);
	await page.evaluate(
		async ([rows, count]) => {
			for (const {flow, ...name} of rows)
				await fetch(`/api/v1/flows/${flow}/name`, {
					method: 'PUT',
					headers: {'Content-Type': 'application/json'},
					body: JSON.stringify(name),
				});
			for (let i = 0; i < count; i++) await fetch(`/api/v1/segments/naughty_${i}`, {method: 'DELETE'});
		},
		[before, strings.length],
	);
	await page.context().close();
}

// Two at once over one thing: who would save over what the other saved meanwhile is told first; a draft that was
// begun before it, too.
export async function atOnce(browser) {
	const first = await open(browser, 'marketer', {size: 'desk'}),
		second = await open(browser, 'headquarters', {size: 'desk'});
	const tierSet = async () => (await read(first, 'tier-sets')).body.items.find((set) => set.is_active);
	const before = await tierSet();
	await visit(first, '#/tiers');
	await visit(second, '#/tiers');
	for (const [page, days] of [
		[first, '31'],
		[second, '32'],
	])
		await page.fill('#days_1_1', days);
	const save = async (page) => {
		await page.waitForSelector('aside .good');
		await page.click('main form button[type=submit]');
	};
	await save(first);
	await first.waitForSelector('#toast p');
	await save(second);
	await second.waitForSelector('main [role=alert] button');
	ok(
		(await tierSet()).rules[0].conditions[0].days === 31 &&
			(await second.textContent('main [role=alert]')).includes(`第 ${before.version + 1} 版`),
		'who would save over another is told first',
		await second.textContent('main [role=alert]'),
	);
	await judge(second, 'overtaken');
	await second.reload();
	await second.waitForSelector('#days_1_1');
	await save(second);
	await second.waitForSelector('main [role=alert] button');
	ok(
		(await tierSet()).rules[0].conditions[0].days === 31 && (await second.inputValue('#days_1_1')) === '32',
		'a draft that was begun before it is told so, too, and is not lost',
	);
	await save(second);
	await second.waitForSelector('#toast p');
	ok((await tierSet()).rules[0].conditions[0].days === 32, 'saving again is meant');
	await send(first, `tier-sets/${before.tier_set}`, {name: before.name, rules: before.rules}, 'PUT');
	const flow = async () => (await read(first, 'flows')).body.items.find((row) => row.flow === 'silence_30');
	const {spec} = await flow();
	await visit(first, '#/flows/silence_30/edit');
	await visit(second, '#/flows/silence_30/edit');
	await first.fill('#holdout_percent', '13');
	await second.fill('#holdout_percent', '14');
	await first.click('form.flow button[type=submit]');
	await first.waitForFunction(() => location.hash === '#/flows/silence_30');
	await second.click('form.flow button[type=submit]');
	await second.waitForSelector('#refused button');
	ok((await flow()).spec.holdout_percent === 13, 'so it is with a flow', await second.textContent('#refused'));
	await second.click('#refused button');
	await second.waitForFunction(() => document.querySelector('#holdout_percent').value === '13');
	ok(true, 'theirs is looked at by one tap');
	await send(first, 'flows/silence_30', {holdout_percent: spec.holdout_percent}, 'PATCH');
	for (const page of [first, second]) {
		ok(page.errors.length === 0, 'the console was quiet', page.errors);
		await page.context().close();
	}
}
