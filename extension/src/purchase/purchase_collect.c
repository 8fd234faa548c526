/*
 * purchase_collect.c
 *		Everybody's purchases in one walk: the days that questions look at, gathered by person, and the
 *		set of persons who meet each question.
 *
 * A chunk that holds all of a person's purchases (crm.value_history) is asked at once.  Others come in any
 * order, and a person has several: of each the days inside the widest window are put into a list of
 * the person; at the end each person's days are put in order, those of one day added up, and the
 * questions asked.  So nothing outside the window takes memory, and an order that two records share
 * a day with is one order.
 *
 * Of given persons whose purchases are kept by person the rows are walked to along the index.
 *
 * The state is an expanded object behind the type bytea, so that partial states can travel.
 */
#include "purchase/purchase_measure.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "core/core_table.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "rule/rule_bitmap.h"
#include "utils/builtins.h"
#include "utils/expandeddatum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define COLLECT_MAGIC 0x43524d43
#define NODES_A_BLOCK 65536
#define NO_NODE PG_UINT32_MAX

PG_FUNCTION_INFO_V1(crm_purchase_collect_step);
PG_FUNCTION_INFO_V1(crm_purchase_collect_merge);
PG_FUNCTION_INFO_V1(crm_purchase_collect_final);
PG_FUNCTION_INFO_V1(crm_purchase_collect_given);

/* A day of a person. */
typedef struct DayNode
{
	int32		day;
	uint32		next;
	int64		net;
} DayNode;

typedef struct PersonDays
{
	int64		person;
	uint32		head;
	char		status;
} PersonDays;

#define SH_PREFIX persons
#define SH_ELEMENT_TYPE PersonDays
#define SH_KEY_TYPE int64
#define SH_KEY person
#define SH_HASH_KEY(table, key) crm_rule_near_hash(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct Collected
{
	ExpandedObjectHeader header;
	int			magic;
	int32		as_of;
	int			exponent;
	ArrayType  *asked;			/* the questions as they came */
	int			n_questions;
	CrmPurchaseQuestion *questions;
	int32		from;			/* the widest window */
	int32		to;
	CrmBitmap **sets;			/* who meets each question, of those asked already */
	CrmHistoryDay *days;		/* room for those of one person */
	int			room;
	persons_hash *persons;
	uint32		n_nodes;
	int			n_blocks;
	DayNode   **blocks;
} Collected;

/* The state as bytes, each part on 8: head, questions, days, and of each question the set of who meets it. */
typedef struct FlatHead
{
	int32		vl_len_;
	int32		as_of;
	int32		exponent;
	uint32		n_days;
} FlatHead;

typedef struct FlatDay
{
	int64		person;
	int64		net;
	int32		day;
	int32		unused;
} FlatDay;

static Size flat_size(ExpandedObjectHeader *header);
static void flatten_into(ExpandedObjectHeader *header, void *result, Size allocated);

static const ExpandedObjectMethods methods = {flat_size, flatten_into};

static DayNode *
node_at(const Collected *state, uint32 place)
{
	return &state->blocks[place / NODES_A_BLOCK][place % NODES_A_BLOCK];
}

static Size
flat_size(ExpandedObjectHeader *header)
{
	Collected  *state = (Collected *) header;
	Size		size = sizeof(FlatHead) + MAXALIGN(VARSIZE(state->asked)) + (Size) state->n_nodes * sizeof(FlatDay);

	for (int i = 0; i < state->n_questions; i++)
		size += MAXALIGN(EOH_get_flat_size(&state->sets[i]->header));
	if (size > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("purchases of a partial walk do not fit one value")));
	return size;
}

