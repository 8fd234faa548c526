# Targets for working on crm and trying it; what a packager needs is in the Makefile.

## make run             the main job on this machine: sample chain, workers, gateway, nginx; prints where to look
## make run DATA=dir    the same with your own CSV files
## make stop            ends what make run started; its data stays for the next run
## make test            every suite of tests/suites.tsv; SUITES="unit lint" for some
## make bench           speed beside the peers (bench-gateway, bench-identity, bench-value, bench-campaign, bench-pages)
## make lint            the rules of the house
## make format          lays out the scripts of the pages and of their tests (Prettier)
run: ; @tests/bin/demo run $(DATA)
stop: ; @tests/bin/demo stop
deps: ; @tests/bin/deps

test: deps
	@tests/bin/cluster server >/dev/null
	@$(MAKE) -s PG_CONFIG=$$(tests/bin/cluster server) build-for-tests
	@PG_CONFIG=$$(tests/bin/cluster server) tests/bin/run-suites $(SUITES)

.PHONY: build-for-tests
build-for-tests: all gateway sample receiver
	@$(MAKE) -s PG_CONFIG=$(PG_CONFIG) install >/dev/null

lint: ; @tests/lint/run
.PHONY: format
format: ; @tests/bin/format

-include tests/unit/unit.mk tests/fuzz/fuzz.mk tests/sample/sample.mk tests/gateway/gateway.mk $(sort $(wildcard tests/bench/*.mk)) tests/receiver/receiver.mk

## make pgtap           who may see and do what; the rules every table keeps
.PHONY: pgtap
pgtap:
	@tests/bin/cluster server >/dev/null
	@$(MAKE) -s PG_CONFIG=$$(tests/bin/cluster server) build-for-tests
	@tests/bin/with-cluster pgtap tests/pgtap/run $(FILES)

## make screenshots     pictures of the pages for doc/screenshots, in both themes, at phone and desk width
.PHONY: screenshots
screenshots:
	@tests/bin/cluster server >/dev/null
	@$(MAKE) -s PG_CONFIG=$$(tests/bin/cluster server) build-for-tests
	@mkdir -p doc/screenshots
	@CRM_SHOTS=$(CURDIR)/doc/screenshots tests/bin/with-cluster browser tests/browser/run

## make test-engines    every page in Firefox beside Chromium: words, controls, width, console, numbers; apart from make test
.PHONY: test-engines
test-engines:
	@tests/bin/cluster server >/dev/null
	@$(MAKE) -s PG_CONFIG=$$(tests/bin/cluster server) build-for-tests
	@CRM_ENGINES=1 tests/bin/with-cluster engines-test tests/browser/run
