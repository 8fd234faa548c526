/*
 * purchase_line_collect.c
 *		Everybody's packed lines in one walk: of each question the persons whose lines meet it.
 *
 * "At least one" needs nothing kept a person but a bit, nor does who has no other chunk, or meets already what no other
 * line can undo; of anybody else a tally is kept, put together chunk by chunk.  Whoever has no such line meets no question: what absence
 * meets is asked turned around.
 *
 * The state is an expanded object behind the type bytea, so that partial states can travel.
 */
#include "purchase/purchase_lines.h"

#include "miscadmin.h"
#include "rule/rule_bitmap.h"
#include "utils/datum.h"
#include "utils/date.h"
#include "utils/expandeddatum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#define WALK_MAGIC 0x43524d4c

PG_FUNCTION_INFO_V1(crm_purchase_lines_collect_step);
PG_FUNCTION_INFO_V1(crm_purchase_lines_collect_merge);
PG_FUNCTION_INFO_V1(crm_purchase_lines_collect_final);

#define SH_PREFIX tallies
#define SH_ELEMENT_TYPE CrmLineTally
#define SH_KEY_TYPE int64
#define SH_KEY person
#define SH_HASH_KEY(table, key) crm_rule_near_hash(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* A question and who was found: those who meet it whatever comes, and what was found of others. */
typedef struct Asked
{
	CrmLineQuestion question;
	bool		stays_met;		/* whatever other lines there are */
	CrmBitmap  *met;
	tallies_hash *tallies;		/* null: one line is enough */
	CrmLineTally of_chunk;		/* of the chunk that is walked; keeps its room */
	bool		is_settled;		/* so far in the chunk: its person is met */
} Asked;

typedef struct Walk
{
	ExpandedObjectHeader header;
	int			magic;
	int32		as_of;
	int			exponent;
	int32		from;			/* the widest window begins */
	ArrayType  *questions;		/* as they came */
	bool		is_shared_known;
	CrmBitmapParts shared;		/* of whom there may be several chunks */
	int			n;
	Asked	   *asked;
} Walk;

/* The state as bytes: head, questions, and of each question how many are met and they, how many tallies and those, each before its values. */
typedef struct FlatHead
{
	int32		vl_len_;
	int32		as_of;
	int32		exponent;
	int32		unused;
} FlatHead;

static Size flat_size(ExpandedObjectHeader *header);
static void flatten_into(ExpandedObjectHeader *header, void *result, Size allocated);

static const ExpandedObjectMethods methods = {flat_size, flatten_into};

static int64
count_met(const Asked *asked)
{
	int64		n = 0;

	for (int i = 0; i < asked->met->parts.n; i++)
		n += asked->met->parts.containers[i].members;
	return n;
}

static int64
count_tallies(const Asked *asked)
{
	return asked->tallies == NULL ? 0 : asked->tallies->members;
}

static int64
count_values(const Asked *asked)
{
	tallies_iterator iterator;
	CrmLineTally *tally;
	int64		n = 0;

	if (asked->tallies == NULL)
		return 0;
	tallies_start_iterate(asked->tallies, &iterator);
	while ((tally = tallies_iterate(asked->tallies, &iterator)) != NULL)
	{
		crm_purchase_line_tidy(&asked->question, tally);
		n += tally->n_values;
	}
	return n;
}

static Size
flat_size(ExpandedObjectHeader *header)
{
	Walk	   *walk = (Walk *) header;
	Size		size = sizeof(FlatHead) + MAXALIGN(VARSIZE(walk->questions));

	for (int i = 0; i < walk->n; i++)
		size += (2 + count_met(&walk->asked[i]) + count_values(&walk->asked[i])) * sizeof(int64) + count_tallies(&walk->asked[i]) * sizeof(CrmLineTally);
	if (size > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("lines of a partial walk do not fit one value")));
	return size;
}

static char *
flatten_met(const Asked *asked, char *at)
{
	CrmBitmapWalk persons = {.parts = asked->met->parts};
	int64		person;

	*(int64 *) at = count_met(asked);
	at += sizeof(int64);
	while (crm_rule_bitmap_next(&persons, &person))
	{
		*(int64 *) at = person;
		at += sizeof(int64);
	}
	return at;
}

static char *
flatten_tallies(const Asked *asked, char *at)
{
	tallies_iterator iterator;
	CrmLineTally *tally;

	*(int64 *) at = count_tallies(asked);
	at += sizeof(int64);
	if (asked->tallies == NULL)
		return at;
	tallies_start_iterate(asked->tallies, &iterator);
	while ((tally = tallies_iterate(asked->tallies, &iterator)) != NULL)
	{
		*(CrmLineTally *) at = *tally;
		at += sizeof(CrmLineTally);
		if (tally->n_values > 0)
			memcpy(at, tally->values, tally->n_values * sizeof(int64));
		at += tally->n_values * sizeof(int64);
	}
	return at;
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated)
{
	Walk	   *walk = (Walk *) header;
	FlatHead   *head = result;
	char	   *at = (char *) (head + 1);

	memset(result, 0, allocated);
	SET_VARSIZE(result, allocated);
	head->as_of = walk->as_of;
	head->exponent = walk->exponent;
	memcpy(at, walk->questions, VARSIZE(walk->questions));
	at += MAXALIGN(VARSIZE(walk->questions));
	for (int i = 0; i < walk->n; i++)
		at = flatten_tallies(&walk->asked[i], flatten_met(&walk->asked[i], at));
}