static void
flatten_sets(const Collected *state, char *at)
{
	for (int i = 0; i < state->n_questions; i++)
	{
		Size		size = EOH_get_flat_size(&state->sets[i]->header);

		EOH_flatten_into(&state->sets[i]->header, at, size);
		at += MAXALIGN(size);
	}
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated)
{
	Collected  *state = (Collected *) header;
	FlatHead   *head = result;
	FlatDay    *day;
	persons_iterator iterator;
	PersonDays *person;

	memset(result, 0, allocated);
	SET_VARSIZE(result, allocated);
	head->as_of = state->as_of;
	head->exponent = state->exponent;
	head->n_days = state->n_nodes;
	memcpy(head + 1, state->asked, VARSIZE(state->asked));
	day = (FlatDay *) ((char *) (head + 1) + MAXALIGN(VARSIZE(state->asked)));
	persons_start_iterate(state->persons, &iterator);
	while ((person = persons_iterate(state->persons, &iterator)) != NULL)
		for (uint32 at = person->head; at != NO_NODE; at = node_at(state, at)->next)
			*day++ = (FlatDay) {.person = person->person, .net = node_at(state, at)->net, .day = node_at(state, at)->day};
	flatten_sets(state, (char *) day);
}

static Collected *
make_state(MemoryContext parent, ArrayType *asked, int32 as_of, int exponent)
{
	MemoryContext own = AllocSetContextCreate(parent, "crm purchases", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(own);
	Collected  *state = palloc0(sizeof(Collected));

	EOH_init_header(&state->header, &methods, own);
	state->magic = COLLECT_MAGIC;
	state->as_of = as_of;
	state->exponent = exponent;
	state->asked = palloc(VARSIZE(asked));
	memcpy(state->asked, asked, VARSIZE(asked));
	state->questions = crm_purchase_questions(state->asked, &state->n_questions);
	state->from = PG_INT32_MAX;
	state->to = PG_INT32_MIN;
	for (int i = 0; i < state->n_questions; i++)
	{
		state->from = Min(state->from, state->questions[i].from);
		state->to = Max(state->to, state->questions[i].to);
	}
	state->to = Min(state->to, as_of);
	state->persons = persons_create(own, 1024, NULL);
	state->sets = palloc(Max(state->n_questions, 1) * sizeof(CrmBitmap *));
	for (int i = 0; i < state->n_questions; i++)
		state->sets[i] = crm_rule_bitmap_make(own);
	state->room = CRM_HISTORY_MAX_ENTRIES;
	state->days = palloc(state->room * sizeof(CrmHistoryDay));
	MemoryContextSwitchTo(before);
	return state;
}

static void
add_day(Collected *state, PersonDays *person, int32 day, int64 net)
{
	DayNode    *node;

	if (state->n_nodes == (uint32) state->n_blocks * NODES_A_BLOCK)
	{
		MemoryContext before = MemoryContextSwitchTo(state->header.eoh_context);

		if (state->n_blocks == 65535)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("purchases are too many for one walk")));
		state->blocks = state->blocks == NULL ? palloc(sizeof(DayNode *)) :
			repalloc(state->blocks, (state->n_blocks + 1) * sizeof(DayNode *));
		state->blocks[state->n_blocks++] = palloc(NODES_A_BLOCK * sizeof(DayNode));
		MemoryContextSwitchTo(before);
	}
	node = node_at(state, state->n_nodes);
	*node = (DayNode) {.day = day, .next = person->head, .net = net};
	person->head = state->n_nodes++;
}

static PersonDays *
find_person(Collected *state, int64 id)
{
	bool		is_known;
	PersonDays *person = persons_insert(state->persons, id, &is_known);

	if (!is_known)
		person->head = NO_NODE;
	return person;
}

/* The days of a chunk that lie in the window and were known by then. */
static void
add_chunk(Collected *state, int64 id, CrmPurchaseChunk chunk)
{
	CrmHistoryHeader header = crm_history_header(chunk.bytes);
	CrmHistoryCursor cursor;
	PersonDays *person = NULL;

	if (header.entry_count == 0 || header.last_day < state->from || header.first_day > state->to)
		return;
	crm_history_begin(&cursor, chunk.bytes, chunk.length);
	while (crm_history_next(&cursor))
	{
		DayNode    *newest;

		if (cursor.entry.day < state->from || cursor.entry.day > state->to || cursor.entry.known_day > state->as_of)
			continue;
		if (person == NULL)
			person = find_person(state, id);
		newest = person->head == NO_NODE ? NULL : node_at(state, person->head);
		if (newest == NULL || newest->day != cursor.entry.day)
			add_day(state, person, cursor.entry.day, cursor.entry.amount_minor);
		else if (pg_add_s64_overflow(newest->net, cursor.entry.amount_minor, &newest->net))
			crm_purchase_report(CRM_HISTORY_OVERFLOW);
	}
}

