/*
 * normalize_name.c - personal names: one form to compare by, one to show.
 *
 * Called by identity's normalisers.  Steps: fold every character, drop what is no part of a
 * name, take titles off, make hidden characters stars, find the surname.
 *
 * Worked example: " 歐陽　娜娜 女士" folds to 欧阳娜娜女士, loses the title (sex F), has the
 * compound surname 欧阳, key 欧阳娜娜, masked 欧阳**.
 */
#include <string.h>

#include "pure/name_words.h"
#include "pure/normalize_name.h"
#include "pure/utf8.h"
#include "pure/tables/trad_simp.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MOU 0x67D0				/* 某: "a certain" */

/* ---------------------------------------------------------------- traditional, simplified */

static uint32_t
simplify_bmp(uint32_t code_point)
{
	size_t		low = 0;
	size_t		high = LENGTH_OF(trad_simp_bmp);

	while (low < high)
	{
		size_t		middle = (low + high) / 2;

		if (trad_simp_bmp[middle][0] < code_point)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < LENGTH_OF(trad_simp_bmp) && trad_simp_bmp[low][0] == code_point)
		return trad_simp_bmp[low][1];
	return code_point;
}

static uint32_t
simplify_wide(uint32_t code_point)
{
	size_t		low = 0;
	size_t		high = LENGTH_OF(trad_simp_wide);

	while (low < high)
	{
		size_t		middle = (low + high) / 2;

		if (trad_simp_wide[middle][0] < code_point)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < LENGTH_OF(trad_simp_wide) && trad_simp_wide[low][0] == code_point)
		return trad_simp_wide[low][1];
	return code_point;
}

uint32_t
crm_name_simplify(uint32_t code_point)
{
	uint32_t	simple;

	if (!crm_utf8_is_han(code_point))
		return code_point;
	simple = simplify_bmp(code_point);
	return simple != code_point ? simple : simplify_wide(code_point);
}

/* ---------------------------------------------------------------- folding */

/* Dots and strokes that stand between the parts of a name. */
static bool
is_joint(uint32_t code_point)
{
	return code_point == 0xB7 || code_point == 0x2022 || code_point == 0x30FB ||
		code_point == 0x2027 || code_point == 0x2219 || code_point == 0x22C5 ||
		code_point == 0x2024 || code_point == 0xFF65 || code_point == 0xFF0E;
}

/* Signs that stand for a hidden character. */
static bool
is_star(uint32_t code_point)
{
	return code_point == '*' || code_point == 0x00D7 || code_point == 0x25CF ||
		code_point == 0x25CB || code_point == 0x2605 || code_point == 0x2731 ||
		code_point == 0x2217 || code_point == 0x25A1;
}

/* What one code point becomes; 0 leaves it out. */
static uint32_t
fold_character(uint32_t code_point)
{
	code_point = crm_utf8_fold_width(code_point);
	if (is_star(code_point))
		return '*';
	if (is_joint(code_point))
		return ' ';
	return crm_name_simplify(crm_utf8_fold_case(code_point));
}

/*
 * Folds the text into the key, one space between words and none around.  Returns false for
 * malformed text; a key that is full ends there.
 */
static bool
fold_text(const char *text, size_t length, CrmName *name)
{
	size_t		at = 0;
	bool		pending_space = false;

	while (at < length)
	{
		uint32_t	code_point;
		int			used = crm_utf8_decode(text + at, length - at, &code_point);

		if (used < 0 || code_point == 0)
			return false;
		at += (size_t) used;
		code_point = fold_character(code_point);
		if (code_point == 0)
			continue;
		if (code_point == ' ')
		{
			pending_space = name->key_length > 0;
			continue;
		}
		if (name->key_length + 1 + CRM_UTF8_MAX_BYTES > CRM_NAME_MAX)
			continue;
		if (pending_space)
			name->key[name->key_length++] = ' ';
		pending_space = false;
		name->is_han = name->is_han || crm_utf8_is_han(code_point);
		name->key_length += (size_t) crm_utf8_encode(code_point, name->key + name->key_length);
	}
	return true;
}

static void
drop_spaces(CrmName *name)
{
	size_t		kept = 0;
	size_t		i;

	for (i = 0; i < name->key_length; i++)
		if (name->key[i] != ' ')
			name->key[kept++] = name->key[i];
	name->key_length = kept;
}

/* ---------------------------------------------------------------- titles and masks */

/* Cuts a note in brackets off the end, (会员) or (VIP); true when it was a title. */
static bool
drop_note(CrmName *name, char *sex)
{
	size_t		open = name->key_length - 1;	/* behind the end lies what was there before spaces went */
	bool		is_title;

	if (name->key[name->key_length - 1] != ')' && name->key[name->key_length - 1] != ']')
		return false;
	while (open > 0 && name->key[open] != '(' && name->key[open] != '[')
		open--;
	if (open == 0)
		return false;
	is_title = crm_name_title_behind(name->key + open, name->key_length - open - 1, false, sex) > 0;
	name->key_length = open;
	while (name->key[name->key_length - 1] == ' ')
		name->key_length--;
	return is_title;
}

