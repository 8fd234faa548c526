/* unit_decimal.c - exact decimals: what is read, what is refused, rounding, products. */
#include "tap.h"
#include "pure/decimal.h"

__extension__ typedef __int128 Wide;

typedef struct Case
{
	const char *text;
	const char *answer;			/* the value with its own scale, or the code */
} Case;

#define TEXT_BYTES 24			/* any value with its sign, its point and a NUL */

static const char *const code_names[] = {"ok", "empty", "format", "overflow", "precision"};

static const Case cases[] = {
	{"0", "0"}, {"12", "12"}, {"12.5", "12.5"}, {"12.50", "12.5"}, {"-12.05", "-12.05"},
	{"+3", "3"}, {".5", "0.5"}, {"5.", "5"}, {"0.000001", "0.000001"}, {" 7 ", "7"},
	{"1,234.50", "1234.5"}, {"1,234,567", "1234567"}, {"-1,234", "-1234"},
	{"￥1,234.50", "1234.5"}, {"¥-5", "-5"}, {"-¥5", "-5"}, {"(12.50)", "-12.5"}, {"(¥3)", "-3"},
	{"12.5元", "12.5"}, {"RMB 5", "5"}, {"5 CNY", "5"}, {"HK$8.8", "8.8"}, {"US$9", "9"},
	{"１２３４．５", "1234.5"}, {"－１", "-1"}, {"−1", "-1"}, {"１，２３４", "1234"},
	{"1e3", "1000"}, {"1.5E2", "150"}, {"1e-5", "0.00001"}, {"-2.5e+1", "-25"}, {"0e30", "0"},
	{"9223372036854775807", "9223372036854775807"},
	{"-9223372036854775808", "-9223372036854775808"},
	{"9223372036854775808", "overflow"}, {"1e19", "overflow"}, {"1e80", "overflow"},
	{"99999999999999999999999999999999999999999", "overflow"},
	{"0.0000000000000000001", "precision"}, {"1e-19", "precision"},
	{"", "empty"}, {"   ", "empty"}, {"\xEF\xBB\xBF", "empty"},
	{"1.234,56", "format"}, {"1 234", "format"}, {"12,5", "format"}, {"1,2345", "format"},
	{",123", "format"}, {"1234,567", "format"}, {"1,23,456", "format"}, {"1.2.3", "format"},
	{"--1", "format"}, {"-", "format"}, {".", "format"}, {"¥", "format"}, {"abc", "format"},
	{"0x10", "format"}, {"NaN", "format"}, {"1e", "format"}, {"1e1.5", "format"}, {"e5", "format"},
	{"1,000e3", "format"}, {"12-", "format"}, {"()", "format"}, {"1.5%", "format"}, {"\xff", "format"},
	{"¥¥5", "format"}, {"-(5)", "format"}, {"1e999999999999", "format"}, {"三", "format"},
};

/* value / 10^scale with exactly scale digits behind the point; text has room for TEXT_BYTES. */
static size_t
format(int64_t value, int scale, char *text)
{
	uint64_t	rest = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;
	char		digits[TEXT_BYTES];
	int			length = snprintf(digits, sizeof digits, "%0*llu", scale + 1, (unsigned long long) rest);

	return (size_t) snprintf(text, TEXT_BYTES, "%s%.*s%s%s", value < 0 ? "-" : "", length - scale, digits,
							 scale > 0 ? "." : "", digits + length - scale);
}

static void
test_cases(void)
{
	size_t		i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++)
	{
		CrmDecimal	number;
		CrmDecimalCode code = crm_decimal_parse(cases[i].text, strlen(cases[i].text), &number);
		char		text[TEXT_BYTES];

		if (code == CRM_DECIMAL_OK)
			format(number.value, number.scale, text);
		else
			strcpy(text, code_names[-code]);
		is_str(text, cases[i].answer, cases[i].text);
	}
}

static int64_t
rounded(const char *text, int scale)
{
	CrmDecimal	number;
	int64_t		value = -1;

	crm_decimal_parse(text, strlen(text), &number);
	crm_decimal_round(number, scale, &value);
	return value;
}

static void
test_scales(void)
{
	int64_t		value;
	CrmDecimal	quantity;
	CrmDecimal	price;

	is_int(rounded("0.005", 2), 1, "half a cent goes up");
	is_int(rounded("-0.005", 2), -1, "and down below zero");
	is_int(rounded("0.0049", 2), 0, "less does not");
	is_int(rounded("2.5", 0), 3, "half away from zero, not to even");
	is_int(rounded("3", 6), 3000000, "more scale adds zeros");
	crm_decimal_parse("92233720368547758.07", 20, &price);
	is_int(crm_decimal_round(price, 2, &value), CRM_DECIMAL_OK, "the largest amount in cents");
	is_int(crm_decimal_round(price, 3, &value), CRM_DECIMAL_OVERFLOW, "has no room for another digit");
	crm_decimal_parse("12", 2, &quantity);
	crm_decimal_parse("0.125", 5, &price);
	is_int(crm_decimal_multiply(quantity, price, 2, &value), CRM_DECIMAL_OK, "12 x 0.125");
	is_int(value, 150, "is 1.50");
	crm_decimal_parse("-3", 2, &quantity);
	crm_decimal_parse("0.435", 5, &price);
	crm_decimal_multiply(quantity, price, 2, &value);
	is_int(value, -131, "-3 x 0.435 = -1.305 is rounded once, away from zero");
	quantity.value = price.value = INT64_MIN;
	quantity.scale = price.scale = 18;
	is_int(crm_decimal_multiply(quantity, price, 6, &value), CRM_DECIMAL_OK, "the largest product");
	is_int(value, 85070592, "is exact before it is rounded");
	quantity.scale = 0;
	is_int(crm_decimal_multiply(quantity, price, 6, &value), CRM_DECIMAL_OVERFLOW, "or refused");
}

/* What is written is read back, at every scale; rounding is compared with whole arithmetic. */
static void
test_random(void)
{
	int			i;

	for (i = 0; i < 200000; i++)
	{
		int64_t		value = (int64_t) random_u64() >> (random_u64() % 64);
		int64_t		again;
		int			scale = (int) random_between(0, 6);
		int			to = (int) random_between(0, scale);
		int64_t		unit = 1;
		char		text[TEXT_BYTES];
		size_t		length = format(value, scale, text);
		CrmDecimal	number;
		Wide		twice = (Wide) value * 2;
		int			s;

		CHECK(length < TEXT_BYTES);
		CHECK(crm_decimal_parse(text, length, &number) == CRM_DECIMAL_OK && number.scale <= scale);
		CHECK(crm_decimal_round(number, scale, &again) == CRM_DECIMAL_OK && again == value);
		for (s = to; s < scale; s++)
			unit *= 10;
		CHECK(crm_decimal_round(number, to, &again) == CRM_DECIMAL_OK);
		CHECK(again == (int64_t) ((value < 0 ? twice - unit : twice + unit) / (2 * unit)));
	}
	CHECKED("writing, reading and rounding agree with integers");
}

int
main(void)
{
	test_cases();
	test_scales();
	test_random();
	return done();
}
