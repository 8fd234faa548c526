/*
 * identity_resolve.c
 *		crm._identity_resolve(): reads records and identifiers from arrays of rows, lets
 *		identity_cluster.c find the persons, and returns labels and refusals as rows.
 *
 * Called by crm._identity_moves() with the component that a write reaches.  Everything lies
 * in the function's own memory context; strings point into the detoasted arguments.
 */
#include "identity/identity.h"
#include "identity/identity_cluster.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

/* Columns of the row types, in the order of identity_settle.sql. */
enum
{
	NODE_RECORD, NODE_IS_RECEIPT, NODE_IS_REFERENCE, NODE_SINGLE_SOURCE, NODE_NAME, NODE_SEX, NODE_BIRTHDAY,
	NODE_IS_LUNAR, NODE_SEEN_AT, NODE_IS_SHADOW, N_NODE_COLUMNS
};
enum
{
	GLUE_RECORD, GLUE_KIND, GLUE_NAMESPACE, GLUE_HASH, GLUE_RANK, GLUE_IS_GLUE, GLUE_IS_SINGLE,
	GLUE_IS_SHARED, GLUE_FIRST_SEEN_AT, GLUE_LAST_SEEN_AT,
	GLUE_ENDED_AT, N_GLUE_COLUMNS
};
enum
{
	PAIR_A, PAIR_B, N_PAIR_COLUMNS
};
enum
{
	OUT_RECORD, OUT_LABEL, OUT_IS_PERSON, OUT_OTHER, OUT_REASON, OUT_KIND, N_OUT_COLUMNS
};
#define MAX_COLUMNS 16

/* The rows of one array argument, read one after the other. */
typedef struct RowReader
{
	Datum	   *rows;
	bool	   *row_nulls;
	int			n_rows;
	int			n_columns;		/* that the C code expects */
	TupleDesc	descriptor;		/* of the first row */
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];
} RowReader;

/* Where a record is among the nodes. */
typedef struct Position
{
	int64		record_id;
	int			node;
} Position;

PG_FUNCTION_INFO_V1(crm_identity_resolve);

static RowReader
open_rows(ArrayType *array, int n_columns)
{
	RowReader	reader = {.n_columns = n_columns};

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE,
					  &reader.rows, &reader.row_nulls, &reader.n_rows);
	return reader;
}

static void
read_row(RowReader *reader, int row)
{
	HeapTupleHeader header;
	HeapTupleData tuple;

	if (reader->row_nulls[row])
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("row must not be null")));
	header = DatumGetHeapTupleHeader(reader->rows[row]);
	if (reader->descriptor == NULL)
	{
		reader->descriptor = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header),
														 HeapTupleHeaderGetTypMod(header));
		CrmEnsure(reader->descriptor->natts == reader->n_columns, "row type has other columns");
	}
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, reader->descriptor, reader->values, reader->nulls);
}

static void
require_column(const RowReader *reader, int column)
{
	if (reader->nulls[column])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null",
						NameStr(TupleDescAttr(reader->descriptor, column)->attname))));
}

static bool
read_flag(const RowReader *reader, int column)
{
	return !reader->nulls[column] && DatumGetBool(reader->values[column]);
}

