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
is_beginning(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	if (a_length > b_length)
		return is_beginning(b, b_length, a, a_length);
	return (a_length == 1 || a_length >= 3) && memcmp(a, b, (size_t) a_length * sizeof *a) == 0;
}

int
crm_compare_given_units(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	double		similarity = crm_similarity_jaro_winkler(a, a_length, b, b_length);

	if (similarity >= NEAREST ||
		(a_length >= 4 && b_length >= 4 && crm_distance_osa(a, a_length, b, b_length, 1) <= 1))
		return CRM_GIVEN_NEAREST;
	if (similarity >= NEAR)
		return CRM_GIVEN_NEAR;
	if (is_beginning(a, a_length, b, b_length))
		return CRM_GIVEN_INITIAL;
	return similarity >= FAR ? CRM_GIVEN_FAR : CRM_GIVEN_DIFFERENT;
}

int
crm_compare_given(const CrmPreparedText *a, const CrmPreparedText *b)
{
	if (a->text.length == 0 || b->text.length == 0)
		return CRM_LEVEL_NULL;
	if (a->hash == b->hash)
		return CRM_GIVEN_EXACT;
	return crm_compare_given_units(a->text.units, a->text.length, b->text.units, b->text.length);
}

/* What stands before the last three signs of a British code, the last two digits of others. */
static int
outward_length(const uint16_t *units, int length)
{
	bool		has_letter = length > 0 && units[0] > '9';

	return length - (has_letter ? 3 : 2);
}

int
crm_compare_postcode_units(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	int			outward = outward_length(a, a_length);

	if (a_length >= 4 && b_length >= 4 && crm_distance_osa(a, a_length, b, b_length, 1) <= 1)
		return CRM_POSTCODE_TYPO;
	if (outward >= 2 && outward == outward_length(b, b_length) &&
		memcmp(a, b, (size_t) outward * sizeof *a) == 0)
		return CRM_POSTCODE_DISTRICT;
	return a_length >= 3 && b_length >= 3 && a[0] == b[0] && a[1] == b[1] ?
		CRM_POSTCODE_AREA : CRM_POSTCODE_DIFFERENT;
}

int
crm_compare_postcode(const CrmPreparedText *a, const CrmPreparedText *b)
{
	if (a->text.length == 0 || b->text.length == 0)
		return CRM_LEVEL_NULL;
	if (a->hash == b->hash)
		return CRM_POSTCODE_EXACT;
	return crm_compare_postcode_units(a->text.units, a->text.length, b->text.units, b->text.length);
}

/* The shorter stands in the longer as it is. */
static bool
is_contained(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	if (a_length > b_length)
		return is_contained(b, b_length, a, a_length);
	for (int at = 0; a_length >= 2 && at + a_length <= b_length; at++)
		if (memcmp(a, b + at, (size_t) a_length * sizeof *a) == 0)
			return true;
	return false;
}

int
crm_compare_text_units(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	if (crm_similarity_jaro_winkler(a, a_length, b, b_length) >= TEXT_NEAR)
		return CRM_TEXT_NEAR;
	if (is_contained(a, a_length, b, b_length))
		return CRM_TEXT_CONTAINED;
	return crm_similarity_bigram(a, a_length, b, b_length) >= TEXT_COMMON ?
		CRM_TEXT_FAR : CRM_TEXT_DIFFERENT;
}

int
crm_compare_text(const CrmPreparedText *a, const CrmPreparedText *b)
{
	if (a->text.length == 0 || b->text.length == 0)
		return CRM_LEVEL_NULL;
	if (a->hash == b->hash)
		return CRM_TEXT_EXACT;
	return crm_compare_text_units(a->text.units, a->text.length, b->text.units, b->text.length);
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
