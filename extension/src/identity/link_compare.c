/*
 * link_compare.c
 *		Levels of two rows' values, strongest highest, and the rough token of a value.
 *
 * Equal values have equal numbers, so most comparisons end at once.  Level 0 means that one
 * side says nothing, 1 that the two differ.
 */
#include "identity/link.h"

#include <string.h>

#include "pure/distance.h"
#include "pure/hash.h"

#define FAR 1

int
crm_link_levels_of(CrmLinkKind kind)
{
	static const int levels[] = {
		[CRM_LINK_GIVEN] = 7, [CRM_LINK_SURNAME] = 7, [CRM_LINK_NAME] = 6, [CRM_LINK_DATE] = 6,
		[CRM_LINK_CODE] = 5, [CRM_LINK_EMAIL] = 5, [CRM_LINK_TEXT] = 5, [CRM_LINK_CLASS] = 3
	};

	return levels[kind];
}

/* Four steps below equal: 4, 3, 2 or FAR.  Two or three ideographs are compared one by one. */
static int
name_level(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	double		similarity;

	if (a[0] >= 0x3400 && b[0] >= 0x3400 && a_length <= 4 && b_length <= 4)
	{
		if (a_length == b_length && a_length >= 3 && crm_distance_osa(a, a_length, b, b_length, 1) <= 1)
			return 4;
		return a[0] == b[0] ? 2 : FAR;
	}
	similarity = crm_similarity_jaro_winkler(a, a_length, b, b_length);
	return similarity >= 0.92 ? 4 : similarity >= 0.88 ? 3 : similarity >= 0.7 ? 2 : FAR;
}

static int
date_level(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	if (crm_distance_osa(a, a_length, b, b_length, 1) <= 1)
		return 4;
	if (a_length == 8 && b_length == 8)
	{
		bool		is_year_equal = memcmp(a, b, 4 * sizeof(uint16_t)) == 0;

		if ((is_year_equal && memcmp(a + 4, b + 6, 4) == 0 && memcmp(a + 6, b + 4, 4) == 0) ||
			memcmp(a + 4, b + 4, 4 * sizeof(uint16_t)) == 0)
			return 3;
		if (is_year_equal)
			return 2;
	}
	return FAR;
}

static int
code_level(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	int			edits = crm_distance_osa(a, a_length, b, b_length, 2);

	return edits <= 1 ? 3 : edits == 2 && a_length > 4 ? 2 : FAR;
}

static int
email_level(const uint16_t *a, const CrmLinkValue *va, const uint16_t *b, const CrmLinkValue *vb)
{
	if (va->local == vb->local && va->local > 0 &&
		memcmp(a, b, va->local * sizeof(uint16_t)) == 0)
		return 3;
	return crm_similarity_jaro_winkler(a, va->length, b, vb->length) >= 0.88 ? 2 : FAR;
}

static int
text_level(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	double		similarity = crm_similarity_jaro_winkler(a, a_length, b, b_length);

	return similarity >= 0.92 ? 3 : similarity >= 0.82 ? 2 : FAR;
}

/* Names stand in each other's column: said once, by the given name. */
static bool
is_swapped(const CrmLink *link, int field, uint32_t a, uint32_t b)
{
	const uint32_t *x = link->values + (size_t) a * link->n_fields;
	const uint32_t *y = link->values + (size_t) b * link->n_fields;
	CrmLinkKind wanted = link->fields[field].kind == CRM_LINK_GIVEN ? CRM_LINK_SURNAME :
		CRM_LINK_GIVEN;

	for (int f = 0; f < link->n_fields; f++)
		if (link->fields[f].kind == wanted)
			return x[field] == y[f] && x[f] == y[field];
	return false;
}

int
crm_link_level(const CrmLink *link, int field, uint32_t a, uint32_t b)
{
	uint32_t	va = link->values[(size_t) a * link->n_fields + field];
	uint32_t	vb = link->values[(size_t) b * link->n_fields + field];
	const CrmLinkValue *x = &link->dictionary[va];
	const CrmLinkValue *y = &link->dictionary[vb];
	const uint16_t *xu;
	const uint16_t *yu;

	if (va == 0 || vb == 0)
		return 0;
	if (va == vb)
		return link->fields[field].n_levels - 1;
	xu = link->arena + x->start;
	yu = link->arena + y->start;
	switch (link->fields[field].kind)
	{
		case CRM_LINK_GIVEN:
		case CRM_LINK_SURNAME:
			if (is_swapped(link, field, a, b))
				return link->fields[field].kind == CRM_LINK_GIVEN ? 5 : 0;
			return name_level(xu, x->length, yu, y->length);
		case CRM_LINK_NAME:
			return name_level(xu, x->length, yu, y->length);
		case CRM_LINK_DATE:
			return date_level(xu, x->length, yu, y->length);
		case CRM_LINK_CODE:
			return code_level(xu, x->length, yu, y->length);
		case CRM_LINK_EMAIL:
			return email_level(xu, x, yu, y);
		case CRM_LINK_TEXT:
			return text_level(xu, x->length, yu, y->length);
		case CRM_LINK_CLASS:
			break;
	}
	return FAR;
}

uint64_t
crm_link_pattern(const CrmLink *link, uint32_t a, uint32_t b)
{
	uint64_t	pattern = 0;

	for (int f = 0; f < link->n_fields; f++)
		pattern |= (uint64_t) crm_link_level(link, f, a, b) << (CRM_LINK_LEVEL_BITS * f);
	return pattern;
}

/* Consonants that sound alike, vowels dropped; an ideograph stands for itself. */
static uint64_t
sound(const uint16_t *units, int length)
{
	static const char classes[] = "01230120022455012623010202";
	uint64_t	code = units[0];
	int			taken = 1;
	char		last = units[0] >= 'a' && units[0] <= 'z' ? classes[units[0] - 'a'] : '0';

	if (units[0] >= 0x3400)
		return code;
	for (int i = 1; i < length && taken < 4; i++)
	{
		char		class = units[i] >= 'a' && units[i] <= 'z' ? classes[units[i] - 'a'] : '0';

		if (class != '0' && class != last)
		{
			code = code * 8 + (class - '0');
			taken++;
		}
		last = class;
	}
	return code;
}

/* What values that are nearly the same have in common; 0 when nothing can be said. */
uint64_t
crm_link_rough(const CrmLink *link, CrmLinkKind kind, uint32_t value)
{
	const CrmLinkValue *v = &link->dictionary[value];
	const uint16_t *units = link->arena + v->start;
	int			length = v->length;

	switch (kind)
	{
		case CRM_LINK_GIVEN:
		case CRM_LINK_SURNAME:
		case CRM_LINK_NAME:
			return sound(units, length) + 1;
		case CRM_LINK_DATE:
			length = length < 4 ? length : 4;
			break;
		case CRM_LINK_CODE:
			length = length < 4 ? length : length - 2 < 6 ? length - 2 : 6;
			break;
		case CRM_LINK_EMAIL:
			length = v->local;
			break;
		case CRM_LINK_TEXT:
			length = length < 5 ? length : 5;
			break;
		case CRM_LINK_CLASS:
			return 0;
	}
	return length > 0 ? crm_hash_bytes(units, length * sizeof(uint16_t)) | 1 : 0;
}
