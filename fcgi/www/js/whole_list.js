// A list in pages, all of it as a file: what is not on the page yet is read behind where the page ends. Who leaves
// the page gets the file all the same; who cancels, or signs out, does not.
import {fault, h, number, send, t, toast} from './base.js';
import {save} from './table.js';

// list: its path without limit and cursor, the rows that are here already and the cursor behind them ('': from the
// start, null: all are here), at most how many rows a file has, and how many there are when that is known. cells:
// what a row is in the file.
export async function saveWhole(place, name, {path, rows, next, most = 10000, total = null}, heads, cells) {
	const read = [...rows],
		stop = new AbortController(),
		said = h('span', {role: 'status'}),
		bar = h('progress', {'aria-label': t('save_csv'), ...(total ? {max: total, value: read.length} : {})});
	const cancel = () => {
		stop.abort();
		place.replaceChildren();
	};
	addEventListener('signed-out', cancel, {once: true});
	if (next !== null)
		place.replaceChildren(bar, ' ', said, ' ', h('button', {type: 'button', onclick: cancel}, t('cancel')));
	try {
		while (next !== null && read.length < most) {
			const answer = await send(
				'GET',
				`${path}${path.includes('?') ? '&' : '?'}limit=500${next ? `&cursor=${encodeURIComponent(next)}` : ''}`,
				undefined,
				null,
				stop.signal,
			);
			read.push(...answer.items);
			next = answer.next || null;
			if (total) bar.value = read.length;
			said.textContent = t('csv.reading', {n: number(read.length)});
		}
		if (stop.signal.aborted) return;
		if (next !== null || read.length > most) toast(t('csv.cut', {n: number(most)}));
		save(name, [heads, ...read.slice(0, most).map(cells)]);
	} catch (problem) {
		if (!stop.signal.aborted && problem.status !== 401) toast(fault(problem));
	} finally {
		removeEventListener('signed-out', cancel);
		if (!stop.signal.aborted) place.replaceChildren();
	}
}

// For a page that shows the list: `add` tells of each page of rows that it read, `parts` are the button and where its
// progress stands.
export function wholeList(name, path, heads, cells) {
	const rows = [],
		place = h('span', {});
	let next = '',
		isRunning = false;
	const button = h(
		'button',
		{
			type: 'button',
			onclick: async () => {
				if (isRunning) return; // one file at a time
				isRunning = true;
				await saveWhole(place, name, {path, rows, next}, heads, cells);
				isRunning = false;
			},
		},
		t('save_csv'),
	);
	return {
		parts: [button, place],
		add: (page) => {
			rows.push(...page.rows);
			next = page.next || null;
		},
	};
}
