// The first sheet of an Excel workbook as rows of text.  An .xlsx is a ZIP of XML: the directory at its end says where
// each part lies, the browser itself inflates and parses.  Cells that look like dates by their format become ISO days.

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
		parts.set(name, {method: view.getUint16(at + 10, true), size: view.getUint32(at + 20, true), whole: view.getUint32(at + 24, true), at: view.getUint32(at + 42, true)});
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
	const text = entry.method === 0 ? new TextDecoder().decode(packed)
		: await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'))).text();
	const document = new DOMParser().parseFromString(text, 'application/xml');
	if (document.getElementsByTagName('parsererror').length > 0) throw new Unreadable('xml');
	return document;
}

const all = (node, name) => node ? [...node.getElementsByTagNameNS('*', name)] : [];
const words = (node) => all(node, 't').filter((t) => t.parentNode.localName !== 'rPh').map((t) => t.textContent).join('');

// Which styles of a cell mean a day or a moment: the built-in formats, and own ones that speak of years or hours.
function dateStyles(styles) {
	const own = new Map(all(styles, 'numFmt').map((format) => [format.getAttribute('numFmtId'), format.getAttribute('formatCode').replace(/"[^"]*"|\[[^\]]*\]|\\./g, '')]));
	const isDate = (id) => (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) || (id >= 50 && id <= 58) || /[ymdhs]/i.test(own.get(String(id)) || '');
	return all(all(styles, 'cellXfs')[0], 'xf').map((xf) => isDate(Number(xf.getAttribute('numFmtId'))));
}

function day(serial, is1904) {
	const moment = new Date(Math.round((serial + (is1904 ? 1462 : 0) - 25569) * 86400) * 1000);
	const text = Number.isNaN(moment.getTime()) ? String(serial) : moment.toISOString();
	return serial % 1 === 0 ? text.slice(0, 10) : text.slice(0, 19).replace('T', ' ');
}

// AB12 is column 27.
const column = (reference) => [...reference.replace(/\d/g, '')].reduce((n, letter) => n * 26 + letter.charCodeAt(0) - 64, 0) - 1;

// 1.1 is kept as 1.1 and not as 1.1000000000000001, a phone not as 1.3912E10.
const plain = (text) => /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? String(Number(Number(text).toPrecision(15))) : text;

function cell(c, shared, dates, is1904) {
	const type = c.getAttribute('t');
	if (type === 'inlineStr') return words(c);
	const value = all(c, 'v')[0]?.textContent ?? '';
	if (type === 's') return shared[Number(value)] ?? '';
	if (type === 'b') return value === '1' ? 'true' : 'false';
	if (type === 'str' || type === 'e' || value === '') return value;
	return dates[Number(c.getAttribute('s'))] ? day(Number(value), is1904) : plain(value);
}

export async function read(file) {
	const book = await directory(file);
	const workbook = await part(book, 'xl/workbook.xml');
	const links = await part(book, 'xl/_rels/workbook.xml.rels');
	const first = all(workbook, 'sheet')[0];
	const id = first && [...first.attributes].find((attribute) => attribute.localName === 'id' && attribute.name !== 'sheetId');
	const target = id && all(links, 'Relationship').find((link) => link.getAttribute('Id') === id.value);
	const sheet = target && await part(book, target.getAttribute('Target').startsWith('/') ? target.getAttribute('Target').slice(1) : `xl/${target.getAttribute('Target')}`);
	if (!sheet) throw new Unreadable('sheet');
	const shared = all(await part(book, 'xl/sharedStrings.xml'), 'si').map(words);
	const dates = dateStyles(await part(book, 'xl/styles.xml'));
	const is1904 = ['1', 'true'].includes(all(workbook, 'workbookPr')[0]?.getAttribute('date1904'));
	const lines = all(sheet, 'row');
	if (lines.length > most.rows) throw new Unreadable('rows');
	const rows = lines.map((line) => {
		const row = [];
		all(line, 'c').forEach((c, i) => {
			const at = c.getAttribute('r') ? column(c.getAttribute('r')) : i;
			if (at < most.columns) row[at] = cell(c, shared, dates, is1904);
		});
		return Array.from(row, (value) => value ?? '');
	}).filter((row) => row.some((value) => value !== ''));
	const width = Math.max(0, ...rows.slice(0, 1).map((row) => row.length));
	return rows.map((row) => Array.from({length: width}, (_, i) => row[i] ?? ''));
}
