// Keeps the files that the pages are made of, all of them, as one set: a page opens with what is kept, without
// waiting.  Afterwards the set is compared with the server's, and when one file is another now, a new set is filled
// and used by whoever opens the pages from then on; a tab goes on with the set that it was opened with.  Nothing of
// the gateway is kept: no answer, no person's data.
const files = [
	'/favicon.svg',
	'/i18n/desk.en.json',
	'/i18n/desk.zh-CN.json',
	'/i18n/en.json',
	'/i18n/fields.en.json',
	'/i18n/fields.zh-CN.json',
	'/i18n/guide.en.json',
	'/i18n/guide.zh-CN.json',
	'/i18n/house.en.json',
	'/i18n/house.zh-CN.json',
	'/i18n/marketer.en.json',
	'/i18n/marketer.zh-CN.json',
	'/i18n/report.en.json',
	'/i18n/report.zh-CN.json',
	'/i18n/steward.en.json',
	'/i18n/steward.zh-CN.json',
	'/i18n/zh-CN.json',
	'/style.css',
	'/js/app.js',
	'/js/base.js',
	'/js/chart.js',
	'/js/code.js',
	'/js/consents.js',
	'/js/counter.js',
	'/js/drafts.js',
	'/js/entry.js',
	'/js/flow_edit.js',
	'/js/flow_parts.js',
	'/js/flow_variants.js',
	'/js/flow_versions.js',
	'/js/flow_words.js',
	'/js/goals.js',
	'/js/guide.js',
	'/js/keep_pages.js',
	'/js/mentions.js',
	'/js/note.js',
	'/js/own_fields.js',
	'/js/owner.js',
	'/js/phrases.js',
	'/js/qr.js',
	'/js/report_parts.js',
	'/js/rule_editor.js',
	'/js/rule_words.js',
	'/js/resettle.js',
	'/js/scan.js',
	'/js/schedule.js',
	'/js/seen.js',
	'/js/shadow.js',
	'/js/sheet.js',
	'/js/sources.js',
	'/js/table.js',
	'/js/tags_given.js',
	'/js/tier_order.js',
	'/js/twice.js',
	'/js/typed.js',
	'/js/versions.js',
	'/js/waiting.js',
	'/js/whole_list.js',
	'/js/xlsx.js',
	'/js/pages/audiences.js',
	'/js/pages/behind.js',
	'/js/pages/board.js',
	'/js/pages/channels.js',
	'/js/pages/charts.js',
	'/js/pages/costs.js',
	'/js/pages/coupons.js',
	'/js/pages/deals.js',
	'/js/pages/enrol.js',
	'/js/pages/find.js',
	'/js/pages/flows.js',
	'/js/pages/forms.js',
	'/js/pages/history.js',
	'/js/pages/import.js',
	'/js/pages/join.js',
	'/js/pages/knowledge.js',
	'/js/pages/owned.js',
	'/js/pages/person.js',
	'/js/pages/points.js',
	'/js/pages/portraits.js',
	'/js/pages/qr.js',
	'/js/pages/redeem.js',
	'/js/pages/reports.js',
	'/js/pages/reviews.js',
	'/js/pages/scorecard.js',
	'/js/pages/signin.js',
	'/js/pages/sources.js',
	'/js/pages/start.js',
	'/js/pages/tags.js',
	'/js/pages/tasks.js',
	'/js/pages/tickets.js',
	'/js/pages/targets.js',
	'/js/pages/tiers.js',
	'/js/pages/usage.js',
	'/js/pages/waiting.js',
	'/',
];
const isFile = (path) => path === '/' || /^\/(style\.css|favicon\.svg|(js|i18n)\/[\w./-]+)$/.test(path);

addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));

addEventListener('fetch', (event) => {
	const {request} = event;
	const address = new URL(request.url);
	if (request.method !== 'GET' || address.origin !== location.origin || !isFile(address.pathname)) return;
	const isOpened = request.mode === 'navigate';
	const set = isOpened ? newest() : setOf(event.clientId);
	event.respondWith(set.then((name) => kept(name, address.pathname, request)));
	if (!isOpened) return;
	event.waitUntil(set.then((name) => name && tie(event.resultingClientId, name)));
	event.waitUntil(compare());
});

