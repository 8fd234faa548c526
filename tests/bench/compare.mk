## make bench-compare   pairs a CPU-second of every comparator beside DuckDB, on the surnames of historical_50k
HISTORICAL := ../shared/data/identity/splink_historical_50k/historical_50k.csv

.PHONY: bench-compare
bench-compare: build/bench/npm/node_modules/@duckdb
	@mkdir -p build
	@$(CC) -std=gnu11 -O2 -Iextension/src -o build/bench_compare tests/bench/compare.c extension/src/pure/*.c -lm
	@python3 -c "import csv, sys; [print(r['surname']) for r in csv.DictReader(open(sys.argv[1])) if r['surname'].isascii() and r['surname']]" $(HISTORICAL) > build/surnames.txt
	@tests/bench/compare.py build/surnames.txt
