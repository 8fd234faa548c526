/*
 * normalize_date.c - birthdays and points in time as people and tills write them.
 *
 * Called by intake for every field of type date or time, and by identity for birthdays.
 * date_reader.c folds the text and reads the date at its head; here are the time behind it,
 * numbers that count from an epoch, and which dates mean "unknown".
 */
#include <string.h>

#include "pure/date_reader.h"
#include "pure/normalize_date.h"

#define UNIX_EPOCH (-10957)		/* 1970-01-01 */
#define DAY_MICROSECONDS INT64_C(86400000000)

static bool
is_digit(char sign)
{
	return sign >= '0' && sign <= '9';
}

/* ---------------------------------------------------------------- times */

/* ".123456" or ",123" as microseconds; further digits are cut off. */
static int
take_fraction(CrmDateReader *reader)
{
	size_t		digits;
	int			value = 0;
	size_t		i;

	if ((*reader->at != '.' && *reader->at != ',') || !is_digit(reader->at[1]))
		return 0;
	reader->at++;
	digits = crm_date_reader_digits(reader->at);
	for (i = 0; i < 6; i++)
		value = value * 10 + (i < digits ? reader->at[i] - '0' : 0);
	reader->at += digits;
	return value;
}

/* a, am, p, pm around a time: 'a', 'p' or 0. */
static char
take_half_day(CrmDateReader *reader)
{
	char		half;

	crm_date_reader_skip_spaces(reader);
	half = *reader->at;
	if (half != 'a' && half != 'p')
		return 0;
	reader->at += reader->at[1] == 'm' ? 2 : 1;
	crm_date_reader_skip_spaces(reader);
	return half;
}

static CrmDateCode
apply_half_day(char half, int *hour)
{
	if (half == 0)
		return CRM_DATE_OK;
	if (half == 'p' && *hour < 12)
		*hour += 12;
	else if (half == 'a' && *hour == 12)
		*hour = 0;
	else if (half == 'a' && *hour > 12)
		return CRM_DATE_RANGE;
	return CRM_DATE_OK;
}

/* Z, UTC, GMT, +08:00, +0800, +8; none at the end. */
static CrmDateCode
read_zone(CrmDateReader *reader, CrmTimestamp *timestamp)
{
	static const char *const utc[] = {"z", "utc", "gmt"};
	int			sign;
	int			hours;
	int			minutes = 0;
	size_t		digits;
	size_t		i;

	crm_date_reader_skip_spaces(reader);
	for (i = 0; i < 3; i++)
		if (strncmp(reader->at, utc[i], strlen(utc[i])) == 0)
		{
			reader->at += strlen(utc[i]);
			timestamp->has_zone = true;
			break;
		}
	if (*reader->at != '+' && *reader->at != '-')
		return CRM_DATE_OK;
	sign = *reader->at++ == '-' ? -1 : 1;
	digits = crm_date_reader_digits(reader->at);
	if (digits != 1 && digits != 2 && digits != 4)
		return CRM_DATE_FORMAT;
	hours = (int) crm_date_reader_value(reader->at, digits < 2 ? 1 : 2);
	if (digits == 4)
		minutes = (int) crm_date_reader_value(reader->at + 2, 2);
	reader->at += digits;
	if (digits <= 2 && *reader->at == ':')
	{
		reader->at++;
		minutes = crm_date_reader_digits(reader->at) == 2 ? crm_date_reader_number(reader, 2) : 99;
	}
	if (hours > 15 || minutes > 59)
		return CRM_DATE_RANGE;
	timestamp->has_zone = true;
	timestamp->offset_seconds = sign * (hours * 3600 + minutes * 60);
	return CRM_DATE_OK;
}

/* hh:mm[:ss[.f]] or hhmmss or hhmm. */
static CrmDateCode
read_clock(CrmDateReader *reader, CrmTimestamp *timestamp)
{
	size_t		digits = crm_date_reader_digits(reader->at);

	if (digits == 6 || digits == 4)
	{
		timestamp->hour = (int) crm_date_reader_value(reader->at, 2);
		timestamp->minute = (int) crm_date_reader_value(reader->at + 2, 2);
		timestamp->second = digits == 6 ? (int) crm_date_reader_value(reader->at + 4, 2) : 0;
		reader->at += digits;
	}
	else
	{
		timestamp->hour = crm_date_reader_number(reader, 2);
		if (timestamp->hour < 0)
			return CRM_DATE_FORMAT;
		if (*reader->at != ':')		/* 上午8时 folds to a8: an hour alone */
			return reader->at[0] == '\0' && reader->at[-1] != ':' ? CRM_DATE_OK : CRM_DATE_FORMAT;
		reader->at++;
		timestamp->minute = crm_date_reader_number(reader, 2);
		if (timestamp->minute < 0)
			return CRM_DATE_FORMAT;
		if (*reader->at == ':' && is_digit(reader->at[1]))
		{
			reader->at++;
			timestamp->second = crm_date_reader_number(reader, 2);
			if (timestamp->second < 0)
				return CRM_DATE_FORMAT;
		}
	}
	timestamp->microsecond = take_fraction(reader);
	timestamp->has_time = true;
	return CRM_DATE_OK;
}

