/*
 * date_reader.c - the date at the head of a text: folding and every form of a calendar date.
 *
 * Called by normalize_date.c alone.  The text is folded to ASCII with one sign for each
 * Chinese unit; the date is then read by the first form that fits, and what stands behind
 * it is left in the reader:
 *
 *	 "１９９０年５月１日 上午8时05分"  folds to  "1990-5-1  a8:05"
 *	 "农历八月十五"			folds to  "L8-15"
 */
#include <string.h>

#include "pure/date_reader.h"
#include "pure/utf8.h"

/* ---------------------------------------------------------------- folding */

/* Chinese digits to 0 to 9; -1 for anything else. */
static int
chinese_digit(uint32_t code_point)
{
	static const uint32_t digits[] = {
		0x3007, 0x4E00, 0x4E8C, 0x4E09, 0x56DB, 0x4E94, 0x516D, 0x4E03, 0x516B, 0x4E5D
	};
	int			i;

	for (i = 0; i < 10; i++)
		if (digits[i] == code_point)
			return i;
	return code_point == 0x96F6 ? 0 : -1;	/* 零 */
}

/* 十 between digits: 十 10, 十五 15, 二十 20, 二十五 25, so it is 1, nothing, or 0. */
static size_t
fold_ten(char *signs, size_t count, bool digit_before, bool digit_behind)
{
	if (!digit_before)
		signs[count++] = '1';
	if (!digit_behind)
		signs[count++] = '0';
	return count;
}

/* Units and words of one Chinese character as signs; NULL when it has no meaning here. */
static const char *
fold_word(uint32_t code_point)
{
	switch (code_point)
	{
		case 0x5E74:			/* 年 */
		case 0x6708:			/* 月 */
			return "-";
		case 0x65E5:			/* 日 */
		case 0x53F7:			/* 号 */
			return " ";
		case 0x65F6:			/* 时 */
		case 0x6642:			/* 時 */
		case 0x70B9:			/* 点 */
		case 0x5206:			/* 分 */
			return ":";
		case 0x79D2:			/* 秒 */
		case 0x521D:			/* 初, as in 初五 */
			return "";
		case 0x4E0A:			/* 上, of 上午 */
			return "a";
		case 0x4E0B:			/* 下, of 下午 */
			return "p";
		case 0x5348:			/* 午 */
		case 0x5386:			/* 历, of 农历 */
		case 0x66C6:			/* 曆 */
			return "";
		case 0x519C:			/* 农 */
		case 0x8FB2:			/* 農 */
		case 0x9634:			/* 阴 */
		case 0x9670:			/* 陰 */
			return "L";
		case 0x6B63:			/* 正, first month */
			return "1";
		case 0x51AC:			/* 冬, eleventh */
			return "11";
		case 0x814A:			/* 腊, twelfth */
		case 0x81D8:
			return "12";
		default:
			return NULL;
	}
}

static uint32_t
peek(const char *text, size_t length)
{
	uint32_t	code_point;

	return crm_utf8_decode(text, length, &code_point) > 0 ? code_point : 0;
}

/* Folds the whole text; false when something in it belongs to no date. */
static bool
fold_text(const char *text, size_t length, char signs[CRM_DATE_MAX_SIGNS + 4])
{
	size_t		at = 0;
	size_t		count = 0;
	uint32_t	before = 0;

	while (at < length)
	{
		uint32_t	code_point;
		int			used = crm_utf8_decode(text + at, length - at, &code_point);
		const char *word;

		if (used < 0 || count >= CRM_DATE_MAX_SIGNS)
			return false;
		at += (size_t) used;
		code_point = crm_utf8_fold_case(crm_utf8_fold_width(code_point));
		word = fold_word(code_point);
		if (code_point == 0)
			continue;
		if (chinese_digit(code_point) >= 0)
			signs[count++] = (char) ('0' + chinese_digit(code_point));
		else if (code_point == 0x5341)	/* 十 */
			count = fold_ten(signs, count, chinese_digit(before) >= 0,
							 chinese_digit(peek(text + at, length - at)) >= 0);
		else if (word)
			while (*word)
				signs[count++] = *word++;
		else if (code_point < 0x80)
			signs[count++] = (char) code_point;
		else
			return false;
		before = code_point;
	}
	while (count > 0 && (signs[count - 1] == ' ' || signs[count - 1] == ':'))
		count--;
	signs[count] = '\0';
	return true;
}

