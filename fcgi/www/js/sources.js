// What a source is called, to whom may see the sources; to others, its code.
import {code, language, list} from './base.js';

export async function sourceNames() {
	const rows = await list('sources').then(
		(page) => page.rows,
		() => [],
	);
	return (code) => rows.find((row) => row.source === code)?.name || code;
}

// What mends a refused record: in English as the gateway says it, which may name the value, else by the code.
const known = (row) => (code('remedy', row.code) === row.code ? null : code('remedy', row.code));
export const remedy = (row) => (language === 'en' ? row.remedy || known(row) : known(row) || row.remedy) || '';
