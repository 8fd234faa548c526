/*
 * jsonscan.c - strict JSON (RFC 8259) in a buffer: check it, walk it, take strings out.
 *
 * Called by intake for single payloads and for each line of NDJSON.  One scanner does all
 * the checking, with an explicit stack of one bit a level (object or array); walking scans
 * the members of one level again, which is cheaper than building anything.
 */
#include <string.h>

#include "pure/jsonscan.h"
#include "pure/utf8.h"

typedef struct Scanner
{
	const char *at;
	const char *end;
} Scanner;

/* ---------------------------------------------------------------- tokens */

static void
skip_space(Scanner *scanner)
{
	while (scanner->at < scanner->end &&
		   (*scanner->at == ' ' || *scanner->at == '\t' ||
			*scanner->at == '\n' || *scanner->at == '\r'))
		scanner->at++;
}

static bool
is_digit_at(const Scanner *scanner)
{
	return scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9';
}

/* What is wrong at the scanner's place: the text ended, or the byte does not belong. */
static CrmJsonCode
fault(const Scanner *scanner)
{
	return scanner->at < scanner->end ? CRM_JSON_SYNTAX : CRM_JSON_TRUNCATED;
}

static CrmJsonCode
scan_digits(Scanner *scanner)
{
	if (!is_digit_at(scanner))
		return fault(scanner);
	while (is_digit_at(scanner))
		scanner->at++;
	return CRM_JSON_OK;
}

static CrmJsonCode
scan_number(Scanner *scanner)
{
	CrmJsonCode code = CRM_JSON_OK;

	if (*scanner->at == '-')
		scanner->at++;
	if (scanner->at < scanner->end && *scanner->at == '0')
		scanner->at++;			/* no digit may follow a leading zero */
	else
		code = scan_digits(scanner);
	if (code == CRM_JSON_OK && scanner->at < scanner->end && *scanner->at == '.')
	{
		scanner->at++;
		code = scan_digits(scanner);
	}
	if (code == CRM_JSON_OK && scanner->at < scanner->end &&
		(*scanner->at == 'e' || *scanner->at == 'E'))
	{
		scanner->at++;
		if (scanner->at < scanner->end && (*scanner->at == '-' || *scanner->at == '+'))
			scanner->at++;
		code = scan_digits(scanner);
	}
	return code;
}

static int
hex_digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return -1;
}

/* An escape, from behind the backslash. */
static CrmJsonCode
scan_escape(Scanner *scanner)
{
	int			i;

	if (scanner->at == scanner->end)
		return CRM_JSON_TRUNCATED;
	if (*scanner->at != 'u')
	{
		if (*scanner->at == '\0' || strchr("\"\\/bfnrt", *scanner->at) == NULL)
			return CRM_JSON_SYNTAX;
		scanner->at++;
		return CRM_JSON_OK;
	}
	scanner->at++;
	for (i = 0; i < 4; i++, scanner->at++)
		if (scanner->at == scanner->end || hex_digit(*scanner->at) < 0)
			return fault(scanner);
	return CRM_JSON_OK;
}

/* A string, from its opening quote. */
static CrmJsonCode
scan_string(Scanner *scanner, bool *has_escape)
{
	*has_escape = false;
	scanner->at++;
	while (scanner->at < scanner->end)
	{
		unsigned char byte = (unsigned char) *scanner->at;
		uint32_t	code_point;
		int			used;

		if (byte == '"')
		{
			scanner->at++;
			return CRM_JSON_OK;
		}
		if (byte == '\\')
		{
			CrmJsonCode code;

			*has_escape = true;
			scanner->at++;
			code = scan_escape(scanner);
			if (code != CRM_JSON_OK)
				return code;
			continue;
		}
		if (byte < 0x20)
			return CRM_JSON_SYNTAX;
		if (byte < 0x80)
		{
			scanner->at++;
			continue;
		}
		used = crm_utf8_decode(scanner->at, (size_t) (scanner->end - scanner->at), &code_point);
		if (used < 0)
			return CRM_JSON_ENCODING;
		scanner->at += used;
	}
	return CRM_JSON_TRUNCATED;
}

static CrmJsonCode
scan_word(Scanner *scanner, const char *word)
{
	for (; *word; word++, scanner->at++)
		if (scanner->at == scanner->end || *scanner->at != *word)
			return fault(scanner);
	return CRM_JSON_OK;
}

