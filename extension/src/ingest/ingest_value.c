/*
 * ingest_value.c
 *		Slots to typed values.
 *
 * Each function answers false after it noted a fault; an absent slot is no fault.  Poor
 * personal values (an unreadable phone, a birthday in the future) are left out elsewhere; what
 * is read here is what a fact cannot do without, so what cannot be read is refused and named.
 */
#include "ingest/ingest.h"

#include "catalog/pg_type.h"
#include "pure/utf8.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#define MAX_MONEY INT64CONST(1000000000000000)	/* minor units; room for sums in 64 bits */

Datum
crm_ingest_text(const char *text, int length)
{
	return PointerGetDatum(cstring_to_text_with_len(text, length));
}

Datum
crm_ingest_money(CrmIngestParser *p, int64 minor)
{
	return NumericGetDatum(int64_div_fast_to_numeric(minor, p->exponent));
}

static void
put_custom(CrmIngestParser *p, const CrmIngestTarget *target, CrmIngestSlot slot)
{
	if (p->n_custom_slots == p->max_custom_slots)
	{
		p->max_custom_slots = Max(16, p->max_custom_slots * 2);
		p->custom_slots = p->custom_slots == NULL ?
			MemoryContextAlloc(p->memory, sizeof(CrmIngestCustomSlot) * p->max_custom_slots) :
			repalloc(p->custom_slots, sizeof(CrmIngestCustomSlot) * p->max_custom_slots);
	}
	p->custom_slots[p->n_custom_slots++] = (CrmIngestCustomSlot) {target->custom, slot};
}

/* Nothing but spaces, of whatever width, and characters that nobody sees. */
static bool
is_blank(const CrmIngestSlot *slot)
{
	uint32_t	code_point;
	int			used;

	for (uint32 at = 0; at < slot->length; at += used)
	{
		used = crm_utf8_decode(slot->text + at, slot->length - at, &code_point);
		if (used <= 0 || (crm_utf8_fold_width(code_point) != ' ' && crm_utf8_fold_width(code_point) != 0 &&
						  (code_point < '\t' || code_point > '\r')))
			return false;
	}
	return true;
}

/*
 * Enters what a column holds into the slot of one of its targets; the first value wins.  A blank
 * text is none: a till that pads its fields would make one person of all who have no card.
 */
void
crm_ingest_put_slot(CrmIngestParser *p, const CrmIngestTarget *target, CrmIngestSlot slot)
{
	slot.target = target;
	if (slot.kind == CRM_SLOT_TEXT && is_blank(&slot))
		slot.kind = CRM_SLOT_ABSENT;
	crm_ingest_transform_apply(p, target, &slot);
	if (slot.kind == CRM_SLOT_ABSENT)
		return;
	if (target->field == F_CUSTOM)
		put_custom(p, target, slot);
	else if (p->slots[target->field].kind == CRM_SLOT_ABSENT)
		p->slots[target->field] = slot;
}

bool
crm_ingest_require(CrmIngestParser *p, int field)
{
	if (p->slots[field].kind != CRM_SLOT_ABSENT)
		return true;
	crm_ingest_slot_fault(p, CRM_FAULT_MISSING, field, "Send a value for this field.");
	return false;
}

static bool
is_characters(const CrmIngestSlot *slot)
{
	return slot->kind == CRM_SLOT_TEXT || slot->kind == CRM_SLOT_NUMBER;
}

bool
crm_ingest_take_text(CrmIngestParser *p, int field, Datum *value, bool *is_set)
{
	const CrmIngestSlot *slot = &p->slots[field];

	*is_set = false;
	if (slot->kind == CRM_SLOT_ABSENT)
		return true;
	if (!is_characters(slot))
	{
		crm_ingest_slot_fault(p, CRM_FAULT_TYPE, field, "Send a text.");
		return false;
	}
	if (slot->length > crm_ingest_fields[field].max_length)
	{
		MemoryContext old = MemoryContextSwitchTo(p->fact_memory);

		crm_ingest_slot_fault(
			p, CRM_FAULT_RANGE, field,
			psprintf("Send at most %d bytes.", crm_ingest_fields[field].max_length));
		MemoryContextSwitchTo(old);
		return false;
	}
	if (p->wants_facts)
		*value = crm_ingest_text(slot->text, slot->length);
	*is_set = true;
	return true;
}

bool
crm_ingest_take_time(CrmIngestParser *p, int field, TimestampTz *at, bool *is_set)
{
	const CrmIngestSlot *slot = &p->slots[field];

	*is_set = slot->kind != CRM_SLOT_ABSENT;
	if (!*is_set)
		return true;
	if (!is_characters(slot) || !crm_ingest_parse_time(slot, p->source_zone, at))
	{
		crm_ingest_slot_fault(p, CRM_FAULT_TYPE, field,
							  "Send a time such as 2026-06-30T10:00:00+08:00.");
		return false;
	}
	if (*at > p->latest)
	{
		crm_ingest_slot_fault(
			p, CRM_FAULT_RANGE, field,
			"Send a time that is not in the future; check the clock of the sender.");
		return false;
	}
	return true;
}

bool
crm_ingest_take_day(CrmIngestParser *p, int field, int32 *day, bool *is_set)
{
	const CrmIngestSlot *slot = &p->slots[field];

	*is_set = slot->kind != CRM_SLOT_ABSENT;
	if (!*is_set || (is_characters(slot) && crm_ingest_parse_day(slot, day)))
		return true;
	crm_ingest_slot_fault(p, CRM_FAULT_TYPE, field, "Send a date such as 2026-06-30.");
	return false;
}