static void
read_nodes(CrmIdentityGraph *graph, RowReader *reader)
{
	graph->n_nodes = reader->n_rows;
	graph->nodes = palloc0(Max(reader->n_rows, 1) * sizeof(CrmIdentityNode));
	for (int i = 0; i < reader->n_rows; i++)
	{
		CrmIdentityNode *node = &graph->nodes[i];
		CrmIdentityTraits *traits = &node->traits;

		read_row(reader, i);
		require_column(reader, NODE_RECORD);
		require_column(reader, NODE_SEEN_AT);
		node->record_id = DatumGetInt64(reader->values[NODE_RECORD]);
		node->is_receipt = read_flag(reader, NODE_IS_RECEIPT);
		node->is_reference = read_flag(reader, NODE_IS_REFERENCE);
		if (!reader->nulls[NODE_SINGLE_SOURCE])
			node->single_source = DatumGetInt32(reader->values[NODE_SINGLE_SOURCE]);
		node->seen_at = DatumGetTimestampTz(reader->values[NODE_SEEN_AT]);
		if (!reader->nulls[NODE_NAME])
		{
			text	   *name = DatumGetTextPP(reader->values[NODE_NAME]);

			crm_identity_read_name(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), traits);
		}
		if (!reader->nulls[NODE_SEX])
		{
			text	   *sex = DatumGetTextPP(reader->values[NODE_SEX]);

			traits->sex = VARSIZE_ANY_EXHDR(sex) > 0 ? *VARDATA_ANY(sex) : 0;
		}
		if (!reader->nulls[NODE_BIRTHDAY])
			traits->birthday = DatumGetDateADT(reader->values[NODE_BIRTHDAY]);
		traits->has_birthday = !reader->nulls[NODE_BIRTHDAY] &&
			crm_identity_is_real_birthday(traits->birthday);
		traits->is_lunar = read_flag(reader, NODE_IS_LUNAR);
		node->is_shadow = read_flag(reader, NODE_IS_SHADOW);
	}
}

static int
compare_positions(const void *left, const void *right)
{
	const Position *a = left;
	const Position *b = right;

	return a->record_id < b->record_id ? -1 : a->record_id > b->record_id;
}

static Position *
index_nodes(const CrmIdentityGraph *graph)
{
	Position   *index = palloc(Max(graph->n_nodes, 1) * sizeof(Position));

	for (int i = 0; i < graph->n_nodes; i++)
		index[i] = (Position) {graph->nodes[i].record_id, i};
	qsort(index, graph->n_nodes, sizeof(Position), compare_positions);
	return index;
}

/* The node of a record, -1 when the record is not among them. */
static int
find_node(const CrmIdentityGraph *graph, const Position *index, int64 record_id)
{
	Position	wanted = {record_id, 0};
	Position   *found = bsearch(&wanted, index, graph->n_nodes, sizeof(Position),
								compare_positions);

	return found ? found->node : -1;
}

static void
read_glue(CrmIdentityGraph *graph, RowReader *reader, const Position *index)
{
	graph->glue = palloc0(Max(reader->n_rows, 1) * sizeof(CrmIdentityGlue));
	for (int i = 0; i < reader->n_rows; i++)
	{
		CrmIdentityGlue *glue = &graph->glue[graph->n_glue];
		text	   *namespace;
		bytea	   *hash;

		read_row(reader, i);
		require_column(reader, GLUE_RECORD);
		require_column(reader, GLUE_KIND);
		require_column(reader, GLUE_NAMESPACE);
		require_column(reader, GLUE_HASH);
		require_column(reader, GLUE_RANK);
		require_column(reader, GLUE_FIRST_SEEN_AT);
		require_column(reader, GLUE_LAST_SEEN_AT);
		glue->node = find_node(graph, index, DatumGetInt64(reader->values[GLUE_RECORD]));
		if (glue->node < 0)
			continue;
		namespace = DatumGetTextPP(reader->values[GLUE_NAMESPACE]);
		hash = DatumGetByteaPP(reader->values[GLUE_HASH]);
		glue->kind = DatumGetInt16(reader->values[GLUE_KIND]);
		glue->namespace = VARDATA_ANY(namespace);
		glue->namespace_length = VARSIZE_ANY_EXHDR(namespace);
		glue->hash = (const uint8 *) VARDATA_ANY(hash);
		glue->hash_length = VARSIZE_ANY_EXHDR(hash);
		glue->rank = DatumGetInt32(reader->values[GLUE_RANK]);
		glue->is_glue = read_flag(reader, GLUE_IS_GLUE);
		glue->is_single = read_flag(reader, GLUE_IS_SINGLE);
		glue->is_shared = read_flag(reader, GLUE_IS_SHARED);
		glue->is_home = glue->kind == CRM_IDENTITY_HOME_NAME;
		glue->first_seen_at = DatumGetTimestampTz(reader->values[GLUE_FIRST_SEEN_AT]);
		glue->last_seen_at = DatumGetTimestampTz(reader->values[GLUE_LAST_SEEN_AT]);
		glue->ended_at = reader->nulls[GLUE_ENDED_AT] ? DT_NOEND :
			DatumGetTimestampTz(reader->values[GLUE_ENDED_AT]);
		graph->n_glue++;
	}
}

