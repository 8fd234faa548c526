/*
 * report_tally.c
 *		Questions over blocks of packed persons: crm._report_tally() adds everybody up to cells,
 *		crm._report_pick() lists the persons of some cells.  Both ask the one definition of
 *		pure/board_ask.c, so a number and its persons agree.
 *
 * The aggregate's state is the array of cells; it is grown once and added to in place, as the
 * executor allows an aggregate's own step.
 */
#include "report/report.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_report_tally_step);
PG_FUNCTION_INFO_V1(crm_report_tally_merge);
PG_FUNCTION_INFO_V1(crm_report_moved);
PG_FUNCTION_INFO_V1(crm_report_pick);

/* A question as it was last read, with what it was read from. */
typedef struct Asked
{
	CrmBoardQuestion question;
	int64		cells;
	ArrayType  *stores;			/* as they came; null: the chain */
	ArrayType  *marks;
} Asked;

static int
compare_stores(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return (x > y) - (x < y);
}

static bool
is_same_array(const ArrayType *a, const ArrayType *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static ArrayType *
keep_array(ArrayType *array, MemoryContext context)
{
	return array == NULL ? NULL : memcpy(MemoryContextAlloc(context, VARSIZE(array)), array, VARSIZE(array));
}

/* Most stores have small ids: a table finds them at once. */
static void
make_near_places(CrmBoardQuestion *question, MemoryContext context)
{
	uint16	   *places;

	if (question->stores == NULL || question->n_stores >= CRM_BOARD_NEAR_STORES)
		return;
	places = MemoryContextAllocZero(context, CRM_BOARD_NEAR_STORES * sizeof(uint16));
	for (int i = 0; i < question->n_stores; i++)
		if (question->stores[i] >= 0 && question->stores[i] < CRM_BOARD_NEAR_STORES)
			places[question->stores[i]] = i + 1;
	question->near_places = places;
}

/* The stores asked for, ascending, each once. */
static void
read_stores(CrmBoardQuestion *question, ArrayType *stores, MemoryContext context)
{
	int32	   *given;
	int			n;
	int32	   *sorted;
	int			kept = 0;

	if (stores == NULL)
		return;
	n = crm_report_array(stores, &given);
	sorted = MemoryContextAlloc(context, Max(n, 1) * sizeof(int32));
	memcpy(sorted, given, n * sizeof(int32));
	qsort(sorted, n, sizeof(int32), compare_stores);
	for (int i = 0; i < n; i++)
	{
		if (kept == 0 || sorted[kept - 1] != sorted[i])
			sorted[kept++] = sorted[i];
		question->store_bits |= UINT64CONST(1) << (sorted[i] & 63);
	}
	question->stores = sorted;
	question->n_stores = kept;
	question->scratch = MemoryContextAllocZero(context, Max(kept, 1) * 2 * sizeof(int32));
}

/* The stores of groups: store, its group (from 0 on), the next store, its group ...; each store once. */
static void
read_groups(CrmBoardQuestion *question, ArrayType *pairs, MemoryContext context)
{
	int32	   *given;
	int			n = pairs == NULL ? 0 : crm_report_array(pairs, &given);
	int32	   *sorted;
	int32	   *groups;

	if (n == 0 || n % 2 != 0)
		return;
	sorted = MemoryContextAlloc(context, n * sizeof(int32));
	memcpy(sorted, given, n * sizeof(int32));
	qsort(sorted, n / 2, 2 * sizeof(int32), compare_stores);
	groups = MemoryContextAlloc(context, n / 2 * sizeof(int32));
	for (int i = 0; i < n / 2; i++)
	{
		/* a group has a store at least, so there are no more of them */
		if (sorted[2 * i + 1] < 0 || sorted[2 * i + 1] >= n / 2 || (i > 0 && sorted[2 * i] == sorted[i - 1]))
			return;
		groups[i] = sorted[2 * i + 1];
		question->n_groups = Max(question->n_groups, groups[i] + 1);
		sorted[i] = sorted[2 * i];
		question->store_bits |= UINT64CONST(1) << (sorted[i] & 63);
	}
	question->stores = sorted;
	question->n_stores = n / 2;
	question->groups = groups;
}

/* The question of a call, whose arguments from first on are kind, stores, marks, tiers. */
static Asked *
read_question(FunctionCallInfo fcinfo, int first)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	Asked	   *asked = fcinfo->flinfo->fn_extra;
	ArrayType  *stores = PG_ARGISNULL(first + 1) ? NULL : PG_GETARG_ARRAYTYPE_P(first + 1);
	ArrayType  *marks = PG_ARGISNULL(first + 2) ? NULL : PG_GETARG_ARRAYTYPE_P(first + 2);
	CrmBoardQuestion question = {.kind = PG_ARGISNULL(first) ? 0 : PG_GETARG_INT32(first),
	.tiers = PG_ARGISNULL(first + 3) ? 0 : PG_GETARG_INT32(first + 3)};

	if (asked != NULL && asked->question.kind == question.kind && asked->question.tiers == question.tiers &&
		is_same_array(asked->stores, stores) && is_same_array(asked->marks, marks))
		return asked;
	asked = MemoryContextAllocZero(context, sizeof(Asked));
	asked->stores = keep_array(stores, context);
	asked->marks = keep_array(marks, context);
	if (question.kind == CRM_BOARD_GROUPS)
		read_groups(&question, asked->stores, context);
	else
		read_stores(&question, asked->stores, context);
	make_near_places(&question, context);
	if (asked->marks != NULL)
		question.n_marks = crm_report_array(asked->marks, &question.marks);
	asked->cells = crm_board_cells(&question);
	if (asked->cells < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the figures cannot be counted"),
						errdetail("Days are out of order, or there are more than %d periods, %d tiers or too many stores.",
								  CRM_BOARD_MAX_PERIODS, CRM_BOARD_MAX_TIERS)));
	asked->question = question;
	fcinfo->flinfo->fn_extra = asked;
	return asked;
}

