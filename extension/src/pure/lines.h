/*
 * lines.h
 *		What a source record bought, line by line, packed: the facts that product and category
 *		conditions of rules are answered from.
 *
 * An entry is a (day, product) pair with the number of lines, their quantity and their amount.
 * Product 0 is a line that names none.  Entries of one pair are added up, so taking a line out
 * is adding its opposite, and equal contents are equal bytes in whatever order they came.
 *
 * A chunk holds up to CRM_LINES_MAX_ENTRIES, sorted by day, then product:
 *		u8				version
 *		u8				number of entries
 *		zigzag varint	day of the last entry; nothing follows in an empty chunk
 *		per entry:
 *			zigzag varint	day - day of the entry before (0 for the first)
 *			varint			product, less that of the entry before on the same day
 *			varint			zigzag of lines, times 2, plus 1 when a quantity follows
 *			zigzag varint	quantity in millionths; left out when it is one a line
 *			zigzag varint	amount in minor units
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
#define CRM_LINES_MAX_BYTES (2 + 10 + CRM_LINES_MAX_ENTRIES * 50)
#define CRM_LINES_UNIT INT64_C(1000000)	/* a quantity of one */

typedef struct CrmLine
{
	int32_t		day;
	int32_t		product;		/* 0: none */
	int64_t		lines;
	int64_t		quantity;		/* millionths */
	int64_t		amount_minor;
} CrmLine;

typedef struct CrmLinesCursor
{
	const uint8_t *at;
	const uint8_t *end;
	int			left;			/* entries not read yet */
	int32_t		last_day;		/* of the chunk */
	bool		is_begun;		/* an entry was read */
	bool		is_damaged;
	CrmLine		line;			/* the last one read */
} CrmLinesCursor;

/* Order of entries: day, then product. */
extern int	crm_lines_compare(const CrmLine *a, const CrmLine *b);

/*
 * Sorted runs a and b as one: equal pairs added up, what adds up to nothing left out.  out has
 * room for both.  Returns the number of entries, -1 when a sum does not fit 64 bits.
 */
extern int	crm_lines_merge(const CrmLine *a, int n_a, const CrmLine *b, int n_b, CrmLine *out);

/* Packs sorted, distinct entries; bytes has room for CRM_LINES_MAX_BYTES.  Returns the length. */
extern size_t crm_lines_pack(const CrmLine *entries, int n, uint8_t *bytes);

/* Walks a chunk: next is false at its end, and when it is damaged. */
extern void crm_lines_begin(CrmLinesCursor *cursor, const uint8_t *bytes, size_t length);
extern bool crm_lines_next(CrmLinesCursor *cursor);

#endif
