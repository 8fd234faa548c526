/*
 * sample_calendar.c
 *		Days, weekdays and the Chinese calendar.
 */
#include <stdlib.h>
#include <time.h>

#include "sample.h"

enum
{
	LUNAR_FIRST_YEAR = 1940,
	LUNAR_YEARS = 101
};

/*
 * One lunar year a word: the low four bits name the leap month (0: none), bits 15 down to 4
 * say which of the months 1 to 12 have 30 days, bit 16 whether the leap month has.
 */
static const uint32_t lunar_year[LUNAR_YEARS] = {
	0x0d4a0, 0x1d8a6, 0x0b550, 0x056a0, 0x1a5b4, 0x025d0, 0x092d0, 0x0d2b2,
	0x0a950, 0x0b557, 0x06ca0, 0x0b550, 0x15355, 0x04db0, 0x025b0, 0x18573,
	0x052b0, 0x0a9a8, 0x0e950, 0x06aa0, 0x0aea6, 0x0ab50, 0x04b60, 0x0aae4,
	0x0a570, 0x05260, 0x0f263, 0x0d950, 0x05b57, 0x056a0, 0x096d0, 0x04dd5,
	0x04ad0, 0x0a4d0, 0x0d4d4, 0x0d250, 0x0d558, 0x0b540, 0x0b6a0, 0x195a6,
	0x095b0, 0x049b0, 0x0a974, 0x0a4b0, 0x0b27a, 0x06a50, 0x06d40, 0x1ad47,
	0x0ab60, 0x09570, 0x04af5, 0x04970, 0x064b0, 0x074a3, 0x0ea50, 0x06b58,
	0x05ac0, 0x0ab60, 0x096e5, 0x092e0, 0x0c960, 0x0d954, 0x0d4a0, 0x0da50,
	0x07552, 0x056a0, 0x0abb7, 0x025d0, 0x092d0, 0x0cab5, 0x0a950, 0x0b4a0,
	0x0bca4, 0x0ad50, 0x055d9, 0x04ba0, 0x0a5b0, 0x15176, 0x05270, 0x0a930,
	0x07954, 0x06aa0, 0x0ad50, 0x05b52, 0x04b60, 0x0a6e6, 0x0a4f0, 0x05260,
	0x0ea65, 0x0d520, 0x0daa0, 0x076a3, 0x096d0, 0x04afb, 0x04ad0, 0x0a4d0,
	0x1d0b6, 0x0d250, 0x0d520, 0x0dd45, 0x0b5a0
};

/* Days since 1970-01-01 of a date of the Gregorian calendar (years from March). */
int32_t
day_of(int year, int month, int day)
{
	int			y = month <= 2 ? year - 1 : year;
	int			era = y / 400;
	int			year_of_era = y - era * 400;
	int			day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int			day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

Date
date_of(int32_t day)
{
	int			z = day + 719468;
	int			era = z / 146097;
	int			day_of_era = z - era * 146097;
	int			year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524
							   - day_of_era / 146096) / 365;
	int			day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4
											- year_of_era / 100);
	int			from_march = (5 * day_of_year + 2) / 153;
	Date		date;

	date.day = day_of_year - (153 * from_march + 2) / 5 + 1;
	date.month = from_march < 10 ? from_march + 3 : from_march - 9;
	date.year = year_of_era + era * 400 + (date.month <= 2);
	return date;
}

/* 0 is Sunday. */
int
weekday_of(int32_t day)
{
	return (day + 4) % 7;
}

int32_t
today_in_shanghai(void)
{
	return (int32_t) ((time(NULL) + 8 * 3600) / DAY_SECONDS);
}

bool
parse_day(const char *text, int32_t *day)
{
	int			year;
	int			month;
	int			of_month;
	char		rest;
	Date		back;

	if (sscanf(text, "%4d-%2d-%2d%c", &year, &month, &of_month, &rest) != 3)
		return false;
	if (year < 2022 || year > 2039 || month < 1 || month > 12)
		return false;
	*day = day_of(year, month, of_month);
	back = date_of(*day);
	return back.day == of_month && back.month == month;
}

/* How long the month is; "leap" asks for the leap month that follows it. */
static int
lunar_month_days(uint32_t year, int month, bool leap)
{
	if (leap)
		return year & 0x10000 ? 30 : 29;
	return year & (1u << (16 - month)) ? 30 : 29;
}

/* The lunar date of a day since 1940-02-08; a leap month gets the number of its month. */
Date
lunar_of(int32_t day)
{
	int32_t		left = day - day_of(1940, 2, 8);
	int			y;

	for (y = 0; y < LUNAR_YEARS; y++)
	{
		int			leap_month = (int) (lunar_year[y] & 0xf);
		int			month;

		for (month = 1; month <= 12; month++)
		{
			int			leap;

			for (leap = 0; leap <= (month == leap_month); leap++)
			{
				int			days = lunar_month_days(lunar_year[y], month, leap);

				if (left < days)
					return (Date) {LUNAR_FIRST_YEAR + y, month, (int) left + 1};
				left -= days;
			}
		}
	}
	fail("day %d lies beyond the lunar table", (int) day);
}

/* The day of a date in an ordinary (not leap) lunar month. */
int32_t
lunar_day(int year, int month, int day)
{
	int32_t		at = day_of(1940, 2, 8);
	int			y;
	int			m;

	for (y = 0; y <= year - LUNAR_FIRST_YEAR; y++)
	{
		int			leap_month = (int) (lunar_year[y] & 0xf);

		for (m = 1; m <= 12; m++)
		{
			if (LUNAR_FIRST_YEAR + y == year && m == month)
				return at + day - 1;
			at += lunar_month_days(lunar_year[y], m, false);
			if (m == leap_month)
				at += lunar_month_days(lunar_year[y], m, true);
		}
	}
	return at;
}

/* The fortnight up to Spring Festival or to Mid-Autumn, when people buy gifts. */
bool
near_gift_festival(int32_t day)
{
	int			year = date_of(day).year;
	int32_t		spring = lunar_day(year, 1, 1);
	int32_t		autumn = lunar_day(year, 8, 15);

	return (day > spring - 14 && day <= spring) || (day > autumn - 14 && day <= autumn);
}