/* The time behind a date, to the end of the text. */
static CrmDateCode
read_time(CrmDateReader *reader, CrmTimestamp *timestamp)
{
	CrmDateCode code;
	char		half;

	if (*reader->at == 't')
		reader->at++;
	crm_date_reader_skip_spaces(reader);
	if (*reader->at == '\0')
		return CRM_DATE_OK;
	half = take_half_day(reader);
	code = read_clock(reader, timestamp);
	if (code != CRM_DATE_OK)
		return code;
	timestamp->has_time = true;
	if (half == 0)
		half = take_half_day(reader);
	code = apply_half_day(half, &timestamp->hour);
	if (code == CRM_DATE_OK)
		code = read_zone(reader, timestamp);
	crm_date_reader_skip_spaces(reader);
	if (code == CRM_DATE_OK && *reader->at != '\0')
		code = CRM_DATE_FORMAT;
	return code;
}

/* ---------------------------------------------------------------- numbers for times */

static void
from_microseconds(int64_t day_number, int64_t microseconds, CrmTimestamp *timestamp)
{
	CrmLocalDay local = crm_localday_split((int32_t) day_number);

	timestamp->year = local.year;
	timestamp->month = local.month;
	timestamp->day = local.day;
	timestamp->hour = (int) (microseconds / INT64_C(3600000000));
	timestamp->minute = (int) (microseconds / 60000000 % 60);
	timestamp->second = (int) (microseconds / 1000000 % 60);
	timestamp->microsecond = (int) (microseconds % 1000000);
	timestamp->has_time = true;
}

/* Seconds (10 digits) or milliseconds (13) since 1970, and spreadsheet days with a fraction. */
static bool
read_counted(const char *signs, CrmTimestamp *timestamp)
{
	size_t		digits = crm_date_reader_digits(signs);
	const char *rest = signs + digits;
	int64_t		value;

	if ((digits == 10 || digits == 13) && signs[digits] == '\0')
	{
		value = crm_date_reader_value(signs, digits) * (digits == 10 ? 1000000 : 1000);
		from_microseconds(UNIX_EPOCH + value / DAY_MICROSECONDS, value % DAY_MICROSECONDS, timestamp);
		timestamp->has_zone = true;
		return true;
	}
	if (digits == 5 && signs[digits] == '.' && crm_date_reader_digits(signs + 6) > 0 &&
		crm_date_reader_digits(signs + 6) < 16 && signs[6 + crm_date_reader_digits(signs + 6)] == '\0')
	{
		double		fraction = 0;
		double		unit = 0.1;

		for (rest++; *rest; rest++, unit /= 10)
			fraction += (*rest - '0') * unit;
		/* a spreadsheet keeps a double: whole milliseconds are all that is in it */
		value = (int64_t) (fraction * 86400000.0 + 0.5);
		from_microseconds(CRM_DATE_EXCEL_EPOCH + crm_date_reader_value(signs, 5) + value / 86400000,
						  value % 86400000 * 1000, timestamp);
		return true;
	}
	return false;
}

/* Checks the clock and carries 24:00 and second 60 over. */
static CrmDateCode
settle_clock(CrmTimestamp *timestamp)
{
	bool		is_midnight = timestamp->hour == 24 && timestamp->minute == 0 &&
		timestamp->second == 0 && timestamp->microsecond == 0;
	int64_t		day = crm_localday_number(timestamp->year, timestamp->month, timestamp->day);
	int64_t		microseconds;
	CrmTimestamp settled = {0};

	if ((timestamp->hour > 23 && !is_midnight) || timestamp->minute > 59 ||
		timestamp->second > 60)
		return CRM_DATE_RANGE;
	microseconds = ((timestamp->hour * INT64_C(60) + timestamp->minute) * 60 +
					timestamp->second) * 1000000 + timestamp->microsecond;
	day += microseconds / DAY_MICROSECONDS;
	if (day > CRM_DAY_MAX)
		return CRM_DATE_RANGE;
	from_microseconds(day, microseconds % DAY_MICROSECONDS, &settled);
	settled.has_time = timestamp->has_time;
	settled.has_zone = timestamp->has_zone;
	settled.offset_seconds = timestamp->offset_seconds;
	*timestamp = settled;
	return CRM_DATE_OK;
}

/* 20240131082601 has no sign between date and time: put one there. */
static void
open_compact(char *signs)
{
	size_t		digits = crm_date_reader_digits(signs);

	if ((digits == 14 || digits == 12) && strlen(signs) < CRM_DATE_MAX_SIGNS)
	{
		memmove(signs + 9, signs + 8, strlen(signs + 8) + 1);
		signs[8] = ' ';
	}
}

