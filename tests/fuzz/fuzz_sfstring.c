/* fuzz_sfstring.c - Idempotency-Key: what is read is printable, fits, and reads as itself. */
#include "fuzz.h"
#include "sfstring.h"

#define ROOM 64

SEEDS(SEED("\"abc\""), SEED("\"a\\\"b\\\\c\""), SEED("  \"x\";a=1;b=?0;c=:aGk=:;d=\"q\";e=tok/en;f=-1.5  "), SEED("\"\""), SEED("abc"),
	  SEED("\"0123456789012345678901234567890123456789012345678901234567890123456789\""));

/* Writes the text as a structured-field string. */
static void
quote(const char *text, char *out)
{
	*out++ = '"';
	for (; *text != '\0'; text++)
	{
		if (*text == '"' || *text == '\\')
			*out++ = '\\';
		*out++ = *text;
	}
	*out++ = '"';
	*out = '\0';
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size + 1);
	char	   *out = malloc(ROOM);
	char		quoted[2 * ROOM + 3];
	char		again[ROOM];

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (crm_sfstring_parse(text, out, ROOM))
	{
		HOLDS(strnlen(out, ROOM) < ROOM);
		for (const char *c = out; *c != '\0'; c++)
			HOLDS(*c >= 0x20 && *c <= 0x7e);
		quote(out, quoted);
		if (out[0] != '\0')
			HOLDS(crm_sfstring_parse(quoted, again, ROOM) && strcmp(out, again) == 0);
	}
	free(text);
	free(out);
	return 0;
}
