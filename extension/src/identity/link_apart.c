/*
 * link_apart.c
 *		What leaves a pair to people, however much it weighs: levels that speak against one person,
 *		homes without their rooms, names alone, what a household shares, things at two places.
 *
 * Weights say how likely two rows are one among all rows.  They do not know that twins, and whoever
 * is called as his father, have a home, a telephone and half of the rest in common, and that houses
 * are full of people.  So for automatic merges some levels count for more than their bits.
 *
 * Called by link_dispute.c for each edge, and for three rows at a time.  No memory, no state.
 */
#include "identity/link.h"

#define OWN_CHANCE 0.01			/* that two share a value: of more it is no number of somebody */
#define AT(level) (1u << ((level) + 1))
#define NOTHING 1u				/* one side says nothing */

/* Levels by kind, a bit each. */
typedef struct Levels
{
	uint32_t	apart;			/* that keep two rows apart: another forename may be a short one, a birthday in the same year a wrong one */
	uint32_t	own;			/* of what a family has in common no more than strangers have */
	uint32_t	others;			/* that tell two other rows apart between whom this one may be torn */
	uint32_t	silent;			/* that do not tell which of them it is */
} Levels;

#define NAMES_APART (AT(CRM_NAME_DIFFERENT) | AT(CRM_NAME_GIVEN_DIFFERS) | AT(CRM_NAME_ONE_EDIT) | AT(CRM_NAME_SOUNDS_NEAR))
#define NAMES_SILENT (NOTHING | AT(CRM_NAME_SURNAME_KNOWN) | AT(CRM_NAME_MASKED) | AT(CRM_NAME_INITIAL))
#define DATES_APART (AT(0) | AT(1))

static const Levels levels[CRM_LINK_KINDS] = {
	[CRM_LINK_NAME] = {NAMES_APART, 0, NAMES_APART, NAMES_SILENT},
	[CRM_LINK_DATE] = {DATES_APART, 0, DATES_APART, NOTHING},
	[CRM_LINK_ID] = {AT(CRM_NATIONAL_ID_DIFFERENT), AT(CRM_NATIONAL_ID_TYPO) | AT(CRM_NATIONAL_ID_EXACT),
	AT(CRM_NATIONAL_ID_DIFFERENT), NOTHING | AT(CRM_NATIONAL_ID_MASKED)},
	[CRM_LINK_EMAIL] = {0, AT(CRM_MAIL_EXACT), 0, 0},
	[CRM_LINK_CODE] = {0, 1u << 4 | 1u << 3, 0, 0},
	[CRM_LINK_ADDRESS] = {0, 0, AT(CRM_ADDRESS_CONTRADICTION), AT(CRM_ADDRESS_BUILDING)},
	[CRM_LINK_SEX] = {1u << 1, 0, 0, 0}
};

/* Whether a pair has this level in any field of its kind, where few share a value if the level is one's own. */
static bool
has_own(const CrmLink *link, uint64_t pattern)
{
	for (int f = 0; f < link->n_fields; f++)
	{
		const CrmLinkField *field = &link->fields[f];

		if ((levels[field->kind].own >> crm_link_pattern_level(pattern, f) & 1) != 0 &&
			field->u[crm_link_exact_of(field->kind)] < OWN_CHANCE)
			return true;
	}
	return false;
}

/* The level of the first field of a kind that both rows tell, 0 if there is none. */
static int
level_of(const CrmLink *link, uint64_t pattern, CrmLinkKind kind)
{
	for (int f = 0; f < link->n_fields; f++)
		if (link->fields[f].kind == kind && crm_link_pattern_level(pattern, f) != 0)
			return crm_link_pattern_level(pattern, f);
	return 0;
}

/*
 * Name and address of a person alone: only the whole name and the whole address, down to the room, are one.  In one
 * building there are namesakes, at one home there is a family.
 */
static bool
is_home_in_part(const CrmLink *link, uint64_t pattern)
{
	int			name = level_of(link, pattern, CRM_LINK_NAME);
	int			home = level_of(link, pattern, CRM_LINK_ADDRESS);

	return name != 0 && home != 0 && (name <= CRM_NAME_SAME_SOUND + 1 || home != CRM_ADDRESS_UNIT + 1) &&
		level_of(link, pattern, CRM_LINK_PHONE) != crm_link_exact_of(CRM_LINK_PHONE) &&
		level_of(link, pattern, CRM_LINK_DATE) != crm_link_exact_of(CRM_LINK_DATE);
}

