/*
 * ingest_pull.c
 *		Rows of any SQL relation as JSON texts, read with the rights of whoever set the pull up.
 *
 * The relation may be a view or a foreign table full of someone else's functions, so it is read
 * as that role, in a restricted operation: no SET ROLE, no temporary objects, settings undone.
 * On an error the transaction's end gives the caller's identity back.
 */
#include "ingest/ingest.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(crm_ingest_pull_read);

/* Rows behind a moment in their order; rows of one moment are never cut apart. */
static char *
pull_statement(const char *relation, const char *column, bool has_zone, int row_limit)
{
	const char *quoted = quote_identifier(column);

	return psprintf(
		"SELECT pg_catalog.row_to_json(t)::pg_catalog.text, %s FROM %s t WHERE t.%s > %s"
		" ORDER BY t.%s FETCH FIRST %d ROWS WITH TIES",
		has_zone ? psprintf("t.%s", quoted) : psprintf("t.%s AT TIME ZONE $2", quoted), relation,
		quoted, has_zone ? "$1" : "$1 AT TIME ZONE $2", quoted, row_limit);
}

/*
 * crm._ingest_pull_read(schema_name, relation_name, watermark_column, has_zone, zone, since, run_as, row_limit)
 * returns table (line text, at timestamptz)
 */
Datum
crm_ingest_pull_read(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {TIMESTAMPTZOID, TEXTOID};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *relation = quote_qualified_identifier(NameStr(*PG_GETARG_NAME(0)),
													  NameStr(*PG_GETARG_NAME(1)));
	Datum		values[2] = {PG_GETARG_DATUM(5), PG_GETARG_DATUM(4)};
	Oid			role = get_role_oid(NameStr(*PG_GETARG_NAME(6)), false);
	char	   *sql = pull_statement(relation, NameStr(*PG_GETARG_NAME(2)), PG_GETARG_BOOL(3),
									 PG_GETARG_INT32(7));
	Oid			caller;
	int			context;
	int			nest_level;

	InitMaterializedSRF(fcinfo, 0);
	GetUserIdAndSecContext(&caller, &context);
	nest_level = NewGUCNestLevel();
	SetUserIdAndSecContext(role,
						   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	crm_core_spi_connect();
	crm_core_spi_query(sql, 2, types, values, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		row[2];
		bool		nulls[2];

		for (int c = 0; c < 2; c++)
			row[c] = crm_core_spi_value(i, c + 1, &nulls[c]);
		tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
	}
	SPI_finish();
	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(caller, context);
	return (Datum) 0;
}
