/* fuzz_decimal.c - decimal numbers: read, written plainly and read again, rounded and multiplied as in 128 bits. */
#include "fuzz.h"
#include "pure/decimal.h"

SEEDS(SEED("1234.5"), SEED("-1,234.50"), SEED("￥1,234.50"), SEED("１２３４．５"), SEED("12.5元"), SEED("(12.50)"), SEED("+3"),
	  SEED(".5"), SEED("1e3"), SEED("RMB 5"), SEED("9223372036854775807"), SEED("-9223372036854775808"), SEED("0.000000000000000001"),
	  SEED("922337203685477580.75"), SEED("1.005"), SEED("12.3e-4"));

static __int128
power_of_ten(int exponent)
{
	__int128	power = 1;

	while (exponent-- > 0)
		power *= 10;
	return power;
}

/* value / 10^scale brought to another scale, half away from zero; false when 64 bits do not hold it. */
static bool
rounded(__int128 value, int from, int to, int64_t *out)
{
	__int128	unit = power_of_ten(from > to ? from - to : 0);
	__int128	half = unit / 2;

	if (from < to && (value > INT64_MAX || value < INT64_MIN))
		return value == 0;
	value *= power_of_ten(to > from ? to - from : 0);
	if (unit > 1)
		value = (value < 0 ? value - half : value + half) / unit;
	*out = (int64_t) value;
	return value <= INT64_MAX && value >= INT64_MIN;
}

static void
check_scales(CrmDecimal number)
{
	for (int scale = 0; scale <= 6; scale++)
	{
		int64_t		near = 0,
					want = 0;
		CrmDecimalCode code = crm_decimal_round(number, scale, &near);

		HOLDS((code == CRM_DECIMAL_OK) == rounded(number.value, number.scale, scale, &want));
		HOLDS(code != CRM_DECIMAL_OK || near == want);
		code = crm_decimal_multiply(number, number, scale, &near);
		HOLDS((code == CRM_DECIMAL_OK) == rounded((__int128) number.value * number.value, 2 * number.scale, scale, &want));
		HOLDS(code != CRM_DECIMAL_OK || near == want);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CrmDecimal	number = {0, 0},
				again = {0, 0};
	char		text[32];
	int			length;
	CrmDecimalCode code = crm_decimal_parse((const char *) data, size, &number);

	HOLDS(code <= CRM_DECIMAL_OK && code >= CRM_DECIMAL_PRECISION);
	if (code != CRM_DECIMAL_OK)
		return 0;
	HOLDS(number.scale >= 0 && number.scale <= CRM_DECIMAL_MAX_SCALE);
	length = snprintf(text, sizeof text, "%llde-%d", (long long) number.value, number.scale);
	HOLDS(crm_decimal_parse(text, (size_t) length, &again) == CRM_DECIMAL_OK);
	HOLDS(rounded(again.value, again.scale, number.scale, &again.value) && again.value == number.value);
	check_scales(number);
	return 0;
}
