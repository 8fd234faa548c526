/*
 * compare_text.c - given names in letters, postcodes, short texts and numbers.
 */
#include <math.h>
#include <string.h>

#include "pure/compare.h"
#include "pure/distance.h"
#include "pure/hash.h"

#define LONGEST_HASHED 1024
#define LONGEST_NUMBER 40
#define NEAREST 0.92
#define NEAR 0.88
#define FAR 0.70
#define TEXT_NEAR 0.90
#define TEXT_COMMON 0.5

bool
crm_prepare_text(const char *bytes, size_t length, CrmPreparedText *out)
{
	uint16_t	units[LONGEST_HASHED];
	int			n = crm_units_read_folded(bytes, length, units, LONGEST_HASHED);

	memset(out, 0, sizeof *out);
	if (n <= 0)
		return false;
	out->hash = crm_hash_bytes(units, (size_t) n * sizeof *units);
	out->text.length = (uint16_t) (n < CRM_TEXT_MAX ? n : CRM_TEXT_MAX);
	memcpy(out->text.units, units, out->text.length * sizeof *units);
	return true;
}

/* As a text, without the space inside: sw1a 1aa is sw1a1aa. */
bool
crm_prepare_postcode(const char *bytes, size_t length, CrmPreparedText *out)
{
	int			kept = 0;

	if (!crm_prepare_text(bytes, length, out))
		return false;
	for (int i = 0; i < out->text.length; i++)
		if (out->text.units[i] != ' ')
			out->text.units[kept++] = out->text.units[i];
	memset(out->text.units + kept, 0, (size_t) (CRM_TEXT_MAX - kept) * sizeof *out->text.units);
	out->text.length = (uint16_t) kept;
	out->hash = crm_hash_bytes(out->text.units, (size_t) kept * sizeof *out->text.units);
	return true;
}

/* One is the first letter of the other, or its beginning of three letters and more. */
static bool
is_beginning(const CrmText *a, const CrmText *b)
{
	if (a->length > b->length)
		return is_beginning(b, a);
	return (a->length == 1 || a->length >= 3) &&
		memcmp(a->units, b->units, a->length * sizeof *a->units) == 0;
}

int
crm_compare_given(const CrmPreparedText *a, const CrmPreparedText *b)
{
	const CrmText *x = &a->text;
	const CrmText *y = &b->text;
	double		similarity;

	if (x->length == 0 || y->length == 0)
		return CRM_LEVEL_NULL;
	if (a->hash == b->hash)
		return CRM_GIVEN_EXACT;
	similarity = crm_similarity_jaro_winkler(x->units, x->length, y->units, y->length);
	if (similarity >= NEAREST ||
		(x->length >= 4 && y->length >= 4 &&
		 crm_distance_osa(x->units, x->length, y->units, y->length, 1) <= 1))
		return CRM_GIVEN_NEAREST;
	if (similarity >= NEAR)
		return CRM_GIVEN_NEAR;
	if (is_beginning(x, y))
		return CRM_GIVEN_INITIAL;
	return similarity >= FAR ? CRM_GIVEN_FAR : CRM_GIVEN_DIFFERENT;
}

/* What stands before the last three signs of a British code, the last two digits of others. */
static int
outward_length(const CrmText *text)
{
	bool		has_letter = text->length > 0 && text->units[0] > '9';

	return text->length - (has_letter ? 3 : 2);
}

int
crm_compare_postcode(const CrmPreparedText *a, const CrmPreparedText *b)
{
	const CrmText *x = &a->text;
	const CrmText *y = &b->text;
	int			outward = outward_length(x);

	if (x->length == 0 || y->length == 0)
		return CRM_LEVEL_NULL;
	if (a->hash == b->hash)
		return CRM_POSTCODE_EXACT;
	if (x->length >= 4 && y->length >= 4 &&
		crm_distance_osa(x->units, x->length, y->units, y->length, 1) <= 1)
		return CRM_POSTCODE_TYPO;
	if (outward >= 2 && outward == outward_length(y) &&
		memcmp(x->units, y->units, (size_t) outward * sizeof *x->units) == 0)
		return CRM_POSTCODE_DISTRICT;
	return x->length >= 3 && y->length >= 3 && x->units[0] == y->units[0] &&
		x->units[1] == y->units[1] ? CRM_POSTCODE_AREA : CRM_POSTCODE_DIFFERENT;
}

/* The shorter stands in the longer as it is. */
static bool
is_contained(const CrmText *a, const CrmText *b)
{
	if (a->length > b->length)
		return is_contained(b, a);
	for (int at = 0; a->length >= 2 && at + a->length <= b->length; at++)
		if (memcmp(a->units, b->units + at, a->length * sizeof *a->units) == 0)
			return true;
	return false;
}

int
crm_compare_text(const CrmPreparedText *a, const CrmPreparedText *b)
{
	const CrmText *x = &a->text;
	const CrmText *y = &b->text;

	if (x->length == 0 || y->length == 0)
		return CRM_LEVEL_NULL;
	if (a->hash == b->hash)
		return CRM_TEXT_EXACT;
	if (crm_similarity_jaro_winkler(x->units, x->length, y->units, y->length) >= TEXT_NEAR)
		return CRM_TEXT_NEAR;
	if (is_contained(x, y))
		return CRM_TEXT_CONTAINED;
	return crm_similarity_bigram(x->units, x->length, y->units, y->length) >= TEXT_COMMON ?
		CRM_TEXT_FAR : CRM_TEXT_DIFFERENT;
}

/* ---------------------------------------------------------------- numbers */

/* Digits, one point, a sign in front; commas and spaces between digits are left out. */
bool
crm_prepare_number(const char *bytes, size_t length, CrmPreparedNumber *out)
{
	double		value = 0;
	double		unit = 0;
	int			digits = 0;
	bool		is_negative = length > 0 && bytes[0] == '-';

	memset(out, 0, sizeof *out);
	for (size_t i = is_negative; i < length; i++)
	{
		if (bytes[i] >= '0' && bytes[i] <= '9' && digits++ < LONGEST_NUMBER)
		{
			value = unit > 0 ? value + (bytes[i] - '0') * unit : value * 10 + (bytes[i] - '0');
			unit /= 10;
		}
		else if (bytes[i] == '.' && unit <= 0 && digits < LONGEST_NUMBER)
			unit = 0.1;
		else if (bytes[i] != ',' && bytes[i] != ' ')
			return false;
	}
	out->is_known = digits > 0;
	out->value = is_negative ? -value : value;
	return out->is_known;
}

int
crm_compare_number(const CrmPreparedNumber *a, const CrmPreparedNumber *b)
{
	double		larger = fmax(fabs(a->value), fabs(b->value));
	double		apart = fabs(a->value - b->value);

	if (!a->is_known || !b->is_known)
		return CRM_LEVEL_NULL;
	if (apart <= 1e-9 * larger)
		return CRM_NUMBER_EXACT;
	if (apart <= larger / 100)
		return CRM_NUMBER_NEAR;
	return apart <= larger / 10 ? CRM_NUMBER_FAR : CRM_NUMBER_DIFFERENT;
}
