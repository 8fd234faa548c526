/*
 * segment_chunk.c
 *		The stored bitmaps of segments as plain bits: who is in, who came, who went.
 *
 * A chunk is read once a run, whatever happens in it, and written once.
 * Called by segment_write.c under the segments' locks.
 */
#include "segment/segment.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "port/pg_bitutils.h"
#include "rule/rule_bitmap.h"
#include "utils/array.h"
#include "utils/memutils.h"

static const Oid chunk_types[] = {INT4ARRAYOID, INT8ARRAYOID};
static CrmStatement read_chunks = {
	.name = "segment.read_chunks",
	.sql = "SELECT array_position($1, k.segment_id) - 1, k.chunk_no, k.members FROM crm.segment_chunk k"
	" WHERE k.segment_id = ANY ($1) AND k.chunk_no = ANY ($2)",
	.n_args = 2,
	.arg_types = chunk_types,
};

static CrmSegmentChunk *
chunk_at(const CrmSegmentChunks *chunks, int segment, int64 number)
{
	return &chunks->chunks[number * chunks->n_segments + segment];
}

/* The bits of a container of the chunk, copied. */
static uint64 *
bits_of(const CrmSegmentChunks *chunks, const CrmBitmapContainer *container)
{
	uint64	   *bits = MemoryContextAllocZero(chunks->context, CRM_BITMAP_BYTES);

	if (!crm_rule_bitmap_is_sparse(container->members))
		memcpy(bits, container->data.bits, CRM_BITMAP_BYTES);
	else
		for (uint32 i = 0; i < container->members; i++)
			bits[container->data.offsets[i] / 64] |= UINT64CONST(1) << (container->data.offsets[i] % 64);
	return bits;
}

static void
make_room(CrmSegmentChunks *chunks, int64 n_numbers)
{
	Size		row = chunks->n_segments * sizeof(CrmSegmentChunk);
	bool	   *is_read;
	CrmSegmentChunk *all;

	if (n_numbers <= chunks->n_numbers)
		return;
	n_numbers = Max(n_numbers, chunks->n_numbers * 2);
	is_read = MemoryContextAllocZero(chunks->context, n_numbers * sizeof(bool));
	all = MemoryContextAllocExtended(chunks->context, Max(n_numbers * row, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (chunks->n_numbers > 0)
	{
		memcpy(is_read, chunks->is_read, chunks->n_numbers * sizeof(bool));
		memcpy(all, chunks->chunks, chunks->n_numbers * row);
	}
	chunks->is_read = is_read;
	chunks->chunks = all;
	chunks->n_numbers = n_numbers;
}

static void
keep_row(CrmSegmentChunks *chunks, HeapTuple row, TupleDesc shape)
{
	bool		is_null;
	int			segment = DatumGetInt32(SPI_getbinval(row, shape, 1, &is_null));
	int64		number = DatumGetInt64(SPI_getbinval(row, shape, 2, &is_null));
	CrmBitmapParts parts = crm_rule_bitmap_read(SPI_getbinval(row, shape, 3, &is_null));

	if (parts.n > 0)
		chunk_at(chunks, segment, number)->bits = bits_of(chunks, &parts.containers[0]);
}

/* Reads the chunks that the ordinals lie in, those that were not read yet. */
void
crm_segment_read_chunks(CrmSegmentChunks *chunks, const CrmSegmentPlaces *places)
{
	Datum	   *numbers;
	int			n = 0;
	int64		last = -1;
	Datum		values[2];

	for (int i = 0; i < places->n; i++)
		last = Max(last, places->ordinals[i] >> CRM_BITMAP_WIDTH);
	make_room(chunks, last + 1);
	numbers = palloc(Max(last + 1, 1) * sizeof(Datum));
	for (int i = 0; i < places->n; i++)
	{
		int64		number = places->ordinals[i] >> CRM_BITMAP_WIDTH;

		if (places->ordinals[i] == CRM_SEGMENT_NO_ORDINAL || chunks->is_read[number])
			continue;
		chunks->is_read[number] = true;
		numbers[n++] = Int64GetDatum(number);
	}
	if (n == 0)
		return;
	values[0] = chunks->segments;
	values[1] = PointerGetDatum(construct_array(numbers, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	crm_core_spi_connect();
	crm_core_spi_execute(&read_chunks, values, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
		keep_row(chunks, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	SPI_finish();
}

bool
crm_segment_chunks_have(const CrmSegmentChunks *chunks, int segment, int64 ordinal)
{
	const CrmSegmentChunk *chunk = chunk_at(chunks, segment, ordinal >> CRM_BITMAP_WIDTH);
	int			offset = ordinal & (CRM_BITMAP_SPAN - 1);

	return chunk->bits != NULL && (chunk->bits[offset / 64] & (UINT64CONST(1) << (offset % 64))) != 0;
}

void
crm_segment_chunks_set(CrmSegmentChunks *chunks, int segment, int64 ordinal, bool is_in)
{
	CrmSegmentChunk *chunk = chunk_at(chunks, segment, ordinal >> CRM_BITMAP_WIDTH);
	int			offset = ordinal & (CRM_BITMAP_SPAN - 1);
	uint64		bit = UINT64CONST(1) << (offset % 64);

	if (chunk->bits == NULL)
		chunk->bits = MemoryContextAllocZero(chunks->context, CRM_BITMAP_BYTES);
	if (is_in)
		chunk->bits[offset / 64] |= bit;
	else
		chunk->bits[offset / 64] &= ~bit;
	chunk->is_changed = true;
}

/* A chunk as it is stored. */
Datum
crm_segment_chunk_value(const CrmSegmentChunk *chunk, int64 number)
{
	uint16		offsets[CRM_BITMAP_SPARSE];
	CrmBitmapContainer container = {.key = number, .data.bits = chunk->bits};
	CrmBitmapParts parts = {.containers = &container};
	int			n = 0;

	container.members = pg_popcount((const char *) chunk->bits, CRM_BITMAP_BYTES);
	parts.n = container.members > 0 ? 1 : 0;
	if (parts.n > 0 && crm_rule_bitmap_is_sparse(container.members))
	{
		for (int word = 0; word < CRM_BITMAP_WORDS; word++)
			for (uint64 left = chunk->bits[word]; left != 0; left &= left - 1)
				offsets[n++] = word * 64 + pg_rightmost_one_pos64(left);
		container.data.offsets = offsets;
	}
	return crm_rule_bitmap_flatten(&parts);
}
