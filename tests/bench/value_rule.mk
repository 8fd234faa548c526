# Rules and segments beside plain SQL; part of bench-value.

## make bench-rule      a four-condition rule over a million persons, its refresh, one person, set algebra
.PHONY: bench-rule
bench-value: bench-rule
bench-rule: build-for-bench
	@tests/bench/value_rule.py
