/*
 * base64url.c
 *		Strict, unpadded base64url.  Pure: no allocation, no state.
 *
 * Strict means: only the 64 letters, no padding, no white space, no length of
 * 4n+1, and the unused bits of the last letter are zero.  So every byte string
 * has exactly one spelling, and a token cannot be varied without breaking its
 * signature.
 */
#include "base64url.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int
letter_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

/* `out` holds CRM_BASE64URL_DECODED_MAX(length) bytes. */
bool
crm_base64url_decode(const char *text, size_t length,
					 unsigned char *out, size_t *out_length)
{
	unsigned int bits = 0;
	int			count = 0;
	size_t		written = 0;

	if (length % 4 == 1)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		int			value = letter_value(text[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (unsigned int) value) & 0xffffff;
		count += 6;
		if (count >= 8)
		{
			count -= 8;
			out[written++] = (unsigned char) (bits >> count & 0xff);
		}
	}
	if ((bits & ((1u << count) - 1)) != 0)
		return false;
	*out_length = written;
	return true;
}

/* `out` holds CRM_BASE64URL_ENCODED_MAX(length) bytes; the NUL is written. */
size_t
crm_base64url_encode(const unsigned char *bytes, size_t length, char *out)
{
	unsigned int bits = 0;
	int			count = 0;
	size_t		written = 0;

	for (size_t i = 0; i < length; i++)
	{
		bits = (bits << 8 | bytes[i]) & 0xffff;
		for (count += 8; count >= 6; count -= 6)
			out[written++] = alphabet[bits >> (count - 6) & 63];
	}
	if (count > 0)
		out[written++] = alphabet[bits << (6 - count) & 63];
	out[written] = '\0';
	return written;
}
