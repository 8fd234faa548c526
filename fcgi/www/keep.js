// Keeps the files that the pages are made of, as one set: a page opens with what is kept, without waiting; afterwards the set is compared
// with the server's, file by file, and when one is another now, all are fetched anew and change together.  Nothing of the gateway is
// kept: no answer, no person's data.
const place = 'pages';
const isFile = (path) => path === '/' || /^\/(style\.css|favicon\.svg|app\.webmanifest|(js|i18n)\/[\w./-]+)$/.test(path);
const whole = (answer) => answer.ok && answer.type === 'basic';

addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));

addEventListener('fetch', (event) => {
	const {request} = event;
	const address = new URL(request.url);
	if (request.method !== 'GET' || address.origin !== location.origin || !isFile(address.pathname)) return;
	event.respondWith(kept(address.pathname, request));
	if (request.mode === 'navigate') event.waitUntil(renew());
});

addEventListener('message', (event) => event.waitUntil(keep(event.data.filter(isFile))));

async function kept(path, request) {
	const set = await caches.open(place);
	const found = await set.match(path);
	if (found) return found;
	const answer = await fetch(request);
	if (whole(answer)) await set.put(path, answer.clone());
	return answer;
}

async function keep(paths) {
	const set = await caches.open(place);
	for (const path of new Set(paths))
		if (!await set.match(path)) await set.add(path);
}

const mark = (answer) => answer.headers.get('ETag') || answer.headers.get('Last-Modified');
const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

// One after the other, and not at once: whoever opened the page is served first.
async function renew() {
	await pause(3000);
	const set = await caches.open(place);
	const paths = (await set.keys()).map((request) => new URL(request.url).pathname);
	const now = new Map();
	let isOther = false;
	try {
		for (const path of paths) {
			const answer = await fetch(path, {cache: 'no-cache'});
			if (answer.status === 404) await set.delete(path);
			else if (!whole(answer)) return;
			else now.set(path, answer);
			isOther = isOther || mark(answer) !== mark(await set.match(path) || answer);
		}
	} catch { return; }     // no network: what is kept stays
	if (!isOther) return;
	await Promise.all([...now].map(([path, answer]) => set.put(path, answer)));
	for (const page of await clients.matchAll()) page.postMessage('renewed');
}
