/*
 * ingest_time.c
 *		Points in time and local days, as sources write them.
 *
 * Without a format every form that pure/normalize_date.h knows is read.  A mapping may say how:
 * "dmy" or "mdy" for dates whose year stands last, "epoch" or "epoch_ms", or a pattern of
 * YYYY MM DD HH24 MI SS and the signs between them.  A time without a zone is of the column's
 * zone, else of the source's; a local time that a change of clocks repeats is its first.
 */
#include "ingest/ingest.h"

#include <ctype.h>

#include "common/int.h"
#include "pure/normalize_date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

bool
crm_ingest_zone_exists(const char *name, pg_tz **zone)
{
	*zone = pg_tzset(name);
	return *zone != NULL && pg_tz_acceptable(*zone);
}

/* Reads count digits (fewer when they end early, but one at least). */
static bool
read_digits(const char **at, const char *end, int count, int *value)
{
	int			n = 0;

	*value = 0;
	while (n < count && *at < end && isdigit((unsigned char) **at))
	{
		*value = *value * 10 + (*(*at)++ - '0');
		n++;
	}
	return n > 0;
}

static bool
read_pattern(const char *text, int length, const char *pattern, CrmTimestamp *face)
{
	static const struct
	{
		const char *token;
		int			digits;
		size_t		part;
	}			tokens[] = {
		{"YYYY", 4, offsetof(CrmTimestamp, year)}, {"MM", 2, offsetof(CrmTimestamp, month)},
		{"DD", 2, offsetof(CrmTimestamp, day)}, {"HH24", 2, offsetof(CrmTimestamp, hour)},
		{"MI", 2, offsetof(CrmTimestamp, minute)}, {"SS", 2, offsetof(CrmTimestamp, second)},
	};
	const char *end = text + length;

	*face = (CrmTimestamp) {.month = 1, .day = 1};
	while (*pattern)
	{
		int			i;

		for (i = 0; i < lengthof(tokens); i++)
			if (strncmp(pattern, tokens[i].token, strlen(tokens[i].token)) == 0)
				break;
		if (i < lengthof(tokens))
		{
			if (!read_digits(&text, end, tokens[i].digits,
							 (int *) ((char *) face + tokens[i].part)))
				return false;
			pattern += strlen(tokens[i].token);
		}
		else if (text < end && *text == *pattern)
		{
			text++;
			pattern++;
		}
		else
			return false;
	}
	return text == end && crm_localday_is_valid(face->year, face->month, face->day) &&
		face->hour < 24 && face->minute < 60 && face->second < 60;
}

static bool
read_epoch(const char *text, int length, int64 unit, CrmTimestamp *face, int64 *microseconds)
{
	CrmDecimal	number;

	if (crm_decimal_parse(text, length, &number) != CRM_DECIMAL_OK || number.scale > 6)
		return false;
	for (int i = 0; i < number.scale; i++)
	{
		if (unit % 10 != 0)
			return false;
		unit /= 10;
	}
	if (pg_mul_s64_overflow(number.value, unit, microseconds) ||
		pg_sub_s64_overflow(
			*microseconds, (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY, microseconds))
		return false;
	face->has_zone = true;
	return true;
}

static CrmDateOrder
order_of(const char *format)
{
	return format == NULL ? CRM_DATE_ORDER_UNKNOWN :
		strcmp(format, "dmy") == 0 ? CRM_DATE_ORDER_DMY :
		strcmp(format, "mdy") == 0 ? CRM_DATE_ORDER_MDY : CRM_DATE_ORDER_UNKNOWN;
}

static bool
is_pattern(const char *format)
{
	return format != NULL && (strstr(format, "YYYY") != NULL || strstr(format, "DD") != NULL);
}

/* The moment that a clock face in a zone shows. */
static TimestampTz
at_zone(int64 face, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(face, NULL, &tm, &fsec, NULL, NULL) != 0)
		return face;
	return face + DetermineTimeZoneOffset(&tm, zone) * USECS_PER_SEC;
}

/* False when the text is no time, or one outside of the years 1970 to 9999. */
bool
crm_ingest_parse_time(const CrmIngestSlot *slot, pg_tz *zone, TimestampTz *at)
{
	const char *format = slot->target ? slot->target->format : NULL;
	CrmTimestamp face = {0};
	int64		microseconds;

	if (format != NULL && strcmp(format, "epoch") == 0)
	{
		if (!read_epoch(slot->text, slot->length, USECS_PER_SEC, &face, &microseconds))
			return false;
	}
	else if (format != NULL && strcmp(format, "epoch_ms") == 0)
	{
		if (!read_epoch(slot->text, slot->length, 1000, &face, &microseconds))
			return false;
	}
	else
	{
		if (is_pattern(format) ? !read_pattern(slot->text, slot->length, format, &face)
							   : crm_date_parse_timestamp(slot->text, slot->length,
														  order_of(format), &face) != CRM_DATE_OK)
			return false;
		microseconds = crm_date_microseconds(&face);
	}
	if (slot->target && slot->target->zone)
		zone = slot->target->zone;
	*at = face.has_zone ? microseconds : at_zone(microseconds, zone);
	return *at >= (UNIX_EPOCH_JDATE - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY &&
		*at < CRM_DAY_MAX * USECS_PER_DAY;
}

bool
crm_ingest_parse_day(const CrmIngestSlot *slot, int32 *day)
{
	const char *format = slot->target ? slot->target->format : NULL;
	CrmTimestamp face;

	if (!is_pattern(format))
		return crm_date_parse_day(slot->text, slot->length, order_of(format), day) == CRM_DATE_OK;
	if (!read_pattern(slot->text, slot->length, format, &face))
		return false;
	*day = crm_localday_number(face.year, face.month, face.day);
	return true;
}

/* The calendar day of a moment in a zone, as PostgreSQL's date. */
int32
crm_ingest_local_day(TimestampTz at, pg_tz *zone)
{
	pg_time_t	seconds = timestamptz_to_time_t(at);
	struct pg_tm *tm = pg_localtime(&seconds, zone);

	CrmEnsure(tm != NULL, "a time outside of every calendar");
	return date2j(tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday) - POSTGRES_EPOCH_JDATE;
}
