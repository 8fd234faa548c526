// The sheets of an Excel workbook as rows of text.  An .xlsx is a ZIP of XML: the directory at its end says where
// each part lies, the browser itself inflates and parses.  Cells that look like dates by their format become ISO
// days, cells that were merged all have what the first of them says, and a formula that failed says nothing.

const most = {bytes: 50e6, rows: 200000, columns: 200};

class Unreadable extends Error {}

async function directory(file) {
	if (file.size > most.bytes) throw new Unreadable('size');
	const bytes = new Uint8Array(await file.arrayBuffer());
	const view = new DataView(bytes.buffer);
	let end = bytes.length - 22;
	while (end >= 0 && end > bytes.length - 65558 && view.getUint32(end, true) !== 0x06054b50) end--;
	if (end < 0 || view.getUint32(end, true) !== 0x06054b50) throw new Unreadable('zip');
	const parts = new Map();
	let at = view.getUint32(end + 16, true);
	for (let n = view.getUint16(end + 10, true); n > 0; n--) {
		if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50) throw new Unreadable('zip');
		const length = view.getUint16(at + 28, true);
		const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + length));
		parts.set(name, {
			method: view.getUint16(at + 10, true),
			size: view.getUint32(at + 20, true),
			whole: view.getUint32(at + 24, true),
			at: view.getUint32(at + 42, true),
		});
		at += 46 + length + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
	}
	return {bytes, view, parts};
}

async function part(book, name) {
	const entry = book.parts.get(name);
	if (!entry) return null;
	if (entry.whole > 8 * most.bytes || entry.at + 30 > book.bytes.length) throw new Unreadable('size');
	const from = entry.at + 30 + book.view.getUint16(entry.at + 26, true) + book.view.getUint16(entry.at + 28, true);
	const packed = book.bytes.subarray(from, from + entry.size);
	const text =
		entry.method === 0
			? new TextDecoder().decode(packed)
			: await new Response(
					new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw')),
				).text();
	const document = new DOMParser().parseFromString(text, 'application/xml');
	if (document.getElementsByTagName('parsererror').length > 0) throw new Unreadable('xml');
	return document;
}

const all = (node, name) => (node ? [...node.getElementsByTagNameNS('*', name)] : []);
// Of hundreds of thousands of cells each is looked at once: what lies in one is found by going along it, not by
// searching.
function child(node, name) {
	let one = node.firstElementChild;
	while (one && one.localName !== name) one = one.nextElementSibling;
	return one;
}
const words = (node) =>
	all(node, 't')
		.filter((t) => t.parentNode.localName !== 'rPh')
		.map((t) => t.textContent)
		.join('');

const inline = (is) =>
	is ? (is.childElementCount === 1 && is.firstElementChild.localName === 't' ? is.textContent : words(is)) : '';

// Which styles of a cell mean a day or a moment: the built-in formats, and own ones that speak of years or hours.
function dateStyles(styles) {
	const own = new Map(
		all(styles, 'numFmt').map((format) => [
			format.getAttribute('numFmtId'),
			format.getAttribute('formatCode').replace(/"[^"]*"|\[[^\]]*\]|\\./g, ''),
		]),
	);
	const isDate = (id) =>
		(id >= 14 && id <= 22) ||
		(id >= 27 && id <= 36) ||
		(id >= 45 && id <= 47) ||
		(id >= 50 && id <= 58) ||
		/[ymdhs]/i.test(own.get(String(id)) || '');
	return all(all(styles, 'cellXfs')[0], 'xf').map((xf) => isDate(Number(xf.getAttribute('numFmtId'))));
}

function day(serial, is1904) {
	const moment = new Date(Math.round((serial + (is1904 ? 1462 : 0) - 25569) * 86400) * 1000);
	const text = Number.isNaN(moment.getTime()) ? String(serial) : moment.toISOString();
	return serial % 1 === 0 ? text.slice(0, 10) : text.slice(0, 19).replace('T', ' ');
}

// AB12 is column 27.
const column = (reference) =>
	[...reference.replace(/\d/g, '')].reduce((n, letter) => n * 26 + letter.charCodeAt(0) - 64, 0) - 1;

