/*
 * history.h - packed purchase histories: one chunk of at most 128 entries in at most
 * 1,900 bytes, and what can be asked of several chunks together.
 *
 * An entry is (day, known day, amount): an order adds (day, day, +amount); a refund or a
 * correction adds (the order's day, the day it became known, -amount).  So a history can
 * be asked as of any date, and a refund is never a day of purchase.  "An order" in counts is
 * a distinct day with net > 0.
 *
 * Promises: nothing is allocated; buffers are the caller's.  Bytes are trusted only by
 * functions that say so; crm_history_validate() accepts exactly what this code writes, so
 * anything it has accepted can be given to every other function.  Within a chunk entries are
 * sorted by (day, known day), and equal ones keep the order in which they came.
 *
 * Layout, little endian, no padding; version 1:
 *	 offset 0  u8	version			1
 *			1  u8	0				kept for a later version
 *			2  u16	entries			0 to 128
 *			4  i32	first_day		day of the first entry, 0 when empty
 *			8  i32	last_day		day of the last entry, 0 when empty
 *		   12  i64	net_minor		sum of all amounts
 *		   20  then for each entry:
 *				varint			day - day of the entry before (0 for the first)
 *				zigzag varint	known day - day
 *				zigzag varint	amount in minor units
 * A varint has seven bits a byte, the lowest first, the top bit set on all but the last
 * byte, and never more bytes than it needs.  Days are days since 2000-01-01.
 *
 * Worked example: an order of 12.50 on day 9000, refunded by 2.50 three days later:
 *	 01 00 0200 28230000 28230000 E803000000000000  00 00 C413  00 06 F303
 */
#ifndef CRM_PURE_HISTORY_H
#define CRM_PURE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRM_HISTORY_VERSION 1
#define CRM_HISTORY_HEADER_BYTES 20
#define CRM_HISTORY_MAX_ENTRIES 128
#define CRM_HISTORY_MAX_BYTES 1900
#define CRM_HISTORY_DAY_LIMIT 1000000	/* days lie within +- this many of 2000-01-01 */

typedef enum CrmHistoryCode
{
	CRM_HISTORY_OK = 0,
	CRM_HISTORY_FULL = -1,		/* 128 entries or 1,900 bytes would be passed */
	CRM_HISTORY_ORDER = -2,		/* the entries are not sorted */
	CRM_HISTORY_RANGE = -3,		/* a day outside the limit */
	CRM_HISTORY_OVERFLOW = -4,	/* a sum does not fit 64 bits */
	CRM_HISTORY_CORRUPT = -5	/* the bytes are no chunk */
} CrmHistoryCode;

typedef struct CrmHistoryEntry
{
	int32_t		day;			/* day of the purchase */
	int32_t		known_day;		/* day from which the amount counts */
	int64_t		amount_minor;
} CrmHistoryEntry;

typedef struct CrmHistoryHeader
{
	uint16_t	entry_count;
	int32_t		first_day;
	int32_t		last_day;
	int64_t		net_minor;
} CrmHistoryHeader;

/* ---- one chunk: writing. */

/* Packs sorted entries; chunk has room for CRM_HISTORY_MAX_BYTES, *length is its size then. */
extern CrmHistoryCode crm_history_pack(uint8_t *chunk, size_t *length,
									   const CrmHistoryEntry *entries, size_t count);

/* ---- one chunk: reading. */

/* Checks untrusted bytes completely. */
extern CrmHistoryCode crm_history_validate(const uint8_t *bytes, size_t length);

extern CrmHistoryHeader crm_history_header(const uint8_t *chunk);

/* Unpacks all entries; entries has room for CRM_HISTORY_MAX_ENTRIES.  Returns their number. */
extern size_t crm_history_unpack(const uint8_t *chunk, size_t length, CrmHistoryEntry *entries);

/* Walks the entries of one chunk: crm_history_next() returns false at the end. */
typedef struct CrmHistoryCursor
{
	const uint8_t *at;
	const uint8_t *end;
	uint16_t	left;			/* entries not read yet */
	CrmHistoryEntry entry;		/* the last one read; day is the base of the next */
} CrmHistoryCursor;

extern void crm_history_begin(CrmHistoryCursor *cursor, const uint8_t *chunk, size_t length);
extern bool crm_history_next(CrmHistoryCursor *cursor);

#endif
