/*
 * link_sketch.c
 *		Twelve bytes of each value of a row, side by side: how near two values can be.
 *
 * Most pairs of a block are two things, and a few bits of each value tell that: which letters a
 * text has once and twice, how it begins, how long it is; the two ends of a number; a date as it
 * is.  The level that link_compare.c gives is never outside of what is said here, so whoever
 * leaves a pair out by it leaves out what could not have been kept.
 *
 * Worked example: "anna" has a and n twice, "robert" b, e, o, t once and r twice; each lacks all
 * that the other has, no letter has a partner, and the two are different without any letter
 * having been looked at.
 */
#include "identity/link_sketch.h"

#include <string.h>

#include "pure/distance.h"
#include "pure/hash.h"

#define HAN_FIRST 0x3400
#define LONGEST 100
#define SHORTEST_SPLIT 5		/* signs of a number with two ends */

/* Four bits each of the first four letters, low to high. */
static uint16_t
head_of(const uint16_t *units, int length)
{
	uint16_t	head = 0;

	for (int i = 0; i < CRM_LINK_HEAD && i < length; i++)
		head |= (uint16_t) ((units[i] & 15) << 4 * i);
	return head;
}

/* Classes of letters that come twice. */
static uint32_t
twice_of(const uint16_t *units, int length)
{
	uint32_t	once = 0;
	uint32_t	twice = 0;

	for (int i = 0; i < length; i++)
	{
		uint32_t	class = crm_units_signature(units + i, 1);

		twice |= once & class;
		once |= class;
	}
	return twice;
}

/* A house number as a byte, 0 for none; as link_compare.c finds it. */
static uint8_t
house_of(const uint16_t *units, int length)
{
	const uint16_t *start;
	int			n = crm_link_house(units, length, &start);

	return n == 0 ? 0 : (uint8_t) (1 + crm_hash_bytes(start, (size_t) n * sizeof *start) % 255);
}

/*
 * Both ends of a number of 2k + 1 signs or one more: an edit, or two neighbours that changed
 * places, leave one of them as it was.
 */
static CrmLinkSketch
split_sketch(const uint16_t *units, int length)
{
	size_t		end = (size_t) (length - 1) / 2 * sizeof *units;

	if (length < SHORTEST_SPLIT)
		return (CrmLinkSketch) {0};
	return (CrmLinkSketch) {.once = (uint32_t) crm_hash_bytes(units, end),
		.twice = (uint32_t) crm_hash_bytes((const char *) (units + length) - end, end), .length = (uint8_t) length};
}

/* Both calendars' digits; a day without a year is compared in full. */
static CrmLinkSketch
date_sketch(const CrmPreparedDate *date)
{
	if (date->year == 0)
		return (CrmLinkSketch) {0};
	return (CrmLinkSketch) {.once = date->digits, .twice = date->lunar_digits, .length = 8};
}

/* All zero where nothing can be told. */
CrmLinkSketch
crm_link_sketch(CrmLinkKind kind, const uint64_t *arena, const CrmLinkValue *value)
{
	const CrmPrepared *prepared = (const CrmPrepared *) (arena + value->start);
	const uint16_t *units = (const uint16_t *) (arena + value->start + value->n_prepared);
	int			length = kind == CRM_LINK_EMAIL ? value->local : value->length;
	bool		is_prepared = value->n_prepared > 0;
	CrmLinkSketch sketch = {0};

	if (length == 0 || value->length > LONGEST)
		return sketch;
	switch (kind)
	{
		case CRM_LINK_DATE:
			return is_prepared ? date_sketch(&prepared->date) : sketch;
		case CRM_LINK_PHONE:
		case CRM_LINK_ID:
			return is_prepared && prepared->digits.is_masked ? sketch : split_sketch(units, length);
		case CRM_LINK_GIVEN:
		case CRM_LINK_SURNAME:
			if (units[0] >= HAN_FIRST)
				return sketch;
			break;
		case CRM_LINK_ADDRESS:
			if (is_prepared)
				return sketch;
			sketch.house = house_of(units, length);
			break;
		case CRM_LINK_EMAIL:
		case CRM_LINK_CODE:
		case CRM_LINK_TEXT:
			break;
		case CRM_LINK_NAME:
		case CRM_LINK_POSTCODE:
		case CRM_LINK_NUMBER:
		case CRM_LINK_SEX:
		case CRM_LINK_CLASS:
			return sketch;
	}
	sketch.once = value->signature;
	sketch.twice = twice_of(units, length);
	sketch.head = head_of(units, length);
	sketch.length = (uint8_t) length;
	return sketch;
}
