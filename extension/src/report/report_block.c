/*
 * report_block.c
 *		Blocks of packed persons (pure/board.h) as SQL keeps them: one person written, persons of a
 *		block replaced, a block cut, a block laid open for the sweep and the check.
 *
 * Tables are read and written by extension/sql/report_keep.sql; nothing here takes a lock.
 */
#include "report/report.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_report_record);
PG_FUNCTION_INFO_V1(crm_report_put);
PG_FUNCTION_INFO_V1(crm_report_take);
PG_FUNCTION_INFO_V1(crm_report_heads);
PG_FUNCTION_INFO_V1(crm_report_visits);

void
crm_report_require_sound(const CrmBoardWalk *walk)
{
	if (walk->is_damaged)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("kept figures of persons are damaged"),
						errhint("Run crm.report_rebuild() to keep them anew.")));
}

/* The elements of an array without nulls, and their number; elements is a pointer to a pointer. */
int
crm_report_array(ArrayType *array, void *elements)
{
	if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("an array of one dimension without nulls was expected")));
	*(void **) elements = ARR_DATA_PTR(array);
	return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

/* The argument as such an array; null is none. */
static int
array_argument(FunctionCallInfo fcinfo, int no, void *elements)
{
	*(void **) elements = NULL;
	return PG_ARGISNULL(no) ? 0 : crm_report_array(PG_GETARG_ARRAYTYPE_P(no), elements);
}

bool
crm_report_is_among(int64 person, const int64 *persons, int n)
{
	int			low = 0;
	int			high = n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (persons[middle] < person)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && persons[low] == person;
}

static uint8
small_argument(FunctionCallInfo fcinfo, int no, int most)
{
	int			value = PG_ARGISNULL(no) ? 0 : PG_GETARG_INT32(no);

	if (value < 0 || value > most)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("a tier or score of %d cannot be kept", value)));
	return value;
}

/* A change of tier as it comes, with the id that orders those of a day. */
typedef struct Change
{
	CrmBoardChange change;
	int64		id;
} Change;

static int
compare_changes(const void *a, const void *b)
{
	const Change *x = a;
	const Change *y = b;

	if (x->change.day != y->change.day)
		return x->change.day < y->change.day ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static int
compare_visits(const void *a, const void *b)
{
	const CrmBoardVisit *x = a;
	const CrmBoardVisit *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return (x->store > y->store) - (x->store < y->store);
}

/* The changes of arguments first (days), first + 1 (tiers before), first + 2 (ids), in order. */
static CrmBoardChange *
read_changes(FunctionCallInfo fcinfo, int first, int *n)
{
	int32	   *days;
	int32	   *tiers;
	int64	   *ids;
	Change	   *sorted;
	CrmBoardChange *changes;

	*n = array_argument(fcinfo, first, &days);
	if (array_argument(fcinfo, first + 1, &tiers) != *n || array_argument(fcinfo, first + 2, &ids) != *n)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a person's changes of tier do not fit together")));
	sorted = palloc(Max(*n, 1) * sizeof(Change));
	changes = palloc(Max(*n, 1) * sizeof(CrmBoardChange));
	for (int i = 0; i < *n; i++)
		sorted[i] = (Change) {{days[i], tiers[i]}, ids[i]};
	qsort(sorted, *n, sizeof(Change), compare_changes);
	for (int i = 0; i < *n; i++)
		changes[i] = sorted[i].change;
	return changes;
}

/* The visits of arguments first (days), first + 1 (stores), first + 2 (minor units): in order, each day and store once. */
static CrmBoardVisit *
read_visits(FunctionCallInfo fcinfo, int first, int *n)
{
	int32	   *days;
	int32	   *stores;
	int64	   *minors;
	int			given = array_argument(fcinfo, first, &days);
	CrmBoardVisit *visits = palloc(Max(given, 1) * sizeof(CrmBoardVisit));

	if (array_argument(fcinfo, first + 1, &stores) != given || array_argument(fcinfo, first + 2, &minors) != given)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a person's visits do not fit together")));
	for (int i = 0; i < given; i++)
		visits[i] = (CrmBoardVisit) {days[i], stores[i], minors[i]};
	qsort(visits, given, sizeof(CrmBoardVisit), compare_visits);
	*n = 0;
	for (int i = 0; i < given; i++)
	{
		if (*n > 0 && compare_visits(&visits[*n - 1], &visits[i]) == 0)
		{
			if (pg_add_s64_overflow(visits[*n - 1].net_minor, visits[i].net_minor, &visits[*n - 1].net_minor))
				ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("what was bought in a day adds up to more than can be counted")));
			continue;
		}
		/* what was taken back whole is no visit */
		if (*n > 0 && visits[*n - 1].net_minor == 0)
			(*n)--;
		visits[(*n)++] = visits[i];
	}
	if (*n > 0 && visits[*n - 1].net_minor == 0)
		(*n)--;
	return visits;
}

