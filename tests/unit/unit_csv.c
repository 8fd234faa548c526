/* unit_csv.c - CSV: the dialect case by case, round trips, and every way to cut a buffer. */
#include "tap.h"
#include "pure/csv.h"

#define MAX_FIELDS 8

/* Shows what the parser makes of a text: [a|b]2:[c] is two records, the second on line 2. */
static const char *
show(const char *text, size_t length, bool is_final)
{
	static char out[4000];
	static const char *const code_names[] = {"end", "more", "quote", "unclosed", "fields", "length"};
	CrmCsvField fields[MAX_FIELDS];
	CrmCsvRecord record;
	CrmCsv		csv;
	CrmCsvCode	code;
	size_t		used = 0;

	out[0] = '\0';
	crm_csv_begin(&csv, text, length, ',', 1, is_final);
	while ((code = crm_csv_next(&csv, fields, MAX_FIELDS, &record)) != CRM_CSV_END)
	{
		int			i;

		if (code == CRM_CSV_MORE)
		{
			used += (size_t) snprintf(out + used, sizeof out - used, "more@%zu", csv.at);
			break;
		}
		used += (size_t) snprintf(out + used, sizeof out - used, "%d:", (int) record.line);
		if (code != CRM_CSV_RECORD)
		{
			used += (size_t) snprintf(out + used, sizeof out - used, "%s ", code_names[-code]);
			continue;
		}
		for (i = 0; i < record.field_count; i++)
		{
			char		field[200];
			size_t		n = crm_csv_unescape(&fields[i], field);

			used += (size_t) snprintf(out + used, sizeof out - used, "%s%s%.*s", i ? "|" : "[",
									  fields[i].is_quoted ? "'" : "", (int) n, field);
		}
		used += (size_t) snprintf(out + used, sizeof out - used, "]");
	}
	return out;
}

static void
test_dialect(void)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"a,b\nc,d\n", "1:[a|b]2:[c|d]"},
		{"a,b\r\nc,d", "1:[a|b]2:[c|d]"},
		{"a,b\rc,d\r", "1:[a|b]2:[c|d]"},
		{"\xEF\xBB\xBF" "a,b\n", "1:[a|b]"},
		{"\n\r\n\ra\n\n", "4:[a]"},
		{",\n", "1:[|]"},
		{"a,\n", "1:[a|]"},
		{"\"\"\n", "1:[']"},
		{"\"a,b\",c\n", "1:['a,b|c]"},
		{"\"a\"\"b\"\n", "1:['a\"b]"},
		{"\"\"\"\"\n", "1:['\"]"},
		{"\"a\nb\",c\nd\n", "1:['a\nb|c]3:[d]"},
		{"\"a\r\nb\",c\r\nd\r\n", "1:['a\r\nb|c]3:[d]"},
		{"a\"b,c\n", "1:[a\"b|c]"},
		{" \"a\",b\n", "1:[ \"a\"|b]"},
		{"\"a\"b,c\nd\n", "1:quote 2:[d]"},
		{"\"a\nb,c\nd\n", "1:unclosed 2:[b|c]3:[d]"},
		{"x\n\"a", "1:[x]2:unclosed "},
		{"1,2,3,4,5,6,7,8\n1,2,3,4,5,6,7,8,9\nx\n", "1:[1|2|3|4|5|6|7|8]2:fields 3:[x]"},
		{"手机号,姓名\n\"１３８\",张三", "1:[手机号|姓名]2:['１３８|张三]"},
	};
	size_t		i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++)
		is_str(show(cases[i][0], strlen(cases[i][0]), true), cases[i][1], cases[i][0]);
	is_str(show("a,b\nc,d", 7, false), "1:[a|b]more@4", "a record without end waits for more");
	is_str(show("a,b\r", 4, false), "more@0", "a CR may be half a line end");
	is_str(show("\"a\"", 3, false), "more@0", "a closing quote may be half a doubled one");
	is_str(show("\"a\nb", 4, false), "more@0", "an open quote waits for more");
}

