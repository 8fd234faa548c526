/*
 * address_area.c - finds the areas that an address begins with.
 *
 * At each place the longest name is taken that fits what was read before: 北京市朝阳区 is
 * 110105, 长春朝阳区 220104, and 朝阳区 alone stays a name.  A name without its kind (广州) is taken only
 * where no road begins with it (南京东路).
 */
#include <stdbool.h>
#include <string.h>

#include "pure/address.h"
#include "pure/address_area.h"
#include "pure/hash.h"
#include "pure/tables/areas.h"
#include "pure/utf8.h"

#define COUNT ((int) (sizeof areas / sizeof areas[0]))
#define LONGEST 12				/* characters of a name */

typedef struct Found
{
	int			units;			/* 0: nothing */
	uint32_t	code;			/* 0: several */
	uint32_t	name_hash;
} Found;

/* Municipalities and what is administered from the province have no city of their own. */
static int
depth_of(uint32_t code)
{
	return code % 10000 == 0 ? 1 : code % 100 == 0 ? 2 : 3;
}

static bool
lies_within(uint32_t code, uint32_t outer)
{
	switch (depth_of(outer))
	{
		case 1:
			return code / 10000 == outer / 10000;
		case 2:
			return code / 100 == outer / 100;
		default:
			return code == outer;
	}
}

/* The first row whose name is not before the bytes. */
static int
lower_bound(const char *bytes, size_t length)
{
	int			low = 0;
	int			high = COUNT;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		int			order = strncmp(areas[middle].name, bytes, length);

		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What may not follow a name without its kind: it is a road's or a house's then. */
static bool
is_road_sign(uint16_t unit)
{
	static const uint16_t signs[] = {0x8DEF, 0x8857, 0x9053, 0x5927, 0x4E1C, 0x897F, 0x5357, 0x5317,
		0x4E2D, 0x91CC, 0x5F04, 0x6751, 0x6865, 0x5DF7, 0x80E1, 0x9547, 0x4E61, 0x65B0, 0x8001, 0x4E00, 0x4E8C, 0x4E09};

	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
		if (signs[i] == unit)
			return true;
	return false;
}

/* Among rows of one name: the one within outer, if it is one. */
static Found
choose(int row, const char *name, size_t bytes, uint32_t outer, bool takes_short)
{
	Found		found = {0, 0, 0};
	int			n = 0;

	for (; row < COUNT && strncmp(areas[row].name, name, bytes) == 0 && areas[row].name[bytes] == '\0'; row++)
	{
		if ((areas[row].is_short && !takes_short) ||
			(outer != 0 && (!lies_within(areas[row].code, outer) || areas[row].code == outer)))
			continue;
		/* a province and its only city of one name: the wider one */
		if (n > 0 && lies_within(areas[row].code, found.code))
			continue;
		found.code = areas[row].code;
		n++;
	}
	found.units = n > 0;
	if (n > 1)
	{
		found.code = 0;
		found.name_hash = (uint32_t) crm_hash_bytes(name, bytes) | 1;
	}
	return found;
}

/* The longest name at the front of units. */
static Found
longest_at(const uint16_t *units, int length, uint32_t outer)
{
	char		bytes[LONGEST * CRM_UTF8_MAX_BYTES];
	size_t		ends[LONGEST + 1] = {0};
	int			most = length < LONGEST ? length : LONGEST;

	for (int i = 0; i < most; i++)
		ends[i + 1] = ends[i] + (size_t) crm_utf8_encode(units[i], bytes + ends[i]);
	for (int n = most; n >= 2; n--)
	{
		bool		takes_short = n == length || !is_road_sign(units[n]);
		Found		found = choose(lower_bound(bytes, ends[n]), bytes, ends[n], outer, takes_short);

		if (found.units == 0)
			continue;
		found.units = n;
		return found;
	}
	return (Found) {0, 0, 0};
}

int
crm_address_read_areas(const uint16_t *units, int length, uint32_t *code, uint32_t *district)
{
	int			at = 0;

	*code = 0;
	*district = 0;
	for (int level = 0; level < 4 && at < length; level++)
	{
		Found		found = longest_at(units + at, length - at, *code);

		if (found.units == 0)
		{
			/* 北京市北京市, 浙江省市: said twice */
			found = *code != 0 && depth_of(*code) < 3 ? longest_at(units + at, length - at, 0) : found;
			if (found.units == 0 || found.code != *code)
				break;
		}
		at += found.units;
		if (found.code == 0)
		{
			*district = found.name_hash;
			break;
		}
		*code = found.code;
		if (depth_of(*code) == 3)
			break;
	}
	return at;
}

const char *
crm_address_area_name(uint32_t code)
{
	for (int row = 0; code != 0 && row < COUNT; row++)
		if (areas[row].code == code && !areas[row].is_short)
			return areas[row].name;
	return "";
}
