/*
 * ingest_csv.c
 *		Records of CSV chunks into the parser's slots.
 *
 * A chunk ends at a record's end, so each is read by itself.  The header, the first record of
 * the batch, is read once a call and says which fields each column feeds; without a header the
 * columns are called 1, 2, 3 ...  A GBK record is first cut out by its quotes and line end,
 * which are no part of any GBK letter, then converted, then cut into fields.
 */
#include "ingest/ingest.h"

#include <ctype.h>

#include "pure/csv.h"
#include "pure/spreadsheet.h"
#include "utils/memutils.h"

struct CrmIngestCsv
{
	CrmCsv		reader;
	char		delimiter;
	int			n_columns;
	const CrmIngestColumn **columns;	/* null: the column feeds nothing */
	const char *unknown_column;	/* the header has it, no field wants it, and the rest is refused */
	CrmCsvField fields[CRM_INGEST_MAX_COLUMNS];
};

static char *
field_copy(const CrmCsvField *field, int *length)
{
	char	   *copy = palloc(field->length + 1);

	*length = crm_csv_unescape(field, copy);
	while (*length > 0 && isspace((unsigned char) copy[*length - 1]))
		(*length)--;
	copy[*length] = '\0';
	while (*length > 0 && isspace((unsigned char) *copy))
	{
		copy++;
		(*length)--;
	}
	return copy;
}

static const CrmIngestColumn *
resolve(CrmIngestParser *p, const char *name, int length)
{
	CrmIngestColumn *column;

	for (int i = 0; i < p->spec->n_columns; i++)
		if (p->spec->columns[i].length == length &&
			memcmp(p->spec->columns[i].name, name, length) == 0)
			return &p->spec->columns[i];
	if (p->spec->is_mapped || p->entity != CRM_INGEST_MEMBER || strncmp(name, "custom.", 7) != 0 ||
		length == 7)
		return NULL;
	column = palloc0(sizeof(CrmIngestColumn));
	column->n_targets = 1;
	column->targets = palloc0(sizeof(CrmIngestTarget));
	column->targets->field = F_CUSTOM;
	column->targets->custom = pstrdup(name + 7);
	return column;
}

/* header null: columns are numbered.  Lives in the parser's memory. */
CrmIngestCsv *
crm_ingest_csv_begin(CrmIngestParser *p, const char *header, int length)
{
	MemoryContext old = MemoryContextSwitchTo(p->memory);
	CrmIngestCsv *csv = palloc0(sizeof(CrmIngestCsv));
	CrmCsvRecord record;

	csv->columns = palloc0(sizeof(CrmIngestColumn *) * CRM_INGEST_MAX_COLUMNS);
	csv->delimiter = ',';
	if (header == NULL)
	{
		csv->n_columns = CRM_INGEST_MAX_COLUMNS;
		for (int i = 0; i < csv->n_columns; i++)
		{
			char	   *name = psprintf("%d", i + 1);

			csv->columns[i] = resolve(p, name, strlen(name));
		}
	}
	else
	{
		csv->delimiter = crm_csv_sniff(header, length);
		crm_csv_begin(&csv->reader, header, length, csv->delimiter, 1, true);
		if (crm_csv_next(&csv->reader, csv->fields, CRM_INGEST_MAX_COLUMNS, &record) ==
			CRM_CSV_RECORD)
			csv->n_columns = record.field_count;
		for (int i = 0; i < csv->n_columns; i++)
		{
			int			n;
			char	   *name = field_copy(&csv->fields[i], &n);

			csv->columns[i] = resolve(p, name, n);
			if (csv->columns[i] == NULL && p->spec->rejects_rest && n > 0)
				csv->unknown_column = name;
		}
	}
	MemoryContextSwitchTo(old);
	return csv;
}

/* Starts on a chunk, or on the rest of one, whose first byte lies on the given line. */
void
crm_ingest_csv_chunk(CrmIngestCsv *csv, const char *text, int length, int line)
{
	crm_csv_begin(&csv->reader, text, length, csv->delimiter, line, true);
}

/* Where the next record begins, within what crm_ingest_csv_chunk was given. */
void
crm_ingest_csv_position(const CrmIngestCsv *csv, int *at, int *line)
{
	*at = (int) csv->reader.at;
	*line = (int) csv->reader.line;
}

