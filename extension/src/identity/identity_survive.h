/*
 * identity_survive.h
 *		Which of several values of one field is the person's: criteria, one after the other.
 */
#ifndef CRM_IDENTITY_SURVIVE_H
#define CRM_IDENTITY_SURVIVE_H

#include "core/core.h"

#include "utils/timestamp.h"

/* Fields that rules are made for; the names are those of crm.golden_rule. */
typedef enum CrmGoldenField
{
	CRM_GOLDEN_NAME, CRM_GOLDEN_SEX, CRM_GOLDEN_CITY, CRM_GOLDEN_BIRTHDAY, CRM_GOLDEN_ADDRESS,
	CRM_GOLDEN_PHONE, CRM_GOLDEN_EMAIL, CRM_GOLDEN_FIELDS
} CrmGoldenField;

#define CRM_GOLDEN_CRITERIA 6

/* The criteria of each field as they are asked; none: source priority, then the newest. */
typedef struct CrmGoldenRules
{
	int			n_criteria[CRM_GOLDEN_FIELDS];
	uint8		criteria[CRM_GOLDEN_FIELDS][CRM_GOLDEN_CRITERIA];
	bool		has_any;
} CrmGoldenRules;

/* What criteria look at. */
typedef struct CrmGoldenCandidate
{
	bool		is_verified;	/* its source has checked this field */
	int			priority;		/* of its source; lower is better */
	TimestampTz received_at;
	int			frequency;		/* records of the person with the same value */
	int			length;			/* bytes of the value */
} CrmGoldenCandidate;

extern const char *const crm_golden_field_names[CRM_GOLDEN_FIELDS];

/* Reads crm.golden_rule; SPI is connected.  Rows that are the default are left out. */
extern void crm_identity_read_golden_rules(CrmGoldenRules *rules);

/* Whether a field asks how often a value occurs. */
extern bool crm_identity_asks_frequency(const CrmGoldenRules *rules, CrmGoldenField field);

/* Whether a beats b; of equals the one that came first stays. */
extern bool crm_identity_survives(const CrmGoldenRules *rules, CrmGoldenField field,
								  const CrmGoldenCandidate *a, const CrmGoldenCandidate *b);

#endif
