// The gateway: JSON in, JSON out, the session in a cookie that no script sees.  A write carries an
// idempotency key, so that it can be sent again when the answer was lost, and counts once.

export class Problem extends Error {
	constructor(status, body) {
		super([body.detail, body.hint].filter(Boolean).join(' ') || `HTTP ${status}`);
		this.status = status;
		this.code = body.code;
		this.field = ((body.errors || [])[0] || {}).pointer ? body.errors[0].pointer.slice(1).replaceAll('/', '.') : null;
	}
}

let onSignedOut = () => {};
export function whenSignedOut(act) { onSignedOut = act; }

// Who leaves a page is not followed by it: what was asked for there is answered to nobody.
let turn = 0;
export function leavePage() { return ++turn; }
export const isLeft = (page) => page !== turn;

async function ask(method, path, body, key, signal) {
	const headers = {Accept: 'application/json'};
	if (body !== undefined) headers['Content-Type'] = 'application/json';
	if (key) headers['Idempotency-Key'] = `"${key}"`;
	return fetch(`/api/v1/${path}`, {method, headers, signal, credentials: 'same-origin', body: body === undefined ? undefined : JSON.stringify(body)});
}

const call = (method, path, body, signal) => send(method, path, body, method === 'GET' || path.startsWith('sign-') ? null : crypto.randomUUID(), signal);

// What is no longer wanted is taken back by its signal: the gateway then has the database stop.
export async function send(method, path, body, key, signal) {
	let answer;
	for (let attempt = 1; ; attempt++) {
		try {
			answer = await ask(method, path, body, key, signal);
			if (answer.status !== 503 || attempt === 3) break;
		} catch (fault) {
			if (attempt === 3 || (signal && signal.aborted)) throw new Problem(0, {code: 'network', detail: fault.message});
		}
		await new Promise((resume) => setTimeout(resume, 400 * attempt));
	}
	if (answer.ok) return answer.status === 204 ? null : answer.json();
	if (answer.status === 401 && !path.startsWith('sign-in')) onSignedOut();
	throw new Problem(answer.status, await answer.json().catch(() => ({})));
}

export async function get(path) {
	const asked = turn;
	try {
		return await call('GET', path);
	} finally {
		if (asked !== turn) await new Promise(() => {});
	}
}

export const post = (path, body = {}, signal) => call('POST', path, body, signal);
export const patch = (path, body) => call('PATCH', path, body);
export const put = (path, body) => call('PUT', path, body);
export const del = (path) => call('DELETE', path);

// The rows of a list, and the cursor of the next page (null: that was all).
export async function list(path) {
	const page = await get(path);
	return {rows: page.items, next: page.next};
}

// A body of any size, with its progress from 0 to 1; the answer as of the others.
export function upload(path, body, type, onProgress) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open('POST', `/api/v1/${path}`);
		request.setRequestHeader('Content-Type', type);
		request.setRequestHeader('Accept', 'application/json');
		request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
		request.onerror = () => reject(new Problem(0, {code: 'network', detail: 'network'}));
		request.onload = () => {
			let answer = {};
			try { answer = JSON.parse(request.responseText); } catch { /* a proxy answered */ }
			if (request.status < 300) resolve(answer);
			else reject(new Problem(request.status, answer));
		};
		request.send(body);
	});
}

// Asks again every second until the answer is final or its page was left.
export async function follow(path, isFinal, onAnswer) {
	for (;;) {
		const answer = await get(path);
		onAnswer(answer);
		if (isFinal(answer)) return answer;
		const asked = turn;
		await new Promise((resume) => setTimeout(resume, 1000));
		if (asked !== turn) return answer;
	}
}
