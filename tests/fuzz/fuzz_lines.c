/*
 * fuzz_lines.c - packed order lines: any bytes are walked inside their end, and what reads whole in
 * order is written and read again the same.
 */
#include "fuzz.h"
#include "pure/lines.h"

SEEDS(SEED("\x02\x00"),
	  SEED("\x02\x02\xD0\x8C\x01\x53\xD0\x8C\x01\xC1\x25\x03\x01\xC4\x13\x2C\x04\xC0\x8D\xB7\x01\xC7\x01"));

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static CrmLine lines[CRM_LINES_MAX_ENTRIES];
	static CrmLine merged[CRM_LINES_MAX_ENTRIES];
	static uint8_t again[CRM_LINES_MAX_BYTES];
	CrmLinesCursor cursor;
	int			n = 0;

	crm_lines_begin(&cursor, bytes, length);
	while (crm_lines_next(&cursor))
	{
		HOLDS(n < CRM_LINES_MAX_ENTRIES && cursor.at <= bytes + length);
		lines[n++] = cursor.line;
		if (n > 1 && crm_lines_compare(&lines[n - 2], &lines[n - 1]) >= 0)
			return 0;
	}
	for (int i = 0; i < n; i++)
		if (lines[i].lines == 0)
			return 0;
	if (cursor.is_damaged || crm_lines_merge(lines, n, lines, 0, merged) != n)
		return 0;
	crm_lines_begin(&cursor, again, crm_lines_pack(merged, n, again));
	for (int i = 0; i < n; i++)
		HOLDS(crm_lines_next(&cursor) && crm_lines_compare(&cursor.line, &lines[i]) == 0 &&
			  cursor.line.lines == lines[i].lines);
	HOLDS(!crm_lines_next(&cursor) && !cursor.is_damaged);
	return 0;
}
