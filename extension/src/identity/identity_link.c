/*
 * identity_link.c
 *		crm.identity_link() and crm._identity_link_run(): the matcher over the rows of any query.
 *
 * The query is run with the caller's rights, read only, and read through a cursor.  The rows
 * of the matcher live in a memory context of the call.
 */
#include "identity/link_edge.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define FETCHED_AT_ONCE 2000
#define MAX_CAP 4096
#define RUN_COLUMNS 10

PG_FUNCTION_INFO_V1(crm_identity_link);
PG_FUNCTION_INFO_V1(crm_identity_link_run);

/* ---------------------------------------------------------------- shared with models */

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

CrmLink *
crm_identity_link_new(void)
{
	CrmLink    *link = palloc0(sizeof(CrmLink));

	link->host = (CrmLinkHost) {host_take, host_drop, host_breathe,
		AllocSetContextCreate(CurrentMemoryContext, "matcher", ALLOCSET_DEFAULT_SIZES)};
	link->seed = 1;
	link->cap = 2;
	link->max_size = 2;
	return link;
}

void
crm_identity_link_free(CrmLink *link)
{
	MemoryContextDelete(link->host.state);
	pfree(link);
}

void
crm_identity_link_limits(CrmLink *link, int64 seed, int cap, int max_size)
{
	if (cap < 2 || cap > MAX_CAP || max_size < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cap must be 2 to %d and a cluster at least 2", MAX_CAP)));
	link->seed = seed;
	link->cap = cap;
	link->max_size = max_size;
}

static CrmLinkKind
kind_of(const char *word)
{
	CrmLinkKind kind;

	if (!crm_link_kind_of(word, &kind))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no kind of field has this name"),
				 errhint("Kinds are given, surname, name, date, phone, email, id, address, postcode, code, text, number, sex and class.")));
	return kind;
}

/* The group of a word behind a slash: the first field that has it. */
static int
group_of(char **groups, int field)
{
	for (int f = 0; groups[field] != NULL && f < field; f++)
		if (groups[f] != NULL && strcmp(groups[f], groups[field]) == 0)
			return f;
	return field;
}

void
crm_identity_link_kinds(CrmLink *link, ArrayType *kinds)
{
	char	   *groups[CRM_LINK_MAX_FIELDS];
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
		char	   *word;

		if (nulls[f])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("kind must not be null")));
		word = TextDatumGetCString(codes[f]);
		groups[f] = strchr(word, '/');
		if (groups[f] != NULL)
			*groups[f]++ = '\0';
		link->fields[f].kind = kind_of(word);
		link->fields[f].group = group_of(groups, f);
	}
}

/* The text of a column; those that are no text go through their output function. */
static const char *
text_of(HeapTuple row, TupleDesc columns, int column, size_t *length)
{
	Oid			type = SPI_gettypeid(columns, column);
	bool		is_null;
	Datum		value;
	char	   *shown;

	if (type == TEXTOID || type == VARCHAROID)
	{
		struct varlena *packed;

		value = SPI_getbinval(row, columns, column, &is_null);
		if (is_null)
			return NULL;
		packed = PG_DETOAST_DATUM_PACKED(value);
		*length = VARSIZE_ANY_EXHDR(packed);
		return VARDATA_ANY(packed);
	}
	shown = SPI_getvalue(row, columns, column);
	*length = shown ? strlen(shown) : 0;
	return shown;
}

static void
take_rows(CrmLink *link)
{
	TupleDesc	columns = SPI_tuptable->tupdesc;

	if (columns->natts != link->n_fields + 1 || SPI_gettypeid(columns, 1) != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("query must return a bigint and one column for each kind")));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		const char *texts[CRM_LINK_MAX_FIELDS];
		size_t		lengths[CRM_LINK_MAX_FIELDS];
		bool		is_null;
		Datum		id = SPI_getbinval(SPI_tuptable->vals[row], columns, 1, &is_null);

		if (is_null)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("number of a row must not be null")));
		for (int f = 0; f < link->n_fields; f++)
			texts[f] = text_of(SPI_tuptable->vals[row], columns, f + 2, &lengths[f]);
		crm_link_row(link, DatumGetInt64(id), texts, lengths);
	}
}

void
crm_identity_link_rows(CrmLink *link, text *query)
{
	Portal		portal;
	MemoryContext rows = AllocSetContextCreate(CurrentMemoryContext, "rows of the matcher",
											   ALLOCSET_DEFAULT_SIZES);

	crm_link_begin(link);
	SPI_connect();
	portal = crm_core_spi_open(text_to_cstring(query));
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
	MemoryContextDelete(rows);
}

/* ---------------------------------------------------------------- clusters */

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
	CrmLink    *link = crm_identity_link_new();

	InitMaterializedSRF(fcinfo, 0);
	crm_identity_link_limits(link, PG_GETARG_INT64(2), PG_GETARG_INT32(3), PG_GETARG_INT32(4));
	crm_identity_link_kinds(link, PG_GETARG_ARRAYTYPE_P(1));
	crm_identity_link_rows(link, PG_GETARG_TEXT_PP(0));
	crm_link_run(link);
	return_clusters((ReturnSetInfo *) fcinfo->resultinfo, link);
	crm_identity_link_free(link);
	return (Datum) 0;
}

/* ---------------------------------------------------------------- all there is to keep */

