/*
 * address.h - Chinese addresses taken apart, and how near two of them are.
 *
 * Promises: nothing is read outside the text, nothing is allocated, any bytes are accepted.
 * Stable within one CRM_ADDRESS_VERSION.
 *
 * Areas go by administrative code with levels missing (海淀区 alone is 110108); one that
 * several cities have (朝阳区) is narrowed by what else the address says, else only its name is
 * kept.  Chinese numerals are Arabic ones (三号 3号), A座 is a, what stands in brackets is dropped.
 */
#ifndef CRM_PURE_ADDRESS_H
#define CRM_PURE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pure/units.h"

#define CRM_ADDRESS_VERSION 1

/* A house number as written, "12-3" or "b105": eight signs as bytes, 0 for none. */
typedef uint64_t CrmHouseNumber;

typedef struct CrmAddress
{
	bool		is_known;
	uint32_t	code;			/* six digits; 110000 a province, 110100 a city; 0 unknown */
	uint32_t	district;		/* hash of a district's name when several have it; else 0 */
	CrmHouseNumber lane;		/* 弄 */
	CrmHouseNumber number;		/* 号 of the road or lane */
	CrmHouseNumber building;	/* 幢 栋 座 号楼 */
	CrmHouseNumber unit;		/* 单元 */
	CrmHouseNumber floor;		/* 层 楼 */
	CrmHouseNumber room;		/* 室, or a number at the end */
	CrmText		road;			/* 南京东路; length 0: none */
	CrmText		place;			/* compound, tower, village: what is left */
} CrmAddress;

enum
{
	CRM_ADDRESS_CONTRADICTION,	/* another district, or the same road or place with another number */
	CRM_ADDRESS_NONE,			/* nothing in common, or too little told */
	CRM_ADDRESS_AREA,			/* the district, or the road, agrees */
	CRM_ADDRESS_BUILDING,		/* partial: road and number, or the compound; the room is not told twice */
	CRM_ADDRESS_UNIT			/* full: room and all in front of it */
};

/* Every field of *out is set.  False when nothing could be read. */
extern bool crm_prepare_address(const char *bytes, size_t length, CrmAddress *out);

/* A level of those above, -1 when one side says nothing. */
extern int	crm_compare_address(const CrmAddress *a, const CrmAddress *b);

/*
 * Keys by which equal buildings and equal homes are found; 0 when the address does not reach
 * that far (road and number, or compound and building; for a home its room too).
 */
extern uint64_t crm_address_building_key(const CrmAddress *address);
extern uint64_t crm_address_unit_key(const CrmAddress *address);

/* The name of an area by its code, "" when there is none. */
extern const char *crm_address_area_name(uint32_t code);

#endif
