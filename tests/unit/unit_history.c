/*
 * unit_history.c - packed purchase histories: the layout byte by byte, every operation
 * against a plain array, every query against a plain loop, and damaged bytes.
 */
#include "tap.h"
#include "pure/history.h"
#include "pure/history_query.h"

#define MODEL_MAX 2000

typedef struct Chunk
{
	uint8_t		bytes[CRM_HISTORY_MAX_BYTES];
	size_t		length;
} Chunk;

static CrmHistoryEntry
entry_of(int32_t day, int32_t known_day, int64_t amount_minor)
{
	CrmHistoryEntry entry = {day, known_day, amount_minor};

	return entry;
}

static void
test_layout(void)
{
	static const uint8_t example[] = {
		0x01, 0x00, 0x02, 0x00, 0x28, 0x23, 0x00, 0x00, 0x28, 0x23, 0x00, 0x00,
		0xE8, 0x03, 0, 0, 0, 0, 0, 0, 0x00, 0x00, 0xC4, 0x13, 0x00, 0x06, 0xF3, 0x03
	};
	Chunk		chunk;
	CrmHistoryEntry order = entry_of(9000, 9000, 1250);
	CrmHistoryEntry refund = entry_of(9000, 9003, -250);

	crm_history_init(chunk.bytes, &chunk.length);
	is_int(chunk.length, 20, "an empty chunk is its header");
	is_int(crm_history_validate(chunk.bytes, chunk.length), CRM_HISTORY_OK, "and valid");
	is_int(crm_history_append(chunk.bytes, &chunk.length, &order), CRM_HISTORY_OK, "append an order");
	is_int(crm_history_append(chunk.bytes, &chunk.length, &refund), CRM_HISTORY_OK, "append its refund");
	ok(chunk.length == sizeof example && memcmp(chunk.bytes, example, sizeof example) == 0,
	   "the worked example, byte by byte");
	is_int(crm_history_append(chunk.bytes, &chunk.length, &order), CRM_HISTORY_ORDER,
		   "an entry that belongs earlier is not appended");
	is_int(crm_history_insert(chunk.bytes, &chunk.length, &order), CRM_HISTORY_OK, "but inserted");
	is_int(crm_history_header(chunk.bytes).net_minor, 2250, "the header keeps the net");
	order.day = CRM_HISTORY_DAY_LIMIT + 1;
	is_int(crm_history_insert(chunk.bytes, &chunk.length, &order), CRM_HISTORY_RANGE,
		   "a day out of range is refused");
}

static void
test_limits(void)
{
	Chunk		chunk;
	Chunk		left;
	Chunk		right;
	CrmHistoryEntry entry = entry_of(0, 0, 1);
	CrmHistoryEntry huge = entry_of(0, 0, INT64_MAX);
	size_t		before;
	int			i;

	crm_history_init(chunk.bytes, &chunk.length);
	for (i = 0; i < CRM_HISTORY_MAX_ENTRIES; i++)
		CHECK(crm_history_append(chunk.bytes, &chunk.length, &entry) == CRM_HISTORY_OK);
	CHECKED("128 entries fit");
	before = chunk.length;
	is_int(crm_history_append(chunk.bytes, &chunk.length, &entry), CRM_HISTORY_FULL, "129 do not");
	entry.day = entry.known_day = -1;
	is_int(crm_history_insert(chunk.bytes, &chunk.length, &entry), CRM_HISTORY_FULL, "nor inserted");
	is_int(chunk.length, before, "a refused entry leaves the chunk as it was");
	is_int(crm_history_split(chunk.bytes, chunk.length, left.bytes, &left.length,
							 right.bytes, &right.length), CRM_HISTORY_OK, "a full chunk splits");
	is_int(crm_history_header(left.bytes).entry_count, 64, "in half, the left");
	is_int(crm_history_header(right.bytes).entry_count, 64, "and the right");

	crm_history_init(chunk.bytes, &chunk.length);
	crm_history_append(chunk.bytes, &chunk.length, &huge);
	is_int(crm_history_append(chunk.bytes, &chunk.length, &huge), CRM_HISTORY_OVERFLOW,
		   "a sum that does not fit is refused");
	crm_history_init(chunk.bytes, &chunk.length);
	for (i = 0; i < CRM_HISTORY_MAX_ENTRIES; i++)
	{
		entry = entry_of(i * 7000, 900000, i % 2 ? INT64_MIN : INT64_MAX);
		if (crm_history_append(chunk.bytes, &chunk.length, &entry) != CRM_HISTORY_OK)
			break;
	}
	ok(i < CRM_HISTORY_MAX_ENTRIES && chunk.length <= CRM_HISTORY_MAX_BYTES,
	   "the largest entries end at 1,900 bytes");
	is_int(crm_history_validate(chunk.bytes, chunk.length), CRM_HISTORY_OK, "and are valid");
}

