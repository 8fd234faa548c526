/* unit_date.c - birthdays and points in time: every form, every refusal, every day. */
#include "tap.h"
#include "pure/normalize_date.h"

#define TODAY 8800				/* 2024-02-04 */

static const char *
birthday(const char *text, CrmDateOrder order)
{
	static char out[60];
	CrmBirthday b;
	CrmDateCode code = crm_date_parse_birthday(text, strlen(text), order, TODAY, &b);

	if (code != CRM_DATE_OK)
		return crm_date_code_name(code);
	snprintf(out, sizeof out, "%04d-%02d-%02d%s%s", b.year, b.month, b.day,
			 b.is_lunar ? " lunar" : "", b.is_missing ? " missing" : "");
	return out;
}

static const char *
timestamp(const char *text, CrmDateOrder order)
{
	static char out[80];
	CrmTimestamp t;
	CrmDateCode code = crm_date_parse_timestamp(text, strlen(text), order, &t);
	int			used;

	if (code != CRM_DATE_OK)
		return crm_date_code_name(code);
	used = snprintf(out, sizeof out, "%04d-%02d-%02d", t.year, t.month, t.day);
	if (t.has_time)
		used += snprintf(out + used, sizeof out - (size_t) used, " %02d:%02d:%02d", t.hour, t.minute, t.second);
	if (t.microsecond)
		used += snprintf(out + used, sizeof out - (size_t) used, ".%06d", t.microsecond);
	if (t.has_zone)
		snprintf(out + used, sizeof out - (size_t) used, "%+d", t.offset_seconds);
	return out;
}

static void
test_birthdays(void)
{
	static const char *const cases[][2] = {
		{"1990-05-01", "1990-05-01"}, {"1990/5/1", "1990-05-01"}, {"1990.5.1", "1990-05-01"},
		{"1990 5 1", "1990-05-01"}, {"19900501", "1990-05-01"}, {"1990年5月1日", "1990-05-01"},
		{"１９９０－０５－０１", "1990-05-01"}, {"１９９０年５月１日", "1990-05-01"},
		{"一九九〇年五月一日", "1990-05-01"}, {"一九九零年十二月二十五日", "1990-12-25"},
		{"一九九〇年十月三十日", "1990-10-30"}, {"1990年5月1号", "1990-05-01"},
		{"1990-05-01 00:00:00", "1990-05-01"}, {"1990-05-01T00:00:00Z", "1990-05-01"},
		{"1990-05-01 00:00:00.000", "1990-05-01"}, {" 1990-05-01 ", "1990-05-01"},
		{"32994", "1990-05-01"}, {"32994.0", "1990-05-01"}, {"05-01", "0000-05-01"},
		{"5/1", "0000-05-01"}, {"5月1日", "0000-05-01"}, {"0501", "0000-05-01"},
		{"02-29", "0000-02-29"}, {"1 May 1990", "1990-05-01"}, {"01-May-1990", "1990-05-01"},
		{"May 1, 1990", "1990-05-01"}, {"25/12/1990", "1990-12-25"}, {"12/25/1990", "1990-12-25"},
		{"5/5/1990", "1990-05-05"}, {"1/5/1990", "ambiguous"},
		{"农历八月十五", "0000-08-15 lunar"}, {"农历1990年8月15日", "1990-08-15 lunar"},
		{"阴历正月初五", "0000-01-05 lunar"}, {"农历腊月三十", "0000-12-30 lunar"},
		{"1900-01-01", "1900-01-01 missing"}, {"1970-01-01", "1970-01-01 missing"},
		{"2000-01-01", "2000-01-01 missing"}, {"0000-00-00", "0000-00-00 missing"},
		{"9999-12-31", "9999-12-31 missing"}, {"1899-12-30", "1899-12-30 missing"},
		{"00000000", "0000-00-00 missing"}, {"1111-11-11", "1111-11-11 missing"},
		{"2024-02-04", "2024-02-04"}, {"2024-02-05", "range"}, {"1899-05-01", "range"},
		{"1990-02-30", "range"}, {"1990-13-01", "range"}, {"2023-02-29", "range"}, {"02-30", "range"},
		{"1990-00-01", "range"}, {"99999", "range"}, {"19901301", "range"}, {"农历2030年1月1日", "range"},
		{"", "empty"}, {"  ", "empty"}, {"abc", "format"}, {"1990", "range"}, {"1990-05", "format"},
		{"199005", "format"}, {"1990-05-01x", "format"}, {"1990-05-01-02", "format"},
		{"90-05-01", "format"}, {"\xff", "format"}, {"属马", "format"}, {"1990-5-1 上", "format"},
	};
	size_t		i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++)
		is_str(birthday(cases[i][0], CRM_DATE_ORDER_UNKNOWN), cases[i][1], cases[i][0]);
	is_str(birthday("1/5/1990", CRM_DATE_ORDER_DMY), "1990-05-01", "day first when asked");
	is_str(birthday("1/5/1990", CRM_DATE_ORDER_MDY), "1990-01-05", "month first when asked");
	is_str(birthday("25/12/1990", CRM_DATE_ORDER_MDY), "range", "an order asked for is kept");
}