/* One value that is neither array nor object. */
static CrmJsonCode
scan_scalar(Scanner *scanner, CrmJsonType *type, bool *has_escape)
{
	*has_escape = false;
	switch (*scanner->at)
	{
		case '"':
			*type = CRM_JSON_STRING;
			return scan_string(scanner, has_escape);
		case 't':
			*type = CRM_JSON_TRUE;
			return scan_word(scanner, "true");
		case 'f':
			*type = CRM_JSON_FALSE;
			return scan_word(scanner, "false");
		case 'n':
			*type = CRM_JSON_NULL;
			return scan_word(scanner, "null");
		default:
			if (*scanner->at != '-' && !is_digit_at(scanner))
				return CRM_JSON_SYNTAX;
			*type = CRM_JSON_NUMBER;
			return scan_number(scanner);
	}
}

/* ---------------------------------------------------------------- values */

/* A key and its colon, up to the value. */
static CrmJsonCode
scan_key(Scanner *scanner)
{
	bool		has_escape;
	CrmJsonCode code;

	skip_space(scanner);
	if (scanner->at == scanner->end || *scanner->at != '"')
		return fault(scanner);
	code = scan_string(scanner, &has_escape);
	if (code != CRM_JSON_OK)
		return code;
	skip_space(scanner);
	if (scanner->at == scanner->end || *scanner->at != ':')
		return fault(scanner);
	scanner->at++;
	return CRM_JSON_OK;
}

/* Opens a level; *is_empty when it is closed at once. */
static CrmJsonCode
open_level(Scanner *scanner, bool is_object, bool *is_empty)
{
	scanner->at++;
	skip_space(scanner);
	*is_empty = scanner->at < scanner->end && *scanner->at == (is_object ? '}' : ']');
	if (*is_empty)
	{
		scanner->at++;
		return CRM_JSON_OK;
	}
	return is_object ? scan_key(scanner) : CRM_JSON_OK;
}

/*
 * Behind a value: closes levels that end here, or goes on to the next value of the innermost
 * one.  objects has one bit a level, the innermost the lowest.
 */
static CrmJsonCode
close_levels(Scanner *scanner, uint64_t *objects, int *depth)
{
	while (*depth > 0)
	{
		bool		is_object = *objects & 1;

		skip_space(scanner);
		if (scanner->at == scanner->end)
			return CRM_JSON_TRUNCATED;
		if (*scanner->at == ',')
		{
			scanner->at++;
			return is_object ? scan_key(scanner) : CRM_JSON_OK;
		}
		if (*scanner->at != (is_object ? '}' : ']'))
			return CRM_JSON_SYNTAX;
		scanner->at++;
		*objects >>= 1;
		(*depth)--;
	}
	return CRM_JSON_OK;
}

/* Scans one whole value from behind any white space. */
static CrmJsonCode
scan_value(Scanner *scanner, CrmJsonValue *value)
{
	uint64_t	objects = 0;
	int			depth = 0;
	bool		is_first = true;
	CrmJsonCode code;

	skip_space(scanner);
	value->text = scanner->at;
	value->has_escape = false;
	do
	{
		CrmJsonType type = CRM_JSON_NULL;
		bool		has_escape = false;
		bool		is_empty = false;

		skip_space(scanner);
		if (scanner->at == scanner->end)
			return CRM_JSON_TRUNCATED;
		if (*scanner->at == '{' || *scanner->at == '[')
		{
			type = *scanner->at == '{' ? CRM_JSON_OBJECT : CRM_JSON_ARRAY;
			if (depth == CRM_JSON_MAX_DEPTH)
				return CRM_JSON_DEPTH;
			code = open_level(scanner, type == CRM_JSON_OBJECT, &is_empty);
			if (!is_empty)
			{
				objects = (objects << 1) | (type == CRM_JSON_OBJECT);
				depth++;
			}
		}
		else
		{
			code = scan_scalar(scanner, &type, &has_escape);
			is_empty = true;
		}
		if (is_first)
		{
			value->type = type;
			value->has_escape = has_escape;
			is_first = false;
		}
		if (code == CRM_JSON_OK && is_empty)
			code = close_levels(scanner, &objects, &depth);
		if (code != CRM_JSON_OK)
			return code;
	} while (depth > 0);
	value->length = (size_t) (scanner->at - value->text);
	return CRM_JSON_OK;
}

CrmJsonCode
crm_json_scan(const char *text, size_t length, CrmJsonValue *root, size_t *error_offset)
{
	Scanner		scanner = {text, text + length};
	CrmJsonCode code = scan_value(&scanner, root);

	if (code == CRM_JSON_OK)
	{
		skip_space(&scanner);
		if (scanner.at != scanner.end)
			code = CRM_JSON_SYNTAX;
	}
	if (error_offset)
		*error_offset = (size_t) (scanner.at - text);
	return code;
}

