/*
 * phone_plan.h - facts of numbering plans: calling codes, lengths, kinds of numbers.
 *
 * Promises: constant tables, no allocation; digits are ASCII '0' to '9' and are not
 * checked here.
 */
#ifndef CRM_PURE_PHONE_PLAN_H
#define CRM_PURE_PHONE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pure/normalize_phone.h"

typedef struct CrmPhonePlan
{
	uint16_t	code;			/* ITU calling code */
	uint8_t		code_digits;	/* 1 to 3 */
	uint8_t		min_digits;		/* of the national number, trunk zero not counted */
	uint8_t		max_digits;
	bool		drops_zero;		/* a leading 0 is a trunk prefix and never part of the number */
} CrmPhonePlan;

/* Finds the calling code that the digits start with; false when there is none. */
extern bool crm_phone_plan_match(const char *digits, size_t count, CrmPhonePlan *plan);

/* Finds the plan of a calling code; false when it is none. */
extern bool crm_phone_plan_find(unsigned code, CrmPhonePlan *plan);

/*
 * What kind of number the national digits are under a plan, the trunk 0 already taken off;
 * CRM_PHONE_INVALID when there is no such number.
 */
extern CrmPhoneType crm_phone_plan_classify(const CrmPhonePlan *plan, const char *national,
											size_t count);

#endif
