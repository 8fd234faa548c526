## make bench-identity  the matcher on labelled sets and odd ones, on a million persons of a chain and beside DuckDB, its growth, components
IDENTITY_PEERS := ../shared/peers
.PHONY: bench-identity
bench: bench-identity
bench-identity: build-for-bench build/bench/npm/node_modules/@duckdb build/bench/gen_people build/bench/gen_edges build/bench/uf build/crm_sample
	@tests/bench/identity.py $(STEPS)

build/bench/%: $(IDENTITY_PEERS)/%.c
	@mkdir -p build/bench
	@$(CC) -O2 -o $@ $< -lm
