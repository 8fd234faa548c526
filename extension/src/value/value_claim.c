/*
 * value_claim.c
 *		Persons locked, and their marks read and taken away, for a set that is brought up to date.
 *
 * The person's row of crm.customer is the lock of all their records' histories, and the row of value that of what is
 * written: whoever comes second reads what the first wrote.  Locks are taken in the order of ids, first the persons, then
 * their values.  What is read afterwards is read by a snapshot taken under them.
 *
 * The drain does without: it writes over a row of value only as the snapshot saw it (value_set.c).  So marks stay while
 * their persons are computed, and go by their places: those that came meanwhile stay.
 */
#include "value/value.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/core_table.h"
#include "funcapi.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_value_is_direct);
PG_FUNCTION_INFO_V1(crm_value_claim);
PG_FUNCTION_INFO_V1(crm_value_marks);
PG_FUNCTION_INFO_V1(crm_value_unmark);

/* Causes are few words, but a table may hold any. */
#define MAX_CAUSES 64
/* Whether there is more to do is asked, not how much. */
#define MOST_LEFT 1000

typedef struct Ids
{
	int64	   *ids;
	int			n;
	int			room;
} Ids;

/* The marks of one cause. */
typedef struct Cause
{
	char	   *name;
	Ids			every;			/* whoever has such a mark */
	Ids			own;			/* whose last cause in the alphabet it is */
} Cause;

/* Marks of persons, and where they lie. */
typedef struct Marks
{
	Cause		causes[MAX_CAUSES];
	int			n_causes;
	Ids			persons;		/* of each mark */
	ItemPointerData *places;
	int			room;
} Marks;

/* A table that the set path touches: what it does there, and the columns of the index it walks, if it does. */
typedef struct Touched
{
	const char *name;
	AclMode		wanted;
	int			n_columns;
	const char *columns[3];
} Touched;

static const Touched touched[] = {
	{"customer", ACL_SELECT | ACL_UPDATE, 1, {"customer_id"}},
	{"membership", ACL_SELECT, 3, {"customer_id", "valid_to", "source_record_id"}},
	{"purchase_chunk", ACL_SELECT, 1, {"source_record_id"}},
	{"customer_value", ACL_SELECT | ACL_INSERT | ACL_UPDATE, 1, {"customer_id"}},
	{"value_history", ACL_SELECT | ACL_INSERT | ACL_UPDATE, 1, {"customer_id"}},
	{"value_look", ACL_INSERT},
	{"tier_change", ACL_INSERT},
	{"value_dirty", ACL_SELECT | ACL_DELETE, 1, {"customer_id"}},
};

/* crm._value_is_direct(): whether every table is as crm_core_table_is_plain() wants it, with the index to walk, if it is walked. */
Datum
crm_value_is_direct(PG_FUNCTION_ARGS)
{
	bool		is_direct = true;

	for (int i = 0; i < lengthof(touched) && is_direct; i++)
	{
		Oid			id = crm_core_table_id(touched[i].name);
		Relation	relation = OidIsValid(id) ? table_open(id, AccessShareLock) : NULL;

		is_direct = relation != NULL && crm_core_table_is_plain(relation, touched[i].wanted) &&
			(touched[i].n_columns == 0 || OidIsValid(crm_core_walk_index(relation, touched[i].n_columns, touched[i].columns)));
		if (relation != NULL)
			table_close(relation, AccessShareLock);
	}
	PG_RETURN_BOOL(is_direct);
}

static void
add_id(Ids *ids, int64 id)
{
	if (ids->n == ids->room)
	{
		ids->room = Max(64, ids->room * 2);
		ids->ids = ids->ids == NULL ? palloc(ids->room * sizeof(int64)) : repalloc(ids->ids, ids->room * sizeof(int64));
	}
	ids->ids[ids->n++] = id;
}

Datum
crm_value_id_array(const int64 *ids, int n)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + n * sizeof(int64);
	ArrayType  *array;

	if (n == 0)
		return PointerGetDatum(construct_empty_array(INT8OID));
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), ids, n * sizeof(int64));
	return PointerGetDatum(array);
}

static bool
is_active(TupleTableSlot *row, AttrNumber status)
{
	bool		is_null;
	text	   *word = DatumGetTextPP(slot_getattr(row, status, &is_null));

	return !is_null && VARSIZE_ANY_EXHDR(word) == 6 && memcmp(VARDATA_ANY(word), "active", 6) == 0;
}

