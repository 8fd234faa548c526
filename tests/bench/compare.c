/*
 * compare.c - pairs a CPU-second of every comparator, on the values of one file.
 *
 * Usage: compare VALUES, one value a line.  Each value is prepared once and compared with some
 * of those behind it, five million pairs in all; the sum is printed so that nothing is left out
 * by the compiler.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pure/compare.h"
#include "pure/distance.h"

#define MOST 60000
#define PAIRS 5000000L

static CrmText texts[MOST];
static CrmPrepared prepared[MOST];
static char lines[MOST][64];
static int	count;

typedef double (*Compare) (int a, int b);

static double
levenshtein(int a, int b)
{
	return crm_distance_levenshtein(texts[a].units, texts[a].length, texts[b].units, texts[b].length, INT_MAX / 2);
}

static double
osa(int a, int b)
{
	return crm_distance_osa(texts[a].units, texts[a].length, texts[b].units, texts[b].length, INT_MAX / 2);
}

static double
damerau(int a, int b)
{
	return crm_distance_damerau(texts[a].units, texts[a].length, texts[b].units, texts[b].length, INT_MAX / 2);
}

static double
jaro_winkler(int a, int b)
{
	return crm_similarity_jaro_winkler(texts[a].units, texts[a].length, texts[b].units, texts[b].length);
}

static double
name_level(int a, int b)
{
	return crm_compare_name(&prepared[a].name, &prepared[b].name);
}

static void
measure(const char *what, Compare compare)
{
	clock_t		start = clock();
	double		sum = 0;
	double		seconds;

	for (long n = 0; n < PAIRS; n++)
		sum += compare((int) (n % count), (int) ((n + 1 + n / count) % count));
	seconds = (double) (clock() - start) / CLOCKS_PER_SEC;
	printf("%-14s %8.1f million pairs a CPU-second (sum %.0f)\n", what, PAIRS / seconds / 1e6, sum);
}

int
main(int argc, char **argv)
{
	FILE	   *file = argc > 1 ? fopen(argv[1], "r") : NULL;

	if (file == NULL)
	{
		fprintf(stderr, "compare: no file of values\n");
		return 1;
	}
	while (count < MOST && fgets(lines[count], sizeof lines[count], file))
	{
		size_t		length = strcspn(lines[count], "\r\n");
		int			n = crm_units_read(lines[count], length, texts[count].units, CRM_TEXT_MAX);

		texts[count].length = (uint16_t) (n > 0 ? n : 0);
		crm_prepare_name(lines[count], length, &prepared[count].name);
		count += n > 0;
	}
	fclose(file);
	if (count == 0)
		return 1;
	measure("levenshtein", levenshtein);
	measure("osa", osa);
	measure("damerau", damerau);
	measure("jaro_winkler", jaro_winkler);
	measure("name levels", name_level);
	return 0;
}
