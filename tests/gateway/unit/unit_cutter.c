/* The chunk cutter: chunks end at a line's end, lose nothing, and stay within their sizes. */
#include "tap.h"

#include "cutter.h"

typedef struct Outcome
{
	char	   *joined;
	size_t		length;
	size_t		chunks;
	size_t		lines;
	size_t		longest;
	bool		bad_end;		/* a chunk but the last did not end with a line end */
	bool		too_long;
} Outcome;

static void
take(CrmCutter *cutter, Outcome *outcome)
{
	memcpy(outcome->joined + outcome->length, cutter->buffer, cutter->cut);
	outcome->length += cutter->cut;
	outcome->chunks++;
	outcome->lines += cutter->lines;
	if (cutter->cut > outcome->longest)
		outcome->longest = cutter->cut;
}

/* Feeds `text` in steps of at most `step` bytes, as a socket would. */
static Outcome
cut(const char *text, size_t length, bool csv, size_t step)
{
	CrmCutter	cutter;
	Outcome		outcome = {.joined = malloc(length + 1)};
	CrmCutterState state;

	crm_cutter_init(&cutter, csv, ',');
	while (length > 0 && !outcome.too_long)
	{
		size_t		room;
		char	   *space = crm_cutter_space(&cutter, &room);
		size_t		part = length < step ? length : step;

		part = part < room ? part : room;
		memcpy(space, text, part);
		text += part;
		length -= part;
		state = crm_cutter_added(&cutter, part);
		for (; state == CRM_CUTTER_READY; state = crm_cutter_next(&cutter))
		{
			outcome.bad_end |= cutter.buffer[cutter.cut - 1] != '\n';
			take(&cutter, &outcome);
		}
		outcome.too_long = state == CRM_CUTTER_LINE_TOO_LONG;
	}
	if (!outcome.too_long && crm_cutter_finish(&cutter) == CRM_CUTTER_READY)
		take(&cutter, &outcome);
	crm_cutter_free(&cutter);
	return outcome;
}

static bool
same(const Outcome *outcome, const char *text, size_t length)
{
	return outcome->length == length && memcmp(outcome->joined, text, length) == 0;
}

static void
small_inputs(void)
{
	Outcome		outcome = cut("a\nb\n", 4, false, 1);

	ok(same(&outcome, "a\nb\n", 4) && outcome.chunks == 1 && outcome.lines == 2, "small reads make one chunk");
	free(outcome.joined);
	outcome = cut("a\nb", 3, false, 100);
	ok(same(&outcome, "a\nb", 3) && outcome.lines == 2, "a last line without its end counts");
	free(outcome.joined);
	outcome = cut("", 0, false, 100);
	ok(outcome.chunks == 0, "nothing makes no chunk");
	free(outcome.joined);
	outcome = cut("\"a\nb\",1\nc,2\n", 12, true, 3);
	ok(outcome.lines == 2, "a line end inside quotes is none");
	free(outcome.joined);
	outcome = cut("\"a\"\"\nb\",1\nc,2\n", 14, true, 3);
	ok(outcome.lines == 2, "\"\" stays inside the quotes");
	free(outcome.joined);
	outcome = cut("12\" pipe,1\nc,2\n", 15, true, 3);
	ok(outcome.lines == 2, "a quote inside a bare field opens nothing");
	free(outcome.joined);
	outcome = cut("{\"a\":\"x\ny\"}\n", 12, false, 3);
	ok(outcome.lines == 2, "NDJSON knows no quotes");
	free(outcome.joined);
}

/* Lines of random length, some with quoted line ends, in random steps. */
static void
random_input(bool csv)
{
	size_t		size = 3 * 1024 * 1024;
	char	   *text = malloc(size);
	size_t		length = 0;
	size_t		lines = 0;

	while (length + 2000 < size)
	{
		int			field = (int) random_between(0, 1500);

		if (csv && random_between(0, 3) == 0)
		{
			text[length++] = '"';
			for (int i = 0; i < field; i++)
				text[length++] = random_between(0, 20) == 0 ? '\n' : 'q';
			text[length++] = '"';
		}
		else
			for (int i = 0; i < field; i++)
				text[length++] = 'a' + (char) random_between(0, 25);
		text[length++] = '\n';
		lines++;
	}
	for (int round = 0; round < 6; round++)
	{
		Outcome		outcome = cut(text, length, csv, (size_t) random_between(1, 300000));

		CHECK(same(&outcome, text, length));
		CHECK(outcome.lines == lines);
		CHECK(!outcome.bad_end && outcome.longest <= CRM_CUTTER_CHUNK);
		CHECK(outcome.chunks <= length / (CRM_CUTTER_CHUNK - 2000) + 2);
		free(outcome.joined);
	}
	free(text);
	CHECKED(csv ? "3 MB of CSV comes out as it went in" : "3 MB of NDJSON comes out as it went in");
}

static void
long_lines(void)
{
	size_t		size = 2 * 1024 * 1024;
	char	   *text = malloc(size);
	Outcome		outcome;

	memset(text, 'x', size);
	text[99] = '\n';
	text[700000] = '\n';
	text[700100] = '\n';
	outcome = cut(text, 700200, false, 65536);
	ok(same(&outcome, text, 700200) && outcome.lines == 4 && !outcome.bad_end, "a line of 700 kB passes whole");
	ok(outcome.longest > CRM_CUTTER_CHUNK && outcome.longest <= 700000, "as a chunk of its own");
	free(outcome.joined);
	outcome = cut(text, size, false, 65536);
	ok(outcome.too_long, "a line of more than 1 MB is refused");
	free(outcome.joined);
	memset(text, 'x', size);
	text[0] = '"';
	for (size_t i = 50; i < size; i += 50)
		text[i] = '\n';
	outcome = cut(text, size, true, 65536);
	ok(outcome.too_long, "a quote that never closes is refused, not buffered");
	free(outcome.joined);
	free(text);
}

int
main(void)
{
	small_inputs();
	random_input(false);
	random_input(true);
	long_lines();
	return done();
}