/* Columns: part, a, b, automatic, odds, score, rule, refused, levels, model. */
static void
put_part(ReturnSetInfo *result, const char *part, const Datum *values, uint32 known)
{
	Datum		all[RUN_COLUMNS];
	bool		nulls[RUN_COLUMNS];

	all[0] = CStringGetTextDatum(part);
	nulls[0] = false;
	for (int i = 1; i < RUN_COLUMNS; i++)
	{
		nulls[i] = (known >> i & 1) == 0;
		all[i] = values[i];
	}
	tuplestore_putvalues(result->setResult, result->setDesc, all, nulls);
	pfree(DatumGetPointer(all[0]));
}

static void
put_clusters(ReturnSetInfo *result, const CrmLink *link)
{
	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		Datum		values[RUN_COLUMNS] = {0, Int64GetDatum(link->ids[row]),
			Int64GetDatum(link->ids[link->cluster[row]]), Int64GetDatum(link->ids[link->cluster_auto[row]])};

		put_part(result, "cluster", values, 0x00e);
	}
}

static Datum
levels_of(const CrmLink *link, uint64 pattern)
{
	Datum		levels[CRM_LINK_MAX_FIELDS];

	for (int f = 0; f < link->n_fields; f++)
		levels[f] = Int16GetDatum(crm_link_pattern_level(pattern, f));
	return PointerGetDatum(construct_array(levels, link->n_fields, INT2OID, 2, true, TYPALIGN_SHORT));
}

static void
put_edges(ReturnSetInfo *result, const CrmLink *link)
{
	static const char *const guards[] = {
		[CRM_LINK_SIZE] = "size", [CRM_LINK_BRIDGE] = "weak_bridge", [CRM_LINK_APART] = "cannot_link"
	};

	for (int64 i = 0; i < link->n_edges; i++)
	{
		const CrmLinkEdge *edge = &link->edges[i];
		bool		is_refused = edge->refused != CRM_LINK_FREE;
		Datum		values[RUN_COLUMNS] = {0, Int64GetDatum(link->ids[edge->a]),
			Int64GetDatum(link->ids[edge->b]), 0, Float4GetDatum((float) (edge->score + link->prior)),
			Float4GetDatum(edge->score), Int32GetDatum(edge->rule),
		is_refused ? CStringGetTextDatum(guards[edge->refused]) : (Datum) 0, levels_of(link, edge->pattern)};

		put_part(result, "edge", values, is_refused ? 0x1f6 : 0x176);
		pfree(DatumGetPointer(values[8]));
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

static void
put_skips(ReturnSetInfo *result, const CrmLink *link)
{
	for (int64 i = 0; i < link->n_skips; i++)
	{
		const CrmLinkSkip *skip = &link->skips[i];
		Datum		values[RUN_COLUMNS] = {0, Int64GetDatum(link->ids[skip->example]),
			Int64GetDatum(skip->rows), 0, 0, 0, Int32GetDatum(skip->rule)};

		put_part(result, "skip", values, 0x046);
	}
}

/* Fields of a key by their numbers, below 0 where they are taken roughly. */
static Datum
fields_of(const CrmLinkRule *rule)
{
	Datum		fields[3];

	for (int i = 0; i < rule->n_parts; i++)
		fields[i] = Int16GetDatum(rule->is_rough[i] ? -1 - rule->field[i] : rule->field[i] + 1);
	return PointerGetDatum(construct_array(fields, rule->n_parts, INT2OID, 2, true, TYPALIGN_SHORT));
}

static void
put_rules(ReturnSetInfo *result, const CrmLink *link)
{
	for (int r = 0; r < link->n_rules; r++)
	{
		const CrmLinkRule *rule = &link->rules[r];
		Datum		values[RUN_COLUMNS] = {0, Int64GetDatum(rule->pairs), Int64GetDatum(rule->skipped_blocks), 0, 0, 0,
		Int32GetDatum(r), rule->is_left_out ? CStringGetTextDatum("poor") : (Datum) 0, fields_of(rule)};

		put_part(result, "key", values, rule->is_left_out ? 0x1c6 : 0x146);
	}
}

/* _identity_link_run(query text, kinds text[], model bytea, seed bigint, cap int, max_size int) */
Datum
crm_identity_link_run(PG_FUNCTION_ARGS)
{
	CrmLink    *link = crm_identity_link_new();
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		model[RUN_COLUMNS] = {0};

	if (PG_ARGISNULL(0) || (PG_ARGISNULL(1) && PG_ARGISNULL(2)) || PG_ARGISNULL(3) || PG_ARGISNULL(4) ||
		PG_ARGISNULL(5))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query, seed, cap, size, and one of kinds and model must not be null")));
	InitMaterializedSRF(fcinfo, 0);
	crm_identity_link_limits(link, PG_GETARG_INT64(3), PG_GETARG_INT32(4), PG_GETARG_INT32(5));
	if (!PG_ARGISNULL(2))
		crm_identity_link_model(link, PG_GETARG_BYTEA_P(2));
	else
		crm_identity_link_kinds(link, PG_GETARG_ARRAYTYPE_P(1));
	crm_identity_link_rows(link, PG_GETARG_TEXT_PP(0));
	crm_link_run(link);
	put_clusters(result, link);
	put_edges(result, link);
	put_rules(result, link);
	put_skips(result, link);
	model[9] = PointerGetDatum(crm_identity_link_bytes(link));
	put_part(result, "model", model, 0x200);
	crm_identity_link_free(link);
	return (Datum) 0;
}
