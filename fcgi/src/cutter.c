/*
 * cutter.c
 *		Cuts a byte stream of CSV or NDJSON into chunks that end at a line end.
 *
 * The import handler reads the body straight into the cutter's buffer, asks
 * after each read whether a chunk is ready and hands it to the database.  So an
 * upload of any size needs one buffer of 256 kB; only a line longer than that
 * makes it grow, to 1 MB at most.
 *
 * CSV follows RFC 4180: quotes open at the start of a field, "" inside them is
 * one quote, a line end inside them belongs to the value.  It looks at bytes,
 * not at characters, which is right for UTF-8 and for GBK and GB18030: none of
 * them uses '"', ',', CR or LF as a later byte of a character.
 *
 * Example: chunk size 8, input  a,1\n"b\nc",2\nd,3\n  gives the chunks
 * `a,1\n`, `"b\nc",2\n` (one line, longer than a chunk) and `d,3\n`.
 */
#include <stdlib.h>
#include <string.h>

#include "cutter.h"

bool
crm_cutter_init(CrmCutter *cutter, bool csv, char delimiter)
{
	memset(cutter, 0, sizeof(*cutter));
	cutter->csv = csv;
	cutter->delimiter = delimiter;
	cutter->field_start = true;
	cutter->capacity = CRM_CUTTER_CHUNK;
	cutter->buffer = malloc(cutter->capacity);
	return cutter->buffer != NULL;
}

void
crm_cutter_free(CrmCutter *cutter)
{
	free(cutter->buffer);
	cutter->buffer = NULL;
}

static bool
is_grown(const CrmCutter *cutter)
{
	return cutter->capacity > CRM_CUTTER_CHUNK;
}

/*
 * Where the next bytes may be written, and how many.  Behind a long line only
 * small steps are read, so that little is left over when its end is found.
 */
char *
crm_cutter_space(CrmCutter *cutter, size_t *room)
{
	*room = cutter->capacity - cutter->length;
	if (is_grown(cutter) && *room > CRM_CUTTER_STEP)
		*room = CRM_CUTTER_STEP;
	return cutter->buffer + cutter->length;
}

/* Returns true when c ends a line. */
static bool
csv_step(CrmCutter *cutter, char c)
{
	if (cutter->in_quotes)
	{
		if (c != '"')
			return false;
		cutter->in_quotes = false;
		cutter->after_quote = true;
		return false;
	}
	if (c == '"' && (cutter->field_start || cutter->after_quote))
		cutter->in_quotes = true;
	cutter->after_quote = false;
	cutter->field_start = c == cutter->delimiter || c == '\n';
	return c == '\n';
}

/* In a grown buffer the end of the long line is the only cut wanted. */
static void
scan(CrmCutter *cutter)
{
	size_t		i = cutter->scanned;

	while (i < cutter->length && !(is_grown(cutter) && cutter->cut > 0))
	{
		char		c = cutter->buffer[i++];

		if (cutter->csv ? csv_step(cutter, c) : c == '\n')
		{
			cutter->cut = i;
			cutter->lines++;
		}
	}
	cutter->scanned = i;
}

/*
 * A chunk is handed out only when the buffer is full, so that small reads do
 * not make small chunks.  A full buffer without a line end grows, four times
 * at once, until a line is too long.
 */
static CrmCutterState
judge(CrmCutter *cutter)
{
	char	   *larger;

	if (cutter->cut > 0 && (is_grown(cutter) || cutter->length == cutter->capacity))
		return CRM_CUTTER_READY;
	if (cutter->length < cutter->capacity)
		return CRM_CUTTER_MORE;
	if (is_grown(cutter))
		return CRM_CUTTER_LINE_TOO_LONG;
	larger = realloc(cutter->buffer, CRM_CUTTER_LINE);
	if (larger == NULL)
		return CRM_CUTTER_LINE_TOO_LONG;
	cutter->buffer = larger;
	cutter->capacity = CRM_CUTTER_LINE;
	return CRM_CUTTER_MORE;
}

/* Call after `length` bytes were written to crm_cutter_space. */
CrmCutterState
crm_cutter_added(CrmCutter *cutter, size_t length)
{
	cutter->length += length;
	scan(cutter);
	return judge(cutter);
}

/* Call after a chunk was used: keeps the rest of the buffer. */
CrmCutterState
crm_cutter_next(CrmCutter *cutter)
{
	size_t		rest = cutter->length - cutter->cut;
	char	   *smaller;

	memmove(cutter->buffer, cutter->buffer + cutter->cut, rest);
	cutter->length = rest;
	cutter->scanned -= cutter->cut;
	cutter->cut = 0;
	cutter->lines = 0;
	if (is_grown(cutter) && rest < CRM_CUTTER_CHUNK)
	{
		smaller = realloc(cutter->buffer, CRM_CUTTER_CHUNK);
		if (smaller != NULL)
			cutter->buffer = smaller;
		cutter->capacity = CRM_CUTTER_CHUNK;
	}
	scan(cutter);
	return judge(cutter);
}

/*
 * The stream has ended: what is left is the last chunk, with or without a line
 * end.  Open quotes are left for the importer to report with their line.
 */
CrmCutterState
crm_cutter_finish(CrmCutter *cutter)
{
	cutter->scanned = cutter->length;
	if (cutter->length == 0)
		return CRM_CUTTER_MORE;
	if (cutter->cut < cutter->length)
		cutter->lines++;
	cutter->cut = cutter->length;
	return CRM_CUTTER_READY;
}
