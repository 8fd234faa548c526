/*
 * history.c - packed purchase histories: one chunk, written, read and checked.
 *
 * Called by room purchase for every order and refund, and by value through
 * history_query.c.  The layout is in history.h.  A change of a chunk unpacks it, edits the
 * entries and packs them again: 128 entries are about a microsecond, and one way of writing
 * means one thing to test.
 */
#include <string.h>

#include "pure/history.h"
#include "pure/varint.h"

#define MAX_ENTRY_BYTES (3 * CRM_VARINT_MAX)

/* ---------------------------------------------------------------- bytes */

static void
put_le(uint8_t *at, uint64_t value, int bytes)
{
	int			i;

	for (i = 0; i < bytes; i++)
		at[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
get_le(const uint8_t *at, int bytes)
{
	uint64_t	value = 0;
	int			i;

	for (i = bytes - 1; i >= 0; i--)
		value = (value << 8) | at[i];
	return value;
}

/* Reads a varint of a chunk that has been validated. */
static uint64_t
get_varint(const uint8_t **at)
{
	uint64_t	value = 0;
	int			shift = 0;

	while (**at & 0x80)
	{
		value |= (uint64_t) (*(*at)++ & 0x7F) << shift;
		shift += 7;
	}
	return value | (uint64_t) *(*at)++ << shift;
}

/* Reads an untrusted varint; false on truncation, more than 64 bits, or padding. */
static bool
read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
	int			i;

	*value = 0;
	for (i = 0; i < CRM_VARINT_MAX; i++)
	{
		uint8_t		byte;

		if (*at == end)
			return false;
		byte = *(*at)++;
		if (i == CRM_VARINT_MAX - 1 && byte > 1)
			return false;
		*value |= (uint64_t) (byte & 0x7F) << (7 * i);
		if ((byte & 0x80) == 0)
			return i == 0 || byte != 0;
	}
	return false;
}

/* ---------------------------------------------------------------- header and entries */

static void
put_header(uint8_t *chunk, const CrmHistoryHeader *header)
{
	chunk[0] = CRM_HISTORY_VERSION;
	chunk[1] = 0;
	put_le(chunk + 2, header->entry_count, 2);
	put_le(chunk + 4, (uint32_t) header->first_day, 4);
	put_le(chunk + 8, (uint32_t) header->last_day, 4);
	put_le(chunk + 12, (uint64_t) header->net_minor, 8);
}

CrmHistoryHeader
crm_history_header(const uint8_t *chunk)
{
	CrmHistoryHeader header;

	header.entry_count = (uint16_t) get_le(chunk + 2, 2);
	header.first_day = (int32_t) (uint32_t) get_le(chunk + 4, 4);
	header.last_day = (int32_t) (uint32_t) get_le(chunk + 8, 4);
	header.net_minor = (int64_t) get_le(chunk + 12, 8);
	return header;
}

static size_t
put_entry(uint8_t *at, const CrmHistoryEntry *entry, int32_t base_day)
{
	uint8_t    *end = crm_varint_put(at, (uint64_t) (entry->day - base_day));

	end = crm_varint_put(end, crm_varint_fold((int64_t) entry->known_day - entry->day));
	end = crm_varint_put(end, crm_varint_fold(entry->amount_minor));
	return (size_t) (end - at);
}

static bool
in_day_limit(int64_t day)
{
	return day >= -CRM_HISTORY_DAY_LIMIT && day <= CRM_HISTORY_DAY_LIMIT;
}

static bool
is_valid_entry(const CrmHistoryEntry *entry)
{
	return in_day_limit(entry->day) && in_day_limit(entry->known_day);
}

/* Negative when a belongs before b. */
static int
compare_entries(const CrmHistoryEntry *a, const CrmHistoryEntry *b)
{
	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	if (a->known_day != b->known_day)
		return a->known_day < b->known_day ? -1 : 1;
	return 0;
}

/* ---------------------------------------------------------------- reading */

void
crm_history_begin(CrmHistoryCursor *cursor, const uint8_t *chunk, size_t length)
{
	CrmHistoryHeader header = crm_history_header(chunk);

	memset(cursor, 0, sizeof *cursor);
	cursor->at = chunk + CRM_HISTORY_HEADER_BYTES;
	cursor->end = chunk + length;
	cursor->left = header.entry_count;
	cursor->entry.day = header.first_day;
}

bool
crm_history_next(CrmHistoryCursor *cursor)
{
	CrmHistoryEntry *entry = &cursor->entry;

	if (cursor->left == 0)
		return false;
	cursor->left--;
	entry->day += (int32_t) get_varint(&cursor->at);
	entry->known_day = entry->day + (int32_t) crm_varint_unfold(get_varint(&cursor->at));
	entry->amount_minor = crm_varint_unfold(get_varint(&cursor->at));
	return true;
}

size_t
crm_history_unpack(const uint8_t *chunk, size_t length, CrmHistoryEntry *entries)
{
	CrmHistoryCursor cursor;
	size_t		count = 0;

	crm_history_begin(&cursor, chunk, length);
	while (crm_history_next(&cursor))
		entries[count++] = cursor.entry;
	return count;
}

/* Reads one untrusted entry behind the one before it. */
static bool
read_entry(const uint8_t **at, const uint8_t *end, int64_t base_day, CrmHistoryEntry *entry)
{
	uint64_t	delta;
	uint64_t	lag;
	uint64_t	amount;
	int64_t		day;
	int64_t		known_day;

	if (!read_varint(at, end, &delta) || delta > 2 * CRM_HISTORY_DAY_LIMIT ||
		!read_varint(at, end, &lag) || lag > 4 * CRM_HISTORY_DAY_LIMIT ||
		!read_varint(at, end, &amount))
		return false;
	day = base_day + (int64_t) delta;
	known_day = day + crm_varint_unfold(lag);
	if (!in_day_limit(day) || !in_day_limit(known_day))
		return false;
	entry->day = (int32_t) day;
	entry->known_day = (int32_t) known_day;
	entry->amount_minor = crm_varint_unfold(amount);
	return true;
}

/* Reads all entries; true when they are sorted, end with the bytes and add up to the header. */
static bool
entries_match(const uint8_t *at, const uint8_t *end, const CrmHistoryHeader *header)
{
	CrmHistoryEntry before = {header->first_day, -CRM_HISTORY_DAY_LIMIT, 0};
	int64_t		net = 0;
	int			i;

	for (i = 0; i < header->entry_count; i++)
	{
		CrmHistoryEntry entry;

		if (!read_entry(&at, end, before.day, &entry) || compare_entries(&entry, &before) < 0 ||
			__builtin_add_overflow(net, entry.amount_minor, &net))
			return false;
		if (i == 0 && entry.day != header->first_day)
			return false;
		before = entry;
	}
	return at == end && before.day == header->last_day && net == header->net_minor;
}

CrmHistoryCode
crm_history_validate(const uint8_t *bytes, size_t length)
{
	CrmHistoryHeader header;

	if (length < CRM_HISTORY_HEADER_BYTES || length > CRM_HISTORY_MAX_BYTES ||
		bytes[0] != CRM_HISTORY_VERSION || bytes[1] != 0)
		return CRM_HISTORY_CORRUPT;
	header = crm_history_header(bytes);
	if (header.entry_count > CRM_HISTORY_MAX_ENTRIES || !in_day_limit(header.first_day))
		return CRM_HISTORY_CORRUPT;
	if (header.entry_count == 0 && (header.first_day != 0 || header.last_day != 0))
		return CRM_HISTORY_CORRUPT;
	return entries_match(bytes + CRM_HISTORY_HEADER_BYTES, bytes + length, &header)
		? CRM_HISTORY_OK : CRM_HISTORY_CORRUPT;
}

/* ---------------------------------------------------------------- writing */

/*
 * Puts an entry behind the last one, whose day the header has.  Partial sums follow the
 * order of entries, as crm_history_validate() adds them up.
 */
static CrmHistoryCode
put_last(uint8_t *chunk, size_t *length, const CrmHistoryEntry *entry)
{
	CrmHistoryHeader header = crm_history_header(chunk);
	uint8_t		packed[MAX_ENTRY_BYTES];
	size_t		used;

	if (header.entry_count == CRM_HISTORY_MAX_ENTRIES)
		return CRM_HISTORY_FULL;
	if (__builtin_add_overflow(header.net_minor, entry->amount_minor, &header.net_minor))
		return CRM_HISTORY_OVERFLOW;
	if (header.entry_count == 0)
		header.first_day = header.last_day = entry->day;
	used = put_entry(packed, entry, header.last_day);
	if (*length + used > CRM_HISTORY_MAX_BYTES)
		return CRM_HISTORY_FULL;
	memcpy(chunk + *length, packed, used);
	*length += used;
	header.entry_count++;
	header.last_day = entry->day;
	put_header(chunk, &header);
	return CRM_HISTORY_OK;
}

CrmHistoryCode
crm_history_pack(uint8_t *chunk, size_t *length, const CrmHistoryEntry *entries, size_t count)
{
	CrmHistoryHeader empty = {0};
	size_t		i;

	put_header(chunk, &empty);
	*length = CRM_HISTORY_HEADER_BYTES;
	for (i = 0; i < count; i++)
	{
		CrmHistoryCode code;

		if (!is_valid_entry(&entries[i]))
			return CRM_HISTORY_RANGE;
		if (i > 0 && compare_entries(&entries[i], &entries[i - 1]) < 0)
			return CRM_HISTORY_ORDER;
		code = put_last(chunk, length, &entries[i]);
		if (code != CRM_HISTORY_OK)
			return code;
	}
	return CRM_HISTORY_OK;
}
