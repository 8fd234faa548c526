# Parsers under mutated inputs, with the address and undefined-behaviour sanitizers; no server.
#
## make fuzz            every parser, 50,000 mutated inputs each; FUZZ_INPUTS=1000000 FUZZ_SEED=7 for more
FUZZ_BUILD   := build/fuzz
FUZZ_CFLAGS  := -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Wshadow -Wno-sign-compare -Werror -fno-omit-frame-pointer \
                -fsanitize=address,undefined -fno-sanitize-recover=undefined -MMD -MP -Iextension/src -Ifcgi/src -Itests/fuzz
FUZZ_OBJECTS := $(patsubst extension/src/pure/%.c,$(FUZZ_BUILD)/%.o,$(wildcard extension/src/pure/*.c)) \
                $(patsubst %,$(FUZZ_BUILD)/%.o,base64url sfstring cutter jwks jwt arena loyalty_code fuzz_driver)
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(FUZZ_BUILD)/%.t,$(filter-out %/fuzz_driver.c,$(wildcard tests/fuzz/fuzz_*.c)))
vpath %.c extension/src/pure extension/src/loyalty fcgi/src tests/fuzz

.PHONY: fuzz fuzz-build
fuzz: ; @$(MAKE) -s PG_CONFIG=$$(tests/bin/cluster server) fuzz-build && tests/fuzz/run $(FUZZ_INPUTS) $(FUZZ_SEED)
fuzz-build: $(FUZZ_TARGETS)

# the one room file among them wants the server's headers (fuzz_code.c stands in for it)
$(FUZZ_BUILD)/loyalty_code.o $(FUZZ_BUILD)/fuzz_code.o: FUZZ_CFLAGS += -I$(shell $(PG_CONFIG) --includedir-server) -Wno-unused-parameter -Wno-shadow

$(FUZZ_BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(FUZZ_CFLAGS) -c -o $@ $<

$(FUZZ_BUILD)/libfuzzed.a: $(FUZZ_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

$(FUZZ_BUILD)/%.t: $(FUZZ_BUILD)/%.o $(FUZZ_BUILD)/libfuzzed.a
	$(CC) $(FUZZ_CFLAGS) -o $@ $^ -ljansson -lcrypto -lm

.SECONDARY: $(FUZZ_TARGETS:.t=.o)
-include $(wildcard $(FUZZ_BUILD)/*.d)
