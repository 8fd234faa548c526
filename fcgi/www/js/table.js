// What several pages do with files and tables: CSV in and out, a table that scrolls by itself on a phone.
import {h} from './base.js';

// The fields of the first records of a CSV text, at most `most`; quotes as RFC 4180 has them.
export function records(text, most) {
	const rows = [];
	const separator = [',', '\t', ';']
		.map((c) => [text.split('\n', 1)[0].split(c).length, c])
		.sort((a, b) => b[0] - a[0])[0][1];
	let row = [],
		value = '',
		quoted = false;
	for (let i = 0; i <= text.length && rows.length < most; i++) {
		const c = text[i];
		if (quoted) {
			if (c === '"' && text[i + 1] === '"') value += text[++i];
			else if (c === '"' || c === undefined) quoted = false;
			else value += c;
		} else if (c === '"' && value === '') quoted = true;
		else if (c === separator) (row.push(value), (value = ''));
		else if (c === '\n' || c === undefined) {
			if (c !== undefined || value !== '' || row.length > 0) rows.push([...row, value.replace(/\r$/, '')]);
			((row = []), (value = ''));
		} else value += c;
	}
	return rows;
}

const quote = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
export const csv = (rows) =>
	rows
		.map((row) => row.map((value) => quote(value === null || value === undefined ? '' : String(value))).join(','))
		.join('\r\n') + '\r\n';

// Saves rows as a file that a spreadsheet opens, in letters that it knows by the mark before them; what it would take
// for a formula is made text, a plain number is none.
const isFormula = (value) =>
	typeof value === 'string' && /^[=+\-@\t\r\n＝＋－＠]/.test(value) && !/^-?\d+(\.\d+)?$/.test(value);
export function save(name, rows) {
	const harmless = rows.map((row) => row.map((value) => (isFormula(value) ? `'${value}` : value)));
	const link = h('a', {
		href: URL.createObjectURL(new Blob(['\ufeff', csv(harmless)], {type: 'text/csv'})),
		download: `${name}.csv`,
	});
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Signs and dates of a cell stay together where they are few: a page as narrow as a phone reads them in a line, not a
// sign below the other.
const breadth = (text) => [...text].reduce((sum, sign) => sum + (sign > '\u2e7f' ? 1 : 0.55), 0);
function together(cell) {
	const text = cell instanceof Node ? cell.textContent : String(cell ?? '');
	return breadth(text) <= 5.5 ? 'short' : text.split(' ').every((word) => breadth(word) <= 8) ? 'words' : null;
}

// heads: names, or [name, 'number']; rows: arrays of cells (text, element or null).
export function table(label, heads, rows) {
	const kinds = heads.map((head) => (Array.isArray(head) ? head[1] : null));
	return h(
		'div',
		{class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label},
		h(
			'table',
			{},
			h(
				'thead',
				{},
				h(
					'tr',
					{},
					heads.map((head, i) =>
						h('th', {scope: 'col', class: kinds[i]}, Array.isArray(head) ? head[0] : head),
					),
				),
			),
			h(
				'tbody',
				{},
				rows.map((row) =>
					h(
						'tr',
						{},
						row.map((cell, i) =>
							h('td', {class: [kinds[i], together(cell)].filter(Boolean).join(' ') || null}, cell),
						),
					),
				),
			),
		),
	);
}
