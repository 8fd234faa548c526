/*
 * value_set.c
 *		The persons of a set brought up to date: read, computed and written table by table, in the order of ids.
 *
 * What crm._value_work() and crm._value_write() do by statements for any table is done here along the indexes of plain
 * ones, at half of their cost or less.  Each table is walked once: memberships give records, records their chunks; where a
 * person's value is found it is computed and written over, then the purchases in one row where they are others, and
 * last the new changes of tier go in together.  Who has more than one row of purchases, before or after, is handed
 * back.
 *
 * Persons that are locked are read by a snapshot taken under the locks.  Others are read by the snapshot of the calling
 * statement, the same that read the rules, and the row of value is the lock: whoever writes a person's value holds that
 * row, so when it is still what the snapshot saw, nothing was written by somebody who knew more.  When it is not, or
 * somebody holds it, or there is none, the person is left as they were and handed back; nobody is waited for.
 */
#include "value/value.h"

#include "access/xact.h"
#include "core/core_table.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(crm_value_bring);

/* Persons of a row of a list: so many lie in it as they are, uncompressed. */
#define LISTED_AT_ONCE 200

typedef struct Chunk
{
	Datum		history;
	struct Chunk *next;
} Chunk;

typedef struct Record
{
	int64		record;
	int			person;
} Record;

typedef struct Person
{
	int64		id;
	Chunk	   *chunks;
	Chunk	   *last;
	int			n_chunks;
	int			n_whole;		/* rows that all purchases take */
	Datum		whole;			/* the first */
	int32		day;
	int32		look_on;		/* the day in whose list the person is to be; PG_INT32_MAX: in none, or in it already */
	CrmValueState state;
	const char *old_tier;		/* NULL: had none */
	bool		has_value;
	bool		has_history;
	bool		is_apart;		/* more than one row of purchases, before or after */
	bool		is_left;		/* could not be written */
} Person;

/* What all persons of the set share. */
typedef struct Set
{
	int			n;
	Person	   *persons;
	bool		is_locked;
	MemoryContext work;			/* of one person */
	bool		has_day;		/* otherwise each is looked at on the day of their own next change */
	int32		day;
	int32		today;
	const char *cause;
	const char *tier_set;
	const CrmValueRules *rules;
	bool		is_scored;		/* by these cut points; otherwise scores stay */
	ArrayType  *cuts[3];
} Set;

/* Columns of crm.customer_value that are written. */
typedef struct ValueColumns
{
	AttrNumber	customer_id, tier, tier_since, next_change_on, look_on, order_days, net_minor, first_day, last_day, as_of, updated_at, scores[3];
} ValueColumns;

static int
compare_records(const void *a, const void *b)
{
	int64		left = ((const Record *) a)->record;
	int64		right = ((const Record *) b)->record;

	return (left > right) - (left < right);
}

/* The records of all persons, in the order of their ids. */
static Record *
find_records(const Set *set, int *n)
{
	CrmTable	membership = crm_core_table_open("membership", AccessShareLock);
	CrmWalk		walk;
	AttrNumber	record;
	AttrNumber	valid_to;
	int			room = set->n + 16;
	Record	   *records = palloc(room * sizeof(Record));

	crm_core_walk_begin_with(&walk, &membership, 3, (const char *const[]) {"customer_id", "valid_to", "source_record_id"}, false);
	record = crm_core_walk_column(&walk, "source_record_id");
	valid_to = crm_core_walk_column(&walk, "valid_to");
	*n = 0;
	for (int i = 0; i < set->n; i++)
	{
		if (!crm_core_walk_find(&walk, set->persons[i].id))
			continue;
		while (crm_core_walk_entry(&walk))
			if (TIMESTAMP_IS_NOEND(DatumGetTimestampTz(crm_core_walk_value(&walk, valid_to))))
			{
				if (*n == room)
					records = repalloc(records, (room *= 2) * sizeof(Record));
				records[(*n)++] = (Record) {.record = DatumGetInt64(crm_core_walk_value(&walk, record)), .person = i};
			}
	}
	crm_core_walk_end(&walk);
	crm_core_table_close(&membership);
	qsort(records, *n, sizeof(Record), compare_records);
	return records;
}

