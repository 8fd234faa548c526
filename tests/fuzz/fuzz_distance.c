/* fuzz_distance.c - distances: symmetric, ordered among each other, true to their limit; similarities inside 0 to 1. */
#include <limits.h>

#include "fuzz.h"
#include "pure/distance.h"

SEEDS(SEED("martha|marhta"), SEED("张三丰|张丰三"), SEED("ca|abc"), SEED("Sint-Pietersplein 6, 9000 Gent|Test 10, 1010 Brussel"),
	  SEED("0000000000000000000000000000000000000000000000000000000000000000|00000000000000000000000000000000000000000000000000000000000000000"),
	  SEED("𠮷野家|吉野家"), SEED("|"), SEED("cape sand recycling |edith ann graham"));

static uint16_t *
read_units(const uint8_t *bytes, size_t length, int *count)
{
	uint16_t   *units = calloc(length + CRM_UNITS_ROOM, sizeof *units);

	*count = crm_units_read((const char *) bytes, length, units, CRM_DISTANCE_MAX);
	return units;
}

static void
check(const uint16_t *a, int m, const uint16_t *b, int n)
{
	int			any = INT_MAX / 2;
	int			levenshtein = crm_distance_levenshtein(a, m, b, n, any);
	int			osa = crm_distance_osa(a, m, b, n, any);
	int			damerau = crm_distance_damerau(a, m, b, n, any);
	int			limit = (m + n) % 5;
	double		jaro = crm_similarity_jaro(a, m, b, n);
	double		winkler = crm_similarity_jaro_winkler(a, m, b, n);
	double		bigram = crm_similarity_bigram(a, m, b, n);

	HOLDS(levenshtein == crm_distance_levenshtein(b, n, a, m, any));
	HOLDS(damerau == crm_distance_damerau(b, n, a, m, any));
	HOLDS(osa == crm_distance_osa(b, n, a, m, limit + any / 2));
	HOLDS(abs(m - n) <= damerau && damerau <= osa && osa <= levenshtein && levenshtein <= (m > n ? m : n));
	HOLDS(crm_distance_levenshtein(a, m, b, n, limit) == (levenshtein <= limit ? levenshtein : limit + 1));
	HOLDS(jaro >= 0 && jaro <= 1 && winkler >= jaro && winkler <= 1 && bigram >= 0 && bigram <= 1);
	HOLDS(crm_similarity_most(a, m, crm_units_signature(a, m), b, n, crm_units_signature(b, n)) >= winkler - 1e-9);
	HOLDS(crm_distance_osa(a, m, b, n, 1) == (osa <= 1 ? osa : 2));
	HOLDS(crm_distance_levenshtein(a, m, b, n, 1) == (levenshtein <= 1 ? levenshtein : 2));
	HOLDS(crm_similarity_containment(a, m, b, n) >= bigram);
	HOLDS(crm_distance_damerau(a, m, a, m, any) == 0 && crm_similarity_jaro(a, m, a, m) == 1.0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *bar = size > 0 ? memchr(data, '|', size) : NULL;
	size_t		first = bar ? (size_t) (bar - data) : size / 2;
	int			m;
	int			n;
	uint16_t   *a = read_units(data, first, &m);
	uint16_t   *b = read_units(data + first, size - first, &n);

	if (m >= 0 && n >= 0)
		check(a, m, b, n);
	free(a);
	free(b);
	return 0;
}
