/* Strict base64url, and the string item of structured fields. */
#include "tap.h"

#include <jansson.h>

#include "base64url.h"
#include "sfstring.h"

static bool
decodes(const char *text, const char *want)
{
	unsigned char out[256];
	size_t		length = 0;

	return crm_base64url_decode(text, strlen(text), out, &length) &&
		length == strlen(want) && memcmp(out, want, length) == 0;
}

static bool
refuses(const char *text)
{
	unsigned char out[256];
	size_t		length;

	return !crm_base64url_decode(text, strlen(text), out, &length);
}

static void
round_trips(void)
{
	unsigned char bytes[100];
	unsigned char back[CRM_BASE64URL_DECODED_MAX(200)];
	char		text[CRM_BASE64URL_ENCODED_MAX(100)];

	for (int round = 0; round < 2000; round++)
	{
		size_t		length = (size_t) random_between(0, 100);
		size_t		back_length = 0;
		size_t		written;

		for (size_t i = 0; i < length; i++)
			bytes[i] = (unsigned char) random_u64();
		written = crm_base64url_encode(bytes, length, text);
		CHECK(written == strlen(text));
		CHECK(crm_base64url_decode(text, written, back, &back_length));
		CHECK(back_length == length && memcmp(back, bytes, length) == 0);
		/* exactly one spelling: another last letter is another value or refused */
		if (written > 0)
		{
			char		last = text[written - 1];

			text[written - 1] = last == 'A' ? 'B' : 'A';
			CHECK(!crm_base64url_decode(text, written, back, &back_length) ||
				  back_length != length || memcmp(back, bytes, length) != 0);
		}
	}
	CHECKED("random bytes go round, and have one spelling");
}

static bool
key(const char *text, const char *want)
{
	char		out[1000];

	if (want == NULL)
		return !crm_sfstring_parse(text, out, sizeof(out));
	return crm_sfstring_parse(text, out, sizeof(out)) && strcmp(out, want) == 0;
}

/* The working group's vectors of strings: expected value, or must_fail. */
static void
vectors(const char *folder, const char *name)
{
	char		path[1024];
	json_t	   *list;
	json_t	   *item;
	size_t		i;

	snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : "", name);
	list = folder != NULL ? json_load_file(path, JSON_ALLOW_NUL, NULL) : NULL;
	if (list == NULL)
	{
		skip(name, "the vectors are not here");
		return;
	}
	json_array_foreach(list, i, item)
	{
		const json_t *raw = json_object_get(item, "raw");
		const char *text = json_string_value(json_array_get(raw, 0));
		const char *want = json_string_value(json_array_get(json_object_get(item, "expected"), 0));

		/* a header in two lines never comes here: the gateway refuses it */
		if (json_array_size(raw) != 1 || json_string_length(json_array_get(raw, 0)) != strlen(text))
			continue;
		if (!CHECK(key(text, json_is_true(json_object_get(item, "must_fail")) ? NULL : want)))
			printf("# %s\n", json_string_value(json_object_get(item, "name")));
	}
	json_decref(list);
	CHECKED(name);
}

int
main(int argc, char **argv)
{
	char		small[4];

	ok(decodes("", ""), "nothing is nothing");
	ok(decodes("Zg", "f") && decodes("Zm8", "fo") && decodes("Zm9v", "foo"), "RFC 4648's examples");
	ok(decodes("-_-_", "\xfb\xff\xbf"), "the url alphabet");
	ok(refuses("Zg==") && refuses("Zm8="), "padding is refused");
	ok(refuses("Zm9v Zg") && refuses("Zm9v\n") && refuses("Zm+v") && refuses("Zm/v"), "other letters are refused");
	ok(refuses("Z") && refuses("Zm9vZ"), "a length of 4n+1 is refused");
	ok(refuses("Zh") && refuses("Zm9"), "set bits behind the end are refused");
	round_trips();

	ok(key("\"8e03978e-40d5\"", "8e03978e-40d5"), "a quoted key");
	ok(key("  \"a b\"  ", "a b"), "spaces around it");
	ok(key("\"a\\\"b\\\\c\"", "a\"b\\c"), "its two escapes");
	ok(key("\"a\\nb\"", NULL), "no other escape");
	ok(key("8e03978e", NULL) && key("\"open", NULL) && key("", NULL), "without quotes it is refused");
	ok(key("\"a\" \"b\"", NULL) && key("\"a\", \"b\"", NULL), "one item, not two");
	ok(key("\"a\xc3\xa9\"", NULL) && key("\"a\tb\"", NULL) && key("\"a\x7f\"", NULL), "printable ASCII only");
	ok(key("\"a\";x;y=1;z=\"q\";w=?1", "a"), "parameters are read and dropped");
	ok(key("\"a\";", NULL) && key("\"a\";X=1", NULL) && key("\"a\";x=", NULL), "broken parameters are refused");
	ok(!crm_sfstring_parse("\"abcd\"", small, sizeof(small)), "too long for the buffer is refused");
	ok(crm_sfstring_parse("\"abc\"", small, sizeof(small)), "just fitting is taken");
	vectors(argc > 1 ? argv[1] : NULL, "string.json");
	vectors(argc > 1 ? argv[1] : NULL, "string-generated.json");
	return done();
}
