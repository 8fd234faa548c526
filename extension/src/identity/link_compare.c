/*
 * link_compare.c
 *		Levels of two rows' values, strongest highest: those of compare.h plus one.
 *
 * Equal values have equal numbers, so most comparisons end at once.  Level 0 means that one
 * side says nothing.
 */
#include "identity/link_sketch.h"

#include <string.h>

#include "pure/distance.h"
#include "pure/pinyin.h"

#define LEVEL(compared) ((compared) + 1)
#define HAN_FIRST 0x3400
#define GIVEN_LEAST 0.70		/* what compare.h asks for its lowest level but "different" */
#define MAIL_LEAST 0.85			/* a little less, for typing errors */
#define MAIL_SHORT 8			/* one edit leaves mailboxes of so many letters that near */
#define HOUSE_LEAST 0.90

/* Levels of what compare.h does not have. */
enum
{
	CODE_DIFFERENT, CODE_TWO_EDITS, CODE_TYPO, CODE_EXACT
};
enum
{
	CLASS_DIFFERENT, CLASS_EXACT
};

#define GIVEN_SWAPPED (CRM_GIVEN_EXACT + 1)

static const char *const code_texts[2][4] = {
	{"different", "two signs differ", "a typing error apart", "same"},
	{"不同", "差两个字符", "疑似笔误", "相同"}
};
static const char *const class_texts[2][2] = {{"different", "same"}, {"不同", "相同"}};

/* The field of compare.h that a kind's levels are those of, or -1. */
static int
field_of(CrmLinkKind kind)
{
	static const int fields[] = {
		[CRM_LINK_GIVEN] = CRM_FIELD_GIVEN, [CRM_LINK_SURNAME] = CRM_FIELD_GIVEN,
		[CRM_LINK_NAME] = CRM_FIELD_NAME, [CRM_LINK_DATE] = CRM_FIELD_DATE,
		[CRM_LINK_PHONE] = CRM_FIELD_PHONE, [CRM_LINK_EMAIL] = CRM_FIELD_EMAIL,
		[CRM_LINK_ID] = CRM_FIELD_NATIONAL_ID, [CRM_LINK_ADDRESS] = CRM_FIELD_ADDRESS,
		[CRM_LINK_POSTCODE] = CRM_FIELD_POSTCODE, [CRM_LINK_CODE] = -1,
		[CRM_LINK_TEXT] = CRM_FIELD_TEXT, [CRM_LINK_NUMBER] = CRM_FIELD_NUMBER,
		[CRM_LINK_SEX] = -1, [CRM_LINK_CLASS] = -1
	};

	return fields[kind];
}

int
crm_link_levels_of(CrmLinkKind kind)
{
	int			field = field_of(kind);

	if (kind == CRM_LINK_GIVEN)
		return LEVEL(GIVEN_SWAPPED) + 1;
	if (field >= 0)
		return LEVEL(crm_compare_levels((CrmCompareField) field));
	return LEVEL(kind == CRM_LINK_CODE ? CODE_EXACT : CLASS_EXACT) + 1;
}

/* The level of two values that say the same and all there is to say. */
int
crm_link_exact_of(CrmLinkKind kind)
{
	return crm_link_levels_of(kind) - (kind == CRM_LINK_GIVEN ? 2 : 1);
}

const char *
crm_link_level_text(CrmLinkKind kind, int level, bool in_chinese)
{
	int			field = field_of(kind);

	if (level <= 0 || level >= crm_link_levels_of(kind))
		return in_chinese ? "未提供" : "not told";
	if (kind == CRM_LINK_GIVEN && level == LEVEL(GIVEN_SWAPPED))
		return in_chinese ? "姓与名互换" : "surname and given name changed places";
	if (field >= 0)
		return crm_compare_level_text((CrmCompareField) field, level - 1, in_chinese);
	return kind == CRM_LINK_CODE ? code_texts[in_chinese][level - 1] : class_texts[in_chinese][level - 1];
}

/* Chinese names of one column: by their readings, then character by character. */
static int
compare_han(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	bool		is_same_sound = a_length == b_length;

	for (int i = 0; is_same_sound && i < a_length; i++)
	{
		uint16_t	syllable = crm_pinyin_syllable(a[i]);

		is_same_sound = syllable != 0 && syllable == crm_pinyin_syllable(b[i]);
	}
	if (is_same_sound)
		return CRM_GIVEN_NEAREST;
	if (a_length == b_length && a_length >= 3 && crm_distance_osa(a, a_length, b, b_length, 1) <= 1)
		return CRM_GIVEN_NEAR;
	return a[0] == b[0] ? CRM_GIVEN_FAR : CRM_GIVEN_DIFFERENT;
}

