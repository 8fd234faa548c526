/*
 * ingest_json.c
 *		Records of JSON texts: canonical bodies and, through a mapping, a source's own.
 *
 * A text is checked whole by pure/jsonscan before anything of it is read.  Members go into the
 * slots of the fields that their column feeds; strings with escapes are undone into the fact's
 * memory, all else stays where it is.  A name that comes twice counts as its first.
 */
#include "ingest/ingest.h"

#include "pure/jsonscan.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

static bool
text_fault(CrmIngestParser *p, CrmJsonCode code)
{
	switch (code)
	{
		case CRM_JSON_ENCODING:
		case CRM_JSON_NUL:
		case CRM_JSON_SURROGATE:
			crm_ingest_fault(p, CRM_FAULT_ENCODING, NULL,
							 "Send UTF-8 without NUL characters or halves of surrogate pairs.");
			break;
		case CRM_JSON_DEPTH:
			crm_ingest_fault(p, CRM_FAULT_SYNTAX, NULL,
							 "Send JSON that is nested at most 64 deep.");
			break;
		default:
			crm_ingest_fault(p, CRM_FAULT_SYNTAX, NULL, "Send one JSON object.");
			break;
	}
	return false;
}

/* What a JSON value holds, as a slot; false after a fault. */
static bool
slot_of(CrmIngestParser *p, const CrmJsonValue *value, CrmIngestSlot *slot)
{
	CrmJsonCode code;
	char	   *copy;
	size_t		length;

	*slot = (CrmIngestSlot) {value->text, value->length, CRM_SLOT_ABSENT, NULL};
	switch (value->type)
	{
		case CRM_JSON_NULL:
			break;
		case CRM_JSON_FALSE:
			slot->kind = CRM_SLOT_FALSE;
			break;
		case CRM_JSON_TRUE:
			slot->kind = CRM_SLOT_TRUE;
			break;
		case CRM_JSON_NUMBER:
			slot->kind = CRM_SLOT_NUMBER;
			break;
		case CRM_JSON_ARRAY:
		case CRM_JSON_OBJECT:
			slot->kind = CRM_SLOT_JSON;
			break;
		case CRM_JSON_STRING:
			slot->text = value->text + 1;
			slot->length = value->length - 2;
			if (value->has_escape)
			{
				copy = MemoryContextAlloc(p->fact_memory, value->length);
				code = crm_json_unescape(value, copy, value->length, &length);
				if (code != CRM_JSON_OK)
					return text_fault(p, code);
				slot->text = copy;
				slot->length = length;
			}
			slot->kind = slot->length > 0 ? CRM_SLOT_TEXT : CRM_SLOT_ABSENT;
			break;
	}
	return true;
}

/* Members mostly come in the same order: the search begins behind the last one found. */
static const CrmIngestColumn *
find_column(const CrmIngestColumn *columns, int n, const CrmJsonValue *key, int *hint)
{
	for (int i = 0; i < n; i++)
	{
		const CrmIngestColumn *column = &columns[(*hint + i) % n];

		if (key->has_escape ? crm_json_key_is(key, column->name) :
			(key->length - 2 == column->length &&
			 memcmp(key->text + 1, column->name, column->length) == 0))
		{
			*hint = (*hint + i + 1) % n;
			return column;
		}
	}
	return NULL;
}

static bool
unknown_member(CrmIngestParser *p, const CrmJsonValue *key)
{
	MemoryContext old = MemoryContextSwitchTo(p->fact_memory);

	crm_ingest_fault(p, CRM_FAULT_UNKNOWN_FIELD,
					 crm_core_clip(pnstrdup(key->text + 1, key->length - 2), 100),
					 "Leave this member out, or map it.");
	MemoryContextSwitchTo(old);
	return false;
}

/* "custom": {...} and "custom.code" of canonical bodies; *is_custom tells whether it was one. */
static bool
read_custom(CrmIngestParser *p, const CrmJsonValue *key, const CrmJsonValue *value, bool *is_custom)
{
	CrmJsonWalk walk;
	CrmJsonValue name = *key;
	CrmJsonValue part = *value;
	bool		nested = crm_json_key_is(key, "custom") && value->type == CRM_JSON_OBJECT;
	int			prefix = nested ? 1 : 8;

	*is_custom = nested || (!key->has_escape && key->length > 9 &&
							memcmp(key->text + 1, "custom.", 7) == 0);
	if (!*is_custom)
		return true;
	if (nested)
		crm_json_begin(&walk, value);
	while (!nested || crm_json_next_member(&walk, &name, &part))
	{
		MemoryContext old = MemoryContextSwitchTo(p->fact_memory);
		CrmIngestTarget *target = palloc0(sizeof(CrmIngestTarget));
		CrmIngestSlot slot;

		target->field = F_CUSTOM;
		target->custom = pnstrdup(name.text + prefix, name.length - prefix - 1);
		MemoryContextSwitchTo(old);
		if (!slot_of(p, &part, &slot))
			return false;
		crm_ingest_put_slot(p, target, slot);
		if (!nested)
			break;
	}
	return true;
}

static bool
read_object(CrmIngestParser *p, const CrmJsonValue *object, const CrmIngestColumn *columns, int n)
{
	CrmJsonWalk walk;
	CrmJsonValue key;
	CrmJsonValue value;
	CrmIngestSlot slot;
	bool		is_custom;
	int			hint = 0;

	crm_json_begin(&walk, object);
	while (crm_json_next_member(&walk, &key, &value))
	{
		const CrmIngestColumn *column = find_column(columns, n, &key, &hint);

		is_custom = false;
		if (column == NULL)
		{
			if (!p->spec->is_mapped && p->entity == CRM_INGEST_MEMBER &&
				!read_custom(p, &key, &value, &is_custom))
				return false;
			if (p->spec->rejects_rest && !is_custom)
				return unknown_member(p, &key);
			continue;
		}
		if (column->n_targets == 0 && column->n_columns > 0 && value.type == CRM_JSON_OBJECT)
		{
			if (!read_object(p, &value, column->columns, column->n_columns))
				return false;
			continue;
		}
		if (!slot_of(p, &value, &slot))
			return false;
		for (int i = 0; i < column->n_targets; i++)
			crm_ingest_put_slot(p, &column->targets[i], slot);
	}
	return true;
}

