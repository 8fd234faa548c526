/*
 * segment_write.c
 *		What a run found, written for several segments together.
 *
 * Of the persons asked about the stored bitmaps say who is in; who fits and is not enters, who is in and does not
 * fit leaves.  Stays are written here, each chunk is changed once, and what is to be stored of chunks and of the
 * log goes back as sets.
 *
 * Called by crm._segment_settle() under the segments' locks.
 */
#include "segment/segment.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "rule/rule_bitmap.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(crm_segment_places);
PG_FUNCTION_INFO_V1(crm_segment_kept_of);
PG_FUNCTION_INFO_V1(crm_segment_write);

typedef struct Move
{
	int			segment;		/* its place in the list */
	int			place;			/* of the person */
	bool		is_in;
} Move;

typedef struct Run
{
	int			n_segments;
	const int32 *ids;
	CrmBitmapParts *asked;
	CrmBitmapParts *fitting;
	CrmSegmentPlaces places;
	CrmSegmentChunks chunks;
	int			n_moves;
	int			room;
	Move	   *moves;
} Run;

static CrmBitmapParts *
read_sets(ArrayType *array, int n_segments)
{
	CrmBitmapParts *sets = palloc(Max(n_segments, 1) * sizeof(CrmBitmapParts));
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &values, &nulls, &n);
	if (n != n_segments)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("%d sets of persons were given for %d segments", n, n_segments)));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the set of persons of a segment is null")));
		sets[i] = crm_rule_bitmap_read(values[i]);
	}
	return sets;
}

/* The members of a set, ascending. */
static void
list_persons(Datum persons, CrmSegmentPlaces *places)
{
	CrmBitmapWalk walk = {.parts = crm_rule_bitmap_read(persons)};
	int64		count = 0;
	int64		person;

	for (int i = 0; i < walk.parts.n; i++)
		count += walk.parts.containers[i].members;
	places->ids = palloc(Max(count, 1) * sizeof(int64));
	while (crm_rule_bitmap_next(&walk, &person))
		places->ids[places->n++] = person;
}

/* Persons with the ordinals that crm._segment_places() found. */
static void
take_places(Datum persons, ArrayType *ordinals, CrmSegmentPlaces *places)
{
	list_persons(persons, places);
	if (ArrayGetNItems(ARR_NDIM(ordinals), ARR_DIMS(ordinals)) != places->n || ARR_HASNULL(ordinals))
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("there is to be an ordinal for each of %d persons", places->n)));
	places->ordinals = palloc(Max(places->n, 1) * sizeof(int64));
	memcpy(places->ordinals, ARR_DATA_PTR(ordinals), places->n * sizeof(int64));
	for (int i = 0; i < places->n; i++)
		if (places->ordinals[i] < CRM_SEGMENT_NO_ORDINAL || places->ordinals[i] > CRM_SEGMENT_MAX_ORDINAL)
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("no person has the ordinal " INT64_FORMAT, places->ordinals[i])));
}

static void
add_move(Run *run, int segment, int place, bool is_in)
{
	if (run->n_moves == run->room)
	{
		run->room = Max(256, run->room * 2);
		run->moves = run->moves == NULL ? palloc(run->room * sizeof(Move)) :
			repalloc_huge(run->moves, (Size) run->room * sizeof(Move));
	}
	run->moves[run->n_moves++] = (Move) {.segment = segment, .place = place, .is_in = is_in};
}

/* The place of a person who is one of them; place: of one before, or the first. */
static int
find_place(const Run *run, int place, int64 person)
{
	while (place < run->places.n && run->places.ids[place] < person)
		place++;
	if (place == run->places.n || run->places.ids[place] != person)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("a person is asked about who is not among those whose ordinals were looked up")));
	return place;
}

static bool
is_kept(const Run *run, int segment, int place)
{
	int64		ordinal = run->places.ordinals[place];

	return ordinal != CRM_SEGMENT_NO_ORDINAL && crm_segment_chunks_have(&run->chunks, segment, ordinal);
}

