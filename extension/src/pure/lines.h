/*
 * lines.h
 *		What a source record bought, line by line, packed: the facts that conditions of rules on products,
 *		stores, hours and amounts are answered from.
 *
 * An entry is a line that counts: its day, moment, store, channel, product, quantity and amount, and how many
 * lines are like it in all of that.  So nothing of a line is lost, the largest of them neither; taking a line out
 * is adding its opposite, and equal contents are equal bytes in whatever order they came.  Store, channel and
 * product 0 are none.
 *
 * A chunk holds up to CRM_LINES_MAX_ENTRIES, sorted by crm_lines_compare():
 *		u8				version
 *		u8				number of entries
 *		zigzag varint	day of the last entry; nothing follows in an empty chunk
 *		per entry:
 *			varint			flags, and 16 times the product, less that of the entry before in the same receipt
 *			of a new receipt (RECEIPT):
 *				zigzag varint	day - day of the entry before (0 for the first)
 *				varint			moment: 4 times the zigzag of it since the day's midnight in UTC, plus its unit:
 *								0 none, 1 minutes, 2 seconds, 3 microseconds
 *				of another place than the receipt before (PLACE): varint store, varint channel
 *			zigzag varint	lines (SEVERAL); left out: one
 *			zigzag varint	quantity of each in millionths (QUANTITY); left out: one
 *			zigzag varint	amount of each in minor units
 * A varint has seven bits a byte, the lowest first.
 *
 * Pure: no allocation, no errors raised; bytes may be anything, a damaged chunk is told.
 */
#ifndef CRM_PURE_LINES_H
#define CRM_PURE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRM_LINES_MAX_ENTRIES 128
#define CRM_LINES_MAX_BYTES (2 + 10 + CRM_LINES_MAX_ENTRIES * 70)
#define CRM_LINES_KEY_BYTES 36
#define CRM_LINES_NO_MOMENT INT64_MIN
#define CRM_LINES_UNIT INT64_C(1000000)	/* a quantity of one */

typedef struct CrmLine
{
	int32_t		day;			/* from 2000-01-01 */
	int32_t		store;			/* 0: none */
	int64_t		moment;			/* microseconds from 2000-01-01 in UTC, or CRM_LINES_NO_MOMENT */
	int32_t		channel;		/* 0: none */
	int32_t		product;		/* 0: none */
	int64_t		quantity;		/* of each, millionths */
	int64_t		amount_minor;	/* of each */
	int64_t		lines;			/* how many there are */
} CrmLine;

typedef struct CrmLinesCursor
{
	const uint8_t *at;
	const uint8_t *end;
	int			left;			/* entries not read yet */
	int32_t		last_day;		/* of the chunk */
	bool		is_begun;		/* an entry was read */
	bool		is_receipt;		/* the last one read begins a receipt */
	bool		is_damaged;
	CrmLine		line;			/* the last one read */
} CrmLinesCursor;

/* Order of entries: day, moment, store, channel, product, quantity, amount. */
extern int	crm_lines_compare(const CrmLine *a, const CrmLine *b);

/* All but the day of an entry as bytes that compare like it. */
extern void crm_lines_key(const CrmLine *line, uint8_t key[CRM_LINES_KEY_BYTES]);
extern void crm_lines_of_key(const uint8_t key[CRM_LINES_KEY_BYTES], CrmLine *line);

/*
 * Sorted runs a and b as one: like entries added up, what there is none of left out.  out has
 * room for both.  Returns the number of entries, -1 when a sum does not fit 64 bits.
 */
extern int	crm_lines_merge(const CrmLine *a, int n_a, const CrmLine *b, int n_b, CrmLine *out);

/* Packs sorted, distinct entries; bytes has room for CRM_LINES_MAX_BYTES.  Returns the length. */
extern size_t crm_lines_pack(const CrmLine *entries, int n, uint8_t *bytes);

/* Walks a chunk: next is false at its end, and when it is damaged. */
extern void crm_lines_begin(CrmLinesCursor *cursor, const uint8_t *bytes, size_t length);
extern bool crm_lines_next(CrmLinesCursor *cursor);

#endif
