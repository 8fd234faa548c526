/*
 * ingest_parse.c
 *		crm._ingest_parse(): chunks of the raw inbox in, a row a fact or a faulty line out.
 *
 * The caller says by the columns it asks for what is to be built (ordinal, chunk, at, line_no,
 * next_at, next_line, external_id, id_hash, content_hash, code, field, remedy, ref, fact,
 * consents; of an order kind, line_count, is_of_nobody; of a member left_out: which fields cannot
 * be used): without fact and ref the records are checked only.  Facts are built up to max_facts a call; the last row, without ordinal and code,
 * is where the next call begins.
 *
 *		chunk at line	code   fact
 *		0	  0	 2		NULL   (order A)
 *		0	  97 4		RM204  NULL			a line of B cannot be read
 *		0	  140 5		NULL   NULL			the end: B is not stored, go on at byte 140
 *
 * An order in CSV is its run of neighbouring lines with one number; numbers that come in
 * several runs are passed over (skip) and taken at the batch's end, their runs side by side
 * (is_gathered).  A line that is at fault spoils its order: what is left of it is not stored.
 *
 * Two calls may share the chunks by lanes: both read all, each takes the records whose person,
 * or whose number, falls to it.
 */
#include "ingest/ingest_run.h"

#include "miscadmin.h"
#include "pure/hash.h"
#include "pure/normalize_phone.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define MEMORY_LIMIT (256 * 1024)	/* of neighbouring orders, before it is given back */

typedef struct Gathered
{
	uint64		id_hash;		/* key */
	CrmIngestOrder *order;
} Gathered;

PG_FUNCTION_INFO_V1(crm_ingest_parse);

static void
open_chunk(CrmIngestRun *run, int chunk)
{
	CrmIngestInput	   *in = &run->in;
	bytea	   *payload = DatumGetByteaPP(in->chunks[chunk]);

	run->base = chunk == 0 ? in->start_at : 0;
	run->length = VARSIZE_ANY_EXHDR(payload);
	CrmEnsure(run->base <= run->length, "the parser was asked to begin behind its chunk");
	run->text = VARDATA_ANY(payload);
	run->next = (CrmIngestPosition) {chunk, run->base,
		chunk == 0 && run->base > 0 ? in->start_line : DatumGetInt32(in->first_lines[chunk])};
	run->parser.chunk = chunk;
	run->parser.inbox_id = DatumGetInt64(in->inbox_ids[chunk]);
	run->has_run = false;
	if (run->csv != NULL)
		crm_ingest_csv_chunk(run->csv, run->text + run->base, run->length - run->base,
							 run->next.line);
}

/* Reads the next line of NDJSON, or the whole text of a single call. */
static bool
next_json(CrmIngestRun *run)
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
		run->here = (CrmIngestPosition) {p->chunk, text - run->text, run->next.line};
		run->next = (CrmIngestPosition) {p->chunk, (stop ? stop + 1 : end) - run->text,
			run->here.line + 1};
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
next_csv(CrmIngestRun *run)
{
	int			at;

	if (!crm_ingest_csv_next(&run->parser, run->csv, &at))
		return false;
	run->here = (CrmIngestPosition) {run->parser.chunk, run->base + at, run->parser.line_no};
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
							(CrmIngestSlot) {constant->text, constant->length, CRM_SLOT_TEXT,
								NULL});
	}
}

/* Reads the next record into the slots, with its fault if it has one; false at the chunk's end. */
static bool
next_record(CrmIngestRun *run)
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
is_full(const CrmIngestRun *run)
{
	return run->n_facts >= run->in.max_facts || run->n_lines > CRM_INGEST_MAX_LINES;
}

static bool
is_wanted(const CrmIngestRun *run, const CrmIngestBuilt *built, int line_no)
{
	const CrmIngestInput *in = &run->in;

	return !crm_ingest_contains(in->skip, in->n_skip, (int64) built->id_hash) &&
		(in->n_only == 0 || crm_ingest_contains(in->only, in->n_only, (int64) built->id_hash)) &&
		(in->n_only_lines == 0 || crm_ingest_contains(in->only_lines, in->n_only_lines, line_no));
}

/* A record's id, as far as it can be told; without a fault when it cannot. */
static void
peek_id(CrmIngestRun *run, const CrmIngestSlot *slot, CrmIngestBuilt *built)
{
	MemoryContext old;

	*built = (CrmIngestBuilt) {0};
	if ((slot->kind != CRM_SLOT_TEXT && slot->kind != CRM_SLOT_NUMBER) || slot->length > 200)
		return;
	old = MemoryContextSwitchTo(run->parser.fact_memory);
	built->external_id = crm_ingest_text(slot->text, slot->length);
	built->id_hash = crm_hash_bytes(slot->text, slot->length);
	MemoryContextSwitchTo(old);
}

