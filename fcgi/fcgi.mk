# The gateway: build/gateway/crm_gateway.  Included by the top Makefile.
#
## make gateway         build the FastCGI gateway (build/gateway/crm_gateway)
## make install-gateway gateway, pages, nginx's and systemd's files, each in its place (doc/operations.md); keeps what you configured
## make http-doc        write the endpoint chapter of doc/http-api.md from the route table

GATEWAY_BUILD   := build/gateway
GATEWAY_SOURCES := $(sort $(wildcard fcgi/src/*.c))
GATEWAY_OBJECTS := $(patsubst fcgi/src/%.c,$(GATEWAY_BUILD)/%.o,$(GATEWAY_SOURCES))
GATEWAY_CFLAGS  := -std=gnu99 -O2 -g -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE \
                   -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 \
                   -Wno-sign-compare -pthread -MMD -MP -DCRM_VERSION='"$(CRM_VERSION)"' \
                   -I$(GATEWAY_BUILD) -Ifcgi/src -I$(shell $(PG_CONFIG) --includedir 2>/dev/null) -I/usr/include/postgresql $(CRM_CFLAGS)
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

# What an administrator writes into is never overwritten: gateway.conf and the site.
.PHONY: install-gateway
install-gateway: gateway
	install -D -m 755 $(GATEWAY_BUILD)/crm_gateway $(DESTDIR)/usr/lib/crm/crm_gateway
	install -D -m 644 doc/http-api.md $(DESTDIR)/usr/share/doc/crm/http-api.md
	rm -rf $(DESTDIR)/usr/share/crm/www
	cd fcgi/www && find . -type f -exec install -D -m 644 '{}' '$(abspath $(DESTDIR)/usr/share/crm/www)/{}' ';'
	install -D -m 644 -t $(DESTDIR)/etc/systemd/system fcgi/etc/crm-gateway.service fcgi/etc/crm-gateway.socket
	install -D -m 644 -t $(DESTDIR)/etc/nginx/crm fcgi/etc/crm-http.conf fcgi/etc/crm-headers.conf fcgi/etc/crm-locations.conf
	[ -e $(DESTDIR)/etc/nginx/sites-available/crm ] || install -D -m 644 fcgi/etc/crm-site.conf.example $(DESTDIR)/etc/nginx/sites-available/crm
	[ -e $(DESTDIR)/etc/crm/gateway.conf ] || install -D -m 640 fcgi/etc/gateway.conf.example $(DESTDIR)/etc/crm/gateway.conf

http-doc: $(GATEWAY_BUILD)/crm_gateway
	@sed '/^<!-- endpoints/q' doc/http-api.md > $(GATEWAY_BUILD)/http-api.md
	@{ echo; $(GATEWAY_BUILD)/crm_gateway --doc; } >> $(GATEWAY_BUILD)/http-api.md
	@cp $(GATEWAY_BUILD)/http-api.md doc/http-api.md

-include $(GATEWAY_OBJECTS:.o=.d)
