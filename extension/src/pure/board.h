/*
 * board.h
 *		What boards ask of everybody, answered from persons kept packed: their stores, tier and
 *		scores, and what each bought on which day in which store.
 *
 * A block is persons one after the other, ascending by id.  A person is a head (CrmBoardHead, as
 * it lies in memory) and behind it, in bytes of varint.h:
 *		number of stores in whose scope the person is, and those, ascending
 *		number of changes of tier, and of each: folded days since the change before (the first: the
 *			day), the tier before it
 *		visits until the record's end, by day, then store, each (day, store) once: in eight bytes the
 *			day (16 bits), the store (12 bits) and minor units (36 bits, signed), lowest first; or, of a
 *			person with a visit that does not fit so, all as CrmBoardVisit lies in memory
 * Days are days since 2000-01-01, amounts net of refunds, store 0 is none.  "An order" is a day
 * whose visits in the stores asked for add up to more than 0.
 *
 * A question adds to cells; which cells a person adds to is one definition, whether everybody is
 * counted or the persons of one cell are looked for.
 *
 * Promises: nothing is allocated; bytes may be anything, a damaged block is told and nothing is
 * read outside of it.
 *
 *	in board.c		blocks: written, walked, merged and cut
 *	in board_ask.c	the questions
 */
#ifndef CRM_PURE_BOARD_H
#define CRM_PURE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CRM_BOARD_BLOCK_BYTES 1900	/* a block of more is cut, unless it is one person */
#define CRM_BOARD_MAX_CELLS 4000000
#define CRM_BOARD_MAX_PERIODS 1000
#define CRM_BOARD_MAX_TIERS 200
#define CRM_BOARD_MAX_SCORE 15
#define CRM_BOARD_MAX_ORDERS 20
#define CRM_BOARD_ACTIVE 0x01
#define CRM_BOARD_NEAR_STORES 4096	/* ids below are looked up in a table */
#define CRM_BOARD_WIDE 0x02		/* visits take sixteen bytes */

typedef struct CrmBoardHead
{
	int64_t		person;
	uint64_t	store_bits;		/* bit store % 64 of each visit's store */
	int64_t		net_minor;		/* of the person's value */
	uint32_t	length;			/* of the whole record */
	uint32_t	visits_at;		/* where visits begin in it */
	int32_t		registered_on;
	int32_t		tier_since;
	int32_t		first_day;		/* no order, in whatever stores, lies before; */
	int32_t		last_day;		/* or behind.  without any: first_day > last_day */
	uint8_t		flags;
	uint8_t		tier;
	uint8_t		r;				/* 0: no score */
	uint8_t		f;
} CrmBoardHead;

typedef struct CrmBoardChange
{
	int32_t		day;
	int32_t		tier;			/* before the change */
} CrmBoardChange;

typedef struct CrmBoardVisit
{
	int32_t		day;
	int32_t		store;
	int64_t		net_minor;
} CrmBoardVisit;

/* ---- blocks */

/* Bytes that a record of so many parts takes at most. */
extern size_t crm_board_room(size_t n_scope, size_t n_changes, size_t n_visits);

/*
 * Writes a person; scope is ascending, changes by day, visits by day and store.  length, visits_at, store_bits,
 * first_day and last_day of head are filled in.  Returns the length.
 */
extern size_t crm_board_write(uint8_t *bytes, CrmBoardHead head, const int32_t *scope, size_t n_scope,
							  const CrmBoardChange *changes, size_t n_changes,
							  const CrmBoardVisit *visits, size_t n_visits);

/* Walks the persons of a block: next is false at its end, and when it is damaged. */
typedef struct CrmBoardWalk
{
	const uint8_t *at;
	const uint8_t *end;
	bool		is_damaged;
	const uint8_t *record;		/* of the last person read */
	CrmBoardHead head;
} CrmBoardWalk;

extern void crm_board_begin(CrmBoardWalk *walk, const uint8_t *bytes, size_t length);
extern bool crm_board_next(CrmBoardWalk *walk);

