/*
 * segment_stay.c
 *		Stays begun and ended, ordinals found and given, many at once: along the indexes, past the planner.
 *
 * What an executor does for a row is most of what a stay costs.  Called by segment_write.c under the segments' locks, so
 * nobody else begins or ends these stays.  A person whom somebody else numbers at the same moment fails the key: who
 * called is then done segment by segment, by statements that wait.
 */
#include "segment/segment.h"

#include "commands/sequence.h"
#include "core/core_table.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

/* Read from the indexes alone: of a stay, of a person with an ordinal. */
static const char *const stay_columns[] = {"customer_id", "segment_id"};
static const char *const place_columns[] = {"customer_id", "ordinal"};

/* Whether the caller may write the tables so. */
bool
crm_segment_tables_are_plain(void)
{
	static const char *const tables[] = {"segment_member", "segment_ordinal"};
	static const char *const *const columns[] = {stay_columns, place_columns};
	bool		are_plain = true;

	for (int i = 0; i < lengthof(tables); i++)
	{
		CrmTable	table = crm_core_table_open(tables[i], AccessShareLock);

		are_plain &= crm_core_table_is_plain(table.relation, ACL_SELECT | ACL_INSERT | ACL_UPDATE) && OidIsValid(crm_core_walk_index(table.relation, 2, columns[i]));
		crm_core_table_close(&table);
	}
	return are_plain;
}

/* Ends the stay in the walk's slot if it goes on. */
static void
end_stay(CrmTable *members, TupleTableSlot *stay, AttrNumber left_at, TimestampTz at)
{
	TupleTableSlot *row;

	slot_getallattrs(stay);
	if (!TIMESTAMP_IS_NOEND(DatumGetTimestampTz(stay->tts_values[left_at - 1])))
		return;
	row = crm_core_table_next(members);
	memcpy(row->tts_values, stay->tts_values, stay->tts_nvalid * sizeof(Datum));
	memcpy(row->tts_isnull, stay->tts_isnull, stay->tts_nvalid * sizeof(bool));
	row->tts_values[left_at - 1] = TimestampTzGetDatum(at);
	ExecStoreVirtualTuple(row);
	crm_core_table_update(members, &stay->tts_tid);
}

/* Ends the stays of one person: the first n of these. */
static void
end_stays_of(CrmTable *members, CrmWalk *walk, const CrmSegmentStay *stays, int n, AttrNumber left_at, TimestampTz at)
{
	AttrNumber	segment_id = crm_core_walk_column(walk, "segment_id");

	while (crm_core_walk_next(walk))
	{
		int32		segment = DatumGetInt32(crm_core_walk_value(walk, segment_id));

		for (int i = 0; i < n; i++)
			if (stays[i].segment_id == segment && crm_core_walk_fetch(walk))
				end_stay(members, walk->slot, left_at, at);
	}
}

/* Ends stays that go on, in the order of their persons; none of a person who has none. */
void
crm_segment_end_stays(const CrmSegmentStay *stays, int n, TimestampTz at)
{
	CrmTable	members = crm_core_table_open("segment_member", RowExclusiveLock);
	AttrNumber	left_at = crm_core_table_column(&members, "left_at");
	CrmWalk		walk;

	crm_core_walk_begin_with(&walk, &members, lengthof(stay_columns), stay_columns, true);
	for (int first = 0, next; first < n; first = next)
	{
		CHECK_FOR_INTERRUPTS();
		for (next = first + 1; next < n && stays[next].customer_id == stays[first].customer_id; next++)
			;
		if (crm_core_walk_find(&walk, stays[first].customer_id))
			end_stays_of(&members, &walk, stays + first, next - first, left_at, at);
	}
	crm_core_walk_end(&walk);
	crm_core_table_close(&members);
}

/* Begins stays, in the order of their persons, at a moment at which none of these began before. */
void
crm_segment_begin_stays(const CrmSegmentStay *stays, int n, TimestampTz at)
{
	CrmTable	members = crm_core_table_open("segment_member", RowExclusiveLock);
	AttrNumber	customer_id = crm_core_table_column(&members, "customer_id");
	AttrNumber	segment_id = crm_core_table_column(&members, "segment_id");
	AttrNumber	entered_at = crm_core_table_column(&members, "entered_at");
	AttrNumber	left_at = crm_core_table_column(&members, "left_at");

	for (int i = 0; i < n; i++)
	{
		TupleTableSlot *row = crm_core_table_new(&members);

		CHECK_FOR_INTERRUPTS();
		crm_core_table_set(row, customer_id, Int64GetDatum(stays[i].customer_id));
		crm_core_table_set(row, segment_id, Int32GetDatum(stays[i].segment_id));
		crm_core_table_set(row, entered_at, TimestampTzGetDatum(at));
		crm_core_table_set(row, left_at, TimestampTzGetDatum(DT_NOEND));
		ExecStoreVirtualTuple(row);
	}
	crm_core_table_close(&members);
}

/* Fills in the ordinals there are. */
void
crm_segment_find_places(CrmSegmentPlaces *places)
{
	CrmTable	numbers = crm_core_table_open("segment_ordinal", AccessShareLock);
	AttrNumber	ordinal;
	CrmWalk		walk;

	crm_core_walk_begin_with(&walk, &numbers, lengthof(place_columns), place_columns, false);
	ordinal = crm_core_walk_column(&walk, "ordinal");
	for (int i = 0; i < places->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		places->ordinals[i] = CRM_SEGMENT_NO_ORDINAL;
		if (crm_core_walk_find(&walk, places->ids[i]) && crm_core_walk_entry(&walk))
			places->ordinals[i] = DatumGetInt64(crm_core_walk_value(&walk, ordinal));
	}
	crm_core_walk_end(&walk);
	crm_core_table_close(&numbers);
}

/* Gives those of the wanted the next ordinals who have none. */
void
crm_segment_give_places(CrmSegmentPlaces *places, const bool *is_wanted)
{
	CrmTable	numbers = crm_core_table_open("segment_ordinal", RowExclusiveLock);
	AttrNumber	customer_id = crm_core_table_column(&numbers, "customer_id");
	AttrNumber	ordinal = crm_core_table_column(&numbers, "ordinal");
	Oid			sequence = crm_core_table_id("segment_ordinal_seq");

	for (int i = 0; i < places->n; i++)
	{
		TupleTableSlot *row;

		if (!is_wanted[i] || places->ordinals[i] != CRM_SEGMENT_NO_ORDINAL)
			continue;
		CHECK_FOR_INTERRUPTS();
		places->ordinals[i] = nextval_internal(sequence, false);
		row = crm_core_table_new(&numbers);
		crm_core_table_set(row, customer_id, Int64GetDatum(places->ids[i]));
		crm_core_table_set(row, ordinal, Int64GetDatum(places->ordinals[i]));
		ExecStoreVirtualTuple(row);
	}
	crm_core_table_close(&numbers);
}
