/*
 * segment_count.c
 *		How many persons stored segments have put together, chunk by chunk.
 *
 * The chunks of all segments are read in slices of SLICE chunk numbers, one statement a slice, and put
 * side by side; of each number the program is run on the containers as they were read.  Slices are small,
 * so that their memory is given out again and again: with larger ones the kernel's page faults cost
 * more than the reading.
 *
 * Called by crm.segment_combine(); reads under the snapshot of its statement.
 */
#include "core/core.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "rule/rule_bitmap.h"

#define SLICE 8

PG_FUNCTION_INFO_V1(crm_segment_count);

static const Oid slice_types[] = {INT4ARRAYOID, INT8OID, INT8OID};
static CrmStatement read_slice = {
	.name = "segment.read_slice",
	.sql = "SELECT array_position($1, k.segment_id) - 1, k.chunk_no, k.members FROM crm.segment_chunk k"
	" WHERE k.segment_id = ANY ($1) AND k.chunk_no >= $2 AND k.chunk_no < $3",
	.n_args = 3,
	.arg_types = slice_types,
};
static const Oid last_types[] = {INT4ARRAYOID};
static CrmStatement find_last = {
	.name = "segment.find_last_chunk",
	.sql = "SELECT (SELECT max(k.chunk_no) FROM crm.segment_chunk k WHERE k.segment_id = i.id) FROM unnest($1) i (id)",
	.n_args = 1,
	.arg_types = last_types,
};

static int64
last_chunk(Datum ids)
{
	int64		last = -1;

	crm_core_spi_execute(&find_last, &ids, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		is_null;
		Datum		number = crm_core_spi_value(i, 1, &is_null);

		if (!is_null)
			last = Max(last, DatumGetInt64(number));
	}
	SPI_freetuptable(SPI_tuptable);
	return last;
}

/* A segment that is named twice is read once, at its first place: its later places get the same sets. */
static void
repeat_sets(const int32 *ids, int n_ids, Datum *sets, bool *nulls)
{
	for (int later = 1; later < n_ids; later++)
		for (int first = 0; first < later; first++)
		{
			if (ids[first] != ids[later])
				continue;
			for (int place = 0; place < SLICE * n_ids; place += n_ids)
			{
				sets[place + later] = sets[place + first];
				nulls[place + later] = nulls[place + first];
			}
			break;
		}
}

/* Members of the chunks from a number on, SLICE of them. */
static int64
count_slice(const int32 *steps, int n_steps, Datum ids, int n_ids, int64 from)
{
	Datum		values[] = {ids, Int64GetDatum(from), Int64GetDatum(from + SLICE)};
	Datum	   *sets = palloc0((Size) SLICE * n_ids * sizeof(Datum));
	bool	   *nulls = palloc((Size) SLICE * n_ids * sizeof(bool));
	int64		members = 0;
	TupleDesc	shape;

	memset(nulls, true, (Size) SLICE * n_ids * sizeof(bool));
	crm_core_spi_execute(&read_slice, values, NULL, true, 0);
	shape = SPI_tuptable->tupdesc;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		is_null;
		HeapTuple	row = SPI_tuptable->vals[i];
		int			set = DatumGetInt32(SPI_getbinval(row, shape, 1, &is_null));
		int64		place = (DatumGetInt64(SPI_getbinval(row, shape, 2, &is_null)) - from) * n_ids + set;

		sets[place] = SPI_getbinval(row, shape, 3, &nulls[place]);
	}
	repeat_sets((const int32 *) ARR_DATA_PTR(DatumGetArrayTypeP(ids)), n_ids, sets, nulls);
	for (int i = 0; i < SLICE; i++)
		members += crm_rule_bitmap_run(steps, n_steps, sets + i * n_ids, nulls + i * n_ids, n_ids);
	SPI_freetuptable(SPI_tuptable);
	pfree(sets);
	pfree(nulls);
	return members;
}

/* crm._segment_count(program, ids) */
Datum
crm_segment_count(PG_FUNCTION_ARGS)
{
	ArrayType  *ids = PG_GETARG_ARRAYTYPE_P(1);
	int			n_ids = ArrayGetNItems(ARR_NDIM(ids), ARR_DIMS(ids));
	int			n_steps;
	const int32 *steps = crm_rule_bitmap_steps(PG_GETARG_ARRAYTYPE_P(0), &n_steps);
	int64		members = 0;
	int64		last;

	crm_core_spi_connect();
	last = last_chunk(PointerGetDatum(ids));
	for (int64 from = 0; from <= last; from += SLICE)
	{
		CHECK_FOR_INTERRUPTS();
		members += count_slice(steps, n_steps, PointerGetDatum(ids), n_ids, from);
	}
	SPI_finish();
	PG_RETURN_INT64(members);
}