/* Walks the stores of a person's scope. */
typedef struct CrmBoardScope
{
	const uint8_t *at;
	const uint8_t *end;
	uint64_t	left;
	int32_t		store;
} CrmBoardScope;

extern void crm_board_scope_begin(CrmBoardScope *scope, CrmBoardWalk *person);
extern bool crm_board_scope_next(CrmBoardScope *scope, CrmBoardWalk *person);

/* Walks the changes of tier; the scope was walked to its end. */
typedef struct CrmBoardChanges
{
	const uint8_t *at;
	const uint8_t *end;
	uint64_t	left;
	CrmBoardChange change;
} CrmBoardChanges;

extern void crm_board_changes_begin(CrmBoardChanges *changes, const CrmBoardScope *scope, CrmBoardWalk *person);
extern bool crm_board_changes_next(CrmBoardChanges *changes, CrmBoardWalk *person);

/* The visits of a person, in order. */
typedef struct CrmBoardVisits
{
	const uint8_t *bytes;
	int			n;
	bool		is_wide;
} CrmBoardVisits;

static inline CrmBoardVisits
crm_board_visits(const CrmBoardWalk *person)
{
	bool		is_wide = (person->head.flags & CRM_BOARD_WIDE) != 0;

	return (CrmBoardVisits) {person->record + person->head.visits_at, (int) ((person->head.length - person->head.visits_at) / (is_wide ? 16 : 8)), is_wide};
}

static inline CrmBoardVisit
crm_board_visit(const CrmBoardVisits *visits, int i)
{
	CrmBoardVisit visit;
	uint64_t	packed;

	if (visits->is_wide)
	{
		memcpy(&visit, visits->bytes + (size_t) i * 16, sizeof visit);
		return visit;
	}
	memcpy(&packed, visits->bytes + (size_t) i * 8, sizeof packed);
	return (CrmBoardVisit) {(int32_t) (packed & 0xffff), (int32_t) (packed >> 16 & 0xfff), (int64_t) packed >> 28};
}

/*
 * Takes persons out of a block (gone, ascending) and puts those of another in: out has room for both.
 * Returns the length, -1 when either is damaged.
 */
extern int64_t crm_board_merge(const uint8_t *kept, size_t kept_length, const int64_t *gone, size_t n_gone,
							   const uint8_t *fresh, size_t fresh_length, uint8_t *out);

/*
 * Where a block is to be cut: the bytes of its first piece.  Blocks that grow at their end are left full, others
 * are cut into equal pieces, so that each has room to grow.
 */
extern size_t crm_board_cut(const uint8_t *bytes, size_t length, bool grows_at_end);

/* ---- questions */

typedef enum CrmBoardKind
{
	CRM_BOARD_SPAN = 1,			/* marks from, to: CrmBoardSpanCell */
	CRM_BOARD_HEALTH,			/* mark today: CrmBoardHealthCell, then persons by tier */
	CRM_BOARD_MAP,				/* persons by r * 16 + f, then their net likewise */
	CRM_BOARD_MOVES,			/* mark since: from * (tiers + 1) + to; from is tiers for who was not there */
	CRM_BOARD_COHORTS,			/* marks are starts, and the day behind the last: cohort * n + period, then by deepest */
	CRM_BOARD_CYCLE,			/* marks are the start before the first, starts, the day behind: four a period */
	CRM_BOARD_STORES,			/* marks from, to: CrmBoardStoreCell and persons by tier, a store */
	CRM_BOARD_INDICATORS,		/* marks from, to: CrmBoardIndicatorCell */
	CRM_BOARD_PERIODS,			/* marks are starts, and the day behind the last: CrmBoardPeriodCell a period */
	CRM_BOARD_FREQUENCY,		/* marks from, to: persons by orders, from CRM_BOARD_MAX_ORDERS on together */
	CRM_BOARD_GROUPS,			/* marks from, to: CrmBoardGroupCell a group of stores, a person once in each */
	CRM_BOARD_SCOPE				/* one cell: persons in whose scope one of the stores is */
} CrmBoardKind;

