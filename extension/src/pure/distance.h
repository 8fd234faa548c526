/*
 * distance.h - how far two texts are apart, in edits or as a share.
 *
 * Promises: bit-parallel where that is known, no allocation, any units, symmetric answers.
 * Rows are readable for CRM_UNITS_ROOM units and at most CRM_DISTANCE_MAX long.
 *
 * Decisions where published programs differ (tests/unit/unit_distance.c holds the vectors):
 * two empty texts are equal, so their similarity is 1; one empty text is 0.  Jaro-Winkler
 * lifts by the common prefix (at most four, 0.1 each) only where Jaro exceeds 0.7.  Damerau
 * is the unrestricted distance (ca/abc is 2); OSA edits no part twice (ca/abc is 3).
 */
#ifndef CRM_PURE_DISTANCE_H
#define CRM_PURE_DISTANCE_H

#include "pure/units.h"

#define CRM_DISTANCE_MAX 4096

/*
 * Each returns the number of edits, or limit + 1 as soon as it is known to be more than
 * limit; INT_MAX / 2 asks for the number whatever it is.
 */
extern int	crm_distance_levenshtein(const uint16_t *a, int a_length, const uint16_t *b,
									 int b_length, int limit);
extern int	crm_distance_osa(const uint16_t *a, int a_length, const uint16_t *b, int b_length,
							 int limit);
extern int	crm_distance_damerau(const uint16_t *a, int a_length, const uint16_t *b, int b_length,
								 int limit);

/* 0 to 1. */
extern double crm_similarity_jaro(const uint16_t *a, int a_length, const uint16_t *b, int b_length);
extern double crm_similarity_jaro_winkler(const uint16_t *a, int a_length, const uint16_t *b,
										  int b_length);

/*
 * Which characters a text has, as 32 classes; and what Jaro-Winkler can be at most of two texts
 * of which these and the common beginning are known.  Most pairs of unlike texts need no more.
 */
extern uint32_t crm_units_signature(const uint16_t *units, int length);
extern double crm_similarity_most(const uint16_t *a, int a_length, uint32_t a_signature,
								  const uint16_t *b, int b_length, uint32_t b_signature);

/*
 * Shares of common pairs of neighbouring characters (multisets): twice the common ones over
 * all (Dice), and the common ones over those of the shorter text (containment).  A text of one
 * character is compared as that character.
 */
extern double crm_similarity_bigram(const uint16_t *a, int a_length, const uint16_t *b,
									int b_length);
extern double crm_similarity_containment(const uint16_t *a, int a_length, const uint16_t *b,
										 int b_length);

#endif
