/*
 * ingest_custom.c
 *		Custom fields: what a record gives for them, typed as crm.custom_field says, as jsonb.
 */
#include "ingest/ingest.h"

#include "pure/jsonscan.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#define MAX_TEXT 4000

static void
fault(CrmIngestParser *p, CrmIngestFault code, const CrmIngestCustomSlot *given, const char *remedy)
{
	MemoryContext old = MemoryContextSwitchTo(p->fact_memory);

	crm_ingest_fault(p, code, psprintf("custom.%s", given->code), remedy);
	MemoryContextSwitchTo(old);
}

static bool
is_option(const CrmIngestCustom *custom, const char *text, size_t length)
{
	for (int i = 0; i < custom->n_options; i++)
		if (strlen(custom->options[i]) == length && memcmp(custom->options[i], text, length) == 0)
			return true;
	return false;
}

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text, size_t length)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, text);
	value.val.string.len = length;
	pushJsonbValue(state, token, &value);
}

/* Several options: a JSON list, or a text with , ; | 、 or ， between them. */
static bool
push_options(CrmIngestParser *p, JsonbParseState **state, const CrmIngestCustom *custom,
			 const CrmIngestCustomSlot *given)
{
	const char *at = given->slot.text;
	const char *end = at + given->slot.length;

	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	if (given->slot.kind == CRM_SLOT_JSON)
	{
		CrmJsonValue list = {.type = CRM_JSON_ARRAY, .text = at, .length = given->slot.length};
		CrmJsonValue item;
		CrmJsonWalk walk;

		if (*at != '[')
			return false;
		crm_json_begin(&walk, &list);
		while (crm_json_next_element(&walk, &item))
		{
			char	   *text = palloc(item.length + 1);
			size_t		length;

			if (item.type != CRM_JSON_STRING ||
				crm_json_unescape(&item, text, item.length, &length) != CRM_JSON_OK ||
				!is_option(custom, text, length))
				return false;
			push_string(state, WJB_ELEM, text, length);
		}
	}
	else
		while (at < end)
		{
			const char *stop = at;

			while (stop < end && strchr(",;|", *stop) == NULL &&
				   strncmp(stop, "、", Min(3, end - stop)) != 0 &&
				   strncmp(stop, "，", Min(3, end - stop)) != 0)
				stop++;
			if (!is_option(custom, at, stop - at))
				return false;
			push_string(state, WJB_ELEM, at, stop - at);
			at = stop + (stop < end && (*stop & 0x80) ? 3 : 1);
		}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
	return true;
}

static bool
push_number(JsonbParseState **state, const CrmIngestSlot *slot)
{
	JsonbValue	value = {.type = jbvNumeric};
	CrmDecimal	number;

	if (crm_decimal_parse(slot->text, slot->length, &number) != CRM_DECIMAL_OK)
		return false;
	value.val.numeric = int64_div_fast_to_numeric(number.value, number.scale);
	pushJsonbValue(state, WJB_VALUE, &value);
	return true;
}

static bool
push_bool(JsonbParseState **state, const CrmIngestSlot *slot)
{
	static const char *const words[2][7] = {
		{"false", "no", "n", "0", "否", "无", NULL}, {"true", "yes", "y", "1", "是", "有", NULL}
	};
	JsonbValue	value = {.type = jbvBool};

	value.val.boolean = slot->kind == CRM_SLOT_TRUE;
	if (slot->kind == CRM_SLOT_TEXT || slot->kind == CRM_SLOT_NUMBER)
	{
		int			which = -1;

		for (int i = 0; i < 2; i++)
			for (int j = 0; words[i][j]; j++)
				if (strlen(words[i][j]) == slot->length &&
					pg_strncasecmp(words[i][j], slot->text, slot->length) == 0)
					which = i;
		if (which < 0)
			return false;
		value.val.boolean = which == 1;
	}
	pushJsonbValue(state, WJB_VALUE, &value);
	return true;
}

static bool
push_value(CrmIngestParser *p, JsonbParseState **state, const CrmIngestCustom *custom,
		   const CrmIngestCustomSlot *given)
{
	const CrmIngestSlot *slot = &given->slot;
	bool		is_text = slot->kind == CRM_SLOT_TEXT || slot->kind == CRM_SLOT_NUMBER;
	int32		day;
	const char *remedy = "Send a text of at most 4000 bytes.";
	CrmIngestFault code = CRM_FAULT_TYPE;

	switch (custom->type)
	{
		case CRM_CUSTOM_TEXT:
			if (is_text && slot->length <= MAX_TEXT)
			{
				push_string(state, WJB_VALUE, slot->text, slot->length);
				return true;
			}
			break;
		case CRM_CUSTOM_NUMBER:
			if (is_text && push_number(state, slot))
				return true;
			remedy = "Send a number such as 12.5.";
			break;
		case CRM_CUSTOM_DATE:
			if (is_text && crm_ingest_parse_day(slot, &day))
			{
				char *text = DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(day)));

				push_string(state, WJB_VALUE, text, strlen(text));
				return true;
			}
			remedy = "Send a date such as 2026-06-30.";
			break;
		case CRM_CUSTOM_BOOL:
			if (slot->kind != CRM_SLOT_JSON && push_bool(state, slot))
				return true;
			remedy = "Send yes or no.";
			break;
		case CRM_CUSTOM_OPTION:
			if (is_text && is_option(custom, slot->text, slot->length))
			{
				push_string(state, WJB_VALUE, slot->text, slot->length);
				return true;
			}
			code = CRM_FAULT_OPTION;
			remedy = "Send one of the options of this field, or add the option.";
			break;
		case CRM_CUSTOM_MULTI_OPTION:
			if ((is_text || slot->kind == CRM_SLOT_JSON) && push_options(p, state, custom, given))
				return true;
			code = CRM_FAULT_OPTION;
			remedy = "Send some of the options of this field, or add the option.";
			break;
	}
	fault(p, code, given, remedy);
	return false;
}

/* All custom fields of the record as one jsonb object; false after a fault. */
bool
crm_ingest_take_customs(CrmIngestParser *p, Datum *customs)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < p->n_custom_slots; i++)
	{
		const CrmIngestCustomSlot *given = &p->custom_slots[i];
		const CrmIngestCustom *custom = crm_ingest_custom(p, given->code);

		if (custom == NULL)
		{
			fault(p, CRM_FAULT_UNKNOWN_FIELD, given,
				  "Define the custom field first, or leave it out.");
			return false;
		}
		if (custom->is_derived)
		{
			fault(p, CRM_FAULT_DERIVED, given, "Leave it out: this field is computed.");
			return false;
		}
		push_string(&state, WJB_KEY, given->code, strlen(given->code));
		if (!push_value(p, &state, custom, given))
			return false;
	}
	*customs = JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	return true;
}
