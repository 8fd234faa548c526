/*
 * link_sketch.h
 *		Between which levels two values lie, by their sketches (link_sketch.c) alone.
 *
 * For the loop over the pairs of a block, which has to be inlined to be worth it, and for the
 * test that holds it against the comparators.
 */
#ifndef CRM_IDENTITY_LINK_SKETCH_H
#define CRM_IDENTITY_LINK_SKETCH_H

#include "identity/link.h"

#define CRM_LINK_HEAD 4			/* letters */

#define LEVEL(compared) ((compared) + 1)
#define DIFFERENT 1
#define FARTHEST_DECADE 12		/* years: more than ten times 366 days for sure */
#define FARTHEST_YEAR 2
#define TEXT_COMMON 0.5

/* The lowest level and the highest. */
typedef struct CrmLinkSpan
{
	int			least;
	int			most;
} CrmLinkSpan;

#define ANY ((CrmLinkSpan) {0, CRM_LINK_MAX_LEVELS - 1})
#define UP_TO(level) ((CrmLinkSpan) {DIFFERENT, level})
#define JUST(level) ((CrmLinkSpan) {level, level})

/*
 * Letters of two texts that may have partners, and whose beginnings are equal so far.  What one
 * side has more often than the other has none.
 */
typedef struct CrmLinkShare
{
	int			left_lacks;
	int			right_lacks;
	int			partners;
	int			prefix;
} CrmLinkShare;

/* Bits of both halves of a word. */
static inline void
count_halves(uint64_t bits, int *low, int *high)
{
	bits -= bits >> 1 & UINT64_C(0x5555555555555555);
	bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
	bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	*low = (int) ((uint32_t) bits * UINT32_C(0x01010101) >> 24);
	*high = (int) ((uint32_t) (bits >> 32) * UINT32_C(0x01010101) >> 24);
}

static inline CrmLinkShare
share_letters(CrmLinkSketch x, CrmLinkSketch y)
{
	CrmLinkShare share;
	unsigned	differs = x.head ^ y.head;
	int			left;
	int			right;
	int			left_again;
	int			right_again;

	count_halves((uint64_t) (y.once & ~x.once) << 32 | (x.once & ~y.once), &right, &left);
	count_halves((uint64_t) (y.twice & ~x.twice) << 32 | (x.twice & ~y.twice), &right_again, &left_again);
	share.left_lacks = left;
	share.right_lacks = right;
	left = y.length - left - left_again;
	right = x.length - right - right_again;
	share.partners = left < right ? left : right;
	share.prefix = differs == 0 ? CRM_LINK_HEAD : __builtin_ctz(differs) / 4;
	return share;
}

/*
 * Whether Jaro-Winkler can reach a bound: needs[] is, by the letters that begin both, what
 * partners of the one length and of the other must come to together (3 j - 1), a little less.
 */
static inline bool
can_reach(CrmLinkSketch x, CrmLinkSketch y, CrmLinkShare share, const float *needs)
{
	return share.partners > 0 &&
		(float) (share.partners * (x.length + y.length)) >= needs[share.prefix] * (float) (x.length * y.length);
}

static const float crm_link_needs_90[CRM_LINK_HEAD + 1] = {1.69999f, 1.66665f, 1.62499f, 1.57141f, 1.49999f};
static const float crm_link_needs_88[CRM_LINK_HEAD + 1] = {1.63999f, 1.59999f, 1.54999f, 1.48570f, 1.39999f};
static const float crm_link_needs_70[CRM_LINK_HEAD + 1] = {1.09999f, 1.09999f, 1.09999f, 1.09999f, 1.09999f};

static inline bool
can_be_edits(CrmLinkSketch x, CrmLinkSketch y, CrmLinkShare share, int edits)
{
	int			longer = x.length - y.length;

	return share.left_lacks <= edits && share.right_lacks <= edits && longer <= edits && longer >= -edits;
}

/* The shorter lacks nothing of what it would have to begin the longer with. */
static inline bool
can_begin(CrmLinkSketch x, CrmLinkSketch y, CrmLinkShare share)
{
	int			shorter = x.length < y.length ? x.length : y.length;

	return (x.length < y.length ? share.right_lacks : share.left_lacks) == 0 &&
		(share.prefix == CRM_LINK_HEAD || share.prefix >= shorter);
}

static inline CrmLinkSpan
span_of_given(CrmLinkSketch x, CrmLinkSketch y)
{
	CrmLinkShare share = share_letters(x, y);

	if (can_reach(x, y, share, crm_link_needs_88) || can_be_edits(x, y, share, 1))
		return ANY;
	if (can_begin(x, y, share))
		return UP_TO(LEVEL(CRM_GIVEN_INITIAL));
	return can_reach(x, y, share, crm_link_needs_70) ? UP_TO(LEVEL(CRM_GIVEN_FAR)) : JUST(DIFFERENT);
}

