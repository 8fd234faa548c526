/*
 * address.c - Chinese addresses taken apart.
 *
 * The text is folded (width, case, simplified characters, brackets and signs dropped), areas are
 * taken off the front, then one walk to the end looks for words that say what stands before
 * them: 路 弄 号 栋 单元 层 室.  What nobody claims is the name of the place.
 *
 * Worked example: 上海市徐汇区天钥桥路408号北楼703 is 310104, road 天钥桥路, number 408, place 北楼, room 703.
 */
#include <string.h>

#include "pure/address.h"
#include "pure/address_area.h"
#include "pure/hash.h"
#include "pure/normalize_name.h"
#include "pure/utf8.h"

#define MAX_UNITS 200
#define LONGEST_ROAD 10
#define LENGTH_OF(array) ((int) (sizeof(array) / sizeof((array)[0])))

typedef enum Part
{
	LANE, NUMBER, BUILDING, UNIT, FLOOR, ROOM, NOTHING
} Part;

/* Words behind a number, longer ones first. */
static const struct
{
	uint16_t	word[2];
	int			length;
	Part		part;
}			marks[] = {
	{{0x53F7, 0x697C}, 2, BUILDING}, {{0x5355, 0x5143}, 2, UNIT},
	{{0x53F7, 0x623F}, 2, ROOM}, {{0x53F7, 0x9662}, 2, NUMBER}, {{0x53F7, 0x5BA4}, 2, ROOM},
	{{0x5F04}, 1, LANE}, {{0x53F7}, 1, NUMBER}, {{0x5E62}, 1, BUILDING}, {{0x680B}, 1, BUILDING},
	{{0x5EA7}, 1, BUILDING}, {{0x5C42}, 1, FLOOR}, {{0x697C}, 1, FLOOR}, {{'f'}, 1, FLOOR},
	{{0x5BA4}, 1, ROOM}, {{0x623F}, 1, ROOM}, {{0x6237}, 1, ROOM}, {{0x95E8}, 1, UNIT},
};

/* ---------------------------------------------------------------- folding */

static uint32_t
fold(uint32_t point)
{
	return crm_name_simplify(crm_utf8_fold_case(crm_utf8_fold_width(point)));
}

static bool
is_opening(uint32_t point)
{
	return point == '(' || point == '[' || point == 0x3010 || point == 0x3014;
}

static bool
is_closing(uint32_t point)
{
	return point == ')' || point == ']' || point == 0x3011 || point == 0x3015;
}

static bool
is_kept(uint32_t point)
{
	return (point >= '0' && point <= '9') || (point >= 'a' && point <= 'z') || point == '-' ||
		(point >= 0xC0 && !(point >= 0x2000 && point <= 0x303F && point != 0x3007 && point != 0x3005) &&
		 point != 0x30FB);
}

static int
fold_address(const char *bytes, size_t length, uint16_t *units)
{
	size_t		at = 0;
	int			n = 0;
	int			depth = 0;

	while (at < length)
	{
		uint32_t	point;
		int			used = crm_utf8_decode(bytes + at, length - at, &point);

		if (used < 0)
			return -1;
		at += (size_t) used;
		point = fold(point);
		depth += is_opening(point);
		if (depth == 0 && is_kept(point) && n < MAX_UNITS)
			units[n++] = crm_unit_of(point == 0x3007 ? 0x96F6 : point);
		depth -= depth > 0 && is_closing(point);
	}
	return n;
}

/* ---------------------------------------------------------------- numbers */

/* Value of a Chinese digit, 10 for 十, 100 for 百; -1 for anything else. */
static int
chinese_digit(uint16_t unit)
{
	static const uint16_t digits[] = {0x96F6, 0x4E00, 0x4E8C, 0x4E09, 0x56DB, 0x4E94, 0x516D, 0x4E03, 0x516B, 0x4E5D};

	for (int i = 0; i < LENGTH_OF(digits); i++)
		if (digits[i] == unit)
			return i;
	return unit == 0x5341 ? 10 : unit == 0x767E ? 100 : unit == 0x4E24 ? 2 : -1;
}

static bool
is_number_sign(uint16_t unit)
{
	return (unit >= '0' && unit <= '9') || (unit >= 'a' && unit <= 'z') || unit == '-';
}

