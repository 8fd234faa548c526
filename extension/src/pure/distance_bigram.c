/*
 * distance_bigram.c - common pairs of neighbouring characters.
 *
 * Each pair of the shorter text takes one equal free pair of the longer one.  Texts compared so
 * are names of places and compounds, a few dozen characters; taken pairs are bits.
 */
#include <stdbool.h>

#include "pure/distance_pattern.h"

#define WORD_BITS 64

/* Pairs of a that b has too, one for one; a text of one character is that character. */
static int
count_common(const uint16_t *a, int a_pairs, const uint16_t *b, int b_pairs)
{
	uint64_t	taken[CRM_DISTANCE_MAX / WORD_BITS];
	int			common = 0;

	memset(taken, 0, (size_t) (b_pairs + WORD_BITS - 1) / WORD_BITS * sizeof *taken);
	for (int i = 0; i < a_pairs; i++)
		for (int j = 0; j < b_pairs; j++)
			if (a[i] == b[j] && a[i + 1] == b[j + 1] &&
				!(taken[j / WORD_BITS] >> (j % WORD_BITS) & 1))
			{
				taken[j / WORD_BITS] |= UINT64_C(1) << (j % WORD_BITS);
				common++;
				break;
			}
	return common;
}

static bool
holds_character(const uint16_t *units, int length, uint16_t unit)
{
	for (int i = 0; i < length; i++)
		if (units[i] == unit)
			return true;
	return false;
}

double
crm_similarity_bigram(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	if (a_length == 0 || b_length == 0)
		return a_length == b_length ? 1.0 : 0.0;
	if (a_length == 1 || b_length == 1)
		return a_length == b_length && a[0] == b[0] ? 1.0 : 0.0;
	return 2.0 * count_common(a, a_length - 1, b, b_length - 1) / (a_length + b_length - 2);
}

double
crm_similarity_containment(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	if (a_length > b_length)
		return crm_similarity_containment(b, b_length, a, a_length);
	if (a_length == 0)
		return b_length == 0 ? 1.0 : 0.0;
	if (a_length == 1)
		return holds_character(b, b_length, a[0]) ? 1.0 : 0.0;
	return (double) count_common(a, a_length - 1, b, b_length - 1) / (a_length - 1);
}
