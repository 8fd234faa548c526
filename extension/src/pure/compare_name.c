/*
 * compare_name.c - personal names of both scripts, prepared and compared.
 *
 * Chinese names are compared by characters, by readings and by readings easily confused; a name
 * in letters is seen as surname and given name both ways round, and so it meets the pinyin of a
 * Chinese one.
 *
 * Worked example: "Chan Tai Man" has the surname Chan, which spells 陈 (chen) or 詹 (zhan), or
 * Man; against 陈大文 (chen dawen) surname agrees, "taiman" and "dawen" do not.
 */
#include <string.h>

#include "pure/compare.h"
#include "pure/distance.h"
#include "pure/hash.h"
#include "pure/normalize_name.h"
#include "pure/pinyin.h"

#define LETTERS_NEAR 0.9

/* A name as surname and given name; letters point into a prepared name. */
typedef struct View
{
	const uint16_t *surname;
	const uint16_t *spelled;
	const uint16_t *given;
	int			surname_length;
	int			given_length;
} View;

/* ---------------------------------------------------------------- preparing */

static void
append_letters(CrmText *text, const char *letters)
{
	for (; *letters && text->length < CRM_TEXT_MAX; letters++)
		text->units[text->length++] = (unsigned char) *letters;
}

static void
prepare_han(const CrmName *name, CrmPreparedName *out)
{
	uint16_t	units[CRM_NAME_UNITS];
	int			n = crm_units_read(name->key, name->key_length, units, CRM_NAME_UNITS);
	int			surname = crm_units_read(name->key, name->surname_length, units, CRM_NAME_UNITS);

	crm_units_read(name->key, name->key_length, units, CRM_NAME_UNITS);
	memcpy(out->units, units, (size_t) n * sizeof *units);
	out->length = (uint8_t) n;
	out->surname_length = (uint8_t) surname;
	crm_pinyin_surname(units, surname, out->syllables);
	for (int i = 0; i < n; i++)
	{
		if (i >= surname)
			out->syllables[i] = crm_pinyin_syllable(units[i]);
		out->classes[i] = crm_pinyin_class(out->syllables[i]);
		append_letters(&out->letters, crm_pinyin_letters(out->syllables[i]));
		if (i == surname - 1)
			out->first_length = (uint8_t) out->letters.length;
	}
	if (surname == 1)
		out->first_spelled[0] = out->syllables[0];
}

/* Letters without the spaces between words; the lengths of the first and last word. */
static void
prepare_letters(const CrmName *name, CrmPreparedName *out)
{
	uint16_t	units[64];
	int			n = crm_units_read_folded(name->key, name->key_length, units, 64);
	int			word = 0;

	for (int i = 0; i <= n && out->letters.length < CRM_TEXT_MAX; i++)
	{
		if (i < n && units[i] != ' ')
		{
			out->letters.units[out->letters.length++] = units[i];
			word++;
			continue;
		}
		if (out->n_words++ == 0)
			out->first_length = (uint8_t) word;
		out->last_length = (uint8_t) word;
		word = 0;
	}
	if (word > 0)				/* cut off within a word */
	{
		if (out->n_words++ == 0)
			out->first_length = (uint8_t) word;
		out->last_length = (uint8_t) word;
	}
	crm_pinyin_spelled(out->letters.units, out->first_length, out->first_spelled);
	crm_pinyin_spelled(out->letters.units + out->letters.length - out->last_length,
					   out->last_length, out->last_spelled);
}

bool
crm_prepare_name(const char *bytes, size_t length, CrmPreparedName *out)
{
	CrmName		name;
	uint64_t	hash;

	memset(out, 0, sizeof *out);
	if (!crm_name_normalize(bytes, length, &name) || name.is_placeholder)
		return false;
	out->is_han = name.is_han && name.surname_length > 0;
	out->is_masked = name.is_masked;
	out->is_surname_only = name.is_surname_only;
	if (out->is_han)
		prepare_han(&name, out);
	else
		prepare_letters(&name, out);
	hash = crm_hash_bytes(name.key, name.key_length);
	out->key_hash = hash ? hash : 1;
	out->raw_hash = crm_hash_bytes(bytes, length);
	return true;
}

