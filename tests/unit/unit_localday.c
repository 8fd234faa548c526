/* unit_localday.c - every day of 9,999 years against a calendar that counts one by one. */
#include "tap.h"
#include "pure/localday.h"

static void
test_every_day(void)
{
	int32_t		number = CRM_DAY_MIN;
	int			year;
	int			month;
	int			day;

	for (year = 1; year <= 9999; year++)
		for (month = 1; month <= 12; month++)
			for (day = 1; day <= crm_localday_month_days(year, month); day++, number++)
			{
				CrmLocalDay split = crm_localday_split(number);

				CHECK(crm_localday_number(year, month, day) == number);
				CHECK(split.year == year && split.month == month && split.day == day);
			}
	CHECK(number == CRM_DAY_MAX + 1);
	CHECKED("days and dates translate both ways");
}

static void
test_facts(void)
{
	is_int(crm_localday_number(2000, 1, 1), 0, "the epoch is day 0");
	is_int(crm_localday_number(1970, 1, 1), -10957, "1970-01-01 is PostgreSQL's day");
	is_int(crm_localday_weekday(0), 6, "2000-01-01 was a Saturday");
	is_int(crm_localday_weekday(crm_localday_number(1970, 1, 1)), 4, "1970-01-01 was a Thursday");
	is_int(crm_localday_weekday(crm_localday_number(2024, 2, 26)), 1, "2024-02-26 was a Monday");
	ok(!crm_localday_is_valid(2023, 2, 29), "2023 has no 29 February");
	ok(crm_localday_is_valid(2024, 2, 29), "2024 has");
	ok(!crm_localday_is_valid(1900, 2, 29), "1900 has not");
	ok(crm_localday_is_valid(2000, 2, 29), "2000 has");
	ok(!crm_localday_is_valid(2024, 2, 30), "no year has 30 February");
	ok(!crm_localday_is_valid(2024, 13, 1) && !crm_localday_is_valid(2024, 0, 1) &&
	   !crm_localday_is_valid(0, 1, 1) && !crm_localday_is_valid(2024, 1, 0), "nor a month 13 or a day 0");
}

static void
test_months(void)
{
	int32_t		jan31 = crm_localday_number(2024, 1, 31);

	is_int(crm_localday_add_months(jan31, 1), crm_localday_number(2024, 2, 29), "31 Jan + 1");
	is_int(crm_localday_add_months(jan31, 13), crm_localday_number(2025, 2, 28), "31 Jan + 13");
	is_int(crm_localday_add_months(jan31, -2), crm_localday_number(2023, 11, 30), "31 Jan - 2");
	is_int(crm_localday_add_months(jan31, 2000000000), CRM_DAY_MAX, "far future is clamped");
	is_int(crm_localday_add_months(jan31, -2000000000), CRM_DAY_MIN, "far past is clamped");
}

int
main(void)
{
	test_every_day();
	test_facts();
	test_months();
	return done();
}
