// A code that nobody has to think of, for a name in any script.
export const newCode = (prefix) =>
	`${prefix}_${Date.now().toString(36)}${Math.floor(Math.random() * 1296).toString(36)}`;
