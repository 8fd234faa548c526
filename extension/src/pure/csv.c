/*
 * csv.c - records and fields of CSV text in a buffer.
 *
 * Called by intake: on whole files in previews, on chunks of 256 kB in bulk.  Each field is
 * scanned once, by runs of ordinary bytes.
 */
#include <string.h>

#include "pure/csv.h"

static const char byte_order_mark[] = "\xEF\xBB\xBF";

void
crm_csv_begin(CrmCsv *csv, const char *text, size_t length, char delimiter,
			  uint64_t line, bool is_final)
{
	csv->text = text;
	csv->length = length;
	csv->at = 0;
	csv->line = line;
	csv->delimiter = delimiter;
	csv->is_final = is_final;
	csv->max_record = CRM_CSV_MAX_RECORD;
	/* some tools put a second mark before the first; a cut between them must not matter */
	while (line == 1 && length - csv->at >= 3 && memcmp(text + csv->at, byte_order_mark, 3) == 0)
		csv->at += 3;
}

static bool
is_line_end(char byte)
{
	return byte == '\n' || byte == '\r';
}

/* Bytes of the line end at the offset: 2 for CRLF, 1, or 0 when there is none. */
static size_t
line_end_length(const CrmCsv *csv, size_t at)
{
	if (at >= csv->length || !is_line_end(csv->text[at]))
		return 0;
	if (csv->text[at] == '\r' && at + 1 < csv->length && csv->text[at + 1] == '\n')
		return 2;
	return 1;
}

static size_t
find_line_end(const CrmCsv *csv, size_t at)
{
	while (at < csv->length && !is_line_end(csv->text[at]))
		at++;
	return at;
}

static uint64_t
count_lines(const char *text, size_t length)
{
	uint64_t	lines = 0;
	size_t		i;

	for (i = 0; i < length; i++)
		if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == length || text[i + 1] != '\n')))
			lines++;
	return lines;
}

/*
 * A closing quote is followed by a delimiter, a line end or the end.  Sets *at behind the
 * field; returns RECORD when it is well formed.
 */
static CrmCsvCode
scan_quoted(const CrmCsv *csv, size_t *at, CrmCsvField *field)
{
	size_t		start = *at + 1;
	const char *quote;

	field->text = csv->text + start;
	field->is_quoted = true;
	field->has_doubled = false;
	*at = start;
	for (;;)
	{
		quote = memchr(csv->text + *at, '"', csv->length - *at);
		if (quote == NULL)
		{
			*at = csv->length;
			return CRM_CSV_UNCLOSED;
		}
		*at = (size_t) (quote - csv->text) + 1;
		if (*at == csv->length && !csv->is_final)
			return CRM_CSV_UNCLOSED;	/* the next buffer may double it */
		if (*at < csv->length && csv->text[*at] == '"')
		{
			field->has_doubled = true;
			(*at)++;
			continue;
		}
		break;
	}
	field->length = (size_t) (quote - field->text);
	if (*at < csv->length && csv->text[*at] != csv->delimiter && !is_line_end(csv->text[*at]))
		return CRM_CSV_QUOTE;
	return CRM_CSV_RECORD;
}

static void
scan_plain(const CrmCsv *csv, size_t *at, CrmCsvField *field)
{
	size_t		start = *at;
	size_t		i = start;

	while (i < csv->length && csv->text[i] != csv->delimiter && !is_line_end(csv->text[i]))
		i++;
	field->text = csv->text + start;
	field->length = i - start;
	field->is_quoted = false;
	field->has_doubled = false;
	*at = i;
}

/* Scans one record from *at to its line end. */
static CrmCsvCode
scan_record(const CrmCsv *csv, size_t *at, CrmCsvField *fields, int max_fields,
			CrmCsvRecord *record)
{
	for (;;)
	{
		CrmCsvField *field = &fields[record->field_count];

		if (record->field_count == max_fields)
			return CRM_CSV_FIELDS;
		if (*at < csv->length && csv->text[*at] == '"')
		{
			CrmCsvCode	code = scan_quoted(csv, at, field);

			if (code != CRM_CSV_RECORD)
				return code;
		}
		else
			scan_plain(csv, at, field);
		record->field_count++;
		if (*at >= csv->length || csv->text[*at] != csv->delimiter)
			return CRM_CSV_RECORD;
		(*at)++;
	}
}

static void
skip_blank_lines(CrmCsv *csv)
{
	size_t		ends;

	while ((ends = line_end_length(csv, csv->at)) > 0)
	{
		/* a CR at the end of a buffer may be half a CRLF */
		if (!csv->is_final && ends == 1 && csv->at + 1 == csv->length && csv->text[csv->at] == '\r')
			return;
		csv->at += ends;
		csv->line++;
	}
}

/* Moves behind the record, whose last byte is at end. */
static void
finish_record(CrmCsv *csv, CrmCsvRecord *record, size_t end)
{
	size_t		next = end + line_end_length(csv, end);

	record->length = end - record->offset;
	csv->line += count_lines(csv->text + csv->at, next - csv->at);
	csv->at = next;
}

/* True when the buffer may end inside the record: its line end has not been seen whole. */
static bool
may_continue(const CrmCsv *csv, size_t end)
{
	if (csv->is_final)
		return false;
	return end >= csv->length || (end + 1 == csv->length && csv->text[end] == '\r');
}

CrmCsvCode
crm_csv_next(CrmCsv *csv, CrmCsvField *fields, int max_fields, CrmCsvRecord *record)
{
	CrmCsvCode	code;
	size_t		end;

	skip_blank_lines(csv);
	if (csv->at >= csv->length)
		return CRM_CSV_END;
	record->offset = csv->at;
	record->line = csv->line;
	record->field_count = 0;
	end = csv->at;
	code = scan_record(csv, &end, fields, max_fields, record);
	if ((code == CRM_CSV_RECORD || code == CRM_CSV_UNCLOSED) && may_continue(csv, end) &&
		end - csv->at <= csv->max_record)
		return CRM_CSV_MORE;
	if ((code == CRM_CSV_RECORD || code == CRM_CSV_UNCLOSED) && end - csv->at > csv->max_record)
		code = CRM_CSV_LENGTH;
	/* an open quote would swallow the rest: give up its first line alone */
	if (code == CRM_CSV_UNCLOSED || (code == CRM_CSV_LENGTH && end >= csv->length))
		end = csv->at;
	if (code != CRM_CSV_RECORD)
	{
		end = find_line_end(csv, end);
		if (may_continue(csv, end) && end - csv->at <= csv->max_record)
			return CRM_CSV_MORE;
	}
	finish_record(csv, record, end);
	return code;
}

size_t
crm_csv_unescape(const CrmCsvField *field, char *out)
{
	size_t		length = 0;
	size_t		i;

	for (i = 0; i < field->length; i++)
	{
		out[length++] = field->text[i];
		if (field->is_quoted && field->text[i] == '"')
			i++;
	}
	return length;
}

char
crm_csv_sniff(const char *text, size_t length)
{
	static const char candidates[] = {',', ';', '\t', '|'};
	int			counts[sizeof candidates] = {0};
	bool		in_quotes = false;
	size_t		best = 0;
	size_t		c;
	size_t		i;

	for (i = 0; i < length && (in_quotes || !is_line_end(text[i])); i++)
	{
		if (text[i] == '"')
			in_quotes = !in_quotes;
		for (c = 0; c < sizeof candidates && !in_quotes; c++)
			if (text[i] == candidates[c])
				counts[c]++;
	}
	for (c = 1; c < sizeof candidates; c++)
		if (counts[c] > counts[best])
			best = c;
	return candidates[best];
}