/* A number counts as every source would write it, and only where it may say whose the record is. */
static bool
hash_owner(const CrmIngestParser *p, int field, uint64 *hash)
{
	const CrmIngestSlot *slot = &p->slots[field];
	CrmPhone	phone;

	if (slot->kind != CRM_SLOT_TEXT || slot->length == 0)
		return false;
	if (field != F_PHONE)
		*hash = crm_hash_bytes(slot->text, slot->length);
	else if (crm_phone_normalize(slot->text, slot->length, CRM_PHONE_CHINA, &phone) && phone.is_identity_key)
		*hash = crm_hash_bytes(phone.e164, strlen(phone.e164));
	else
		return false;
	return true;
}

/*
 * By what the records of two lanes are told apart.  By person they share none and do not wait for each other: an order by its
 * member, a member by what two records of one person often share, what else
 * there is by what makes its record, the strongest first.
 */
static uint64
lane_hash(const CrmIngestRun *run, const CrmIngestBuilt *built)
{
	static const int of_order[] = {F_MEMBER_EXTERNAL_ID};
	static const int of_event[] = {F_MEMBER_EXTERNAL_ID, F_UNIONID, F_OPENID, F_PHONE, F_DEVICE};
	static const int of_member[] = {F_PHONE, F_UNIONID, F_OPENID};
	const CrmIngestParser *p = &run->parser;
	const int  *ways = NULL;
	int			n_ways = 0;
	uint64		hash;

	if (run->in.is_by_person && p->entity == CRM_INGEST_ORDER)
		ways = of_order, n_ways = lengthof(of_order);
	else if (run->in.is_by_person && p->entity == CRM_INGEST_MEMBER)
		ways = of_member, n_ways = lengthof(of_member);
	else if (run->in.is_by_person)
		ways = of_event, n_ways = lengthof(of_event);
	for (int i = 0; i < n_ways; i++)
		if (hash_owner(p, ways[i], &hash))
			return hash;
	return built->id_hash;
}

/* Whether the record in the slots falls to our lane; the first line decides for all that follow under its number. */
static bool
is_ours(CrmIngestRun *run, const CrmIngestBuilt *built)
{
	uint64		hash;

	if (run->in.n_lanes < 2)
		return true;
	if (!run->has_run || !built->external_id || run->run_hash != built->id_hash)
	{
		hash = lane_hash(run, built);
		run->has_run = true;
		run->run_hash = built->id_hash;
		run->is_run_ours = (hash ^ hash >> 32) % run->in.n_lanes == run->in.lane;
	}
	return run->is_run_ours;
}

/* Every entity but orders in CSV: a record is a fact. */
static bool
build_record(CrmIngestRun *run, CrmIngestBuilt *built)
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
parse_records(CrmIngestRun *run)
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
			CrmIngestPosition start = run->next;

			if (is_full(run))
			{
				crm_ingest_row_end(run, &start);
				return;
			}
			MemoryContextReset(p->fact_memory);
			if (!next_record(run))
				break;
			peek_id(run, &run->parser.slots[F_EXTERNAL_ID], &built);
			if (!is_ours(run, &built) || !is_wanted(run, &built, p->line_no))
				continue;
			p->ordinal++;
			run->n_facts++;
			if (build_record(run, &built))
				crm_ingest_row_fact(run, &built, &run->here, p->line_no, &run->next);
			else
				crm_ingest_row_fault(run, &built, &run->here, p->line_no);
		}
	}
	crm_ingest_row_end(run, &(CrmIngestPosition) {run->in.n_chunks, 0, 1});
}

/*
 * Turns a complete order into a row, unless a line of it was at fault.  A check without facts
 * is told of each run of lines, also of a bad one: its number may come again.
 */
static void
finish_order(CrmIngestRun *run, CrmIngestOrder *order, const CrmIngestPosition *from,
			 const CrmIngestPosition *behind)
{
	CrmIngestParser *p = &run->parser;
	CrmIngestPosition next = run->next;
	CrmIngestBuilt built;

	p->ordinal++;
	run->n_facts++;
	p->fault = CRM_FAULT_NONE;
	resetStringInfo(&p->digest);
	run->next = *behind;
	peek_id(run, crm_ingest_order_id(order), &built);
	if (crm_ingest_order_build(p, order, &built))
		crm_ingest_row_fact(run, &built, from, crm_ingest_order_line(order), behind);
	else
	{
		if (p->fault != CRM_FAULT_NONE)
			crm_ingest_row_fault(run, &built, from, crm_ingest_order_line(order));
		if (!p->wants_facts)
			crm_ingest_row_run(run, &built, from, crm_ingest_order_line(order), behind);
	}
	run->next = next;
}

