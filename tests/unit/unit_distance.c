/*
 * unit_distance.c - distances and similarities: published vectors, the plain definitions on
 * random texts of every length, and what a limit may change.
 *
 * The vectors are those of jellyfish, strsim and RapidFuzz; where they differ from each other
 * the head of distance.h says what holds here.
 */
#include <limits.h>
#include <math.h>

#include "tap.h"
#include "pure/distance.h"

#define LONGEST 200
#define ANY (INT_MAX / 2)

typedef struct Vector
{
	const char *a;
	const char *b;
	double		want;
} Vector;

static const Vector levenshtein_vectors[] = {
	{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"bc", "abc", 1}, {"kitten", "sitting", 3},
	{"Saturday", "Sunday", 3}, {"öঙ香", "abc", 3}, {"öঙ香", "öঙx香", 1}, {"ab", "ba", 2},
};
static const Vector osa_vectors[] = {
	{"", "", 0}, {"ab", "ba", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3}, {"abcd", "acbd", 1},
	{"张三丰", "张丰三", 1}, {"öঙ香", "ঙö香", 1}, {"ab bc cd", "ab cb dc", 2},
};
static const Vector damerau_vectors[] = {
	{"", "", 0}, {"abc", "", 3}, {"bc", "abc", 1}, {"fuor", "four", 1}, {"abcd", "acb", 2},
	{"cape sand recycling ", "edith ann graham", 17}, {"jellyifhs", "jellyfish", 2},
	{"ifhs", "fish", 2}, {"Hello, world!", "Hello,\xC2\xA0world!", 1}, {"ca", "abc", 2}, {"a cat", "an abct", 3},
};
static const Vector jaro_vectors[] = {
	{"dixon", "dicksonx", .767}, {"martha", "marhta", .944}, {"dwayne", "duane", .822},
	{"0ð00", "0ð00", 1}, {"Sint-Pietersplein 6, 9000 Gent", "Test 10, 1010 Brussel", .518},
	{"Friedrich Nietzsche", "Jean-Paul Sartre", .392}, {"张伟", "张玮", .667},
	{"testabctest", "testöঙ香test", .818}, {"", "", 1}, {"", "a", 0},
};
static const Vector winkler_vectors[] = {
	{"dixon", "dicksonx", .813}, {"martha", "marhta", .961}, {"dwayne", "duane", .84},
	{"William", "Williams", .975}, {"", "foo", 0}, {"a", "a", 1}, {"abc", "xyz", 0},
	{"aaaa", "aaaaa", .96}, {"orangutan-kumquat", "orangutan kumquat", .976}, {"jaz", "jal", .822},
	{"@", "@@", .85}, {"0", "0@", .85}, {"a", "ab", .85}, {"012345", "0123456", .971},
	{"012abc", "012abcd", .971}, {"012abc", "013abcd", .879}, {"a1bc", "a1be", .883},
	{"cheeseburger", "cheese fries", .8667}, {"testabctest", "testöঙ香test", .891}, {"张伟", "张玮", .667},
};

typedef int (*Distance) (const uint16_t *, int, const uint16_t *, int, int);
typedef double (*Similarity) (const uint16_t *, int, const uint16_t *, int);

static void
check_vector(const Vector *vector, Distance distance, Similarity similarity, const char *what)
{
	uint16_t	a[64] = {0};
	uint16_t	b[64] = {0};
	int			m = crm_units_read(vector->a, strlen(vector->a), a, 64);
	int			n = crm_units_read(vector->b, strlen(vector->b), b, 64);
	char		label[200];

	snprintf(label, sizeof label, "%s of %s and %s", what, vector->a, vector->b);
	if (distance)
	{
		is_int(distance(a, m, b, n, ANY), (int64_t) vector->want, label);
		is_int(distance(b, n, a, m, ANY), (int64_t) vector->want, "  and the other way round");
	}
	else if (!ok(fabs(similarity(a, m, b, n) - vector->want) < .0006, label))
		printf("#   got %f\n", similarity(a, m, b, n));
}

