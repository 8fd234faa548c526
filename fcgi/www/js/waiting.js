// What was written while the network was away: kept in this tab, sent again with the same key when it is back, so that
// it counts once.  It goes with the tab, and only who wrote it sends it.
import {fault, fetched, Problem, send} from './base.js';

const place = 'waiting';
let actor = null;
let onChange = () => {};

export const all = () => JSON.parse(sessionStorage.getItem(place) || '[]');
export const mine = () => all().filter((entry) => entry.actor === actor);

function keep(entries) {
	if (entries.length === 0) sessionStorage.removeItem(place);
	else sessionStorage.setItem(place, JSON.stringify(entries));
	onChange();
	dispatchEvent(new Event('waiting'));
}

export const drop = (key) => keep(all().filter((entry) => entry.key !== key));

// The answer, or null when it waits.  A note that names colleagues whom nobody could be asked for waits for them, too
// (`asking`: where): it is not sent before, since what is sent with one key is always the same.
export async function write(path, body, label, asking) {
	const key = crypto.randomUUID();
	try {
		if (!asking) return await send('POST', path, body, key);
	} catch (problem) {
		if (!(problem instanceof Problem) || problem.status !== 0) throw problem;
	}
	keep([...all(), {path, body, key, label, actor, asking: asking || undefined, at: new Date().toISOString()}]);
	return null;
}

const changed = (key, more) => keep(all().map((one) => (one.key === key ? {...one, ...more} : one)));

// Who is named in it is kept with it, before it is sent.
async function withNames({key, body, asking}) {
	if (!asking) return body;
	const [{items}, {namedIn}] = await Promise.all([send('GET', asking), fetched(import('./mentions.js'))]);
	const named = {...body, mentions: namedIn(body.body, items)};
	changed(key, {body: named, asking: undefined});
	return named;
}

let isSending = false;
export async function flush() {
	if (isSending || !navigator.onLine) return;
	isSending = true;
	try {
		for (const entry of mine().filter((one) => !one.refused)) {
			try {
				await send('POST', entry.path, await withNames(entry), entry.key);
				drop(entry.key);
			} catch (problem) {
				if (problem.status === 0 || problem.status === 401 || problem.status >= 500) break;
				changed(entry.key, {refused: fault(problem)});
			}
		}
	} finally {
		isSending = false;
	}
}

export function watch(who, changed) {
	actor = who;
	onChange = changed;
	changed();
	flush();
}
addEventListener('online', flush);
setInterval(() => all().length > 0 && flush(), 10000);
addEventListener('beforeunload', (event) => {
	if (all().length === 0) return;
	event.preventDefault();
	event.returnValue = true; // what Chromium asked for before 119
});