/*
 * crm._report_record(person, is_active, registered_on, tier, tier_since, r, f, net_minor, scope, change_days,
 * change_tiers, change_ids, days, stores, minors): the record of a person.
 */
Datum
crm_report_record(PG_FUNCTION_ARGS)
{
	CrmBoardHead head = {0};
	int32	   *scope;
	int			n_scope = array_argument(fcinfo, 8, &scope);
	int			n_changes;
	CrmBoardChange *changes = read_changes(fcinfo, 9, &n_changes);
	int			n_visits;
	CrmBoardVisit *visits = read_visits(fcinfo, 12, &n_visits);
	bytea	   *record;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a person has an id and a day of registering")));
	if (!PG_GETARG_BOOL(1) && n_visits == 0)
		PG_RETURN_NULL();
	head.person = PG_GETARG_INT64(0);
	head.flags = PG_GETARG_BOOL(1) ? CRM_BOARD_ACTIVE : 0;
	head.registered_on = PG_GETARG_INT32(2);
	head.tier = small_argument(fcinfo, 3, CRM_BOARD_MAX_TIERS - 1);
	head.tier_since = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4);
	head.r = small_argument(fcinfo, 5, CRM_BOARD_MAX_SCORE);
	head.f = small_argument(fcinfo, 6, CRM_BOARD_MAX_SCORE);
	head.net_minor = PG_ARGISNULL(7) ? 0 : PG_GETARG_INT64(7);
	record = palloc(VARHDRSZ + crm_board_room(n_scope, n_changes, n_visits));
	SET_VARSIZE(record, VARHDRSZ + crm_board_write((uint8_t *) VARDATA(record), head, scope, n_scope, changes, n_changes, visits, n_visits));
	PG_RETURN_BYTEA_P(record);
}

/* crm._report_put(persons, gone, fresh): the block with persons replaced, in pieces. */
Datum
crm_report_put(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *kept = PG_GETARG_BYTEA_PP(0);
	bytea	   *fresh = PG_GETARG_BYTEA_PP(2);
	Size		room = VARSIZE_ANY_EXHDR(kept) + VARSIZE_ANY_EXHDR(fresh);
	uint8_t    *merged = palloc(room + 1);
	int64	   *gone;
	int			n_gone = crm_report_array(PG_GETARG_ARRAYTYPE_P(1), &gone);
	int64		length;
	int64		last_kept = PG_INT64_MIN;
	int64		first_fresh = PG_INT64_MAX;
	CrmBoardWalk walk;
	int64		used = 0;
	int			piece_no = 0;

	InitMaterializedSRF(fcinfo, 0);
	length = crm_board_merge((uint8_t *) VARDATA_ANY(kept), VARSIZE_ANY_EXHDR(kept), gone, n_gone,
							 (uint8_t *) VARDATA_ANY(fresh), VARSIZE_ANY_EXHDR(fresh), merged);
	crm_board_begin(&walk, (uint8_t *) VARDATA_ANY(kept), VARSIZE_ANY_EXHDR(kept));
	while (crm_board_next(&walk))
		last_kept = walk.head.person;
	walk.is_damaged |= length < 0;
	crm_report_require_sound(&walk);
	crm_board_begin(&walk, (uint8_t *) VARDATA_ANY(fresh), VARSIZE_ANY_EXHDR(fresh));
	if (crm_board_next(&walk))
		first_fresh = walk.head.person;
	do
	{
		size_t		piece = crm_board_cut(merged + used, length - used, first_fresh > last_kept);
		Datum		values[3] = {Int32GetDatum(++piece_no)};
		bool		nulls[3] = {false};
		bytea	   *bytes = palloc(VARHDRSZ + piece);

		CHECK_FOR_INTERRUPTS();
		crm_board_begin(&walk, merged + used, piece);
		nulls[1] = !crm_board_next(&walk);
		values[1] = Int64GetDatum(walk.head.person);
		SET_VARSIZE(bytes, VARHDRSZ + piece);
		memcpy(VARDATA(bytes), merged + used, piece);
		values[2] = PointerGetDatum(bytes);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		used += piece;
	} while (used < length);
	return (Datum) 0;
}

