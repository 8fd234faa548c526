/*
 * unit_history.c - packed purchase histories: the layout byte by byte, what was packed read
 * back, every query against a plain loop, and damaged bytes.
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

static CrmHistoryCode
pack(Chunk *chunk, const CrmHistoryEntry *entries, size_t count)
{
	return crm_history_pack(chunk->bytes, &chunk->length, entries, count);
}

static void
test_layout(void)
{
	static const uint8_t example[] = {
		0x01, 0x00, 0x02, 0x00, 0x28, 0x23, 0x00, 0x00, 0x28, 0x23, 0x00, 0x00,
		0xE8, 0x03, 0, 0, 0, 0, 0, 0, 0x00, 0x00, 0xC4, 0x13, 0x00, 0x06, 0xF3, 0x03
	};
	Chunk		chunk;
	CrmHistoryEntry entries[3] = {{9000, 9000, 1250}, {9000, 9003, -250}, {9000, 9000, 1250}};

	is_int(pack(&chunk, NULL, 0), CRM_HISTORY_OK, "nothing is packed, too");
	is_int(chunk.length, 20, "an empty chunk is its header");
	is_int(crm_history_validate(chunk.bytes, chunk.length), CRM_HISTORY_OK, "and valid");
	is_int(pack(&chunk, entries, 2), CRM_HISTORY_OK, "an order and its refund");
	ok(chunk.length == sizeof example && memcmp(chunk.bytes, example, sizeof example) == 0,
	   "the worked example, byte by byte");
	is_int(crm_history_header(chunk.bytes).net_minor, 1000, "the header keeps the net");
	chunk.bytes[1] = 1;
	is_int(crm_history_validate(chunk.bytes, chunk.length), CRM_HISTORY_CORRUPT, "the second byte is 0 in this version");
	is_int(pack(&chunk, entries, 3), CRM_HISTORY_ORDER, "entries that are not sorted are refused");
	entries[0].day = -CRM_HISTORY_DAY_LIMIT - 1;
	is_int(pack(&chunk, entries, 1), CRM_HISTORY_RANGE, "a day out of range, too");
}

static void
test_limits(void)
{
	Chunk		chunk;
	CrmHistoryEntry entries[CRM_HISTORY_MAX_ENTRIES + 1];
	size_t		fit = 0;
	int			i;

	for (i = 0; i <= CRM_HISTORY_MAX_ENTRIES; i++)
		entries[i] = entry_of(0, 0, 1);
	is_int(pack(&chunk, entries, CRM_HISTORY_MAX_ENTRIES), CRM_HISTORY_OK, "128 entries fit");
	is_int(pack(&chunk, entries, CRM_HISTORY_MAX_ENTRIES + 1), CRM_HISTORY_FULL, "129 do not");
	entries[0].amount_minor = entries[1].amount_minor = INT64_MAX;
	is_int(pack(&chunk, entries, 2), CRM_HISTORY_OVERFLOW, "a sum that does not fit is refused");

	for (i = 0; i < CRM_HISTORY_MAX_ENTRIES; i++)
		entries[i] = entry_of(i * 7000, 900000, i % 2 ? INT64_MIN : INT64_MAX);
	is_int(pack(&chunk, entries, CRM_HISTORY_MAX_ENTRIES), CRM_HISTORY_FULL, "128 of the largest are too many bytes");
	while (pack(&chunk, entries, fit + 1) == CRM_HISTORY_OK)
		fit++;
	is_int(pack(&chunk, entries, fit), CRM_HISTORY_OK, "as many as fit are packed");
	ok(chunk.length <= CRM_HISTORY_MAX_BYTES && chunk.length > CRM_HISTORY_MAX_BYTES - 20, "and end at 1,900 bytes");
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

/* Packs so many random entries, sorted; they are left in model. */
static void
pack_random(Chunk *chunk, CrmHistoryEntry *model, size_t wanted)
{
	size_t		count = 0;

	while (count < wanted)
		count = model_insert(model, count, random_entry());
	CHECK(pack(chunk, model, count) == CRM_HISTORY_OK);
}

static void
test_read_back(void)
{
	int			round;

	for (round = 0; round < 2000; round++)
	{
		CrmHistoryEntry model[CRM_HISTORY_MAX_ENTRIES];
		CrmHistoryEntry entries[CRM_HISTORY_MAX_ENTRIES];
		size_t		count = random_u64() % (CRM_HISTORY_MAX_ENTRIES + 1);
		Chunk		chunk;

		pack_random(&chunk, model, count);
		CHECK(crm_history_validate(chunk.bytes, chunk.length) == CRM_HISTORY_OK);
		CHECK(crm_history_header(chunk.bytes).entry_count == count);
		CHECK(crm_history_unpack(chunk.bytes, chunk.length, entries) == count);
		CHECK(memcmp(entries, model, count * sizeof *entries) == 0);
	}
	CHECKED("what was packed is read back");
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
			size_t		n = random_u64() % 40;

			pack_random(&chunks[i], model + count, n);
			count += n;
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

		pack_random(&chunk, entries, random_u64() % 6);
		chunk.bytes[random_u64() % chunk.length] ^= (uint8_t) (1 << random_u64() % 8);
		if (random_u64() % 3 == 0)
			chunk.length -= random_u64() % chunk.length;
		if (crm_history_validate(chunk.bytes, chunk.length) != CRM_HISTORY_OK)
		{
			refused++;
			continue;
		}
		count = crm_history_unpack(chunk.bytes, chunk.length, entries);
		CHECK(pack(&again, entries, count) == CRM_HISTORY_OK);
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
	test_read_back();
	test_queries();
	test_damage();
	return done();
}
