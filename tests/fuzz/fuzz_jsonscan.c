/* fuzz_jsonscan.c - JSON: spans nest, strings come out as UTF-8, and jansson's valid is ours. */
#include <jansson.h>

#include "fuzz.h"
#include "pure/jsonscan.h"
#include "pure/utf8.h"

SEEDS(SEED("{\"external_id\": \"M1\", \"phone\": \"138\", \"items\": [{\"quantity\": 1.5e3}, null, true]}"),
	  SEED("[1,-0.5,2E+10,\"\\u5f20\\ud83d\\ude00\\n\",false]"), SEED("  \"a\\\\b\\/\"  "), SEED("{\"a\":{\"a\":{\"a\":[[[]]]}}}"),
	  SEED("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), SEED("\"张伟\""));

static void
check_string(const CrmJsonValue *value)
{
	size_t		room = value->length - 2;
	size_t		length = 0;
	char	   *out = malloc(room + 1);
	CrmJsonCode code = crm_json_unescape(value, out, room, &length);

	HOLDS(value->length >= 2 && value->text[0] == '"' && value->text[value->length - 1] == '"');
	HOLDS(code == CRM_JSON_OK || (value->has_escape && (code == CRM_JSON_NUL || code == CRM_JSON_SURROGATE)));
	if (code == CRM_JSON_OK)
		HOLDS(length <= room && crm_utf8_valid(out, length, NULL));
	free(out);
}

static void
check_inside(const CrmJsonValue *outer, const CrmJsonValue *inner)
{
	HOLDS(inner->length > 0 && inner->text > outer->text);
	HOLDS(inner->text + inner->length < outer->text + outer->length);
}

static void
check_value(const CrmJsonValue *value, int depth)
{
	CrmJsonWalk walk;
	CrmJsonValue key,
				child;

	HOLDS(depth <= CRM_JSON_MAX_DEPTH + 1);
	if (value->type == CRM_JSON_STRING)
		check_string(value);
	if (value->type != CRM_JSON_OBJECT && value->type != CRM_JSON_ARRAY)
		return;
	crm_json_begin(&walk, value);
	while (value->type == CRM_JSON_OBJECT ? crm_json_next_member(&walk, &key, &child) : crm_json_next_element(&walk, &child))
	{
		if (value->type == CRM_JSON_OBJECT)
		{
			check_inside(value, &key);
			check_string(&key);
		}
		check_inside(value, &child);
		check_value(&child, depth + 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	CrmJsonValue root;
	size_t		offset = 0;
	CrmJsonCode code = crm_json_scan(text, size, &root, &offset);
	json_t	   *other = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	HOLDS(code <= CRM_JSON_OK && code >= CRM_JSON_SPACE);
	/* it lets a NUL byte pass behind a number */
	HOLDS(other == NULL || memchr(text, 0, size) != NULL || code == CRM_JSON_OK || code == CRM_JSON_DEPTH);
	json_decref(other);
	if (code != CRM_JSON_OK)
	{
		HOLDS(offset <= size);
		return 0;
	}
	HOLDS(root.text >= text && root.text + root.length <= text + size);
	check_value(&root, 0);
	return 0;
}