/* Asks every question about a person whose days lie in state->days. */
static void
ask_person(const Collected *state, CrmBitmap **sets, int64 person, int n)
{
	for (int i = 0; i < state->n_questions; i++)
		if (crm_purchase_meets(&state->questions[i],
							   crm_purchase_measure_days(&state->questions[i], state->days, n, state->as_of, state->exponent)))
			crm_rule_bitmap_add(sets[i], person);
}

/* All of a person's purchases: entries are in order of days, so equal ones are neighbours. */
static void
ask_whole(Collected *state, int64 person, CrmPurchaseChunk chunk)
{
	CrmHistoryHeader header = crm_history_header(chunk.bytes);
	CrmHistoryCursor cursor;
	int			n = 0;

	if (header.entry_count == 0 || header.last_day < state->from || header.first_day > state->to)
		return;
	crm_history_begin(&cursor, chunk.bytes, chunk.length);
	while (crm_history_next(&cursor))
	{
		CrmHistoryDay *newest = n == 0 ? NULL : &state->days[n - 1];

		if (cursor.entry.day < state->from || cursor.entry.day > state->to || cursor.entry.known_day > state->as_of)
			continue;
		if (newest == NULL || newest->day != cursor.entry.day)
			state->days[n++] = (CrmHistoryDay) {.day = cursor.entry.day, .net_minor = cursor.entry.amount_minor};
		else if (pg_add_s64_overflow(newest->net_minor, cursor.entry.amount_minor, &newest->net_minor))
			crm_purchase_report(CRM_HISTORY_OVERFLOW);
	}
	if (n > 0)
		ask_person(state, state->sets, person, n);
}

static Collected *
writable(Datum value)
{
	Collected  *state = (Collected *) DatumGetEOHP(value);

	CrmEnsure(state->magic == COLLECT_MAGIC, "the state of a walk is one");
	return state;
}

/* A state out of its bytes. */
static Collected *
thaw(Datum value, MemoryContext parent)
{
	FlatHead   *head;
	ArrayType  *asked;
	FlatDay    *days;
	const char *set;
	Collected  *state;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(value)))
		return writable(value);
	head = (FlatHead *) PG_DETOAST_DATUM(value);
	asked = (ArrayType *) (head + 1);
	days = (FlatDay *) ((char *) asked + MAXALIGN(VARSIZE(asked)));
	state = make_state(parent, asked, head->as_of, head->exponent);
	for (uint32 i = 0; i < head->n_days; i++)
		add_day(state, find_person(state, days[i].person), days[i].day, days[i].net);
	set = (const char *) (days + head->n_days);
	for (int i = 0; i < state->n_questions; i++, set += MAXALIGN(VARSIZE(set)))
	{
		CrmBitmapParts parts = crm_rule_bitmap_read(PointerGetDatum(set));

		crm_rule_bitmap_add_parts(state->sets[i], &parts);
	}
	return state;
}

/* One chunk more; the questions are read once. */
Datum
crm_purchase_collect_step(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Collected  *state;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a step of an aggregate was called by itself")));
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(4) || PG_ARGISNULL(5) || PG_ARGISNULL(6))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	state = PG_ARGISNULL(0) ?
		make_state(context, PG_GETARG_ARRAYTYPE_P(4), PG_GETARG_DATEADT(5), PG_GETARG_INT32(6)) :
		thaw(PG_GETARG_DATUM(0), context);
	(PG_GETARG_BOOL(3) ? ask_whole : add_chunk) (state, PG_GETARG_INT64(1), crm_purchase_chunk(PG_GETARG_DATUM(2)));
	PG_RETURN_DATUM(EOHPGetRWDatum(&state->header));
}

