/*
 * unit_lines.c - packed order lines: the layout byte by byte, merges against a plain array of
 * counts in any order, keys that compare like entries, and damaged bytes.
 */
#include "tap.h"
#include "pure/lines.h"

#define KINDS 96
#define DAY INT64_C(86400000000)

static uint64_t seed = 20260630;

static int64_t
pick(int64_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (int64_t) ((seed >> 33) % (uint64_t) below);
}

static int
unpack(const uint8_t *bytes, size_t length, CrmLine *lines)
{
	CrmLinesCursor cursor;
	int			n = 0;

	crm_lines_begin(&cursor, bytes, length);
	while (n < CRM_LINES_MAX_ENTRIES && crm_lines_next(&cursor))
		lines[n++] = cursor.line;
	return cursor.is_damaged ? -1 : n;
}

static bool
is_same(const CrmLine *a, const CrmLine *b)
{
	return crm_lines_compare(a, b) == 0 && a->lines == b->lines;
}

static void
test_layout(void)
{
	static const uint8_t example[] = {
		0x02, 0x02, 0xD0, 0x8C, 0x01,	/* version, entries, last day 9000 */
		0x53, 0xD0, 0x8C, 0x01, 0xC1, 0x25, 0x03, 0x01, 0xC4, 0x13,	/* product 5 of a receipt: day 9000, 10:00, store 3, channel 1; 1250 */
		0x2C, 0x04, 0xC0, 0x8D, 0xB7, 0x01, 0xC7, 0x01	/* product 7 of the same, two lines of 1.5 and -100 each */
	};
	CrmLine		lines[] = {
		{.day = 9000, .store = 3, .moment = 9000 * DAY + DAY / 24 * 10, .channel = 1, .product = 5, .quantity = 1000000, .amount_minor = 1250, .lines = 1},
		{.day = 9000, .store = 3, .moment = 9000 * DAY + DAY / 24 * 10, .channel = 1, .product = 7, .quantity = 1500000, .amount_minor = -100, .lines = 2}
	};
	uint8_t		bytes[CRM_LINES_MAX_BYTES];
	CrmLine		again[CRM_LINES_MAX_ENTRIES];

	is_int(crm_lines_pack(lines, 0, bytes), 2, "an empty chunk is two bytes");
	is_int(unpack(bytes, 2, again), 0, "and has no entry");
	is_int(crm_lines_pack(lines, 2, bytes), sizeof example, "two entries");
	ok(memcmp(bytes, example, sizeof example) == 0, "the worked example, byte by byte");
	is_int(unpack(bytes, sizeof example, again), 2, "read again");
	ok(is_same(&again[0], &lines[0]) && is_same(&again[1], &lines[1]), "as they were written");
}

/* Kinds of lines, ascending: neighbours differ in one member, and every unit of a moment is there. */
static CrmLine
kind_of(int n)
{
	static const int64_t moments[] = {CRM_LINES_NO_MOMENT, -DAY / 3, -DAY / 3 + 1000000, -DAY / 3 + 1000001};
	int			day = n / 48 * 400 - 5;

	return (CrmLine) {
		.day = day,
		.moment = n / 12 % 4 == 0 ? CRM_LINES_NO_MOMENT : day * DAY + moments[n / 12 % 4],
		.store = n / 6 % 2 * 300,
		.channel = n / 3 % 2,
		.product = n % 3 == 2 ? 70000 : 3,
		.quantity = CRM_LINES_UNIT,
		.amount_minor = n % 3 == 0 ? -500 : 990,
		.lines = 1
	};
}