/* ---------------------------------------------------------------- walking */

void
crm_json_begin(CrmJsonWalk *walk, const CrmJsonValue *container)
{
	walk->at = container->text + 1;
	walk->end = container->text + container->length - 1;
}

/* Steps over white space and the comma before a member or element; false at the end. */
static bool
step(CrmJsonWalk *walk, Scanner *scanner)
{
	scanner->at = walk->at;
	scanner->end = walk->end;
	skip_space(scanner);
	if (scanner->at < scanner->end && *scanner->at == ',')
		scanner->at++;
	skip_space(scanner);
	return scanner->at < scanner->end;
}

bool
crm_json_next_member(CrmJsonWalk *walk, CrmJsonValue *key, CrmJsonValue *value)
{
	Scanner		scanner;

	if (!step(walk, &scanner) || scan_value(&scanner, key) != CRM_JSON_OK)
		return false;
	skip_space(&scanner);
	scanner.at++;				/* the colon */
	if (scan_value(&scanner, value) != CRM_JSON_OK)
		return false;
	walk->at = scanner.at;
	return true;
}

bool
crm_json_next_element(CrmJsonWalk *walk, CrmJsonValue *value)
{
	Scanner		scanner;

	if (!step(walk, &scanner) || scan_value(&scanner, value) != CRM_JSON_OK)
		return false;
	walk->at = scanner.at;
	return true;
}

/* ---------------------------------------------------------------- strings */

static uint32_t
read_hex4(const char *at)
{
	return (uint32_t) (hex_digit(at[0]) << 12 | hex_digit(at[1]) << 8 |
					   hex_digit(at[2]) << 4 | hex_digit(at[3]));
}

/* Reads \uXXXX, or two of them that make a pair, from the backslash. */
static CrmJsonCode
read_unicode(const char **at, const char *end, uint32_t *code_point)
{
	uint32_t	high = read_hex4(*at + 2);
	uint32_t	low;

	*at += 6;
	*code_point = high;
	if (high == 0)
		return CRM_JSON_NUL;
	if (high < 0xD800 || high > 0xDFFF)
		return CRM_JSON_OK;
	if (high > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return CRM_JSON_SURROGATE;
	low = read_hex4(*at + 2);
	if (low < 0xDC00 || low > 0xDFFF)
		return CRM_JSON_SURROGATE;
	*at += 6;
	*code_point = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
	return CRM_JSON_OK;
}

static char
simple_escape(char byte)
{
	switch (byte)
	{
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		default:
			return byte;
	}
}

/* Reads one character of a checked string: its bytes go to out, their number to *count. */
static CrmJsonCode
read_character(const char **at, const char *end, char out[CRM_UTF8_MAX_BYTES], int *count)
{
	uint32_t	code_point;
	CrmJsonCode code;

	*count = 1;
	if (**at != '\\')
	{
		out[0] = *(*at)++;
		return CRM_JSON_OK;
	}
	if ((*at)[1] != 'u')
	{
		out[0] = simple_escape((*at)[1]);
		*at += 2;
		return CRM_JSON_OK;
	}
	code = read_unicode(at, end, &code_point);
	if (code == CRM_JSON_OK)
		*count = crm_utf8_encode(code_point, out);
	return code;
}

CrmJsonCode
crm_json_unescape(const CrmJsonValue *value, char *out, size_t room, size_t *length)
{
	const char *at = value->text + 1;
	const char *end = value->text + value->length - 1;

	*length = 0;
	while (at < end)
	{
		char		bytes[CRM_UTF8_MAX_BYTES];
		int			count;
		CrmJsonCode code = read_character(&at, end, bytes, &count);

		if (code != CRM_JSON_OK)
			return code;
		if (room - *length < (size_t) count)
			return CRM_JSON_SPACE;
		memcpy(out + *length, bytes, (size_t) count);
		*length += (size_t) count;
	}
	return CRM_JSON_OK;
}

bool
crm_json_key_is(const CrmJsonValue *key, const char *name)
{
	const char *at = key->text + 1;
	const char *end = key->text + key->length - 1;

	if (!key->has_escape)
		return (size_t) (end - at) == strlen(name) && memcmp(at, name, strlen(name)) == 0;
	while (at < end)
	{
		char		bytes[CRM_UTF8_MAX_BYTES];
		int			count;

		if (read_character(&at, end, bytes, &count) != CRM_JSON_OK ||
			strncmp(name, bytes, (size_t) count) != 0)
			return false;
		name += count;
	}
	return *name == '\0';
}