/* ---------------------------------------------------------------- reading signs */

static bool
is_digit(char sign)
{
	return sign >= '0' && sign <= '9';
}

void
crm_date_reader_skip_spaces(CrmDateReader *reader)
{
	while (*reader->at == ' ')
		reader->at++;
}

size_t
crm_date_reader_digits(const char *at)
{
	return strspn(at, "0123456789");
}

/* The first count digits as a number. */
int64_t
crm_date_reader_value(const char *at, size_t count)
{
	int64_t		value = 0;

	while (count-- > 0)
		value = value * 10 + (*at++ - '0');
	return value;
}

/* Takes a number of at most max_digits digits; -1 when there is none or it is longer. */
int
crm_date_reader_number(CrmDateReader *reader, size_t max_digits)
{
	size_t		count = crm_date_reader_digits(reader->at);
	int			value;

	if (count == 0 || count > max_digits)
		return -1;
	value = (int) crm_date_reader_value(reader->at, count);
	reader->at += count;
	return value;
}

/* One separator of a date with spaces around it; false when there is none. */
static bool
take_separator(CrmDateReader *reader)
{
	const char *start = reader->at;

	crm_date_reader_skip_spaces(reader);
	if (*reader->at != '\0' && strchr("-/.,", *reader->at))
		reader->at++;
	crm_date_reader_skip_spaces(reader);
	return reader->at > start;
}

/* Takes an English month of three letters or its full name; 0 when there is none. */
static int
take_month_name(CrmDateReader *reader)
{
	static const char *const names[] = {
		"january", "february", "march", "april", "may", "june", "july", "august", "september",
		"october", "november", "december"
	};
	size_t		word = strspn(reader->at, "abcdefghijklmnopqrstuvwxyz");
	int			i;

	for (i = 0; i < 12; i++)
	{
		if (word >= 3 && word <= strlen(names[i]) && (word == 3 || word == strlen(names[i])) &&
			strncmp(reader->at, names[i], word) == 0)
		{
			reader->at += word;
			return i + 1;
		}
	}
	return 0;
}

/* ---------------------------------------------------------------- dates */

static void
parts_from_day(int32_t day_number, CrmDateParts *parts)
{
	CrmLocalDay local = crm_localday_split(day_number);

	parts->year = local.year;
	parts->month = local.month;
	parts->day = local.day;
}

/* 19900501, 0501, or the day number of a spreadsheet (five digits). */
static CrmDateCode
read_compact(CrmDateReader *reader, size_t digits, CrmDateParts *parts)
{
	const char *at = reader->at;

	reader->at += digits;
	switch (digits)
	{
		case 8:
			parts->year = (int) crm_date_reader_value(at, 4);
			at += 4;
			/* FALLTHROUGH */
		case 4:
			parts->month = (int) crm_date_reader_value(at, 2);
			parts->day = (int) crm_date_reader_value(at + 2, 2);
			return CRM_DATE_OK;
		case 5:
			parts_from_day(CRM_DATE_EXCEL_EPOCH + (int32_t) crm_date_reader_value(at, 5), parts);
			return CRM_DATE_OK;
		default:
			return CRM_DATE_FORMAT;
	}
}

/* Three numbers with the year last: by the order asked for, or the only one possible. */
static CrmDateCode
settle_order(int first, int second, int year, CrmDateOrder order, CrmDateParts *parts)
{
	parts->year = year;
	if (order == CRM_DATE_ORDER_UNKNOWN && first != second && first <= 12 && second <= 12)
		return CRM_DATE_AMBIGUOUS;
	if (order == CRM_DATE_ORDER_UNKNOWN)
		order = first > 12 ? CRM_DATE_ORDER_DMY : CRM_DATE_ORDER_MDY;
	parts->month = order == CRM_DATE_ORDER_DMY ? second : first;
	parts->day = order == CRM_DATE_ORDER_DMY ? first : second;
	return CRM_DATE_OK;
}