/* Mailboxes are made of names, so that one nearly the same says the name once more. */
static bool
says_more_than_name(const CrmLinkField *field, int level)
{
	if (field->kind == CRM_LINK_SEX || field->kind == CRM_LINK_CLASS)
		return false;
	if (field->kind == CRM_LINK_EMAIL && level != crm_link_exact_of(CRM_LINK_EMAIL))
		return false;
	return field->weight[level] > 0;
}

/* Names, and what half of all have in common with anybody: rare as a name may be here, somebody is called the same. */
static bool
is_name_alone(const CrmLink *link, uint64_t pattern)
{
	bool		is_person = false;

	for (int f = 0; f < link->n_fields; f++)
	{
		const CrmLinkField *field = &link->fields[f];

		if (field->kind <= CRM_LINK_NAME)
			is_person = true;
		else if (says_more_than_name(field, crm_link_pattern_level(pattern, f)))
			return false;
	}
	return is_person;
}

/* Whether rows are persons: these move, things stay where they are and are called as they are. */
bool
crm_link_has_names(const CrmLink *link)
{
	for (int f = 0; f < link->n_fields; f++)
		if (link->fields[f].kind <= CRM_LINK_NAME)
			return true;
	return false;
}

/*
 * A thing at another place, or whose name agrees by half: branches have a company's name and switchboard, a hotel's bar and
 * its dining room are at one address.  The first text that few share is the name.
 */
static bool
is_thing_apart(const CrmLink *link, uint64_t pattern)
{
	bool		is_named = false;

	for (int f = 0; f < link->n_fields; f++)
	{
		const CrmLinkField *field = &link->fields[f];
		int			level = crm_link_pattern_level(pattern, f);

		if (field->kind == CRM_LINK_ADDRESS && level == CRM_ADDRESS_CONTRADICTION + 1)
			return true;
		if (field->kind != CRM_LINK_TEXT || is_named || field->u[crm_link_exact_of(CRM_LINK_TEXT)] >= OWN_CHANCE)
			continue;
		is_named = true;
		if (level == CRM_TEXT_DIFFERENT + 1 || level == CRM_TEXT_FAR + 1)
			return true;
	}
	return false;
}

/* Whether no field of all is one's own: a household has telephone, home and surname in common. */
static bool
is_shared_alone(const CrmLink *link)
{
	for (int f = 0; f < link->n_fields; f++)
		switch (link->fields[f].kind)
		{
			case CRM_LINK_SURNAME:
			case CRM_LINK_PHONE:
			case CRM_LINK_ADDRESS:
			case CRM_LINK_POSTCODE:
			case CRM_LINK_SEX:
			case CRM_LINK_CLASS:
				continue;
			default:
				return false;
		}
	return true;
}

/* Whether a pair is for people to decide, unless something that is one's own says that it is one. */
bool
crm_link_is_apart(const CrmLink *link, uint64_t pattern)
{
	if (has_own(link, pattern))
		return false;
	for (int f = 0; f < link->n_fields; f++)
		if ((levels[link->fields[f].kind].apart >> crm_link_pattern_level(pattern, f) & 1) != 0)
			return true;
	if (is_shared_alone(link) || (!crm_link_has_names(link) && is_thing_apart(link, pattern)))
		return true;
	return is_home_in_part(link, pattern) || is_name_alone(link, pattern);
}

/* Whether a row may be either of two who are two: it says nothing of what tells those apart. */
bool
crm_link_is_torn(const CrmLink *link, uint64_t pattern, uint64_t left, uint64_t right)
{
	if (has_own(link, pattern))
		return false;
	for (int f = 0; f < link->n_fields; f++)
	{
		const Levels *known = &levels[link->fields[f].kind];

		if ((known->others >> crm_link_pattern_level(pattern, f) & 1) != 0 &&
			(known->silent >> crm_link_pattern_level(left, f) & 1) != 0 &&
			(known->silent >> crm_link_pattern_level(right, f) & 1) != 0)
			return true;
	}
	return false;
}
