/*
 * unit_lines.c - packed order lines: the layout byte by byte, merges against a plain array of
 * sums in any order, and damaged bytes.
 */
#include "tap.h"
#include "pure/lines.h"

#define DAYS 12
#define PRODUCTS 9

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

static void
test_layout(void)
{
	static const uint8_t example[] = {
		0x01, 0x02, 0xD0, 0x8C, 0x01,	/* version, entries, last day 9000 */
		0xD0, 0x8C, 0x01, 0x05, 0x04, 0xC4, 0x13,	/* day 9000, product 5, one line, 1250 */
		0x00, 0x02, 0x09, 0xC0, 0x8D, 0xB7, 0x01, 0xC7, 0x01	/* same day, product 7, two lines, 1.5, -100 */
	};
	CrmLine		lines[] = {{9000, 5, 1, 1000000, 1250}, {9000, 7, 2, 1500000, -100}};
	uint8_t		bytes[CRM_LINES_MAX_BYTES];
	CrmLine		again[CRM_LINES_MAX_ENTRIES];

	is_int(crm_lines_pack(lines, 0, bytes), 2, "an empty chunk is two bytes");
	is_int(unpack(bytes, 2, again), 0, "and has no entry");
	is_int(crm_lines_pack(lines, 2, bytes), sizeof example, "two entries");
	ok(memcmp(bytes, example, sizeof example) == 0, "the worked example, byte by byte");
	is_int(unpack(bytes, sizeof example, again), 2, "read again");
	ok(memcmp(&again[1], &lines[1], sizeof(CrmLine)) == 0, "as they were written");
}

/* Random lines in and out, in pieces, against sums a pair. */
static void
test_merge(void)
{
	int64_t		sums[DAYS][PRODUCTS][3] = {0};
	CrmLine		kept[DAYS * PRODUCTS];
	CrmLine		merged[DAYS * PRODUCTS + 8];
	int			n = 0;

	for (int turn = 0; turn < 20000; turn++)
	{
		CrmLine		more[8];
		int			n_more = (int) pick(8);
		uint8_t		bytes[CRM_LINES_MAX_BYTES];
		int			wanted = 0;

		for (int i = 0; i < n_more; i++)
		{
			int			day = (int) pick(DAYS);
			int			product = (int) pick(PRODUCTS);
			int64_t    *sum = sums[day][product];
			/* every other time a pair is taken out altogether */
			CrmLine		line = {day - 5, product, 1, pick(3) > 0 ? CRM_LINES_UNIT : pick(5000000), pick(20001) - 10000};

			if (sum[0] > 0 && pick(2) == 0)
				line = (CrmLine) {day - 5, product, -sum[0], -sum[1], -sum[2]};
			sum[0] += line.lines;
			sum[1] += line.quantity;
			sum[2] += line.amount_minor;
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
		for (int day = 0; day < DAYS; day++)
			for (int product = 0; product < PRODUCTS; product++)
				if (sums[day][product][0] != 0 || sums[day][product][1] != 0 || sums[day][product][2] != 0)
				{
					CHECK(wanted < n && kept[wanted].day == day - 5 && kept[wanted].product == product &&
						  kept[wanted].lines == sums[day][product][0] && kept[wanted].quantity == sums[day][product][1] &&
						  kept[wanted].amount_minor == sums[day][product][2]);
					wanted++;
				}
		CHECK(wanted == n);
	}
	CHECKED("merged, packed and read again is the sum of what came, pair by pair");
}

static void
test_edges(void)
{
	CrmLine		extreme = {INT32_MAX, INT32_MAX, INT32_MAX, INT64_MAX, INT64_MIN + 1};
	CrmLine		low = {INT32_MIN, 0, -1, INT64_MIN + 1, INT64_MAX};
	CrmLine		pair[] = {low, extreme};
	CrmLine		out[4];
	CrmLine		lines[CRM_LINES_MAX_ENTRIES];
	uint8_t		bytes[CRM_LINES_MAX_BYTES];
	size_t		length = crm_lines_pack(pair, 2, bytes);

	is_int(unpack(bytes, length, lines), 2, "the widest numbers are kept");
	ok(memcmp(lines, pair, sizeof pair) == 0, "as they are");
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
	test_edges();
	return done();
}
