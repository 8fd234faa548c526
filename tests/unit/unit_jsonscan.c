/*
 * unit_jsonscan.c - strict JSON: what is accepted and refused, walking, strings.  The public
 * JSONTestSuite is run over it too where CRM_JSON_TEST_SUITE names its folder test_parsing.
 */
#include <dirent.h>

#include "tap.h"
#include "pure/jsonscan.h"

static CrmJsonCode
scan(const char *text)
{
	CrmJsonValue root;

	return crm_json_scan(text, strlen(text), &root, NULL);
}

static void
test_grammar(void)
{
	static const char *const good[] = {
		"0", "-0", "1.5e-7", "\"\"", " null ", "[]", "{}", "[1,2,[3,{}]]", "{\"a\":{\"b\":[]}}",
		"\"\\u00e9\\n\\/\"", "\"\xE5\xBC\xA0\"", "{\"a\":1,\"a\":2}", "\t[\r\n1 , 2 ]", "true", "false",
		"\"\\ud800\"", "123456789012345678901234567890", "1E400", "\"\x7f\""
	};
	static const char *const bad[] = {
		"", " ", "01", "-", "+1", ".5", "5.", "1e", "1e+", "0x1", "NaN", "Infinity", "tru", "nul",
		"True", "'a'", "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\n\"", "[1,]", "[,1]", "[1 2]", "[1", "]",
		"{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "{\"a\":1", "{1:2}", "[}", "{]", "1 2", "[] x",
		"\"\xff\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\xEF\xBB\xBF{}", "// c\n1", "[1]]", "{\"a\":1}}"
	};
	char		deep[300];
	size_t		i;

	for (i = 0; i < sizeof good / sizeof *good; i++)
		ok(scan(good[i]) == CRM_JSON_OK, good[i]);
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(scan(bad[i]) != CRM_JSON_OK, bad[i]);
	memset(deep, '[', 64);
	memset(deep + 64, ']', 64);
	deep[128] = '\0';
	is_int(scan(deep), CRM_JSON_OK, "64 levels are allowed");
	memset(deep, '[', 65);
	deep[65] = '\0';
	is_int(scan(deep), CRM_JSON_DEPTH, "65 are not");
	is_int(scan("{\"a\":"), CRM_JSON_TRUNCATED, "a text that stops is told from a wrong one");
	is_int(scan("\"\xE5\""), CRM_JSON_ENCODING, "and from wrong bytes");
}

static void
test_offset(void)
{
	CrmJsonValue root;
	size_t		offset;

	crm_json_scan("{\"a\": 1, \"b\": x}", 16, &root, &offset);
	is_int(offset, 14, "the first wrong byte is named");
}

static const char *
unescaped(const char *text)
{
	static const char *const code_names[] = {
		"ok", "syntax", "depth", "encoding", "truncated", "nul", "surrogate", "space"
	};
	static char out[100];
	CrmJsonValue value;
	CrmJsonCode code;
	size_t		length;

	crm_json_scan(text, strlen(text), &value, NULL);
	code = crm_json_unescape(&value, out, sizeof out - 1, &length);
	if (code != CRM_JSON_OK)
		return code_names[-code];
	out[length] = '\0';
	return out;
}

static void
test_strings(void)
{
	CrmJsonValue value;
	char		small[3];
	size_t		length;

	is_str(unescaped("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\/\b\f\n\r\t", "the short escapes");
	is_str(unescaped("\"\\u5f20\\u4F1F\""), "张伟", "two characters by number");
	is_str(unescaped("\"\\ud83d\\ude00!\""), "😀!", "a surrogate pair");
	is_str(unescaped("\"张\\u4f1f\""), "张伟", "mixed");
	is_str(unescaped("\"\\ud83d\""), "surrogate", "half a pair is refused");
	is_str(unescaped("\"\\ud83dx\\ude00\""), "surrogate", "so are two halves apart");
	is_str(unescaped("\"\\ude00\\ud83d\""), "surrogate", "or in the wrong order");
	is_str(unescaped("\"a\\u0000b\""), "nul", "and a NUL");
	crm_json_scan("\"abcd\"", 6, &value, NULL);
	is_int(crm_json_unescape(&value, small, sizeof small, &length), CRM_JSON_SPACE,
		   "a small buffer is not overrun");
	crm_json_scan("\"ph\\u006fne\"", 12, &value, NULL);
	ok(crm_json_key_is(&value, "phone"), "a key is compared without its escapes");
	ok(!crm_json_key_is(&value, "phone1") && !crm_json_key_is(&value, "phon"), "and to its end");
}

static void
test_walk(void)
{
	static const char text[] =
		" { \"phone\" : \"139\", \"items\":[1, {\"a\":[2]} ,null],\"n\":-1.5,\"phone\":\"138\"} ";
	CrmJsonValue root;
	CrmJsonValue key;
	CrmJsonValue value;
	CrmJsonWalk walk;
	char		seen[200] = "";

	is_int(crm_json_scan(text, strlen(text), &root, NULL), CRM_JSON_OK, "an object");
	crm_json_begin(&walk, &root);
	while (crm_json_next_member(&walk, &key, &value))
		snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s=%d:%.*s;",
				 (int) key.length, key.text, value.type, (int) value.length, value.text);
	is_str(seen, "\"phone\"=4:\"139\";\"items\"=5:[1, {\"a\":[2]} ,null];\"n\"=3:-1.5;\"phone\"=4:\"138\";",
		   "its members, in order, repeated keys too");
	crm_json_begin(&walk, &root);
	while (crm_json_next_member(&walk, &key, &value) && !crm_json_key_is(&key, "items"))
		;
	crm_json_begin(&walk, &value);
	seen[0] = '\0';
	while (crm_json_next_element(&walk, &value))
		snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s;",
				 (int) value.length, value.text);
	is_str(seen, "1;{\"a\":[2]};null;", "the elements of an array");
	crm_json_scan("[ ]", 3, &root, NULL);
	crm_json_begin(&walk, &root);
	ok(!crm_json_next_element(&walk, &value), "an empty array has none");
}

