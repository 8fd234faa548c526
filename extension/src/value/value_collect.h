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
#define CRM_COLLECT_BATCH 64
#define CRM_COLLECT_SEGMENT ((Size) 8 << 20)
#define CRM_COLLECT_UNITS (CRM_COLLECT_SEGMENT / 8)
#define CRM_COLLECT_ORDERS_A_SEGMENT (CRM_COLLECT_SEGMENT / sizeof(CrmCollectOrder))

/* A record's place in the table; places with record 0 are free. */
typedef struct CrmCollectRecord
{
	int64		record;
	union
	{
		uint32		index;		/* orders: the record's number, in the order of their coming */
		int64		owner;
	}			what;
} CrmCollectRecord;

/* Orders lie one after the other, as they came. */
typedef struct CrmCollectOrder
{
	uint32		index;			/* of the record; crm_value_points() puts the person's in its place */
	int32		day;
	int64		minor;
} CrmCollectOrder;

/* Chunks too, each with its record. */
typedef struct CrmCollectChunk
{
	int64		record;
	uint32		next;			/* crm_value_points(): address of another chunk of the person */
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
	struct
	{
		char	   *bytes;
		Size		used;
	}		   *segments;		/* of CRM_COLLECT_SEGMENT bytes; an address counts eights of them, from 1 */
	int			n_waiting;		/* orders whose record is still to be found */
	struct
	{
		int64		record;
		int64		minor;
		int32		day;
	}			waiting[CRM_COLLECT_BATCH];
	uint64		serial;			/* when it was handed out; 0 before */
	struct CrmCollect *next_out;	/* in the list of those handed out */
	MemoryContextCallback gone;
} CrmCollect;

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
	return collect->segments[(address - 1) / CRM_COLLECT_UNITS].bytes + (Size) ((address - 1) % CRM_COLLECT_UNITS) * 8;
}

/* The i-th order that was collected. */
static inline CrmCollectOrder *
crm_collect_order(const CrmCollect *collect, uint64 i)
{
	return (CrmCollectOrder *) collect->segments[i / CRM_COLLECT_ORDERS_A_SEGMENT].bytes + i % CRM_COLLECT_ORDERS_A_SEGMENT;
}

static inline uint64
crm_collect_place(int64 record, uint64 room)
{
	uint64		hash = (uint64) record * UINT64CONST(0x9E3779B97F4A7C15);

	return (hash ^ (hash >> 32)) & (room - 1);
}

/* The place of a record, or the free one where it belongs. */
static inline CrmCollectRecord *
crm_collect_find(CrmCollectRecord *records, uint64 room, int64 record)
{
	uint64		at = crm_collect_place(record, room);

	while (records[at].record != 0 && records[at].record != record)
		at = (at + 1) & (room - 1);
	return &records[at];
}

/* value_collect.c */
extern CrmCollect *crm_collect_of(Datum ticket, CrmCollectKind kind);
extern void crm_collect_use_up(CrmCollect *collect);
extern void crm_collect_free_items(CrmCollect *collect);

/* value_points.c */
extern CrmValuePoint *crm_value_points(CrmCollect *purchases, const CrmCollect *owners,
									   int32 from, int32 as_of, uint64 *count);

#endif
