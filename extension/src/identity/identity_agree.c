/*
 * identity_agree.c
 *		Whether two names and two birthdays speak of one person, of two, or say nothing.
 *
 * A phone may be a family's, or have changed hands: before two records become one person by
 * such a value, what else they say is held against each other here.  Silence (no name, a
 * nickname, pinyin, a mask) never contradicts.
 *
 * Worked example: 王伟 1980-01-02 and 李娜 1985-05-06 on one phone contradict; 王伟 and 王玮 do
 * not (one character, a typing error); 王伟 1980-01-02 and 王小明 2010-03-04, father and son,
 * do; 王* and 李娜 1985-05-06 do not, for a birthday is missing.
 *
 * Called by identity_cluster.c; no allocation, no lock.
 */
#include "identity/identity_agree.h"

#include "pure/localday.h"
#include "pure/normalize_name.h"
#include "pure/utf8.h"

/* Decodes up to room characters of a normalised key; stars end it. Returns how many. */
static int
decode(const char *text, size_t length, uint32 *points, int room)
{
	int			count = 0;

	while (length > 0 && count < room)
	{
		uint32		point;
		int			used = crm_utf8_decode(text, length, &point);

		if (used <= 0 || point == '*')
			break;
		points[count++] = point;
		text += used;
		length -= used;
	}
	return count;
}

/* Reads a name; what a mask or a title stands for is not known. */
void
crm_identity_read_name(const char *text, int length, CrmIdentityName *name)
{
	CrmName		normal;

	memset(name, 0, sizeof(*name));
	if (!crm_name_normalize(text, length, &normal) || !normal.is_han || normal.is_placeholder ||
		normal.surname_length == 0)
		return;
	name->is_known = true;
	decode(normal.key, normal.surname_length, name->surname, lengthof(name->surname));
	if (!normal.is_masked && !normal.is_surname_only)
		name->n_given = decode(normal.key + normal.surname_length,
							   normal.key_length - normal.surname_length,
							   name->given, lengthof(name->given));
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

static bool
share_character(const CrmIdentityName *a, const CrmIdentityName *b)
{
	for (int i = 0; i < a->n_given; i++)
		for (int j = 0; j < b->n_given; j++)
			if (a->given[i] == b->given[j])
				return true;
	return false;
}

static CrmIdentityAgreement
compare_names(const CrmIdentityName *a, const CrmIdentityName *b)
{
	bool		same_surname = memcmp(a->surname, b->surname, sizeof(a->surname)) == 0;

	if (!a->is_known || !b->is_known)
		return CRM_IDENTITY_UNKNOWN;
	if (a->n_given == 0 || b->n_given == 0)
		return same_surname ? CRM_IDENTITY_NEAR : CRM_IDENTITY_SURNAME_DIFFERS;
	if (same_surname && a->n_given == b->n_given &&
		memcmp(a->given, b->given, a->n_given * sizeof(uint32)) == 0)
		return CRM_IDENTITY_EQUAL;
	if (share_character(a, b))
		return same_surname ? CRM_IDENTITY_NEAR : CRM_IDENTITY_SURNAME_DIFFERS;
	return same_surname ? CRM_IDENTITY_GIVEN_DIFFERS : CRM_IDENTITY_DIFFERENT;
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

bool
crm_identity_contradict(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	CrmIdentityAgreement names = compare_names(&a->name, &b->name);
	CrmIdentityAgreement birthdays = compare_birthdays(a, b);

	if (birthdays == CRM_IDENTITY_DIFFERENT)
		return names >= CRM_IDENTITY_GIVEN_DIFFERS ||
			(names != CRM_IDENTITY_EQUAL && a->sex != 0 && b->sex != 0 && a->sex != b->sex);
	return names == CRM_IDENTITY_DIFFERENT && birthdays == CRM_IDENTITY_UNKNOWN;
}

bool
crm_identity_agree(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	CrmIdentityAgreement names = compare_names(&a->name, &b->name);
	CrmIdentityAgreement birthdays = compare_birthdays(a, b);

	return (names == CRM_IDENTITY_EQUAL && birthdays != CRM_IDENTITY_DIFFERENT) ||
		(birthdays == CRM_IDENTITY_EQUAL && names < CRM_IDENTITY_GIVEN_DIFFERS);
}

bool
crm_identity_is_another(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	return a->sex != 0 && b->sex != 0 && a->sex != b->sex &&
		compare_birthdays(a, b) == CRM_IDENTITY_DIFFERENT;
}

bool
crm_identity_disagree(const CrmIdentityTraits *a, const CrmIdentityTraits *b)
{
	return compare_names(&a->name, &b->name) >= CRM_IDENTITY_GIVEN_DIFFERS ||
		compare_birthdays(a, b) == CRM_IDENTITY_DIFFERENT;
}
