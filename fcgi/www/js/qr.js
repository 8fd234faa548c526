// A QR code (ISO/IEC 18004) of up to 106 bytes as SVG: versions 1 to 6, error correction M, so that a scratched print
// is still read.  Drawn black on white in every theme: cameras want it so.

// By version from 1: codewords in all, those of correction in a block, blocks, the second place of alignment (0: none).
const versions = [
	[26, 10, 1, 0],
	[44, 16, 1, 18],
	[70, 26, 1, 22],
	[100, 18, 2, 26],
	[134, 24, 2, 30],
	[172, 16, 4, 34],
];

// The field of 256 elements with x^8 + x^4 + x^3 + x^2 + 1.
const power = [],
	log = [];
for (let i = 0, x = 1; i < 255; i++, x = (x << 1) ^ (x > 127 ? 0x11d : 0)) ((power[i] = x), (log[x] = i));
const times = (a, b) => (a && b ? power[(log[a] + log[b]) % 255] : 0);

function correction(data, count) {
	let divisor = [1];
	for (let i = 0; i < count; i++)
		divisor = [...divisor, 0].map((c, j) => c ^ times(j > 0 ? divisor[j - 1] : 0, power[i]));
	const rest = [...data, ...Array(count).fill(0)];
	for (let i = 0; i < data.length; i++) {
		const lead = rest[i];
		for (let j = 0; j <= count; j++) rest[i + j] ^= times(divisor[j], lead);
	}
	return rest.slice(data.length);
}

function codewords(bytes, [total, each, blocks]) {
	const room = total - each * blocks;
	let bits =
		`0100${bytes.length.toString(2).padStart(8, '0')}${[...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')}0000`.slice(
			0,
			room * 8,
		);
	bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0');
	const data = bits.match(/.{8}/g).map((byte) => parseInt(byte, 2));
	for (let i = 0; data.length < room; i++) data.push(i % 2 ? 0x11 : 0xec);
	const part = room / blocks; // versions 1 to 6 at M have blocks of one length
	const groups = Array.from({length: blocks}, (_, i) => data.slice(i * part, (i + 1) * part));
	const extra = groups.map((group) => correction(group, each));
	const woven = (lists) => lists[0].flatMap((_, i) => lists.map((list) => list[i]));
	return [...woven(groups), ...woven(extra)];
}

const masks = [
	(r, c) => (r + c) % 2,
	(r) => r % 2,
	(r, c) => c % 3,
	(r, c) => (r + c) % 3,
	(r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2,
	(r, c) => ((r * c) % 2) + ((r * c) % 3),
	(r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2,
	(r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2,
];

// What does not depend on the data: finders, timing, alignment; null where data go.
function frame(size, alignment) {
	const grid = Array.from({length: size}, () => Array(size).fill(null));
	const square = (row, column, radius, dark) => {
		for (let r = -radius; r <= radius; r++)
			for (let c = -radius; c <= radius; c++) {
				const at = grid[row + r];
				if (at && column + c >= 0 && column + c < size)
					at[column + c] = dark(Math.max(Math.abs(r), Math.abs(c)));
			}
	};
	for (let i = 8; i < size - 8; i++) grid[6][i] = grid[i][6] = i % 2 === 0;
	for (const [r, c] of [
		[3, 3],
		[3, size - 4],
		[size - 4, 3],
	])
		square(r, c, 4, (ring) => ring !== 2 && ring !== 4);
	if (alignment) square(alignment, alignment, 2, (ring) => ring !== 1);
	grid[size - 8][8] = true;
	return grid;
}

// The fifteen bits that say level M and the mask, at both places.
function format(grid, mask) {
	const size = grid.length;
	let rest = mask << 10; // level M is 00
	for (let i = 4; i >= 0; i--) if ((rest >> (i + 10)) & 1) rest ^= 0x537 << i;
	const bits = ((mask << 10) | rest) ^ 0x5412;
	const bit = (i) => ((bits >> i) & 1) === 1;
	for (let i = 0; i < 15; i++) {
		const [r, c] = i < 6 ? [i, 8] : i < 8 ? [i + 1, 8] : i === 8 ? [8, 7] : [8, 14 - i];
		grid[r][c] = bit(i);
		if (i < 8) grid[8][size - 1 - i] = bit(i);
		else grid[size - 15 + i][8] = bit(i);
	}
}

function fill(grid, words, mask) {
	const size = grid.length;
	format(grid, 0); // taken, whatever the mask will be
	let n = 0;
	for (let right = size - 1; right >= 1; right -= right === 8 ? 3 : 2)
		for (let step = 0; step < size; step++)
			for (const c of [right, right - 1]) {
				const r = ((right + (right < 7 ? 1 : 0)) & 2) === 0 ? size - 1 - step : step;
				if (grid[r][c] !== null) continue;
				const dark = n < words.length * 8 && ((words[n >> 3] >> (7 - (n & 7))) & 1) === 1;
				grid[r][c] = dark !== (masks[mask](r, c) === 0);
				n++;
			}
	format(grid, mask);
	return grid;
}

// How hard a pattern is to read: runs, blocks, what looks like a finder, too much of one colour.
function penalty(grid) {
	const size = grid.length;
	let sum = 0;
	const lines = [...grid, ...grid.map((_, c) => grid.map((row) => row[c]))].map((line) =>
		line.map((dark) => (dark ? '1' : '0')).join(''),
	);
	for (const line of lines) {
		for (const run of line.match(/0{5,}|1{5,}/g) || []) sum += run.length - 2;
		for (let i = 0; i <= size - 11; i++)
			if (['10111010000', '00001011101'].includes(line.slice(i, i + 11))) sum += 40;
	}
	for (let r = 0; r < size - 1; r++)
		for (let c = 0; c < size - 1; c++)
			if (grid[r][c] === grid[r][c + 1] && grid[r][c] === grid[r + 1][c] && grid[r][c] === grid[r + 1][c + 1])
				sum += 3;
	const dark = grid.flat().filter(Boolean).length / size / size;
	return sum + Math.floor(Math.abs(dark - 0.5) * 20) * 10;
}

// Rows of true (dark) and false.
function encode(text) {
	const bytes = new TextEncoder().encode(text);
	const version = versions.findIndex(([total, each, blocks]) => bytes.length + 2 <= total - each * blocks);
	if (version < 0) throw new RangeError('too long for this code');
	const words = codewords(bytes, versions[version]);
	const grids = masks.map((_, mask) => fill(frame(21 + 4 * version, versions[version][3]), words, mask));
	return grids.reduce((best, grid) => (penalty(grid) < penalty(best) ? grid : best));
}

export function picture(text, label) {
	const grid = encode(text);
	const ns = 'http://www.w3.org/2000/svg';
	const chart = document.createElementNS(ns, 'svg');
	const path = document.createElementNS(ns, 'path');
	for (const [name, value] of Object.entries({
		class: 'qr',
		viewBox: `-4 -4 ${grid.length + 8} ${grid.length + 8}`,
		role: 'img',
		'aria-label': label,
		'shape-rendering': 'crispEdges',
	}))
		chart.setAttribute(name, value);
	path.setAttribute(
		'd',
		grid.map((row, r) => row.map((dark, c) => (dark ? `M${c} ${r}h1v1h-1z` : '')).join('')).join(''),
	);
	chart.append(path);
	return chart;
}