static void
lock_persons(const int64 *ids, int n, LockWaitPolicy policy, Ids *held, Ids *active)
{
	CrmTable	customer = crm_core_table_open("customer", RowShareLock);
	AttrNumber	status = crm_core_table_column(&customer, "status");
	CrmWalk		walk;

	crm_core_walk_begin(&walk, &customer, "customer_id", false);
	for (int i = 0; i < n; i++)
		if (crm_core_walk_find(&walk, ids[i]) && crm_core_walk_row(&walk) && crm_core_table_lock(&customer, walk.slot, policy))
		{
			add_id(held, ids[i]);
			if (is_active(walk.slot, status))
				add_id(active, ids[i]);
		}
	crm_core_walk_end(&walk);
	crm_core_table_close(&customer);
}

/* Whose row of value somebody holds, if nobody is waited for. */
static Ids
lock_values(const Ids *persons, LockWaitPolicy policy)
{
	CrmTable	values = crm_core_table_open("customer_value", RowShareLock);
	Ids			busy = {0};
	CrmWalk		walk;

	crm_core_walk_begin(&walk, &values, "customer_id", true);
	for (int i = 0; i < persons->n; i++)
		if (crm_core_walk_find(&walk, persons->ids[i]) && crm_core_walk_row(&walk) && !crm_core_table_lock(&values, walk.slot, policy) &&
			policy == LockWaitSkip)
			add_id(&busy, persons->ids[i]);
	crm_core_walk_end(&walk);
	crm_core_table_close(&values);
	return busy;
}

/* Ids but those of another list, both ascending. */
static void
leave_out(Ids *ids, const Ids *others)
{
	int			n = 0;
	int			at = 0;

	for (int i = 0; i < ids->n; i++)
	{
		while (at < others->n && others->ids[at] < ids->ids[i])
			at++;
		if (at == others->n || others->ids[at] != ids->ids[i])
			ids->ids[n++] = ids->ids[i];
	}
	ids->n = n;
}

/* crm._value_claim(persons, is_patient): locks them and their values; (those locked, the active ones of them). */
Datum
crm_value_claim(PG_FUNCTION_ARGS)
{
	int			n;
	int64	   *ids = crm_core_walk_keys(PG_GETARG_ARRAYTYPE_P(0), &n);
	LockWaitPolicy policy = PG_GETARG_BOOL(1) ? LockWaitBlock : LockWaitSkip;
	Ids			held = {0};
	Ids			active = {0};
	Ids			busy;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	lock_persons(ids, n, policy, &held, &active);
	PopActiveSnapshot();
	/* a value that was made before the person was locked is seen now */
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	busy = lock_values(&active, policy);
	PopActiveSnapshot();
	CommandCounterIncrement();
	leave_out(&held, &busy);
	leave_out(&active, &busy);
	values[0] = crm_value_id_array(held.ids, held.n);
	values[1] = crm_value_id_array(active.ids, active.n);
	PG_RETURN_DATUM(crm_core_row(fcinfo, values, nulls));
}

