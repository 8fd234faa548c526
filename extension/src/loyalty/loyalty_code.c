/*
 * loyalty_code.c
 *		Codes that people type, and the ids in them.
 *
 * A code leads to its row without an index over codes: it holds customer id and coupon id,
 * and 25 bits of a keyed hash, so that a mistyped or invented code is refused before any row
 * is read (one guess in 33 million passes, and must then name an existing coupon).
 *
 *		customer 1000, coupon 1001  ->  digits to an id 2, "2", "Z8", "Z9", check "5M0QK"
 *									->  2Z8Z-95M0-QK
 *
 * Digits are those of pure/base32; dashes and spaces are for the eye and ignored when read.
 * Called by loyalty_api.c; takes no lock, allocates nothing.
 */
#include "loyalty/loyalty.h"

#include "pure/base32.h"

#define CHECK_DIGITS 5
#define MAX_WIDTH 11			/* 55 bits: ids stay below 2^53 */
#define MAX_DIGITS (1 + 2 * MAX_WIDTH + CHECK_DIGITS)
#define GROUP 4

/* The check of the digits before it. */
static uint32
check_of(const char *digits, int n)
{
	uint8		hash[CRM_HASH_LENGTH];

	crm_core_keys_hash("coupon", digits, n, hash);
	return ((uint32) hash[0] << 17 | (uint32) hash[1] << 9 | (uint32) hash[2] << 1 | hash[3] >> 7);
}

static int
group_digits(const char *digits, int n, char *out)
{
	int			length = 0;

	for (int i = 0; i < n; i++)
	{
		if (i > 0 && i % GROUP == 0)
			out[length++] = '-';
		out[length++] = digits[i];
	}
	return length;
}

/* Digits of what somebody typed, upper case and folded; -1 when it cannot be a code. */
static int
read_digits(const char *typed, int length, char *digits)
{
	int			n = 0;

	for (int i = 0; i < length; i++)
	{
		int			digit;

		if (typed[i] == '-' || typed[i] == ' ')
			continue;
		digit = crm_base32_digit(typed[i]);
		if (digit < 0 || n == MAX_DIGITS)
			return -1;
		crm_base32_number(digit, 1, digits + n++);
	}
	return n;
}

static uint64
read_number(const char *digits, int n)
{
	uint64		number = 0;

	for (int i = 0; i < n; i++)
		number = number << 5 | (uint64) crm_base32_digit(digits[i]);
	return number;
}

/* Writes the code of a coupon, without a terminator; returns its length. */
int
crm_loyalty_encode(CrmCouponIds ids, char *out)
{
	char		digits[MAX_DIGITS];
	int			width = Max(crm_base32_width(ids.customer_id), crm_base32_width(ids.coupon_id));
	int			n = 1 + 2 * width;

	CrmEnsure(ids.customer_id > 0 && ids.coupon_id > 0 && width <= MAX_WIDTH, "ids stay below 2^53");
	crm_base32_number(width, 1, digits);
	crm_base32_number(ids.customer_id, width, digits + 1);
	crm_base32_number(ids.coupon_id, width, digits + 1 + width);
	crm_base32_number(check_of(digits, n), CHECK_DIGITS, digits + n);
	return group_digits(digits, n + CHECK_DIGITS, out);
}

/* The ids of a code; false when it is none of ours. */
bool
crm_loyalty_decode(const char *typed, int length, CrmCouponIds *ids)
{
	char		digits[MAX_DIGITS];
	int			n = read_digits(typed, length, digits);
	int			width = n > 0 ? crm_base32_digit(digits[0]) : 0;

	if (width < 1 || width > MAX_WIDTH || n != 1 + 2 * width + CHECK_DIGITS)
		return false;
	if (read_number(digits + n - CHECK_DIGITS, CHECK_DIGITS) != check_of(digits, n - CHECK_DIGITS))
		return false;
	ids->customer_id = (int64) read_number(digits + 1, width);
	ids->coupon_id = (int64) read_number(digits + 1 + width, width);
	return true;
}
