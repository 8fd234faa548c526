/*
 * lines.c
 *		Packed lines of a source record: merged, written, walked.  The layout is in lines.h.
 *
 * Called by purchase for every order, and by rules that ask for products.
 */
#include "pure/lines.h"

#define VERSION 1

int
crm_lines_compare(const CrmLine *a, const CrmLine *b)
{
	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	return (a->product > b->product) - (a->product < b->product);
}

/* Adds b to a; false when a sum does not fit. */
static bool
add_line(CrmLine *a, const CrmLine *b)
{
	return !__builtin_add_overflow(a->lines, b->lines, &a->lines) &&
		!__builtin_add_overflow(a->quantity, b->quantity, &a->quantity) &&
		!__builtin_add_overflow(a->amount_minor, b->amount_minor, &a->amount_minor);
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
			if (!add_line(&out[n - 1], next))
				return -1;
		}
		else
		{
			/* the pair before is complete now */
			if (n > 0 && out[n - 1].lines == 0 && out[n - 1].quantity == 0 && out[n - 1].amount_minor == 0)
				n--;
			out[n++] = *next;
		}
	}
	if (n > 0 && out[n - 1].lines == 0 && out[n - 1].quantity == 0 && out[n - 1].amount_minor == 0)
		n--;
	return n;
}

static uint8_t *
put_varint(uint8_t *at, uint64_t value)
{
	while (value >= 0x80)
	{
		*at++ = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	*at++ = (uint8_t) value;
	return at;
}

static uint64_t
zigzag(int64_t value)
{
	return ((uint64_t) value << 1) ^ (uint64_t) (value >> 63);
}

static int64_t
unzigzag(uint64_t value)
{
	return (int64_t) (value >> 1) ^ -(int64_t) (value & 1);
}

/* Whether the quantity is one a line, and so not written. */
static bool
is_one_each(const CrmLine *line)
{
	int64_t		quantity;

	return !__builtin_mul_overflow(line->lines, CRM_LINES_UNIT, &quantity) && quantity == line->quantity;
}

size_t
crm_lines_pack(const CrmLine *entries, int n, uint8_t *bytes)
{
	uint8_t    *at = bytes;

	*at++ = VERSION;
	*at++ = (uint8_t) n;
	if (n == 0)
		return 2;
	at = put_varint(at, zigzag(entries[n - 1].day));
	for (int i = 0; i < n; i++)
	{
		int64_t		gap = (int64_t) entries[i].day - (i > 0 ? entries[i - 1].day : 0);
		bool		is_same_day = i > 0 && gap == 0;
		bool		is_plain = is_one_each(&entries[i]);

		at = put_varint(at, zigzag(gap));
		at = put_varint(at, (uint64_t) ((int64_t) entries[i].product - (is_same_day ? entries[i - 1].product : 0)));
		at = put_varint(at, zigzag(entries[i].lines) << 1 | (is_plain ? 0 : 1));
		if (!is_plain)
			at = put_varint(at, zigzag(entries[i].quantity));
		at = put_varint(at, zigzag(entries[i].amount_minor));
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
		cursor->last_day = (int32_t) unzigzag(take_varint(cursor));
	cursor->is_damaged |= cursor->left == 0 && cursor->at != cursor->end;
}

bool
crm_lines_next(CrmLinesCursor *cursor)
{
	CrmLine    *line = &cursor->line;
	int64_t		gap;
	int64_t		day;
	uint64_t	product;
	uint64_t	head;

	if (cursor->left == 0 || cursor->is_damaged)
		return false;
	gap = unzigzag(take_varint(cursor));
	product = take_varint(cursor);
	head = take_varint(cursor);
	line->lines = unzigzag(head >> 1);
	if (head & 1)
		line->quantity = unzigzag(take_varint(cursor));
	else if (__builtin_mul_overflow(line->lines, CRM_LINES_UNIT, &line->quantity))
		cursor->is_damaged = true;
	line->amount_minor = unzigzag(take_varint(cursor));
	if (product > INT32_MAX || __builtin_add_overflow((int64_t) line->day, gap, &day) || day > INT32_MAX || day < INT32_MIN)
		cursor->is_damaged = true;
	else
	{
		product += gap == 0 && cursor->is_begun ? (uint64_t) line->product : 0;
		cursor->is_damaged |= product > INT32_MAX;
		line->product = (int32_t) product;
		line->day = (int32_t) day;
	}
	cursor->is_begun = true;
	cursor->left--;
	cursor->is_damaged |= cursor->left == 0 && (cursor->at != cursor->end || line->day != cursor->last_day);
	return !cursor->is_damaged;
}
