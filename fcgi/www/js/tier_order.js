// Tiers as they stand below each other; one that the chain made itself comes after those that every chain has, "-"
// (none yet) last.
export const tiers = ['S', 'A', 'B', 'C', 'D', 'N', 'P'];
const place = (tier) => (tiers.includes(tier) ? tiers.indexOf(tier) : tiers.length + (tier === '-'));
export const inOrder = (names) => [...new Set(names)].sort((a, b) => place(a) - place(b));