/* Random lines in and out, in pieces, against how many of each kind there are. */
static void
test_merge(void)
{
	int64_t		counts[KINDS] = {0};
	CrmLine		kept[CRM_LINES_MAX_ENTRIES];
	CrmLine		merged[KINDS + 8];
	int			n = 0;

	for (int turn = 0; turn < 20000; turn++)
	{
		CrmLine		more[8];
		int			n_more = (int) pick(8);
		uint8_t		bytes[CRM_LINES_MAX_BYTES];
		int			wanted = 0;

		for (int i = 0; i < n_more; i++)
		{
			int			kind = (int) pick(KINDS);
			CrmLine		line = kind_of(kind);

			/* every other time a kind is taken out altogether */
			if (counts[kind] > 0 && pick(2) == 0)
				line.lines = -counts[kind];
			counts[kind] += line.lines;
			for (int at = i; at >= 0; at--)
				if (at == 0 || crm_lines_compare(&more[at - 1], &line) <= 0)
				{
					more[at] = line;
					break;
				}
				else
					more[at] = more[at - 1];
		}
		n = crm_lines_merge(kept, n, more, n_more, merged);
		CHECK(n >= 0 && n <= CRM_LINES_MAX_ENTRIES);
		CHECK(unpack(bytes, crm_lines_pack(merged, n, bytes), kept) == n);
		for (int kind = 0; kind < KINDS; kind++)
			if (counts[kind] != 0)
			{
				CrmLine		line = kind_of(kind);

				line.lines = counts[kind];
				CHECK(wanted < n && is_same(&kept[wanted], &line));
				wanted++;
			}
		CHECK(wanted == n);
	}
	CHECKED("merged, packed and read again is how many of each kind came");
}

/* Keys compare like the entries they are made of, and tell all but the day. */
static void
test_keys(void)
{
	for (int i = 0; i < KINDS / 2; i++)
		for (int j = 0; j < KINDS / 2; j++)
		{
			CrmLine		a = kind_of(i);
			CrmLine		b = kind_of(j);
			CrmLine		again = {.day = a.day, .lines = 1};
			uint8_t		key_a[CRM_LINES_KEY_BYTES];
			uint8_t		key_b[CRM_LINES_KEY_BYTES];
			int			order;

			crm_lines_key(&a, key_a);
			crm_lines_key(&b, key_b);
			order = memcmp(key_a, key_b, sizeof key_a);
			CHECK((order > 0) - (order < 0) == crm_lines_compare(&a, &b) && (order < 0) == (i < j));
			crm_lines_of_key(key_a, &again);
			CHECK(is_same(&again, &a));
		}
	CHECKED("keys compare like their entries, and tell them");
}

static void
test_edges(void)
{
	CrmLine		extreme = {INT32_MAX, INT32_MAX, INT64_MAX, INT32_MAX, INT32_MAX, INT64_MAX, INT64_MIN + 1, INT64_MAX};
	CrmLine		low = {INT32_MIN, 0, INT64_MIN + 1, 0, 0, INT64_MIN + 1, INT64_MAX, -1};
	CrmLine		pair[] = {low, extreme};
	CrmLine		out[4];
	CrmLine		lines[CRM_LINES_MAX_ENTRIES];
	uint8_t		bytes[CRM_LINES_MAX_BYTES];
	size_t		length = crm_lines_pack(pair, 2, bytes);

	is_int(unpack(bytes, length, lines), 2, "the widest numbers are kept");
	ok(is_same(&lines[0], &low) && is_same(&lines[1], &extreme), "as they are");
	is_int(crm_lines_merge(&extreme, 1, &extreme, 1, out), -1, "a sum that does not fit is told");
	for (size_t cut = 0; cut < length; cut++)
		CHECK(unpack(bytes, cut, lines) == -1);
	for (size_t at = 0; at < length * 256; at++)
	{
		uint8_t		damaged[CRM_LINES_MAX_BYTES];

		memcpy(damaged, bytes, length);
		damaged[at / 256] = (uint8_t) at;
		CHECK(unpack(damaged, length, lines) <= CRM_LINES_MAX_ENTRIES);
	}
	CHECKED("cut off anywhere it is damaged; any other byte is read without harm");
}

int
main(void)
{
	test_layout();
	test_merge();
	test_keys();
	test_edges();
	return done();
}