static CrmHistoryEntry
random_entry(void)
{
	int32_t		day = (int32_t) random_between(8000, 8060);
	int32_t		lag = random_u64() % 4 == 0 ? (int32_t) random_between(-3, 40) : 0;

	return entry_of(day, day + lag, lag == 0 ? random_between(1, 50000) : -random_between(1, 50000));
}

/* Where an entry goes in a sorted array: behind everything that is not later. */
static size_t
model_insert(CrmHistoryEntry *model, size_t count, CrmHistoryEntry entry)
{
	size_t		at = count;

	while (at > 0 && (model[at - 1].day > entry.day ||
					  (model[at - 1].day == entry.day && model[at - 1].known_day > entry.known_day)))
	{
		model[at] = model[at - 1];
		at--;
	}
	model[at] = entry;
	return count + 1;
}

static bool
equals_model(const Chunk *chunk, const CrmHistoryEntry *model, size_t count)
{
	CrmHistoryEntry entries[CRM_HISTORY_MAX_ENTRIES];

	return crm_history_validate(chunk->bytes, chunk->length) == CRM_HISTORY_OK &&
		crm_history_unpack(chunk->bytes, chunk->length, entries) == count &&
		memcmp(entries, model, count * sizeof *entries) == 0;
}

static void
test_against_model(void)
{
	int			round;

	for (round = 0; round < 300; round++)
	{
		CrmHistoryEntry model[CRM_HISTORY_MAX_ENTRIES + 1];
		Chunk		chunk;
		size_t		count = 0;
		int			step;

		crm_history_init(chunk.bytes, &chunk.length);
		crm_history_set_flags(chunk.bytes, round % 2 ? CRM_HISTORY_SEALED : 0);
		for (step = 0; step < 160; step++)
		{
			CrmHistoryEntry entry = random_entry();
			CrmHistoryCode code;

			if (count > 0 && random_u64() % 4 == 0)
			{
				size_t		victim = random_u64() % count;

				entry = model[victim];
				/* of equal entries the first goes */
				while (victim > 0 && memcmp(&model[victim - 1], &entry, sizeof entry) == 0)
					victim--;
				CHECK(crm_history_remove(chunk.bytes, &chunk.length, &entry) == CRM_HISTORY_OK);
				memmove(&model[victim], &model[victim + 1], (count - victim - 1) * sizeof *model);
				count--;
				continue;
			}
			code = crm_history_insert(chunk.bytes, &chunk.length, &entry);
			CHECK(code == (count == CRM_HISTORY_MAX_ENTRIES ? CRM_HISTORY_FULL : CRM_HISTORY_OK));
			if (code == CRM_HISTORY_OK)
				count = model_insert(model, count, entry);
		}
		CHECK(equals_model(&chunk, model, count));
		CHECK(crm_history_header(chunk.bytes).flags == (round % 2 ? CRM_HISTORY_SEALED : 0));
	}
	CHECKED("insert and remove agree with a sorted array");
	{
		Chunk		chunk;
		CrmHistoryEntry absent = entry_of(1, 1, 1);

		crm_history_init(chunk.bytes, &chunk.length);
		is_int(crm_history_remove(chunk.bytes, &chunk.length, &absent), CRM_HISTORY_NOT_FOUND,
			   "what is not there cannot be removed");
	}
}

