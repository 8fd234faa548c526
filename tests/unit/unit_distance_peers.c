/*
 * unit_distance_peers.c - every vector of jellyfish's files for the measures that we have too.
 *
 * The files lie beside the checkout; without them there is nothing to hold against.  Where the
 * two are decided otherwise (distance.h: two empty texts) the files have no vector.
 */
#include <limits.h>
#include <math.h>

#include "tap.h"
#include "pure/distance.h"

#define FOLDER "../shared/data/identity/vectors/jellyfish/"
#define MOST 256

typedef double (*Measure) (const uint16_t *a, int m, const uint16_t *b, int n);

static double
levenshtein(const uint16_t *a, int m, const uint16_t *b, int n)
{
	return crm_distance_levenshtein(a, m, b, n, INT_MAX / 2);
}

static double
damerau(const uint16_t *a, int m, const uint16_t *b, int n)
{
	return crm_distance_damerau(a, m, b, n, INT_MAX / 2);
}

/* Ends the field that begins at *at, takes its quotes off and moves *at behind it. */
static char *
cut_field(char **at)
{
	bool		is_quoted = **at == '"';
	char	   *field = *at + is_quoted;
	char	   *end = is_quoted ? strchr(field, '"') : field + strcspn(field, ",");

	if (end == NULL)
		return NULL;
	*at = end + is_quoted;
	*at += **at == ',';
	*end = '\0';
	return field;
}

static bool
check_line(const char *file, char *line, Measure measure)
{
	uint16_t	a[MOST + CRM_UNITS_ROOM] = {0};
	uint16_t	b[MOST + CRM_UNITS_ROOM] = {0};
	char	   *at = line;
	char	   *first = cut_field(&at);
	char	   *second = first ? cut_field(&at) : NULL;
	char	   *answer = second ? cut_field(&at) : NULL;
	double		got;
	double		want;

	if (answer == NULL || *answer == '\0')
		return false;
	got = measure(a, crm_units_read(first, strlen(first), a, MOST), b, crm_units_read(second, strlen(second), b, MOST));
	want = atof(answer);
	if (fabs(got - want) > 0.0006)
		printf("# %s: %s and %s are %.4f, not %.4f\n", file, first, second, got, want);
	CHECK(fabs(got - want) <= 0.0006);
	return true;
}

static void
check_file(const char *file, Measure measure, int least)
{
	char		path[200];
	char		line[1024];
	FILE	   *lines;
	int			count = 0;

	snprintf(path, sizeof path, FOLDER "%s.csv", file);
	lines = fopen(path, "r");
	if (lines == NULL)
	{
		skip(file, "the vectors do not lie beside the checkout");
		return;
	}
	while (fgets(line, sizeof line, lines))
	{
		line[strcspn(line, "\r\n")] = '\0';
		count += check_line(file, line, measure);
	}
	fclose(lines);
	CHECKED(file);
	ok(count >= least, "all of its vectors were read");
}

int
main(void)
{
	check_file("levenshtein", levenshtein, 6);
	check_file("damerau_levenshtein", damerau, 9);
	check_file("jaro_distance", crm_similarity_jaro, 5);
	check_file("jaro_winkler", crm_similarity_jaro_winkler, 17);
	return done();
}
