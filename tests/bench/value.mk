## make bench-value     RFM from orders and from histories, increments, forecasts, beside DuckDB and plain SQL
.PHONY: bench-value
bench: bench-value
bench-value: build-for-bench build/bench/npm/node_modules/@duckdb
	@tests/bench/value.py

build/bench/npm/node_modules/@duckdb:
	@mkdir -p build/bench/npm
	@cd build/bench/npm && npm install --silent --no-audit --no-fund @duckdb/node-api
