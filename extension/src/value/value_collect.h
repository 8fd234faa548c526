/*
 * value_collect.h
 *		Purchases of everybody in one pass, and their scores.
 *
 *	in value_collect.c	a collecting aggregate: purchases by source record, and records by owner
 *	in value_points.c	collected purchases as (last day, order days, net) a person
 *	in value_rfm.c		points to scores: quintile, ntile, nested, threshold
 */
#ifndef CRM_VALUE_COLLECT_H
#define CRM_VALUE_COLLECT_H

#include "value/value.h"

#include "utils/expandeddatum.h"

/* What is collected: one of three kinds in one state. */
typedef enum CrmCollectKind
{
	CRM_COLLECT_CHUNKS = 1,		/* packed histories */
	CRM_COLLECT_ORDERS,			/* (day, minor units) */
	CRM_COLLECT_OWNERS			/* the person a record belongs to */
} CrmCollectKind;

#define CRM_COLLECT_NONE 0		/* the address of no item */

/* A record's place in the table; key 0 is free, so the record of number 0 has a place apart. */
typedef struct CrmCollectRecord
{
	int64		record;
	union
	{
		uint32		first;		/* item that was added last; it leads to the others */
		int64		owner;
	}			what;
} CrmCollectRecord;

typedef struct CrmCollectOrder
{
	uint32		next;
	int32		day;
	int64		minor;
} CrmCollectOrder;

typedef struct CrmCollectChunk
{
	uint32		next;
	uint32		length;
	uint8_t		bytes[FLEXIBLE_ARRAY_MEMBER];
} CrmCollectChunk;

typedef struct CrmCollect
{
	ExpandedObjectHeader header;
	uint32		magic;
	CrmCollectKind kind;
	uint64		room;			/* a power of two */
	uint64		count;			/* records */
	CrmCollectRecord *records;
	uint64		items;
	Size		item_bytes;
	uint32		n_segments;
	char	  **segments;		/* of CRM_COLLECT_SEGMENT bytes; an address counts eights of them */
	Size		used;			/* of the last segment */
	uint64		serial;			/* when it was handed out; 0 before */
	struct CrmCollect *next_out;	/* in the list of those handed out */
	MemoryContextCallback gone;
} CrmCollect;

#define CRM_COLLECT_SEGMENT ((Size) 8 << 20)
#define CRM_COLLECT_UNITS (CRM_COLLECT_SEGMENT / 8)

/* One person's purchases: what a model scores. */
typedef struct CrmValuePoint
{
	int64		customer;
	int32		last_day;
	int32		order_days;
	int64		net_minor;
	int16		scores[3];		/* recency, frequency, monetary */
} CrmValuePoint;

static inline void *
crm_collect_item(const CrmCollect *collect, uint32 address)
{
	return collect->segments[(address - 1) / CRM_COLLECT_UNITS] + (Size) ((address - 1) % CRM_COLLECT_UNITS) * 8;
}

/* value_collect.c */
extern CrmCollect *crm_collect_of(Datum state, CrmCollectKind kind);
extern CrmCollectRecord *crm_collect_find(CrmCollectRecord *records, uint64 room, int64 record);

/* value_points.c */
extern CrmValuePoint *crm_value_points(const CrmCollect *purchases, const CrmCollect *owners,
									   int32 from, int32 as_of, uint64 *count);

/* value_rfm.c */
extern void crm_value_score_equal(CrmValuePoint *points, uint64 count, int parts);
extern void crm_value_score_ranked(CrmValuePoint *points, uint64 count, int parts);
extern void crm_value_score_nested(CrmValuePoint *points, uint64 count, int parts);
extern void crm_value_score_cut(CrmValuePoint *points, uint64 count, int dimension, const int64 *cuts, int n_cuts);
extern int64 crm_value_point(const CrmValuePoint *point, int dimension);

#endif