/* Takes the line in the slots into its order. */
static void
add_line(CrmIngestRun *run, CrmIngestOrder *order, const CrmIngestBuilt *built)
{
	CrmIngestParser *p = &run->parser;

	if (p->fault == CRM_FAULT_NONE && crm_ingest_order_add(p, order))
		return;
	crm_ingest_order_spoil(order);
	crm_ingest_row_fault(run, built, &run->here, p->line_no);
}

/* A line without a number belongs to no order. */
static void
emit_stray(CrmIngestRun *run, const CrmIngestBuilt *built)
{
	CrmIngestParser *p = &run->parser;

	if (run->in.n_only_lines > 0 && !is_wanted(run, built, p->line_no))
		return;
	if (p->fault == CRM_FAULT_NONE)
		crm_ingest_require(p, F_EXTERNAL_ID);
	if (p->fault == CRM_FAULT_NONE)
		crm_ingest_slot_fault(p, CRM_FAULT_RANGE, F_EXTERNAL_ID, "Send at most 200 bytes.");
	crm_ingest_row_fault(run, built, &run->here, p->line_no);
}

/* Gives memory back between two orders and reads the record behind them again. */
static void
make_room(CrmIngestRun *run, CrmIngestBuilt *built)
{
	CrmIngestPosition start = run->here;

	MemoryContextReset(run->parser.fact_memory);
	crm_ingest_csv_chunk(run->csv, run->text + start.at, run->length - start.at, start.line);
	run->base = start.at;
	run->n_lines--;
	next_record(run);
	peek_id(run, &run->parser.slots[F_EXTERNAL_ID], built);
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
parse_chunk_orders(CrmIngestRun *run)
{
	CrmIngestOrder *order = NULL;
	CrmIngestBuilt built;
	CrmIngestPosition from = run->next;
	uint64		id_hash = 0;
	CrmIngestParser read;

	while (next_record(run))
	{
		peek_id(run, &run->parser.slots[F_EXTERNAL_ID], &built);
		if (order != NULL && (!built.external_id || built.id_hash != id_hash))
		{
			read = run->parser;
			finish_order(run, order, &from, &run->here);
			order = NULL;
			if (is_full(run))
			{
				crm_ingest_row_end(run, &run->here);
				return false;
			}
			/* finishing used the slots: the record is read again or put back */
			if (MemoryContextMemAllocated(run->parser.fact_memory, false) > MEMORY_LIMIT)
				make_room(run, &built);
			else
				put_back(&run->parser, &read);
		}
		if (!is_ours(run, &built))
			continue;
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
parse_orders(CrmIngestRun *run)
{
	for (int chunk = 0; chunk < run->in.n_chunks; chunk++)
	{
		open_chunk(run, chunk);
		if (is_full(run))
		{
			crm_ingest_row_end(run, &run->next);
			return;
		}
		if (chunk == 0 && run->in.has_header && run->base == 0)
			next_record(run);
		if (!parse_chunk_orders(run))
			return;
	}
	crm_ingest_row_end(run, &(CrmIngestPosition) {run->in.n_chunks, 0, 1});
}

/* Orders whose lines lie apart: the chunks are their runs; all are complete at the end. */
static void
gather_orders(CrmIngestRun *run)
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

			peek_id(run, &run->parser.slots[F_EXTERNAL_ID], &built);
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
	crm_ingest_row_end(run, &(CrmIngestPosition) {run->in.n_chunks, 0, 1});
}

/* crm._ingest_parse(input crm.ingest_input) returns setof record */
Datum
crm_ingest_parse(PG_FUNCTION_ARGS)
{
	HeapTupleHeader input = PG_GETARG_HEAPTUPLEHEADER(0);
	CrmIngestRun		   *run;
	MemoryContext memory;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	memory = AllocSetContextCreate(CurrentMemoryContext, "crm intake", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(memory);
	run = palloc0(sizeof(CrmIngestRun));
	crm_ingest_run_input(run, input);
	crm_ingest_run_output(run, (ReturnSetInfo *) fcinfo->resultinfo);
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
