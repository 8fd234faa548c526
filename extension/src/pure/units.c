/*
 * units.c - texts as rows of 16-bit units.
 *
 * Called when a record is prepared for comparing, once a value; the comparing itself sees
 * units alone.
 */
#include <stdbool.h>

#include "pure/normalize_name.h"
#include "pure/units.h"
#include "pure/utf8.h"

#define SURROGATES 0xD800

/* Base letters of U+00C0 to U+017F after case folding; '.' where there is none. */
static const char latin_base[] =
"aaaaaaaceeeeiiiidnooooo.ouuuuyts"
"aaaaaaaceeeeiiiidnooooo.ouuuuyty"
"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllllll"
"lnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

uint16_t
crm_unit_of(uint32_t code_point)
{
	if (code_point < 0x10000)
		return (uint16_t) code_point;
	return (uint16_t) (SURROGATES + (code_point * UINT32_C(2654435761) >> 21));
}

int
crm_units_read(const char *bytes, size_t length, uint16_t *units, int room)
{
	size_t		at = 0;
	int			count = 0;

	while (at < length)
	{
		uint32_t	code_point = (unsigned char) bytes[at];
		int			used = code_point > 0 && code_point < 0x80 ? 1 : crm_utf8_decode(bytes + at, length - at, &code_point);

		if (used < 0)
			return -1;
		at += (size_t) used;
		if (count < room)
			units[count++] = crm_unit_of(code_point);
	}
	return count;
}

static uint32_t
drop_accent(uint32_t code_point)
{
	if (code_point >= 0xC0 && code_point - 0xC0 < sizeof latin_base - 1 &&
		latin_base[code_point - 0xC0] != '.')
		return (unsigned char) latin_base[code_point - 0xC0];
	return code_point;
}

/* What a letter or digit of ASCII is folded to; 0 for all else. */
static uint16_t
plain_unit(unsigned char byte)
{
	if ((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z'))
		return byte;
	return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : 0;
}

static bool
is_sign(uint32_t code_point)
{
	return code_point == ' ' || (code_point > ' ' && code_point < '0') ||
		(code_point > '9' && code_point < 'a') || (code_point > 'z' && code_point < 0xC0) ||
		(code_point >= 0x3001 && code_point <= 0x3020 && code_point != 0x3005 && code_point != 0x3007) ||
		code_point == 0x30FB || (code_point >= 0x2010 && code_point <= 0x206F);
}

int
crm_units_read_folded(const char *bytes, size_t length, uint16_t *units, int room)
{
	size_t		at = 0;
	int			count = 0;
	bool		is_apart = false;

	while (at < length)
	{
		uint32_t	point = plain_unit((unsigned char) bytes[at]);

		if (point != 0)
			at++;
		else
		{
			int			used = crm_utf8_decode(bytes + at, length - at, &point);

			if (used < 0)
				return -1;
			at += (size_t) used;
			point = crm_utf8_fold_width(point);
			if (point == 0 || point == '\'' || point == 0x2019)
				continue;
			point = drop_accent(crm_name_simplify(crm_utf8_fold_case(point)));
			if (is_sign(point))
			{
				is_apart = count > 0;
				continue;
			}
		}
		if (count + is_apart >= room)
			continue;
		if (is_apart)
			units[count++] = ' ';
		is_apart = false;
		units[count++] = crm_unit_of(point);
	}
	return count;
}
