/*
 * decimal.c - exact decimal numbers: text to scaled 64-bit integers and back.
 *
 * Called by intake for prices, quantities and amounts, and by purchase for minor units.
 * The text is folded to ASCII first, then stripped of signs and currency, then read digit
 * by digit into 128 bits, so that the only overflow to watch is that of the answer.
 */
#include <string.h>

#include "pure/decimal.h"
#include "pure/utf8.h"

#define MAX_TEXT 64				/* longer text is no amount */
#define MAX_DIGITS 36			/* significant digits that 128 bits hold with room to scale */
#define MAX_EXPONENT 40

__extension__ typedef __int128 Wide;

/* The number being read: text between at and end is what is left of it. */
typedef struct Reader
{
	const char *at;
	const char *end;
	bool		is_negative;
} Reader;

/* ---------------------------------------------------------------- folding and signs */

static int
fold_text(const char *text, size_t length, char folded[MAX_TEXT])
{
	size_t		at = 0;
	int			count = 0;
	uint32_t	code_point;

	while (at < length)
	{
		int			used = crm_utf8_decode(text + at, length - at, &code_point);

		if (used < 0)
			return -1;
		at += (size_t) used;
		code_point = crm_utf8_fold_case(crm_utf8_fold_width(code_point));
		if (code_point == 0xA5 || code_point == 0xFFE5)
			code_point = '$';	/* yen and yuan sign: any currency sign will do here */
		if (code_point == 0x20AC || code_point == 0xA3 || code_point == 0xFFE1)
			code_point = '$';
		if (code_point == 0x5143 || code_point == 0x5706 || code_point == 0x5713)
			code_point = 'y';	/* 元 圆 圓 stand behind the amount */
		if (code_point == 0)
			continue;
		if (code_point >= 0x80 || count == MAX_TEXT)
			return -1;
		folded[count++] = (char) code_point;
	}
	return count;
}

static void
trim(Reader *reader)
{
	while (reader->at < reader->end && *reader->at == ' ')
		reader->at++;
	while (reader->at < reader->end && reader->end[-1] == ' ')
		reader->end--;
}

