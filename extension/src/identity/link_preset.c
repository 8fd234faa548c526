/*
 * link_preset.c
 *		Chances of each level before anything is learned: among pairs that are one (m) and among
 *		any two rows (u).
 *
 * They are the model of an installation that has not been trained, the start of training, and
 * what a level falls back to that too few pairs have shown.  m are judgements about how people
 * and tills write (four of five values are written the same, a twentieth is mistyped); u of
 * names follows the shares of Chinese surnames (two persons share one by .027), u of birthdays
 * a customer base of sixty years.
 */
#include "identity/link.h"

#include <math.h>

#define FIRST_MATCHES 0.2		/* rows that have a twin, when nobody knows */
#define FIRST_ROWS 100000

typedef struct Preset
{
	double		m[CRM_LINK_MAX_LEVELS];
	double		u[CRM_LINK_MAX_LEVELS];
} Preset;

/* By level; the first is "one side says nothing" and is not used. */
static const Preset presets[CRM_LINK_KINDS] = {
	[CRM_LINK_GIVEN] = {{0, .07, .02, .02, .02, .07, .78, .02}, {0, .90, .07, .008, .006, .004, .0119, .0001}},
	[CRM_LINK_SURNAME] = {{0, .07, .02, .01, .02, .08, .80}, {0, .91, .065, .006, .006, .003, .01}},
	[CRM_LINK_NAME] = {{0, .02, .01, .03, .03, .02, .05, .02, .04, .03, .75},
	{0, .9602, .025, .005, .001, .003, .003, .001, .001, .0001, .0007}},
	[CRM_LINK_DATE] = {{0, .03, .01, .01, .03, .06, .02, .84}, {0, .63, .32, .04, .004, .005, .0005, .0005}},
	[CRM_LINK_PHONE] = {{0, .20, .01, .06, .73}, {0, .9999, .00005, .00004, .00001}},
	[CRM_LINK_EMAIL] = {{0, .20, .03, .03, .06, .68}, {0, .994, .004, .001, .0005, .0005}},
	[CRM_LINK_ID] = {{0, .04, .02, .05, .89}, {0, .99997, .00001, .00001, .00001}},
	[CRM_LINK_ADDRESS] = {{0, .12, .13, .15, .15, .45}, {0, .80, .13, .065, .004, .001}},
	[CRM_LINK_POSTCODE] = {{0, .06, .04, .05, .07, .78}, {0, .86, .10, .03, .005, .005}},
	[CRM_LINK_CODE] = {{0, .12, .02, .08, .78}, {0, .995, .002, .001, .002}},
	[CRM_LINK_TEXT] = {{0, .08, .04, .04, .10, .74}, {0, .95, .02, .005, .01, .015}},
	[CRM_LINK_NUMBER] = {{0, .08, .05, .05, .82}, {0, .86, .10, .02, .02}},
	[CRM_LINK_SEX] = {{0, .02, .98}, {0, .50, .50}},
	[CRM_LINK_CLASS] = {{0, .12, .88}, {0, .70, .30}}
};

/*
 * Levels that speak against one person, and how many matches may stand there: among more of them than that it is
 * families or namesakes that were learned, whose birthdays and sexes differ.  Whoever has married has another surname, and
 * things that are no persons have no field of these kinds.
 */
static const struct Against
{
	uint32_t	levels;			/* a bit for each */
	double		most;
} against[CRM_LINK_KINDS] = {
	[CRM_LINK_GIVEN] = {1u << 1, .30},
	[CRM_LINK_NAME] = {1u << 1 | 1u << 2, .15},
	[CRM_LINK_DATE] = {1u << 1 | 1u << 2 | 1u << 3, .30},
	[CRM_LINK_ID] = {1u << 1, .20},
	[CRM_LINK_SEX] = {1u << 1, .10}
};

#define MOST_DIFFERENT 0.5		/* of the matches, in a field of any other kind */

void
crm_link_hold_back(CrmLinkKind kind, double *m, int n_levels)
{
	uint32_t	levels = against[kind].levels != 0 ? against[kind].levels : 1u << 1;
	double		most = against[kind].levels != 0 ? against[kind].most : MOST_DIFFERENT;
	double		sum = 0;

	for (int level = 1; level < n_levels; level++)
		sum += (levels >> level & 1) != 0 ? m[level] : 0;
	if (sum <= most || sum >= 1)
		return;
	for (int level = 1; level < n_levels; level++)
		m[level] *= (levels >> level & 1) != 0 ? most / sum : (1 - most) / (1 - sum);
}

const double *
crm_link_preset_m(CrmLinkKind kind)
{
	return presets[kind].m;
}

const double *
crm_link_preset_u(CrmLinkKind kind)
{
	return presets[kind].u;
}

/* A model by presets alone, for the fields that are set. */
void
crm_link_preset(CrmLink *link)
{
	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkField *field = &link->fields[f];

		field->n_levels = crm_link_levels_of(field->kind);
		for (int level = 0; level < CRM_LINK_MAX_LEVELS; level++)
		{
			field->m[level] = presets[field->kind].m[level];
			field->u[level] = presets[field->kind].u[level];
		}
		field->exact_chance = field->u[crm_link_exact_of(field->kind)];
		field->least_share = field->exact_chance;
	}
	link->has_model = true;
	link->trained_rows = 0;
	link->matches = FIRST_MATCHES * FIRST_ROWS;
	link->prior = log2(link->matches / (FIRST_ROWS / 2.0 * (FIRST_ROWS - 1.0)));
	link->cut = -link->prior;
	link->cut_auto = CRM_LINK_AUTO_ODDS - link->prior;
}