Datum
crm_purchase_collect_merge(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Collected  *state;
	Collected  *other;
	persons_iterator iterator;
	PersonDays *person;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a step of an aggregate was called by itself")));
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_ARGISNULL(0))
	{
		state = thaw(PG_GETARG_DATUM(1), context);
		PG_RETURN_DATUM(EOHPGetRWDatum(&state->header));
	}
	state = thaw(PG_GETARG_DATUM(0), context);
	other = thaw(PG_GETARG_DATUM(1), CurrentMemoryContext);
	persons_start_iterate(other->persons, &iterator);
	while ((person = persons_iterate(other->persons, &iterator)) != NULL)
	{
		PersonDays *mine = find_person(state, person->person);

		for (uint32 at = person->head; at != NO_NODE; at = node_at(other, at)->next)
			add_day(state, mine, node_at(other, at)->day, node_at(other, at)->net);
	}
	for (int i = 0; i < state->n_questions; i++)
		crm_rule_bitmap_add_parts(state->sets[i], &other->sets[i]->parts);
	PG_RETURN_DATUM(EOHPGetRWDatum(&state->header));
}

static int
compare_days(const void *a, const void *b)
{
	const CrmHistoryDay *left = a;
	const CrmHistoryDay *right = b;

	return (left->day > right->day) - (left->day < right->day);
}

/* A person's days in order, equal ones added up, into state->days. */
static int
gather_days(Collected *state, const PersonDays *person)
{
	CrmHistoryDay *days;
	int			n = 0;
	int			kept = 0;

	for (uint32 at = person->head; at != NO_NODE; at = node_at(state, at)->next)
	{
		if (n == state->room)
		{
			state->room *= 2;
			state->days = repalloc_huge(state->days, state->room * sizeof(CrmHistoryDay));
		}
		state->days[n++] = (CrmHistoryDay) {.day = node_at(state, at)->day, .net_minor = node_at(state, at)->net};
	}
	days = state->days;
	if (n > 1)
		qsort(days, n, sizeof(CrmHistoryDay), compare_days);
	for (int i = 0; i < n; i++)
	{
		if (kept == 0 || days[kept - 1].day != days[i].day)
			days[kept++] = days[i];
		else if (pg_add_s64_overflow(days[kept - 1].net_minor, days[i].net_minor, &days[kept - 1].net_minor))
			crm_purchase_report(CRM_HISTORY_OVERFLOW);
	}
	return kept;
}

/* Of each question the persons who meet it: those asked already, and those whose days were gathered. */
static ArrayType *
answer(Collected *state, Oid type)
{
	CrmBitmap **sets = palloc(Max(state->n_questions, 1) * sizeof(CrmBitmap *));
	Datum	   *results = palloc(Max(state->n_questions, 1) * sizeof(Datum));
	persons_iterator iterator;
	PersonDays *person;

	/* a window goes on with the state, so what is found here is not put into it */
	for (int i = 0; i < state->n_questions; i++)
	{
		sets[i] = crm_rule_bitmap_make(CurrentMemoryContext);
		crm_rule_bitmap_add_parts(sets[i], &state->sets[i]->parts);
	}
	persons_start_iterate(state->persons, &iterator);
	while ((person = persons_iterate(state->persons, &iterator)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		ask_person(state, sets, person->person, gather_days(state, person));
	}
	for (int i = 0; i < state->n_questions; i++)
		results[i] = crm_rule_bitmap_flatten(&sets[i]->parts);
	return construct_array(results, state->n_questions, type, -1, false, TYPALIGN_DOUBLE);
}

Datum
crm_purchase_collect_final(PG_FUNCTION_ARGS)
{
	Collected  *state;

	/* what is in a state is trusted: only an aggregate can have made it */
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a step of an aggregate was called by itself")));
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(PG_GETARG_DATUM(0))) ? writable(PG_GETARG_DATUM(0)) :
		thaw(PG_GETARG_DATUM(0), CurrentMemoryContext);
	PG_RETURN_ARRAYTYPE_P(answer(state, get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid))));
}

/* ---- of given persons, whose rows are walked to */

typedef struct Columns
{
	const char *relation;		/* of the schema crm */
	const char *key;
	const char *history;
	const char *whole;
} Columns;

static bool
is_column(const CrmTable *table, const char *column, Oid type)
{
	AttrNumber	number = get_attnum(RelationGetRelid(table->relation), column);

	return number > 0 && TupleDescAttr(RelationGetDescr(table->relation), number - 1)->atttypid == type;
}

