/*
 * decimal.h - exact decimal numbers: text to scaled 64-bit integers.
 *
 * Promises: never a double, never a silent loss: what does not fit is an error, what is
 * rounded is rounded half away from zero and only where a function says so.  No allocation.
 *
 * Accepted: 1234.5  -1,234.50  ￥1,234.50  １２３４．５  12.5元  (12.50)  +3  .5  1e3  RMB 5
 * Refused: 1.234,56  1 234  12,5  0x10  1.2.3  --1  NaN, and anything else.
 */
#ifndef CRM_PURE_DECIMAL_H
#define CRM_PURE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRM_DECIMAL_MAX_SCALE 18	/* digits behind the point that a parsed value can keep */

typedef enum CrmDecimalCode
{
	CRM_DECIMAL_OK = 0,
	CRM_DECIMAL_EMPTY = -1,
	CRM_DECIMAL_FORMAT = -2,
	CRM_DECIMAL_OVERFLOW = -3,
	CRM_DECIMAL_PRECISION = -4	/* more digits behind the point than CRM_DECIMAL_MAX_SCALE */
} CrmDecimalCode;

/* value / 10^scale, exactly; scale is 0 to CRM_DECIMAL_MAX_SCALE. */
typedef struct CrmDecimal
{
	int64_t		value;
	int			scale;
} CrmDecimal;

/* Reads a number exactly.  Trailing zeros behind the point do not count into the scale. */
extern CrmDecimalCode crm_decimal_parse(const char *text, size_t length, CrmDecimal *number);

/* Brings a number to a scale, rounding half away from zero. */
extern CrmDecimalCode crm_decimal_round(CrmDecimal number, int scale, int64_t *value);

/* a x b, computed in 128 bits and rounded once: a line's amount = quantity x price. */
extern CrmDecimalCode crm_decimal_multiply(CrmDecimal a, CrmDecimal b, int scale,
										   int64_t *value);

#endif
