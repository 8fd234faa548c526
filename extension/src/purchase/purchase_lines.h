/*
 * purchase_lines.h
 *		Packed lines of source records (pure/lines.h) as the server sees them.
 *
 *	in purchase_lines.c			kept: lines added to the chunks of their records
 *	in purchase_line_question.c	a question about lines: read, and which lines it looks at
 *	in purchase_line_tally.c	what a question has found of a person, and the number that is
 *	in purchase_line_values.c	the values a tally keeps: in order, how many, how many alike, how many days running
 *	in purchase_line_ask.c		asked: of one person's lines, and of edges in time; entries as rows
 *	in purchase_line_collect.c	asked: of everybody's, in one walk
 */
#ifndef CRM_PURCHASE_LINES_H
#define CRM_PURCHASE_LINES_H

#include "purchase/purchase_measure.h"

#include "pure/lines.h"

/* Products, stores or channels that count: a bit each. */
typedef struct CrmLineSet
{
	bool		is_every;
	int32		n;				/* bits there are */
	uint8	   *bits;
} CrmLineSet;

/* What of a line is measured, or is to be the same. */
typedef enum CrmLineField
{
	CRM_LINE_NOTHING,
	CRM_LINE_AMOUNT,
	CRM_LINE_QUANTITY,
	CRM_LINE_PRODUCT,
	CRM_LINE_CATEGORY,
	CRM_LINE_STORE,
	CRM_LINE_CHANNEL
} CrmLineField;

typedef struct CrmLineClock CrmLineClock;

typedef struct CrmLineQuestion
{
	CrmPurchaseQuestion asked;	/* count counts lines */
	CrmLineField field;
	CrmLineField same;
	CrmLineSet	products;
	bool		is_narrow;		/* asks more of a line than its day and product */
	CrmLineSet	stores;
	CrmLineSet	channels;
	int			n_amounts;		/* what each line's amount, and quantity, is to be */
	CrmPurchaseQuestion *amounts;
	int			n_quantities;
	CrmPurchaseQuestion *quantities;
	CrmLineClock *clock;		/* null: any time of the day */
	int			weekdays;		/* bit n - 1: ISO day n; 0: any */
	TimestampTz after;			/* lines after it; CRM_LINES_NO_MOMENT: all */
	int32		recent_from;	/* baseline: the days from here on are held against the windows before */
	int			windows;
	int32	   *categories;		/* of products, by id; 0: none */
	int32		n_categories;
	int64		currency_units;
} CrmLineQuestion;

/* What a question found in a person's lines. */
typedef struct CrmLineTally
{
	int64		person;
	int64		lines;			/* 0: nothing yet */
	int64		number;			/* by measure: a sum, the least, the most, a day, how many were recent */
	int64	   *values;			/* of distinct, days, streak and count of the same: what there was */
	int32		n_values;
	int32		room;
	char		status;			/* simplehash's */
} CrmLineTally;

/* Walks a chunk that is a bytea; RM402 when it is damaged. */
extern void crm_purchase_lines_begin(CrmLinesCursor *cursor, Datum chunk);
extern bool crm_purchase_lines_next(CrmLinesCursor *cursor);

/* purchase_line_question.c */
extern CrmLineSet crm_purchase_line_set(ArrayType *array);
extern void crm_purchase_line_question(Datum row, TupleDesc shape, int exponent, CrmLineQuestion *question);
extern bool crm_purchase_line_passes(const CrmLineQuestion *question, const CrmLine *line);

/* purchase_line_tally.c */
extern void crm_purchase_line_tally(const CrmLineQuestion *question, const CrmLine *line, CrmLineTally *tally, MemoryContext context);
extern void crm_purchase_line_tally_both(const CrmLineQuestion *question, const CrmLineTally *other, CrmLineTally *tally,
										 MemoryContext context);
extern void crm_purchase_line_tidy(const CrmLineQuestion *question, CrmLineTally *tally);
extern CrmPurchaseNumber crm_purchase_line_number(const CrmLineQuestion *question, const CrmLineTally *tally, int32 as_of);

/* purchase_line_values.c */
extern void crm_purchase_values_sort(int64 *values, int32 n);
extern int32 crm_purchase_values_once(int64 *values, int32 n);
extern int32 crm_purchase_values_distinct(int64 *values, int32 n);
extern int32 crm_purchase_values_most(int64 *values, int32 n);
extern int32 crm_purchase_values_streak(int64 *values, int32 n);

static inline bool
crm_purchase_line_has(const CrmLineSet *set, int32 member)
{
	return set->is_every || (member < set->n && (set->bits[member / 8] & (1 << (member % 8))) != 0);
}

/* Whether a line is one that the question looks at. */
static inline bool
crm_purchase_line_is_asked(const CrmLineQuestion *question, const CrmLine *line)
{
	return line->day >= question->asked.from && line->day <= question->asked.to && line->lines > 0 &&
		crm_purchase_line_has(&question->products, line->product) &&
		(!question->is_narrow || crm_purchase_line_passes(question, line));
}

#endif