static CrmDateCode
parse_from(CrmDateReader *reader, CrmDateOrder order, CrmTimestamp *timestamp)
{
	CrmDateParts		parts;
	CrmDateCode code;

	if (read_counted(reader->at, timestamp))
		return CRM_DATE_OK;
	if (reader->at == reader->signs)
		open_compact(reader->signs);
	code = crm_date_reader_date(reader, order, &parts);
	if (code != CRM_DATE_OK)
		return code;
	if (reader->is_lunar || parts.year == 0)
		return CRM_DATE_FORMAT;
	if (!crm_localday_is_valid(parts.year, parts.month, parts.day))
		return CRM_DATE_RANGE;
	timestamp->year = parts.year;
	timestamp->month = parts.month;
	timestamp->day = parts.day;
	code = read_time(reader, timestamp);
	return code == CRM_DATE_OK ? settle_clock(timestamp) : code;
}

/* ---------------------------------------------------------------- missing values */

/* Dates that forms and databases put where nobody answered. */
static bool
is_missing_default(const CrmDateParts *parts)
{
	static const CrmDateParts defaults[] = {
		{1, 1, 1}, {1111, 11, 11}, {1753, 1, 1}, {1800, 1, 1}, {1899, 12, 30}, {1899, 12, 31},
		{1900, 1, 1}, {1900, 1, 2}, {1901, 1, 1}, {1970, 1, 1}, {1970, 1, 2}, {2000, 1, 1},
		{2099, 12, 31}, {9999, 12, 31}, {9999, 9, 9}
	};
	size_t		i;

	for (i = 0; i < sizeof defaults / sizeof *defaults; i++)
		if (memcmp(&defaults[i], parts, sizeof *parts) == 0)
			return true;
	return parts->year == 0 && parts->month == 0 && parts->day == 0;
}

/* Checks month and day; without a year 29 February is possible, a lunar month has 30 days. */
static bool
is_possible(const CrmDateParts *parts, bool is_lunar)
{
	if (is_lunar)
		return parts->month >= 1 && parts->month <= 12 && parts->day >= 1 && parts->day <= 30;
	return crm_localday_is_valid(parts->year == 0 ? 2000 : parts->year, parts->month, parts->day);
}

/* ---------------------------------------------------------------- entry points */

CrmDateCode
crm_date_parse_birthday(const char *text, size_t length, CrmDateOrder order, int32_t today,
						CrmBirthday *birthday)
{
	CrmDateReader reader;
	CrmDateParts		parts;
	CrmTimestamp ignored = {0};
	CrmDateCode code;
	int32_t		day_number = 0;

	memset(birthday, 0, sizeof *birthday);
	code = crm_date_reader_begin(&reader, text, length);
	if (code == CRM_DATE_OK)
		code = crm_date_reader_date(&reader, order, &parts);
	if (code != CRM_DATE_OK)
		return code;
	if (strcmp(reader.at, ".0") != 0 && read_time(&reader, &ignored) != CRM_DATE_OK)
		return CRM_DATE_FORMAT;
	birthday->is_missing = is_missing_default(&parts);
	if (!birthday->is_missing)
	{
		if (!is_possible(&parts, reader.is_lunar))
			return CRM_DATE_RANGE;
		if (parts.year != 0 && !reader.is_lunar)
			day_number = crm_localday_number(parts.year, parts.month, parts.day);
		if (parts.year != 0 && (parts.year < 1900 || day_number > today ||
								parts.year > crm_localday_split(today).year))
			return CRM_DATE_RANGE;
	}
	birthday->year = parts.year;
	birthday->month = parts.month;
	birthday->day = parts.day;
	birthday->is_lunar = reader.is_lunar;
	birthday->day_number = day_number;
	return CRM_DATE_OK;
}

CrmDateCode
crm_date_parse_timestamp(const char *text, size_t length, CrmDateOrder order,
						 CrmTimestamp *timestamp)
{
	CrmDateReader reader;
	CrmDateCode code;

	memset(timestamp, 0, sizeof *timestamp);
	code = crm_date_reader_begin(&reader, text, length);
	if (code == CRM_DATE_OK)
		code = parse_from(&reader, order, timestamp);
	if (code != CRM_DATE_OK)
		memset(timestamp, 0, sizeof *timestamp);
	return code;
}

CrmDateCode
crm_date_parse_day(const char *text, size_t length, CrmDateOrder order, int32_t *day)
{
	CrmTimestamp timestamp;
	CrmDateCode code = crm_date_parse_timestamp(text, length, order, &timestamp);

	if (code == CRM_DATE_OK)
		*day = crm_localday_number(timestamp.year, timestamp.month, timestamp.day);
	return code;
}

int64_t
crm_date_microseconds(const CrmTimestamp *timestamp)
{
	int64_t		day = crm_localday_number(timestamp->year, timestamp->month, timestamp->day);
	int64_t		seconds = (timestamp->hour * INT64_C(60) + timestamp->minute) * 60 +
		timestamp->second - (timestamp->has_zone ? timestamp->offset_seconds : 0);

	return day * DAY_MICROSECONDS + seconds * 1000000 + timestamp->microsecond;
}

const char *
crm_date_code_name(CrmDateCode code)
{
	static const char *const names[] = {"ok", "empty", "format", "range", "ambiguous"};

	return names[-code];
}
