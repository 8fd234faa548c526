// The frame: who is signed in sees their pages; the address says which; a page is a module that draws itself.
import {
	append,
	choose,
	code,
	fault,
	fetched,
	get,
	h,
	isLeft,
	language,
	leavePage,
	post,
	preferred,
	scrollBack,
	send,
	show,
	speak,
	t,
	toast,
	whenSignedOut,
} from './base.js';

// Address (its first word) -> module, and the roles whose menu has it; a page without roles is reached by links: by
// all, or by the roles it is `linked` for.  Where one only types (`bare`) there is nothing to print or to take along.
// In a long menu what nobody works with each day (`seldom`) is unfolded.
const pages = {
	find: {bare: true, roles: ['clerk', 'store_manager', 'manager', 'service', 'headquarters', 'steward']},
	tasks: {roles: ['clerk', 'store_manager', 'manager', 'service', 'headquarters']},
	tickets: {roles: ['store_manager', 'manager', 'service', 'headquarters'], linked: ['clerk']},
	knowledge: {seldom: true, roles: ['store_manager', 'manager', 'service', 'headquarters'], linked: ['clerk']},
	deals: {roles: ['store_manager', 'manager', 'headquarters'], linked: ['clerk', 'service']},
	redeem: {bare: true, roles: ['clerk', 'store_manager', 'headquarters'], linked: ['manager', 'service']},
	points: {bare: true, roles: [], linked: ['clerk', 'store_manager', 'manager', 'service', 'headquarters']},
	enrol: {bare: true, roles: []},
	qr: {roles: []},
	waiting: {bare: true, roles: []},
	person: {roles: []},
	owned: {roles: []},
	board: {roles: ['store_manager', 'manager', 'marketer', 'analyst', 'headquarters']},
	reports: {roles: ['store_manager', 'manager', 'marketer', 'analyst', 'headquarters']},
	charts: {seldom: true, roles: ['store_manager', 'manager', 'marketer', 'analyst', 'headquarters']},
	audiences: {roles: ['marketer', 'headquarters', 'analyst']},
	portraits: {seldom: true, roles: ['marketer', 'headquarters', 'analyst', 'reader']},
	behind: {roles: []},
	scorecard: {roles: ['store_manager', 'manager', 'analyst', 'headquarters']},
	targets: {seldom: true, roles: ['store_manager', 'manager', 'analyst', 'headquarters']},
	usage: {seldom: true, roles: ['store_manager', 'manager', 'analyst', 'headquarters']},
	flows: {roles: ['marketer', 'headquarters', 'manager']},
	tags: {roles: ['marketer', 'headquarters']},
	tiers: {roles: ['marketer', 'headquarters']},
	coupons: {roles: ['marketer', 'headquarters']},
	channels: {seldom: true, roles: ['marketer', 'headquarters', 'admin']},
	costs: {roles: ['admin']},
	import: {roles: ['steward']},
	sources: {seldom: true, roles: ['steward', 'headquarters', 'admin']},
	reviews: {roles: ['steward', 'headquarters']},
	forms: {seldom: true, roles: ['steward', 'headquarters']},
	history: {roles: []},
	start: {roles: ['marketer', 'headquarters']},
};
let me = null;
let keep = null;
let waiting = null; // what is written without a network

const role = () => (me.role || '').replace('crm_', '');
const mine = () => Object.keys(pages).filter((name) => pages[name].roles.includes(role()));
const isMine = (name) =>
	pages[name]?.roles &&
	(mine().includes(name) ||
		(pages[name].linked ? pages[name].linked.includes(role()) : pages[name].roles.length === 0));

function drawHeader(current) {
	const header = document.getElementById('header');
	const other = language === 'en' ? 'zh-CN' : 'en';
	header.hidden = false;
	header.replaceChildren(
		h(
			'div',
			{},
			menu(current),
			h('span', {class: 'faint'}, me.name || me.actor, ' · ', code('role', role())),
			h(
				'button',
				{
					type: 'button',
					lang: other,
					onclick: async () => {
						await speak(other);
						document.getElementById('skip').textContent = t('skip');
						await route();
					},
				},
				other === 'en' ? 'English' : '中文',
			),
			h('button', {type: 'button', onclick: leave}, t('sign_out')),
		),
	);
	// where things lie is asked when the browser lays them out anyway: a slow phone does it once
	requestAnimationFrame(() => {
		const strip = header.querySelector('nav'),
			at = strip && strip.querySelector('[aria-current]');
		if (at) strip.scrollLeft = at.offsetLeft - strip.offsetLeft - (strip.clientWidth - at.offsetWidth) / 2;
	});
}

