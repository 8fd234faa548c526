/*
 * identity_link.c
 *		crm.identity_link(): the matcher (link.h) over the rows of any query.
 *
 * The query is run with the caller's rights, read only, and read through a cursor.  The rows
 * of the matcher live in a memory context of the call.
 */
#include "identity/identity.h"
#include "identity/link.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define FETCHED_AT_ONCE 2000
#define MAX_CAP 4096

PG_FUNCTION_INFO_V1(crm_identity_link);

static void *
host_take(void *state, size_t bytes)
{
	return MemoryContextAllocHuge(state, Max(bytes, 1));
}

static void
host_drop(void *state, void *bytes)
{
	pfree(bytes);
}

static void
host_breathe(void *state)
{
	CHECK_FOR_INTERRUPTS();
}

static CrmLinkKind
kind_of(const char *code)
{
	static const char *const codes[] = {
		[CRM_LINK_GIVEN] = "given", [CRM_LINK_SURNAME] = "surname", [CRM_LINK_NAME] = "name",
		[CRM_LINK_DATE] = "date", [CRM_LINK_CODE] = "code", [CRM_LINK_EMAIL] = "email",
		[CRM_LINK_TEXT] = "text", [CRM_LINK_CLASS] = "class"
	};

	for (int i = 0; i < lengthof(codes); i++)
		if (strcmp(code, codes[i]) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no kind of field has this name"),
			 errhint("Kinds are given, surname, name, date, code, email, text and class.")));
}

static void
read_kinds(CrmLink *link, ArrayType *kinds)
{
	Datum	   *codes;
	bool	   *nulls;
	int			count;

	deconstruct_array(kinds, TEXTOID, -1, false, TYPALIGN_INT, &codes, &nulls, &count);
	if (count < 1 || count > CRM_LINK_MAX_FIELDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("one to %d fields can be compared", CRM_LINK_MAX_FIELDS)));
	link->n_fields = count;
	for (int f = 0; f < count; f++)
	{
		if (nulls[f])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("kind must not be null")));
		link->fields[f].kind = kind_of(TextDatumGetCString(codes[f]));
		link->fields[f].group = f;
	}
}

static void
take_rows(CrmLink *link)
{
	if (SPI_tuptable->tupdesc->natts != link->n_fields + 1 ||
		SPI_gettypeid(SPI_tuptable->tupdesc, 1) != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("query must return a bigint and one column for each kind")));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		const char *texts[CRM_LINK_MAX_FIELDS];
		size_t		lengths[CRM_LINK_MAX_FIELDS];
		bool		is_null;
		Datum		id = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &is_null);

		if (is_null)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("number of a row must not be null")));
		for (int f = 0; f < link->n_fields; f++)
		{
			texts[f] = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, f + 2);
			lengths[f] = texts[f] ? strlen(texts[f]) : 0;
		}
		crm_link_row(link, DatumGetInt64(id), texts, lengths);
	}
}

static void
read_rows(CrmLink *link, const char *query)
{
	Portal		portal;
	MemoryContext rows = AllocSetContextCreate(CurrentMemoryContext, "rows of the matcher",
											   ALLOCSET_DEFAULT_SIZES);

	SPI_connect();
	portal = crm_core_spi_open(query);
	for (;;)
	{
		MemoryContext old;

		SPI_cursor_fetch(portal, true, FETCHED_AT_ONCE);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(rows);
		take_rows(link);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	SPI_finish();
}

static void
return_clusters(ReturnSetInfo *result, const CrmLink *link)
{
	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		Datum		values[3] = {Int64GetDatum(link->ids[row]),
			Int64GetDatum(link->ids[link->cluster[row]]), Int64GetDatum(link->ids[link->cluster_auto[row]])};
		bool		nulls[3] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* identity_link(query text, kinds text[], seed bigint, cap int, max_size int) */
Datum
crm_identity_link(PG_FUNCTION_ARGS)
{
	CrmLink    *link = palloc0(sizeof(CrmLink));
	int			cap = PG_GETARG_INT32(3);
	int			max_size = PG_GETARG_INT32(4);

	if (cap < 2 || cap > MAX_CAP || max_size < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cap must be 2 to %d and a cluster at least 2", MAX_CAP)));
	InitMaterializedSRF(fcinfo, 0);
	link->host = (CrmLinkHost) {host_take, host_drop, host_breathe,
		AllocSetContextCreate(CurrentMemoryContext, "matcher", ALLOCSET_DEFAULT_SIZES)};
	link->seed = PG_GETARG_INT64(2);
	link->cap = cap;
	link->max_size = max_size;
	read_kinds(link, PG_GETARG_ARRAYTYPE_P(1));
	crm_link_begin(link);
	read_rows(link, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	crm_link_run(link);
	return_clusters((ReturnSetInfo *) fcinfo->resultinfo, link);
	MemoryContextDelete(link->host.state);
	return (Datum) 0;
}
