/*
 * distance_pattern.h - at which of 64 places of a text a character stands, as a bit mask.
 *
 * For the files distance_*.c alone.  ASCII is looked up directly, other units in a small open
 * table that 64 entries half fill.  Up to sixteen units need no table: one vector comparison
 * gives the mask where the machine has them.
 */
#ifndef CRM_PURE_DISTANCE_PATTERN_H
#define CRM_PURE_DISTANCE_PATTERN_H

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "pure/distance.h"

#define PATTERN_SLOTS 128
#define PATTERN_SHORT 16

typedef struct Pattern
{
	uint64_t	ascii[128];
	uint64_t	masks[PATTERN_SLOTS];
	uint16_t	keys[PATTERN_SLOTS];
	int			n_wide;
} Pattern;

/* The slot of a unit, or the free one where it would stand. */
static inline int
pattern_slot(const Pattern *pattern, uint16_t unit)
{
	int			slot = (int) (unit * 40503u >> 5) & (PATTERN_SLOTS - 1);

	while (pattern->masks[slot] != 0 && pattern->keys[slot] != unit)
		slot = (slot + 1) & (PATTERN_SLOTS - 1);
	return slot;
}

/* Takes in at most 64 units. */
static inline void
pattern_build(Pattern *pattern, const uint16_t *units, int length)
{
	memset(pattern->ascii, 0, sizeof pattern->ascii);
	memset(pattern->masks, 0, sizeof pattern->masks);
	pattern->n_wide = 0;
	for (int i = 0; i < length; i++)
	{
		if (units[i] < 128)
			pattern->ascii[units[i]] |= UINT64_C(1) << i;
		else
		{
			int			slot = pattern_slot(pattern, units[i]);

			pattern->keys[slot] = units[i];
			pattern->masks[slot] |= UINT64_C(1) << i;
			pattern->n_wide++;
		}
	}
}

static inline uint64_t
pattern_mask(const Pattern *pattern, uint16_t unit)
{
	if (unit < 128)
		return pattern->ascii[unit];
	return pattern->n_wide == 0 ? 0 : pattern->masks[pattern_slot(pattern, unit)];
}

/* Where unit stands among the sixteen; what is behind the text's end is the caller's to mask. */
static inline uint32_t
short_mask(const uint16_t *units, uint16_t unit)
{
#ifdef __SSE2__
	__m128i		wanted = _mm_set1_epi16((short) unit);
	__m128i		low = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *) units), wanted);
	__m128i		high = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *) (units + 8)), wanted);

	return (uint32_t) _mm_movemask_epi8(_mm_packs_epi16(low, high));
#else
	uint32_t	mask = 0;

	for (int i = 0; i < PATTERN_SHORT; i++)
		mask |= (uint32_t) (units[i] == unit) << i;
	return mask;
#endif
}

#endif