/* The place of a cause, in the order in which causes were found. */
static int
find_cause(Cause *causes, int *n, text *name)
{
	for (int i = 0; i < *n; i++)
		if (strlen(causes[i].name) == VARSIZE_ANY_EXHDR(name) && memcmp(causes[i].name, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0)
			return i;
	CrmEnsure(*n < MAX_CAUSES, "causes of marks are few words");
	causes[*n] = (Cause) {.name = text_to_cstring(name)};
	return (*n)++;
}

static void
add_mark(Marks *marks, int64 id, ItemPointer place)
{
	add_id(&marks->persons, id);
	if (marks->persons.n > marks->room)
	{
		marks->room = Max(64, marks->room * 2);
		marks->places = marks->places == NULL ? palloc(marks->room * sizeof(ItemPointerData)) : repalloc(marks->places, marks->room * sizeof(ItemPointerData));
	}
	marks->places[marks->persons.n - 1] = *place;
}

/* The marks of the person at whom the walk stands; false: there are none any more. */
static bool
read_person(Marks *marks, CrmWalk *walk, AttrNumber column)
{
	int64		id = walk->key;
	int			last = -1;

	while (crm_core_walk_row(walk))
	{
		bool		is_null;
		int			cause = find_cause(marks->causes, &marks->n_causes, DatumGetTextPP(slot_getattr(walk->slot, column, &is_null)));
		Ids		   *every = &marks->causes[cause].every;

		add_mark(marks, id, &walk->slot->tts_tid);
		if (every->n == 0 || every->ids[every->n - 1] != id)
			add_id(every, id);
		if (last < 0 || strcmp(marks->causes[cause].name, marks->causes[last].name) > 0)
			last = cause;
	}
	if (last >= 0)
		add_id(&marks->causes[last].own, id);
	return last >= 0;
}

/* The marks of the first so many persons; how many there are besides, counted up to MOST_LEFT. */
static int
read_marks(Marks *marks, int piece)
{
	CrmTable	dirty = crm_core_table_open("value_dirty", AccessShareLock);
	AttrNumber	column = crm_core_table_column(&dirty, "cause");
	int			left = 0;
	CrmWalk		walk;
	bool		is_there;

	crm_core_walk_begin(&walk, &dirty, "customer_id", false);
	is_there = crm_core_walk_from(&walk, PG_INT64_MIN);
	for (int persons = 0; is_there && persons < piece; is_there = crm_core_walk_onward(&walk))
		persons += read_person(marks, &walk, column);
	for (; is_there && left < MOST_LEFT; is_there = crm_core_walk_onward(&walk))
		while (crm_core_walk_row(&walk))
			left++;
	crm_core_walk_end(&walk);
	crm_core_table_close(&dirty);
	return left;
}

static int
compare_causes(const void *a, const void *b)
{
	return strcmp(((const Cause *) b)->name, ((const Cause *) a)->name);
}

static Datum
place_array(const ItemPointerData *places, int n)
{
	Datum	   *items = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		items[i] = PointerGetDatum(&places[i]);
	return PointerGetDatum(construct_array(items, n, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
}

/*
 * crm._value_marks(piece): the marks of the first so many persons.  A row a cause, the last in the alphabet first: the
 * persons whose last cause it is, and all who have such a mark; before them, without a cause, the person and the place of
 * each mark, and how many marks there are besides.
 */
Datum
crm_value_marks(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Marks		marks = {0};
	int			left = read_marks(&marks, PG_GETARG_INT32(0));

	InitMaterializedSRF(fcinfo, 0);
	qsort(marks.causes, marks.n_causes, sizeof(Cause), compare_causes);
	tuplestore_putvalues(result->setResult, result->setDesc,
						 (Datum[]) {(Datum) 0, (Datum) 0, crm_value_id_array(marks.persons.ids, marks.persons.n), place_array(marks.places, marks.persons.n), Int32GetDatum(left)},
						 (bool[]) {true, true, false, false, false});
	for (int i = 0; i < marks.n_causes; i++)
	{
		const Cause *cause = &marks.causes[i];

		tuplestore_putvalues(result->setResult, result->setDesc,
							 (Datum[]) {CStringGetTextDatum(cause->name), crm_value_id_array(cause->own.ids, cause->own.n), crm_value_id_array(cause->every.ids, cause->every.n), (Datum) 0, (Datum) 0},
							 (bool[]) {false, false, false, true, true});
	}
	return (Datum) 0;
}

/* crm._value_unmark(persons, places, kept): takes the marks at these places away, but those of persons who are kept; ascending. */
Datum
crm_value_unmark(PG_FUNCTION_ARGS)
{
	ArrayType  *persons = PG_GETARG_ARRAYTYPE_P(0);
	int			n = ArrayGetNItems(ARR_NDIM(persons), ARR_DIMS(persons));
	const int64 *ids = (const int64 *) ARR_DATA_PTR(persons);
	int			n_kept;
	int64	   *kept = crm_core_walk_keys(PG_GETARG_ARRAYTYPE_P(2), &n_kept);
	int			at = 0;
	int			n_places;
	Datum	   *places;
	CrmTable	dirty = crm_core_table_open("value_dirty", RowExclusiveLock);

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT, &places, NULL, &n_places);
	if (n != n_places || ARR_HASNULL(persons))
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("each mark must have a person and a place")));
	for (int i = 0; i < n; i++)
	{
		while (at < n_kept && kept[at] < ids[i])
			at++;
		if (at == n_kept || kept[at] != ids[i])
			crm_core_table_try_delete(&dirty, (ItemPointer) DatumGetPointer(places[i]));
	}
	crm_core_table_close(&dirty);
	PG_RETURN_VOID();
}