/* Who of those asked about enters a segment and who leaves it. */
static void
compare_segment(Run *run, int segment)
{
	CrmBitmapWalk asked = {.parts = run->asked[segment]};
	CrmBitmapWalk fitting = {.parts = run->fitting[segment]};
	int64		person;
	int64		fit = 0;
	bool		has_fit = crm_rule_bitmap_next(&fitting, &fit);
	int			place = 0;

	while (crm_rule_bitmap_next(&asked, &person))
	{
		bool		fits;

		while (has_fit && fit < person)
			has_fit = crm_rule_bitmap_next(&fitting, &fit);
		fits = has_fit && fit == person;
		place = find_place(run, place, person);
		if (fits != is_kept(run, segment, place))
			add_move(run, segment, place, fits);
	}
}

static void
give_places(Run *run)
{
	bool	   *is_wanted = palloc0(Max(run->places.n, 1) * sizeof(bool));

	for (int i = 0; i < run->n_moves; i++)
		is_wanted[run->moves[i].place] |= run->moves[i].is_in;
	crm_segment_give_places(&run->places, is_wanted);
	crm_segment_read_chunks(&run->chunks, &run->places);
	pfree(is_wanted);
}

/* The stays that moves begin, or those that they end, by person and then segment: moves come segment by segment, so each goes to its person's next place. */
static CrmSegmentStay *
list_stays(const Run *run, bool is_in, int *n)
{
	int		   *next = palloc0(((Size) run->places.n + 1) * sizeof(int));
	CrmSegmentStay *stays;

	for (int i = 0; i < run->n_moves; i++)
		if (run->moves[i].is_in == is_in)
			next[run->moves[i].place + 1]++;
	for (int i = 0; i < run->places.n; i++)
		next[i + 1] += next[i];
	*n = next[run->places.n];
	stays = MemoryContextAllocHuge(CurrentMemoryContext, Max((Size) *n, 1) * sizeof(CrmSegmentStay));
	for (int i = 0; i < run->n_moves; i++)
	{
		const Move *move = &run->moves[i];

		if (move->is_in == is_in)
			stays[next[move->place]++] = (CrmSegmentStay)
			{
				.customer_id = run->places.ids[move->place],.segment_id = run->ids[move->segment]
			};
	}
	pfree(next);
	return stays;
}

static void
write_stays(const Run *run, TimestampTz at)
{
	int			n;
	CrmSegmentStay *stays = list_stays(run, false, &n);

	if (n > 0)
		crm_segment_end_stays(stays, n, at);
	pfree(stays);
	stays = list_stays(run, true, &n);
	if (n > 0)
		crm_segment_begin_stays(stays, n, at);
	pfree(stays);
}

/* ---- the answer: arrays */

typedef struct Answer
{
	TupleDesc	shape;
	Datum		values[6];
	bool		nulls[6];
} Answer;

static void
set_array(Answer *answer, int column, Datum *values, int n)
{
	Oid			element = get_element_type(TupleDescAttr(answer->shape, column)->atttypid);
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(element, &length, &by_value, &align);
	answer->values[column] = PointerGetDatum(construct_array(values, n, element, length, by_value, align));
}

/* Of each segment who moved, by id; who came and who went, by ordinal. */
static void
answer_moves(Answer *answer, const Run *run)
{
	int			n = run->n_segments;
	CrmBitmap **sets = palloc(Max(n, 1) * 3 * sizeof(CrmBitmap *));
	Datum	   *values = palloc(Max(n, 1) * 3 * sizeof(Datum));

	for (int i = 0; i < n * 3; i++)
		sets[i] = crm_rule_bitmap_make(CurrentMemoryContext);
	for (int i = 0; i < run->n_moves; i++)
	{
		const Move *move = &run->moves[i];

		crm_rule_bitmap_add(sets[move->segment], run->places.ids[move->place]);
		crm_rule_bitmap_add(sets[(move->is_in ? n : n * 2) + move->segment], run->places.ordinals[move->place]);
	}
	for (int i = 0; i < n * 3; i++)
		values[i] = crm_rule_bitmap_flatten(&sets[i]->parts);
	for (int column = 0; column < 3; column++)
		set_array(answer, column, values + column * n, n);
}

