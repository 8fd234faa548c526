/*
 * identity_agree.c
 *		Whether two names and two birthdays speak of one person, of two, or say nothing.
 *
 * A phone may be a family's, or have changed hands: before two records become one person by
 * such a value, what else they say is held against each other here.  Names are compared as
 * everywhere (pure/compare.h).  Silence (no name, a nickname) never contradicts; a mask or a
 * title tells the surname; letters that spell no Chinese name tell nothing.
 *
 * Worked example: 王伟 and 李娜 on one phone contradict, and so do 王伟 and 李**; 王伟 and 王玮
 * do not (they sound alike), 王伟 and 王先生 neither; 王家文 and 王家明 do, brothers as they
 * may be, unless their birthdays say otherwise, and then only with another year.
 *
 * Called by identity_cluster.c; no allocation, no lock.
 */
#include "identity/identity_agree.h"

#include "pure/localday.h"
#include "pure/normalize_name.h"

/* Reads a name; what a mask or a title stands for is not known. */
void
crm_identity_read_name(const char *text, int length, CrmIdentityTraits *traits)
{
	CrmName		normal;

	traits->has_name = crm_name_normalize(text, length, &normal) && !normal.is_placeholder &&
		crm_prepare_name(text, length, &traits->name);
	traits->has_given = traits->has_name && !normal.is_masked && !normal.is_surname_only;
}

/* Dates that tills write when they know none. */
bool
crm_identity_is_real_birthday(DateADT birthday)
{
	return !DATE_NOT_FINITE(birthday) &&
		birthday >= CRM_DAY_MIN && birthday <= CRM_DAY_MAX &&
		birthday != crm_localday_number(1900, 1, 1) &&
		birthday != crm_localday_number(1970, 1, 1) &&
		birthday != crm_localday_number(2000, 1, 1);
}

/* Whether a name in letters may be a Chinese one. */
static bool
is_chinese(const CrmPreparedName *name)
{
	return name->is_han || (name->n_words == 2 &&
							(name->first_spelled[0] != 0 || name->last_spelled[0] != 0));
}

static CrmIdentityAgreement
compare_names(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	if (!a->has_name || !b->has_name)
		return CRM_IDENTITY_UNKNOWN;
	switch (crm_compare_name(&a->name, &b->name))
	{
		case CRM_NAME_EXACT:
		case CRM_NAME_VARIANT:
		case CRM_NAME_SAME_SOUND:
			return a->has_given && b->has_given ? CRM_IDENTITY_EQUAL : CRM_IDENTITY_NEAR;
		case CRM_NAME_SOUNDS_NEAR:
		case CRM_NAME_SURNAME_KNOWN:
		case CRM_NAME_MASKED:
		case CRM_NAME_INITIAL:
			return CRM_IDENTITY_NEAR;
		case CRM_NAME_ONE_EDIT:
			return CRM_IDENTITY_KIN;
		case CRM_NAME_GIVEN_DIFFERS:
			return is_chinese(&a->name) && is_chinese(&b->name) ? CRM_IDENTITY_GIVEN_DIFFERS
				: CRM_IDENTITY_UNKNOWN;
		case CRM_NAME_DIFFERENT:
			return is_chinese(&a->name) && is_chinese(&b->name) ? CRM_IDENTITY_DIFFERENT
				: CRM_IDENTITY_UNKNOWN;
		default:
			return CRM_IDENTITY_UNKNOWN;
	}
}

static int
count_digit_changes(CrmLocalDay a, CrmLocalDay b)
{
	int			left = a.year * 10000 + a.month * 100 + a.day;
	int			right = b.year * 10000 + b.month * 100 + b.day;
	int			changes = 0;

	for (int i = 0; i < 8; i++, left /= 10, right /= 10)
		changes += left % 10 != right % 10;
	return changes;
}

/* Near: one digit, day and month swapped, one year off, or one of them may be lunar. */
static CrmIdentityAgreement
compare_birthdays(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	CrmLocalDay left;
	CrmLocalDay right;

	if (!a->has_birthday || !b->has_birthday)
		return CRM_IDENTITY_UNKNOWN;
	if (a->birthday == b->birthday && a->is_lunar == b->is_lunar)
		return CRM_IDENTITY_EQUAL;
	left = crm_localday_split(a->birthday);
	right = crm_localday_split(b->birthday);
	if (abs(left.year - right.year) <= 1 &&
		(a->is_lunar != b->is_lunar || (left.month == right.month && left.day == right.day)))
		return CRM_IDENTITY_NEAR;
	if (left.year == right.year && left.month == right.day && left.day == right.month)
		return CRM_IDENTITY_NEAR;
	return count_digit_changes(left, right) <= 1 ? CRM_IDENTITY_NEAR : CRM_IDENTITY_DIFFERENT;
}

static bool
sexes_differ(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	return a->sex != 0 && b->sex != 0 && a->sex != b->sex;
}

/*
 * Twins have one birthday and nearly one name; nobody has one birthday and two surnames by chance, nearly one birthday some do.
 * A surname with a title or a mask is anybody's of a family: of another sex, with no birthday to ask, it is somebody else's.
 */
bool
crm_identity_contradict(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	CrmIdentityAgreement names = compare_names(a, b);
	CrmIdentityAgreement birthdays = compare_birthdays(a, b);

	if (birthdays == CRM_IDENTITY_DIFFERENT)
		return names >= CRM_IDENTITY_KIN || (names != CRM_IDENTITY_EQUAL && sexes_differ(a, b));
	if (names == CRM_IDENTITY_DIFFERENT)
		return birthdays != CRM_IDENTITY_EQUAL || sexes_differ(a, b);
	if (names == CRM_IDENTITY_NEAR && birthdays == CRM_IDENTITY_UNKNOWN && sexes_differ(a, b))
		return true;
	return names >= CRM_IDENTITY_KIN;
}

bool
crm_identity_agree(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	CrmIdentityAgreement names = compare_names(a, b);
	CrmIdentityAgreement birthdays = compare_birthdays(a, b);

	return (names == CRM_IDENTITY_EQUAL && birthdays != CRM_IDENTITY_DIFFERENT) ||
		(birthdays == CRM_IDENTITY_EQUAL && names < CRM_IDENTITY_KIN);
}

bool
crm_identity_is_another(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	return sexes_differ(a, b) && compare_birthdays(a, b) == CRM_IDENTITY_DIFFERENT;
}

bool
crm_identity_is_doubtful(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	return sexes_differ(a, b) || compare_birthdays(a, b) == CRM_IDENTITY_DIFFERENT;
}

bool
crm_identity_disagree(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	return compare_names(a, b) >= CRM_IDENTITY_KIN ||
		compare_birthdays(a, b) == CRM_IDENTITY_DIFFERENT;
}
