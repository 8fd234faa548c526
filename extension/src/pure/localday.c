/*
 * localday.c - local calendar days as numbers, and arithmetic on them.
 *
 * Called wherever days and months are counted without PostgreSQL.  The conversions
 * count days in eras of 400 years with years that start in March, so that the leap day is
 * the last day of its year and needs no case.
 */
#include "pure/localday.h"

#define DAYS_PER_ERA 146097		/* 400 years */
#define EPOCH_FROM_MARCH_0000 730425	/* 2000-01-01 counted from 0000-03-01 */

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int
crm_localday_month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

bool
crm_localday_is_valid(int year, int month, int day)
{
	return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
		day <= crm_localday_month_days(year, month);
}

int32_t
crm_localday_number(int year, int month, int day)
{
	int			march_year = month <= 2 ? year - 1 : year;
	int			era = march_year / 400;
	int			year_of_era = march_year % 400;
	int			march_month = (month + 9) % 12;
	int			day_of_year = (153 * march_month + 2) / 5 + day - 1;
	int			day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
		day_of_year;

	return era * DAYS_PER_ERA + day_of_era - EPOCH_FROM_MARCH_0000;
}

CrmLocalDay
crm_localday_split(int32_t day_number)
{
	int64_t		days = (int64_t) day_number + EPOCH_FROM_MARCH_0000;
	int64_t		era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	int			day_of_era = (int) (days - era * DAYS_PER_ERA);
	int			year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
							   day_of_era / 146096) / 365;
	int			day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 -
											year_of_era / 100);
	int			march_month = (5 * day_of_year + 2) / 153;
	CrmLocalDay local;

	local.day = day_of_year - (153 * march_month + 2) / 5 + 1;
	local.month = march_month < 10 ? march_month + 3 : march_month - 9;
	local.year = (int) (era * 400) + year_of_era + (local.month <= 2 ? 1 : 0);
	return local;
}

int
crm_localday_weekday(int32_t day_number)
{
	/* 2000-01-01 was a Saturday */
	int64_t		offset = ((int64_t) day_number + 5) % 7;

	return (int) (offset < 0 ? offset + 7 : offset) + 1;
}

int32_t
crm_localday_add_months(int32_t day_number, int months)
{
	CrmLocalDay local = crm_localday_split(day_number);
	int64_t		total = (int64_t) local.year * 12 + local.month - 1 + months;
	int			last;

	if (total < 12)
		return CRM_DAY_MIN;
	if (total >= 10000 * 12)
		return CRM_DAY_MAX;
	local.year = (int) (total / 12);
	local.month = (int) (total % 12) + 1;
	last = crm_localday_month_days(local.year, local.month);
	return crm_localday_number(local.year, local.month, local.day < last ? local.day : last);
}
