/*
 * ingest_transform.c
 *		What a mapping does to a value before it is read: transforms in their order, then the
 *		option map.
 *
 * Works on texts and JSON numbers; absent values stay absent, save for "default".  Results
 * live in the fact's memory.
 *
 *	"trim" "upper" "lower" "digits" "negate" "abs" "hash" (keyed: an id that tells nothing)
 *	{"strip_prefix": "86-"} {"strip_suffix": ".0"} {"prefix": "POS-"}
 *	{"split": "|", "take": 1}			the first part; take -1: the last
 *	{"replace": "年", "with": "-"} {"default": "paid"}
 */
#include "ingest/ingest.h"

#include <ctype.h>

#include "utils/builtins.h"
#include "utils/memutils.h"

typedef enum TransformKind
{
	TRIM, UPPER, LOWER, DIGITS, NEGATE, ABSOLUTE, STRIP_PREFIX, STRIP_SUFFIX, PREFIX, SPLIT,
	REPLACE, DEFAULT_VALUE, KEYED_HASH
} TransformKind;

static const struct
{
	const char *name;
	TransformKind kind;
	bool		has_text;
}			kinds[] = {
	{"trim", TRIM, false}, {"upper", UPPER, false}, {"lower", LOWER, false},
	{"digits", DIGITS, false}, {"negate", NEGATE, false}, {"abs", ABSOLUTE, false},
	{"hash", KEYED_HASH, false},
	{"strip_prefix", STRIP_PREFIX, true}, {"strip_suffix", STRIP_SUFFIX, true},
	{"prefix", PREFIX, true}, {"split", SPLIT, true}, {"replace", REPLACE, true},
	{"default", DEFAULT_VALUE, true},
};

static bool
find_kind(const char *name, int length, bool has_text, int *kind)
{
	for (int i = 0; i < lengthof(kinds); i++)
		if (kinds[i].has_text == has_text && strlen(kinds[i].name) == length &&
			memcmp(kinds[i].name, name, length) == 0)
		{
			*kind = kinds[i].kind;
			return true;
		}
	return false;
}

/* Reads the members of an object form; false when one is unknown or of the wrong type. */
static bool
compile_object(JsonbContainer *object, CrmIngestTransform *transform)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;
	bool		found = false;

	transform->take = 1;
	transform->with = "";
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&it, &value, true);
		if (key.val.string.len == 4 && memcmp(key.val.string.val, "take", 4) == 0)
		{
			if (value.type != jbvNumeric)
				return false;
			transform->take = DatumGetInt32(
				DirectFunctionCall1(numeric_int4, NumericGetDatum(value.val.numeric)));
			continue;
		}
		if (value.type != jbvString)
			return false;
		if (key.val.string.len == 4 && memcmp(key.val.string.val, "with", 4) == 0)
		{
			transform->with = pnstrdup(value.val.string.val, value.val.string.len);
			transform->with_length = value.val.string.len;
			continue;
		}
		if (found || !find_kind(key.val.string.val, key.val.string.len, true, &transform->kind))
			return false;
		transform->text = pnstrdup(value.val.string.val, value.val.string.len);
		transform->length = value.val.string.len;
		found = true;
	}
	return found && (transform->length > 0 ||
					 (transform->kind != SPLIT && transform->kind != REPLACE));
}

bool
crm_ingest_transform_compile(const JsonbValue *value, CrmIngestTransform *transform)
{
	if (value->type == jbvString)
		return find_kind(value->val.string.val, value->val.string.len, false, &transform->kind);
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data) &&
		compile_object(value->val.binary.data, transform);
}

static void
trim(CrmIngestSlot *slot)
{
	while (slot->length > 0 && isspace((unsigned char) slot->text[0]))
	{
		slot->text++;
		slot->length--;
	}
	while (slot->length > 0 && isspace((unsigned char) slot->text[slot->length - 1]))
		slot->length--;
}

/* upper, lower and digits touch ASCII only: codes and numbers, not names. */
static void
change_letters(CrmIngestSlot *slot, int kind)
{
	char	   *copy = palloc(slot->length + 1);
	uint32		n = 0;

	for (uint32 i = 0; i < slot->length; i++)
	{
		unsigned char c = (unsigned char) slot->text[i];

		if (kind == DIGITS && !(c >= '0' && c <= '9'))
			continue;
		if (c < 0x80)
			c = kind == UPPER ? toupper(c) : kind == LOWER ? tolower(c) : c;
		copy[n++] = (char) c;
	}
	slot->text = copy;
	slot->length = n;
}

static void
change_sign(CrmIngestSlot *slot, int kind)
{
	bool		negative;

	trim(slot);
	negative = slot->length > 0 && slot->text[0] == '-';
	if (negative || (slot->length > 0 && slot->text[0] == '+'))
	{
		slot->text++;
		slot->length--;
	}
	if (kind == NEGATE && !negative && slot->length > 0)
	{
		slot->text = psprintf("-%.*s", (int) slot->length, slot->text);
		slot->length++;
	}
}

