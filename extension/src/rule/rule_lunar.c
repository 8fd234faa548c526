/*
 * rule_lunar.c
 *		Days told by the Chinese calendar: the day they were, and the next time they come.
 *
 * Such a day is kept as a date whose year, month and day are the calendar's own.  A day 30 of a month that has 29
 * that year is kept on the 29th; a leap month is never told, so its days come in the month
 * before it, every year.  Called by statements that rule_sql.c writes; nothing is read or locked.
 */
#include "rule/rule.h"

#include "pure/localday.h"
#include "pure/lunar.h"
#include "utils/date.h"

PG_FUNCTION_INFO_V1(crm_rule_lunar_day);
PG_FUNCTION_INFO_V1(crm_rule_lunar_next);

/* The day on which a month and day of a lunar year fall; false outside the calendar's table. */
static bool
find_day(int year, int month, int day, int32 *found)
{
	CrmLunarDay lunar = {.year = year, .month = month, .day = Min(day, 30)};

	if (crm_lunar_to_day(&lunar, found))
		return true;
	lunar.day = Min(lunar.day, 29);
	return crm_lunar_to_day(&lunar, found);
}

/* crm._rule_lunar_day(told): null outside 1900 to 2100. */
Datum
crm_rule_lunar_day(PG_FUNCTION_ARGS)
{
	DateADT		told = PG_GETARG_DATEADT(0);
	CrmLocalDay parts;
	int32		day;

	if (DATE_NOT_FINITE(told))
		PG_RETURN_NULL();
	parts = crm_localday_split(told);
	if (!find_day(parts.year, parts.month, parts.day, &day))
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(day);
}

/* crm._rule_lunar_next(told, today): the first day from today on with that month and day. */
Datum
crm_rule_lunar_next(PG_FUNCTION_ARGS)
{
	DateADT		told = PG_GETARG_DATEADT(0);
	DateADT		today = PG_GETARG_DATEADT(1);
	CrmLocalDay parts;
	CrmLunarDay now;

	if (DATE_NOT_FINITE(told) || DATE_NOT_FINITE(today) || !crm_lunar_of_day(today, &now))
		PG_RETURN_NULL();
	parts = crm_localday_split(told);
	for (int year = now.year; year <= now.year + 1; year++)
	{
		int32		day;

		if (find_day(year, parts.month, parts.day, &day) && day >= today)
			PG_RETURN_DATEADT(day);
	}
	PG_RETURN_NULL();
}