static void
test_timestamps(void)
{
	static const char *const cases[][2] = {
		{"2024-01-31 08:26:01", "2024-01-31 08:26:01"}, {"2024-01-31T08:26", "2024-01-31 08:26:00"},
		{"2024-01-31T08:26:01.5Z", "2024-01-31 08:26:01.500000+0"},
		{"2024-01-31T08:26:01,123456789+08:00", "2024-01-31 08:26:01.123456+28800"},
		{"2024-01-31 08:26:01+0800", "2024-01-31 08:26:01+28800"},
		{"2024-01-31 08:26:01 +8", "2024-01-31 08:26:01+28800"},
		{"2024-01-31 08:26:01-03:30", "2024-01-31 08:26:01-12600"},
		{"2024-01-31 08:26 UTC", "2024-01-31 08:26:00+0"},
		{"2024-01-31 08:26 GMT+8", "2024-01-31 08:26:00+28800"},
		{"2024/1/31 8:26", "2024-01-31 08:26:00"}, {"2024.1.31 8:26:1", "2024-01-31 08:26:01"},
		{"20240131082601", "2024-01-31 08:26:01"}, {"20240131 082601", "2024-01-31 08:26:01"},
		{"202401310826", "2024-01-31 08:26:00"}, {"20240131T082601Z", "2024-01-31 08:26:01+0"},
		{"20240131", "2024-01-31"}, {"2024-01-31", "2024-01-31"},
		{"2024年1月31日8时26分1秒", "2024-01-31 08:26:01"},
		{"2024年1月31日 下午8点26分", "2024-01-31 20:26:00"},
		{"２０２４年１月３１日　上午８：２６", "2024-01-31 08:26:00"},
		{"2024-01-31 12:05 AM", "2024-01-31 00:05:00"}, {"2024-01-31 12:05pm", "2024-01-31 12:05:00"},
		{"2024-01-31 1:05 p", "2024-01-31 13:05:00"}, {"31/1/2024 8:26", "2024-01-31 08:26:00"},
		{"2024-01-31 24:00", "2024-02-01 00:00:00"}, {"2024-12-31 23:59:60", "2025-01-01 00:00:00"},
		{"1706660761", "2024-01-31 00:26:01+0"}, {"1706660761123", "2024-01-31 00:26:01.123000+0"},
		{"44197.5", "2021-01-01 12:00:00"}, {"44197", "2021-01-01"},
		{"44197.3512", "2021-01-01 08:25:43.680000"}, {"1 May 2024 08:26", "2024-05-01 08:26:00"},
		{"12/1/2010 8:26", "ambiguous"}, {"2024-02-30 08:00", "range"}, {"2024-01-31 25:00", "range"},
		{"2024-01-31 08:60", "range"}, {"2024-01-31 24:01", "range"}, {"2024-01-31 13:00 am", "range"},
		{"2024-01-31 08:26+99", "range"}, {"9999-12-31 24:00", "range"}, {"0000-01-01", "format"},
		{"2024-01-31 08:26:01 Asia/Shanghai", "format"}, {"2024-01-31 08", "2024-01-31 08:00:00"},
		{"01-31 08:26", "format"}, {"08:26", "format"}, {"", "empty"}, {"now", "format"},
		{"2024-01-31 08:", "2024-01-31 08:00:00"}, {"170666076", "format"}, {"农历2024年1月1日", "format"},
		{"2024-01-31 08:26:01 x", "format"}, {"\xE5\xB9", "format"},
	};
	size_t		i;
	CrmTimestamp t;
	int32_t		day = 0;

	for (i = 0; i < sizeof cases / sizeof *cases; i++)
		is_str(timestamp(cases[i][0], CRM_DATE_ORDER_UNKNOWN), cases[i][1], cases[i][0]);
	is_str(timestamp("12/1/2010 8:26", CRM_DATE_ORDER_MDY), "2010-12-01 08:26:00", "month first when asked");
	crm_date_parse_timestamp("1970-01-01T08:00:00+08:00", 25, CRM_DATE_ORDER_UNKNOWN, &t);
	ok(crm_date_microseconds(&t) == INT64_C(-946684800000000), "a zone gives a point in time");
	crm_date_parse_timestamp("2000-01-02 00:00:01", 19, CRM_DATE_ORDER_UNKNOWN, &t);
	ok(crm_date_microseconds(&t) == INT64_C(86401000000), "without one it is the clock's face");
	is_int(crm_date_parse_day("2000-01-02 23:59", 16, CRM_DATE_ORDER_UNKNOWN, &day), CRM_DATE_OK, "a day");
	is_int(day, 1, "is counted from 2000-01-01");
}

/* Every day from 1900 to 2100 in every form with a year. */
static void
test_every_form(void)
{
	static const char *const forms[] = {
		"%04d-%02d-%02d", "%d/%d/%d", "%04d%02d%02d", "%d年%d月%d日", "%d.%d.%d", "%04d-%02d-%02dT10:11:12Z"
	};
	int32_t		number;

	for (number = crm_localday_number(1900, 1, 1); number <= crm_localday_number(2100, 12, 31); number++)
	{
		CrmLocalDay local = crm_localday_split(number);
		size_t		f;

		for (f = 0; f < sizeof forms / sizeof *forms; f++)
		{
			char		text[60];
			int32_t		day = 0;

			snprintf(text, sizeof text, forms[f], local.year, local.month, local.day);
			CHECK(crm_date_parse_day(text, strlen(text), CRM_DATE_ORDER_UNKNOWN, &day) == CRM_DATE_OK);
			CHECK(day == number);
		}
	}
	CHECKED("every day of two centuries in every form");
}

int
main(void)
{
	test_birthdays();
	test_timestamps();
	test_every_form();
	return done();
}
