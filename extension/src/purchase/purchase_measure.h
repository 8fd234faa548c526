/*
 * purchase_measure.h
 *		What rules ask of purchases: a measure of days, and the comparison it is to meet.
 *
 *	in purchase_measure.c	measures of a person's days, exact
 *	in purchase_collect.c	everybody's days in one walk
 */
#ifndef CRM_PURCHASE_MEASURE_H
#define CRM_PURCHASE_MEASURE_H

#include "purchase/purchase.h"

typedef enum CrmPurchaseMeasure
{
	CRM_PURCHASE_COUNT,
	CRM_PURCHASE_SUM,
	CRM_PURCHASE_AVERAGE,
	CRM_PURCHASE_LAST,
	CRM_PURCHASE_FIRST,
	CRM_PURCHASE_GAP_RATIO,
	CRM_PURCHASE_STREAK,
	/* of lines alone */
	CRM_PURCHASE_DAYS,
	CRM_PURCHASE_MIN,
	CRM_PURCHASE_MAX,
	CRM_PURCHASE_DISTINCT,
	CRM_PURCHASE_BASELINE
} CrmPurchaseMeasure;

/* A measured number: num / den, exactly. */
typedef struct CrmPurchaseNumber
{
	bool		is_none;
	int64		num;
	int64		den;			/* above zero */
} CrmPurchaseNumber;

typedef struct CrmPurchaseQuestion
{
	CrmPurchaseMeasure measure;
	int32		from;			/* days of purchase, both included */
	int32		to;
	int			at_least;		/* gaps, or lines, a ratio needs */
	int			op;				/* place in the list of purchase_measure.c */
	int			n_values;
	int128	   *values;			/* in millionths of a millionth */
	bool		is_turned;		/* to be met by failing */
} CrmPurchaseQuestion;

extern CrmPurchaseMeasure crm_purchase_measure_of(const char *name);
extern CrmPurchaseQuestion *crm_purchase_questions(ArrayType *array, int *n);
extern CrmPurchaseNumber crm_purchase_measure_days(const CrmPurchaseQuestion *question, const CrmHistoryDay *days,
												   int n_days, int32 as_of, int exponent);
extern bool crm_purchase_is_at_least_one(const CrmPurchaseQuestion *question);
extern bool crm_purchase_stays_met(const CrmPurchaseQuestion *question);
extern Datum crm_purchase_number_datum(CrmPurchaseNumber number);
extern bool crm_purchase_meets(const CrmPurchaseQuestion *question, CrmPurchaseNumber number);

#endif