static size_t
surname_bytes(const CrmName *name)
{
	uint32_t	code_point;
	int			used;

	if (!name->is_han)
		return 0;
	/* two characters alone are a surname and a given name: 夏侯 could be 夏 侯 */
	if (name->key_length > 6 && crm_name_is_compound(name->key, name->key_length))
		return 6;
	used = crm_utf8_decode(name->key, name->key_length, &code_point);
	return used > 0 && crm_utf8_is_han(code_point) ? (size_t) used : 0;
}

/* True when the bytes in front of a title are a surname and nothing else. */
static bool
is_bare_surname(const char *text, size_t length)
{
	uint32_t	code_point;

	if (length == 6 && crm_name_is_compound(text, length))
		return true;
	return crm_utf8_decode(text, length, &code_point) == (int) length && length > 0;
}

static void
drop_title_before(CrmName *name)
{
	size_t		bytes = crm_name_title_before(name->key, name->key_length, &name->sex);

	if (bytes == name->key_length)
		return;
	memmove(name->key, name->key + bytes, name->key_length - bytes);
	name->key_length -= bytes;
}

/* Takes a title off the end of a Chinese name; true when there was one. */
static bool
drop_title_behind(CrmName *name)
{
	size_t		bytes = crm_name_title_behind(name->key, name->key_length, false, &name->sex);

	/* 总 and 姐 end given names as well, unless a bare surname stands before them */
	if (bytes == 0 && name->key_length > 3 &&
		is_bare_surname(name->key, name->key_length - 3))
		bytes = crm_name_title_behind(name->key, name->key_length, true, &name->sex);
	name->key_length -= bytes;
	return bytes > 0;
}

/*
 * Takes titles off both ends, as many as there are (王老师女士), so that a key has none left; a
 * surname alone is then all that is known.
 */
static void
drop_titles(CrmName *name)
{
	bool		has_title = false;
	size_t		before;

	do
	{
		before = name->key_length;
		drop_title_before(name);
		has_title |= drop_note(name, &name->sex);
		if (name->is_han)
			has_title |= drop_title_behind(name);
	} while (name->key_length < before);
	name->is_surname_only = name->is_han && has_title &&
		is_bare_surname(name->key, name->key_length);
}

/* 张xx and 张某某 hide the given name as 张** does; a lone x may be a letter of a name. */
static void
unify_masks(CrmName *name)
{
	char		out[CRM_NAME_MAX + 1];
	size_t		used = 0;
	size_t		at = 0;
	bool		is_first = true;

	while (at < name->key_length)
	{
		uint32_t	code_point;
		int			taken = crm_utf8_decode(name->key + at, name->key_length - at, &code_point);
		bool		hides = code_point == '*' ||
			(name->is_han && !is_first && (code_point == 'x' || code_point == MOU));

		if (hides)
			out[used++] = '*';
		else
		{
			memcpy(out + used, name->key + at, (size_t) taken);
			used += (size_t) taken;
		}
		name->is_masked = name->is_masked || hides;
		at += (size_t) taken;
		is_first = false;
	}
	memcpy(name->key, out, used);
	name->key_length = used;
}

/* Only stars behind the surname. */
static bool
hides_given_name(const CrmName *name)
{
	size_t		i = name->surname_length;

	while (i < name->key_length && name->key[i] == '*')
		i++;
	return name->is_masked && name->surname_length > 0 && i == name->key_length;
}

/* Surname or first letter, then always two stars: the length is hidden too. */
static void
write_masked(CrmName *name)
{
	uint32_t	code_point;
	size_t		shown = name->surname_length;

	if (shown == 0)
		shown = (size_t) crm_utf8_decode(name->key, name->key_length, &code_point);
	if (name->key[0] == '*')
		shown = 0;
	memcpy(name->masked, name->key, shown);
	memcpy(name->masked + shown, "**", 3);
}

/* ---------------------------------------------------------------- entry points */

bool
crm_name_normalize(const char *text, size_t length, CrmName *name)
{
	memset(name, 0, sizeof *name);
	if (!fold_text(text, length, name) || name->key_length == 0)
	{
		memset(name, 0, sizeof *name);
		return false;
	}
	name->is_valid = true;
	name->is_placeholder = crm_name_is_invented(name->key, name->key_length);
	if (name->is_han)
		drop_spaces(name);
	if (!name->is_placeholder)
	{
		drop_titles(name);
		unify_masks(name);
		name->is_placeholder = crm_name_is_invented(name->key, name->key_length);
	}
	name->surname_length = name->is_placeholder ? 0 : surname_bytes(name);
	if (name->is_surname_only)
		name->surname_length = name->key_length;
	name->is_surname_only = name->is_surname_only || hides_given_name(name);
	name->key[name->key_length] = '\0';
	write_masked(name);
	return true;
}
