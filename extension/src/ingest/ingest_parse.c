/*
 * ingest_parse.c
 *		crm._ingest_parse(): chunks of the raw inbox in, a row a fact or a faulty line out.
 *
 * The caller says by the columns it asks for what is to be built (ordinal, chunk, at, line_no,
 * next_at, next_line, external_id, id_hash, content_hash, code, field, remedy, ref, fact,
 * consents): without fact and ref the records are checked only.  Facts are built up to
 * max_facts a call; the last row, without ordinal and code, is where the next call begins.
 *
 *		chunk at line	code   fact
 *		0	  0	 2		NULL   (order A)
 *		0	  97 4		RM204  NULL			a line of B cannot be read
 *		0	  140 5		NULL   NULL			the end: B is not stored, go on at byte 140
 *
 * An order in CSV is its run of neighbouring lines with one number; numbers that come in
 * several runs are passed over (skip) and taken at the batch's end, their runs side by side
 * (is_gathered).  A line that is at fault spoils its order: what is left of it is not stored.
 */
#include "ingest/ingest.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pure/hash.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define MEMORY_LIMIT (256 * 1024)	/* of neighbouring orders, before it is given back */
#define MAX_COLUMNS 16

typedef enum OutColumn
{
	C_ORDINAL, C_CHUNK, C_AT, C_LINE_NO, C_NEXT_AT, C_NEXT_LINE, C_EXTERNAL_ID, C_ID_HASH,
	C_CONTENT_HASH, C_CODE, C_FIELD, C_REMEDY, C_REF, C_FACT, C_CONSENTS, C_COUNT
} OutColumn;

static const char *const column_names[C_COUNT] = {
	"ordinal", "chunk", "at", "line_no", "next_at", "next_line", "external_id", "id_hash",
	"content_hash", "code", "field", "remedy", "ref", "fact", "consents"
};

/* crm.ingest_input, taken apart. */
typedef struct Input
{
	char	   *format;
	char	   *header;
	int			n_chunks;
	Datum	   *chunks;
	Datum	   *inbox_ids;
	Datum	   *first_lines;
	bool		has_header;		/* the first chunk begins with it */
	int			start_at;
	int			start_line;
	int			max_facts;
	bool		is_gathered;
	int			n_skip;
	int64	   *skip;			/* sorted */
	int			n_only;
	int64	   *only;			/* sorted; none: all */
	int			n_only_lines;
	int64	   *only_lines;		/* sorted; none: all */
} Input;

typedef struct Position
{
	int			chunk;
	int			at;
	int			line;
} Position;

typedef struct Run
{
	CrmIngestParser parser;
	Input		in;
	CrmIngestCsv *csv;
	const char *text;			/* of the current chunk */
	int			length;
	int			base;			/* where its reading began */
	Position	here;			/* the record in the slots */
	Position	next;			/* the record behind it */
	int			n_facts;
	int			n_lines;
	Tuplestorestate *out;
	TupleDesc	desc;
	int			place[C_COUNT];
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];
} Run;

typedef struct Gathered
{
	uint64		id_hash;		/* key */
	CrmIngestOrder *order;
} Gathered;

PG_FUNCTION_INFO_V1(crm_ingest_parse);

static Datum
attribute(HeapTupleHeader input, const char *name, bool *is_null)
{
	return GetAttributeByName(input, name, is_null);
}

static char *
text_attribute(HeapTupleHeader input, const char *name)
{
	bool		is_null;
	Datum		value = attribute(input, name, &is_null);

	return is_null ? NULL : TextDatumGetCString(value);
}

static int
int_attribute(HeapTupleHeader input, const char *name, int otherwise)
{
	bool		is_null;
	Datum		value = attribute(input, name, &is_null);

	return is_null ? otherwise : DatumGetInt32(value);
}

static bool
bool_attribute(HeapTupleHeader input, const char *name)
{
	bool		is_null;
	Datum		value = attribute(input, name, &is_null);

	return !is_null && DatumGetBool(value);
}