static Asked
read_question(Datum row, TupleDesc shape, int exponent, MemoryContext context)
{
	Asked		asked = {0};

	crm_purchase_line_question(row, shape, exponent, &asked.question);
	asked.stays_met = crm_purchase_stays_met(&asked.question.asked);
	asked.met = crm_rule_bitmap_make(context);
	if (!crm_purchase_is_at_least_one(&asked.question.asked))
		asked.tallies = tallies_create(context, 1024, NULL);
	return asked;
}

static Walk *
make_walk(MemoryContext parent, ArrayType *questions, int32 as_of, int exponent)
{
	MemoryContext own = AllocSetContextCreate(parent, "crm lines", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(own);
	TupleDesc	shape = lookup_rowtype_tupdesc(ARR_ELEMTYPE(questions), -1);
	Walk	   *walk = palloc0(sizeof(Walk));
	Datum	   *rows;
	bool	   *nulls;

	EOH_init_header(&walk->header, &methods, own);
	walk->magic = WALK_MAGIC;
	walk->as_of = as_of;
	walk->exponent = exponent;
	walk->from = PG_INT32_MAX;
	walk->questions = palloc(VARSIZE(questions));
	memcpy(walk->questions, questions, VARSIZE(questions));
	deconstruct_array(walk->questions, ARR_ELEMTYPE(questions), -1, false, TYPALIGN_DOUBLE, &rows, &nulls, &walk->n);
	walk->asked = palloc0(Max(walk->n, 1) * sizeof(Asked));
	for (int i = 0; i < walk->n; i++)
	{
		CrmEnsure(!nulls[i], "a question about lines is one");
		walk->asked[i] = read_question(rows[i], shape, exponent, own);
		walk->from = Min(walk->from, walk->asked[i].question.asked.from);
	}
	ReleaseTupleDesc(shape);
	MemoryContextSwitchTo(before);
	return walk;
}

static CrmLineTally *
find_tally(Asked *asked, int64 person)
{
	bool		is_known;
	CrmLineTally *tally = tallies_insert(asked->tallies, person, &is_known);

	if (!is_known)
		*tally = (CrmLineTally) {.person = person, .status = tally->status};
	return tally;
}

/* One line more of the chunk that is walked. */
static void
add_line(Walk *walk, int64 person, const CrmLine *line)
{
	for (int i = 0; i < walk->n; i++)
	{
		Asked	   *asked = &walk->asked[i];

		if (asked->is_settled || !crm_purchase_line_is_asked(&asked->question, line))
			continue;
		if (asked->tallies != NULL)
			crm_purchase_line_tally(&asked->question, line, &asked->of_chunk, walk->header.eoh_context);
		else
		{
			crm_rule_bitmap_add(asked->met, person);
			asked->is_settled = true;
		}
	}
}

static bool
is_met(const Walk *walk, const Asked *asked, const CrmLineTally *tally)
{
	return crm_purchase_meets(&asked->question.asked, crm_purchase_line_number(&asked->question, tally, walk->as_of));
}

/* What a chunk, or another walk, says of a person, beside what is known of him; is_whole: nothing is, nor will be. */
static void
add_found(Walk *walk, Asked *asked, CrmLineTally *found, bool is_whole)
{
	if (found->lines == 0)
		return;
	if ((is_whole || asked->stays_met) && is_met(walk, asked, found))
		crm_rule_bitmap_add(asked->met, found->person);
	else if (!is_whole)
		crm_purchase_line_tally_both(&asked->question, found, find_tally(asked, found->person), walk->header.eoh_context);
}

static void
add_chunk(Walk *walk, int64 person, Datum chunk)
{
	CrmLinesCursor cursor;
	bool		is_whole;

	crm_purchase_lines_begin(&cursor, chunk);
	if (cursor.left == 0 || cursor.last_day < walk->from)
		return;
	while (crm_purchase_lines_next(&cursor))
		add_line(walk, person, &cursor.line);
	is_whole = walk->is_shared_known && !crm_rule_bitmap_has(&walk->shared, person);
	for (int i = 0; i < walk->n; i++)
	{
		CrmLineTally *of_chunk = &walk->asked[i].of_chunk;

		of_chunk->person = person;
		add_found(walk, &walk->asked[i], of_chunk, is_whole);
		*of_chunk = (CrmLineTally) {.values = of_chunk->values, .room = of_chunk->room};
		walk->asked[i].is_settled = false;
	}
}

static const char *
add_met(Asked *asked, const char *at)
{
	int64		n = *(const int64 *) at;

	at += sizeof(int64);
	for (int64 i = 0; i < n; i++, at += sizeof(int64))
		crm_rule_bitmap_add(asked->met, *(const int64 *) at);
	return at;
}

static const char *
add_tallies(Walk *walk, Asked *asked, const char *at)
{
	int64		n = *(const int64 *) at;

	at += sizeof(int64);
	for (int64 i = 0; i < n; i++)
	{
		CrmLineTally other = *(const CrmLineTally *) at;

		at += sizeof(CrmLineTally);
		other.values = (int64 *) at;
		at += other.n_values * sizeof(int64);
		add_found(walk, asked, &other, false);
	}
	return at;
}

/* Adds the state that bytes hold. */
static void
add_flat(Walk *walk, const FlatHead *head)
{
	const ArrayType *questions = (const ArrayType *) (head + 1);
	const char *at = (const char *) questions + MAXALIGN(VARSIZE(questions));

	for (int i = 0; i < walk->n; i++)
		at = add_tallies(walk, &walk->asked[i], add_met(&walk->asked[i], at));
}

/* A state that can be written to. */
static Walk *
thaw(Datum value, MemoryContext parent)
{
	FlatHead   *head;
	Walk	   *walk;

	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
	{
		walk = (Walk *) DatumGetEOHP(value);
		CrmEnsure(walk->magic == WALK_MAGIC, "the state of a walk is one");
		return walk;
	}
	head = (FlatHead *) PG_DETOAST_DATUM(value);
	walk = make_walk(parent, (ArrayType *) (head + 1), head->as_of, head->exponent);
	add_flat(walk, head);
	return walk;
}

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a step of an aggregate was called by itself")));
	return context;
}

