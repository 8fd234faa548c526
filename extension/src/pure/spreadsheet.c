/* spreadsheet.c - see spreadsheet.h. */
#include "pure/spreadsheet.h"

#include <ctype.h>

static size_t
count_digits(const char *text, size_t length)
{
	size_t		n = 0;

	while (n < length && isdigit((unsigned char) text[n]))
		n++;
	return n;
}

static void
trim(const char **text, size_t *length)
{
	while (*length > 0 && isspace((unsigned char) (*text)[*length - 1]))
		(*length)--;
	while (*length > 0 && isspace((unsigned char) **text))
	{
		(*text)++;
		(*length)--;
	}
}

void
crm_spreadsheet_plain(const char **text, size_t *length)
{
	trim(text, length);
	if (*length >= 3 && (*text)[0] == '=' && (*text)[1] == '"' && (*text)[*length - 1] == '"')
	{
		*text += 2;
		*length -= 3;
		trim(text, length);
	}
	else if (*length >= 2 && **text == '\'' && count_digits(*text + 1, *length - 1) == *length - 1)
	{
		(*text)++;
		(*length)--;
	}
}

bool
crm_spreadsheet_is_rounded(const char *text, size_t length)
{
	size_t		at = count_digits(text, length);

	if (at != 1)
		return false;
	if (at < length && text[at] == '.')
		at += 1 + count_digits(text + at + 1, length - at - 1);
	return at + 2 < length && text[at] == 'E' && text[at + 1] == '+' &&
		count_digits(text + at + 2, length - at - 2) == length - at - 2;
}
