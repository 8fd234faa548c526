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
// A label has so much room: what is longer is cut, and whole under the pointer.  A Chinese sign is as wide as two
// letters.
function label(attributes, text, room) {
	const signs = [...String(text)];
	let left = room;
	const over = signs.findIndex((sign) => (left -= sign > '\u2e7f' ? 14 : 7.7) < 0);
	return over < 0
		? word(attributes, text)
		: said(word(attributes, `${signs.slice(0, Math.max(over - 1, 1)).join('')}…`), text);
}
// On a phone a chart is drawn for its breadth, so that its letters are no smaller than the page's.
const breadth = () => (matchMedia('(max-width: 40rem)').matches ? 296 : 340);
// What is counted opens who is counted.
const linked = (href, ...parts) => {
	if (!href) return parts;
	const link = svg('a', {href});
	link.append(...parts);
	return [link];
};

// rows: [{label, value, text, href, brief}]; widest bar = largest value.  Long labels stand above their bars.  What
// has a brief form shows it, and says its text.
const figure = (attributes, row) =>
	row.brief && row.brief !== row.text ? said(word(attributes, row.brief), row.text) : word(attributes, row.text);
export function bars(title, rows, isLong = false, whole = Math.max(...rows.map((row) => row.value), 1e-9)) {
	const height = isLong ? 44 : 28;
	const wide = breadth(),
		left = isLong ? 0 : 108;
	const hasLinks = rows.some((row) => row.href);
	const chart = svg('svg', {
		class: 'bars',
		viewBox: `0 0 ${wide} ${rows.length * height}`,
		width: '100%',
		role: hasLinks ? 'group' : 'img',
		'aria-label': hasLinks ? title : `${title}: ${rows.map((row) => `${row.label} ${row.text}`).join(', ')}`,
	});
	rows.forEach((row, i) => {
		const y = i * height + (isLong ? 18 : 0);
		const width = Math.max(2, ((isLong ? wide - 130 : wide - 228) * row.value) / whole);
		chart.append(
			...linked(
				row.href,
				label({x: 0, y: isLong ? y - 4 : y + 18}, row.label, isLong ? wide : left),
				svg('rect', {x: left, y: y + (isLong ? 2 : 5), rx: 3, width, height: 18}),
				figure({x: left + width + 6, y: y + (isLong ? 16 : 18)}, row),
			),
		);
	});
	return chart;
}

// A table whose cells are shaded by their value: it is its own alternative for who cannot see shades.
// cell(row, column) -> null or {value, text, href, title}.
export function heat(title, across, down, rows, columns, cell, name = String) {
	const made = rows.map((row) => columns.map((column) => cell(row, column)));
	const largest = Math.max(...made.flat().map((one) => (one ? one.value : 0)), 1e-9);
	const element = (tag, attributes, ...children) => {
		const node = document.createElement(tag);
		for (const [key, value] of Object.entries(attributes))
			if (value !== null && value !== undefined) node.setAttribute(key, value);
		node.append(...children);
		return node;
	};
	const shade = (one) => `heat${one ? ` h${Math.ceil((6 * one.value) / largest)}` : ''}`;
	const body = made.map((line, i) =>
		element(
			'tr',
			{},
			element('th', {scope: 'row'}, name(rows[i])),
			...line.map((one) =>
				element(
					'td',
					{class: shade(one), title: one && one.title},
					...(one ? [one.href ? element('a', {href: one.href}, one.text) : one.text] : []),
				),
			),
		),
	);
	return element(
		'div',
		{class: 'scroll', tabindex: '0', role: 'region', 'aria-label': title},
		element(
			'table',
			{class: 'map'},
			element('caption', {class: 'faint'}, `${down} ↓ · ${across} →`),
			element(
				'thead',
				{},
				element(
					'tr',
					{},
					element('td', {}),
					...columns.map((column) => element('th', {scope: 'col'}, name(column))),
				),
			),
			element('tbody', {}, ...body),
		),
	);
}

// Spokes of one length for 100 % of what is compared with, at most twice that; the polygon is the value.
export function radar(title, rows) {
	const wide = breadth(),
		half = wide < 340 ? wide / 2 : 220,
		far = wide < 340 ? 66 : 90;
	const at = (i, part) => [
		half + far * part * Math.sin((2 * Math.PI * i) / rows.length),
		120 - far * part * Math.cos((2 * Math.PI * i) / rows.length),
	];
	const ring = (part) =>
		rows
			.map((_, i) =>
				at(i, part)
					.map((n) => n.toFixed(1))
					.join(','),
			)
			.join(' ');
	const inside = (value) => Math.min(2, Math.max(0, value)) / 2;
	const chart = svg('svg', {
		class: 'radar',
		viewBox: `0 0 ${2 * half} 240`,
		width: '100%',
		role: 'img',
		'aria-label': `${title}: ${rows.map((row) => `${row.label} ${row.text}`).join(', ')}`,
	});
	chart.append(
		...[0.25, 0.5, 0.75, 1].map((part) =>
			svg('polygon', {class: part === 0.5 ? 'same' : 'ring', points: ring(part)}),
		),
		...rows.map((_, i) => svg('line', {class: 'ring', x1: half, y1: 120, x2: at(i, 1)[0], y2: at(i, 1)[1]})),
		svg('polygon', {
			class: 'value',
			points: rows
				.map((row, i) =>
					at(i, inside(row.value))
						.map((n) => n.toFixed(1))
						.join(','),
				)
				.join(' '),
		}),
		...rows.map((row, i) =>
			said(
				svg('circle', {cx: at(i, inside(row.value))[0], cy: at(i, inside(row.value))[1], r: 4}),
				`${row.label} ${row.text}`,
			),
		),
		...rows.map((row, i) =>
			label(
				{
					x: at(i, 1.12)[0],
					y: at(i, 1.12)[1] + 4,
					'text-anchor': Math.abs(at(i, 1)[0] - half) < 8 ? 'middle' : at(i, 1)[0] > half ? 'start' : 'end',
				},
				row.label,
				half - far - 14,
			),
		),
	);
	return chart;
}

