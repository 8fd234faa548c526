// What a source is called, to whom may see the sources; to others, its code.
import {list} from './base.js';

export async function sourceNames() {
	const rows = await list('sources').then((page) => page.rows, () => []);
	return (code) => rows.find((row) => row.source === code)?.name || code;
}
