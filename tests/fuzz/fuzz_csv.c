/* fuzz_csv.c - CSV: spans lie in the buffer, and a cut in the stream changes nothing. */
#include "fuzz.h"
#include "pure/csv.h"

#define MAX_FIELDS 12

SEEDS(SEED("a,b,c\r\n1,\"x\"\"y\",3\r\n"), SEED("\xef\xbb\xbf姓名;电话\n张伟;138\n"), SEED("\"multi\nline\",2\n\n\n3,4"),
	  SEED("a\tb\rc\td\r"), SEED("\"unclosed,1\n2,3\n"), SEED("\"bad\"text,1\n5,6\n"), SEED(",,,,,,,,,,,,,,,,\n1|2|3\n"));

typedef struct Seen
{
	size_t		records;
	uint64_t	mix;
} Seen;

static void
check_fields(const char *text, size_t length, const CrmCsvField *fields, int count)
{
	for (int i = 0; i < count; i++)
	{
		char	   *out = malloc(fields[i].length + 1);

		HOLDS(fields[i].text >= text && fields[i].text + fields[i].length <= text + length);
		HOLDS(crm_csv_unescape(&fields[i], out) <= fields[i].length);
		free(out);
	}
}

static void
note(Seen *seen, uint64_t value)
{
	seen->mix = (seen->mix ^ value) * UINT64_C(0x100000001B3);
}

/* Reads on from *csv; base is the offset of its buffer in the whole text.  Returns how it ended. */
static CrmCsvCode
read_on(CrmCsv *csv, size_t base, Seen *seen)
{
	CrmCsvField fields[MAX_FIELDS];
	CrmCsvRecord record;
	CrmCsvCode	code;
	size_t		before = csv->at;

	while ((code = crm_csv_next(csv, fields, MAX_FIELDS, &record)) != CRM_CSV_END && code != CRM_CSV_MORE)
	{
		HOLDS(csv->at > before && csv->at <= csv->length);
		HOLDS(record.offset + record.length <= csv->length && record.offset >= before);
		HOLDS(code <= CRM_CSV_RECORD && code >= CRM_CSV_LENGTH);
		if (code == CRM_CSV_RECORD)
			check_fields(csv->text, csv->length, fields, record.field_count);
		before = csv->at;
		seen->records++;
		note(seen, base + record.offset);
		note(seen, record.length);
		note(seen, record.line);
		note(seen, (uint64_t) code);
		note(seen, code == CRM_CSV_RECORD ? (uint64_t) record.field_count : 0);
	}
	return code;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	char		delimiter = crm_csv_sniff(text, size);
	size_t		cut = size > 0 ? (size * 7 + data[0]) % (size + 1) : 0;
	char	   *head = fuzz_copy(text, cut);
	Seen		whole = {0, 0},
				pieces = {0, 0};
	CrmCsv		csv,
				rest;

	crm_csv_begin(&csv, text, size, delimiter, 1, true);
	HOLDS(read_on(&csv, 0, &whole) == CRM_CSV_END);
	crm_csv_begin(&csv, head, cut, delimiter, 1, false);
	read_on(&csv, 0, &pieces);
	crm_csv_begin(&rest, text + csv.at, size - csv.at, delimiter, csv.line, true);
	HOLDS(read_on(&rest, csv.at, &pieces) == CRM_CSV_END);
	/* a byte order mark may be cut in two: then it is met again on line 1, with the mark whole */
	HOLDS(whole.records == pieces.records && whole.mix == pieces.mix);
	free(head);
	return 0;
}
