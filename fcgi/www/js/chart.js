// Bars as SVG: they print, follow the theme by CSS, and say in words what they show.
const svg = (name, attributes) => {
	const element = document.createElementNS('http://www.w3.org/2000/svg', name);
	for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
	return element;
};

// rows: [{label, value, text}]; widest bar = largest value.
export function bars(title, rows) {
	const height = 28;
	const largest = Math.max(...rows.map((row) => row.value), 1e-9);
	const chart = svg('svg', {class: 'bars', viewBox: `0 0 340 ${rows.length * height}`, width: '100%', role: 'img',
		'aria-label': `${title}: ${rows.map((row) => `${row.label} ${row.text}`).join(', ')}`});
	rows.forEach((row, i) => {
		const y = i * height;
		const label = svg('text', {x: 0, y: y + 18});
		label.textContent = row.label;
		const value = svg('text', {x: 100 + Math.max(2, 120 * row.value / largest) + 6, y: y + 18});
		value.textContent = row.text;
		chart.append(label, svg('rect', {x: 100, y: y + 5, rx: 3, width: Math.max(2, 120 * row.value / largest), height: height - 10}), value);
	});
	return chart;
}

// A line of small bars, as high as their values; each says itself under the pointer, all of them to a reader.
export function spark(title, rows) {
	const largest = Math.max(...rows.map((row) => row.value), 1e-9);
	const chart = svg('svg', {class: 'spark', viewBox: `0 0 ${rows.length * 6} 24`, width: rows.length * 6, height: 24, role: 'img', 'aria-label': `${title}: ${rows.map((row) => `${row.label} ${row.text}`).join(', ')}`});
	rows.forEach((row, i) => {
		const height = Math.max(1, 24 * row.value / largest);
		const bar = svg('rect', {x: i * 6, y: 24 - height, width: 5, height});
		const said = svg('title', {});
		said.textContent = `${row.label} ${row.text}`;
		bar.append(said);
		chart.append(bar);
	});
	return chart;
}