static void
add_chunk(Person *person, Datum history)
{
	Chunk	   *chunk = palloc(sizeof(Chunk));

	*chunk = (Chunk) {.history = datumCopy(history, false, -1)};
	if (person->last == NULL)
		person->chunks = chunk;
	else
		person->last->next = chunk;
	person->last = chunk;
	person->n_chunks++;
}

static void
read_chunks(const Set *set, const Record *records, int n)
{
	CrmTable	chunks = crm_core_table_open("purchase_chunk", AccessShareLock);
	AttrNumber	history = crm_core_table_column(&chunks, "history");
	CrmWalk		walk;

	crm_core_walk_begin(&walk, &chunks, "source_record_id", false);
	for (int i = 0; i < n; i++)
	{
		bool		is_null;

		if (crm_core_walk_find(&walk, records[i].record))
			while (crm_core_walk_row(&walk))
				add_chunk(&set->persons[records[i].person], slot_getattr(walk.slot, history, &is_null));
	}
	crm_core_walk_end(&walk);
	crm_core_table_close(&chunks);
}

static CrmHistoryCursor *
begin_chunks(const Person *person)
{
	CrmHistoryCursor *cursors = palloc(Max(person->n_chunks, 1) * sizeof(CrmHistoryCursor));
	int			n = 0;

	for (const Chunk *chunk = person->chunks; chunk != NULL; chunk = chunk->next)
	{
		CrmPurchaseChunk bytes = crm_purchase_chunk(chunk->history);

		crm_history_begin(&cursors[n++], bytes.bytes, bytes.length);
	}
	return cursors;
}

/* All purchases in as few rows as they take: one chunk is a row as it is, as in crm._purchase_whole(). */
static void
pack_person(Person *person)
{
	if (person->n_chunks > 1)
	{
		Datum	   *pieces = crm_purchase_whole_of(begin_chunks(person), person->n_chunks, &person->n_whole);

		person->whole = person->n_whole > 0 ? pieces[0] : (Datum) 0;
	}
	else if (person->n_chunks == 1)
	{
		person->n_whole = 1;
		person->whole = person->chunks->history;
	}
}

static void
compute_person(const Set *set, Person *person, int32 day)
{
	MemoryContext before = MemoryContextSwitchTo(set->work);
	CrmValueHistory history = {.n_chunks = person->n_chunks, .chunks = begin_chunks(person)};

	for (int i = 0; i < history.n_chunks; i++)
		history.n_entries += history.chunks[i].left;
	person->day = day;
	person->state = crm_value_state_of(set->rules, &history, day);
	MemoryContextSwitchTo(before);
	MemoryContextReset(set->work);
}

static ValueColumns
find_columns(const CrmTable *values)
{
	return (ValueColumns) {
		.customer_id = crm_core_table_column(values, "customer_id"),
		.tier = crm_core_table_column(values, "tier"),
		.tier_since = crm_core_table_column(values, "tier_since"),
		.next_change_on = crm_core_table_column(values, "next_change_on"),
		.look_on = crm_core_table_column(values, "look_on"),
		.order_days = crm_core_table_column(values, "order_days"),
		.net_minor = crm_core_table_column(values, "net_minor"),
		.first_day = crm_core_table_column(values, "first_day"),
		.last_day = crm_core_table_column(values, "last_day"),
		.as_of = crm_core_table_column(values, "as_of"),
		.updated_at = crm_core_table_column(values, "updated_at"),
		.scores = {crm_core_table_column(values, "r"), crm_core_table_column(values, "f"), crm_core_table_column(values, "m")},
	};
}