// The page that is open stands with the first ones; on a phone, where the menu is one line, so do all.
const many = 16;
function menu(current) {
	const all = mine(),
		rest = all.length < many ? [] : all.filter((name) => pages[name].seldom && name !== current);
	const link = (name) =>
		h('a', {href: `#/${name}`, 'aria-current': name === current ? 'page' : null}, t(`page.${name}`));
	const folded = h('span', {id: 'rest', hidden: true}, rest.map(link));
	const fold = h(
		'button',
		{
			type: 'button',
			class: 'quiet',
			'aria-expanded': 'false',
			'aria-controls': 'rest',
			onclick: () => unfold(folded.hidden),
		},
		t('menu.more'),
	);
	const unfold = (isOpen) => {
		folded.hidden = !isOpen;
		fold.setAttribute('aria-expanded', isOpen);
	};
	return h(
		'nav',
		{
			'aria-label': t('menu'),
			onkeydown: ({key}) => {
				if (key !== 'Escape' || folded.hidden) return;
				unfold(false);
				fold.focus();
			},
		},
		all.filter((name) => !rest.includes(name)).map(link),
		rest.length > 0 && [fold, folded],
	);
}

// What is on the page can be taken along: on paper, or as the file of a spreadsheet.
function drawFooter(isBare) {
	const footer = document.getElementById('footer');
	footer.hidden = isBare;
	footer.replaceChildren(
		h(
			'div',
			{class: 'row'},
			h('button', {type: 'button', onclick: () => print()}, t('print')),
			h(
				'button',
				{
					type: 'button',
					id: 'seen',
					onclick: async () => {
						const [{save}, {seen}] = await fetched(
							Promise.all([import('./table.js'), import('./seen.js')]),
						);
						save(document.title, seen(document.getElementById('main')));
					},
				},
				t('save_seen'),
			),
		),
	);
}

// Paper shows what is folded away.
function watchPaper() {
	let folded = [];
	addEventListener('beforeprint', () => {
		folded = [...document.querySelectorAll('details:not([open])')];
		for (const one of folded) one.open = true;
	});
	addEventListener('afterprint', () => {
		for (const one of folded) one.open = false;
	});
}

// Nobody sees what was on the screen, nor what was typed, from the moment of the tap.  Who did not mean to leave
// (`isMeant`), the session having ended, finds what was not saved when the same person signs in again.
function clear(isMeant = false) {
	me = null;
	leavePage();
	document.getElementById('header').hidden = true;
	document.getElementById('footer').hidden = true;
	document.getElementById('main').replaceChildren();
	document.getElementById('toast').replaceChildren(); // an undo is its doer's
	look();
	dispatchEvent(new CustomEvent('signed-out', {detail: isMeant}));
}

// The gateway is told when it can be: a session that was left without a network is not found open again in this tab.
const leaving = 'leaving';
async function endSession() {
	const isEnded = await post('sign-out').then(
		() => true,
		(problem) => problem.status !== 0,
	);
	if (isEnded) sessionStorage.removeItem(leaving);
	return isEnded;
}
const isLeaving = () => sessionStorage.getItem(leaving) !== null;
// The form that a store's code leads to is nobody's page: to it and back everything is opened anew.
const isJoining = () => location.hash.startsWith('#/join/');
const joins = isJoining();
const isLink = () => location.hash.startsWith('#/link/');

async function leave() {
	const n = waiting ? waiting.mine().length : 0;
	if (n > 0 && !confirm(t('waiting.leave', {n}))) return;
	sessionStorage.clear();
	sessionStorage.setItem(leaving, 'yes');
	// who comes next begins at the beginning
	if (!isLink()) history.replaceState(null, '', `${location.pathname}${location.search}#/`);
	clear(true);
	await endSession();
	tabs.postMessage('left');
	await signedOut();
}