static void
test_limits(void)
{
	CrmCsvField fields[MAX_FIELDS];
	CrmCsvRecord record;
	CrmCsv		csv;

	crm_csv_begin(&csv, "a\0b,c\n", 6, ',', 1, true);
	crm_csv_next(&csv, fields, MAX_FIELDS, &record);
	ok(record.field_count == 2 && fields[0].length == 3, "a NUL is a byte of its field");
	crm_csv_begin(&csv, "abcdefghij,k\nshort\n", 19, ',', 1, true);
	csv.max_record = 8;
	is_int(crm_csv_next(&csv, fields, MAX_FIELDS, &record), CRM_CSV_LENGTH, "a long record is refused");
	is_int(crm_csv_next(&csv, fields, MAX_FIELDS, &record), CRM_CSV_RECORD, "the next one is read");
	is_int(record.line, 2, "on its line");
	crm_csv_begin(&csv, "\"open and never closed\nnext\n", 28, ',', 1, false);
	csv.max_record = 8;
	is_int(crm_csv_next(&csv, fields, MAX_FIELDS, &record), CRM_CSV_LENGTH,
		   "an open quote does not wait for ever");
	is_int(crm_csv_next(&csv, fields, MAX_FIELDS, &record), CRM_CSV_RECORD, "and costs its line alone");
	is_int(crm_csv_sniff("a;b;c,d\n", 8), ';', "semicolons are found");
	is_int(crm_csv_sniff("\"a,b,c\"\td\n,,,", 13), '\t', "what is quoted or on other lines is not counted");
	is_int(crm_csv_sniff("abc", 3), ',', "comma when there is none");
}

#define FILE_MAX 4096

/* Writes random records; the fields are kept in plain for comparison. */
static size_t
write_random(char *text, char fields[40][MAX_FIELDS][16], int counts[40], int records)
{
	static const char letters[] = "ab\",\n\r ;'x";
	const char *ends[] = {"\n", "\r\n", "\r"};
	const char *end = ends[random_u64() % 3];
	size_t		used = 0;
	int			r;

	for (r = 0; r < records; r++)
	{
		int			f;

		counts[r] = (int) random_between(2, MAX_FIELDS);
		for (f = 0; f < counts[r]; f++)
		{
			int			n = (int) random_between(0, 10);
			char	   *field = fields[r][f];
			bool		quote = random_u64() % 2;
			int			i;

			for (i = 0; i < n; i++)
				field[i] = letters[random_u64() % (sizeof letters - 1)];
			field[n] = '\0';
			quote = quote || strpbrk(field, "\",\n\r");
			if (f > 0)
				text[used++] = ',';
			if (quote)
				text[used++] = '"';
			for (i = 0; i < n; i++)
			{
				if (field[i] == '"')
					text[used++] = '"';
				text[used++] = field[i];
			}
			if (quote)
				text[used++] = '"';
		}
		memcpy(text + used, end, strlen(end));
		used += strlen(end);
	}
	return used;
}

static void
test_round_trip(void)
{
	static char fields[40][MAX_FIELDS][16];
	static char text[FILE_MAX * 4];
	int			counts[40];
	int			round;

	for (round = 0; round < 1500; round++)
	{
		int			records = (int) random_between(1, 12);
		size_t		length = write_random(text, fields, counts, records);
		size_t		cut = random_u64() % (length + 1);
		CrmCsvField got[MAX_FIELDS];
		CrmCsvRecord record;
		CrmCsvCode	code;
		CrmCsv		csv;
		size_t		base = 0;
		char	   *buffer = malloc(cut > 0 ? cut : 1);
		int			r = 0;

		/* a first buffer that ends anywhere, then the rest */
		memcpy(buffer, text, cut);
		crm_csv_begin(&csv, buffer, cut, ',', 1, false);
		for (;;)
		{
			int			f;

			code = crm_csv_next(&csv, got, MAX_FIELDS, &record);
			if (code == CRM_CSV_MORE || (code == CRM_CSV_END && base == 0 && csv.length == cut &&
										 csv.is_final == false))
			{
				CHECK(!csv.is_final);
				base = csv.at;
				crm_csv_begin(&csv, text + base, length - base, ',', csv.line, true);
				continue;
			}
			if (code != CRM_CSV_RECORD)
				break;
			CHECK(r < records && record.field_count == counts[r]);
			for (f = 0; f < record.field_count && r < records; f++)
			{
				char		plain[32];
				size_t		n = crm_csv_unescape(&got[f], plain);

				CHECK(n == strlen(fields[r][f]) && memcmp(plain, fields[r][f], n) == 0);
				CHECK(got[f].has_doubled == (memchr(fields[r][f], '"', n) != NULL));
			}
			r++;
		}
		CHECK(code == CRM_CSV_END && r == records);
		free(buffer);
	}
	CHECKED("what is written is read, wherever the buffer is cut");
}

int
main(void)
{
	test_dialect();
	test_limits();
	test_round_trip();
	return done();
}