/* Whether the rows can be walked to; of any other table a statement says what is wrong. */
static bool
can_walk(const CrmTable *table, const Columns *columns)
{
	Oid			histories = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("purchase_history"),
											ObjectIdGetDatum(get_namespace_oid("crm", false)));

	return crm_core_table_is_plain(table->relation, ACL_SELECT) && is_column(table, columns->key, INT8OID) &&
		is_column(table, columns->history, histories) && is_column(table, columns->whole, BOOLOID) &&
		OidIsValid(crm_core_walk_index(table->relation, 1, &columns->key));
}

static void
take_chunk(Collected *state, int64 person, Datum history, bool is_whole, MemoryContext row)
{
	MemoryContext before = MemoryContextSwitchTo(row);

	(is_whole ? ask_whole : add_chunk) (state, person, crm_purchase_chunk(history));
	MemoryContextSwitchTo(before);
	MemoryContextReset(row);
}

static void
walk_given(Collected *state, CrmTable *table, const Columns *columns, ArrayType *persons, MemoryContext row)
{
	AttrNumber	history = crm_core_table_column(table, columns->history);
	AttrNumber	whole = crm_core_table_column(table, columns->whole);
	int			n;
	int64	   *ids = crm_core_walk_keys(persons, &n);
	CrmWalk		walk;

	crm_core_walk_begin(&walk, table, columns->key, false);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!crm_core_walk_find(&walk, ids[i]))
			continue;
		while (crm_core_walk_row(&walk))
		{
			bool		is_null;
			bool		is_whole = DatumGetBool(slot_getattr(walk.slot, whole, &is_null));
			Datum		chunk = slot_getattr(walk.slot, history, &is_null);

			if (!is_null)
				take_chunk(state, ids[i], chunk, is_whole, row);
		}
	}
	crm_core_walk_end(&walk);
}

static void
ask_given(Collected *state, const Columns *columns, Datum persons, MemoryContext row)
{
	static const Oid types[] = {INT8ARRAYOID};

	crm_core_spi_connect();
	crm_core_spi_query(psprintf("SELECT k.id, k.history, k.is_whole FROM (SELECT x.%s::bigint, x.%s::crm.purchase_history, coalesce(x.%s::boolean, false) FROM crm.%s x) k (id, history, is_whole) "
								"WHERE k.id = ANY ($1) AND k.history IS NOT NULL", quote_identifier(columns->key), quote_identifier(columns->history),
								quote_identifier(columns->whole), quote_identifier(columns->relation)), 1, types, &persons, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		is_null;
		HeapTuple	found = SPI_tuptable->vals[i];
		TupleDesc	shape = SPI_tuptable->tupdesc;

		take_chunk(state, DatumGetInt64(SPI_getbinval(found, shape, 1, &is_null)), SPI_getbinval(found, shape, 2, &is_null),
				   DatumGetBool(SPI_getbinval(found, shape, 3, &is_null)), row);
	}
	SPI_finish();
}

/* crm._purchase_collect_given(relation, key, history, whole, persons, questions, as_of, exponent) */
Datum
crm_purchase_collect_given(PG_FUNCTION_ARGS)
{
	char	   *relation = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Columns		columns = {
		.relation = strncmp(relation, "crm.", 4) == 0 ? relation + 4 : relation,
		.key = text_to_cstring(PG_GETARG_TEXT_PP(1)),
		.history = text_to_cstring(PG_GETARG_TEXT_PP(2)),
		.whole = text_to_cstring(PG_GETARG_TEXT_PP(3)),
	};
	Collected  *state = make_state(CurrentMemoryContext, PG_GETARG_ARRAYTYPE_P(5), PG_GETARG_DATEADT(6), PG_GETARG_INT32(7));
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "crm history", ALLOCSET_DEFAULT_SIZES);
	CrmTable	table = crm_core_table_open(columns.relation, AccessShareLock);

	if (can_walk(&table, &columns))
		walk_given(state, &table, &columns, PG_GETARG_ARRAYTYPE_P(4), row);
	else
		ask_given(state, &columns, PG_GETARG_DATUM(4), row);
	crm_core_table_close(&table);
	PG_RETURN_ARRAYTYPE_P(answer(state, get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid))));
}
