/*
 * localday.h - local calendar days as numbers, and arithmetic on them.
 *
 * Promises: proleptic Gregorian calendar, no time zone, no allocation.  A day is the number
 * of days since 2000-01-01, which is PostgreSQL's DateADT, so values cross without change.
 * Valid days run from CRM_DAY_MIN to CRM_DAY_MAX (years 1 to 9999).
 */
#ifndef CRM_PURE_LOCALDAY_H
#define CRM_PURE_LOCALDAY_H

#include <stdbool.h>
#include <stdint.h>

#define CRM_DAY_MIN (-730119)	/* 0001-01-01 */
#define CRM_DAY_MAX 2921939		/* 9999-12-31 */

typedef struct CrmLocalDay
{
	int			year;
	int			month;			/* 1 to 12 */
	int			day;			/* 1 to 31 */
} CrmLocalDay;

extern int	crm_localday_month_days(int year, int month);

/* True for a day that the calendar has: year 1 to 9999, no 30 February. */
extern bool crm_localday_is_valid(int year, int month, int day);

/* The day number of a valid date, and back. */
extern int32_t crm_localday_number(int year, int month, int day);
extern CrmLocalDay crm_localday_split(int32_t day_number);

/* 1 Monday to 7 Sunday (ISO). */
extern int	crm_localday_weekday(int32_t day_number);

/*
 * Adds months, keeping the day of the month where the month has it, else the month's last
 * day (31 January + 1 = 28 or 29 February).  Clamped to the valid range.
 */
extern int32_t crm_localday_add_months(int32_t day_number, int months);

#endif