static bool
take_front(Reader *reader, const char *word)
{
	size_t		length = strlen(word);

	if ((size_t) (reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
		return false;
	reader->at += length;
	trim(reader);
	return true;
}

static bool
take_back(Reader *reader, const char *word)
{
	size_t		length = strlen(word);

	if ((size_t) (reader->end - reader->at) < length ||
		memcmp(reader->end - length, word, length) != 0)
		return false;
	reader->end -= length;
	trim(reader);
	return true;
}

static bool
take_sign(Reader *reader)
{
	if (take_front(reader, "-"))
		reader->is_negative = !reader->is_negative;
	else if (!take_front(reader, "+"))
		return false;
	return true;
}

static bool
take_currency(Reader *reader)
{
	static const char *const front[] = {
		"rmb", "cny", "hk$", "us$", "nt$", "usd", "hkd", "eur", "gbp", "jpy", "$"
	};
	static const char *const back[] = {"rmb", "cny", "usd", "hkd", "eur", "gbp", "jpy", "y"};
	size_t		i;

	for (i = 0; i < sizeof front / sizeof *front; i++)
		if (take_front(reader, front[i]))
			return true;
	for (i = 0; i < sizeof back / sizeof *back; i++)
		if (take_back(reader, back[i]))
			return true;
	return false;
}

/* Takes brackets, one sign and one currency, in either order: (¥5) -¥5 ¥-5 5元. */
static void
take_dress(Reader *reader)
{
	bool		has_sign;

	trim(reader);
	if (reader->end - reader->at > 2 && *reader->at == '(' && reader->end[-1] == ')')
	{
		reader->at++;
		reader->end--;
		reader->is_negative = true;
		trim(reader);
		take_currency(reader);
		return;
	}
	has_sign = take_sign(reader);
	if (take_currency(reader) && !has_sign)
		take_sign(reader);
}

/* ---------------------------------------------------------------- digits */

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* Thousands separators stand before groups of three, behind one to three digits. */
static bool
has_good_groups(const char *at, const char *end)
{
	const char *comma = memchr(at, ',', (size_t) (end - at));
	size_t		digits = 0;

	if (comma == NULL)
		return true;
	if (comma == at || comma - at > 3)
		return false;
	for (at = comma + 1; at < end; at++)
	{
		if (*at != ',')
			digits++;
		else if (digits != 3)
			return false;
		else
			digits = 0;
	}
	return digits == 3;
}

/* Reads an exponent ("e-5") to the end; false when it is none. */
static bool
read_exponent(const char *at, const char *end, int *exponent)
{
	bool		is_negative = false;

	if (at < end && (*at == '-' || *at == '+'))
		is_negative = *at++ == '-';
	if (at == end)
		return false;
	for (*exponent = 0; at < end; at++)
	{
		if (!is_digit(*at))
			return false;
		*exponent = *exponent * 10 + (*at - '0');
		if (*exponent > 2 * MAX_EXPONENT)
			return false;
	}
	if (is_negative)
		*exponent = -*exponent;
	return true;
}

/* Digits of the whole and broken part into one integer; *scale counts those behind the point. */
static CrmDecimalCode
read_digits(const char *at, const char *end, Wide *value, int *scale)
{
	const char *point = memchr(at, '.', (size_t) (end - at));
	const char *whole_end = point ? point : end;
	int			digits = 0;
	int			significant = 0;

	if (!has_good_groups(at, whole_end))
		return CRM_DECIMAL_FORMAT;
	*value = 0;
	*scale = 0;
	for (; at < end; at++)
	{
		if (at == point || (*at == ',' && at < whole_end))
			continue;
		if (!is_digit(*at))
			return CRM_DECIMAL_FORMAT;
		digits++;
		if (significant > 0 || *at != '0')
			significant++;
		if (significant > MAX_DIGITS)
			return CRM_DECIMAL_OVERFLOW;
		*value = *value * 10 + (*at - '0');
		if (point && at > point)
			(*scale)++;
	}
	return digits > 0 ? CRM_DECIMAL_OK : CRM_DECIMAL_FORMAT;
}

/* Drops zeros behind the point, applies the exponent, and checks that 64 bits hold the rest. */
static CrmDecimalCode
settle(Wide value, int scale, bool is_negative, CrmDecimal *number)
{
	while (scale > 0 && value % 10 == 0)
	{
		value /= 10;
		scale--;
	}
	for (; scale < 0 && value != 0; scale++)
	{
		value *= 10;
		if (value > INT64_MAX)
			return CRM_DECIMAL_OVERFLOW;
	}
	if (scale < 0)
		scale = 0;
	if (scale > CRM_DECIMAL_MAX_SCALE)
		return CRM_DECIMAL_PRECISION;
	if (is_negative)
		value = -value;
	if (value > INT64_MAX || value < INT64_MIN)
		return CRM_DECIMAL_OVERFLOW;
	number->value = (int64_t) value;
	number->scale = scale;
	return CRM_DECIMAL_OK;
}

CrmDecimalCode
crm_decimal_parse(const char *text, size_t length, CrmDecimal *number)
{
	char		folded[MAX_TEXT];
	int			count = fold_text(text, length, folded);
	Reader		reader = {folded, folded + (count > 0 ? count : 0), false};
	const char *exponent_mark;
	int			exponent = 0;
	int			scale;
	Wide		value;
	CrmDecimalCode code;

	number->value = 0;
	number->scale = 0;
	if (count < 0)
		return CRM_DECIMAL_FORMAT;
	trim(&reader);
	if (reader.at == reader.end)
		return CRM_DECIMAL_EMPTY;
	take_dress(&reader);
	exponent_mark = memchr(reader.at, 'e', (size_t) (reader.end - reader.at));
	if (exponent_mark)
	{
		if (!read_exponent(exponent_mark + 1, reader.end, &exponent) ||
			memchr(reader.at, ',', (size_t) (exponent_mark - reader.at)))
			return CRM_DECIMAL_FORMAT;
		reader.end = exponent_mark;
	}
	code = read_digits(reader.at, reader.end, &value, &scale);
	if (code != CRM_DECIMAL_OK)
		return code;
	return settle(value, scale - exponent, reader.is_negative, number);
}

/* ---------------------------------------------------------------- rounding */

static Wide
power_of_ten(int exponent)
{
	Wide		power = 1;

	while (exponent-- > 0)
		power *= 10;
	return power;
}

/* Wide value at one scale to 64 bits at another, half away from zero. */
static CrmDecimalCode
rescale(Wide value, int from, int to, int64_t *out)
{
	if (from > to)
	{
		Wide		unit = power_of_ten(from - to);
		Wide		rest = value % unit;

		value /= unit;
		if (rest >= unit - rest)
			value++;
		else if (-rest >= unit + rest)
			value--;
	}
	for (; from < to; from++)
	{
		/* before, not after: a product may fill 128 bits */
		if (value > INT64_MAX || value < INT64_MIN)
			return CRM_DECIMAL_OVERFLOW;
		value *= 10;
	}
	if (value > INT64_MAX || value < INT64_MIN)
		return CRM_DECIMAL_OVERFLOW;
	*out = (int64_t) value;
	return CRM_DECIMAL_OK;
}

CrmDecimalCode
crm_decimal_round(CrmDecimal number, int scale, int64_t *value)
{
	return rescale(number.value, number.scale, scale, value);
}

CrmDecimalCode
crm_decimal_multiply(CrmDecimal a, CrmDecimal b, int scale, int64_t *value)
{
	return rescale((Wide) a.value * b.value, a.scale + b.scale, scale, value);
}