static void
syntax_fault(CrmIngestParser *p, CrmCsvCode code)
{
	switch (code)
	{
		case CRM_CSV_QUOTE:
			crm_ingest_fault(
				p, CRM_FAULT_SYNTAX, NULL,
				"Double the quotes inside a quoted field; nothing may follow its closing quote.");
			break;
		case CRM_CSV_UNCLOSED:
			crm_ingest_fault(p, CRM_FAULT_SYNTAX, NULL, "Close the quoted field.");
			break;
		case CRM_CSV_FIELDS:
			crm_ingest_fault(p, CRM_FAULT_SYNTAX, NULL, "Send at most 512 fields a record.");
			break;
		default:
			crm_ingest_fault(p, CRM_FAULT_TOO_LARGE, NULL, "Send records below 1 MB.");
			break;
	}
}

/* Fields of a record that had to be converted: cut again, now as UTF-8. */
static int
cut_again(CrmIngestParser *p, CrmIngestCsv *csv, const char *text, int length)
{
	CrmCsv		reader;
	CrmCsvRecord record;
	CrmCsvCode	code;

	crm_csv_begin(&reader, text, length, csv->delimiter, 2, true);
	code = crm_csv_next(&reader, csv->fields, CRM_INGEST_MAX_COLUMNS, &record);
	if (code == CRM_CSV_RECORD)
		return record.field_count;
	syntax_fault(p, code);
	return 0;
}

/* Codes by which records are told apart: rounded, two of them may be the same. */
static bool
is_code(int field)
{
	switch (field)
	{
		case F_EXTERNAL_ID:
		case F_MEMBER_EXTERNAL_ID:
		case F_ORDER_EXTERNAL_ID:
		case F_PHONE:
		case F_MEMBER_CARD:
		case F_NATIONAL_ID:
		case F_PRODUCT_CODE:
		case F_COUPON_CODE:
			return true;
		default:
			return false;
	}
}

static void
put_field(CrmIngestParser *p, const CrmIngestColumn *column, const CrmCsvField *field)
{
	const char *text = field->text;
	size_t		length = field->length;
	CrmIngestSlot slot = {0};
	bool		is_rounded;

	if (field->has_doubled)
	{
		char	   *copy = MemoryContextAlloc(p->fact_memory, field->length);

		length = crm_csv_unescape(field, copy);
		text = copy;
	}
	crm_spreadsheet_plain(&text, &length);
	is_rounded = crm_spreadsheet_is_rounded(text, length);
	slot.text = text;
	slot.length = (uint32) length;
	slot.kind = length == 0 ? CRM_SLOT_ABSENT : CRM_SLOT_TEXT;
	for (int i = 0; i < column->n_targets; i++)
	{
		crm_ingest_put_slot(p, &column->targets[i], slot);
		if (is_rounded && is_code(column->targets[i].field))
			crm_ingest_slot_fault(p, CRM_FAULT_TYPE, column->targets[i].field,
								  "The spreadsheet rounded this code: format its column as text there and export it again.");
	}
}

/*
 * Reads the next record into the parser's slots, or notes what is wrong with it; false at the
 * chunk's end.  *at is where the record begins.
 */
bool
crm_ingest_csv_next(CrmIngestParser *p, CrmIngestCsv *csv, int *at)
{
	CrmCsvRecord record;
	CrmCsvCode	code = crm_csv_next(&csv->reader, csv->fields, CRM_INGEST_MAX_COLUMNS, &record);
	const char *text;
	int			length;
	int			n;

	if (code == CRM_CSV_END || code == CRM_CSV_MORE)
		return false;
	*at = (int) record.offset;
	p->line_no = (int) record.line;
	text = csv->reader.text + record.offset;
	length = (int) record.length;
	n = record.field_count;
	if (code != CRM_CSV_RECORD)
		syntax_fault(p, code);
	else if (csv->unknown_column != NULL)
		crm_ingest_fault(p, CRM_FAULT_UNKNOWN_FIELD, csv->unknown_column,
						 "Leave this column out, or map it.");
	else if (crm_ingest_to_utf8(p, &text, &length))
	{
		if (text != csv->reader.text + record.offset)
			n = cut_again(p, csv, text, length);
		if (n > csv->n_columns)
			crm_ingest_fault(
				p, CRM_FAULT_SYNTAX, NULL,
				"Send as many fields as the header has; quote fields that hold the delimiter.");
		for (int i = 0; i < n && p->fault == CRM_FAULT_NONE; i++)
			if (csv->columns[i] != NULL)
				put_field(p, csv->columns[i], &csv->fields[i]);
	}
	return true;
}