/* Sums a plain list of entries as the definitions say. */
static void
model_summary(const CrmHistoryEntry *entries, size_t count, int32_t from, int32_t to,
			  int32_t as_of, CrmHistorySummary *summary)
{
	int32_t		day;
	size_t		i;

	memset(summary, 0, sizeof *summary);
	for (day = from; day <= to && day <= as_of; day++)
	{
		int64_t		net = 0;

		for (i = 0; i < count; i++)
			if (entries[i].day == day && entries[i].known_day <= as_of)
				net += entries[i].amount_minor;
		summary->net_minor += net;
		if (net > 0)
		{
			if (summary->order_days++ == 0)
				summary->first_day = day;
			summary->last_day = day;
			summary->order_net_minor += net;
		}
	}
}

static void
test_queries(void)
{
	int			round;

	for (round = 0; round < 400; round++)
	{
		static Chunk chunks[12];
		static CrmHistoryEntry model[MODEL_MAX];
		CrmHistoryCursor cursors[12];
		CrmHistoryDay days[100];
		CrmHistoryMerge merge;
		CrmHistorySummary got;
		CrmHistorySummary again;
		CrmHistorySummary want;
		size_t		chunk_count = random_u64() % 12;
		size_t		count = 0;
		size_t		day_count = 0;
		int32_t		as_of = (int32_t) random_between(7995, 8070);
		int32_t		from = (int32_t) random_between(7990, 8065);
		int32_t		to = from + (int32_t) random_between(-2, 60);
		size_t		i;

		for (i = 0; i < chunk_count; i++)
		{
			int			n = (int) (random_u64() % 40);

			crm_history_init(chunks[i].bytes, &chunks[i].length);
			while (n-- > 0)
			{
				model[count] = random_entry();
				crm_history_insert(chunks[i].bytes, &chunks[i].length, &model[count++]);
			}
			crm_history_begin(&cursors[i], chunks[i].bytes, chunks[i].length);
		}
		model_summary(model, count, from, to, as_of, &want);
		CHECK(crm_history_summarize(cursors, chunk_count, from, to, as_of, &got) == CRM_HISTORY_OK);
		CHECK(memcmp(&got, &want, sizeof got) == 0);

		for (i = 0; i < chunk_count; i++)
			crm_history_begin(&cursors[i], chunks[i].bytes, chunks[i].length);
		crm_history_merge_begin(&merge, cursors, chunk_count, as_of);
		while (crm_history_merge_day(&merge, &days[day_count]))
		{
			CHECK(day_count == 0 || days[day_count].day > days[day_count - 1].day);
			day_count++;
		}
		CHECK(crm_history_summarize_days(days, day_count, from, to, &again) == CRM_HISTORY_OK);
		CHECK(memcmp(&again, &want, sizeof again) == 0);
	}
	CHECKED("windows as of any date agree with a plain loop, whatever the chunks");
}

/* Flips, cuts and lengthens valid bytes: what is still accepted must be written the same way. */
static void
test_damage(void)
{
	long		refused = 0;
	int			i;

	for (i = 0; i < 60000; i++)
	{
		Chunk		chunk;
		Chunk		again;
		CrmHistoryEntry entries[CRM_HISTORY_MAX_ENTRIES];
		size_t		count;
		int			n = (int) (random_u64() % 6);

		crm_history_init(chunk.bytes, &chunk.length);
		while (n-- > 0)
		{
			CrmHistoryEntry entry = random_entry();

			crm_history_insert(chunk.bytes, &chunk.length, &entry);
		}
		chunk.bytes[random_u64() % chunk.length] ^= (uint8_t) (1 << random_u64() % 8);
		if (random_u64() % 3 == 0)
			chunk.length -= random_u64() % chunk.length;
		if (crm_history_validate(chunk.bytes, chunk.length) != CRM_HISTORY_OK)
		{
			refused++;
			continue;
		}
		count = crm_history_unpack(chunk.bytes, chunk.length, entries);
		CHECK(crm_history_pack(again.bytes, &again.length, entries, count) == CRM_HISTORY_OK);
		again.bytes[1] = chunk.bytes[1];
		CHECK(again.length == chunk.length && memcmp(again.bytes, chunk.bytes, chunk.length) == 0);
	}
	CHECKED("bytes that pass the check are exactly what would be written");
	ok(refused > 55000, "nearly all damage is seen");
}

int
main(void)
{
	test_layout();
	test_limits();
	test_against_model();
	test_queries();
	test_damage();
	return done();
}
