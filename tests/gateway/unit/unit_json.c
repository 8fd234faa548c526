/* Strings of JSON: whatever bytes come in, what goes out is JSON that says them, or U+FFFD for what is no character. */
#include "tap.h"

#include <jansson.h>

#include "arena.h"

static CrmArena arena;

/* What a reader of JSON takes a text for; null: it cannot read it. */
static const char *
told(const char *text)
{
	CrmBuffer	out;
	json_t	   *read;
	const char *answer;

	crm_buffer_init(&out, &arena, 16);
	crm_buffer_json(&out, text);
	read = json_loads(out.text, JSON_DECODE_ANY, NULL);
	if (read == NULL)
		return NULL;
	answer = crm_arena_copy(&arena, json_string_value(read), json_string_length(read));
	json_decref(read);
	return answer;
}

static bool
tells(const char *text, const char *want)
{
	const char *answer = told(text);

	return answer != NULL && strcmp(answer, want) == 0;
}

/* Random bytes, among them whole characters and parts of some. */
static void
make(char *text, int length)
{
	static const char *const pieces[] = {"a", "\"", "\\", "\n", "\x7f", "张", "é", "𠮷", "\xe5\xbc", "\xf0\xa0", "\xc2", "\x80", "\xed\xa0\x80", "\xff"};

	text[0] = '\0';
	for (int i = 0; i < length; i++)
	{
		char		byte[2] = {(char) random_between(1, 255), '\0'};

		strcat(text, random_between(0, 3) == 0 ? byte : pieces[random_between(0, sizeof(pieces) / sizeof(*pieces) - 1)]);
	}
}

static void
any_bytes(void)
{
	char		text[100];

	for (int round = 0; round < 20000; round++)
	{
		json_t	   *whole;

		make(text, (int) random_between(0, 24));
		whole = json_string(text);	/* null: no UTF-8 */
		CHECK(whole != NULL ? tells(text, text) : told(text) != NULL && strstr(told(text), "\xef\xbf\xbd") != NULL);
		json_decref(whole);
		crm_arena_reset(&arena);
	}
	CHECKED("any bytes are read again, characters as they were");
}

int
main(void)
{
	crm_arena_init(&arena);
	ok(tells("", "") && tells("a\"b\\c", "a\"b\\c") && tells("\x01\n\x1f\x7f", "\x01\n\x1f\x7f"), "marks and what is not seen are escaped");
	ok(tells("张伟é𠮷", "张伟é𠮷") && tells("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"), "characters stay");
	ok(tells("a\xff" "b", "a\xef\xbf\xbd" "b") && tells("\x80", "\xef\xbf\xbd"), "a byte that is none is told as U+FFFD");
	ok(tells("张\xe5\xbc", "张\xef\xbf\xbd\xef\xbf\xbd") && tells("\xf0\xa0\xae\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""), "so is each of one that was cut");
	ok(tells("\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd") && tells("\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") &&
	   tells("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") && tells("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
	   "too long a spelling, half a character, and one beyond the last are none");
	any_bytes();
	return done();
}
