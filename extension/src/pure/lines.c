/*
 * lines.c
 *		Packed lines of a source record: merged, written, walked.  The layout is in lines.h.
 *
 * Called by purchase for every order, and by rules that ask for products.
 */
#include "pure/lines.h"
#include "pure/varint.h"

#define VERSION 2
#define DAY_MICROS INT64_C(86400000000)

enum
{
	RECEIPT = 1,
	PLACE = 2,
	SEVERAL = 4,
	QUANTITY = 8
};

static int
order_of(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Whether two entries are of one receipt: bought at once. */
static bool
is_one_receipt(const CrmLine *a, const CrmLine *b)
{
	return a->day == b->day && a->moment == b->moment && a->store == b->store && a->channel == b->channel;
}

int
crm_lines_compare(const CrmLine *a, const CrmLine *b)
{
	int			order = order_of(a->day, b->day);

	if (order == 0)
		order = order_of(a->moment, b->moment);
	if (order == 0)
		order = order_of(a->store, b->store);
	if (order == 0)
		order = order_of(a->channel, b->channel);
	if (order == 0)
		order = order_of(a->product, b->product);
	if (order == 0)
		order = order_of(a->quantity, b->quantity);
	return order != 0 ? order : order_of(a->amount_minor, b->amount_minor);
}

/* The highest byte first, the sign turned, so that bytes compare like numbers. */
static uint8_t *
put_ordered(uint8_t *at, int64_t value, int bytes)
{
	uint64_t	turned = (uint64_t) value ^ (UINT64_C(1) << (bytes * 8 - 1));

	for (int i = bytes - 1; i >= 0; i--)
		*at++ = (uint8_t) (turned >> (i * 8));
	return at;
}

static int64_t
take_ordered(const uint8_t **at, int bytes)
{
	uint64_t	turned = 0;

	for (int i = 0; i < bytes; i++)
		turned = turned << 8 | *(*at)++;
	turned ^= UINT64_C(1) << (bytes * 8 - 1);
	return bytes == 8 ? (int64_t) turned : (int32_t) turned;
}

void
crm_lines_key(const CrmLine *line, uint8_t key[CRM_LINES_KEY_BYTES])
{
	uint8_t    *at = put_ordered(key, line->moment, 8);

	at = put_ordered(at, line->store, 4);
	at = put_ordered(at, line->channel, 4);
	at = put_ordered(at, line->product, 4);
	at = put_ordered(at, line->quantity, 8);
	put_ordered(at, line->amount_minor, 8);
}

void
crm_lines_of_key(const uint8_t key[CRM_LINES_KEY_BYTES], CrmLine *line)
{
	const uint8_t *at = key;

	line->moment = take_ordered(&at, 8);
	line->store = (int32_t) take_ordered(&at, 4);
	line->channel = (int32_t) take_ordered(&at, 4);
	line->product = (int32_t) take_ordered(&at, 4);
	line->quantity = take_ordered(&at, 8);
	line->amount_minor = take_ordered(&at, 8);
}

int
crm_lines_merge(const CrmLine *a, int n_a, const CrmLine *b, int n_b, CrmLine *out)
{
	int			n = 0;

	for (int i = 0, j = 0; i < n_a || j < n_b;)
	{
		bool		takes_a = j == n_b || (i < n_a && crm_lines_compare(&a[i], &b[j]) <= 0);
		const CrmLine *next = takes_a ? &a[i++] : &b[j++];

		if (n > 0 && crm_lines_compare(&out[n - 1], next) == 0)
		{
			if (__builtin_add_overflow(out[n - 1].lines, next->lines, &out[n - 1].lines))
				return -1;
			continue;
		}
		/* the entry before is complete now */
		n -= n > 0 && out[n - 1].lines == 0;
		out[n++] = *next;
	}
	return n - (n > 0 && out[n - 1].lines == 0);
}

/* A moment since its day's midnight in UTC, in the largest unit that tells it; the difference wraps around. */
static uint8_t *
put_moment(uint8_t *at, const CrmLine *line)
{
	int64_t		since = (int64_t) ((uint64_t) line->moment - (uint64_t) line->day * DAY_MICROS);

	if (line->moment == CRM_LINES_NO_MOMENT)
		return crm_varint_put(at, 0);
	if (since % 60000000 == 0)
		return crm_varint_put(at, crm_varint_fold(since / 60000000) << 2 | 1);
	if (since % 1000000 == 0)
		return crm_varint_put(at, crm_varint_fold(since / 1000000) << 2 | 2);
	/* of all 64 bits the two highest have no room beside the unit: they follow */
	at = crm_varint_put(at, (crm_varint_fold(since) & UINT64_MAX >> 2) << 2 | 3);
	return crm_varint_put(at, crm_varint_fold(since) >> 62);
}

static uint8_t *
put_receipt(uint8_t *at, const CrmLine *line, const CrmLine *before, bool has_place)
{
	at = crm_varint_put(at, crm_varint_fold((int64_t) line->day - (before == NULL ? 0 : before->day)));
	at = put_moment(at, line);
	if (!has_place)
		return at;
	at = crm_varint_put(at, (uint32_t) line->store);
	return crm_varint_put(at, (uint32_t) line->channel);
}

size_t
crm_lines_pack(const CrmLine *entries, int n, uint8_t *bytes)
{
	uint8_t    *at = bytes;

	*at++ = VERSION;
	*at++ = (uint8_t) n;
	if (n == 0)
		return 2;
	at = crm_varint_put(at, crm_varint_fold(entries[n - 1].day));
	for (int i = 0; i < n; i++)
	{
		const CrmLine *line = &entries[i];
		const CrmLine *before = i > 0 ? line - 1 : NULL;
		bool		is_receipt = before == NULL || !is_one_receipt(before, line);
		bool		has_place = is_receipt && (before == NULL ? line->store != 0 || line->channel != 0 :
											   line->store != before->store || line->channel != before->channel);
		uint64_t	flags = (is_receipt ? RECEIPT : 0) | (has_place ? PLACE : 0) | (line->lines != 1 ? SEVERAL : 0) |
			(line->quantity != CRM_LINES_UNIT ? QUANTITY : 0);

		at = crm_varint_put(at, (uint64_t) ((int64_t) line->product - (is_receipt ? 0 : before->product)) << 4 | flags);
		if (is_receipt)
			at = put_receipt(at, line, before, has_place);
		if (line->lines != 1)
			at = crm_varint_put(at, crm_varint_fold(line->lines));
		if (line->quantity != CRM_LINES_UNIT)
			at = crm_varint_put(at, crm_varint_fold(line->quantity));
		at = crm_varint_put(at, crm_varint_fold(line->amount_minor));
	}
	return (size_t) (at - bytes);
}

static uint64_t
take_any_varint(CrmLinesCursor *cursor)
{
	uint64_t	value = 0;

	for (int shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7)
	{
		uint8_t		byte = *cursor->at++;

		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	cursor->is_damaged = true;
	return 0;
}

/* Nearly all take one to three bytes: a walk over everybody's lines reads hundreds of millions. */
static inline uint64_t
take_varint(CrmLinesCursor *cursor)
{
	const uint8_t *at = cursor->at;

	if (cursor->end - at < 3)
		return take_any_varint(cursor);
	if (at[0] < 0x80)
	{
		cursor->at = at + 1;
		return at[0];
	}
	if (at[1] < 0x80)
	{
		cursor->at = at + 2;
		return (at[0] & 0x7f) | (uint64_t) at[1] << 7;
	}
	if (at[2] < 0x80)
	{
		cursor->at = at + 3;
		return (at[0] & 0x7f) | (uint64_t) (at[1] & 0x7f) << 7 | (uint64_t) at[2] << 14;
	}
	return take_any_varint(cursor);
}

void
crm_lines_begin(CrmLinesCursor *cursor, const uint8_t *bytes, size_t length)
{
	*cursor = (CrmLinesCursor) {.at = bytes + 2, .end = bytes + length};
	if (length < 2 || bytes[0] != VERSION || bytes[1] > CRM_LINES_MAX_ENTRIES)
	{
		cursor->is_damaged = true;
		return;
	}
	cursor->left = bytes[1];
	if (cursor->left > 0)
		cursor->last_day = (int32_t) crm_varint_unfold(take_varint(cursor));
	cursor->is_damaged |= cursor->left == 0 && cursor->at != cursor->end;
}

static inline void
take_moment(CrmLinesCursor *cursor)
{
	static const int64_t units[] = {0, 60000000, 1000000, 1};
	uint64_t	code = take_varint(cursor);
	uint64_t	count = code >> 2;
	int64_t		since;

	if (code == 0)
	{
		cursor->line.moment = CRM_LINES_NO_MOMENT;
		return;
	}
	if ((code & 3) == 3)
		count |= take_varint(cursor) << 62;
	cursor->is_damaged |= (code & 3) == 0 || __builtin_mul_overflow(crm_varint_unfold(count), units[code & 3], &since);
	if (!cursor->is_damaged)
		cursor->line.moment = (int64_t) ((uint64_t) since + (uint64_t) cursor->line.day * DAY_MICROS);
}

static inline void
take_place(CrmLinesCursor *cursor)
{
	uint64_t	store = take_varint(cursor);
	uint64_t	channel = take_varint(cursor);

	cursor->is_damaged |= store > INT32_MAX || channel > INT32_MAX;
	cursor->line.store = (int32_t) store;
	cursor->line.channel = (int32_t) channel;
}

/* A chunk's first entry begins a receipt. */
static inline void
take_receipt(CrmLinesCursor *cursor, uint64_t flags)
{
	int64_t		day;

	cursor->is_receipt = (flags & RECEIPT) != 0;
	if (!cursor->is_receipt)
	{
		cursor->is_damaged |= !cursor->is_begun || (flags & PLACE) != 0;
		return;
	}
	if (__builtin_add_overflow((int64_t) cursor->line.day, crm_varint_unfold(take_varint(cursor)), &day) || day > INT32_MAX || day < INT32_MIN)
		cursor->is_damaged = true;
	else
		cursor->line.day = (int32_t) day;
	take_moment(cursor);
	if (flags & PLACE)
		take_place(cursor);
}

bool
crm_lines_next(CrmLinesCursor *cursor)
{
	CrmLine    *line = &cursor->line;
	uint64_t	head;
	uint64_t	product;

	if (cursor->left == 0 || cursor->is_damaged)
		return false;
	head = take_varint(cursor);
	take_receipt(cursor, head);
	product = (head >> 4) + (cursor->is_receipt ? 0 : (uint64_t) line->product);
	line->lines = head & SEVERAL ? crm_varint_unfold(take_varint(cursor)) : 1;
	line->quantity = head & QUANTITY ? crm_varint_unfold(take_varint(cursor)) : CRM_LINES_UNIT;
	line->amount_minor = crm_varint_unfold(take_varint(cursor));
	cursor->is_damaged |= product > INT32_MAX;
	line->product = (int32_t) product;
	cursor->is_begun = true;
	cursor->left--;
	cursor->is_damaged |= cursor->left == 0 && (cursor->at != cursor->end || line->day != cursor->last_day);
	return !cursor->is_damaged;
}
