/*
 * unit_link_sketch.c - what a sketch says of two values is never contradicted by comparing them.
 *
 * Words of a few letters and their mutations, so that pairs lie on both sides of every bound;
 * numbers, dates and addresses the same.  And it is of use: unlike words are told apart by it.
 */
#include "tap.h"
#include "identity/link_value.c"
#undef LATEST_YEAR
#include "identity/link_rough.c"
#include "identity/link_compare.c"
#undef LEVEL
#include "identity/link_sketch.c"

#define ARENA_WORDS 512
#define PAIRS 60000

static uint64_t state = 20261126;

static uint32_t
draw(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t) ((state >> 33) % below);
}

static void
draw_word(char *text, int least, int most, const char *letters)
{
	int			length = least + (int) draw((uint32_t) (most - least + 1));

	for (int i = 0; i < length; i++)
		text[i] = letters[draw((uint32_t) strlen(letters))];
	text[length] = '\0';
}

static void
draw_text(CrmLinkKind kind, char *text)
{
	char		first[40];
	char		second[40];

	draw_word(first, 1, 14, draw(2) ? "abcde" : "abcdefghijklmnopqrstuvwxyz");
	draw_word(second, 1, 8, "01234567890abcxyz");
	if (kind == CRM_LINK_EMAIL)
		sprintf(text, "%s.%s@mail%u.net", first, second, draw(3));
	else if (kind == CRM_LINK_PHONE)
		sprintf(text, draw(3) ? "13%09u" : draw(2) ? "138****%04u" : "%u", draw(1000000000));
	else if (kind == CRM_LINK_DATE)
		sprintf(text, draw(8) ? "%s%04u-%02u-%02u" : "%s%u.%u.%u", draw(9) ? "" : "lunar ", 1950 + draw(60),
				1 + draw(13), 1 + draw(31));
	else if (kind == CRM_LINK_ADDRESS)
		sprintf(text, "%u %s street %s", draw(30), first, second);
	else if (kind == CRM_LINK_CODE || kind == CRM_LINK_POSTCODE)
		strcpy(text, second);
	else if (kind == CRM_LINK_NUMBER)
		sprintf(text, "%u", draw(1000));
	else if (kind == CRM_LINK_TEXT)
		sprintf(text, "%s %s", first, second);
	else
		strcpy(text, first);
}

/* One letter changed, taken out, put in, or two neighbours turned. */
static void
mutate(char *text)
{
	size_t		length = strlen(text);
	size_t		at = length ? draw((uint32_t) length) : 0;
	char		letter = "abcde0123456789"[draw(15)];

	switch (length > 1 ? draw(4) : 2)
	{
		case 0:
			text[at] = letter;
			break;
		case 1:
			memmove(text + at, text + at + 1, length - at);
			break;
		case 2:
			memmove(text + at + 1, text + at, length - at + 1);
			text[at] = letter;
			break;
		default:
			at = at + 1 < length ? at : length - 2;
			letter = text[at];
			text[at] = text[at + 1];
			text[at + 1] = letter;
	}
}

/* As link_intern.c keeps it. */
static bool
make_value(CrmLinkKind kind, const char *text, uint64_t *arena, uint32_t start, CrmLinkValue *value)
{
	CrmLinkReading reading;
	size_t		prepared;

	if (!crm_link_read(kind, text, strlen(text), &reading))
		return false;
	prepared = reading.is_prepared ? crm_link_prepared_size(kind) : 0;
	*value = (CrmLinkValue) {.hash = crm_hash_bytes(reading.units, (size_t) reading.length * 2), .start = start,
		.length = (uint8_t) reading.length, .local = (uint8_t) reading.local, .n_prepared = (uint8_t) ((prepared + 7) / 8),
	.signature = crm_units_signature(reading.units, kind == CRM_LINK_EMAIL ? reading.local : reading.length)};
	memset(arena + start, 0, ARENA_WORDS / 2 * sizeof *arena);
	memcpy(arena + start, &reading.prepared, prepared);
	memcpy(arena + start + value->n_prepared, reading.units, (size_t) reading.length * 2);
	return true;
}

/* Returns in how many of a hundred pairs the sketches alone gave the level. */
static int
test_kind(CrmLinkKind kind)
{
	static uint64_t arena[ARENA_WORDS];
	long		told = 0;
	long		seen = 0;

	for (int i = 0; i < PAIRS; i++)
	{
		char		left[120];
		char		right[120];
		CrmLinkValue x;
		CrmLinkValue y;
		CrmLinkSpan span;
		int			level;

		draw_text(kind, left);
		draw_text(kind, right);
		if (draw(2))
		{
			strcpy(right, left);
			for (uint32_t n = 1 + draw(4); n > 0; n--)
				mutate(right);
		}
		if (!make_value(kind, left, arena, 0, &x) || !make_value(kind, right, arena, ARENA_WORDS / 2, &y) || x.hash == y.hash)
			continue;
		span = crm_link_span(kind, crm_link_sketch(kind, arena, &x), crm_link_sketch(kind, arena, &y));
		level = crm_link_value_level(kind, arena, &x, &y);
		seen++;
		told += span.least == span.most;
		if (level < span.least || level > span.most)
			printf("# %s: %s and %s are %d, said to be %d to %d\n", crm_link_kind_name(kind), left, right, level, span.least, span.most);
		CHECK(level >= span.least && level <= span.most);
	}
	CHECKED(crm_link_kind_name(kind));
	return (int) (told * 100 / (seen ? seen : 1));
}

int
main(void)
{
	int			told[CRM_LINK_KINDS];

	for (int kind = 0; kind < CRM_LINK_KINDS; kind++)
		told[kind] = test_kind((CrmLinkKind) kind);
	for (int kind = 0; kind < CRM_LINK_KINDS; kind++)
		printf("# %s: %d of 100 by their sketches alone\n", crm_link_kind_name((CrmLinkKind) kind), told[kind]);
	ok(told[CRM_LINK_GIVEN] >= 10 && told[CRM_LINK_EMAIL] >= 10 && told[CRM_LINK_PHONE] >= 10 && told[CRM_LINK_CODE] >= 10 &&
	   told[CRM_LINK_TEXT] >= 2 && told[CRM_LINK_ADDRESS] >= 2 && told[CRM_LINK_DATE] >= 10, "unlike values are told apart by their sketches");
	return done();
}