// The session is one for all tabs: who signs in or out in one does so in the others, and nothing is written under
// another's name.
const tabs = new BroadcastChannel('session');
tabs.onmessage = async ({data}) => {
	if (joins) return;
	if (data === 'left') {
		clear(true); // first: a field that goes is kept once more
		for (const key of Object.keys(sessionStorage)) if (key !== 'waiting') sessionStorage.removeItem(key);
	}
	const now = await send('GET', 'me').catch(() => null);
	if (!now || now.actor === me?.actor) return;
	clear();
	await start();
};

async function signedOut() {
	clear();
	document.title = t('sign_in');
	const door = await import('./pages/signin.js').catch(() => null);
	if (!door) return unreachable();
	door.signIn(() => {
		sessionStorage.removeItem(leaving);
		tabs.postMessage('come');
		return start();
	});
}

// An address that was cut off within a letter is read as it stands.
function decoded(word) {
	try {
		return decodeURIComponent(word);
	} catch {
		return word;
	}
}

// A page that is here already is drawn together with the frame: a slow phone lays out once.
const modules = {};
async function load(page) {
	modules[page] = await fetched(import(`./pages/${page}.js`));
	return modules[page];
}

// Going back finds a page as far down as it was left, and the link that one took: by the mark that each entry of the
// history bears, which outlives opening the page anew.
const left = new Map();
let here = null;
function arrive() {
	if (here) left.set(here, {y: scrollY, link: document.activeElement?.getAttribute('href')});
	here = history.state?.visit || crypto.randomUUID();
	if (!history.state?.visit) history.replaceState({...history.state, visit: here}, '');
	const {y = history.state.y || 0, link} = left.get(here) || {};
	return () => {
		if (y > 0) scrollBack(y);
		if (link)
			[...document.querySelectorAll('main a')]
				.find((one) => one.getAttribute('href') === link)
				?.focus({preventScroll: true});
	};
}

