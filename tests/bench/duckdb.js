// Runs statements in DuckDB on one thread; a JSON line a statement: {"cpu": seconds, "row": [...]}.
// Usage: node duckdb.js database statement...   (a statement that begins with "?" answers with its first row)
const {createRequire} = require('module');
const {DuckDBInstance} = createRequire(process.cwd() + '/build/bench/npm/')('@duckdb/node-api');

(async () => {
	const [database, ...statements] = process.argv.slice(2);
	const instance = await DuckDBInstance.create(database);
	const connection = await instance.connect();
	await connection.run('SET threads = 1');
	for (const statement of statements) {
		const before = process.cpuUsage();
		const reader = await connection.runAndReadAll(statement);
		const spent = process.cpuUsage(before);
		const row = (reader.getRows()[0] || []).map(String);
		console.log(JSON.stringify({cpu: (spent.user + spent.system) / 1e6, row}));
	}
})().catch((error) => {
	console.error(error.message);
	process.exit(1);
});