/* ---------------------------------------------------------------- Chinese names */

static bool
equal_units(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	return a_length == b_length && memcmp(a, b, (size_t) a_length * sizeof *a) == 0;
}

/* All known and equal. */
static bool
equal_sounds(const uint16_t *a, const uint16_t *b, int length)
{
	for (int i = 0; i < length; i++)
		if (a[i] == 0 || a[i] != b[i])
			return false;
	return length > 0;
}

static bool
same_surname(const CrmPreparedName *a, const CrmPreparedName *b)
{
	return equal_units(a->units, a->surname_length, b->units, b->surname_length);
}

/* Equal where neither hides a character, and of one length. */
static int
compare_masked(const CrmPreparedName *a, const CrmPreparedName *b)
{
	if (a->length != b->length)
		return CRM_NAME_DIFFERENT;
	for (int i = 0; i < a->length; i++)
		if (a->units[i] != b->units[i] && a->units[i] != '*' && b->units[i] != '*')
			return CRM_NAME_DIFFERENT;
	return CRM_NAME_MASKED;
}

/* 伟张 is 张伟 with the given name in front. */
static bool
is_turned(const CrmPreparedName *a, const CrmPreparedName *b)
{
	int			given = a->length - a->surname_length;

	return a->length == b->length && given > 0 &&
		memcmp(a->units, b->units + given, a->surname_length * sizeof *a->units) == 0 &&
		memcmp(a->units + a->surname_length, b->units, (size_t) given * sizeof *a->units) == 0;
}

/* 欧** hides 欧阳锋 as well as 欧娜: platforms show the first character, not the surname. */
static bool
may_hide(const CrmPreparedName *masked, const CrmPreparedName *other)
{
	return masked->is_masked && masked->is_surname_only && masked->surname_length == 1 && other->surname_length > 1 &&
		masked->units[0] == other->units[0];
}

static int
compare_han(const CrmPreparedName *a, const CrmPreparedName *b)
{
	int			longer = a->length > b->length ? a->length : b->length;

	if (a->is_surname_only || b->is_surname_only)
		return same_surname(a, b) || may_hide(a, b) || may_hide(b, a) ? CRM_NAME_SURNAME_KNOWN : CRM_NAME_DIFFERENT;
	if (a->is_masked || b->is_masked)
		return compare_masked(a, b);
	if (is_turned(a, b) || is_turned(b, a))
		return CRM_NAME_VARIANT;
	if (a->length == b->length && equal_sounds(a->syllables, b->syllables, a->length))
		return CRM_NAME_SAME_SOUND;
	if (a->length == b->length && equal_sounds(a->classes, b->classes, a->length))
		return CRM_NAME_SOUNDS_NEAR;
	if (longer >= 3 &&
		crm_distance_osa(a->units, a->length, b->units, b->length, 1) <= 1)
		return CRM_NAME_ONE_EDIT;
	return same_surname(a, b) ? CRM_NAME_GIVEN_DIFFERS : CRM_NAME_DIFFERENT;
}

/* ---------------------------------------------------------------- letters */

/* Surname first, then surname last; a name of one word, or Chinese, has the first alone. */
static int
views_of(const CrmPreparedName *name, View views[2])
{
	const uint16_t *letters = name->letters.units;
	int			rest = name->letters.length - name->first_length;

	views[0] = (View) {letters, name->first_spelled, letters + name->first_length,
		name->first_length, rest};
	if (name->is_han || name->n_words < 2)
		return 1;
	rest = name->letters.length - name->last_length;
	views[1] = (View) {letters + rest, name->last_spelled, letters, name->last_length, rest};
	return 2;
}

