/*
 * utf8.c - code points in byte strings: decode, encode, check, fold.
 *
 * Called by every normaliser and by the JSON scanner.  No state, no memory of its own.
 */
#include "pure/utf8.h"

static bool
is_continuation(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/*
 * The second byte carries the checks that the first cannot: E0 and F0 would be overlong,
 * ED would be a surrogate, F4 would pass U+10FFFF.
 */
static bool
is_second_byte(unsigned char lead, unsigned char byte)
{
	switch (lead)
	{
		case 0xE0:
			return byte >= 0xA0 && byte <= 0xBF;
		case 0xED:
			return byte >= 0x80 && byte <= 0x9F;
		case 0xF0:
			return byte >= 0x90 && byte <= 0xBF;
		case 0xF4:
			return byte >= 0x80 && byte <= 0x8F;
		default:
			return is_continuation(byte);
	}
}

static int
sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xC2 && lead <= 0xDF)
		return 2;
	if (lead >= 0xE0 && lead <= 0xEF)
		return 3;
	if (lead >= 0xF0 && lead <= 0xF4)
		return 4;
	return -1;
}

int
crm_utf8_decode(const char *text, size_t length, uint32_t *code_point)
{
	const unsigned char *bytes = (const unsigned char *) text;
	uint32_t	value;
	int			count;
	int			i;

	*code_point = 0;
	if (length == 0)
		return 0;
	count = sequence_length(bytes[0]);
	if (count < 0 || (size_t) count > length)
		return -1;
	if (count == 1)
	{
		*code_point = bytes[0];
		return 1;
	}
	if (!is_second_byte(bytes[0], bytes[1]))
		return -1;
	value = bytes[0] & (0x7F >> count);
	for (i = 1; i < count; i++)
	{
		if (!is_continuation(bytes[i]))
			return -1;
		value = (value << 6) | (bytes[i] & 0x3F);
	}
	*code_point = value;
	return count;
}

int
crm_utf8_encode(uint32_t code_point, char out[CRM_UTF8_MAX_BYTES])
{
	if (code_point < 0x80)
	{
		out[0] = (char) code_point;
		return 1;
	}
	if (code_point < 0x800)
	{
		out[0] = (char) (0xC0 | (code_point >> 6));
		out[1] = (char) (0x80 | (code_point & 0x3F));
		return 2;
	}
	if (code_point < 0x10000)
	{
		out[0] = (char) (0xE0 | (code_point >> 12));
		out[1] = (char) (0x80 | ((code_point >> 6) & 0x3F));
		out[2] = (char) (0x80 | (code_point & 0x3F));
		return 3;
	}
	out[0] = (char) (0xF0 | (code_point >> 18));
	out[1] = (char) (0x80 | ((code_point >> 12) & 0x3F));
	out[2] = (char) (0x80 | ((code_point >> 6) & 0x3F));
	out[3] = (char) (0x80 | (code_point & 0x3F));
	return 4;
}

bool
crm_utf8_valid(const char *text, size_t length, size_t *error_offset)
{
	size_t		at = 0;
	uint32_t	code_point;

	while (at < length)
	{
		int			used = crm_utf8_decode(text + at, length - at, &code_point);

		if (used < 0)
		{
			if (error_offset)
				*error_offset = at;
			return false;
		}
		at += (size_t) used;
	}
	return true;
}

static bool
is_space(uint32_t code_point)
{
	return (code_point >= 0x09 && code_point <= 0x0D) || code_point == 0x20 ||
		code_point == 0xA0 || code_point == 0x1680 ||
		(code_point >= 0x2000 && code_point <= 0x200A) || code_point == 0x2028 ||
		code_point == 0x2029 || code_point == 0x202F || code_point == 0x205F ||
		code_point == 0x3000;
}

static bool
is_dash(uint32_t code_point)
{
	return code_point == '-' || (code_point >= 0x2010 && code_point <= 0x2015) ||
		code_point == 0x2212 || code_point == 0xFE58 || code_point == 0xFE63;
}

static bool
is_invisible(uint32_t code_point)
{
	return code_point == 0xAD || (code_point >= 0x200B && code_point <= 0x200F) ||
		(code_point >= 0x202A && code_point <= 0x202E) ||
		(code_point >= 0x2060 && code_point <= 0x2064) || code_point == 0xFEFF;
}

uint32_t
crm_utf8_fold_width(uint32_t code_point)
{
	if (code_point > 0x20 && code_point < 0x7F)
		return code_point;
	if (code_point >= 0xFF01 && code_point <= 0xFF5E)
		return code_point - 0xFF01 + 0x21;
	if (is_space(code_point))
		return ' ';
	if (is_dash(code_point))
		return '-';
	if (is_invisible(code_point))
		return 0;
	if (code_point == 0)
		return 0xFFFD;
	return code_point;
}

uint32_t
crm_utf8_fold_case(uint32_t code_point)
{
	if (code_point < 0x80)
		return code_point >= 'A' && code_point <= 'Z' ? code_point + 32 : code_point;
	if (code_point >= 0xC0 && code_point <= 0xDE && code_point != 0xD7)
		return code_point + 32;
	/* Latin Extended-A goes in pairs, even then odd, save U+0139-0148 and U+0179-017E */
	if ((code_point >= 0x100 && code_point <= 0x12F) ||
		(code_point >= 0x132 && code_point <= 0x137) ||
		(code_point >= 0x14A && code_point <= 0x177))
		return code_point | 1;
	if ((code_point >= 0x139 && code_point <= 0x148) ||
		(code_point >= 0x179 && code_point <= 0x17E))
		return code_point + (code_point & 1);
	if (code_point == 0x178)
		return 0xFF;
	if (code_point >= 0x391 && code_point <= 0x3A9 && code_point != 0x3A2)
		return code_point + 32;
	if (code_point >= 0x410 && code_point <= 0x42F)
		return code_point + 32;
	if (code_point >= 0x400 && code_point <= 0x40F)
		return code_point + 80;
	return code_point;
}

bool
crm_utf8_is_han(uint32_t code_point)
{
	return (code_point >= 0x4E00 && code_point <= 0x9FFF) ||
		(code_point >= 0x3400 && code_point <= 0x4DBF) ||
		(code_point >= 0x20000 && code_point <= 0x323AF) ||
		(code_point >= 0xF900 && code_point <= 0xFAFF) ||
		code_point == 0x3005 || code_point == 0x3007;
}
