/*
 * date_reader.h - the date at the head of a text, for normalize_date.c.
 *
 * Promises: as normalize_date.h.  The reader points into its own folded text.
 */
#ifndef CRM_PURE_DATE_READER_H
#define CRM_PURE_DATE_READER_H

#include "pure/normalize_date.h"

#define CRM_DATE_MAX_SIGNS 64	/* longer text is no date */
#define CRM_DATE_EXCEL_EPOCH (-36526)	/* 1899-12-30, from which spreadsheets count */

typedef struct CrmDateReader
{
	const char *at;				/* what is left, NUL-terminated */
	bool		is_lunar;
	char		signs[CRM_DATE_MAX_SIGNS + 4];
} CrmDateReader;

/* The fields of a date as they stand in the text. */
typedef struct CrmDateParts
{
	int			year;			/* 0: none */
	int			month;
	int			day;
} CrmDateParts;

/* Folds the text and starts behind leading spaces: OK, EMPTY, or FORMAT for foreign signs. */
extern CrmDateCode crm_date_reader_begin(CrmDateReader *reader, const char *text, size_t length);

/* Reads a date; its fields are not checked against the calendar. */
extern CrmDateCode crm_date_reader_date(CrmDateReader *reader, CrmDateOrder order,
										CrmDateParts *parts);

extern void crm_date_reader_skip_spaces(CrmDateReader *reader);

/* Takes a number of at most max_digits digits; -1 when there is none or it is longer. */
extern int	crm_date_reader_number(CrmDateReader *reader, size_t max_digits);

/* Digits at the place, and the first count of them as a number. */
extern size_t crm_date_reader_digits(const char *at);
extern int64_t crm_date_reader_value(const char *at, size_t count);

#endif
