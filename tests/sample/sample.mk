# The sample chain: its generator (build/crm_sample) and the check of what it makes.

## make sample          the generator of the sample chain: build/crm_sample
## make sample-check    a chain of 20,000 persons against the figures of its page
SAMPLE_SOURCES = $(sort $(wildcard tests/sample/*.c))
SAMPLE_CFLAGS  = -std=gnu11 -O2 -g -Wall -Wextra -Werror

.PHONY: sample sample-check
sample: build/crm_sample
build/crm_sample: $(SAMPLE_SOURCES) tests/sample/sample.h
	@mkdir -p build
	$(CC) $(SAMPLE_CFLAGS) -o $@ $(SAMPLE_SOURCES) -lm

sample-check: build/crm_sample
	@tests/sample/check.pl build/crm_sample