/* Who may have several chunks, kept as long as the walk. */
static void
take_shared(Walk *walk, Datum shared)
{
	MemoryContext before = MemoryContextSwitchTo(walk->header.eoh_context);

	walk->shared = crm_rule_bitmap_read(datumCopy(PointerGetDatum(PG_DETOAST_DATUM(shared)), false, -1));
	walk->is_shared_known = true;
	MemoryContextSwitchTo(before);
}

/* The walk that a step goes on with. */
static Walk *
walk_of(FunctionCallInfo fcinfo, MemoryContext context)
{
	Walk	   *walk;

	if (!PG_ARGISNULL(0))
		return thaw(PG_GETARG_DATUM(0), context);
	walk = make_walk(context, PG_GETARG_ARRAYTYPE_P(3), PG_GETARG_DATEADT(4), PG_GETARG_INT32(5));
	if (!PG_ARGISNULL(6))
		take_shared(walk, PG_GETARG_DATUM(6));
	return walk;
}

/* crm._purchase_lines_collect(person, lines, questions, as_of, exponent, shared): one chunk more */
Datum
crm_purchase_lines_collect_step(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Walk	   *walk;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(4) || PG_ARGISNULL(5))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	walk = walk_of(fcinfo, context);
	add_chunk(walk, PG_GETARG_INT64(1), PG_GETARG_DATUM(2));
	PG_RETURN_DATUM(EOHPGetRWDatum(&walk->header));
}

Datum
crm_purchase_lines_collect_merge(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Walk	   *walk;

	if (PG_ARGISNULL(1) && PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (PG_ARGISNULL(0))
		walk = thaw(PG_GETARG_DATUM(1), context);
	else
	{
		walk = thaw(PG_GETARG_DATUM(0), context);
		add_flat(walk, (FlatHead *) PG_DETOAST_DATUM(PG_GETARG_DATUM(1)));
	}
	PG_RETURN_DATUM(EOHPGetRWDatum(&walk->header));
}

/* Who meets a question by what was found so far; the walk may go on. */
static Datum
who_meets(const Walk *walk, const Asked *asked)
{
	CrmBitmap  *met = crm_rule_bitmap_make(CurrentMemoryContext);
	tallies_iterator iterator;
	const CrmLineTally *tally;

	CHECK_FOR_INTERRUPTS();
	crm_rule_bitmap_add_parts(met, &asked->met->parts);
	if (asked->tallies != NULL)
	{
		tallies_start_iterate(asked->tallies, &iterator);
		while ((tally = tallies_iterate(asked->tallies, &iterator)) != NULL)
			if (is_met(walk, asked, tally))
				crm_rule_bitmap_add(met, tally->person);
	}
	return crm_rule_bitmap_flatten(&met->parts);
}

Datum
crm_purchase_lines_collect_final(PG_FUNCTION_ARGS)
{
	Oid			type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
	Walk	   *walk;
	Datum	   *results;

	/* what is in a state is trusted: only an aggregate can have made it */
	aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	walk = thaw(PG_GETARG_DATUM(0), CurrentMemoryContext);
	results = palloc(Max(walk->n, 1) * sizeof(Datum));
	for (int i = 0; i < walk->n; i++)
		results[i] = who_meets(walk, &walk->asked[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(results, walk->n, type, -1, false, TYPALIGN_DOUBLE));
}