static ArrayType *
empty_cells(int64 n)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + n * sizeof(int64);
	ArrayType  *cells = palloc0(size);

	SET_VARSIZE(cells, size);
	cells->ndim = 1;
	cells->elemtype = INT8OID;
	ARR_DIMS(cells)[0] = n;
	ARR_LBOUND(cells)[0] = 1;
	return cells;
}

static int
skipped_persons(FunctionCallInfo fcinfo, int no, int64 **persons)
{
	*persons = NULL;
	return PG_ARGISNULL(no) ? 0 : crm_report_array(PG_GETARG_ARRAYTYPE_P(no), persons);
}

/* Step of crm._report_tally(persons, skip, kind, stores, marks, tiers). */
Datum
crm_report_tally_step(PG_FUNCTION_ARGS)
{
	Asked	   *asked;
	ArrayType  *state;
	CrmBoardCells cells = {0};
	CrmBoardWalk walk;
	bytea	   *persons;
	int64	   *skip;
	int			n_skip;

	/* what is in a state is trusted: only an aggregate can have made it */
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a step of an aggregate was called by itself")));
	asked = read_question(fcinfo, 3);
	state = PG_ARGISNULL(0) ? empty_cells(asked->cells) : PG_GETARG_ARRAYTYPE_P(0);
	if (PG_ARGISNULL(1))
		PG_RETURN_ARRAYTYPE_P(state);
	if (crm_report_array(state, &cells.sums) != asked->cells)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("one walk answers one question")));
	persons = PG_GETARG_BYTEA_PP(1);
	n_skip = skipped_persons(fcinfo, 2, &skip);
	crm_board_begin(&walk, (uint8_t *) VARDATA_ANY(persons), VARSIZE_ANY_EXHDR(persons));
	while (crm_board_next(&walk))
		if (n_skip == 0 || !crm_report_is_among(walk.head.person, skip, n_skip))
			crm_board_ask(&asked->question, &walk, &cells);
	crm_report_require_sound(&walk);
	if (cells.is_overflowing)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("amounts add up to more than can be counted")));
	PG_RETURN_ARRAYTYPE_P(state);
}

/* Two partial states as one. */
Datum
crm_report_tally_merge(PG_FUNCTION_ARGS)
{
	ArrayType  *state;
	int64	   *sums;
	int64	   *more;
	int			n;

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a step of an aggregate was called by itself")));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(PG_ARGISNULL(0) ? 1 : 0));
	}
	state = PG_GETARG_ARRAYTYPE_P(0);
	n = crm_report_array(state, &sums);
	if (crm_report_array(PG_GETARG_ARRAYTYPE_P(1), &more) != n)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("one walk answers one question")));
	for (int i = 0; i < n; i++)
		if (pg_add_s64_overflow(sums[i], more[i], &sums[i]))
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("amounts add up to more than can be counted")));
	PG_RETURN_ARRAYTYPE_P(state);
}

/* crm._report_moved(cells, added, removed): kept cells after persons were written anew. */
Datum
crm_report_moved(PG_FUNCTION_ARGS)
{
	ArrayType  *cells = PG_GETARG_ARRAYTYPE_P_COPY(0);
	int64	   *sums;
	int64	   *added;
	int64	   *removed;
	int			n = crm_report_array(cells, &sums);

	if (crm_report_array(PG_GETARG_ARRAYTYPE_P(1), &added) != n || crm_report_array(PG_GETARG_ARRAYTYPE_P(2), &removed) != n)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("one walk answers one question")));
	for (int i = 0; i < n; i++)
		if (pg_sub_s64_overflow(sums[i], removed[i], &sums[i]) || pg_add_s64_overflow(sums[i], added[i], &sums[i]))
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("amounts add up to more than can be counted")));
	PG_RETURN_ARRAYTYPE_P(cells);
}

/* crm._report_pick(persons, skip, kind, stores, marks, tiers, cells, after): persons behind an id who add to any of some cells. */
Datum
crm_report_pick(PG_FUNCTION_ARGS)
{
	Asked	   *asked = read_question(fcinfo, 2);
	bytea	   *persons;
	int64		after;
	int64	   *skip;
	int			n_skip = skipped_persons(fcinfo, 1, &skip);
	CrmBoardWalk walk;
	CrmBoardCells cells = {0};
	int64	   *wanted;
	Datum	   *found;
	int			n_found = 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(6) || PG_ARGISNULL(7))
		PG_RETURN_NULL();
	persons = PG_GETARG_BYTEA_PP(0);
	cells.n_wanted = crm_report_array(PG_GETARG_ARRAYTYPE_P(6), &wanted);
	cells.wanted = wanted;
	after = PG_GETARG_INT64(7);
	found = palloc((VARSIZE_ANY_EXHDR(persons) / sizeof(CrmBoardHead) + 1) * sizeof(Datum));
	crm_board_begin(&walk, (uint8_t *) VARDATA_ANY(persons), VARSIZE_ANY_EXHDR(persons));
	while (crm_board_next(&walk))
	{
		if (walk.head.person <= after || crm_report_is_among(walk.head.person, skip, n_skip))
			continue;
		cells.is_met = false;
		crm_board_ask(&asked->question, &walk, &cells);
		if (cells.is_met)
			found[n_found++] = Int64GetDatum(walk.head.person);
	}
	crm_report_require_sound(&walk);
	PG_RETURN_ARRAYTYPE_P(construct_array(found, n_found, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
