/*
 * ingest_input.c
 *		crm.ingest_input taken apart, and the parser of the call made from it.
 *
 * Everything is copied into the call's memory.  An input that cannot be (arrays of different
 * lengths, an unknown entity) is a broken promise of our own SQL, not a fault of data.
 */
#include "ingest/ingest_run.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(crm_ingest_external_id);

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

/* Whether a sorted list holds a number. */
bool
crm_ingest_contains(const int64 *numbers, int count, int64 number)
{
	return count > 0 && bsearch(&number, numbers, count, sizeof(int64), compare_int64) != NULL;
}

static void
take_input(CrmIngestRun *run, HeapTupleHeader input)
{
	CrmIngestInput	   *in = &run->in;
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
	in->lane = int_attribute(input, "lane", 0);
	in->n_lanes = int_attribute(input, "lane_count", 1);
	in->is_by_person = bool_attribute(input, "is_by_person");
	in->skip = sorted_attribute(input, "skip", &in->n_skip);
	in->only = sorted_attribute(input, "only_ids", &in->n_only);
	in->only_lines = sorted_attribute(input, "only_lines", &in->n_only_lines);
}

/* The parser proper: source, mapping, how its texts are written. */
static void
start_parser(CrmIngestRun *run, HeapTupleHeader input)
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

/* Fills the run from the SQL value; allocates in the current memory context. */
void
crm_ingest_run_input(CrmIngestRun *run, HeapTupleHeader input)
{
	take_input(run, input);
	start_parser(run, input);
}

/* crm._ingest_external_id(entity, payload, spec): no table is read, nothing is raised. */
Datum
crm_ingest_external_id(PG_FUNCTION_ARGS)
{
	CrmIngestParser *p = palloc0(sizeof(CrmIngestParser));
	const CrmIngestSlot *slot = &p->slots[F_EXTERNAL_ID];
	bytea	   *payload;
	const char *body;
	int			length;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	payload = PG_GETARG_BYTEA_PP(1);
	body = VARDATA_ANY(payload);
	length = VARSIZE_ANY_EXHDR(payload);
	p->memory = p->fact_memory = CurrentMemoryContext;
	p->entity = crm_ingest_entity(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (p->entity == CRM_INGEST_N_ENTITIES)
		PG_RETURN_NULL();
	p->spec = crm_ingest_spec_compile(p->entity,
									  PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2), false);
	if (crm_ingest_to_utf8(p, &body, &length))
		crm_ingest_json_read(p, body, length);
	if ((slot->kind != CRM_SLOT_TEXT && slot->kind != CRM_SLOT_NUMBER) || slot->length > 200)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(slot->text, slot->length));
}
