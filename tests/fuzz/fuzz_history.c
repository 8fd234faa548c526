/*
 * fuzz_history.c - packed histories: what validates can be walked and packed again to the same
 * bytes; and whatever entries come, what is built validates.
 */
#include "fuzz.h"
#include "pure/history.h"
#include "pure/history_query.h"

SEEDS(SEED("\x01\x00\x02\x00\x28\x23\x00\x00\x28\x23\x00\x00\xE8\x03\0\0\0\0\0\0\0\0\xC4\x13\0\x06\xF3\x03"),
	  SEED("\x01\x00\x00\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	  SEED("\x01\x00\x01\x00\x0A\0\0\0\x0A\0\0\0\x64\0\0\0\0\0\0\0\0\0\xC8\x01"));

typedef struct Chunk
{
	uint8_t		bytes[CRM_HISTORY_MAX_BYTES];
	size_t		length;
} Chunk;

static size_t
walk(const uint8_t *bytes, size_t length, CrmHistoryEntry *entries)
{
	CrmHistoryHeader header = crm_history_header(bytes);
	CrmHistoryCursor cursor;
	CrmHistorySummary summary;
	size_t		count = 0;
	__int128	net = 0;

	crm_history_begin(&cursor, bytes, length);
	while (crm_history_next(&cursor))
	{
		HOLDS(count < CRM_HISTORY_MAX_ENTRIES && cursor.at <= bytes + length);
		HOLDS(count == 0 || entries[count - 1].day <= cursor.entry.day);
		entries[count++] = cursor.entry;
		net += cursor.entry.amount_minor;
	}
	HOLDS(count == header.entry_count && cursor.at == bytes + length && net == header.net_minor);
	crm_history_begin(&cursor, bytes, length);
	if (crm_history_summarize(&cursor, 1, INT32_MIN, INT32_MAX, INT32_MAX, &summary) == CRM_HISTORY_OK)
		HOLDS(summary.net_minor == header.net_minor && summary.order_days <= (int64_t) count);
	return count;
}

static void
check_valid(const uint8_t *bytes, size_t length)
{
	static Chunk again;
	CrmHistoryEntry entries[CRM_HISTORY_MAX_ENTRIES];
	size_t		count = walk(bytes, length, entries);

	HOLDS(crm_history_pack(again.bytes, &again.length, entries, count) == CRM_HISTORY_OK);
	HOLDS(again.length == length && memcmp(again.bytes, bytes, length) == 0);
}

/* Packs the input's bytes taken as entries; half the inputs make sorted ones. */
static void
build(const uint8_t *data, size_t size)
{
	static Chunk chunk;
	CrmHistoryEntry entries[CRM_HISTORY_MAX_ENTRIES + 1];
	size_t		count = 0;
	int32_t		day = 0;

	for (size_t at = 0; at + 8 <= size && count < CRM_HISTORY_MAX_ENTRIES + 1; at += 8)
	{
		CrmHistoryEntry *entry = &entries[count++];

		memcpy(&entry->amount_minor, data + at, 8);
		entry->day = data[0] & 1 ? (day += data[at + 6]) : (int32_t) (entry->amount_minor >> 7) >> (data[at] & 31);
		entry->known_day = (int32_t) ((uint32_t) entry->day + data[at + 7]);
		if (entry->known_day > CRM_HISTORY_DAY_LIMIT || data[at] & 1)
			entry->amount_minor >>= 20;
	}
	if (crm_history_pack(chunk.bytes, &chunk.length, entries, count) != CRM_HISTORY_OK)
		return;
	HOLDS(chunk.length <= CRM_HISTORY_MAX_BYTES);
	HOLDS(crm_history_validate(chunk.bytes, chunk.length) == CRM_HISTORY_OK);
	check_valid(chunk.bytes, chunk.length);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (crm_history_validate(data, size) == CRM_HISTORY_OK)
		check_valid(data, size);
	build(data, size);
	return 0;
}