static const char *
find(const char *text, uint32 length, const char *what, int what_length)
{
	for (uint32 i = 0; i + what_length <= length; i++)
		if (memcmp(text + i, what, what_length) == 0)
			return text + i;
	return NULL;
}

/* take counts from 1; a part that is not there is empty. */
static void
split(CrmIngestSlot *slot, const CrmIngestTransform *transform)
{
	const char *end = slot->text + slot->length;
	const char *part = slot->text;
	const char *next;
	int			n = 1;

	while ((next = find(part, end - part, transform->text, transform->length)) != NULL &&
		   n != transform->take)
	{
		part = next + transform->length;
		n++;
	}
	slot->length = (next != NULL ? next : end) - part;
	slot->text = part;
	if (n != transform->take && transform->take != -1)
		slot->length = 0;
}

static void
replace(CrmIngestSlot *slot, const CrmIngestTransform *transform)
{
	StringInfoData out;
	const char *at = slot->text;
	const char *end = slot->text + slot->length;
	const char *next;

	initStringInfo(&out);
	while ((next = find(at, end - at, transform->text, transform->length)) != NULL)
	{
		appendBinaryStringInfo(&out, at, next - at);
		appendBinaryStringInfo(&out, transform->with, transform->with_length);
		at = next + transform->length;
	}
	appendBinaryStringInfo(&out, at, end - at);
	slot->text = out.data;
	slot->length = out.len;
}

static void
keyed_hash(CrmIngestSlot *slot)
{
	uint8		hash[CRM_HASH_LENGTH];
	char	   *hex = palloc(2 * CRM_HASH_LENGTH + 1);

	crm_core_keys_hash("external_id", slot->text, slot->length, hash);
	for (int i = 0; i < CRM_HASH_LENGTH; i++)
		sprintf(hex + 2 * i, "%02x", hash[i]);
	slot->text = hex;
	slot->length = 2 * CRM_HASH_LENGTH;
	slot->kind = CRM_SLOT_TEXT;
}

static void
apply_one(CrmIngestSlot *slot, const CrmIngestTransform *transform)
{
	int			n = transform->length;

	switch ((TransformKind) transform->kind)
	{
		case TRIM:
			trim(slot);
			break;
		case UPPER:
		case LOWER:
		case DIGITS:
			change_letters(slot, transform->kind);
			break;
		case NEGATE:
		case ABSOLUTE:
			change_sign(slot, transform->kind);
			break;
		case STRIP_PREFIX:
			if (slot->length >= n && memcmp(slot->text, transform->text, n) == 0)
			{
				slot->text += n;
				slot->length -= n;
			}
			break;
		case STRIP_SUFFIX:
			if (slot->length >= n &&
				memcmp(slot->text + slot->length - n, transform->text, n) == 0)
				slot->length -= n;
			break;
		case PREFIX:
			slot->text = psprintf("%s%.*s", transform->text, (int) slot->length, slot->text);
			slot->length += n;
			break;
		case SPLIT:
			split(slot, transform);
			break;
		case REPLACE:
			replace(slot, transform);
			break;
		case KEYED_HASH:
			if (slot->length > 0)
				keyed_hash(slot);
			break;
		case DEFAULT_VALUE:
			break;
	}
}

static void
apply_options(CrmIngestSlot *slot, const CrmIngestTarget *target)
{
	for (int i = 0; i < target->n_options; i++)
	{
		const CrmIngestOption *option = &target->options[i];

		if (option->is_prefix ? slot->length >= option->from_length :
			slot->length == option->from_length)
		{
			if (memcmp(slot->text, option->from, option->from_length) != 0)
				continue;
			slot->text = option->to;
			slot->length = option->to_length;
			slot->kind = CRM_SLOT_TEXT;
			return;
		}
	}
}

/* Changes the slot as its target says; an emptied text becomes absent. */
void
crm_ingest_transform_apply(CrmIngestParser *p, const CrmIngestTarget *target, CrmIngestSlot *slot)
{
	MemoryContext old;

	if (target->n_transforms == 0 && target->n_options == 0)
		return;
	old = MemoryContextSwitchTo(p->fact_memory);
	for (int i = 0; i < target->n_transforms; i++)
	{
		const CrmIngestTransform *transform = &target->transforms[i];

		if (slot->kind == CRM_SLOT_ABSENT && transform->kind == DEFAULT_VALUE)
			*slot = (CrmIngestSlot) {transform->text, transform->length, CRM_SLOT_TEXT, target};
		else if (slot->kind == CRM_SLOT_TEXT || slot->kind == CRM_SLOT_NUMBER)
			apply_one(slot, transform);
		if (slot->length == 0)
			slot->kind = CRM_SLOT_ABSENT;
	}
	if (slot->kind == CRM_SLOT_TEXT || slot->kind == CRM_SLOT_NUMBER)
		apply_options(slot, target);
	if (slot->length == 0)
		slot->kind = CRM_SLOT_ABSENT;
	MemoryContextSwitchTo(old);
}