/* 十二 is 12, 一百零三 is 103, 三零一 is 301. */
static long
chinese_number(const uint16_t *units, int length)
{
	long		value = 0;
	long		digit = 0;
	bool		has_place = false;

	for (int i = 0; i < length; i++)
	{
		int			d = chinese_digit(units[i]);

		if (d >= 10)
		{
			value += (digit == 0 && value == 0 ? 1 : digit) * d;
			digit = 0;
			has_place = true;
		}
		else
			digit = has_place || digit > 9999999 ? d : digit * 10 + d;
	}
	return value + digit;
}

static CrmHouseNumber
pack(const char *signs, int length)
{
	CrmHouseNumber packed = 0;

	while (length > 1 && signs[0] == '0' && signs[1] >= '0' && signs[1] <= '9')
		signs++, length--;
	for (int i = 0; i < length && i < 8; i++)
		packed = packed << 8 | (unsigned char) signs[i];
	return packed;
}

/* The number at units as signs; *used is how many units it takes, 0 when there is none. */
static CrmHouseNumber
read_number(const uint16_t *units, int length, int *used)
{
	char		signs[16];
	int			n = 0;

	for (*used = 0; *used < length && is_number_sign(units[*used]); ++*used)
		if (n < LENGTH_OF(signs) && (n > 0 || units[*used] != '-'))
			signs[n++] = (char) units[*used];
	if (*used > 0)
	{
		while (n > 0 && signs[n - 1] == '-')
			n--;
		return pack(signs, n);
	}
	while (*used < length && *used < 8 && chinese_digit(units[*used]) >= 0)
		++*used;
	if (*used > 0)
	{
		long		value = chinese_number(units, *used);
		char		digits[16];

		do
			digits[n++] = (char) ('0' + value % 10);
		while ((value /= 10) > 0);
		for (int i = 0; i < n; i++)
			signs[i] = digits[n - 1 - i];
	}
	return pack(signs, n);
}

/* ---------------------------------------------------------------- taking apart */

static Part
mark_at(const uint16_t *units, int length, int *used)
{
	for (int i = 0; i < LENGTH_OF(marks); i++)
		if (marks[i].length <= length && marks[i].word[0] == units[0] &&
			(marks[i].length == 1 || marks[i].word[1] == units[1]))
		{
			*used = marks[i].length;
			return marks[i].part;
		}
	*used = 0;
	return NOTHING;
}

static void
append(CrmText *text, const uint16_t *units, int length)
{
	for (int i = 0; i < length && text->length < CRM_TEXT_MAX; i++)
		text->units[text->length++] = units[i];
}

/* Units of a road at the front, up to 路 街 道 巷 or 胡同; a town in front of it is passed over. */
static int
read_road(const uint16_t *units, int length, CrmText *road)
{
	int			start = 0;

	for (int i = 0; i < length && i - start < LONGEST_ROAD; i++)
	{
		bool		is_town = units[i] == 0x9547 || units[i] == 0x4E61 ||
			(units[i] == 0x8857 && i + 1 < length && units[i + 1] == 0x9053);
		bool		is_road = units[i] == 0x8DEF || units[i] == 0x8857 || units[i] == 0x9053 || units[i] == 0x5DF7 ||
			(units[i] == 0x80E1 && i + 1 < length && units[i + 1] == 0x540C);

		if (is_number_sign(units[i]))
			break;
		if (is_town && i - start >= 1)
		{
			i += units[i] == 0x8857;
			start = i + 1;
		}
		else if (is_road && i - start >= 1)
		{
			int			end = i + 1 + (units[i] == 0x80E1);

			append(road, units + start, end - start);
			return end;
		}
	}
	return start;
}

static void
set_part(CrmAddress *out, Part part, CrmHouseNumber value)
{
	CrmHouseNumber *places[] = {&out->lane, &out->number, &out->building, &out->unit, &out->floor, &out->room};

	/* 1234弄5号 and 408号7号: the second number is a house of the first, so a building */
	if (part == NUMBER && out->number != 0)
		part = BUILDING;
	if (part != NOTHING && *places[part] == 0)
		*places[part] = value;
}