/* crm._report_take(persons, wanted): the records of some persons (ascending) as a block. */
Datum
crm_report_take(PG_FUNCTION_ARGS)
{
	bytea	   *persons = PG_GETARG_BYTEA_PP(0);
	int64	   *wanted;
	int			n_wanted = crm_report_array(PG_GETARG_ARRAYTYPE_P(1), &wanted);
	bytea	   *taken = palloc(VARHDRSZ + VARSIZE_ANY_EXHDR(persons));
	Size		used = VARHDRSZ;
	CrmBoardWalk walk;

	crm_board_begin(&walk, (uint8_t *) VARDATA_ANY(persons), VARSIZE_ANY_EXHDR(persons));
	while (crm_board_next(&walk))
	{
		if (!crm_report_is_among(walk.head.person, wanted, n_wanted))
			continue;
		memcpy((char *) taken + used, walk.record, walk.head.length);
		used += walk.head.length;
	}
	crm_report_require_sound(&walk);
	SET_VARSIZE(taken, used);
	PG_RETURN_BYTEA_P(taken);
}

/* The scope of a person as an array. */
static Datum
scope_array(CrmBoardWalk *person)
{
	CrmBoardScope scope;
	Datum	   *stores;
	int			n = 0;

	crm_board_scope_begin(&scope, person);
	stores = palloc((Min(scope.left, person->head.length) + 1) * sizeof(Datum));
	while (crm_board_scope_next(&scope, person))
		stores[n++] = Int32GetDatum(scope.store);
	return PointerGetDatum(construct_array(stores, n, INT4OID, 4, true, TYPALIGN_INT));
}

/* crm._report_heads(persons): what is kept of each person, visits and changes apart. */
Datum
crm_report_heads(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *persons = PG_GETARG_BYTEA_PP(0);
	CrmBoardWalk walk;

	InitMaterializedSRF(fcinfo, 0);
	crm_board_begin(&walk, (uint8_t *) VARDATA_ANY(persons), VARSIZE_ANY_EXHDR(persons));
	while (crm_board_next(&walk))
	{
		Datum		values[9];
		bool		nulls[9] = {false};

		values[0] = Int64GetDatum(walk.head.person);
		values[1] = BoolGetDatum((walk.head.flags & CRM_BOARD_ACTIVE) != 0);
		values[2] = Int32GetDatum(walk.head.registered_on);
		values[3] = Int32GetDatum(walk.head.tier);
		values[4] = Int32GetDatum(walk.head.tier_since);
		values[5] = Int32GetDatum(walk.head.r);
		values[6] = Int32GetDatum(walk.head.f);
		values[7] = Int64GetDatum(walk.head.net_minor);
		values[8] = scope_array(&walk);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	crm_report_require_sound(&walk);
	return (Datum) 0;
}

/* crm._report_visits(persons): each person's visits. */
Datum
crm_report_visits(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *persons = PG_GETARG_BYTEA_PP(0);
	CrmBoardWalk walk;

	InitMaterializedSRF(fcinfo, 0);
	crm_board_begin(&walk, (uint8_t *) VARDATA_ANY(persons), VARSIZE_ANY_EXHDR(persons));
	while (crm_board_next(&walk))
	{
		CrmBoardVisits visits = crm_board_visits(&walk);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < visits.n; i++)
		{
			CrmBoardVisit visit = crm_board_visit(&visits, i);
			Datum		values[4];
			bool		nulls[4] = {false};

			values[0] = Int64GetDatum(walk.head.person);
			values[1] = Int32GetDatum(visit.day);
			values[2] = Int32GetDatum(visit.store);
			values[3] = Int64GetDatum(visit.net_minor);
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	}
	crm_report_require_sound(&walk);
	return (Datum) 0;
}