static void
set_column(TupleTableSlot *row, AttrNumber column, Datum value, bool is_null)
{
	row->tts_values[column - 1] = value;
	row->tts_isnull[column - 1] = is_null;
}

/* By the cut points of the last run, if there are live ones; who has no order has none. */
static void
set_scores(const Set *set, const CrmValueState *state, TupleTableSlot *row, const AttrNumber *columns)
{
	int64		points[3] = {state->last_day, state->order_days, state->net_minor};

	for (int i = 0; i < 3 && set->is_scored; i++)
	{
		bool		is_null = state->order_days == 0 || set->cuts[i] == NULL;

		set_column(row, columns[i], is_null ? (Datum) 0 : Int16GetDatum(crm_value_score_of(points[i], set->cuts[i])), is_null);
	}
}

/* A day that is kept to look on stays when it is not too late (crm._value_look()), so that the person is in few lists. */
static void
set_look(Person *person, TupleTableSlot *row, AttrNumber column)
{
	int32		next = person->state.next_change_on;
	bool		has_look = !row->tts_isnull[column - 1];
	int32		look = has_look ? DatumGetDateADT(row->tts_values[column - 1]) : 0;
	bool		is_kept = has_look && look > person->day && look <= next;

	person->look_on = is_kept ? PG_INT32_MAX : next;
	if (!is_kept)
		set_column(row, column, DateADTGetDatum(next), next == PG_INT32_MAX);
}

/* Fills the row of a person's value; what it holds already is what was. */
static void
set_value(const Set *set, Person *person, TupleTableSlot *row, const ValueColumns *columns)
{
	const CrmValueState *state = &person->state;
	bool		has_none = state->order_days == 0;

	if (person->old_tier == NULL || strcmp(person->old_tier, state->tier) != 0)
		crm_core_table_set(row, columns->tier_since, DateADTGetDatum(person->day));
	crm_core_table_set(row, columns->tier, CStringGetTextDatum(state->tier));
	set_column(row, columns->next_change_on, DateADTGetDatum(state->next_change_on), state->next_change_on == PG_INT32_MAX);
	set_look(person, row, columns->look_on);
	crm_core_table_set(row, columns->order_days, Int32GetDatum(state->order_days));
	crm_core_table_set(row, columns->net_minor, Int64GetDatum(state->net_minor));
	set_column(row, columns->first_day, DateADTGetDatum(state->first_day), has_none);
	set_column(row, columns->last_day, DateADTGetDatum(state->last_day), has_none);
	set_scores(set, state, row, columns->scores);
	crm_core_table_set(row, columns->as_of, DateADTGetDatum(person->day));
	crm_core_table_set(row, columns->updated_at, TimestampTzGetDatum(crm_core_clock_now()));
}

/* Computes a person whose row of value has been found, and writes it over. */
static void
renew_value(const Set *set, Person *person, CrmTable *values, const ValueColumns *columns, TupleTableSlot *old)
{
	TupleTableSlot *row = crm_core_table_next(values);
	int			n = row->tts_tupleDescriptor->natts;
	int32		own;

	slot_getallattrs(old);
	memcpy(row->tts_values, old->tts_values, n * sizeof(Datum));
	memcpy(row->tts_isnull, old->tts_isnull, n * sizeof(bool));
	person->has_value = true;
	person->old_tier = TextDatumGetCString(old->tts_values[columns->tier - 1]);
	own = old->tts_isnull[columns->next_change_on - 1] ? set->today : DatumGetDateADT(old->tts_values[columns->next_change_on - 1]);
	compute_person(set, person, set->has_day ? set->day : Min(own, set->today));
	set_value(set, person, row, columns);
	ExecStoreVirtualTuple(row);
	if (set->is_locked)
		crm_core_table_update(values, &old->tts_tid);
	else
		person->is_left = !crm_core_table_try_update(values, &old->tts_tid);
}

