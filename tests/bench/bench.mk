# Speed, beside what a user would run instead, in the same run: a line a figure,
#   name | ours | peer | ratio | bar | ok or short
# Nothing here is part of the tests: machines are noisy, so CPU time and ratios count.

## make bench-gateway   one person by key beside PHP-FPM, imports, one order with its consequences
.PHONY: bench bench-gateway
bench: bench-gateway
bench-gateway: build-for-bench
	@tests/bench/gateway.py

.PHONY: build-for-bench
build-for-bench: deps
	@tests/bin/cluster server >/dev/null
	@$(MAKE) -s PG_CONFIG=$$(tests/bin/cluster server) all gateway sample receiver
	@$(MAKE) -s PG_CONFIG=$$(tests/bin/cluster server) install >/dev/null