/* What Jaro-Winkler of the two can be at most. */
static double
most_of(const uint16_t *a, const CrmLinkValue *x, const uint16_t *b, const CrmLinkValue *y)
{
	return crm_similarity_most(a, x->length, x->signature, b, y->length, y->signature);
}

/* Below the least similarity that counts, only an initial may be left. */
static int
compare_given(const uint16_t *a, const CrmLinkValue *x, const uint16_t *b, const CrmLinkValue *y)
{
	if (a[0] >= HAN_FIRST && b[0] >= HAN_FIRST && x->length <= 4 && y->length <= 4)
		return compare_han(a, x->length, b, y->length);
	if (a[0] != b[0] && most_of(a, x, b, y) < GIVEN_LEAST)
		return CRM_GIVEN_DIFFERENT;
	return crm_compare_given_units(a, x->length, b, y->length);
}

static int
compare_code(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	int			edits = crm_distance_osa(a, a_length, b, b_length, 2);

	return edits <= 1 ? CODE_TYPO : edits == 2 && a_length > 4 ? CODE_TWO_EDITS : CODE_DIFFERENT;
}

/* Unlike mailboxes are no typing error of one another either, if they are not very short. */
static int
compare_email(const uint16_t *a, const CrmLinkValue *x, const uint16_t *b, const CrmLinkValue *y)
{
	CrmMailUnits left = {a, a + x->local, x->local, x->length - x->local};
	CrmMailUnits right = {b, b + y->local, y->local, y->length - y->local};

	if (x->local >= MAIL_SHORT && y->local >= MAIL_SHORT &&
		crm_similarity_most(a, x->local, x->signature, b, y->local, y->signature) < MAIL_LEAST)
		return CRM_MAIL_DIFFERENT;
	return crm_compare_email_units(&left, &right);
}

/* One of two dates is none of the calendar: its digits alone are compared. */
static int
compare_raw_date(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	if (crm_distance_osa(a, a_length, b, b_length, 1) <= 1)
		return CRM_BIRTHDAY_TYPO;
	if (a_length != 8 || b_length != 8)
		return CRM_BIRTHDAY_DIFFERENT;
	if (memcmp(a + 4, b + 4, 4 * sizeof *a) == 0)
		return CRM_BIRTHDAY_MONTH_DAY;
	if (memcmp(a, b, 4 * sizeof *a) != 0)
		return CRM_BIRTHDAY_DIFFERENT;
	return memcmp(a + 4, b + 6, 2 * sizeof *a) == 0 && memcmp(a + 6, b + 4, 2 * sizeof *a) == 0 ?
		CRM_BIRTHDAY_TYPO : CRM_BIRTHDAY_YEAR;
}

/* The house number: the first digits. */
int
crm_link_house(const uint16_t *units, int length, const uint16_t **start)
{
	int			from = 0;
	int			to;

	while (from < length && (units[from] < '0' || units[from] > '9'))
		from++;
	for (to = from; to < length && units[to] >= '0' && units[to] <= '9';)
		to++;
	*start = units + from;
	return to - from;
}

/* Addresses that are not taken apart: a number that differs is another house. */
static int
compare_raw_address(const uint16_t *a, const CrmLinkValue *x, const uint16_t *b, const CrmLinkValue *y)
{
	const uint16_t *left;
	const uint16_t *right;
	int			left_length = crm_link_house(a, x->length, &left);
	int			right_length = crm_link_house(b, y->length, &right);
	bool		is_same_house = left_length == right_length &&
		memcmp(left, right, (size_t) left_length * sizeof *left) == 0;
	int			text;

	if (left_length > 0 && right_length > 0 && !is_same_house)
		return most_of(a, x, b, y) >= HOUSE_LEAST &&
			crm_similarity_jaro_winkler(a, x->length, b, y->length) >= HOUSE_LEAST ?
			CRM_ADDRESS_CONTRADICTION : CRM_ADDRESS_NONE;
	text = crm_compare_text_units(a, x->length, b, y->length);
	if (text >= CRM_TEXT_CONTAINED)
		return is_same_house ? CRM_ADDRESS_BUILDING : CRM_ADDRESS_AREA;
	return text == CRM_TEXT_FAR || (is_same_house && left_length > 0) ? CRM_ADDRESS_AREA : CRM_ADDRESS_NONE;
}