// A line of small bars, as high as their values; each says itself under the pointer, all of them to a reader.
export function spark(title, rows) {
	const largest = Math.max(...rows.map((row) => row.value), 1e-9);
	const chart = svg('svg', {
		class: 'spark',
		viewBox: `0 0 ${rows.length * 6} 24`,
		width: rows.length * 6,
		height: 24,
		role: 'img',
		'aria-label': `${title}: ${rows.map((row) => `${row.label} ${row.text}`).join(', ')}`,
	});
	rows.forEach((row, i) => {
		const height = Math.max(1, (24 * row.value) / largest);
		chart.append(said(svg('rect', {x: i * 6, y: 24 - height, width: 5, height}), `${row.label} ${row.text}`));
	});
	return chart;
}

// Values one after the other as a line; what is expected is dashed, between its bounds.  rows: [{label, value | null,
// expected, low, high, text}].
export function line(title, rows) {
	const largest = Math.max(...rows.flatMap((row) => [row.value ?? 0, row.high ?? 0]), 1e-9);
	const wide = breadth();
	const x = (i) => (10 + ((wide - 20) * i) / Math.max(rows.length - 1, 1)).toFixed(1);
	const y = (value) => (150 - (135 * Math.max(value, 0)) / largest).toFixed(1);
	const points = (picked) => picked.map(([i, value]) => `${x(i)},${y(value)}`).join(' ');
	const known = rows.map((row, i) => [i, row.value]).filter(([, value]) => value !== null && value !== undefined);
	const told = rows
		.map((row, i) => [i, row.expected, row.low, row.high])
		.filter(([, value]) => value !== null && value !== undefined);
	const chart = svg('svg', {
		class: 'line',
		viewBox: `0 0 ${wide} 172`,
		width: '100%',
		role: 'img',
		'aria-label': `${title}: ${rows.map((row) => `${row.label} ${row.text}`).join(', ')}`,
	});
	chart.append(svg('line', {class: 'ring', x1: 10, y1: 150, x2: wide - 10, y2: 150}));
	if (told.length > 0) {
		chart.append(
			svg('polygon', {
				class: 'band',
				points: `${points(told.map(([i, , low]) => [i, low]))} ${points(told.map(([i, , , high]) => [i, high]).reverse())}`,
			}),
			svg('polyline', {class: 'expected', points: points([...known.slice(-1), ...told])}),
		);
	}
	chart.append(
		svg('polyline', {class: 'value', points: points(known)}),
		...rows.map((row, i) =>
			said(svg('circle', {cx: x(i), cy: y(row.value ?? row.expected ?? 0), r: 3}), `${row.label} ${row.text}`),
		),
	);
	for (const i of outstanding(known, x, y))
		chart.append(
			figure(
				{
					x: x(i),
					y: Math.max(y(rows[i].value) - 7, 12),
					'text-anchor': x(i) < 70 ? 'start' : x(i) > wide - 70 ? 'end' : 'middle',
				},
				rows[i],
			),
		);
	for (const i of new Set([0, Math.floor((rows.length - 1) / 2), rows.length - 1])) {
		if (rows[i])
			chart.append(
				word(
					{x: x(i), y: 167, 'text-anchor': i === 0 ? 'start' : i === rows.length - 1 ? 'end' : 'middle'},
					rows[i].label,
				),
			);
	}
	return chart;
}

// What a line comes to is read without pointing at it: its highest point, and the last, if there is room for both.
function outstanding(known, x, y) {
	if (known.length === 0) return [];
	const [last, lastValue] = known.at(-1),
		[highest, most] = known.reduce((one, other) => (other[1] > one[1] ? other : one));
	return Math.abs(x(last) - x(highest)) > 90 || Math.abs(y(lastValue) - y(most)) > 20 ? [highest, last] : [highest];
}

// Shares of a whole as a ring; the words beside it say them in its order, from the darkest on.
export function ring(title, rows) {
	const whole = rows.reduce((sum, row) => sum + row.value, 0) || 1;
	const chart = svg('svg', {
		class: 'ring',
		viewBox: '0 0 42 42',
		width: '100%',
		role: 'img',
		'aria-label': `${title}: ${rows.map((row) => `${row.label} ${row.text}`).join(', ')}`,
	});
	let before = 0;
	rows.forEach((row, i) => {
		const share = (100 * row.value) / whole;
		chart.append(
			said(
				svg('circle', {
					cx: 21,
					cy: 21,
					r: 15.9155,
					class: `part p${i % 6}`,
					'stroke-dasharray': `${Math.max(share - 0.6, 0.1).toFixed(2)} ${(100 - Math.max(share - 0.6, 0.1)).toFixed(2)}`,
					'stroke-dashoffset': (25 - before).toFixed(2),
				}),
				`${row.label} ${row.text}`,
			),
		);
		before += share;
	});
	return chart;
}