static Datum *
array_attribute(HeapTupleHeader input, const char *name, Oid type, int *count)
{
	bool		is_null;
	Datum		value = attribute(input, name, &is_null);
	Datum	   *elements;
	bool	   *nulls;
	int16		length;
	bool		by_value;
	char		align;

	*count = 0;
	if (is_null)
		return NULL;
	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(DatumGetArrayTypeP(value), type, length, by_value, align, &elements, &nulls,
					  count);
	for (int i = 0; i < *count; i++)
		CrmEnsure(!nulls[i], "an array of the parser's input holds nulls");
	return elements;
}

static int
compare_int64(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static int64 *
sorted_attribute(HeapTupleHeader input, const char *name, int *count)
{
	Datum	   *elements = array_attribute(input, name, INT8OID, count);
	int64	   *numbers = palloc(sizeof(int64) * Max(*count, 1));

	for (int i = 0; i < *count; i++)
		numbers[i] = DatumGetInt64(elements[i]);
	qsort(numbers, *count, sizeof(int64), compare_int64);
	return numbers;
}

static bool
contains(const int64 *numbers, int count, int64 number)
{
	return count > 0 && bsearch(&number, numbers, count, sizeof(int64), compare_int64) != NULL;
}

static void
take_input(Run *run, HeapTupleHeader input)
{
	Input	   *in = &run->in;
	int			n;

	in->format = text_attribute(input, "format");
	in->header = text_attribute(input, "header");
	in->chunks = array_attribute(input, "payloads", BYTEAOID, &in->n_chunks);
	in->inbox_ids = array_attribute(input, "inbox_ids", INT8OID, &n);
	CrmEnsure(n == in->n_chunks, "the parser's input has not one inbox id a chunk");
	in->first_lines = array_attribute(input, "first_lines", INT4OID, &n);
	CrmEnsure(n == in->n_chunks, "the parser's input has not one line number a chunk");
	in->has_header = bool_attribute(input, "has_header");
	in->start_at = int_attribute(input, "start_at", 0);
	in->start_line = int_attribute(input, "start_line", 1);
	in->max_facts = int_attribute(input, "max_facts", 1);
	in->is_gathered = bool_attribute(input, "is_gathered");
	in->skip = sorted_attribute(input, "skip", &in->n_skip);
	in->only = sorted_attribute(input, "only_ids", &in->n_only);
	in->only_lines = sorted_attribute(input, "only_lines", &in->n_only_lines);
}

/* The parser proper: source, mapping, how its texts are written. */
static void
start_parser(Run *run, HeapTupleHeader input)
{
	CrmIngestParser *p = &run->parser;
	char	   *entity = text_attribute(input, "entity");
	char	   *encoding = text_attribute(input, "encoding");
	bool		is_null;
	Datum		spec = attribute(input, "spec", &is_null);
	Datum		received_at;
	bool		is_undated;

	p->memory = CurrentMemoryContext;
	p->fact_memory = AllocSetContextCreate(p->memory, "crm intake fact", ALLOCSET_DEFAULT_SIZES);
	p->source_id = int_attribute(input, "source_id", 0);
	p->entity = entity ? crm_ingest_entity(entity) : CRM_INGEST_N_ENTITIES;
	CrmEnsure(p->entity != CRM_INGEST_N_ENTITIES, "the parser was asked for an unknown entity");
	p->is_csv = strcmp(run->in.format, "csv") == 0;
	p->is_gbk = encoding != NULL && strcmp(encoding, "gbk") == 0;
	p->is_history = bool_attribute(input, "is_history");
	received_at = attribute(input, "received_at", &is_undated);
	p->received_at = is_undated ? crm_core_clock_now() : DatumGetTimestampTz(received_at);
	p->spec = crm_ingest_spec_compile(p->entity, is_null ? NULL : DatumGetJsonbP(spec), p->is_csv);
	initStringInfo(&p->digest);
	crm_ingest_load_source(p);
	if (p->is_csv)
		run->csv = crm_ingest_csv_begin(p, run->in.header,
										run->in.header ? strlen(run->in.header) : 0);
}

/* Which columns the caller asked for, and the shapes that these need. */
static void
start_output(Run *run, ReturnSetInfo *result)
{
	CrmIngestParser *p = &run->parser;

	run->out = result->setResult;
	run->desc = result->setDesc;
	CrmEnsure(run->desc->natts <= MAX_COLUMNS, "too many columns asked of the parser");
	for (int c = 0; c < C_COUNT; c++)
	{
		run->place[c] = -1;
		for (int i = 0; i < run->desc->natts; i++)
			if (strcmp(NameStr(TupleDescAttr(run->desc, i)->attname), column_names[c]) == 0)
				run->place[c] = i;
	}
	p->identifier = crm_ingest_shape_named("identifier_value");
	if (run->place[C_FACT] < 0)
		return;
	p->wants_facts = true;
	p->fact = crm_ingest_shape_open(TupleDescAttr(run->desc, run->place[C_FACT])->atttypid);
	p->ref = crm_ingest_shape_named("record_ref");
	if (p->entity == CRM_INGEST_ORDER)
		p->line = crm_ingest_shape_named("order_line_fact");
	if (run->place[C_CONSENTS] >= 0)
		p->consent = crm_ingest_shape_open(get_element_type(
			TupleDescAttr(run->desc, run->place[C_CONSENTS])->atttypid));
}

static void
put(Run *run, OutColumn column, Datum value)
{
	int			place = run->place[column];

	if (place >= 0)
	{
		run->values[place] = value;
		run->nulls[place] = false;
	}
}

static void
put_text(Run *run, OutColumn column, const char *text)
{
	if (text != NULL && run->place[column] >= 0)
		put(run, column, CStringGetTextDatum(text));
}

static void
begin_row(Run *run, const Position *from, int line_no, const Position *behind)
{
	memset(run->nulls, true, sizeof(run->nulls));
	put(run, C_CHUNK, Int32GetDatum(from->chunk));
	put(run, C_AT, Int32GetDatum(from->at));
	put(run, C_LINE_NO, Int32GetDatum(line_no));
	put(run, C_NEXT_AT, Int32GetDatum(behind->at));
	put(run, C_NEXT_LINE, Int32GetDatum(behind->line));
}

static void
end_row(Run *run)
{
	tuplestore_putvalues(run->out, run->desc, run->values, run->nulls);
}

static void
put_id(Run *run, const CrmIngestBuilt *built)
{
	if (built->external_id)
	{
		put(run, C_EXTERNAL_ID, built->external_id);
		put(run, C_ID_HASH, Int64GetDatum((int64) built->id_hash));
	}
}

/* A line or a fact that is refused. */
static void
emit_fault(Run *run, const CrmIngestBuilt *built, const Position *from, int line_no)
{
	CrmIngestParser *p = &run->parser;
	MemoryContext old = MemoryContextSwitchTo(p->fact_memory);

	begin_row(run, from, line_no, &run->next);
	put_id(run, built);
	put_text(run, C_CODE, crm_ingest_fault_code(p->fault));
	put_text(run, C_FIELD, p->fault_field);
	put_text(run, C_REMEDY, p->fault_remedy);
	end_row(run);
	if (p->fact != NULL)
	{
		crm_ingest_shape_clear(p->fact);
		crm_ingest_shape_clear(p->ref);
		if (p->line != NULL)
			crm_ingest_shape_clear(p->line);
	}
	MemoryContextSwitchTo(old);
}

static void
emit_fact(Run *run, const CrmIngestBuilt *built, const Position *from, int line_no,
		  const Position *behind)
{
	begin_row(run, from, line_no, behind);
	put(run, C_ORDINAL, Int32GetDatum(run->parser.ordinal));
	put_id(run, built);
	put(run, C_CONTENT_HASH, built->content_hash);
	if (built->ref)
		put(run, C_REF, built->ref);
	if (built->fact)
		put(run, C_FACT, built->fact);
	if (built->consents)
		put(run, C_CONSENTS, built->consents);
	end_row(run);
}

static void
emit_end(Run *run, const Position *at)
{
	begin_row(run, at, at->line, at);
	end_row(run);
}

static void
open_chunk(Run *run, int chunk)
{
	Input	   *in = &run->in;
	bytea	   *payload = DatumGetByteaPP(in->chunks[chunk]);

	run->base = chunk == 0 ? in->start_at : 0;
	run->length = VARSIZE_ANY_EXHDR(payload);
	CrmEnsure(run->base <= run->length, "the parser was asked to begin behind its chunk");
	run->text = VARDATA_ANY(payload);
	run->next = (Position) {chunk, run->base,
		chunk == 0 && run->base > 0 ? in->start_line : DatumGetInt32(in->first_lines[chunk])};
	run->parser.chunk = chunk;
	run->parser.inbox_id = DatumGetInt64(in->inbox_ids[chunk]);
	if (run->csv != NULL)
		crm_ingest_csv_chunk(run->csv, run->text + run->base, run->length - run->base,
							 run->next.line);
}

/* Reads the next line of NDJSON, or the whole text of a single call. */
static bool
next_json(Run *run)
{
	CrmIngestParser *p = &run->parser;
	const char *text = run->text + run->next.at;
	const char *end = run->text + run->length;
	const char *stop;
	int			length;

	while (true)
	{
		if (text >= end)
			return false;
		stop = strcmp(run->in.format, "json") == 0 ? NULL : memchr(text, '\n', end - text);
		run->here = (Position) {p->chunk, text - run->text, run->next.line};
		run->next = (Position) {p->chunk, (stop ? stop + 1 : end) - run->text, run->next.line + 1};
		length = (stop ? stop : end) - text;
		if (run->here.line == 1 && length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		{
			text += 3;
			length -= 3;
		}
		if (strspn(text, " \t\r") < length || run->in.format[0] == 'j')
			break;
		text = run->text + run->next.at;
	}
	p->line_no = run->here.line;
	if (crm_ingest_to_utf8(p, &text, &length))
		crm_ingest_json_read(p, text, length);
	return true;
}

static bool
next_csv(Run *run)
{
	int			at;

	if (!crm_ingest_csv_next(&run->parser, run->csv, &at))
		return false;
	run->here = (Position) {run->parser.chunk, run->base + at, run->parser.line_no};
	crm_ingest_csv_position(run->csv, &run->next.at, &run->next.line);
	run->next.at += run->base;
	return true;
}

static void
apply_constants(CrmIngestParser *p)
{
	for (int i = 0; i < p->spec->n_constants; i++)
	{
		const CrmIngestConstant *constant = &p->spec->constants[i];

		crm_ingest_put_slot(p, &constant->target,
							(CrmIngestSlot) {constant->text, constant->length, CRM_SLOT_TEXT, NULL});
	}
}

/* Reads the next record into the slots, with its fault if it has one; false at the chunk's end. */
static bool
next_record(Run *run)
{
	CHECK_FOR_INTERRUPTS();
	crm_ingest_reset(&run->parser);
	if (!(run->csv != NULL ? next_csv(run) : next_json(run)))
		return false;
	run->n_lines++;
	if (run->parser.fault == CRM_FAULT_NONE)
		apply_constants(&run->parser);
	return true;
}

static bool
is_full(const Run *run)
{
	return run->n_facts >= run->in.max_facts || run->n_lines > CRM_INGEST_MAX_LINES;
}

static bool
is_wanted(const Run *run, const CrmIngestBuilt *built, int line_no)
{
	const Input *in = &run->in;

	return !contains(in->skip, in->n_skip, (int64) built->id_hash) &&
		(in->n_only == 0 || contains(in->only, in->n_only, (int64) built->id_hash)) &&
		(in->n_only_lines == 0 || contains(in->only_lines, in->n_only_lines, line_no));
}

/* The record's id, as far as it can be told; without a fault when it cannot. */
static void
peek_id(Run *run, CrmIngestBuilt *built)
{
	const CrmIngestSlot *slot = &run->parser.slots[F_EXTERNAL_ID];
	MemoryContext old;

	*built = (CrmIngestBuilt) {0};
	if ((slot->kind != CRM_SLOT_TEXT && slot->kind != CRM_SLOT_NUMBER) || slot->length > 200)
		return;
	old = MemoryContextSwitchTo(run->parser.fact_memory);
	built->external_id = crm_ingest_text(slot->text, slot->length);
	built->id_hash = crm_hash_bytes(slot->text, slot->length);
	MemoryContextSwitchTo(old);
}

/* Every entity but orders in CSV: a record is a fact. */
static bool
build_record(Run *run, CrmIngestBuilt *built)
{
	CrmIngestParser *p = &run->parser;
	CrmIngestOrder *order;

	if (p->fault != CRM_FAULT_NONE)
		return false;
	if (p->entity != CRM_INGEST_ORDER)
		return crm_ingest_build(p, built);
	order = crm_ingest_order_begin(p);
	return crm_ingest_order_add(p, order) && crm_ingest_order_build(p, order, built);
}

static void
parse_records(Run *run)
{
	CrmIngestParser *p = &run->parser;

	for (int chunk = 0; chunk < run->in.n_chunks; chunk++)
	{
		open_chunk(run, chunk);
		if (run->csv != NULL && chunk == 0 && run->in.has_header && run->base == 0)
			next_record(run);
		while (true)
		{
			CrmIngestBuilt built;
			Position	start = run->next;

			if (is_full(run))
			{
				emit_end(run, &start);
				return;
			}
			MemoryContextReset(p->fact_memory);
			if (!next_record(run))
				break;
			peek_id(run, &built);
			if (!is_wanted(run, &built, p->line_no))
				continue;
			p->ordinal++;
			run->n_facts++;
			if (build_record(run, &built))
				emit_fact(run, &built, &run->here, p->line_no, &run->next);
			else
				emit_fault(run, &built, &run->here, p->line_no);
		}
	}
	emit_end(run, &(Position) {run->in.n_chunks, 0, 1});
}

/* Turns a complete order into a row, unless a line of it was at fault. */
static void
finish_order(Run *run, CrmIngestOrder *order, const Position *from, const Position *behind)
{
	CrmIngestParser *p = &run->parser;
	CrmIngestBuilt built = {0};
	Position	next = run->next;

	p->ordinal++;
	run->n_facts++;
	p->fault = CRM_FAULT_NONE;
	resetStringInfo(&p->digest);
	run->next = *behind;
	if (crm_ingest_order_build(p, order, &built))
		emit_fact(run, &built, from, crm_ingest_order_line(order), behind);
	else if (p->fault != CRM_FAULT_NONE)
		emit_fault(run, &built, from, crm_ingest_order_line(order));
	run->next = next;
}

/* Takes the line in the slots into its order. */
static void
add_line(Run *run, CrmIngestOrder *order, const CrmIngestBuilt *built)
{
	CrmIngestParser *p = &run->parser;

	if (p->fault == CRM_FAULT_NONE && crm_ingest_order_add(p, order))
		return;
	crm_ingest_order_spoil(order);
	emit_fault(run, built, &run->here, p->line_no);
}

/* A line without a number belongs to no order. */
static void
emit_stray(Run *run, const CrmIngestBuilt *built)
{
	CrmIngestParser *p = &run->parser;

	if (run->in.n_only_lines > 0 && !is_wanted(run, built, p->line_no))
		return;
	if (p->fault == CRM_FAULT_NONE)
		crm_ingest_require(p, F_EXTERNAL_ID);
	if (p->fault == CRM_FAULT_NONE)
		crm_ingest_slot_fault(p, CRM_FAULT_RANGE, F_EXTERNAL_ID, "Send at most 200 bytes.");
	emit_fault(run, built, &run->here, p->line_no);
}

/* Gives memory back between two orders and reads the record behind them again. */
static void
make_room(Run *run, CrmIngestBuilt *built)
{
	Position	start = run->here;

	MemoryContextReset(run->parser.fact_memory);
	crm_ingest_csv_chunk(run->csv, run->text + start.at, run->length - start.at, start.line);
	run->base = start.at;
	run->n_lines--;
	next_record(run);
	peek_id(run, built);
}

/* Puts the record that was read, and its fault, back into the parser. */
static void
put_back(CrmIngestParser *p, const CrmIngestParser *read)
{
	memcpy(p->slots, read->slots, sizeof(p->slots));
	p->line_no = read->line_no;
	p->fault = read->fault;
	p->fault_field = read->fault_field;
	p->fault_remedy = read->fault_remedy;
}

/* The orders of one chunk; false when the call is full and its end has been told. */
static bool
parse_chunk_orders(Run *run)
{
	CrmIngestOrder *order = NULL;
	CrmIngestBuilt built;
	Position	from = run->next;
	uint64		id_hash = 0;
	CrmIngestParser read;

	while (next_record(run))
	{
		peek_id(run, &built);
		if (order != NULL && (!built.external_id || built.id_hash != id_hash))
		{
			read = run->parser;
			finish_order(run, order, &from, &run->here);
			order = NULL;
			if (is_full(run))
			{
				emit_end(run, &run->here);
				return false;
			}
			/* finishing used the slots: the record is read again or put back */
			if (MemoryContextMemAllocated(run->parser.fact_memory, false) > MEMORY_LIMIT)
				make_room(run, &built);
			else
				put_back(&run->parser, &read);
		}
		if (!built.external_id)
			emit_stray(run, &built);
		else if (is_wanted(run, &built, run->parser.line_no))
		{
			if (order == NULL)
			{
				order = crm_ingest_order_begin(&run->parser);
				id_hash = built.id_hash;
				from = run->here;
			}
			add_line(run, order, &built);
		}
	}
	if (order != NULL)
		finish_order(run, order, &from, &run->next);
	return true;
}

static void
parse_orders(Run *run)
{
	for (int chunk = 0; chunk < run->in.n_chunks; chunk++)
	{
		open_chunk(run, chunk);
		if (is_full(run))
		{
			emit_end(run, &run->next);
			return;
		}
		if (chunk == 0 && run->in.has_header && run->base == 0)
			next_record(run);
		if (!parse_chunk_orders(run))
			return;
	}
	emit_end(run, &(Position) {run->in.n_chunks, 0, 1});
}

/* Orders whose lines lie apart: the chunks are their runs; all are complete at the end. */
static void
gather_orders(Run *run)
{
	HASHCTL		control = {.keysize = sizeof(uint64), .entrysize = sizeof(Gathered),
	.hcxt = run->parser.memory};
	HTAB	   *known = hash_create("crm gathered orders", 1024, &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	List	   *orders = NIL;
	ListCell   *cell;

	for (int chunk = 0; chunk < run->in.n_chunks; chunk++)
	{
		open_chunk(run, chunk);
		while (next_record(run))
		{
			CrmIngestBuilt built;
			Gathered   *entry;
			bool		found;

			peek_id(run, &built);
			if (!built.external_id || !is_wanted(run, &built, run->parser.line_no))
				continue;
			entry = hash_search(known, &built.id_hash, HASH_ENTER, &found);
			if (!found)
			{
				entry->order = crm_ingest_order_begin(&run->parser);
				orders = lappend(orders, entry->order);
			}
			add_line(run, entry->order, &built);
		}
	}
	foreach(cell, orders)
		finish_order(run, lfirst(cell), &run->next, &run->next);
	emit_end(run, &(Position) {run->in.n_chunks, 0, 1});
}

/* crm._ingest_parse(input crm.ingest_input) returns setof record */
Datum
crm_ingest_parse(PG_FUNCTION_ARGS)
{
	HeapTupleHeader input = PG_GETARG_HEAPTUPLEHEADER(0);
	Run		   *run;
	MemoryContext memory;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	memory = AllocSetContextCreate(CurrentMemoryContext, "crm intake", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(memory);
	run = palloc0(sizeof(Run));
	take_input(run, input);
	start_parser(run, input);
	start_output(run, (ReturnSetInfo *) fcinfo->resultinfo);
	if (run->csv == NULL || run->parser.entity != CRM_INGEST_ORDER)
		parse_records(run);
	else if (run->in.is_gathered)
		gather_orders(run);
	else
		parse_orders(run);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(memory);
	return (Datum) 0;
}
