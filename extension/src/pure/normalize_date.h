/*
 * normalize_date.h - birthdays and points in time as people and tills write them.
 *
 * Promises: never reads past the text, never allocates, accepts any bytes; a date that the
 * calendar does not have (30 February) is refused, never moved.
 *
 * Dates: 1990-05-01  1990/5/1  1990.5.1  1990 5 1  19900501  1990年5月1日  一九九〇年五月一日
 *		  1 May 1990  May 1, 1990  32994 (a spreadsheet's day)  05-01  5月1日  0501 (no year)
 *		  5/1/1990 and 1/5/1990 by the order asked for; full-width signs everywhere
 *		  农历八月十五, 阴历1990年8月15日 (lunar: not converted)
 * Times behind a date: [T or space] 8:26  08:26:01  08:26:01.123456  8时26分1秒  上午8:26
 *		  8:26 PM, then Z or +08:00 or +0800 or +8; also 20240131082601,
 *		  20240131 082601, 44197.5 (a spreadsheet's), 1706660761 and
 *		  1706660761123 (seconds and milliseconds since 1970 in UTC)
 */
#ifndef CRM_PURE_NORMALIZE_DATE_H
#define CRM_PURE_NORMALIZE_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pure/localday.h"

typedef enum CrmDateCode
{
	CRM_DATE_OK = 0,
	CRM_DATE_EMPTY = -1,
	CRM_DATE_FORMAT = -2,		/* no form that is known */
	CRM_DATE_RANGE = -3,		/* no such day or time, or not a possible one */
	CRM_DATE_AMBIGUOUS = -4		/* 5/1/1990 and no order asked for */
} CrmDateCode;

/* How to read a date whose year stands last; a year in front is always year, month, day. */
typedef enum CrmDateOrder
{
	CRM_DATE_ORDER_UNKNOWN,		/* only when it can be read one way */
	CRM_DATE_ORDER_DMY,
	CRM_DATE_ORDER_MDY
} CrmDateOrder;

typedef struct CrmBirthday
{
	int			year;			/* 0 when unknown */
	int			month;
	int			day;
	bool		is_lunar;		/* month and day of the Chinese calendar */
	bool		is_missing;		/* a default that stands for "unknown": 1900-01-01 and the like */
	int32_t		day_number;		/* since 2000-01-01; only with a year and not lunar */
} CrmBirthday;

typedef struct CrmTimestamp
{
	int			year;
	int			month;
	int			day;
	int			hour;			/* 0 to 23 */
	int			minute;
	int			second;			/* 0 to 59 */
	int			microsecond;
	bool		has_time;		/* false: the text was a date alone, the time is 00:00 */
	bool		has_zone;		/* false: local time of whoever sent it */
	int			offset_seconds; /* east of UTC; 0 without a zone */
} CrmTimestamp;

/*
 * Reads a birthday; a time behind the date is dropped.  Years before 1900 and days after
 * today (days since 2000-01-01) are CRM_DATE_RANGE, unless they are a known default, which
 * is OK and is_missing.  *birthday is all zero unless OK.
 */
extern CrmDateCode crm_date_parse_birthday(const char *text, size_t length, CrmDateOrder order,
										   int32_t today, CrmBirthday *birthday);

/*
 * Reads a calendar date; a time behind it is dropped.  *day is set only on OK.
 */
extern CrmDateCode crm_date_parse_day(const char *text, size_t length, CrmDateOrder order,
									  int32_t *day);

/*
 * Reads a point in time.  24:00 is the next day's 00:00 and second 60 the next minute.
 * Digits behind the sixth of a fraction are cut off.  *timestamp is all zero unless OK.
 */
extern CrmDateCode crm_date_parse_timestamp(const char *text, size_t length, CrmDateOrder order,
											CrmTimestamp *timestamp);

/*
 * Microseconds since 2000-01-01 00:00 of the timestamp's own clock face, minus its offset
 * when it has a zone: PostgreSQL's Timestamp, and its TimestampTz when has_zone.
 */
extern int64_t crm_date_microseconds(const CrmTimestamp *timestamp);

/* The lower-case word for a code: "ambiguous". */
extern const char *crm_date_code_name(CrmDateCode code);

#endif