/* 20-2-1204 at the end is building, unit and room; 8-1204 building and room.  False for anything else. */
static bool
read_dashes(const uint16_t *units, int length, CrmAddress *out)
{
	Part		parts[3] = {BUILDING, UNIT, ROOM};
	int			starts[3] = {0};
	int			n = 1;
	int			used;

	for (int i = 0; i < length; i++)
		if (units[i] == '-')
		{
			if (n == 3 || i == starts[n - 1] || i + 1 == length)
				return false;
			starts[n++] = i + 1;
		}
	if (n == 1 || out->building != 0 || out->room != 0 || length - starts[n - 1] < 3)
		return false;
	if (n == 2)
		parts[1] = ROOM;
	for (int i = 0; i < n; i++)
		set_part(out, parts[i], read_number(units + starts[i],
											(i + 1 < n ? starts[i + 1] - 1 : length) - starts[i], &used));
	return true;
}

/* Everything behind the road. */
static void
read_rest(const uint16_t *units, int length, CrmAddress *out)
{
	int			at = 0;

	while (at < length)
	{
		int			digits;
		int			mark = 0;
		CrmHouseNumber value = read_number(units + at, length - at, &digits);
		Part		part = digits > 0 ? mark_at(units + at + digits, length - at - digits, &mark) : NOTHING;

		if (digits == 0)
			append(&out->place, units + at++, 1);
		else if ((part == NOTHING || part == ROOM) && at + digits + mark == length &&
				 read_dashes(units + at, digits, out))
			;
		else if (part != NOTHING)
			set_part(out, part, value);
		else if (at + digits == length && digits >= 3 && is_number_sign(units[at]))
			set_part(out, ROOM, value);
		else
			append(&out->place, units + at, digits);
		at += digits + mark;
	}
}

bool
crm_prepare_address(const char *bytes, size_t length, CrmAddress *out)
{
	uint16_t	units[MAX_UNITS + CRM_UNITS_ROOM];
	int			n = fold_address(bytes, length, units);
	int			at = 0;

	memset(out, 0, sizeof *out);
	if (n < 2)
		return false;
	if (units[0] == 0x4E2D && units[1] == 0x56FD)	/* 中国 */
		at = 2;
	at += crm_address_read_areas(units + at, n - at, &out->code, &out->district);
	at += read_road(units + at, n - at, &out->road);
	read_rest(units + at, n - at, out);
	/* the houses of a lane are its buildings: 弄29幢 is 弄29号 */
	if (out->lane != 0 && out->number == 0)
	{
		out->number = out->building;
		out->building = 0;
	}
	out->is_known = true;
	return true;
}

/* ---------------------------------------------------------------- keys */

/* The road with lane and number, or the place with its building. */
uint64_t
crm_address_building_key(const CrmAddress *address)
{
	CrmHash		hash;
	bool		by_road = address->road.length > 0 && (address->number != 0 || address->lane != 0);
	uint64_t	key;

	if (!address->is_known || (!by_road && (address->place.length < 2 || address->building == 0)))
		return 0;
	crm_hash_begin(&hash, CRM_ADDRESS_VERSION);
	crm_hash_feed(&hash, &address->code, sizeof address->code);
	if (by_road)
	{
		crm_hash_feed(&hash, address->road.units, address->road.length * sizeof(uint16_t));
		crm_hash_feed(&hash, &address->lane, sizeof address->lane);
		crm_hash_feed(&hash, &address->number, sizeof address->number);
	}
	else
		crm_hash_feed(&hash, address->place.units, address->place.length * sizeof(uint16_t));
	crm_hash_feed(&hash, &address->building, sizeof address->building);
	key = crm_hash_end(&hash);
	return key ? key : 1;
}

uint64_t
crm_address_unit_key(const CrmAddress *address)
{
	CrmHash		hash;
	uint64_t	building = crm_address_building_key(address);
	uint64_t	key;

	if (building == 0 || address->room == 0)
		return 0;
	crm_hash_begin(&hash, building);
	crm_hash_feed(&hash, &address->unit, sizeof address->unit);
	crm_hash_feed(&hash, &address->room, sizeof address->room);
	key = crm_hash_end(&hash);
	return key ? key : 1;
}
