// A file that somebody chose as something to send: which sheet, where its row of names is, and its first rows to look
// at.
import {fetched, t} from './base.js';
import {csv, records} from './table.js';

const looked = 30;
const fault = (code, text) => Object.assign(new Error(text || code), {field: 'file', code});
const wordsOf = (row) => new Set(row.map((value) => value.trim()).filter(Boolean)).size;

// The row of names is the first that says about as much as the fullest: a title and who made the list stand above it.
export function headAt(rows) {
	const counts = rows.slice(0, looked).map(wordsOf);
	return Math.max(
		0,
		counts.findIndex((n) => n >= Math.ceil(Math.max(...counts) * 0.6)),
	);
}

// Two columns of one name are told apart; a column without one is named by its place, if something stands in it.
function distinct(names, rows) {
	const seen = new Map();
	return names.map((name, i) => {
		const word =
			name.replace(/\s+/g, ' ').trim() || (rows.some((row) => row[i]) ? t('import.column', {n: i + 1}) : '');
		const n = (seen.get(word) || 0) + 1;
		seen.set(word, n);
		return word && n > 1 ? `${word} (${n})` : word;
	});
}

function fromSheet({rows, goesOn}) {
	let head = headAt(rows);
	while (goesOn.has(head)) head++;
	const below = rows.slice(head + 1);
	if (below.length === 0) return null;
	const whole = [distinct(rows[head], below), ...below];
	return {body: new Blob([csv(whole)]), rows: whole.slice(0, 6)};
}

// A workbook goes on with its first sheet that has rows below names; another can be chosen: take(name).
async function fromWorkbook(file) {
	let book;
	try {
		book = await (await fetched(import('./xlsx.js'))).workbook(file);
	} catch (problem) {
		throw problem.status === 0 ? problem : fault('xlsx');
	} // its reader did not come
	const take = async (name) => {
		let made;
		try {
			made = fromSheet(await book.read(name));
		} catch {
			throw fault('xlsx');
		}
		if (!made) throw fault('empty');
		return {name: file.name, encoding: 'utf8', sheets: book.names, sheet: name, take, ...made};
	};
	for (const name of book.names) {
		const made = await take(name).catch((problem) => {
			if (problem.code !== 'empty') throw problem;
			return null;
		});
		if (made && (made.rows[0].filter(Boolean).length > 1 || book.names.length === 1)) return made;
	}
	throw fault('empty');
}

const wholeUpTo = 64 * 1024 * 1024;
const read = (bytes, encoding, isWhole) => new TextDecoder(encoding, {fatal: true}).decode(bytes, {stream: !isWhole});

// The text, and how the gateway is to be told that it is written; null where it goes there as text, for it reads
// UTF-8 and GBK only. What is neither goes there as it is, so that each line that cannot be read is named.
function decoded(bytes, isWhole) {
	if (
		isWhole &&
		bytes.length % 2 === 0 &&
		((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
	)
		return [null, read(bytes, bytes[0] === 0xff ? 'utf-16le' : 'utf-16be', true)];
	try {
		return ['utf8', read(bytes, 'utf-8', isWhole)];
	} catch {
		/* in another encoding */
	}
	try {
		return [isWhole ? null : 'gbk', read(bytes, 'gb18030', isWhole)];
	} catch {
		/* in none that is known, or damaged */
	}
	const text = new TextDecoder('utf-8').decode(bytes);
	return (text.match(/\ufffd/g) || []).length * 20 < text.length
		? ['utf8', text]
		: ['gbk', new TextDecoder('gb18030').decode(bytes)];
}

// Where the n-th line of a file begins: a byte of a line's end is one in UTF-8 and in GBK.
function lineAt(bytes, n) {
	let at = 0;
	for (; n > 0; n--) at = bytes.indexOf(10, at) + 1;
	return at;
}

// As lineAt(), of text.
const afterLines = (text, n) => (n === 0 ? text : afterLines(text.slice(text.indexOf('\n') + 1), n - 1));

// One in fifty is no letter: a picture, a program.
const isBinary = (text) => (text.match(/[\0-\x08\x0e-\x1f\ufffd]/g) || []).length * 50 > text.length;

async function fromText(file) {
	const isWhole = file.size <= wholeUpTo;
	const bytes = new Uint8Array(await (isWhole ? file : file.slice(0, 65536)).arrayBuffer());
	let [encoding, text] = decoded(bytes, isWhole);
	text = text.replace(/^\ufeff/, '');
	// as old spreadsheets of the Mac end lines
	if (isWhole && !text.includes('\n') && text.includes('\r')) [encoding, text] = [null, text.replaceAll('\r', '\n')];
	const rows = records(text.slice(0, 65536), looked);
	const at = headAt(rows);
	if (rows.length < at + 2 || wordsOf(rows[at]) === 0) throw fault('empty');
	if (isBinary(text.slice(0, 4096))) throw fault('no_table');
	const body = encoding === null ? new Blob([afterLines(text, at)]) : at > 0 ? file.slice(lineAt(bytes, at)) : file;
	return {name: file.name, body, encoding: encoding || 'utf8', rows: rows.slice(at, at + 6)};
}

// By how it begins and not by its name: a ZIP is a workbook, the container of twenty years ago an old or a locked one.
export async function opened(file) {
	const [a, b] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
	if (a === 0xd0 && b === 0xcf) throw fault('old_xls');
	return (a === 0x50 && b === 0x4b) || /\.xls[xm]$/i.test(file.name) ? fromWorkbook(file) : fromText(file);
}
