/*
 * core_version.c
 *		Which release the loaded library is, and whether the installed tables fit the code.
 *		A server that preloads crm goes on with the library it started with, whatever was
 *		installed since.
 *
 * Each call into the product asks crm._require_schema(), so the answer "they fit" is kept in the
 * session.  It is forgotten when functions of the database change (another release replaces them)
 * and when the list of migrations changes its shape or goes (crm.uninstall()).  "They do not fit"
 * is never kept.  Takes no lock.
 */
#include "core/core.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(crm_core_library_version);
PG_FUNCTION_INFO_V1(crm_core_require_schema);

static bool fits = false;
static uint64 changes = 0;		/* how often functions or the list changed, as far as this session heard */
static Oid	list_of_migrations = InvalidOid;

static CrmStatement compare_statement = {
	.name = "core.compare_schema",
	.sql = "SELECT crm._compare_schema(), pg_catalog.to_regclass('crm.migration')::pg_catalog.oid",
};

Datum
crm_core_library_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(CRM_VERSION));
}

static void
forget(void)
{
	fits = false;
	changes++;
}

static void
on_functions(Datum arg, int cache, uint32 hash)
{
	forget();
}

static void
on_relation(Datum arg, Oid relation)
{
	if (relation == InvalidOid || relation == list_of_migrations)
		forget();
}

static void
listen(void)
{
	static bool listens = false;

	if (listens)
		return;
	CacheRegisterSyscacheCallback(PROCOID, on_functions, (Datum) 0);
	CacheRegisterRelcacheCallback(on_relation, (Datum) 0);
	listens = true;
}

/*
 * 55000 in a session that reads backslashes as escapes: texts of functions are read by the settings of whoever calls them, and all
 * of ours are written for the standard.
 */
void
crm_core_require_strings(void)
{
	if (unlikely(!standard_conforming_strings))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("crm does not work with standard_conforming_strings off"),
						errdetail("Its functions would be read otherwise than they were written."),
						errhint("SET standard_conforming_strings = on.")));
}

/* Raises RM001 when they do not fit. */
static void
compare(void)
{
	bool		is_null;

	crm_core_spi_connect();
	crm_core_spi_execute(&compare_statement, NULL, NULL, true, 1);
	CrmEnsure(SPI_processed == 1, "a comparison is one row");
	list_of_migrations = DatumGetObjectId(crm_core_spi_value(0, 2, &is_null));
	SPI_finish();
}

/* RM001 when the tables are of another release than the code, or the library is. */
Datum
crm_core_require_schema(PG_FUNCTION_ARGS)
{
	uint64		before;

	crm_core_require_strings();
	if (fits)
		PG_RETURN_VOID();
	listen();
	before = changes;
	compare();
	/* what this transaction itself wrote may yet be rolled back */
	fits = changes == before && !TransactionIdIsValid(GetTopTransactionIdIfAny());
	PG_RETURN_VOID();
}