addEventListener('message', (event) => event.waitUntil(compare()));

async function kept(name, path, request) {
	const found = name && (await (await caches.open(name)).match(path, {ignoreVary: true}));
	// without a network: who asked is told, the worker has nothing to say
	return found || fetch(request).catch(() => Response.error());
}

// Sets are called by the time they were begun; the file of the address itself comes last and says that the set is
// whole.
const setName = () => `pages ${Date.now()}`;
const isSet = (name) => name.startsWith('pages ');

async function newest() {
	for (const name of (await caches.keys()).filter(isSet).sort().reverse())
		if (await (await caches.open(name)).match('/')) return name;
	return null;
}

// Which set a tab was opened with.  A worker is ended when nobody asks it anything: what it knows of tabs is written
// down.
const tabs = 'tabs';
const known = new Map();

async function setOf(tab) {
	if (known.has(tab)) return known.get(tab);
	const written = await (await caches.open(tabs)).match(`/${tab}`);
	if (!written) return newest();
	known.set(tab, await written.text());
	return known.get(tab);
}

async function tie(tab, name) {
	known.set(tab, name);
	await (await caches.open(tabs)).put(`/${tab}`, new Response(name));
}

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

// Not at once: whoever opened the page is served first.
let comparing = null;
function compare() {
	comparing ||= pause(3000)
		.then(renew)
		.catch(() => null)
		.then(() => {
			comparing = null;
		}); // no network, no room: what is kept stays
	return comparing;
}

async function renew() {
	await forget();
	const before = await newest();
	const now = await served();
	if ((await isOther(before, now)) && (await areSame(now, await served()))) await fill(now);
	await tell();
}

// One file after the other, as the server has them.  The page itself is asked for anew: its policy may be another
// although its text is not.
async function served() {
	const answers = new Map();
	for (const path of files) {
		const answer = await fetch(path, {cache: path === '/' ? 'reload' : 'no-cache'});
		if (!answer.ok || answer.redirected || answer.type !== 'basic') throw new Error(`${path}: ${answer.status}`);
		answers.set(path, answer);
	}
	return answers;
}

const mark = (answer) =>
	['ETag', 'Last-Modified', 'Content-Security-Policy'].map((name) => answer.headers.get(name)).join(' ');

async function isOther(name, answers) {
	if (!name) return true;
	const set = await caches.open(name);
	for (const [path, answer] of answers) {
		const had = await set.match(path, {ignoreVary: true});
		if (!had || mark(had) !== mark(answer)) return true;
	}
	return false;
}

// Asked twice: files that change while they are read are another time's.
const areSame = (answers, again) => files.every((path) => mark(answers.get(path)) === mark(again.get(path)));

async function fill(answers) {
	const name = setName();
	try {
		const set = await caches.open(name);
		for (const path of files) await set.put(path, answers.get(path));
	} catch (fault) {
		await caches.delete(name);
		throw fault;
	}
}

// A tab of an older set opens anew when it may; one that was opened before anything was kept has what the server had.
async function tell() {
	const name = await newest();
	for (const tab of await clients.matchAll({type: 'window'})) {
		const written = known.has(tab.id) || (await (await caches.open(tabs)).match(`/${tab.id}`));
		if (!written) await tie(tab.id, name);
		else if ((await setOf(tab.id)) !== name) tab.postMessage('renewed');
	}
}

// Sets that nobody's tab was opened with, and tabs that were closed.
async function forget() {
	const written = await caches.open(tabs);
	const open = new Set((await clients.matchAll({type: 'window', includeUncontrolled: true})).map((tab) => tab.id));
	const used = new Set([tabs, await newest()]);
	for (const request of await written.keys()) {
		const tab = new URL(request.url).pathname.slice(1);
		if (open.has(tab)) used.add(await setOf(tab));
		else {
			known.delete(tab);
			await written.delete(request);
		}
	}
	for (const name of await caches.keys()) if (!used.has(name)) await caches.delete(name);
}
