/*
 * unit_link_em.c - expectation and maximisation against answers that are known.
 *
 * Splink publishes 4,000 vectors of three fields drawn from known chances, with the chance of a
 * match that these give each of them; they lie beside the checkout.  Patterns made exactly as
 * the chances say are the other case: there the chances must come back.
 */
#include <math.h>

#include "tap.h"
#include "identity/link_em.c"

#define VECTORS "../shared/data/identity/vectors/splink/known_params_comparison_vectors.csv"
#define FIELDS 3

static const double known_m[FIELDS] = {.7, .9, .95};
static const double known_u[FIELDS] = {.1, .025, .2};

/* What the presets would say: nothing in favour of either level. */
const double *
crm_link_preset_m(CrmLinkKind kind)
{
	static const double even[CRM_LINK_MAX_LEVELS] = {0, .5, .5};

	(void) kind;
	return even;
}

/* And no level is held back. */
void
crm_link_hold_back(CrmLinkKind kind, double *m, int n_levels)
{
	(void) kind, (void) m, (void) n_levels;
}

static void
set_fields(CrmLinkField *fields, bool is_known)
{
	memset(fields, 0, FIELDS * sizeof *fields);
	for (int f = 0; f < FIELDS; f++)
	{
		fields[f].kind = CRM_LINK_CLASS;
		fields[f].n_levels = 3;
		fields[f].m[2] = is_known ? known_m[f] : .8;
		fields[f].m[1] = 1 - fields[f].m[2];
		fields[f].u[2] = known_u[f];
		fields[f].u[1] = 1 - known_u[f];
	}
}

static uint64_t
pattern_of(int bits)
{
	uint64_t	pattern = 0;

	for (int f = 0; f < FIELDS; f++)
		pattern |= (uint64_t) (1 + (bits >> f & 1)) << (CRM_LINK_LEVEL_BITS * f);
	return pattern;
}

/* As many of each pattern as the chances say of so many pairs. */
static void
test_exact(double share)
{
	CrmLinkField fields[FIELDS];
	CrmLinkPattern patterns[1 << FIELDS];
	double		found;

	for (int bits = 0; bits < 1 << FIELDS; bits++)
	{
		double		match = share;
		double		other = 1 - share;

		for (int f = 0; f < FIELDS; f++)
		{
			match *= bits >> f & 1 ? known_m[f] : 1 - known_m[f];
			other *= bits >> f & 1 ? known_u[f] : 1 - known_u[f];
		}
		patterns[bits] = (CrmLinkPattern) {pattern_of(bits), (int64_t) (1e9 * (match + other) + .5)};
	}
	set_fields(fields, false);
	found = crm_link_em(fields, FIELDS, patterns, 1 << FIELDS, 0, .5, 0);
	CHECK(fabs(found - share) < 1e-3);
	for (int f = 0; f < FIELDS; f++)
		CHECK(fabs(fields[f].m[2] - known_m[f]) < 1e-3);
	/* a field that the block was made of keeps its chances */
	set_fields(fields, false);
	crm_link_em(fields, FIELDS, patterns, 1 << FIELDS, 1, .5, 0);
	CHECK(fields[0].m[2] == .8);
}

static void
test_vectors(void)
{
	FILE	   *file = fopen(VECTORS, "r");
	CrmLinkField fields[FIELDS];
	CrmLinkPattern patterns[1 << FIELDS] = {{0}};
	char		line[512];
	int			g[FIELDS];
	int			truth;
	double		chance;
	int			rows = 0;

	if (file == NULL)
	{
		skip("Splink's vectors of known chances", "they do not lie beside the checkout");
		return;
	}
	set_fields(fields, true);
	while (fgets(line, sizeof line, file))
	{
		int			bits;

		if (sscanf(line, "%d,%d,%d,%d,%*d,%*[^,],%*[^,],%lf", &g[0], &g[1], &g[2], &truth, &chance) != 5)
			continue;
		bits = g[0] | g[1] << 1 | g[2] << 2;
		patterns[bits].pattern = pattern_of(bits);
		patterns[bits].count++;
		CHECK(fabs(posterior(fields, FIELDS, pattern_of(bits), 0, .5) - chance) < 1e-9);
		rows++;
	}
	fclose(file);
	CHECK(rows == 4000);
	CHECKED("the chance of a match of each published vector is the published one");
	set_fields(fields, false);
	chance = crm_link_em(fields, FIELDS, patterns, 1 << FIELDS, 0, .3, 0);
	CHECK(fabs(chance - .5) < .03);
	for (int f = 0; f < FIELDS; f++)
		CHECK(fabs(fields[f].m[2] - known_m[f]) < .03);
	CHECKED("the chances that the published vectors were drawn from are found");
}

int
main(void)
{
	test_exact(.5);
	test_exact(.05);
	CHECKED("chances come back from patterns that follow them");
	test_vectors();
	return done();
}
