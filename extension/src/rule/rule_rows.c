/*
 * rule_rows.c
 *		Rows of many given persons, by the key of a table.
 *
 * A scan of an index for each of thousands of keys descends for each, and tidies each page that it reads up; here the
 * index is walked along (core_table.h).  Where a table may not be read so, or has no such index, a statement reads it.
 */
#include "rule/rule.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "core/compat.h"
#include "core/core_table.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(crm_rule_rows);

/* A row from before a column was added has none of it: the table's description says what stands there, which the receiver does not have. */
static void
put_row(Tuplestorestate *rows, HeapTuple row, TupleDesc shape)
{
	HeapTuple	whole;

	if (HeapTupleHeaderGetNatts(row->t_data) >= shape->natts)
	{
		tuplestore_puttuple(rows, row);
		return;
	}
	whole = heap_expand_tuple(row, shape);
	tuplestore_puttuple(rows, whole);
	heap_freetuple(whole);
}

static void
walk_rows(const CrmTable *table, const char *key, const int64 *keys, int n, Tuplestorestate *rows)
{
	CrmWalk		walk;

	crm_core_walk_begin(&walk, table, key, false);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!crm_core_walk_find(&walk, keys[i]))
			continue;
		while (crm_core_walk_row(&walk))
			put_row(rows, &walk.tuple, RelationGetDescr(table->relation));
	}
	crm_core_walk_end(&walk);
}

static void
ask_statement(Relation relation, const char *key, Datum keys, Tuplestorestate *rows)
{
	Oid			type = INT8ARRAYOID;
	const char *name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation));
	/* the row, be there a column called x */
	char	   *statement = psprintf("SELECT (x.*)::%s FROM %s x WHERE x.%s = ANY ($1)", name, name, quote_identifier(key));

	crm_core_spi_connect();
	crm_core_spi_query(statement, 1, &type, &keys, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		is_null;
		HeapTupleHeader header = DatumGetHeapTupleHeader(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null));
		HeapTupleData row = {.t_len = HeapTupleHeaderGetDatumLength(header),.t_data = header};

		tuplestore_puttuple(rows, &row);
	}
	SPI_finish();
}

static bool
is_walked(Relation relation, const char *key)
{
	return crm_core_table_is_heap(relation, ACL_SELECT) && !crm_compat_has_generated(RelationGetDescr(relation)) &&
		get_atttype(RelationGetRelid(relation), get_attnum(RelationGetRelid(relation), key)) == INT8OID &&
		OidIsValid(crm_core_walk_index(relation, 1, &key));
}

/* crm._rule_rows(null of the table's row type, key, keys): the rows whose key, a bigint, is one of these, by ascending keys. */
Datum
crm_rule_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			id = typeidTypeRelid(get_fn_expr_argtype(fcinfo->flinfo, 0));
	CrmTable	table = {0};
	const char *key;
	int64	   *keys;
	int			n;

	if (!OidIsValid(id))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("rows are those of a table")));
	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return (Datum) 0;
	key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	table.relation = table_open(id, AccessShareLock);
	table.snapshot = GetActiveSnapshot();
	keys = crm_core_walk_keys(PG_GETARG_ARRAYTYPE_P(2), &n);
	if (is_walked(table.relation, key))
		walk_rows(&table, key, keys, n, result->setResult);
	else
		ask_statement(table.relation, key, PG_GETARG_DATUM(2), result->setResult);
	table_close(table.relation, NoLock);
	return (Datum) 0;
}
