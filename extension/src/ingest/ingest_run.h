/*
 * ingest_run.h
 *		One call of crm._ingest_parse(), shared by the three files that do it.
 *
 *	in ingest_input.c		crm.ingest_input taken apart; the parser of the call
 *	in ingest_row.c			the rows that go out
 *	in ingest_parse.c		records to facts, neighbouring and gathered orders
 */
#ifndef CRM_INGEST_RUN_H
#define CRM_INGEST_RUN_H

#include "ingest/ingest.h"

#include "funcapi.h"

#define CRM_INGEST_MAX_OUT 16

typedef enum CrmIngestOut
{
	C_ORDINAL, C_CHUNK, C_AT, C_LINE_NO, C_NEXT_AT, C_NEXT_LINE, C_EXTERNAL_ID, C_ID_HASH,
	C_CONTENT_HASH, C_CODE, C_FIELD, C_REMEDY, C_REF, C_FACT, C_CONSENTS, C_KIND, C_LINE_COUNT,
	C_IS_OF_NOBODY, C_LEFT_OUT, C_COUNT
} CrmIngestOut;

/* crm.ingest_input, taken apart. */
typedef struct CrmIngestInput
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
	int			lane;
	int			n_lanes;		/* below 2: all records are ours */
	bool		is_by_person;	/* lanes are told apart by person, not by number */
	int			n_skip;
	int64	   *skip;			/* sorted */
	int			n_only;
	int64	   *only;			/* sorted; none: all */
	int			n_only_lines;
	int64	   *only_lines;		/* sorted; none: all */
} CrmIngestInput;

typedef struct CrmIngestPosition
{
	int			chunk;
	int			at;
	int			line;
} CrmIngestPosition;

typedef struct CrmIngestRun
{
	CrmIngestParser parser;
	CrmIngestInput in;
	CrmIngestCsv *csv;
	const char *text;			/* of the current chunk */
	int			length;
	int			base;			/* where its reading began */
	CrmIngestPosition here;			/* the record in the slots */
	CrmIngestPosition next;			/* the record behind it */
	int			n_facts;
	int			n_lines;
	bool		has_run;		/* neighbouring lines of one number: */
	uint64		run_hash;
	bool		is_run_ours;	/* by its first line */
	Tuplestorestate *out;
	TupleDesc	desc;
	int			place[C_COUNT];
	Datum		values[CRM_INGEST_MAX_OUT];
	bool		nulls[CRM_INGEST_MAX_OUT];
} CrmIngestRun;

extern bool crm_ingest_contains(const int64 *numbers, int count, int64 number);
extern void crm_ingest_run_input(CrmIngestRun *run, HeapTupleHeader input);
extern void crm_ingest_run_output(CrmIngestRun *run, ReturnSetInfo *result);
extern void crm_ingest_row_fact(CrmIngestRun *run, const CrmIngestBuilt *built,
								const CrmIngestPosition *from, int line_no,
								const CrmIngestPosition *behind);
extern void crm_ingest_row_fault(CrmIngestRun *run, const CrmIngestBuilt *built,
								 const CrmIngestPosition *from, int line_no);
extern void crm_ingest_row_run(CrmIngestRun *run, const CrmIngestBuilt *built,
							   const CrmIngestPosition *from, int line_no,
							   const CrmIngestPosition *behind);
extern void crm_ingest_row_end(CrmIngestRun *run, const CrmIngestPosition *at);

#endif