/* Most numbers are digits with a point at most: read here, without looking for signs of currency. */
static bool
read_plain(const CrmIngestSlot *slot, CrmDecimal *number)
{
	bool		negative = slot->length > 1 && slot->text[0] == '-';
	bool		has_point = false;

	*number = (CrmDecimal) {0, 0};
	if (slot->length > 15)
		return false;
	for (uint32 i = negative ? 1 : 0; i < slot->length; i++)
	{
		char		c = slot->text[i];

		if (c == '.' && !has_point && i + 1 < slot->length && i > (negative ? 1 : 0))
			has_point = true;
		else if (c >= '0' && c <= '9')
		{
			number->value = number->value * 10 + (c - '0');
			number->scale += has_point ? 1 : 0;
		}
		else
			return false;
	}
	while (number->scale > 0 && number->value % 10 == 0)
	{
		number->value /= 10;
		number->scale--;
	}
	if (negative)
		number->value = -number->value;
	return slot->length > 0;
}

bool
crm_ingest_take_decimal(CrmIngestParser *p, const CrmIngestSlot *slot, const char *field,
						CrmDecimal *number, bool *is_set)
{
	CrmDecimalCode code;

	*is_set = slot->kind != CRM_SLOT_ABSENT;
	if (!*is_set || (is_characters(slot) && read_plain(slot, number)))
		return true;
	code = is_characters(slot) ? crm_decimal_parse(slot->text, slot->length, number) :
		CRM_DECIMAL_FORMAT;
	if (code == CRM_DECIMAL_OK)
		return true;
	if (code == CRM_DECIMAL_OVERFLOW || code == CRM_DECIMAL_PRECISION)
		crm_ingest_fault(p, CRM_FAULT_RANGE, field, "Send a number with fewer digits.");
	else
		crm_ingest_fault(p, CRM_FAULT_TYPE, field, "Send a number such as 12.50.");
	return false;
}

/* An amount in minor units, rounded once, half away from zero. */
bool
crm_ingest_take_money(CrmIngestParser *p, const CrmIngestSlot *slot, const char *field,
					  int64 *minor, bool *is_set)
{
	CrmDecimal	number;

	if (!crm_ingest_take_decimal(p, slot, field, &number, is_set))
		return false;
	if (!*is_set)
		return true;
	if (crm_decimal_round(number, p->exponent, minor) == CRM_DECIMAL_OK &&
		*minor <= MAX_MONEY && *minor >= -MAX_MONEY)
		return true;
	crm_ingest_fault(p, CRM_FAULT_RANGE, field, "Send an amount below ten million millions.");
	return false;
}

/* Whether a text is one of "word|other word|..."; ASCII letters in either case. */
static bool
is_one_of(const CrmIngestSlot *slot, const char *words)
{
	while (true)
	{
		const char *end = strchrnul(words, '|');

		if (end - words == slot->length && pg_strncasecmp(words, slot->text, slot->length) == 0)
			return true;
		if (*end == '\0')
			return false;
		words = end + 1;
	}
}

/*
 * The index of the words a slot is one of; words ends with NULL, and each is "canonical|also".
 * *index stays what it was when the slot is absent.
 */
bool
crm_ingest_take_word(CrmIngestParser *p, int field, const char *const *words, int *index)
{
	const CrmIngestSlot *slot = &p->slots[field];
	StringInfoData remedy;
	MemoryContext old;

	if (slot->kind == CRM_SLOT_ABSENT)
		return true;
	if (is_characters(slot))
		for (int i = 0; words[i]; i++)
			if (is_one_of(slot, words[i]))
			{
				*index = i;
				return true;
			}
	old = MemoryContextSwitchTo(p->fact_memory);
	initStringInfo(&remedy);
	appendStringInfoString(&remedy, "Send one of");
	for (int i = 0; words[i]; i++)
		appendStringInfo(&remedy, "%s %.*s", i ? "," : "", (int) strcspn(words[i], "|"), words[i]);
	appendStringInfoString(&remedy, ", or map the value.");
	crm_ingest_slot_fault(p, CRM_FAULT_OPTION, field, remedy.data);
	MemoryContextSwitchTo(old);
	return false;
}

/* The record's store and the zone of its days: the store's, else the source's. */
bool
crm_ingest_take_store(CrmIngestParser *p, int *store_id, pg_tz **zone)
{
	const CrmIngestSlot *slot = &p->slots[F_STORE_CODE];
	const CrmIngestStore *store;

	*store_id = 0;
	*zone = p->source_zone;
	if (slot->kind == CRM_SLOT_ABSENT)
		return true;
	store = is_characters(slot) ? crm_ingest_store(p, slot->text, slot->length) : NULL;
	if (store == NULL)
	{
		crm_ingest_slot_fault(p, CRM_FAULT_REFERENCE, F_STORE_CODE,
							  "Define the store, or send the code or the name of one that is.");
		return false;
	}
	*store_id = store->store_id;
	*zone = store->zone;
	return true;
}

/*
 * The source's own version of a record: a whole number as it is, a time as ISO 8601 in UTC,
 * so that versions order by their text; anything else is left out.
 */
Datum
crm_ingest_version(CrmIngestParser *p)
{
	const CrmIngestSlot *slot = &p->slots[F_UPDATED_AT];
	TimestampTz at;
	struct pg_tm tm;
	fsec_t		fsec;
	uint32		digits = 0;

	if (!is_characters(slot))
		return (Datum) 0;
	while (digits < slot->length && slot->text[digits] >= '0' && slot->text[digits] <= '9')
		digits++;
	if (digits == slot->length && digits <= 30)
		return crm_ingest_text(slot->text, slot->length);
	if (!crm_ingest_parse_time(slot, p->source_zone, &at) ||
		timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		return (Datum) 0;
	return CStringGetTextDatum(psprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year,
										tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
										(int) fsec));
}
