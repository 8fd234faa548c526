// The page as rows: its title, then each part under its heading, tables by cell, lists and figures by line, as they
// are read.
const said = (element) => element.innerText.replace(/\s+/g, ' ').trim();
const parts = 'h2, h3, table, ul.plain, ol.plain, dl';

export function seen(main) {
	const rows = [[said(main.querySelector('h1') || main)]];
	for (const part of [...main.querySelectorAll(parts)].filter(
		(element) => !element.parentElement.closest('table, ul.plain, ol.plain, form'),
	)) {
		if (part.tagName === 'TABLE') rows.push(...[...part.rows].map((row) => [...row.cells].map(said)));
		else if (part.tagName === 'DL')
			rows.push(...[...part.querySelectorAll('dt')].map((term) => [said(term), said(term.nextElementSibling)]));
		else if (part.tagName.startsWith('H')) rows.push([], [said(part)]);
		else
			rows.push(
				...[...part.children].map((line) => [
					[...line.childNodes]
						.filter((child) => !child.matches?.('.row, button, form'))
						.map((child) => child.textContent)
						.join('')
						.replace(/\s+/g, ' ')
						.trim(),
				]),
			);
	}
	return rows;
}
