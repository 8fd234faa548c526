/*
 * distance_jaro.c - Jaro and Jaro-Winkler on masks of 64 places.
 *
 * Every character of b takes the first free place of a that holds the same character and lies
 * within the window; then the pairs are counted that stand in another order.  A text of more
 * than 64 characters goes strip by strip: whether a character finds a place in one strip does
 * not depend on the strips behind it, so the answer is that of the plain definition.
 */
#include <stdbool.h>

#include "pure/distance_pattern.h"

#define STRIP 64
#define WORDS (CRM_DISTANCE_MAX / STRIP)
#define WINKLER_FROM 0.7
#define WINKLER_STEP 0.1
#define WINKLER_PREFIX 4

static double
jaro_of(int matches, int swaps, int a_length, int b_length)
{
	double		m = matches;

	return matches == 0 ? 0.0 : (m / a_length + m / b_length + (m - swaps / 2) / m) / 3.0;
}

/* Bits low to high, both inside 0 to 63. */
static inline uint64_t
bits_between(int low, int high)
{
	return (~UINT64_C(0) << low) & (~UINT64_C(0) >> (63 - high));
}

/* Both at most thirty-two units; of more than sixteen, a's last sixteen are looked at as well. */
static inline double
short_jaro(const uint16_t *a, int a_length, const uint16_t *b, int b_length, int window, bool is_wide)
{
	uint64_t	inside = (UINT64_C(1) << a_length) - 1;
	uint64_t	reach = (UINT64_C(2) << window) - 1;
	uint64_t	a_taken = 0;
	uint16_t	paired[2 * PATTERN_SHORT];
	int			tail = a_length - PATTERN_SHORT;
	int			matches = 0;
	int			swaps = 0;

	for (int j = 0; j < b_length; j++)
	{
		uint64_t	found = short_mask(a, b[j]);

		if (is_wide)
			found |= (uint64_t) short_mask(a + tail, b[j]) << tail;
		found &= reach & inside & ~a_taken;
		found &= -found;
		a_taken |= found;
		paired[matches] = b[j];
		matches += found != 0;
		reach = j < window ? reach << 1 | 1 : reach << 1;
	}
	for (int i = 0; i < matches; i++, a_taken &= a_taken - 1)
		swaps += a[__builtin_ctzll(a_taken)] != paired[i];
	return jaro_of(matches, swaps, a_length, b_length);
}

/* Pairs b's free characters with one strip of a. */
static int
pair_strip(const uint16_t *a, int first, int a_length, const uint16_t *b, int b_length, int window,
		   uint64_t *a_taken, uint64_t *b_taken)
{
	Pattern		pattern;
	int			rows = a_length - first < STRIP ? a_length - first : STRIP;
	int			j = first > window ? first - window : 0;
	int			matches = 0;

	pattern_build(&pattern, a + first, rows);
	for (; j < b_length && j - window < first + rows; j++)
	{
		int			low = j - window > first ? j - window - first : 0;
		int			high = j + window - first < STRIP - 1 ? j + window - first : STRIP - 1;
		uint64_t	found;

		if (b_taken[j / STRIP] >> (j % STRIP) & 1)
			continue;
		found = pattern_mask(&pattern, b[j]) & bits_between(low, high) & ~*a_taken;
		found &= -found;
		*a_taken |= found;
		b_taken[j / STRIP] |= (uint64_t) (found != 0) << (j % STRIP);
		matches += found != 0;
	}
	return matches;
}

/* The next taken place at or behind at. */
static inline int
next_taken(const uint64_t *taken, int at)
{
	uint64_t	word = taken[at / STRIP] >> (at % STRIP);

	if (word != 0)
		return at + __builtin_ctzll(word);
	for (at = at / STRIP + 1; taken[at] == 0; at++)
		;
	return at * STRIP + __builtin_ctzll(taken[at]);
}

static double
long_jaro(const uint16_t *a, int a_length, const uint16_t *b, int b_length, int window)
{
	uint64_t	a_taken[WORDS];
	uint64_t	b_taken[WORDS];
	int			matches = 0;
	int			swaps = 0;

	memset(a_taken, 0, (size_t) (a_length + STRIP - 1) / STRIP * sizeof *a_taken);
	memset(b_taken, 0, (size_t) (b_length + STRIP - 1) / STRIP * sizeof *b_taken);
	for (int first = 0; first < a_length; first += STRIP)
		matches += pair_strip(a, first, a_length, b, b_length, window, &a_taken[first / STRIP],
							  b_taken);
	for (int n = 0, i = 0, j = 0; n < matches; n++, i++, j++)
	{
		i = next_taken(a_taken, i);
		j = next_taken(b_taken, j);
		swaps += a[i] != b[j];
	}
	return jaro_of(matches, swaps, a_length, b_length);
}

double
crm_similarity_jaro(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	int			longer = a_length > b_length ? a_length : b_length;
	int			window = longer / 2 > 0 ? longer / 2 - 1 : 0;

	if (longer == 0)
		return 1.0;
	if (a_length == 0 || b_length == 0)
		return 0.0;
	if (longer <= PATTERN_SHORT)
		return short_jaro(a, a_length, b, b_length, window, false);
	if (longer <= 2 * PATTERN_SHORT)
		return short_jaro(a, a_length, b, b_length, window, a_length > PATTERN_SHORT);
	return long_jaro(a, a_length, b, b_length, window);
}

/* Both are readable for four units whatever their length. */
static inline int
common_prefix(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	int			most = a_length < b_length ? a_length : b_length;
	int			prefix = a[0] != b[0] ? 0 : a[1] != b[1] ? 1 : a[2] != b[2] ? 2 : a[3] != b[3] ? 3 : WINKLER_PREFIX;

	return prefix < most ? prefix : most;
}

double
crm_similarity_jaro_winkler(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	double		jaro = crm_similarity_jaro(a, a_length, b, b_length);

	if (jaro <= WINKLER_FROM)
		return jaro;
	return jaro + common_prefix(a, a_length, b, b_length) * WINKLER_STEP * (1.0 - jaro);
}

/* Letters have a class each, digits share three, everything else the last three. */
uint32_t
crm_units_signature(const uint16_t *units, int length)
{
	uint32_t	signature = 0;

	for (int i = 0; i < length; i++)
	{
		uint16_t	unit = units[i];

		if (unit >= 'a' && unit <= 'z')
			signature |= UINT32_C(1) << (unit - 'a');
		else
			signature |= UINT32_C(1) << (unit >= '0' && unit <= '9' ? 26 + unit % 3 : 29 + unit % 3);
	}
	return signature;
}

double
crm_similarity_most(const uint16_t *a, int a_length, uint32_t a_signature, const uint16_t *b,
					int b_length, uint32_t b_signature)
{
	/* each class that one side lacks leaves one of the other's characters without a pair */
	int			from_a = a_length - __builtin_popcount(a_signature & ~b_signature);
	int			from_b = b_length - __builtin_popcount(b_signature & ~a_signature);
	double		m = from_a < from_b ? from_a : from_b;
	double		jaro;

	if (a_length == 0 || b_length == 0)
		return a_length == b_length;
	jaro = m <= 0 ? 0 : (m / a_length + m / b_length + 1) / 3;
	if (jaro <= WINKLER_FROM)
		return jaro;
	return jaro + common_prefix(a, a_length, b, b_length) * WINKLER_STEP * (1.0 - jaro);
}
