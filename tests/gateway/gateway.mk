# The gateway's suite: its pure parts as unit tests, its machine on a table of probes, the product's endpoints.
#
## make gateway-check   HTTP through a private nginx, and the traps of FastCGI

PROBE_BUILD   := build/gateway-tests
PROBE_OBJECTS := $(filter-out $(GATEWAY_BUILD)/route_table.o,$(GATEWAY_OBJECTS)) $(PROBE_BUILD)/route_table_probe.o
PURE_OBJECTS  := $(patsubst %,$(GATEWAY_BUILD)/%.o,arena base64url sfstring cutter jwks jwt route gateway_config)
GATEWAY_UNITS := $(patsubst tests/gateway/unit/%.c,$(PROBE_BUILD)/%.t,$(sort $(wildcard tests/gateway/unit/unit_*.c)))

.PHONY: gateway-check gateway-probe
gateway-probe: gateway $(PROBE_BUILD)/crm_gateway_probe $(GATEWAY_UNITS)

gateway-check:
	@$(MAKE) -s PG_CONFIG=$$(tests/bin/cluster server) gateway-probe
	@tests/gateway/run

$(PROBE_BUILD)/route_table_probe.o: tests/gateway/route_table_probe.c
	@mkdir -p $(@D)
	$(CC) $(GATEWAY_CFLAGS) -Wno-override-init -c -o $@ $<

$(PROBE_BUILD)/crm_gateway_probe: $(PROBE_OBJECTS)
	$(CC) $(CRM_CFLAGS) -o $@ $(PROBE_OBJECTS) $(GATEWAY_LIBS)

$(PROBE_BUILD)/%.t: tests/gateway/unit/%.c tests/unit/tap.h $(PURE_OBJECTS) $(PROBE_BUILD)/route_table_probe.o
	@mkdir -p $(@D)
	$(CC) $(GATEWAY_CFLAGS) -Itests/unit -Wno-unused-function -o $@ $< $(PURE_OBJECTS) -Wl,--unresolved-symbols=ignore-all $(PROBE_BUILD)/route_table_probe.o $(GATEWAY_LIBS)

-include $(wildcard $(PROBE_BUILD)/*.d)