static void
make_value(const Set *set, Person *person, CrmTable *values, const ValueColumns *columns)
{
	TupleTableSlot *row = crm_core_table_new(values);

	compute_person(set, person, set->has_day ? set->day : set->today);
	crm_core_table_set(row, columns->customer_id, Int64GetDatum(person->id));
	set_value(set, person, row, columns);
	ExecStoreVirtualTuple(row);
}

static void
write_values(const Set *set)
{
	CrmTable	values = crm_core_table_open("customer_value", RowExclusiveLock);
	ValueColumns columns = find_columns(&values);
	CrmWalk		walk;

	crm_core_walk_begin(&walk, &values, "customer_id", true);
	for (int i = 0; i < set->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (crm_core_walk_find(&walk, set->persons[i].id) && crm_core_walk_row(&walk))
			renew_value(set, &set->persons[i], &values, &columns, walk.slot);
	}
	crm_core_walk_end(&walk);
	for (int i = 0; i < set->n; i++)
	{
		if (!set->persons[i].has_value && set->is_locked)
			make_value(set, &set->persons[i], &values, &columns);
		set->persons[i].is_left |= !set->persons[i].has_value && !set->is_locked;
	}
	crm_core_table_close(&values);
}

static bool
is_same_history(Datum a, Datum b)
{
	CrmPurchaseChunk left = crm_purchase_chunk(a);
	CrmPurchaseChunk right = crm_purchase_chunk(b);

	return left.length == right.length && memcmp(left.bytes, right.bytes, left.length) == 0;
}

/* Columns of crm.value_history. */
typedef struct HistoryColumns
{
	AttrNumber	customer_id, chunk_no, is_whole, history;
} HistoryColumns;

/* A person's only row of purchases, written over when they are others. */
static void
renew_history(Person *person, CrmTable *histories, const HistoryColumns *columns, TupleTableSlot *old)
{
	TupleTableSlot *row;

	slot_getallattrs(old);
	person->has_history = true;
	person->is_apart = person->n_whole != 1 || !DatumGetBool(old->tts_values[columns->is_whole - 1]);
	if (person->is_apart || is_same_history(person->whole, old->tts_values[columns->history - 1]))
		return;
	row = crm_core_table_next(histories);
	memcpy(row->tts_values, old->tts_values, row->tts_tupleDescriptor->natts * sizeof(Datum));
	memcpy(row->tts_isnull, old->tts_isnull, row->tts_tupleDescriptor->natts * sizeof(bool));
	crm_core_table_set(row, columns->history, person->whole);
	ExecStoreVirtualTuple(row);
	crm_core_table_update(histories, &old->tts_tid);
}

static void
make_history(Person *person, CrmTable *histories, const HistoryColumns *columns)
{
	TupleTableSlot *row;

	person->is_apart = person->n_whole > 1;
	if (person->n_whole != 1)
		return;
	row = crm_core_table_new(histories);
	crm_core_table_set(row, columns->customer_id, Int64GetDatum(person->id));
	crm_core_table_set(row, columns->chunk_no, Int32GetDatum(1));
	crm_core_table_set(row, columns->is_whole, BoolGetDatum(true));
	crm_core_table_set(row, columns->history, person->whole);
	ExecStoreVirtualTuple(row);
}

static void
write_histories(const Set *set)
{
	CrmTable	histories = crm_core_table_open("value_history", RowExclusiveLock);
	HistoryColumns columns = {
		.customer_id = crm_core_table_column(&histories, "customer_id"),
		.chunk_no = crm_core_table_column(&histories, "chunk_no"),
		.is_whole = crm_core_table_column(&histories, "is_whole"),
		.history = crm_core_table_column(&histories, "history"),
	};
	CrmWalk		walk;

	crm_core_walk_begin(&walk, &histories, "customer_id", true);
	for (int i = 0; i < set->n; i++)
		if (!set->persons[i].is_left && crm_core_walk_find(&walk, set->persons[i].id) && crm_core_walk_row(&walk))
			renew_history(&set->persons[i], &histories, &columns, walk.slot);
	crm_core_walk_end(&walk);
	for (int i = 0; i < set->n; i++)
		if (!set->persons[i].is_left && !set->persons[i].has_history)
			make_history(&set->persons[i], &histories, &columns);
	crm_core_table_close(&histories);
}

