# The gateway: build/gateway/crm_gateway.  Included by the top Makefile.
#
## make gateway         build the FastCGI gateway (build/gateway/crm_gateway)
## make http-doc        write the endpoint chapter of doc/http-api.md from the route table

GATEWAY_BUILD   := build/gateway
GATEWAY_SOURCES := $(sort $(wildcard fcgi/src/*.c))
GATEWAY_OBJECTS := $(patsubst fcgi/src/%.c,$(GATEWAY_BUILD)/%.o,$(GATEWAY_SOURCES))
GATEWAY_CFLAGS  := -std=gnu99 -O2 -g -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE \
                   -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 \
                   -Wno-sign-compare -pthread -MMD -MP -DCRM_VERSION='"$(CRM_VERSION)"' \
                   -I$(GATEWAY_BUILD) -Ifcgi/src -I$(shell $(PG_CONFIG) --includedir) -I/usr/include/postgresql $(CRM_CFLAGS)
GATEWAY_LIBS    := -lfcgi -lpq -ljansson -lcrypto -pthread -pie -Wl,-z,relro,-z,now

.PHONY: gateway http-doc
gateway: $(GATEWAY_BUILD)/crm_gateway

$(GATEWAY_BUILD)/crm_gateway: $(GATEWAY_OBJECTS)
	$(CC) $(CRM_CFLAGS) -o $@ $(GATEWAY_OBJECTS) $(GATEWAY_LIBS)

$(GATEWAY_OBJECTS): $(GATEWAY_BUILD)/%.o: fcgi/src/%.c $(GATEWAY_BUILD)/error_table.inc
	$(CC) $(GATEWAY_CFLAGS) -c -o $@ $<

# the statuses of class RM, from the page that lists them
$(GATEWAY_BUILD)/error_table.inc: doc/errors.md
	@mkdir -p $(@D)
	sed -n 's/^| *\(RM[0-9A-Z]*\) *| *\([0-9][0-9]*\) *|.*/	{"\1", \2, "The request was refused."},/p' $< > $@.tmp && mv $@.tmp $@

http-doc: $(GATEWAY_BUILD)/crm_gateway
	@sed '/^<!-- endpoints/q' doc/http-api.md > $(GATEWAY_BUILD)/http-api.md
	@{ echo; $(GATEWAY_BUILD)/crm_gateway --doc; } >> $(GATEWAY_BUILD)/http-api.md
	@cp $(GATEWAY_BUILD)/http-api.md doc/http-api.md

-include $(GATEWAY_OBJECTS:.o=.d)
