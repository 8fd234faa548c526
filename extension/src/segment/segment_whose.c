/*
 * segment_whose.c
 *		Whose ordinals those of a large set are: the numbers are gone through once, past the executor.
 *
 * A join does the same at ten times the price.  Called by crm._segment_persons(), which looks up the persons of a small
 * set one by one.
 */
#include "segment/segment.h"

#include "core/core_table.h"
#include "miscadmin.h"
#include "rule/rule_bitmap.h"

PG_FUNCTION_INFO_V1(crm_segment_whose);

/* Members of a set to be asked of in any order: plain bits by container. */
typedef struct Members
{
	int64		n_numbers;
	const uint64 **bits;		/* null: none */
} Members;

static const uint64 *
bits_of(const CrmBitmapContainer *container)
{
	uint64	   *bits;

	if (!crm_rule_bitmap_is_sparse(container->members))
		return container->data.bits;
	bits = palloc0(CRM_BITMAP_BYTES);
	for (uint32 i = 0; i < container->members; i++)
		bits[container->data.offsets[i] / 64] |= UINT64CONST(1) << (container->data.offsets[i] % 64);
	return bits;
}

static Members
spread(const CrmBitmapParts *parts)
{
	Members		members = {0};
	int			n = parts->n;

	while (n > 0 && parts->containers[n - 1].key > CRM_SEGMENT_MAX_ORDINAL >> CRM_BITMAP_WIDTH)
		n--;					/* nobody's */
	if (n == 0)
		return members;
	members.n_numbers = parts->containers[n - 1].key + 1;
	members.bits = palloc0(members.n_numbers * sizeof(uint64 *));
	for (int i = 0; i < n; i++)
		members.bits[parts->containers[i].key] = bits_of(&parts->containers[i]);
	return members;
}

static bool
has(const Members *members, int64 ordinal)
{
	int64		number = ordinal >> CRM_BITMAP_WIDTH;
	int			offset = ordinal & (CRM_BITMAP_SPAN - 1);

	return number < members->n_numbers && members->bits[number] != NULL &&
		(members->bits[number][offset / 64] & (UINT64CONST(1) << (offset % 64))) != 0;
}

static void
gather(CrmTable *numbers, const Members *members, CrmBitmap *persons)
{
	AttrNumber	customer_id = crm_core_table_column(numbers, "customer_id");
	AttrNumber	ordinal = crm_core_table_column(numbers, "ordinal");
	TupleTableSlot *row = table_slot_create(numbers->relation, NULL);
	TableScanDesc scan = table_beginscan(numbers->relation, numbers->snapshot, 0, NULL);
	bool		is_null;

	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		CHECK_FOR_INTERRUPTS();
		if (has(members, DatumGetInt64(slot_getattr(row, ordinal, &is_null))))
			crm_rule_bitmap_add(persons, DatumGetInt64(slot_getattr(row, customer_id, &is_null)));
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
}

/* crm._segment_whose(places); null: the table is no plain heap */
Datum
crm_segment_whose(PG_FUNCTION_ARGS)
{
	CrmBitmapParts places = crm_rule_bitmap_read(PG_GETARG_DATUM(0));
	CrmBitmap  *persons = crm_rule_bitmap_make(CurrentMemoryContext);
	CrmTable	numbers = crm_core_table_open("segment_ordinal", AccessShareLock);
	bool		is_heap = crm_core_table_is_heap(numbers.relation, ACL_SELECT);

	if (is_heap)
	{
		Members		members = spread(&places);

		gather(&numbers, &members, persons);
	}
	crm_core_table_close(&numbers);
	if (!is_heap)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(crm_rule_bitmap_flatten(&persons->parts));
}
