/*
 * csv.h - records and fields of CSV text in a buffer (RFC 4180 as spreadsheets write it).
 *
 * Promises: nothing is copied or allocated; fields are spans of the buffer; nothing is read
 * past its end; bytes are not interpreted beyond quote, delimiter and line end, so any
 * encoding whose letters never contain these bytes will do (convert GBK first).
 *
 * Accepted: a byte order mark, CRLF, LF or CR line ends, quoted fields with doubled quotes
 * and line ends inside, blank lines (skipped), a last record without line end.  A quote
 * inside an unquoted field is an ordinary byte.  Text after a closing quote is an error.
 *
 * A bad record costs only itself: the next call goes on with the line after it.
 */
#ifndef CRM_PURE_CSV_H
#define CRM_PURE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum CrmCsvCode
{
	CRM_CSV_RECORD = 1,
	CRM_CSV_END = 0,
	CRM_CSV_MORE = -1,			/* the record goes on behind the buffer: come again with more */
	CRM_CSV_QUOTE = -2,			/* text after a closing quote */
	CRM_CSV_UNCLOSED = -3,		/* the text ends inside quotes */
	CRM_CSV_FIELDS = -4,		/* more fields than there is room for */
	CRM_CSV_LENGTH = -5			/* a record longer than the limit */
} CrmCsvCode;

typedef struct CrmCsvField
{
	const char *text;			/* without the outer quotes */
	size_t		length;
	bool		is_quoted;		/* tells "" from nothing */
	bool		has_doubled;	/* has doubled quotes: crm_csv_unescape() before use */
} CrmCsvField;

/* One record and where it stands; also set for bad records. */
typedef struct CrmCsvRecord
{
	size_t		offset;			/* of its first byte in the buffer */
	size_t		length;			/* without its line end */
	uint64_t	line;			/* number of its first line, from 1 */
	int			field_count;
} CrmCsvRecord;

typedef struct CrmCsv
{
	const char *text;
	size_t		length;
	size_t		at;				/* offset of the next record */
	uint64_t	line;			/* line number there */
	char		delimiter;
	bool		is_final;		/* no more text follows the buffer */
	size_t		max_record;		/* bytes a record may have */
} CrmCsv;

#define CRM_CSV_MAX_RECORD (1024 * 1024)

/*
 * Starts on a buffer whose first byte lies on the given line of its file; on line 1 a byte
 * order mark is skipped.  With is_final false a record that the buffer does not end is
 * CRM_CSV_MORE: carry the bytes from csv->at on to the front of the next buffer, and begin
 * there with line csv->line.
 */
extern void crm_csv_begin(CrmCsv *csv, const char *text, size_t length, char delimiter,
						  uint64_t line, bool is_final);

/* Reads the next record into fields; *record is set unless END or MORE is returned. */
extern CrmCsvCode crm_csv_next(CrmCsv *csv, CrmCsvField *fields, int max_fields,
							   CrmCsvRecord *record);

/*
 * Copies a field with its doubled quotes made single; out has room for field->length bytes.
 * Returns the length.
 */
extern size_t crm_csv_unescape(const CrmCsvField *field, char *out);

/* The delimiter that the first line uses most outside quotes: ',' ';' tab or '|'; ',' when none. */
extern char crm_csv_sniff(const char *text, size_t length);

#endif
