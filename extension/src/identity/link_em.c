/*
 * link_em.c
 *		Expectation and maximisation over counted patterns of levels (Fellegi and Sunter).
 *
 * The chance u of a level among rows that are two things is known of any two rows; learned are
 * m, the chance among pairs that are one, and the share of such pairs.  Within a block u may be
 * another (namesakes have e-mail addresses that are alike), so it moves as far as the block
 * outweighs what is known: else namesakes would be learned as matches.  Rows of the work are patterns, not
 * pairs: a few thousand whatever the data.  What fields a block was made of says nothing
 * there, so they are left out.
 */
#include "identity/link.h"

#include <math.h>
#include <string.h>

#define STEPS 200
#define SETTLED 1e-6
#define LEAST 1e-6
#define LEAST_U 1e-7
#define PRESET_PAIRS 3.0		/* what the presets weigh beside the matches found */

typedef struct Sums
{
	double		matched[CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS];
	double		other[CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS];
	double		matches;
	double		pairs;
} Sums;

static double
posterior(const CrmLinkField *fields, int n_fields, uint64_t pattern, uint32_t blocked_fields,
		  double share)
{
	double		odds = share / (1 - share);

	for (int f = 0; f < n_fields; f++)
	{
		int			level = crm_link_pattern_level(pattern, f);

		if (level > 0 && (blocked_fields >> f & 1) == 0)
			odds *= fields[f].m[level] / fields[f].u[level];
	}
	return isfinite(odds) ? odds / (1 + odds) : 1;
}

static void
expect(const CrmLinkField *fields, int n_fields, const CrmLinkPattern *patterns,
	   int64_t n_patterns, uint32_t blocked_fields, double share, Sums *sums)
{
	memset(sums, 0, sizeof *sums);
	for (int64_t i = 0; i < n_patterns; i++)
	{
		double		part = patterns[i].count *
			posterior(fields, n_fields, patterns[i].pattern, blocked_fields, share);

		sums->matches += part;
		sums->pairs += patterns[i].count;
		for (int f = 0; f < n_fields; f++)
		{
			int			level = crm_link_pattern_level(patterns[i].pattern, f);

			sums->matched[f][level] += part;
			sums->other[f][level] += patterns[i].count - part;
		}
	}
}

/* Returns the largest change of a chance. */
static double
maximise(CrmLinkField *fields, int n_fields, uint32_t blocked_fields, const Sums *sums)
{
	double		change = 0;

	for (int f = 0; f < n_fields; f++)
	{
		int			n_levels = fields[f].n_levels;
		double		known = sums->matches - sums->matched[f][0];
		const double *preset = crm_link_preset_m(fields[f].kind);

		double		m[CRM_LINK_MAX_LEVELS];

		if ((blocked_fields >> f & 1) != 0 || known < 1)
			continue;
		/* a level that few pairs showed leans on the preset */
		for (int level = 1; level < n_levels; level++)
			m[level] = fmax((sums->matched[f][level] + PRESET_PAIRS * preset[level]) / (known + PRESET_PAIRS), LEAST);
		crm_link_hold_back(fields[f].kind, m, n_levels);
		for (int level = 1; level < n_levels; level++)
		{
			change = fmax(change, fabs(m[level] - fields[f].m[level]));
			fields[f].m[level] = m[level];
		}
	}
	return change;
}

/* u of the block: what is known weighs as lean of all pairs. */
static void
move_u(CrmLinkField *fields, const CrmLinkField *known, int n_fields, double lean, const Sums *sums)
{
	for (int f = 0; f < n_fields; f++)
	{
		double		others = sums->pairs - sums->matches - sums->other[f][0];
		double		weight = lean * sums->pairs;

		for (int level = 1; level < fields[f].n_levels; level++)
			fields[f].u[level] = fmax((sums->other[f][level] + weight * known[f].u[level]) /
									  fmax(others + weight, 1e-9), LEAST_U);
	}
}

/*
 * Returns the share of matches; fields' m is changed where the block says nothing about it, and
 * u with a lean above 0.
 */
double
crm_link_em(CrmLinkField *fields, int n_fields, const CrmLinkPattern *patterns,
			int64_t n_patterns, uint32_t blocked_fields, double share, double lean)
{
	CrmLinkField known[CRM_LINK_MAX_FIELDS];
	Sums		sums;

	memcpy(known, fields, n_fields * sizeof *fields);

	for (int step = 0; step < STEPS; step++)
	{
		double		before = share;
		double		change;

		expect(fields, n_fields, patterns, n_patterns, blocked_fields, share, &sums);
		if (sums.pairs == 0)
			return 0;
		share = fmin(fmax(sums.matches / sums.pairs, 1e-9), 1 - 1e-9);
		change = maximise(fields, n_fields, blocked_fields, &sums);
		if (lean > 0)
			move_u(fields, known, n_fields, lean, &sums);
		if (change < SETTLED && fabs(share - before) < SETTLED * share)
			break;
	}
	return share;
}