static bool
same_view_surname(const View *a, const View *b)
{
	if (equal_units(a->surname, a->surname_length, b->surname, b->surname_length))
		return true;
	for (int i = 0; i < CRM_PINYIN_SPELLINGS && a->spelled[i]; i++)
		for (int j = 0; j < CRM_PINYIN_SPELLINGS && b->spelled[j]; j++)
			if (a->spelled[i] == b->spelled[j])
				return true;
	return false;
}

static bool
is_vowel(uint16_t unit)
{
	return unit == 'a' || unit == 'e' || unit == 'i' || unit == 'o' || unit == 'u' || unit == 'v' || unit == 'y';
}

/* "s" and "sf" are initials of "sanfeng". */
static bool
is_initial(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	if (a_length > b_length)
		return is_initial(b, b_length, a, a_length);
	if (a_length == 0 || a_length > 2 || b_length <= a_length || a[0] != b[0])
		return false;
	if (a_length == 1)
		return true;
	for (int i = 1; !is_vowel(a[1]) && i < b_length; i++)
		if (b[i] == a[1])
			return true;
	return false;
}

static int
compare_views(const View *a, const View *b)
{
	if (!same_view_surname(a, b))
		return CRM_NAME_DIFFERENT;
	if (a->given_length == 0 || b->given_length == 0)
		return CRM_NAME_SURNAME_KNOWN;
	if (equal_units(a->given, a->given_length, b->given, b->given_length))
		return CRM_NAME_SAME_SOUND;
	if (is_initial(a->given, a->given_length, b->given, b->given_length))
		return CRM_NAME_INITIAL;
	if (a->given_length >= 4 && b->given_length >= 4 &&
		crm_distance_osa(a->given, a->given_length, b->given, b->given_length, 1) <= 1)
		return CRM_NAME_ONE_EDIT;
	return CRM_NAME_GIVEN_DIFFERS;
}

/* At least one side in letters. */
static int
compare_letters(const CrmPreparedName *a, const CrmPreparedName *b)
{
	bool		both_letters = !a->is_han && !b->is_han;
	View		left[2];
	View		right[2];
	int			n_left = views_of(a, left);
	int			n_right = views_of(b, right);
	int			best = CRM_NAME_DIFFERENT;

	if (equal_units(a->letters.units, a->letters.length, b->letters.units, b->letters.length))
		return both_letters ? CRM_NAME_VARIANT : CRM_NAME_SAME_SOUND;
	if (both_letters && n_left == 2 && n_right == 2 &&
		equal_units(left[0].surname, left[0].surname_length, right[1].surname, right[1].surname_length) &&
		equal_units(left[0].given, left[0].given_length, right[1].given, right[1].given_length))
		return CRM_NAME_VARIANT;
	for (int i = 0; i < n_left; i++)
		for (int j = 0; j < n_right; j++)
		{
			int			level = compare_views(&left[i], &right[j]);

			best = level > best ? level : best;
		}
	if (best < CRM_NAME_INITIAL && a->letters.length >= 5 && b->letters.length >= 5 &&
		crm_similarity_jaro_winkler(a->letters.units, a->letters.length, b->letters.units,
									b->letters.length) >= LETTERS_NEAR)
		best = CRM_NAME_ONE_EDIT;
	return best;
}

int
crm_compare_name(const CrmPreparedName *a, const CrmPreparedName *b)
{
	if (a->key_hash == 0 || b->key_hash == 0)
		return CRM_LEVEL_NULL;
	if (a->is_han && b->is_han && (a->is_masked || b->is_masked || a->is_surname_only))
		return compare_han(a, b);
	/* *东 and j***n hide whose they are: the same stars are no whole name */
	if (a->is_masked || b->is_masked)
		return a->key_hash == b->key_hash ? CRM_NAME_MASKED : CRM_LEVEL_NULL;
	if (a->key_hash == b->key_hash)
		return a->raw_hash == b->raw_hash ? CRM_NAME_EXACT : CRM_NAME_VARIANT;
	if (a->is_han && b->is_han)
		return compare_han(a, b);
	return compare_letters(a, b);
}
