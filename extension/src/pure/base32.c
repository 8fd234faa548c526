/*
 * base32.c - numbers and bytes as text that people type: Crockford's base 32.
 *
 * Called for coupon codes and message ids.  25 in hexadecimal is "11", here "15": five bits a
 * digit, the most significant first.
 */
#include "pure/base32.h"

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

int
crm_base32_digit(char character)
{
	char		upper = character >= 'a' && character <= 'z' ? (char) (character - 'a' + 'A') : character;

	if (upper == 'O')
		return 0;
	if (upper == 'I' || upper == 'L')
		return 1;
	for (int i = 0; i < 32; i++)
		if (digits[i] == upper)
			return i;
	return -1;
}

int
crm_base32_width(uint64_t number)
{
	int			width = 1;

	while (number >>= 5)
		width++;
	return width;
}

void
crm_base32_number(uint64_t number, int width, char *out)
{
	for (int i = width - 1; i >= 0; i--)
	{
		out[i] = digits[number & 31];
		number >>= 5;
	}
}