/* Runs one file of the suite: y_ must pass, n_ must fail, i_ may do either. */
static void
run_suite_file(const char *folder, const char *name)
{
	static char text[1 << 20];
	char		path[1000];
	CrmJsonValue root;
	FILE	   *file;
	size_t		length;
	bool		passed;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL)
	{
		CHECK(!"the file can be read");
		return;
	}
	length = fread(text, 1, sizeof text, file);
	fclose(file);
	passed = crm_json_scan(text, length, &root, NULL) == CRM_JSON_OK;
	if (!CHECK(name[0] == 'i' || passed == (name[0] == 'y')))
		printf("#   %s\n", name);
}

static void
test_suite(void)
{
	const char *folder = getenv("CRM_JSON_TEST_SUITE");
	DIR		   *dir = folder ? opendir(folder) : NULL;
	struct dirent *file;

	if (dir == NULL)
	{
		skip("JSONTestSuite", "CRM_JSON_TEST_SUITE does not name its folder");
		return;
	}
	while ((file = readdir(dir)) != NULL)
		if (strstr(file->d_name, ".json"))
			run_suite_file(folder, file->d_name);
	closedir(dir);
	CHECKED("JSONTestSuite");
}

/* Any cut and any changed byte of a good text is answered without reading past the end. */
static void
test_damage(void)
{
	static const char text[] = "{\"a\":[1,-2.5e3,\"x\\u4f1f\\n张\"],\"b\":{\"c\":null,\"d\":true}}";
	size_t		length = strlen(text);
	int			i;

	for (i = 0; i < 100000; i++)
	{
		size_t		cut = random_u64() % (length + 1);
		char	   *copy = malloc(cut > 0 ? cut : 1);
		CrmJsonValue root;

		memcpy(copy, text, cut);
		CHECK((crm_json_scan(copy, cut, &root, NULL) == CRM_JSON_OK) == (cut == length));
		if (cut > 0)
			copy[random_u64() % cut] = (char) random_u64();
		crm_json_scan(copy, cut, &root, NULL);
		free(copy);
	}
	CHECKED("a text cut short is never good");
}

int
main(void)
{
	test_grammar();
	test_offset();
	test_strings();
	test_walk();
	test_suite();
	test_damage();
	return done();
}
