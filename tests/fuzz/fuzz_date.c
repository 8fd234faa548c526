/* fuzz_date.c - dates and times: what is read lies in the calendar and reads as itself. */
#include "fuzz.h"
#include "pure/normalize_date.h"

SEEDS(SEED("1990-06-30"), SEED("1990年6月30日"), SEED("30/06/1990"), SEED("19900630"), SEED("农历八月十五"), SEED("06-30"),
	  SEED("2026-06-30T11:00:00.123456+08:00"), SEED("2026/6/30 下午3:05"), SEED("1706660761123"), SEED("45123.5"),
	  SEED("1900-01-01"), SEED("2026-06-30 24:00:00"), SEED("Jun 30, 1990"), SEED("20260630110000"), SEED("2024-02-29T23:59:60Z"));

static void
check_day(const char *text, size_t length, CrmDateOrder order)
{
	int32_t		day = 0,
				again = 0;
	char		iso[64];
	CrmLocalDay parts;

	if (crm_date_parse_day(text, length, order, &day) != CRM_DATE_OK)
		return;
	HOLDS(day >= CRM_DAY_MIN && day <= CRM_DAY_MAX);
	parts = crm_localday_split(day);
	snprintf(iso, sizeof(iso), "%04d-%02d-%02d", parts.year, parts.month, parts.day);
	if (parts.year >= 1000)
		HOLDS(crm_date_parse_day(iso, strlen(iso), order, &again) == CRM_DATE_OK && again == day);
}

static void
check_birthday(const char *text, size_t length, CrmDateOrder order)
{
	CrmBirthday birthday;

	if (crm_date_parse_birthday(text, length, order, 9677, &birthday) != CRM_DATE_OK)
		HOLDS(birthday.month == 0 && birthday.day == 0 && birthday.year == 0);
	else if (!birthday.is_missing)
	{
		HOLDS(birthday.month >= 1 && birthday.month <= 12 && birthday.day >= 1 && birthday.day <= 31);
		HOLDS(birthday.year == 0 || birthday.year >= 1900);
		HOLDS(birthday.year == 0 || birthday.is_lunar || birthday.day_number <= 9677);
	}
}

static void
check_timestamp(const char *text, size_t length, CrmDateOrder order)
{
	CrmTimestamp at,
				again;
	char		iso[160];
	int			offset;

	if (crm_date_parse_timestamp(text, length, order, &at) != CRM_DATE_OK)
		return;
	offset = at.offset_seconds / 60;
	HOLDS(crm_localday_is_valid(at.year, at.month, at.day));
	HOLDS(at.hour >= 0 && at.hour < 24 && at.minute >= 0 && at.minute < 60 && at.second >= 0 && at.second < 60);
	HOLDS(at.microsecond >= 0 && at.microsecond < 1000000);
	HOLDS(at.has_zone || at.offset_seconds == 0);
	HOLDS(abs(at.offset_seconds) < 24 * 3600);
	if (at.year < 1000 || at.offset_seconds % 60 != 0)
		return;
	snprintf(iso, sizeof(iso), "%04d-%02d-%02dT%02d:%02d:%02d.%06d", at.year, at.month, at.day, at.hour, at.minute, at.second,
			 at.microsecond);
	if (at.has_zone)
		snprintf(iso + strlen(iso), 40, "%c%02d:%02d", offset < 0 ? '-' : '+', abs(offset) / 60, abs(offset) % 60);
	HOLDS(crm_date_parse_timestamp(iso, strlen(iso), order, &again) == CRM_DATE_OK);
	HOLDS(crm_date_microseconds(&at) == crm_date_microseconds(&again));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (CrmDateOrder order = CRM_DATE_ORDER_UNKNOWN; order <= CRM_DATE_ORDER_MDY; order++)
	{
		check_day((const char *) data, size, order);
		check_birthday((const char *) data, size, order);
		check_timestamp((const char *) data, size, order);
	}
	return 0;
}
