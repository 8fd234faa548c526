/*
 * lunar.c - days of the Chinese calendar.
 *
 * Called for birthdays, which many people keep by it.  The table is generated, see tables/.
 */
#include <stddef.h>

#include "pure/localday.h"
#include "pure/lunar.h"
#include "pure/tables/lunar_years.h"

#define FIRST_YEAR 1900
#define LAST_YEAR (FIRST_YEAR + (int) (sizeof lunar_years / sizeof lunar_years[0]) - 1)

static int
leap_month(int year)
{
	return lunar_years[year - FIRST_YEAR] >> 13 & 15;
}

/* Months count from 0 in the order in which they come, a leap month among them. */
static int
month_days(int year, int place)
{
	return 29 + (int) (lunar_years[year - FIRST_YEAR] >> place & 1);
}

static int32_t
first_day(int year)
{
	return crm_localday_number(year, 1, 1) + (int32_t) (lunar_years[year - FIRST_YEAR] >> 17);
}

bool
crm_lunar_of_day(int32_t day_number, CrmLunarDay *lunar)
{
	int			year;
	int			place = 0;
	int			leap;
	int32_t		left;

	if (day_number < first_day(FIRST_YEAR) || day_number >= crm_localday_number(LAST_YEAR + 1, 3, 1))
		return false;
	year = crm_localday_split(day_number).year;
	if (year > LAST_YEAR || day_number < first_day(year))
		year--;
	left = day_number - first_day(year);
	leap = leap_month(year);
	while (place < 12 + (leap > 0) && left >= month_days(year, place))
		left -= month_days(year, place++);
	if (place == 12 + (leap > 0))
		return false;
	lunar->year = year;
	lunar->is_leap = leap > 0 && place == leap;
	lunar->month = place + 1 - (leap > 0 && place >= leap);
	lunar->day = left + 1;
	return true;
}

bool
crm_lunar_to_day(const CrmLunarDay *lunar, int32_t *day_number)
{
	int			leap;
	int			place;

	if (lunar->year < FIRST_YEAR || lunar->year > LAST_YEAR || lunar->month < 1 ||
		lunar->month > 12 || lunar->day < 1)
		return false;
	leap = leap_month(lunar->year);
	if (lunar->is_leap && lunar->month != leap)
		return false;
	place = lunar->month - 1 + (lunar->is_leap || (leap > 0 && lunar->month > leap));
	if (lunar->day > month_days(lunar->year, place))
		return false;
	*day_number = first_day(lunar->year) + lunar->day - 1;
	while (place > 0)
		*day_number += month_days(lunar->year, --place);
	return true;
}
