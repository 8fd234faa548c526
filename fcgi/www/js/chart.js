// Charts as SVG and shaded tables: they print, follow the theme by CSS alone, and say in words what they show.
const svg = (name, attributes) => {
	const element = document.createElementNS('http://www.w3.org/2000/svg', name);
	for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
	return element;
};

const said = (element, text) => {
	const title = svg('title', {});
	title.textContent = text;
	element.append(title);
	return element;
};
const word = (attributes, text) => {
	const element = svg('text', attributes);
	element.textContent = text;
	return element;
};
// What is counted opens who is counted.
const linked = (href, ...parts) => {
	if (!href) return parts;
	const link = svg('a', {href});
	link.append(...parts);
	return [link];
};

// rows: [{label, value, text, href}]; widest bar = largest value.  Long labels stand above their bars.
export function bars(title, rows, isLong = false) {
	const height = isLong ? 44 : 28;
	const left = isLong ? 0 : 100;
	const largest = Math.max(...rows.map((row) => row.value), 1e-9);
	const hasLinks = rows.some((row) => row.href);
	const chart = svg('svg', {class: 'bars', viewBox: `0 0 340 ${rows.length * height}`, width: '100%', role: hasLinks ? 'group' : 'img',
		'aria-label': hasLinks ? title : `${title}: ${rows.map((row) => `${row.label} ${row.text}`).join(', ')}`});
	rows.forEach((row, i) => {
		const y = i * height + (isLong ? 18 : 0);
		const width = Math.max(2, (isLong ? 220 : 120) * row.value / largest);
		chart.append(...linked(row.href, word({x: 0, y: isLong ? y - 4 : y + 18}, row.label), svg('rect', {x: left, y: y + (isLong ? 2 : 5), rx: 3, width, height: 18}), word({x: left + width + 6, y: y + (isLong ? 16 : 18)}, row.text)));
	});
	return chart;
}

// A table whose cells are shaded by their value: it is its own alternative for who cannot see shades.
// cell(row, column) -> null or {value, text, href, title}.
export function heat(title, across, down, rows, columns, cell, name = String) {
	const made = rows.map((row) => columns.map((column) => cell(row, column)));
	const largest = Math.max(...made.flat().map((one) => one ? one.value : 0), 1e-9);
	const element = (tag, attributes, ...children) => {
		const node = document.createElement(tag);
		for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) node.setAttribute(key, value);
		node.append(...children);
		return node;
	};
	const shade = (one) => `heat${one ? ` h${Math.ceil(6 * one.value / largest)}` : ''}`;
	const body = made.map((line, i) => element('tr', {}, element('th', {scope: 'row'}, name(rows[i])), ...line.map((one) => element('td', {class: shade(one), title: one && one.title},
		...(one ? [one.href ? element('a', {href: one.href}, one.text) : one.text] : [])))));
	return element('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': title}, element('table', {class: 'map'}, element('caption', {class: 'faint'}, `${down} ↓ · ${across} →`),
		element('thead', {}, element('tr', {}, element('td', {}), ...columns.map((column) => element('th', {scope: 'col'}, name(column))))), element('tbody', {}, ...body)));
}

// Spokes of one length for 100 % of what is compared with, at most twice that; the polygon is the value.
export function radar(title, rows) {
	const at = (i, part) => [170 + 90 * part * Math.sin(2 * Math.PI * i / rows.length), 120 - 90 * part * Math.cos(2 * Math.PI * i / rows.length)];
	const ring = (part) => rows.map((_, i) => at(i, part).map((n) => n.toFixed(1)).join(',')).join(' ');
	const inside = (value) => Math.min(2, Math.max(0, value)) / 2;
	const chart = svg('svg', {class: 'radar', viewBox: '0 0 340 240', width: '100%', role: 'img', 'aria-label': `${title}: ${rows.map((row) => `${row.label} ${row.text}`).join(', ')}`});
	chart.append(...[0.25, 0.5, 0.75, 1].map((part) => svg('polygon', {class: part === 0.5 ? 'same' : 'ring', points: ring(part)})),
		...rows.map((_, i) => svg('line', {class: 'ring', x1: 170, y1: 120, x2: at(i, 1)[0], y2: at(i, 1)[1]})),
		svg('polygon', {class: 'value', points: rows.map((row, i) => at(i, inside(row.value)).map((n) => n.toFixed(1)).join(',')).join(' ')}),
		...rows.map((row, i) => said(svg('circle', {cx: at(i, inside(row.value))[0], cy: at(i, inside(row.value))[1], r: 4}), `${row.label} ${row.text}`)),
		...rows.map((row, i) => word({x: at(i, 1.12)[0], y: at(i, 1.12)[1] + 4, 'text-anchor': Math.abs(at(i, 1)[0] - 170) < 8 ? 'middle' : at(i, 1)[0] > 170 ? 'start' : 'end'}, row.label.length > 9 ? `${row.label.slice(0, 8)}…` : row.label)));
	return chart;
}

// A line of small bars, as high as their values; each says itself under the pointer, all of them to a reader.
export function spark(title, rows) {
	const largest = Math.max(...rows.map((row) => row.value), 1e-9);
	const chart = svg('svg', {class: 'spark', viewBox: `0 0 ${rows.length * 6} 24`, width: rows.length * 6, height: 24, role: 'img', 'aria-label': `${title}: ${rows.map((row) => `${row.label} ${row.text}`).join(', ')}`});
	rows.forEach((row, i) => {
		const height = Math.max(1, 24 * row.value / largest);
		chart.append(said(svg('rect', {x: i * 6, y: 24 - height, width: 5, height}), `${row.label} ${row.text}`));
	});
	return chart;
}
