/*
 * pinyin.c - how characters are read.
 *
 * Called when a name is prepared for comparing.  The tables are generated, see tables/.
 */
#include <stddef.h>
#include <string.h>

#include "pure/pinyin.h"
#include "pure/tables/readings.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

uint16_t
crm_pinyin_syllable(uint16_t unit)
{
	size_t		low = 0;
	size_t		high = LENGTH_OF(pinyin_characters);

	while (low < high)
	{
		size_t		middle = (low + high) / 2;

		if (pinyin_characters[middle][0] < unit)
			low = middle + 1;
		else
			high = middle;
	}
	return low < LENGTH_OF(pinyin_characters) && pinyin_characters[low][0] == unit ?
		pinyin_characters[low][1] : 0;
}

void
crm_pinyin_surname(const uint16_t *units, int length, uint16_t *syllables)
{
	for (int i = 0; i < length; i++)
		syllables[i] = crm_pinyin_syllable(units[i]);
	if (length < 1 || length > 2)
		return;
	for (size_t i = 0; i < LENGTH_OF(pinyin_surnames); i++)
		if (pinyin_surnames[i][0] == units[0] &&
			pinyin_surnames[i][1] == (length == 2 ? units[1] : 0))
			memcpy(syllables, &pinyin_surnames[i][2], (size_t) length * sizeof *syllables);
}

const char *
crm_pinyin_letters(uint16_t syllable)
{
	return syllable < LENGTH_OF(pinyin_syllables) ? pinyin_syllables[syllable] : "";
}

uint16_t
crm_pinyin_class(uint16_t syllable)
{
	return syllable < LENGTH_OF(pinyin_fuzzy) ? pinyin_fuzzy[syllable] : 0;
}

/* Orders units against ASCII letters as strcmp() does. */
static int
order(const uint16_t *units, int length, const char *letters)
{
	for (int i = 0; i < length; i++)
		if (units[i] != (unsigned char) letters[i])
			return units[i] < (unsigned char) letters[i] ? -1 : 1;
	return letters[length] == '\0' ? 0 : -1;
}

/* The syllable that letters are, such as "zhang"; 0 when they are none. */
static uint16_t
syllable_of(const uint16_t *units, int length)
{
	int			low = 1;
	int			high = (int) LENGTH_OF(pinyin_syllables) - 1;

	while (length > 0 && length < 7 && low <= high)
	{
		int			middle = (low + high) / 2;
		int			found = order(units, length, pinyin_syllables[middle]);

		if (found == 0)
			return (uint16_t) middle;
		if (found < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return 0;
}

int
crm_pinyin_spelled(const uint16_t *units, int length, uint16_t syllables[CRM_PINYIN_SPELLINGS])
{
	int			count = 0;

	if (length <= 0 || length > 6)
		return 0;
	syllables[count] = syllable_of(units, length);
	count += syllables[count] != 0;
	for (size_t i = 0; i < LENGTH_OF(pinyin_spellings); i++)
		if (order(units, length, pinyin_spellings[i].spelling) == 0)
			for (int n = 0; n < 3 && pinyin_spellings[i].syllables[n] != 0; n++)
				syllables[count++] = pinyin_spellings[i].syllables[n];
	return count;
}
