/*
 * name_parts.c - the beginnings by which a name is found.
 *
 * Called when the index over names is kept.  A name of up to SPELT_WHOLE characters has every
 * mixture of whole syllables and first letters; a longer one whole syllables, or first letters.
 */
#include <string.h>

#include "pure/name_parts.h"
#include "pure/pinyin.h"
#include "pure/utf8.h"

#define CHARS 64				/* of a name that are looked at */
#define SPELT_WHOLE 4
#define FORMS 4
#define SYLLABLE 7

typedef struct Word
{
	const char *text;
	int			count;
	size_t		at[CHARS + 1];	/* where each character begins */
	uint16_t	units[CHARS];	/* 0: no Chinese character */
} Word;

static void
add(CrmNameParts *parts, const char *text, size_t length)
{
	if (parts->count == CRM_NAME_PARTS || length == 0)
		return;
	memcpy(parts->texts[parts->count], text, length);
	parts->lengths[parts->count++] = length;
}

/* How a syllable may be typed: whole, lv as lu too; before another its first letter, and zh. */
static int
forms_of(uint16_t syllable, int is_last, char forms[FORMS][SYLLABLE + 1])
{
	const char *letters = crm_pinyin_letters(syllable);
	char	   *rounded;
	int			count = 0;

	strcpy(forms[count++], letters);
	if ((rounded = strchr(letters, 'v')) != NULL)
	{
		strcpy(forms[count], letters);
		forms[count++][rounded - letters] = 'u';
	}
	if (is_last || letters[0] == '\0')
		return count;
	memset(forms[count], 0, SYLLABLE + 1);
	forms[count++][0] = letters[0];
	if (letters[1] == 'h')
	{
		memset(forms[count], 0, SYLLABLE + 1);
		memcpy(forms[count++], letters, 2);
	}
	return count;
}

/* Every way to type the syllables behind what is typed already; depth: their number. */
static void
spell(CrmNameParts *parts, const uint16_t *syllables, int n, const char *typed, size_t length)
{
	char		forms[FORMS][SYLLABLE + 1];
	char		longer[SPELT_WHOLE * SYLLABLE];
	int			count = forms_of(syllables[0], n == 1, forms);

	memcpy(longer, typed, length);
	for (int i = 0; i < count; i++)
	{
		size_t		added = strlen(forms[i]);

		memcpy(longer + length, forms[i], added);
		if (n > 1)
			spell(parts, syllables + 1, n - 1, longer, length + added);
		else
			add(parts, longer, length + added < CRM_NAME_PART_CHARS ? length + added : CRM_NAME_PART_CHARS);
	}
}

/* A long name: all in whole syllables, and all in first letters. */
static void
spell_plainly(CrmNameParts *parts, const uint16_t *syllables, int n)
{
	char		whole[CRM_NAME_PART_CHARS + SYLLABLE];
	char		initials[CRM_NAME_PART_CHARS];
	size_t		length = 0;
	size_t		letters = 0;

	for (int i = 0; i < n && length < CRM_NAME_PART_CHARS; i++)
	{
		const char *syllable = crm_pinyin_letters(syllables[i]);

		memcpy(whole + length, syllable, strlen(syllable));
		length += strlen(syllable);
	}
	for (int i = 0; i < n && letters < CRM_NAME_PART_CHARS; i++)
		if (syllables[i] != 0)
			initials[letters++] = crm_pinyin_letters(syllables[i])[0];
	add(parts, whole, length < CRM_NAME_PART_CHARS ? length : CRM_NAME_PART_CHARS);
	add(parts, initials, letters);
}

static void
spell_from(CrmNameParts *parts, const uint16_t *syllables, int n)
{
	if (n > SPELT_WHOLE)
		spell_plainly(parts, syllables, n);
	else
		spell(parts, syllables, n, "", 0);
}

/* Chinese characters in a row, read from each of them on; the first may be a surname's reading. */
static void
read_run(CrmNameParts *parts, const uint16_t *units, int n, int is_front)
{
	uint16_t	plain[CHARS];
	uint16_t	surname[CHARS];

	for (int i = 0; i < n; i++)
		plain[i] = surname[i] = crm_pinyin_syllable(units[i]);
	crm_pinyin_surname(units, 1, surname);
	if (n > 2)
	{
		uint16_t	both[2];

		crm_pinyin_surname(units, 2, both);
		if (both[0] != plain[0] || both[1] != plain[1])
			memcpy(surname, both, sizeof both);
	}
	for (int i = 0; i < n; i++)
		spell_from(parts, plain + i, n - i);
	if (is_front && memcmp(plain, surname, (size_t) n * sizeof *plain) != 0)
		spell_from(parts, surname, n);
}

/* The word at the front of text; returns the bytes it takes, 0 when it is not UTF-8. */
static size_t
read_word(const char *text, size_t length, Word *word)
{
	size_t		at = 0;

	word->text = text;
	word->count = 0;
	while (at < length && text[at] != ' ' && word->count < CHARS)
	{
		uint32_t	point;
		int			bytes = crm_utf8_decode(text + at, length - at, &point);

		if (bytes <= 0)
		{
			word->count = 0;
			return 0;
		}
		word->at[word->count] = at;
		word->units[word->count++] = crm_utf8_is_han(point) && point <= 0xFFFF ? (uint16_t) point : 0;
		at += (size_t) bytes;
	}
	word->at[word->count] = at;
	return at;
}

static void
add_word(CrmNameParts *parts, const Word *word, int is_front)
{
	for (int i = 0; i < word->count; i++)
	{
		int			end = i + CRM_NAME_PART_CHARS < word->count ? i + CRM_NAME_PART_CHARS : word->count;

		add(parts, word->text + word->at[i], word->at[end] - word->at[i]);
	}
	for (int from = 0, to; from < word->count; from = to + 1)
	{
		for (to = from; to < word->count && word->units[to] != 0; to++)
			;
		if (to > from)
			read_run(parts, word->units + from, to - from, is_front && from == 0);
	}
}

void
crm_name_parts(const char *key, size_t length, CrmNameParts *parts)
{
	size_t		at = 0;

	parts->count = 0;
	while (at < length)
	{
		Word		word;
		size_t		taken = read_word(key + at, length - at, &word);

		add_word(parts, &word, at == 0);
		at += taken;
		if (taken == 0 && key[at] != ' ')
			return;
		at += at < length && key[at] == ' ';
	}
}
