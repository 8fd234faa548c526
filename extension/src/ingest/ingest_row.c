/*
 * ingest_row.c
 *		The rows of crm._ingest_parse(): which columns the caller asked for, and what goes in.
 *
 * Columns are found by name, so each caller lists those it needs; facts and references are
 * built only when someone asks.
 */
#include "ingest/ingest_run.h"

#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

static const char *const column_names[C_COUNT] = {
	"ordinal", "chunk", "at", "line_no", "next_at", "next_line", "external_id", "id_hash",
	"content_hash", "code", "field", "remedy", "ref", "fact", "consents", "kind", "line_count",
	"is_of_nobody", "left_out"
};

/* Which columns the caller asked for, and the shapes that these need. */
void
crm_ingest_run_output(CrmIngestRun *run, ReturnSetInfo *result)
{
	CrmIngestParser *p = &run->parser;

	run->out = result->setResult;
	run->desc = result->setDesc;
	CrmEnsure(run->desc->natts <= CRM_INGEST_MAX_OUT, "too many columns asked of the parser");
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
put(CrmIngestRun *run, CrmIngestOut column, Datum value)
{
	int			place = run->place[column];

	if (place >= 0)
	{
		run->values[place] = value;
		run->nulls[place] = false;
	}
}

static void
put_text(CrmIngestRun *run, CrmIngestOut column, const char *text)
{
	if (text != NULL && run->place[column] >= 0)
		put(run, column, CStringGetTextDatum(text));
}

static void
begin_row(CrmIngestRun *run, const CrmIngestPosition *from, int line_no,
		  const CrmIngestPosition *behind)
{
	memset(run->nulls, true, sizeof(run->nulls));
	put(run, C_CHUNK, Int32GetDatum(from->chunk));
	put(run, C_AT, Int32GetDatum(from->at));
	put(run, C_LINE_NO, Int32GetDatum(line_no));
	put(run, C_NEXT_AT, Int32GetDatum(behind->at));
	put(run, C_NEXT_LINE, Int32GetDatum(behind->line));
}

static void
end_row(CrmIngestRun *run)
{
	tuplestore_putvalues(run->out, run->desc, run->values, run->nulls);
}

static void
put_id(CrmIngestRun *run, const CrmIngestBuilt *built)
{
	if (built->external_id)
	{
		put(run, C_EXTERNAL_ID, built->external_id);
		put(run, C_ID_HASH, Int64GetDatum((int64) built->id_hash));
	}
}

/* A line or a fact that is refused. */
void
crm_ingest_row_fault(CrmIngestRun *run, const CrmIngestBuilt *built,
					 const CrmIngestPosition *from, int line_no)
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
put_left_out(CrmIngestRun *run)
{
	MemoryContext old = MemoryContextSwitchTo(run->parser.fact_memory);
	Datum		names = crm_ingest_left_out(&run->parser);

	if (names)
		put(run, C_LEFT_OUT, names);
	MemoryContextSwitchTo(old);
}

void
crm_ingest_row_fact(CrmIngestRun *run, const CrmIngestBuilt *built,
					const CrmIngestPosition *from, int line_no,
					const CrmIngestPosition *behind)
{
	begin_row(run, from, line_no, behind);
	put(run, C_ORDINAL, Int32GetDatum(run->parser.ordinal));
	put_id(run, built);
	if (built->content_hash)
		put(run, C_CONTENT_HASH, built->content_hash);
	if (built->ref)
		put(run, C_REF, built->ref);
	if (built->fact)
		put(run, C_FACT, built->fact);
	if (built->consents)
		put(run, C_CONSENTS, built->consents);
	if (built->kind)
	{
		put_text(run, C_KIND, built->kind);
		put(run, C_LINE_COUNT, Int32GetDatum(built->n_records));
		put(run, C_IS_OF_NOBODY, BoolGetDatum(built->is_of_nobody));
	}
	if (run->place[C_LEFT_OUT] >= 0 && run->parser.entity == CRM_INGEST_MEMBER)
		put_left_out(run);
	end_row(run);
}

/* Where the lines of an order stand that is no fact: one of them is at fault. */
void
crm_ingest_row_run(CrmIngestRun *run, const CrmIngestBuilt *built, const CrmIngestPosition *from,
				   int line_no, const CrmIngestPosition *behind)
{
	begin_row(run, from, line_no, behind);
	put_id(run, built);
	end_row(run);
}

/* Where the next call begins. */
void
crm_ingest_row_end(CrmIngestRun *run, const CrmIngestPosition *at)
{
	begin_row(run, at, at->line, at);
	end_row(run);
}