/* At least one side could not be read as its kind. */
static int
compare_raw(CrmLinkKind kind, const uint16_t *a, const CrmLinkValue *x, const uint16_t *b,
			const CrmLinkValue *y)
{
	switch (kind)
	{
		case CRM_LINK_DATE:
			return compare_raw_date(a, x->length, b, y->length);
		case CRM_LINK_ADDRESS:
			return compare_raw_address(a, x, b, y);
		default:
			return crm_distance_osa(a, x->length, b, y->length, 1) <= 1 ?
				CRM_TELEPHONE_TYPO : CRM_TELEPHONE_DIFFERENT;
	}
}

/* Two different values, or one with itself; what compare.h takes for nothing is 0. */
int
crm_link_value_level(CrmLinkKind kind, const uint64_t *arena, const CrmLinkValue *x,
					 const CrmLinkValue *y)
{
	const uint64_t *left = arena + x->start;
	const uint64_t *right = arena + y->start;
	const uint16_t *a = (const uint16_t *) (left + x->n_prepared);
	const uint16_t *b = (const uint16_t *) (right + y->n_prepared);

	if (x->n_prepared > 0 && y->n_prepared > 0)
		return LEVEL(crm_compare((CrmCompareField) field_of(kind), (const CrmPrepared *) left,
								 (const CrmPrepared *) right));
	if (x->hash == y->hash && x->length == y->length)
		return LEVEL(kind == CRM_LINK_ADDRESS ? CRM_ADDRESS_UNIT : crm_link_exact_of(kind) - 1);
	switch (kind)
	{
		case CRM_LINK_GIVEN:
		case CRM_LINK_SURNAME:
			return LEVEL(compare_given(a, x, b, y));
		case CRM_LINK_EMAIL:
			return LEVEL(compare_email(a, x, b, y));
		case CRM_LINK_POSTCODE:
			return LEVEL(crm_compare_postcode_units(a, x->length, b, y->length));
		case CRM_LINK_CODE:
			return LEVEL(compare_code(a, x->length, b, y->length));
		case CRM_LINK_TEXT:
			return LEVEL(crm_compare_text_units(a, x->length, b, y->length));
		case CRM_LINK_SEX:
		case CRM_LINK_CLASS:
			return LEVEL(CLASS_DIFFERENT);
		default:
			return LEVEL(compare_raw(kind, a, x, b, y));
	}
}

/* Names stand in each other's column: said once, by the given name. */
static bool
is_swapped(const CrmLink *link, int field, uint32_t a, uint32_t b)
{
	const uint32_t *x = link->values + (size_t) a * link->n_fields;
	const uint32_t *y = link->values + (size_t) b * link->n_fields;
	const CrmLinkValue *values = link->dictionary;
	int			partner = link->fields[field].partner;

	return partner >= 0 && x[partner] != 0 && y[partner] != 0 &&
		values[x[field]].hash == values[y[partner]].hash && values[x[partner]].hash == values[y[field]].hash;
}

int
crm_link_level(const CrmLink *link, int field, uint32_t a, uint32_t b)
{
	uint32_t	x = link->values[(size_t) a * link->n_fields + field];
	uint32_t	y = link->values[(size_t) b * link->n_fields + field];
	CrmLinkKind kind = link->fields[field].kind;

	if (x == 0 || y == 0)
		return 0;
	if (x == y)
		return link->dictionary[x].self;
	if ((kind == CRM_LINK_GIVEN || kind == CRM_LINK_SURNAME) && is_swapped(link, field, a, b))
		return kind == CRM_LINK_GIVEN ? LEVEL(GIVEN_SWAPPED) : 0;
	return crm_link_value_level(kind, link->arena, &link->dictionary[x], &link->dictionary[y]);
}

uint64_t
crm_link_pattern(const CrmLink *link, uint32_t a, uint32_t b)
{
	const uint32_t *x = link->values + (size_t) a * link->n_fields;
	const uint32_t *y = link->values + (size_t) b * link->n_fields;
	uint64_t	pattern = 0;

	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkSpan span = {0, 1};

		if (link->sketches != NULL && x[f] != y[f] && x[f] != 0 && y[f] != 0)
			span = crm_link_row_span(link, f, link->sketches + (size_t) a * link->n_fields,
									 link->sketches + (size_t) b * link->n_fields);
		pattern |= (uint64_t) (span.least == span.most ? span.least : crm_link_level(link, f, a, b)) <<
			(CRM_LINK_LEVEL_BITS * f);
	}
	return pattern;
}