typedef enum CrmBoardSpanCell
{
	CRM_BOARD_BUYERS, CRM_BOARD_ORDERS, CRM_BOARD_NET, CRM_BOARD_REPEAT, CRM_BOARD_BEFORE, CRM_BOARD_LOST,
	CRM_BOARD_YEAR_ORDERS, CRM_BOARD_YEAR_BUYERS, CRM_BOARD_ACTIVE_30, CRM_BOARD_SPAN_CELLS
} CrmBoardSpanCell;

typedef enum CrmBoardHealthCell
{
	CRM_BOARD_HEALTH_ACTIVE, CRM_BOARD_REGISTERED, CRM_BOARD_FIRST, CRM_BOARD_SECOND, CRM_BOARD_THIRD,
	CRM_BOARD_HEALTH_CELLS
} CrmBoardHealthCell;

typedef enum CrmBoardStoreCell
{
	CRM_BOARD_STORE_BUYERS, CRM_BOARD_STORE_ORDERS, CRM_BOARD_STORE_NET, CRM_BOARD_STORE_REPEAT,
	CRM_BOARD_STORE_PERSONS, CRM_BOARD_STORE_CELLS
} CrmBoardStoreCell;

typedef enum CrmBoardGroupCell
{
	CRM_BOARD_GROUP_BUYERS, CRM_BOARD_GROUP_ORDERS, CRM_BOARD_GROUP_NET, CRM_BOARD_GROUP_REPEAT, CRM_BOARD_GROUP_CELLS
} CrmBoardGroupCell;

typedef enum CrmBoardIndicatorCell
{
	CRM_BOARD_IND_ACTIVE, CRM_BOARD_IND_FIRSTS, CRM_BOARD_IND_SECONDS, CRM_BOARD_IND_YEAR_ORDERS, CRM_BOARD_IND_YEAR_BUYERS,
	CRM_BOARD_IND_ORDERS, CRM_BOARD_IND_NET, CRM_BOARD_IND_EVER, CRM_BOARD_IND_DORMANT, CRM_BOARD_IND_YEAR_REPEAT, CRM_BOARD_INDICATOR_CELLS
} CrmBoardIndicatorCell;

typedef enum CrmBoardPeriodCell
{
	CRM_BOARD_PERIOD_BUYERS, CRM_BOARD_PERIOD_ORDERS, CRM_BOARD_PERIOD_NET, CRM_BOARD_PERIOD_REPEAT,
	CRM_BOARD_PERIOD_FIRSTS, CRM_BOARD_PERIOD_REGISTERED, CRM_BOARD_PERIOD_CELLS
} CrmBoardPeriodCell;

typedef struct CrmBoardQuestion
{
	CrmBoardKind kind;
	const int32_t *stores;		/* ascending; null: the chain */
	int			n_stores;
	const int32_t *groups;		/* of CRM_BOARD_GROUPS: that of each store, from 0 on; null: none */
	int			n_groups;
	uint64_t	store_bits;		/* bit store % 64 of each */
	const uint16_t *near_places;	/* of ids below CRM_BOARD_NEAR_STORES: place in stores + 1, 0 for none; null: they are searched */
	const int32_t *marks;
	int			n_marks;
	int			tiers;			/* so many tiers there are */
	int32_t    *scratch;		/* of CRM_BOARD_STORES: 2 * n_stores, zero between persons */
} CrmBoardQuestion;

/* What persons add up to; or whether one adds to any of some cells. */
typedef struct CrmBoardCells
{
	int64_t    *sums;			/* null: only those wanted are looked at */
	const int64_t *wanted;
	int			n_wanted;
	bool		is_met;
	bool		is_overflowing;	/* a sum does not fit 64 bits */
} CrmBoardCells;

/* How many cells a question has; -1 when it cannot be asked (marks, stores or tiers that do not fit). */
extern int64_t crm_board_cells(const CrmBoardQuestion *question);

/* Adds a person to the cells. */
extern void crm_board_ask(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells);

#endif
