/*
 * national_id.c - citizen identity numbers of GB 11643.
 *
 * Layout: six digits of the district, eight of the birth date, three of a sequence whose last
 * digit is odd for men, and a check digit modulo 11, X standing for ten.  Worked example:
 * 11010519491231002X: born 1949-12-31 in Beijing Chaoyang, a woman.
 *
 * Called by identity and ingest.
 */
#include "pure/national_id.h"

#include <string.h>

#include "pure/localday.h"
#include "pure/utf8.h"

#define DIGITS 18
#define OLD_DIGITS 15
#define MAX_TEXT 100			/* bytes that are looked at: longer texts are no number */

static const int weights[DIGITS - 1] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
static const char check_digits[] = "10X98765432";

/* Digits and a final X of the text; -1 when there is anything else. */
static int
collect(const char *text, size_t length, char *digits)
{
	int			count = 0;

	while (length > 0)
	{
		uint32_t	point;
		int			used = crm_utf8_decode(text, length, &point);

		if (used <= 0)
			return -1;
		text += used;
		length -= used;
		point = crm_utf8_fold_width(point);
		if (point == 0 || point == ' ' || point == '-')
			continue;
		if (point == 'x')
			point = 'X';
		if (count == DIGITS || !((point >= '0' && point <= '9') ||
								 (point == 'X' && count == DIGITS - 1)))
			return -1;
		digits[count++] = (char) point;
	}
	return count;
}

static char
check_digit(const char *digits)
{
	int			sum = 0;

	for (int i = 0; i < DIGITS - 1; i++)
		sum += (digits[i] - '0') * weights[i];
	return check_digits[sum % 11];
}

static int
number_of(const char *digits, int count)
{
	int			number = 0;

	for (int i = 0; i < count; i++)
		number = number * 10 + digits[i] - '0';
	return number;
}

bool
crm_national_id_normalize(const char *text, size_t length, CrmNationalId *id)
{
	char		digits[DIGITS];
	int			count;
	int			year;
	int			month;
	int			day;

	memset(id, 0, sizeof(*id));
	if (length > MAX_TEXT)
		return false;
	count = collect(text, length, digits);
	if (count == OLD_DIGITS)
	{
		memmove(digits + 8, digits + 6, OLD_DIGITS - 6);
		memcpy(digits + 6, "19", 2);
		digits[DIGITS - 1] = check_digit(digits);
	}
	else if (count != DIGITS || digits[DIGITS - 1] != check_digit(digits))
		return false;
	year = number_of(digits + 6, 4);
	month = number_of(digits + 10, 2);
	day = number_of(digits + 12, 2);
	if (digits[0] == '0' || year < 1900 || !crm_localday_is_valid(year, month, day))
		return false;
	memcpy(id->number, digits, DIGITS);
	memset(id->masked, '*', DIGITS);
	memcpy(id->masked, digits, 3);
	memcpy(id->masked + DIGITS - 4, digits + DIGITS - 4, 4);
	id->sex = (digits[DIGITS - 2] - '0') % 2 == 1 ? 'M' : 'F';
	id->birthday = crm_localday_number(year, month, day);
	return true;
}
