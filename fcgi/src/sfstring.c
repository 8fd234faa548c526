/*
 * sfstring.c
 *		Reads one structured-field item that is a string: "abc", with its quotes.
 *
 * RFC 9651 allows parameters after the item; Idempotency-Key defines none and
 * says that unknown ones are ignored, so they are read for their syntax and
 * dropped.  Pure: no allocation, no state.
 */
#include "sfstring.h"

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads a quoted string; moves *text behind it.  out may be NULL. */
static bool
read_quoted(const char **text, char *out, size_t out_size)
{
	const char *p = *text;
	size_t		length = 0;

	if (*p++ != '"')
		return false;
	for (;; p++)
	{
		char		c = *p;

		if (c == '"')
			break;
		if (c == '\\')
		{
			c = *++p;
			if (c != '"' && c != '\\')
				return false;
		}
		else if (c < 0x20 || c > 0x7e)
			return false;		/* also the NUL: an unfinished string */
		if (out != NULL)
		{
			if (length + 1 >= out_size)
				return false;
			out[length] = c;
		}
		length++;
	}
	if (out != NULL)
		out[length] = '\0';
	*text = p + 1;
	return true;
}

/* A parameter's bare value, as far as syntax goes: string, token, number, boolean. */
static bool
read_value(const char **text)
{
	const char *p = *text;

	if (*p == '"')
		return read_quoted(text, NULL, 0);
	if (*p == '?')
	{
		if (p[1] != '0' && p[1] != '1')
			return false;
		*text = p + 2;
		return true;
	}
	if (*p == '-' && !is_digit(p[1]))
		return false;
	while (*p > 0x20 && *p < 0x7f && *p != ';' && *p != ',' && *p != '"')
		p++;
	if (p == *text)
		return false;
	*text = p;
	return true;
}

bool
crm_sfstring_parse(const char *text, char *out, size_t out_size)
{
	while (*text == ' ')
		text++;
	if (!read_quoted(&text, out, out_size))
		return false;
	while (*text == ';')
	{
		text++;
		while (*text == ' ')
			text++;
		if (!is_lower(*text) && *text != '*')
			return false;
		while (is_lower(*text) || is_digit(*text) || *text == '_' || *text == '-' ||
			   *text == '.' || *text == '*')
			text++;
		if (*text == '=')
		{
			text++;
			if (!read_value(&text))
				return false;
		}
	}
	while (*text == ' ')
		text++;
	return *text == '\0';
}
