/*
 * purchase_lines.h
 *		Packed lines of source records (pure/lines.h) as the server sees them.
 *
 *	in purchase_lines.c			kept: lines added to the chunks of their records
 *	in purchase_line_ask.c		asked: of one person's lines, and of edges in time
 *	in purchase_line_collect.c	asked: of everybody's, in one walk
 */
#ifndef CRM_PURCHASE_LINES_H
#define CRM_PURCHASE_LINES_H

#include "purchase/purchase_measure.h"

#include "pure/lines.h"

/* Products that count: a bit each. */
typedef struct CrmLineProducts
{
	bool		is_every;
	int32		n;				/* bits there are */
	uint8	   *bits;
} CrmLineProducts;

typedef struct CrmLineQuestion
{
	CrmPurchaseQuestion asked;	/* count counts lines */
	bool		is_of_quantity;	/* what is added up: quantities, else amounts */
	CrmLineProducts products;
} CrmLineQuestion;

/* What a question found in a person's lines. */
typedef struct CrmLineTally
{
	int64		person;
	int64		lines;			/* 0: nothing yet, nor a day */
	int64		sum;
	int32		last;
	int32		first;
	char		status;			/* simplehash's */
} CrmLineTally;

/* Walks a chunk that is a bytea; RM402 when it is damaged. */
extern void crm_purchase_lines_begin(CrmLinesCursor *cursor, Datum chunk);
extern bool crm_purchase_lines_next(CrmLinesCursor *cursor);

/* purchase_line_ask.c */
extern CrmLineProducts crm_purchase_line_products(ArrayType *array);
extern void crm_purchase_line_tally(const CrmLineQuestion *question, const CrmLine *line, CrmLineTally *tally);
extern CrmPurchaseNumber crm_purchase_line_number(const CrmLineQuestion *question, const CrmLineTally *tally, int32 as_of,
												  int exponent);

static inline bool
crm_purchase_line_has_product(const CrmLineProducts *products, int32 product)
{
	return products->is_every ||
		(product < products->n && (products->bits[product / 8] & (1 << (product % 8))) != 0);
}

/* Whether a line is one that the question looks at. */
static inline bool
crm_purchase_line_is_asked(const CrmLineQuestion *question, const CrmLine *line)
{
	return line->day >= question->asked.from && line->day <= question->asked.to && line->lines > 0 &&
		crm_purchase_line_has_product(&question->products, line->product);
}

#endif