static void
answer_chunks(Answer *answer, const Run *run)
{
	const CrmSegmentChunks *chunks = &run->chunks;
	int64		n_all = chunks->n_numbers * run->n_segments;
	Datum	   *values;
	int			n = 0;

	for (int64 i = 0; i < n_all; i++)
		n += chunks->chunks[i].is_changed;
	values = palloc(Max(n, 1) * 3 * sizeof(Datum));
	n = 0;
	for (int column = 3; column < 6; column++)
	{
		n = 0;
		for (int64 i = 0; i < n_all; i++)
		{
			int64		number = i / run->n_segments;

			if (!chunks->chunks[i].is_changed)
				continue;
			values[n++] = column == 3 ? Int32GetDatum(run->ids[i % run->n_segments]) : column == 4 ? Int64GetDatum(number) :
				crm_segment_chunk_value(&chunks->chunks[i], number);
		}
		set_array(answer, column, values, n);
	}
}

/* Reads segments, whom they were asked about, and where these stand: arguments 0, 1, and from a place on persons and ordinals. */
static void
begin_run(Run *run, FunctionCallInfo fcinfo, int persons)
{
	ArrayType  *segments = PG_GETARG_ARRAYTYPE_P_COPY(0);

	if (ARR_NDIM(segments) == 1)
		ARR_LBOUND(segments)[0] = 1;	/* places in it are told by array_position() */
	if (ARR_HASNULL(segments))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a segment is null")));
	run->n_segments = ArrayGetNItems(ARR_NDIM(segments), ARR_DIMS(segments));
	run->ids = (const int32 *) ARR_DATA_PTR(segments);
	run->asked = read_sets(PG_GETARG_ARRAYTYPE_P(1), run->n_segments);
	run->chunks = (CrmSegmentChunks)
	{
		.context = CurrentMemoryContext,.segments = PointerGetDatum(segments),.n_segments = run->n_segments
	};
	take_places(PG_GETARG_DATUM(persons), PG_GETARG_ARRAYTYPE_P(persons + 1), &run->places);
	crm_segment_read_chunks(&run->chunks, &run->places);
}

/* crm._segment_places(persons); null: not along the indexes */
Datum
crm_segment_places(PG_FUNCTION_ARGS)
{
	CrmSegmentPlaces places = {0};

	if (!crm_segment_tables_are_plain())
		PG_RETURN_NULL();
	list_persons(PG_GETARG_DATUM(0), &places);
	places.ordinals = palloc(Max(places.n, 1) * sizeof(int64));
	crm_segment_find_places(&places);
	PG_RETURN_ARRAYTYPE_P(construct_array((Datum *) places.ordinals, places.n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* crm._segment_kept_of(segments, asked, persons, places) */
Datum
crm_segment_kept_of(PG_FUNCTION_ARGS)
{
	Run			run = {0};
	Datum	   *sets;
	int16		length;
	bool		by_value;
	char		align;
	Oid			type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));

	begin_run(&run, fcinfo, 2);
	sets = palloc(Max(run.n_segments, 1) * sizeof(Datum));
	for (int i = 0; i < run.n_segments; i++)
	{
		CrmBitmapWalk asked = {.parts = run.asked[i]};
		CrmBitmap  *kept = crm_rule_bitmap_make(CurrentMemoryContext);
		int64		person;
		int			place = 0;

		while (crm_rule_bitmap_next(&asked, &person))
		{
			place = find_place(&run, place, person);
			if (is_kept(&run, i, place))
				crm_rule_bitmap_add(kept, person);
		}
		sets[i] = crm_rule_bitmap_flatten(&kept->parts);
	}
	get_typlenbyvalalign(type, &length, &by_value, &align);
	PG_RETURN_ARRAYTYPE_P(construct_array(sets, run.n_segments, type, length, by_value, align));
}

/* crm._segment_write(segments, asked, fitting, persons, places, at) */
Datum
crm_segment_write(PG_FUNCTION_ARGS)
{
	Run			run = {0};
	Answer		answer = {.shape = crm_core_row_shape(fcinfo)};

	begin_run(&run, fcinfo, 3);
	run.fitting = read_sets(PG_GETARG_ARRAYTYPE_P(2), run.n_segments);
	for (int i = 0; i < run.n_segments; i++)
		compare_segment(&run, i);
	give_places(&run);
	for (int i = 0; i < run.n_moves; i++)
		crm_segment_chunks_set(&run.chunks, run.moves[i].segment, run.places.ordinals[run.moves[i].place], run.moves[i].is_in);
	write_stays(&run, PG_GETARG_TIMESTAMPTZ(5));
	answer_moves(&answer, &run);
	answer_chunks(&answer, &run);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(answer.shape, answer.values, answer.nulls)));
}