/* Reads one record into the parser's slots; false after a fault. */
bool
crm_ingest_json_read(CrmIngestParser *p, const char *text, int length)
{
	CrmJsonValue root;
	CrmJsonCode code = crm_json_scan(text, length, &root, NULL);

	if (code != CRM_JSON_OK || root.type != CRM_JSON_OBJECT)
		return text_fault(p, code == CRM_JSON_OK ? CRM_JSON_SYNTAX : code);
	return read_object(p, &root, p->spec->columns, p->spec->n_columns);
}

static const CrmIngestColumn *
items_column(const CrmIngestColumn *columns, int n)
{
	for (int i = 0; i < n; i++)
	{
		const CrmIngestColumn *inner;

		if (columns[i].n_targets > 0 && columns[i].targets[0].field == F_ITEMS)
			return &columns[i];
		inner = items_column(columns[i].columns, columns[i].n_columns);
		if (inner != NULL)
			return inner;
	}
	return NULL;
}

/* Reads one element of items into the slots of an order's line; the text has been checked. */
bool
crm_ingest_json_item(CrmIngestParser *p, const char *text, int length)
{
	const CrmIngestColumn *items = items_column(p->spec->columns, p->spec->n_columns);
	CrmJsonValue object = {.type = CRM_JSON_OBJECT, .text = text, .length = length};

	if (items == NULL || *text != '{')
	{
		crm_ingest_fault(p, CRM_FAULT_TYPE, "items", "Send a list of objects.");
		return false;
	}
	return read_object(p, &object, items->columns, items->n_columns);
}

/* Numbers that numeric takes without complaint: no exponent over three digits, 200 characters. */
static bool
is_modest(const CrmJsonValue *number)
{
	const char *e = memchr(number->text, 'e', number->length);

	if (e == NULL)
		e = memchr(number->text, 'E', number->length);
	return number->length <= 200 && (e == NULL || number->text + number->length - e <= 4);
}

static bool
push_json(CrmIngestParser *p, JsonbParseState **state, JsonbIteratorToken token,
		  const CrmJsonValue *value)
{
	JsonbValue	out = {.type = jbvNull};
	CrmJsonWalk walk;
	CrmJsonValue key;
	CrmJsonValue part;
	CrmIngestSlot slot;

	switch (value->type)
	{
		case CRM_JSON_NULL:
			break;
		case CRM_JSON_FALSE:
		case CRM_JSON_TRUE:
			out.type = jbvBool;
			out.val.boolean = value->type == CRM_JSON_TRUE;
			break;
		case CRM_JSON_NUMBER:
			if (!is_modest(value))
				return false;
			out.type = jbvNumeric;
			out.val.numeric = DatumGetNumeric(DirectFunctionCall3(
				numeric_in, CStringGetDatum(pnstrdup(value->text, value->length)),
				ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
			break;
		case CRM_JSON_STRING:
			if (!slot_of(p, value, &slot))
				return false;
			out.type = jbvString;
			out.val.string.val = unconstify(char *, slot.text);
			out.val.string.len = slot.length;
			break;
		case CRM_JSON_ARRAY:
			pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
			crm_json_begin(&walk, value);
			while (crm_json_next_element(&walk, &part))
				if (!push_json(p, state, WJB_ELEM, &part))
					return false;
			pushJsonbValue(state, WJB_END_ARRAY, NULL);
			return true;
		case CRM_JSON_OBJECT:
			pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
			crm_json_begin(&walk, value);
			while (crm_json_next_member(&walk, &key, &part))
				if (!push_json(p, state, WJB_KEY, &key) || !push_json(p, state, WJB_VALUE, &part))
					return false;
			pushJsonbValue(state, WJB_END_OBJECT, NULL);
			return true;
	}
	pushJsonbValue(state, token, &out);
	return true;
}

/* A JSON object in a slot as jsonb; false after a fault.  jsonb_in would raise, this does not. */
bool
crm_ingest_take_object(CrmIngestParser *p, int field, Datum *object, bool *is_set)
{
	const CrmIngestSlot *slot = &p->slots[field];
	JsonbParseState *state = NULL;
	CrmJsonValue root;

	*is_set = slot->kind != CRM_SLOT_ABSENT;
	if (!*is_set)
		return true;
	if (crm_json_scan(slot->text, slot->length, &root, NULL) == CRM_JSON_OK &&
		root.type == CRM_JSON_OBJECT)
	{
		CrmJsonWalk walk;
		CrmJsonValue key;
		CrmJsonValue part;
		bool		ok = true;

		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		crm_json_begin(&walk, &root);
		while (ok && crm_json_next_member(&walk, &key, &part))
			ok = push_json(p, &state, WJB_KEY, &key) && push_json(p, &state, WJB_VALUE, &part);
		if (ok)
		{
			JsonbValue *whole = pushJsonbValue(&state, WJB_END_OBJECT, NULL);

			if (p->wants_facts)
				*object = JsonbPGetDatum(JsonbValueToJsonb(whole));
			return true;
		}
	}
	crm_ingest_slot_fault(p, CRM_FAULT_TYPE, field,
						  "Send a JSON object without NUL characters or huge numbers.");
	return false;
}