#define CHECK_VECTORS(vectors, distance, similarity) \
	for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) \
		check_vector(&vectors[v], distance, similarity, #vectors)

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* The definitions: whole matrices. */
static int
plain_edits(const uint16_t *a, int m, const uint16_t *b, int n, bool has_swaps)
{
	static int	d[LONGEST + 1][LONGEST + 1];

	for (int i = 0; i <= m; i++)
		for (int j = 0; j <= n; j++)
		{
			if (i == 0 || j == 0)
			{
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
							d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (has_swaps && i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[m][n];
}

static int
plain_damerau(const uint16_t *a, int m, const uint16_t *b, int n)
{
	static int	d[LONGEST + 1][LONGEST + 1];

	for (int i = 0; i <= m; i++)
		for (int j = 0; j <= n; j++)
		{
			int			row = i - 1;
			int			column = j - 1;

			if (i == 0 || j == 0)
			{
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
							d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			while (row > 0 && a[row - 1] != b[j - 1])
				row--;
			while (column > 0 && b[column - 1] != a[i - 1])
				column--;
			if (row > 0 && column > 0)
				d[i][j] = least(d[i][j], d[row - 1][column - 1] + (i - row - 1) + 1 + (j - column - 1));
		}
	return d[m][n];
}

static double
plain_jaro(const uint16_t *a, int m, const uint16_t *b, int n)
{
	bool		a_taken[LONGEST] = {false};
	bool		b_taken[LONGEST] = {false};
	int			window = (m > n ? m : n) / 2 - 1;
	int			matches = 0;
	int			swaps = 0;
	int			i = 0;

	if (m == 0 || n == 0)
		return m == n;
	window = window < 0 ? 0 : window;
	for (int j = 0; j < n; j++)
		for (i = 0; i < m; i++)
			if (abs(i - j) <= window && !a_taken[i] && a[i] == b[j])
			{
				a_taken[i] = b_taken[j] = true;
				matches++;
				break;
			}
	i = 0;
	for (int j = 0; j < n; j++)
		if (b_taken[j])
		{
			while (!a_taken[i])
				i++;
			swaps += a[i++] != b[j];
		}
	return matches == 0 ? 0 : (matches / (double) m + matches / (double) n +
							   (matches - swaps / 2) / (double) matches) / 3;
}

/* Random texts near each other, of few different characters so that much agrees. */
static void
draw_pair(uint16_t *a, int *m, uint16_t *b, int *n, int longest)
{
	int			kinds = (int) random_between(2, 12);
	uint16_t	base = random_u64() % 2 ? 'a' : 0x4E00;

	*m = (int) random_between(0, longest);
	for (int i = 0; i < *m; i++)
		a[i] = (uint16_t) (base + random_between(0, kinds));
	*n = random_u64() % 2 ? *m : (int) random_between(0, longest);
	for (int i = 0; i < *n; i++)
		b[i] = i < *m && random_u64() % 8 ? a[i] : (uint16_t) (base + random_between(0, kinds));
	for (int i = 1; i < *n; i++)
		if (random_u64() % 16 == 0)
		{
			uint16_t	held = b[i];

			b[i] = b[i - 1];
			b[i - 1] = held;
		}
}

static void
test_definitions(int longest, int rounds)
{
	uint16_t	a[LONGEST + CRM_UNITS_ROOM];
	uint16_t	b[LONGEST + CRM_UNITS_ROOM];
	int			m;
	int			n;

	memset(a, 0x55, sizeof a);
	memset(b, 0x55, sizeof b);
	while (rounds-- > 0)
	{
		int			limit = (int) random_between(0, 12);
		int			edits;

		draw_pair(a, &m, b, &n, longest);
		edits = plain_edits(a, m, b, n, false);
		CHECK(crm_distance_levenshtein(a, m, b, n, ANY) == edits);
		CHECK(crm_distance_levenshtein(a, m, b, n, limit) == least(edits, limit + 1));
		edits = plain_edits(a, m, b, n, true);
		CHECK(crm_distance_osa(a, m, b, n, ANY) == edits);
		CHECK(crm_distance_osa(b, n, a, m, limit) == least(edits, limit + 1));
		edits = plain_damerau(a, m, b, n);
		CHECK(crm_distance_damerau(a, m, b, n, ANY) == edits);
		CHECK(crm_distance_damerau(b, n, a, m, limit) == least(edits, limit + 1));
		CHECK(fabs(crm_similarity_jaro(a, m, b, n) - plain_jaro(a, m, b, n)) < 1e-12);
		CHECK(crm_similarity_bigram(a, m, b, n) == crm_similarity_bigram(b, n, a, m));
		CHECK(crm_similarity_containment(a, m, b, n) >= crm_similarity_bigram(a, m, b, n));
	}
}

int
main(void)
{
	uint16_t	zeros[65];

	CHECK_VECTORS(levenshtein_vectors, crm_distance_levenshtein, NULL);
	CHECK_VECTORS(osa_vectors, crm_distance_osa, NULL);
	CHECK_VECTORS(damerau_vectors, crm_distance_damerau, NULL);
	CHECK_VECTORS(jaro_vectors, NULL, crm_similarity_jaro);
	CHECK_VECTORS(winkler_vectors, NULL, crm_similarity_jaro_winkler);
	for (int i = 0; i < 65; i++)
		zeros[i] = '0';
	ok(fabs(crm_similarity_jaro_winkler(zeros, 64, zeros, 65) - .996923) < 1e-6,
	   "64 and 65 zeros over the edge of a word");
	test_definitions(16, 6000);
	CHECKED("texts up to 16 characters agree with the definitions");
	test_definitions(70, 1500);
	CHECKED("texts up to 70 characters agree with the definitions");
	test_definitions(LONGEST, 300);
	CHECKED("texts up to 200 characters agree with the definitions");
	return done();
}