/* "1 May 1990", from the month: the day has been read. */
static CrmDateCode
read_day_month_name(CrmDateReader *reader, int day, CrmDateParts *parts)
{
	parts->day = day;
	parts->month = take_month_name(reader);
	take_separator(reader);
	if (crm_date_reader_digits(reader->at) != 4)
		return CRM_DATE_FORMAT;
	parts->year = crm_date_reader_number(reader, 4);
	return CRM_DATE_OK;
}

/* "May 1, 1990" */
static CrmDateCode
read_month_name_day(CrmDateReader *reader, CrmDateParts *parts)
{
	parts->month = take_month_name(reader);
	take_separator(reader);
	parts->day = crm_date_reader_number(reader, 2);
	take_separator(reader);
	if (parts->month == 0 || parts->day < 0 || crm_date_reader_digits(reader->at) != 4)
		return CRM_DATE_FORMAT;
	parts->year = crm_date_reader_number(reader, 4);
	return CRM_DATE_OK;
}

/* Numbers with separators: y-m-d, m-d, or a-b-y; the first has been read. */
static CrmDateCode
read_separated(CrmDateReader *reader, int first, bool is_year, CrmDateOrder order,
			   CrmDateParts *parts)
{
	int			second;
	int			third;
	const char *mark;

	if (reader->at[0] >= 'a' && reader->at[0] <= 'z')
		return read_day_month_name(reader, first, parts);
	second = crm_date_reader_number(reader, 2);
	if (second < 0)
		return CRM_DATE_FORMAT;
	mark = reader->at;
	/* behind "05-01 " a time may follow, not a third number of the date */
	if (!take_separator(reader) || !is_digit(*reader->at) ||
		reader->at[crm_date_reader_digits(reader->at)] == ':')
	{
		reader->at = mark;
		if (is_year)
			return CRM_DATE_FORMAT;
		parts->month = first;
		parts->day = second;
		return CRM_DATE_OK;
	}
	if (!is_year && crm_date_reader_digits(reader->at) == 4)
	{
		third = crm_date_reader_number(reader, 4);
		return settle_order(first, second, third, order, parts);
	}
	third = is_year ? crm_date_reader_number(reader, 2) : -1;
	if (third < 0)
		return CRM_DATE_FORMAT;
	parts->year = first;
	parts->month = second;
	parts->day = third;
	return CRM_DATE_OK;
}

CrmDateCode
crm_date_reader_begin(CrmDateReader *reader, const char *text, size_t length)
{
	if (!fold_text(text, length, reader->signs))
		return CRM_DATE_FORMAT;
	reader->at = reader->signs;
	reader->is_lunar = false;
	crm_date_reader_skip_spaces(reader);
	return *reader->at == '\0' ? CRM_DATE_EMPTY : CRM_DATE_OK;
}

/* Reads the date at the head of the signs; what follows it stays in the reader. */
CrmDateCode
crm_date_reader_date(CrmDateReader *reader, CrmDateOrder order, CrmDateParts *parts)
{
	size_t		digits;
	int			first;

	memset(parts, 0, sizeof *parts);
	crm_date_reader_skip_spaces(reader);
	if (*reader->at == 'L')
	{
		reader->is_lunar = true;
		reader->at++;
		crm_date_reader_skip_spaces(reader);
	}
	digits = crm_date_reader_digits(reader->at);
	if (digits == 0)
		return read_month_name_day(reader, parts);
	if (digits > 4 || (digits == 4 && strchr("-/. ", reader->at[4]) == NULL) ||
		(digits == 4 && reader->at[4] == '\0'))
		return read_compact(reader, digits, parts);
	if (digits == 3)
		return CRM_DATE_FORMAT;
	first = crm_date_reader_number(reader, 4);
	if (!take_separator(reader))
		return CRM_DATE_FORMAT;
	return read_separated(reader, first, digits == 4, order, parts);
}
