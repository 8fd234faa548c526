/*
 * lunar.h - days of the Chinese calendar, 1900-01-31 to the end of its year 2100.
 *
 * Promises: no allocation, constant tables.  Days are those of localday.h.
 */
#ifndef CRM_PURE_LUNAR_H
#define CRM_PURE_LUNAR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct CrmLunarDay
{
	int			year;
	int			month;			/* 1 to 12 */
	int			day;			/* 1 to 30 */
	bool		is_leap;		/* the second month of that number */
} CrmLunarDay;

/* False outside the table. */
extern bool crm_lunar_of_day(int32_t day_number, CrmLunarDay *lunar);

/* False for a day that its calendar does not have. */
extern bool crm_lunar_to_day(const CrmLunarDay *lunar, int32_t *day_number);

#endif
