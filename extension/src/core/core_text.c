/*
 * core_text.c
 *		Texts of others as messages show them: a part, of whole characters.
 *
 * A message that ends within a character is no text of the database's encoding: it is kept with what failed, and a dump of that
 * cannot be restored.
 */
#include "core/core.h"

#include "mb/pg_wchar.h"

/* The beginning of a text, at most so many bytes of it; the same text when it is no longer than that. */
const char *
crm_core_clip(const char *text, int most_bytes)
{
	int			length = strlen(text);
	int			kept = pg_mbcliplen(text, length, most_bytes);

	return kept == length ? text : pnstrdup(text, kept);
}