typedef struct Listed
{
	int32		day;
	int64		person;
} Listed;

static int
compare_listed(const void *a, const void *b)
{
	const Listed *left = a;
	const Listed *right = b;

	return left->day != right->day ? (left->day > right->day) - (left->day < right->day) : (left->person > right->person) - (left->person < right->person);
}

/* Some persons of one day as a row of its list. */
static void
put_list(CrmTable *looks, const Listed *listed, int n)
{
	int64		ids[LISTED_AT_ONCE];
	TupleTableSlot *row = crm_core_table_new(looks);

	for (int i = 0; i < n; i++)
		ids[i] = listed[i].person;
	crm_core_table_set(row, crm_core_table_column(looks, "look_on"), DateADTGetDatum(listed->day));
	crm_core_table_set(row, crm_core_table_column(looks, "look_id"), Int64GetDatum(crm_core_new_id()));
	crm_core_table_set(row, crm_core_table_column(looks, "persons"), crm_value_id_array(ids, n));
	ExecStoreVirtualTuple(row);
}

/* Puts persons into the lists of the days on which the job looks at them. */
static void
write_looks(const Set *set)
{
	Listed	   *listed = palloc(Max(set->n, 1) * sizeof(Listed));
	int			n = 0;
	CrmTable	looks;

	for (int i = 0; i < set->n; i++)
		if (!set->persons[i].is_left && set->persons[i].look_on != PG_INT32_MAX)
			listed[n++] = (Listed) {.day = set->persons[i].look_on, .person = set->persons[i].id};
	if (n == 0)
		return;
	qsort(listed, n, sizeof(Listed), compare_listed);
	looks = crm_core_table_open("value_look", RowExclusiveLock);
	for (int from = 0, to = 0; from < n; from = to)
	{
		while (to < n && to - from < LISTED_AT_ONCE && listed[to].day == listed[from].day)
			to++;
		put_list(&looks, &listed[from], to - from);
	}
	crm_core_table_close(&looks);
}

/* The first tier of somebody who never ordered is no change. */
static bool
is_change(const Person *person)
{
	return person->old_tier == NULL ? person->state.order_days > 0 : strcmp(person->old_tier, person->state.tier) != 0;
}

static void
write_changes(const Set *set)
{
	CrmTable	changes = crm_core_table_open("tier_change", RowExclusiveLock);
	AttrNumber	customer_id = crm_core_table_column(&changes, "customer_id");
	AttrNumber	change_id = crm_core_table_column(&changes, "change_id");
	AttrNumber	tier_set = crm_core_table_column(&changes, "tier_set");
	AttrNumber	from_tier = crm_core_table_column(&changes, "from_tier");
	AttrNumber	to_tier = crm_core_table_column(&changes, "to_tier");
	AttrNumber	changed_on = crm_core_table_column(&changes, "changed_on");
	AttrNumber	changed_at = crm_core_table_column(&changes, "changed_at");
	AttrNumber	cause = crm_core_table_column(&changes, "cause");
	Datum		set_name = CStringGetTextDatum(set->tier_set);
	Datum		cause_name = CStringGetTextDatum(set->cause);

	for (int i = 0; i < set->n; i++)
	{
		const Person *person = &set->persons[i];
		TupleTableSlot *row;

		if (person->is_left || !is_change(person))
			continue;
		row = crm_core_table_new(&changes);
		crm_core_table_set(row, customer_id, Int64GetDatum(person->id));
		crm_core_table_set(row, change_id, Int64GetDatum(crm_core_new_id()));
		crm_core_table_set(row, tier_set, set_name);
		set_column(row, from_tier, person->old_tier == NULL ? (Datum) 0 : CStringGetTextDatum(person->old_tier), person->old_tier == NULL);
		crm_core_table_set(row, to_tier, CStringGetTextDatum(person->state.tier));
		crm_core_table_set(row, changed_on, DateADTGetDatum(person->day));
		crm_core_table_set(row, changed_at, TimestampTzGetDatum(crm_core_clock_now()));
		crm_core_table_set(row, cause, cause_name);
		ExecStoreVirtualTuple(row);
	}
	crm_core_table_close(&changes);
}

