/*
 * compare_address.c - how near two addresses are.
 *
 * Numbers are hard evidence: the same road with another number, or the same house with another
 * room, is another home.  What one side does not tell never contradicts.
 */
#include <string.h>

#include "pure/address.h"
#include "pure/distance.h"

#define PLACE_NEAR 0.6			/* share of the shorter name's pairs of characters */

typedef enum Agreement
{
	UNTOLD, SAME, OTHER
} Agreement;

static Agreement
agree(CrmHouseNumber a, CrmHouseNumber b)
{
	return a == 0 || b == 0 ? UNTOLD : a == b ? SAME : OTHER;
}

/* Codes are held against each other as deep as both go. */
static Agreement
agree_areas(const CrmAddress *a, const CrmAddress *b)
{
	uint32_t	depth = 1;

	if (a->district != 0 && b->district != 0 && a->district != b->district)
		return OTHER;
	if (a->code == 0 || b->code == 0)
		return a->district != 0 && a->district == b->district ? SAME : UNTOLD;
	while (a->code % (depth * 100) == 0 || b->code % (depth * 100) == 0)
		depth *= 100;
	if (a->code / depth != b->code / depth)
		return OTHER;
	return depth == 1 ? SAME : UNTOLD;
}

static Agreement
agree_texts(const CrmText *a, const CrmText *b)
{
	if (a->length < 2 || b->length < 2)
		return UNTOLD;
	if (a->length == b->length && memcmp(a->units, b->units, a->length * sizeof *a->units) == 0)
		return SAME;
	return OTHER;
}

static bool
is_place_near(const CrmText *a, const CrmText *b)
{
	return a->length >= 2 && b->length >= 2 &&
		crm_similarity_containment(a->units, a->length, b->units, b->length) >= PLACE_NEAR;
}

/* Of one building: its parts. */
static int
compare_inside(const CrmAddress *a, const CrmAddress *b)
{
	Agreement	room = agree(a->room, b->room);

	if (agree(a->building, b->building) == OTHER || agree(a->unit, b->unit) == OTHER ||
		agree(a->floor, b->floor) == OTHER || room == OTHER)
		return CRM_ADDRESS_CONTRADICTION;
	/* a home is the same only where neither says more than the other about what holds it */
	return room == SAME && a->building == b->building && a->unit == b->unit ?
		CRM_ADDRESS_UNIT : CRM_ADDRESS_BUILDING;
}

int
crm_compare_address(const CrmAddress *a, const CrmAddress *b)
{
	Agreement	area = agree_areas(a, b);
	Agreement	road = agree_texts(&a->road, &b->road);
	Agreement	lane = agree(a->lane, b->lane);
	Agreement	number = agree(a->number, b->number);
	bool		is_near = is_place_near(&a->place, &b->place);

	if (!a->is_known || !b->is_known)
		return -1;
	if (area == OTHER)
		return CRM_ADDRESS_CONTRADICTION;
	if (road == SAME)
	{
		if (lane == OTHER || number == OTHER)
			return CRM_ADDRESS_CONTRADICTION;
		if ((lane == SAME && number != UNTOLD) || (number == SAME && a->lane == b->lane) || is_near)
			return compare_inside(a, b);
		return CRM_ADDRESS_AREA;
	}
	if (is_near && road == UNTOLD)
		return compare_inside(a, b);
	return area == SAME ? CRM_ADDRESS_AREA : CRM_ADDRESS_NONE;
}
