# What pages wait for; part of bench.

## make bench-pages     every data call of the pages, through nginx, at 80,000 persons; PERSONS=1000000 for a million
.PHONY: bench-pages
bench: bench-pages
bench-pages: build-for-bench
	@tests/bench/pages.py $(PERSONS)
