/*
 * fuzz_history.c - packed histories: what validates can be walked, packed again to the same
 * bytes and extended; and whatever entries come, what is built validates.
 */
#include "fuzz.h"
#include "pure/history.h"
#include "pure/history_query.h"

SEEDS(SEED("\x01\x00\x02\x00\x28\x23\x00\x00\x28\x23\x00\x00\xE8\x03\0\0\0\0\0\0\0\0\xC4\x13\0\x06\xF3\x03"),
	  SEED("\x01\x00\x00\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	  SEED("\x01\x01\x01\x00\x0A\0\0\0\x0A\0\0\0\x64\0\0\0\0\0\0\0\0\0\xC8\x01"));

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
	static Chunk again,
				left,
				right;
	CrmHistoryEntry entries[CRM_HISTORY_MAX_ENTRIES];
	size_t		count = walk(bytes, length, entries);
	CrmHistoryEntry late = {count > 0 ? entries[count - 1].day : 0, CRM_HISTORY_DAY_LIMIT, -1};

	HOLDS(crm_history_pack(again.bytes, &again.length, entries, count) == CRM_HISTORY_OK);
	crm_history_set_flags(again.bytes, crm_history_header(bytes).flags);
	HOLDS(again.length == length && memcmp(again.bytes, bytes, length) == 0);
	if (count >= 2 && crm_history_split(bytes, length, left.bytes, &left.length, right.bytes, &right.length) == CRM_HISTORY_OK)
	{
		HOLDS(crm_history_validate(left.bytes, left.length) == CRM_HISTORY_OK);
		HOLDS(crm_history_validate(right.bytes, right.length) == CRM_HISTORY_OK);
	}
	if (crm_history_append(again.bytes, &again.length, &late) == CRM_HISTORY_OK)
	{
		HOLDS(crm_history_validate(again.bytes, again.length) == CRM_HISTORY_OK);
		HOLDS(crm_history_remove(again.bytes, &again.length, &late) == CRM_HISTORY_OK);
		HOLDS(again.length == length);
	}
}

/* Builds a chunk from the input's bytes taken as entries. */
static void
build(const uint8_t *data, size_t size)
{
	static Chunk chunk;
	CrmHistoryEntry entry = {0, 0, 0};

	crm_history_init(chunk.bytes, &chunk.length);
	for (size_t at = 0; at + 8 <= size; at += 8)
	{
		CrmHistoryCode code;

		memcpy(&entry.amount_minor, data + at, 8);
		entry.day = (int32_t) (entry.amount_minor >> 7) >> (data[at] & 31);
		entry.known_day = (int32_t) ((uint32_t) entry.day + data[at + 7]);
		if (entry.known_day > CRM_HISTORY_DAY_LIMIT || data[at] & 1)
			entry.amount_minor >>= 20;
		code = data[at] & 2 ? crm_history_append(chunk.bytes, &chunk.length, &entry)
			: crm_history_insert(chunk.bytes, &chunk.length, &entry);
		if (code == CRM_HISTORY_OK && data[at] & 4)
			HOLDS(crm_history_remove(chunk.bytes, &chunk.length, &entry) == CRM_HISTORY_OK);
		HOLDS(chunk.length <= CRM_HISTORY_MAX_BYTES);
		HOLDS(crm_history_validate(chunk.bytes, chunk.length) == CRM_HISTORY_OK);
	}
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