static void
bring(const Set *set)
{
	int			n_records;
	Record	   *records = find_records(set, &n_records);

	read_chunks(set, records, n_records);
	for (int i = 0; i < set->n; i++)
		pack_person(&set->persons[i]);
	write_values(set);
	write_looks(set);
	write_histories(set);
	write_changes(set);
}

/* (those whose purchases do not fill one row, those who could not be written) */
static Datum
handed_back(FunctionCallInfo fcinfo, const Set *set)
{
	int64	   *apart = palloc(Max(set->n, 1) * sizeof(int64));
	int64	   *left = palloc(Max(set->n, 1) * sizeof(int64));
	int			n_apart = 0;
	int			n_left = 0;
	bool		nulls[2] = {false, false};

	for (int i = 0; i < set->n; i++)
	{
		if (set->persons[i].is_left)
			left[n_left++] = set->persons[i].id;
		else if (set->persons[i].is_apart)
			apart[n_apart++] = set->persons[i].id;
	}
	return crm_core_row(fcinfo, (Datum[]) {crm_value_id_array(apart, n_apart), crm_value_id_array(left, n_left)}, nulls);
}

/*
 * crm._value_bring(persons, is_locked, day, today, cause, tier_set, rules, exponent, is_scored, r_cuts, f_cuts, m_cuts)
 * returns those whose purchases do not fill one row before and after, and those who could not be written; day is null:
 * each on the day of their own next change.
 */
Datum
crm_value_bring(PG_FUNCTION_ARGS)
{
	Set			set = {0};
	int64	   *ids;

	for (int i = 0; i < 9; i++)
		if (PG_ARGISNULL(i) && i != 2)
			PG_RETURN_NULL();
	ids = crm_core_walk_keys(PG_GETARG_ARRAYTYPE_P(0), &set.n);
	set.persons = palloc_extended(Max(set.n, 1) * sizeof(Person), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < set.n; i++)
		set.persons[i].id = ids[i];
	set.is_locked = PG_GETARG_BOOL(1);
	set.has_day = !PG_ARGISNULL(2);
	set.day = set.has_day ? PG_GETARG_DATEADT(2) : 0;
	set.today = PG_GETARG_DATEADT(3);
	set.cause = text_to_cstring(PG_GETARG_TEXT_PP(4));
	set.tier_set = text_to_cstring(PG_GETARG_TEXT_PP(5));
	set.rules = crm_value_rules_read(PG_GETARG_JSONB_P(6), PG_GETARG_INT32(7));
	set.is_scored = PG_GETARG_BOOL(8);
	for (int i = 0; i < 3; i++)
		set.cuts[i] = PG_ARGISNULL(9 + i) ? NULL : PG_GETARG_ARRAYTYPE_P(9 + i);
	set.work = AllocSetContextCreate(CurrentMemoryContext, "crm value of a person", ALLOCSET_DEFAULT_SIZES);
	if (set.n > 0)
	{
		CommandCounterIncrement();
		PushActiveSnapshot(set.is_locked ? GetTransactionSnapshot() : GetActiveSnapshot());
		bring(&set);
		PopActiveSnapshot();
		CommandCounterIncrement();
	}
	PG_RETURN_DATUM(handed_back(fcinfo, &set));
}
