# crm: a PostgreSQL extension and its gateway.  `make help` lists what can be asked.
#
# Everything is built and tried against a private copy of the server under build/pg, so
# neither the system's clusters nor its extension directory are touched.  To install for
# real: make && sudo make install PG_CONFIG=/path/to/pg_config (see README.md).

EXTENSION   = extension/crm
CRM_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/crm.control)
MODULE_big  = crm
override with_llvm = no
OBJS        = $(patsubst %.c,%.o,$(sort $(wildcard extension/src/*.c extension/src/*/*.c)))
PG_CPPFLAGS = -Iextension/src -DCRM_VERSION='"$(CRM_VERSION)"'
PG_CFLAGS   = -Wextra -Werror=implicit-function-declaration -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -MMD -MP $(CRM_CFLAGS)
SHLIB_LINK  = -lcrypto

SQL_PARTS    := $(patsubst %,extension/sql/%.sql,$(shell sed 's/\#.*//' extension/sql/MANIFEST))
SCHEMA_PARTS := $(sort $(wildcard extension/schema/*.sql))
INSTALL_SQL  := extension/crm--$(CRM_VERSION).sql
DATA          = $(wildcard extension/upgrade/*.sql)
DATA_built    = $(INSTALL_SQL)

# pg_regress: one pair a room, in the order the rooms rest on each other.
REGRESS        := $(shell sed 's/\#.*//' tests/regress.list)
REGRESS_OPTS    = --load-extension=crm --outputdir=build/regress
REGRESS_PREP    = build/dirs
ISOLATION       = $(sort $(patsubst tests/isolation/specs/%.spec,%,$(wildcard tests/isolation/specs/*.spec)))
ISOLATION_OPTS  = --inputdir=tests/isolation --outputdir=build/isolation --load-extension=crm
PROVE_TESTS     = tests/tap/*.pl
EXTRA_CLEAN     = $(OBJS:.o=.d) build tmp_check extension/sender/*.o extension/sender/*.d

PG_CONFIG ?= pg_config
# what installs the packages itself may come before there is one
PGXS := $(shell $(PG_CONFIG) --pgxs $(if $(filter help deps run test stop,$(MAKECMDGOALS)),2>/dev/null))
include $(PGXS)
-include $(OBJS:.o=.d)

$(INSTALL_SQL): $(SQL_PARTS) $(SCHEMA_PARTS) extension/sql/MANIFEST extension/crm.control tests/bin/build-sql
	tests/bin/build-sql > $@.tmp && mv $@.tmp $@

.PHONY: build/dirs check-tap help deps run stop test lint bench
build/dirs: ; @mkdir -p build/regress build/isolation
check-tap: ; $(prove_installcheck)

include extension/sender/sender.mk
-include fcgi/fcgi.mk tests/tests.mk

help:
	@sed -n 's/^## //p' Makefile tests/tests.mk fcgi/fcgi.mk 2>/dev/null
## make                 build crm.so, crm_sender.so and the install script
## make install         install them into the server named by PG_CONFIG
## make installcheck    contracts (pg_regress) and races (isolation) on a running server
