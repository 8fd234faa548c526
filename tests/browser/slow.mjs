// A machine and a network as they are on a bad day, so that what hangs on chance shows itself: CRM_SLOW="4 800 7"
// makes each page's processor four times slower and lets each answer of the gateway come up to 800 ms late, by a die
// that begins with 7 and is thrown anew for each answer, so that they come in another order than they were asked for.
// No check is told of it.
import http from 'node:http';

export const [rate, delay, seed] = (process.env.CRM_SLOW ?? '1 0').split(' ').map(Number);
export const isSlow = rate > 1 || delay > 0;

// Numbers between 0 and 1, the same ones for the same seed (a linear congruence).
function dice(from) {
	let state = from >>> 0;
	return () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 2 ** 32;
	};
}

// A server before the pages' own whose answers of the gateway come late; gives its address.
async function lateAnswers(base) {
	const throwDie = dice(seed || 1),
		{hostname, port} = new URL(base),
		agent = new http.Agent({keepAlive: true, maxSockets: 64});
	const server = http.createServer((request, response) => {
		const on = http.request(
			{hostname, port, path: request.url, method: request.method, headers: request.headers, agent},
			(answer) => {
				const pass = () => {
					response.writeHead(answer.statusCode, answer.rawHeaders);
					answer.pipe(response);
				};
				if (request.url.startsWith('/api/')) setTimeout(pass, throwDie() * delay);
				else pass();
			},
		);
		on.on('error', () => response.destroy());
		response.on('close', () => on.destroy());
		request.pipe(on);
	});
	server.keepAliveTimeout = 60000;
	await new Promise((listening) => {
		server.listen(0, '127.0.0.1', listening);
	});
	server.unref();
	return `http://127.0.0.1:${server.address().port}`;
}

export const late = (base) => (delay ? lateAnswers(base) : base);

// A wait that is fulfilled ends early: one that is not may take as long as a loaded machine does.
const patience = 90000;

// Every page of a browser has a slow processor, and is waited for with patience.
export function slowed(browser) {
	const make = browser.newContext.bind(browser);
	browser.newContext = async (...given) => {
		const context = await make(...given),
			open = context.newPage.bind(context);
		context.setDefaultTimeout(patience);
		if (!(rate > 1)) return context;
		context.newPage = async () => {
			const page = await open();
			await (await context.newCDPSession(page)).send('Emulation.setCPUThrottlingRate', {rate});
			return page;
		};
		return context;
	};
	return browser;
}
