/*
 * compare_date.c - birthdays, of both calendars.
 */
#include <stdlib.h>
#include <string.h>

#include "pure/compare.h"
#include "pure/localday.h"
#include "pure/lunar.h"
#include "pure/normalize_date.h"

#define LATEST_YEAR 2100
#define YEAR_DAYS 366

/* yyyymmdd, a half byte a digit. */
static uint32_t
digits_of(int year, int month, int day)
{
	uint32_t	number = (uint32_t) (year * 10000 + month * 100 + day);
	uint32_t	digits = 0;

	for (int shift = 0; shift < 32; shift += 4, number /= 10)
		digits |= number % 10 << shift;
	return digits;
}

static void
set_date(CrmPreparedDate *out, int year, int month, int day, bool is_lunar)
{
	CrmLunarDay lunar = {year, month, day, false};

	out->is_known = true;
	out->is_lunar = is_lunar;
	out->year = (int16_t) year;
	out->month = (int8_t) month;
	out->day = (int8_t) day;
	out->digits = digits_of(year, month, day);
	if (year == 0)
		return;
	if (is_lunar)
	{
		out->lunar_digits = out->digits;
		if (!crm_lunar_to_day(&lunar, &out->number))
			out->number = crm_localday_number(year, month, 1) + day - 1;
		return;
	}
	out->number = crm_localday_number(year, month, day);
	if (crm_lunar_of_day(out->number, &lunar))
		out->lunar_digits = digits_of(lunar.year, lunar.month, lunar.day);
}

bool
crm_prepare_date(const char *bytes, size_t length, CrmPreparedDate *out)
{
	CrmBirthday birthday;

	memset(out, 0, sizeof *out);
	if (crm_date_parse_birthday(bytes, length, CRM_DATE_ORDER_UNKNOWN,
								crm_localday_number(LATEST_YEAR, 1, 1), &birthday) != CRM_DATE_OK ||
		birthday.is_missing)
		return false;
	set_date(out, birthday.year, birthday.month, birthday.day, birthday.is_lunar);
	return true;
}

/* Of a day that is stored already; defaults and years before 1 are null here too. */
bool
crm_prepare_day(int32_t day_number, CrmPreparedDate *out)
{
	CrmLocalDay day;

	memset(out, 0, sizeof *out);
	if (day_number < CRM_DAY_MIN || day_number > CRM_DAY_MAX ||
		day_number == crm_localday_number(1900, 1, 1) ||
		day_number == crm_localday_number(1970, 1, 1) ||
		day_number == crm_localday_number(2000, 1, 1))
		return false;
	day = crm_localday_split(day_number);
	set_date(out, day.year, day.month, day.day, false);
	return true;
}

/* One digit, two neighbouring digits changed, or day and month changed. */
static bool
is_typo(const CrmPreparedDate *a, const CrmPreparedDate *b)
{
	uint32_t	differs = a->digits ^ b->digits;
	int			first = __builtin_ctz(differs) / 4 * 4;
	int			last = (31 - __builtin_clz(differs)) / 4 * 4;

	if (a->year == b->year && a->month == b->day && a->day == b->month)
		return true;
	if (first == last)
		return true;
	return last == first + 4 &&
		(a->digits >> first & 15) == (b->digits >> last & 15) &&
		(a->digits >> last & 15) == (b->digits >> first & 15);
}

static bool
is_lunar_equal(const CrmPreparedDate *a, const CrmPreparedDate *b)
{
	if (a->is_lunar && b->is_lunar)
		return false;
	return (a->lunar_digits != 0 && a->lunar_digits == b->digits) ||
		(b->lunar_digits != 0 && b->lunar_digits == a->digits);
}

/* At least one side tells no year. */
static int
compare_month_day(const CrmPreparedDate *a, const CrmPreparedDate *b)
{
	return a->month == b->month && a->day == b->day && a->is_lunar == b->is_lunar ?
		CRM_BIRTHDAY_MONTH_DAY : CRM_BIRTHDAY_DIFFERENT;
}

int
crm_compare_date(const CrmPreparedDate *a, const CrmPreparedDate *b)
{
	int			days;

	if (!a->is_known || !b->is_known)
		return CRM_LEVEL_NULL;
	if (a->year == 0 || b->year == 0)
		return compare_month_day(a, b);
	if (a->digits == b->digits)
		return a->is_lunar == b->is_lunar ? CRM_BIRTHDAY_EXACT : CRM_BIRTHDAY_LUNAR;
	if (is_lunar_equal(a, b))
		return CRM_BIRTHDAY_LUNAR;
	if (abs(a->year - b->year) == 1 && a->month == b->month && a->day == b->day)
		return CRM_BIRTHDAY_MONTH_DAY;
	if (is_typo(a, b))
		return CRM_BIRTHDAY_TYPO;
	days = abs(a->number - b->number);
	if (days <= YEAR_DAYS)
		return CRM_BIRTHDAY_YEAR;
	return days <= 10 * YEAR_DAYS ? CRM_BIRTHDAY_DECADE : CRM_BIRTHDAY_DIFFERENT;
}