static inline CrmLinkSpan
span_of_email(CrmLinkSketch x, CrmLinkSketch y)
{
	CrmLinkShare share = share_letters(x, y);

	return can_reach(x, y, share, crm_link_needs_88) || can_be_edits(x, y, share, 1) ? ANY : JUST(DIFFERENT);
}

/* Of pairs of neighbours, two letters without a partner break one at least. */
static inline CrmLinkSpan
span_of_text(CrmLinkSketch x, CrmLinkSketch y)
{
	CrmLinkShare share = share_letters(x, y);
	int			left = x.length - 1 - (share.right_lacks + 1) / 2;
	int			right = y.length - 1 - (share.left_lacks + 1) / 2;

	if (x.length == 1 || y.length == 1 || can_reach(x, y, share, crm_link_needs_90) ||
		(x.length <= y.length ? share.right_lacks : share.left_lacks) == 0)
		return ANY;
	return 2 * (left < right ? left : right) >= TEXT_COMMON * (x.length + y.length - 2) ?
		UP_TO(LEVEL(CRM_TEXT_FAR)) : JUST(DIFFERENT);
}

/* Addresses that are not taken apart: another house is no more than a neighbour. */
static inline CrmLinkSpan
span_of_address(CrmLinkSketch x, CrmLinkSketch y)
{
	if (x.house == 0 || y.house == 0 || x.house == y.house)
		return ANY;
	return can_reach(x, y, share_letters(x, y), crm_link_needs_90) ? UP_TO(LEVEL(CRM_ADDRESS_NONE)) :
		JUST(LEVEL(CRM_ADDRESS_NONE));
}

static inline CrmLinkSpan
span_of_split(CrmLinkSketch x, CrmLinkSketch y)
{
	int			longer = x.length - y.length;

	if (longer > 1 || longer < -1)
		return JUST(DIFFERENT);
	return (x.length - 1) / 2 != (y.length - 1) / 2 || x.once == y.once || x.twice == y.twice ? ANY :
		JUST(DIFFERENT);
}

/* The year of eight half bytes. */
static inline int
year_of(uint32_t digits)
{
	return (int) ((digits >> 28) * 1000 + (digits >> 24 & 15) * 100 + (digits >> 20 & 15) * 10 + (digits >> 16 & 15));
}

static inline CrmLinkSpan
span_of_date(CrmLinkSketch x, CrmLinkSketch y)
{
	uint32_t	differs = x.once ^ y.once;
	int			years = year_of(x.once) - year_of(y.once);

	years = years < 0 ? -years : years;
	if (differs >> 16 == 0 || x.twice == y.once || y.twice == x.once || (years <= 1 && (differs & 0xffff) == 0))
		return ANY;
	/* half bytes from the first that differs to the last: a typing error spans two at most */
	if ((31 - __builtin_clz(differs)) / 4 - __builtin_ctz(differs) / 4 <= 1)
		return ANY;
	return years >= FARTHEST_DECADE ? JUST(DIFFERENT) :
		UP_TO(years > FARTHEST_YEAR ? LEVEL(CRM_BIRTHDAY_DECADE) : LEVEL(CRM_BIRTHDAY_YEAR));
}

/* Between which levels two values lie that are not the same. */
static inline CrmLinkSpan
crm_link_span(CrmLinkKind kind, CrmLinkSketch x, CrmLinkSketch y)
{
	if (kind == CRM_LINK_SEX || kind == CRM_LINK_CLASS)
		return JUST(DIFFERENT);
	if (x.length == 0 || y.length == 0)
		return ANY;
	switch (kind)
	{
		case CRM_LINK_GIVEN:
		case CRM_LINK_SURNAME:
			return span_of_given(x, y);
		case CRM_LINK_DATE:
			return span_of_date(x, y);
		case CRM_LINK_EMAIL:
			return span_of_email(x, y);
		case CRM_LINK_PHONE:
		case CRM_LINK_ID:
			return span_of_split(x, y);
		case CRM_LINK_CODE:
			return can_be_edits(x, y, share_letters(x, y), 2) ? ANY : JUST(DIFFERENT);
		case CRM_LINK_TEXT:
			return span_of_text(x, y);
		case CRM_LINK_ADDRESS:
			return span_of_address(x, y);
		default:
			return ANY;
	}
}

/*
 * The same for two rows whose values of a field differ: names may stand in each other's column,
 * of which a single value knows nothing.
 */
static inline CrmLinkSpan
crm_link_row_span(const CrmLink *link, int field, const CrmLinkSketch *x, const CrmLinkSketch *y)
{
	int			partner = link->fields[field].partner;

	if (partner >= 0 && x[field].once == y[partner].once && x[partner].once == y[field].once)
		return ANY;
	return crm_link_span(link->fields[field].kind, x[field], y[field]);
}

#undef LEVEL
#undef DIFFERENT
#undef ANY
#undef UP_TO
#undef JUST

#endif