async function route() {
	const visit = leavePage(),
		back = arrive();
	const [name, ...words] = location.hash.replace(/^#\/?/, '').split('?')[0].split('/').map(decoded);
	if (isLink()) return askWhose();
	const isHere = isMine(name),
		page = isHere ? name : mine()[0];
	if (!page) return show(h('p', {}, t('no_pages')));
	drawHeader(page);
	drawFooter(pages[page].bare === true);
	document.title = t(`page.${page}`);
	const stop = sayLoading(visit);
	try {
		const module = modules[page] || (await load(page));
		if (!isLeft(visit)) await module.draw(isHere ? words : [], me);
		if (!isHere && name && !isLeft(visit))
			document
				.getElementById('main')
				.prepend(h('p', {class: 'warn', role: 'status'}, t('not_yours', {page: t(`page.${page}`)})));
		if (!isLeft(visit)) back();
		if (sessionStorage.getItem('draft:guide')) (await fetched(import('./guide.js'))).look();
	} catch (problem) {
		if (problem.status === 401) return;
		// what is not there, or not one's own, is not there the next time either
		const onward = [403, 404].includes(problem.status)
			? h('a', {class: 'button', href: '#/'}, t('home'))
			: h('button', {type: 'button', onclick: route}, t('again'));
		show(
			h('h1', {}, t(`page.${page}`)),
			h('div', {class: 'card'}, h('p', {class: 'warn', role: 'alert'}, fault(problem)), onward),
		);
	} finally {
		stop();
	}
}

// A link was opened where somebody is signed in already: nobody goes on under another's name without being told.
function askWhose() {
	drawHeader('');
	drawFooter(true);
	document.title = t('sign_in');
	show(
		h(
			'div',
			{class: 'card signin'},
			h('h1', {}, t('sign_in')),
			h('p', {}, t('link.signed_in', {name: me.name || me.actor})),
			h(
				'div',
				{class: 'row'},
				h('button', {type: 'button', class: 'main', onclick: leave}, t('link.leave')),
				h('a', {class: 'button', href: '#/'}, t('link.stay')),
			),
		),
	);
}

// What was on the page goes at once; over an empty one, that it is coming is said only when it does not come soon.
function sayLoading(visit) {
	const main = document.getElementById('main');
	const say = () => show(h('p', {class: 'faint', role: 'status'}, t('loading')));
	if (main.hasChildNodes()) say();
	const late = setTimeout(() => !main.hasChildNodes() && !isLeft(visit) && say(), 300);
	return () => clearTimeout(late);
}

async function start() {
	document.getElementById('skip').textContent = t('skip');
	const [, joining] = location.hash.match(/^#\/join\/([\w-]+)$/) || [];
	if (joining) return (await import('./pages/join.js')).draw([joining]);
	if (isLeaving() && !(await endSession())) return unreachable();
	try {
		me = await who();
	} catch (problem) {
		return problem.status === 0 ? unreachable() : signedOut();
	}
	const stands = route();
	await watchWaiting();
	// a page that was left never stands
	await Promise.race([stands, new Promise((resume) => setTimeout(resume, 5000))]);
	keep = await import('./keep_pages.js').catch(() => null); // the network went meanwhile: the next time it is opened
	keep?.keepPages();
}

async function watchWaiting() {
	waiting = await fetched(import('./waiting.js')).catch((problem) => {
		toast(fault(problem));
		return null;
	});
	waiting?.watch(me ? me.actor : null, look);
}

// The pages themselves are kept on the device and open without a network; what they show is not.
async function unreachable() {
	show(
		h('h1', {}, t('page.find')),
		h(
			'div',
			{class: 'card'},
			h('p', {class: 'warn', role: 'alert'}, t('fault.network')),
			h('button', {type: 'button', onclick: start}, t('again')),
		),
	);
	await watchWaiting();
}

// Above every page: that the network is away, and what waits for it; before it is known who looks, of everybody in
// this tab.
function look() {
	const note = document.getElementById('offline');
	const n = !waiting ? 0 : (me ? waiting.mine() : waiting.all()).length;
	const some = n > 0 && t('waiting.some', {n});
	note.hidden = navigator.onLine && n === 0;
	note.replaceChildren();
	append(note, [!navigator.onLine && t('offline'), some && [' ', me ? h('a', {href: '#/waiting'}, some) : some]]);
}

function watchConnection() {
	addEventListener('online', look);
	addEventListener('online', () => isLeaving() && endSession());
	addEventListener('offline', look);
	look();
}

// Who is signed in is asked while the words come, and the page of the address is fetched beside, without one the
// counter's: a phone far away waits once.
const first = joins ? null : get('me').catch((problem) => problem);
let who = async () => {
	who = () => get('me');
	const answer = await first;
	if (answer instanceof Error) throw answer;
	return answer;
};
const [wanted] = location.hash.replace(/^#\/?/, '').split('/');
if (first) load(pages[wanted] ? wanted : 'find').catch(() => null);
async function begin() {
	await choose(preferred());
	late.remove();
	watchConnection();
	watchPaper();
	history.scrollRestoration = 'manual';
	let resting = null;
	addEventListener(
		'scroll',
		() => {
			clearTimeout(resting);
			resting = setTimeout(
				() => history.state?.visit === here && history.replaceState({...history.state, y: scrollY}, ''),
				200,
			);
		},
		{passive: true},
	);
	whenSignedOut(signedOut);
	// an address that was left again before its event came is not drawn
	addEventListener('hashchange', (event) => {
		if (isJoining() !== joins) return location.reload();
		if (me && event.newURL === location.href) keep?.renew(waiting && waiting.all().length > 0) || route();
	});
	await start();
}

// What the page says in both languages while nothing is drawn: after a while by the style alone, at once where it is
// known that a file did not come.
const late = document.getElementById('late');
await begin().catch((problem) => {
	late.className = 'card signin';
	late.setAttribute('role', 'alert');
	late.replaceChildren(
		...late.querySelectorAll('p'),
		h('button', {type: 'button', onclick: () => location.reload()}, '重新打开 · Open again'),
	);
	document.getElementById('main').replaceChildren(late);
	if (!(problem instanceof TypeError) && problem.status === undefined) throw problem;
});
