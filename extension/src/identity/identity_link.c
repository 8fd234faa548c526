/*
 * identity_link.c
 *		crm.identity_link() and crm._identity_link_run(): the matcher over the rows of any query.
 *
 * The query is run with the caller's rights and read only.
 */
#include "identity/link_edge.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#define RUN_COLUMNS 13
#define ROWS_AT_ONCE 1000

PG_FUNCTION_INFO_V1(crm_identity_link);
PG_FUNCTION_INFO_V1(crm_identity_link_run);

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

/* Rows in the order of their numbers: of two with one number nobody could say which is meant. */
static void
check_numbers(const CrmLink *link)
{
	for (uint32_t row = 1; row < link->n_rows; row++)
		if (link->ids[row] == link->ids[row - 1])
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("number " INT64_FORMAT " comes more than once", link->ids[row]),
					 errhint("Give each row of the query a number of its own.")));
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
	check_numbers(link);
	return_clusters((ReturnSetInfo *) fcinfo->resultinfo, link);
	crm_identity_link_free(link);
	return (Datum) 0;
}

/* ---------------------------------------------------------------- all there is to keep */

/* Columns of a row that tells one thing, and a bit for each. */
enum
{
	PART, A, B, ODDS, SCORE, RULE, REFUSED, LEVELS, TRAINED, RECORDS, CLUSTERS, AUTOMATICS, IS_APART
};

#define KNOWN(column) (1u << (column))
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

static Datum
bigints(const Datum *numbers, uint32_t count)
{
	return PointerGetDatum(construct_array(unconstify(Datum *, numbers), (int) count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Some of numbers, as an array. */
static Datum
numbers_of(const CrmLink *link, const uint32_t *rows, uint32_t first, uint32_t count)
{
	Datum		numbers[ROWS_AT_ONCE];

	for (uint32_t i = 0; i < count; i++)
		numbers[i] = Int64GetDatum(link->ids[rows == NULL ? first + i : rows[first + i]]);
	return bigints(numbers, count);
}

/* Many rows a row, for there are as many as records. */
static void
put_clusters(ReturnSetInfo *result, const CrmLink *link)
{
	for (uint32_t first = 0; first < link->n_rows; first += ROWS_AT_ONCE)
	{
		uint32_t	count = Min(ROWS_AT_ONCE, link->n_rows - first);
		Datum		values[RUN_COLUMNS] = {0};

		values[RECORDS] = numbers_of(link, NULL, first, count);
		values[CLUSTERS] = numbers_of(link, link->cluster, first, count);
		values[AUTOMATICS] = numbers_of(link, link->cluster_auto, first, count);
		put_part(result, "cluster", values, KNOWN(RECORDS) | KNOWN(CLUSTERS) | KNOWN(AUTOMATICS));
		for (int column = RECORDS; column <= AUTOMATICS; column++)
			pfree(DatumGetPointer(values[column]));
	}
}

static void
put_sizes(ReturnSetInfo *result, const Datum *clusters, const Datum *sizes, uint32_t count)
{
	Datum		values[RUN_COLUMNS] = {[RECORDS] = bigints(sizes, count), [CLUSTERS] = bigints(clusters, count)};

	put_part(result, "size", values, KNOWN(RECORDS) | KNOWN(CLUSTERS));
	pfree(DatumGetPointer(values[RECORDS]));
	pfree(DatumGetPointer(values[CLUSTERS]));
}

/* How many rows each cluster has, so that nobody has to count them again. */
static void
put_all_sizes(ReturnSetInfo *result, const CrmLink *link)
{
	uint32_t   *rows = palloc_extended((link->n_rows + 1) * sizeof(uint32_t), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Datum		clusters[ROWS_AT_ONCE];
	Datum		sizes[ROWS_AT_ONCE];
	uint32_t	n = 0;

	for (uint32_t row = 0; row < link->n_rows; row++)
		rows[link->cluster[row]]++;
	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		if (rows[row] == 0)
			continue;
		clusters[n] = Int64GetDatum(link->ids[row]);
		sizes[n] = Int64GetDatum(rows[row]);
		if (++n == ROWS_AT_ONCE)
		{
			put_sizes(result, clusters, sizes, n);
			n = 0;
		}
	}
	if (n > 0)
		put_sizes(result, clusters, sizes, n);
	pfree(rows);
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
		uint32		known = KNOWN(A) | KNOWN(B) | KNOWN(ODDS) | KNOWN(SCORE) | KNOWN(RULE) | KNOWN(LEVELS) | KNOWN(IS_APART);
		Datum		values[RUN_COLUMNS] = {[A] = Int64GetDatum(link->ids[edge->a]), [B] = Int64GetDatum(link->ids[edge->b]),
			[ODDS] = Float4GetDatum((float) (edge->score + link->prior)), [SCORE] = Float4GetDatum(edge->score),
		[RULE] = Int32GetDatum(edge->rule), [LEVELS] = levels_of(link, edge->pattern),
		[IS_APART] = BoolGetDatum(edge->is_apart)};

		if (edge->refused != CRM_LINK_FREE)
		{
			values[REFUSED] = CStringGetTextDatum(guards[edge->refused]);
			known |= KNOWN(REFUSED);
		}
		put_part(result, "edge", values, known);
		pfree(DatumGetPointer(values[LEVELS]));
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
		Datum		values[RUN_COLUMNS] = {[A] = Int64GetDatum(link->ids[skip->example]), [B] = Int64GetDatum(skip->rows),
		[RULE] = Int32GetDatum(skip->rule)};

		put_part(result, "skip", values, KNOWN(A) | KNOWN(B) | KNOWN(RULE));
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
		Datum		values[RUN_COLUMNS] = {[A] = Int64GetDatum(rule->pairs), [B] = Int64GetDatum(rule->skipped_blocks),
			[RULE] = Int32GetDatum(r), [LEVELS] = fields_of(rule),
		[REFUSED] = rule->is_left_out ? CStringGetTextDatum("poor") : (Datum) 0};

		put_part(result, "key", values,
				 KNOWN(A) | KNOWN(B) | KNOWN(RULE) | KNOWN(LEVELS) | (rule->is_left_out ? KNOWN(REFUSED) : 0));
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
	check_numbers(link);
	put_clusters(result, link);
	put_all_sizes(result, link);
	put_edges(result, link);
	put_rules(result, link);
	put_skips(result, link);
	model[TRAINED] = PointerGetDatum(crm_identity_link_bytes(link));
	put_part(result, "model", model, KNOWN(TRAINED));
	crm_identity_link_free(link);
	return (Datum) 0;
}
