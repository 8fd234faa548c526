/*
 * value.h
 *		Tiers as rules over a person's purchase history.
 *
 *	in value_rules.c	rules read from JSON, once a statement
 *	in value_profile.c	a history as of a date, ready to be measured
 *	in value_tier.c		which rule fits, and from which day another will
 *	in value_gap.c		whether every possible state has exactly one tier
 *	in value_silent.c	who bought last on one day, and how many before it
 *	in value_score.c	cut points of the quintiles
 *	in value_set.c		the persons of a set brought up to date, table by table
 *	in value_claim.c	persons locked, their marks taken
 *	in value_api.c		the SQL-callable edge, and what the room registers
 *
 * A rule names a tier and conditions that must all hold; the first rule that fits decides.
 * A condition compares a measure with a number.  Measures that several conditions share are
 * one slot: a history is measured once for all slots, then only numbers are compared; the
 * gap check compares made-up numbers with the same code.
 */
#ifndef CRM_VALUE_H
#define CRM_VALUE_H

#include "core/core.h"

#include "utils/array.h"
#include "utils/jsonb.h"

#include "purchase/purchase.h"

#define CRM_VALUE_MAX_RULES			32
#define CRM_VALUE_MAX_CONDITIONS	64
#define CRM_VALUE_MAX_SLOTS			16
#define CRM_VALUE_EVER				(-1)	/* days of a slot without a window */
#define CRM_VALUE_NO_TIER			"-"		/* no rule fits: crm.value_tier_check() finds such gaps */

typedef enum CrmValueMetric
{
	CRM_VALUE_ORDERS,			/* local days with net > 0, at most slot.days old */
	CRM_VALUE_NET,				/* minor units of all days, at most slot.days old */
	CRM_VALUE_LAST_DAYS,		/* age of the last such day; none without one */
	CRM_VALUE_FIRST_DAYS		/* age of the first */
} CrmValueMetric;

typedef enum CrmValueOp
{
	CRM_VALUE_LESS,
	CRM_VALUE_AT_MOST,
	CRM_VALUE_EQUAL,
	CRM_VALUE_OTHER,
	CRM_VALUE_AT_LEAST,
	CRM_VALUE_MORE
} CrmValueOp;

typedef struct CrmValueSlot
{
	CrmValueMetric metric;
	int32		days;			/* window in days, today's age being 0; or CRM_VALUE_EVER */
} CrmValueSlot;

typedef struct CrmValueCondition
{
	int			slot;
	CrmValueOp	op;
	int64		value;			/* days, order days, or minor units */
} CrmValueCondition;

typedef struct CrmValueRule
{
	const char *tier;
	int			tier_rule;		/* the first rule that gives this tier: equal tiers have equal numbers */
	int			first_condition;
	int			n_conditions;
} CrmValueRule;

typedef struct CrmValueRules
{
	int			n_rules;
	int			n_conditions;
	int			n_slots;
	CrmValueRule rules[CRM_VALUE_MAX_RULES];
	CrmValueCondition conditions[CRM_VALUE_MAX_CONDITIONS];
	CrmValueSlot slots[CRM_VALUE_MAX_SLOTS];
} CrmValueRules;

/* What one slot measures; a comparison with none is false. */
typedef struct CrmValueNumber
{
	int64		value;
	bool		is_none;
} CrmValueNumber;

/* A history as of a date: its days in order, with running sums up to and including each. */
typedef struct CrmValueProfile
{
	int			n_days;
	int32	   *days;
	int32	   *order_days;
	int64	   *net_minor;
	int32		first_day;		/* of the days with net > 0; only when there are any */
	int32		last_day;
	int32		next_entry_day; /* when an entry that lies in the future begins to count */
} CrmValueProfile;

/* The chunks of a person, to be walked several times. */
typedef struct CrmValueHistory
{
	int			n_chunks;
	CrmHistoryCursor *chunks;	/* each at its beginning */
	int			n_entries;
} CrmValueHistory;

/* What rules give a history on a day. */
typedef struct CrmValueState
{
	const char *tier;			/* lies in the rules */
	int32		next_change_on; /* PG_INT32_MAX: never */
	int32		order_days;
	int64		net_minor;
	int32		first_day;		/* only with order_days > 0 */
	int32		last_day;
} CrmValueState;

/* value_rules.c */
extern const CrmValueRules *crm_value_rules_read(Jsonb *rules, int exponent);
extern const CrmValueRules *crm_value_rules_cached(FmgrInfo *site, Jsonb *rules, int exponent);
extern const char *crm_value_metric_name(CrmValueMetric metric);

/* value_profile.c */
extern CrmValueHistory crm_value_history(ArrayType *chunks);
extern CrmValueProfile crm_value_profile(const CrmValueHistory *history, int32 as_of);
extern int crm_value_days_before(const CrmValueProfile *profile, int64 day);
extern void crm_value_measure(const CrmValueRules *rules, const CrmValueProfile *profile, int32 at,
							  CrmValueNumber *numbers);

/* value_tier.c */
extern bool crm_value_condition_met(const CrmValueCondition *condition,
									const CrmValueNumber *numbers);
extern bool crm_value_rule_fits(const CrmValueRules *rules, int rule,
								const CrmValueNumber *numbers);
extern const char *crm_value_tier_name(const CrmValueRules *rules, int tier_rule);
extern int	crm_value_tier_at(const CrmValueRules *rules, const CrmValueProfile *profile, int32 at);
extern int32 crm_value_next_change(const CrmValueRules *rules, const CrmValueHistory *history, CrmValueProfile profile,
								   int32 as_of, int tier_rule);
extern CrmValueState crm_value_state_of(const CrmValueRules *rules, const CrmValueHistory *history, int32 as_of);

/* value_score.c */
extern int16 crm_value_score_of(int64 point, ArrayType *cuts);

/* value_claim.c */
extern Datum crm_value_id_array(const int64 *ids, int n);

/* value_api.c */
extern void crm_value_init(void);

#endif
