/*
 * rule_bitmap.h
 *		Sets of integers: the type crm.bitmap.
 *
 * Values from 0 to 2^62 lie in containers of 32,768 neighbours.  Up to 2,048 members are kept
 * as sorted 16-bit offsets, more as 4,096 bytes of bits: the smaller of the two.
 *
 * A value as it is stored (flat), native byte order, each part on 8 bytes:
 *		varlena header, u32 number of containers
 *		per container: i64 key, u32 members - 1, u32 place of its data
 *		data
 * Keys ascend and no container is empty, so equal sets are equal bytes.  While it grows it is
 * an expanded object that holds the same containers apart.
 *
 *	in rule_bitmap.c			expanded, flattened, grown
 *	in rule_bitmap_algebra.c	and, or, without, equal
 *	in rule_bitmap_io.c			text and binary, checks of untrusted bytes
 *	in rule_bitmap_api.c		aggregates and questions
 *	in rule_bitmap_program.c	counted chunk by chunk
 */
#ifndef CRM_RULE_BITMAP_H
#define CRM_RULE_BITMAP_H

#include "core/core.h"

#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/expandeddatum.h"

#define CRM_BITMAP_WIDTH 15
#define CRM_BITMAP_SPAN (1 << CRM_BITMAP_WIDTH)
#define CRM_BITMAP_BYTES (CRM_BITMAP_SPAN / 8)
#define CRM_BITMAP_WORDS (CRM_BITMAP_SPAN / 64)
#define CRM_BITMAP_SPARSE 2048	/* offsets up to here, bits beyond */
#define CRM_BITMAP_LIMIT (INT64CONST(1) << 62)

typedef struct CrmBitmapContainer
{
	int64		key;			/* value >> 15 */
	uint32		members;		/* 1 to 32,768 */
	uint32		room;			/* offsets there is room for; only while growing */
	union
	{
		uint16	   *offsets;	/* members <= CRM_BITMAP_SPARSE */
		uint64	   *bits;
	}			data;
} CrmBitmapContainer;

/* What a function reads or makes: containers in order of their keys. */
typedef struct CrmBitmapParts
{
	int			n;
	int			room;
	CrmBitmapContainer *containers;
} CrmBitmapParts;

typedef struct CrmBitmap
{
	ExpandedObjectHeader header;
	int			magic;
	int			last;			/* where the last value went: neighbours come together */
	CrmBitmapParts parts;
} CrmBitmap;

/* The flat form. */
typedef struct CrmBitmapEntry
{
	int64		key;
	uint32		members_less_one;
	uint32		place;			/* bytes from the start of the value */
} CrmBitmapEntry;

typedef struct CrmBitmapFlat
{
	int32		vl_len_;
	uint32		n;
	CrmBitmapEntry entries[FLEXIBLE_ARRAY_MEMBER];
} CrmBitmapFlat;

static inline bool
crm_rule_bitmap_is_sparse(uint32 members)
{
	return members <= CRM_BITMAP_SPARSE;
}

static inline Size
crm_rule_bitmap_bytes(uint32 members)
{
	return crm_rule_bitmap_is_sparse(members) ? TYPEALIGN(8, members * sizeof(uint16)) : CRM_BITMAP_BYTES;
}

/*
 * A hash that keeps four neighbours side by side, in one cache line: ids are given in order and
 * tables are read in order.  More than a line together would make long runs of full places.
 */
static inline uint32
crm_rule_near_hash(int64 id)
{
	return (murmurhash32((uint32) (id >> 2) ^ (uint32) (id >> 34)) << 2) | (uint32) (id & 3);
}

/* rule_bitmap.c */
extern CrmBitmap *crm_rule_bitmap_make(MemoryContext parent);
extern CrmBitmap *crm_rule_bitmap_writable(Datum value, MemoryContext parent);
extern void crm_rule_bitmap_add(CrmBitmap *bitmap, int64 value);
extern CrmBitmap *crm_rule_bitmap_of(int64 *values, int64 n);
extern bool crm_rule_bitmap_has(const CrmBitmapParts *parts, int64 value);
extern void crm_rule_bitmap_add_parts(CrmBitmap *bitmap, const CrmBitmapParts *parts);
extern CrmBitmapParts crm_rule_bitmap_read(Datum value);
extern Datum crm_rule_bitmap_flatten(const CrmBitmapParts *parts);

/* rule_bitmap_algebra.c */
extern CrmBitmapParts crm_rule_bitmap_and(const CrmBitmapParts *a, const CrmBitmapParts *b);
extern CrmBitmapParts crm_rule_bitmap_or(const CrmBitmapParts *a, const CrmBitmapParts *b);
extern CrmBitmapParts crm_rule_bitmap_without(const CrmBitmapParts *a, const CrmBitmapParts *b);

/* rule_bitmap_program.c */
extern const int32 *crm_rule_bitmap_steps(ArrayType *program, int *n);
extern int64 crm_rule_bitmap_run(const int32 *steps, int n_steps, const Datum *sets, const bool *nulls, int n_sets);

/* rule_map.c: whose each record is */
typedef struct CrmRuleMap CrmRuleMap;

extern CrmRuleMap *crm_rule_map_make(MemoryContext parent);
extern void crm_rule_map_add(CrmRuleMap *map, int64 record, int64 person);
extern Datum crm_rule_map_datum(CrmRuleMap *map);

/* Walks the members in order. */
typedef struct CrmBitmapWalk
{
	CrmBitmapParts parts;
	int			container;
	int			position;		/* next offset, or next bit to look at */
} CrmBitmapWalk;

extern bool crm_rule_bitmap_next(CrmBitmapWalk *walk, int64 *value);

#endif