// 1.1 is kept as 1.1 and not as 1.1000000000000001, a phone not as 1.3912E10.
const plain = (text) =>
	/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? String(Number(Number(text).toPrecision(15))) : text;

function cell(c, shared, dates, is1904) {
	const type = c.getAttribute('t');
	if (type === 'inlineStr') return inline(child(c, 'is'));
	const value = child(c, 'v')?.textContent ?? '';
	if (type === 's') return shared[Number(value)] ?? '';
	if (type === 'b') return value === '1' ? 'true' : 'false';
	if (type === 'e') return '';
	if (type === 'str' || value === '') return value;
	return dates[Number(c.getAttribute('s'))] ? day(Number(value), is1904) : plain(value);
}

// A2:C3 as rows and columns from nought.
function area(reference) {
	const [from, to = from] = reference.split(':');
	const row = (cell) => Number(cell.replace(/\D/g, '')) - 1;
	return {top: row(from), bottom: row(to), left: column(from), right: column(to)};
}

function spread(rows, {top, bottom, left, right}) {
	const said = rows.get(top)?.[left];
	if (!said) return;
	for (const [at, row] of rows) {
		if (at < top || at > bottom) continue;
		for (let c = left; c <= Math.min(right, row.length - 1, left + most.columns); c++) row[c] ||= said;
	}
}

// The rows of a sheet by their numbers, all as wide as the widest: only those that say something.
function table(sheet, shared, dates, is1904) {
	const lines = all(sheet, 'row');
	if (lines.length > most.rows) throw new Unreadable('rows');
	const rows = new Map();
	let width = 0;
	lines.forEach((line, n) => {
		const row = [];
		for (let c = line.firstElementChild, i = 0; c; c = c.nextElementSibling, i++) {
			if (c.localName !== 'c') continue;
			const at = c.getAttribute('r') ? column(c.getAttribute('r')) : i;
			if (at < most.columns) row[at] = cell(c, shared, dates, is1904);
		}
		if (!row.some((value) => value)) return;
		rows.set(line.getAttribute('r') ? Number(line.getAttribute('r')) - 1 : n, row);
		width = Math.max(width, row.length);
	});
	for (const [at, row] of rows)
		rows.set(
			at,
			Array.from({length: width}, (_, i) => row[i] ?? ''),
		);
	const merged = all(sheet, 'mergeCell').map((one) => area(one.getAttribute('ref')));
	for (const one of merged) spread(rows, one);
	const numbers = [...rows.keys()];
	// rows under which a merged cell goes on: a head of several rows is one
	const goesOn = new Set(
		merged
			.filter((one) => one.bottom > one.top)
			.flatMap((one) =>
				numbers
					.slice(numbers.indexOf(one.top))
					.filter((at) => at >= one.top && at < one.bottom)
					.map((at) => numbers.indexOf(at)),
			),
	);
	return {rows: [...rows.values()], goesOn};
}

// The names of the sheets that are not hidden, and read(name): the rows of one.
export async function workbook(file) {
	const book = await directory(file);
	const contents = await part(book, 'xl/workbook.xml');
	const links = all(await part(book, 'xl/_rels/workbook.xml.rels'), 'Relationship');
	const shared = all(await part(book, 'xl/sharedStrings.xml'), 'si').map(words);
	const dates = dateStyles(await part(book, 'xl/styles.xml'));
	const is1904 = ['1', 'true'].includes(all(contents, 'workbookPr')[0]?.getAttribute('date1904'));
	const shown = all(contents, 'sheet').filter((sheet) => !/hidden/i.test(sheet.getAttribute('state') || ''));
	const read = async (name) => {
		const sheet = shown.find((one) => one.getAttribute('name') === name);
		const id = [...sheet.attributes].find(
			(attribute) => attribute.localName === 'id' && attribute.name !== 'sheetId',
		);
		const target = links.find((link) => link.getAttribute('Id') === id?.value)?.getAttribute('Target');
		const content = target && (await part(book, target.startsWith('/') ? target.slice(1) : `xl/${target}`));
		if (!content) throw new Unreadable('sheet');
		return table(content, shared, dates, is1904);
	};
	return {names: shown.map((sheet) => sheet.getAttribute('name')), read};
}