/* Pairs of which both records are among the nodes. */
static CrmIdentityPair *
read_pairs(const CrmIdentityGraph *graph, RowReader *reader, const Position *index, int *count)
{
	CrmIdentityPair *pairs = palloc(Max(reader->n_rows, 1) * sizeof(CrmIdentityPair));

	*count = 0;
	for (int i = 0; i < reader->n_rows; i++)
	{
		CrmIdentityPair pair;

		read_row(reader, i);
		require_column(reader, PAIR_A);
		require_column(reader, PAIR_B);
		pair.a = find_node(graph, index, DatumGetInt64(reader->values[PAIR_A]));
		pair.b = find_node(graph, index, DatumGetInt64(reader->values[PAIR_B]));
		if (pair.a >= 0 && pair.b >= 0)
			pairs[(*count)++] = pair;
	}
	return pairs;
}

static void
return_rows(ReturnSetInfo *result, CrmIdentityGraph *graph)
{
	Datum		values[N_OUT_COLUMNS];
	bool		nulls[N_OUT_COLUMNS];
	bool	   *is_person = palloc0(Max(graph->n_nodes, 1) * sizeof(bool));

	for (int i = 0; i < graph->n_nodes; i++)
		if (!graph->nodes[i].is_reference || graph->nodes[i].has_glue)
			is_person[crm_identity_label(graph, i)] = true;
	memset(nulls, true, sizeof(nulls));
	nulls[OUT_RECORD] = nulls[OUT_LABEL] = nulls[OUT_IS_PERSON] = false;
	for (int i = 0; i < graph->n_nodes; i++)
	{
		int			label = crm_identity_label(graph, i);

		values[OUT_RECORD] = Int64GetDatum(graph->nodes[i].record_id);
		values[OUT_LABEL] = Int32GetDatum(label);
		values[OUT_IS_PERSON] = BoolGetDatum(is_person[label]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	memset(nulls, false, sizeof(nulls));
	nulls[OUT_LABEL] = nulls[OUT_IS_PERSON] = true;
	for (int i = 0; i < graph->n_refusals; i++)
	{
		CrmIdentityRefusal *refusal = &graph->refusals[i];

		values[OUT_RECORD] = Int64GetDatum(graph->nodes[refusal->a].record_id);
		values[OUT_OTHER] = Int64GetDatum(graph->nodes[refusal->b].record_id);
		values[OUT_REASON] = CStringGetTextDatum(refusal->reason);
		values[OUT_KIND] = Int16GetDatum(refusal->kind);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

Datum
crm_identity_resolve(PG_FUNCTION_ARGS)
{
	CrmIdentityGraph graph = {0};
	RowReader	nodes = open_rows(PG_GETARG_ARRAYTYPE_P(0), N_NODE_COLUMNS);
	RowReader	glue = open_rows(PG_GETARG_ARRAYTYPE_P(1), N_GLUE_COLUMNS);
	RowReader	must = open_rows(PG_GETARG_ARRAYTYPE_P(2), N_PAIR_COLUMNS);
	RowReader	cannot = open_rows(PG_GETARG_ARRAYTYPE_P(3), N_PAIR_COLUMNS);
	Position   *index;

	InitMaterializedSRF(fcinfo, 0);
	read_nodes(&graph, &nodes);
	index = index_nodes(&graph);
	read_glue(&graph, &glue, index);
	graph.max_members = PG_GETARG_INT32(4);
	graph.solid_members = PG_GETARG_INT32(5);
	graph.max_silence = PG_GETARG_INT32(6) * USECS_PER_DAY;
	graph.must = read_pairs(&graph, &must, index, &graph.n_must);
	graph.cannot = read_pairs(&graph, &cannot, index, &graph.n_cannot);
	crm_identity_cluster(&graph);
	return_rows((ReturnSetInfo *) fcinfo->resultinfo, &graph);
	return (Datum) 0;
}
