/*
 * ingest_member.c
 *		Members' records: slots to crm.member_fact, and consents that stand beside the fields.
 *
 * Poor personal values are left out, so that the member is still taken; a text that is no
 * birthday at all is refused, for it shows a wrong column or format.
 */
#include "ingest/ingest.h"

#include "catalog/pg_type_d.h"
#include "pure/normalize_date.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

/* Man or woman, when the source says so in a word that is known. */
static void
put_sex(CrmIngestParser *p)
{
	static const char *const words[] = {"m|male|man|男|男性|先生|1", "f|female|woman|女|女性|女士|2", NULL};
	CrmIngestFault fault = p->fault;
	int			sex = -1;

	if (!crm_ingest_take_word(p, F_SEX, words, &sex))
		p->fault = fault;
	if (sex >= 0)
		crm_ingest_shape_put(p->fact, A_SEX, CStringGetTextDatum(sex == 0 ? "m" : "f"));
}

typedef enum BirthdayKind
{
	BIRTHDAY_NONE,				/* nothing, or what stands for "unknown" */
	BIRTHDAY_USABLE,
	BIRTHDAY_UNUSABLE,			/* lies in the future, has no year, or cannot be */
	BIRTHDAY_NO_DATE
} BirthdayKind;

static BirthdayKind
read_birthday(const CrmIngestParser *p, CrmBirthday *birthday)
{
	const CrmIngestSlot *slot = &p->slots[F_BIRTHDAY];
	const char *format = slot->target ? slot->target->format : NULL;
	CrmDateOrder order = format == NULL ? CRM_DATE_ORDER_UNKNOWN :
		strcmp(format, "dmy") == 0 ? CRM_DATE_ORDER_DMY :
		strcmp(format, "mdy") == 0 ? CRM_DATE_ORDER_MDY : CRM_DATE_ORDER_UNKNOWN;
	CrmDateCode code;

	if (slot->kind == CRM_SLOT_ABSENT)
		return BIRTHDAY_NONE;
	if (slot->kind != CRM_SLOT_TEXT && slot->kind != CRM_SLOT_NUMBER)
		return BIRTHDAY_NO_DATE;
	code = crm_date_parse_birthday(slot->text, slot->length, order, p->today, birthday);
	if (code == CRM_DATE_FORMAT)
		return BIRTHDAY_NO_DATE;
	if (code == CRM_DATE_OK && birthday->is_missing)
		return BIRTHDAY_NONE;
	if (code != CRM_DATE_OK || birthday->year == 0 ||
		!crm_localday_is_valid(birthday->year, birthday->month, birthday->day))
		return BIRTHDAY_UNUSABLE;
	return BIRTHDAY_USABLE;
}

/*
 * A birthday; one that cannot be used is left out, a text that is no date is a fault.  A lunar
 * one is stored as month and day of its calendar.
 */
static bool
put_birthday(CrmIngestParser *p)
{
	static const char *const calendars[] = {"solar|gregorian|阳历|公历", "lunar|阴历|农历", NULL};
	CrmBirthday birthday;
	BirthdayKind kind;
	int			calendar = 0;

	if (!crm_ingest_take_word(p, F_BIRTHDAY_CALENDAR, calendars, &calendar))
		return false;
	kind = read_birthday(p, &birthday);
	if (kind == BIRTHDAY_NO_DATE)
	{
		crm_ingest_slot_fault(p, CRM_FAULT_TYPE, F_BIRTHDAY, "Send a date such as 1990-05-01.");
		return false;
	}
	if (kind != BIRTHDAY_USABLE)
		return true;
	crm_ingest_shape_put(p->fact, A_BIRTHDAY, DateADTGetDatum(
		crm_localday_number(birthday.year, birthday.month, birthday.day)));
	crm_ingest_shape_put(p->fact, A_IS_BIRTHDAY_LUNAR,
						 BoolGetDatum(birthday.is_lunar || calendar == 1));
	return true;
}

/* The fields of a member's record that hold what cannot be used, and are left out, as text[]; 0 when there are none. */
Datum
crm_ingest_left_out(const CrmIngestParser *p)
{
	static const int fields[] = {F_PHONE, F_EMAIL, F_NATIONAL_ID};
	Datum		names[lengthof(fields) + 1];
	int			n = 0;
	CrmBirthday birthday;

	for (int i = 0; i < lengthof(fields); i++)
		if (crm_ingest_is_unusable(p, fields[i]))
			names[n++] = CStringGetTextDatum(crm_ingest_fields[fields[i]].name);
	if (read_birthday(p, &birthday) == BIRTHDAY_UNUSABLE)
		names[n++] = CStringGetTextDatum(crm_ingest_fields[F_BIRTHDAY].name);
	return n == 0 ? (Datum) 0 :
		PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Consents given beside the member's fields, as facts of their own. */
static bool
put_consents(CrmIngestParser *p, CrmIngestBuilt *built, TimestampTz at)
{
	static const struct
	{
		int			field;
		const char *channel;
	}			fields[] = {
		{F_CONSENT_SMS, "sms"}, {F_CONSENT_WECHAT, "wechat"}, {F_CONSENT_EMAIL, "email"},
	};
	Datum		values[lengthof(fields)];
	int			n = 0;

	for (int i = 0; i < lengthof(fields); i++)
	{
		int			state = -1;

		if (!crm_ingest_take_word(p, fields[i].field, crm_ingest_yes_no, &state))
			return false;
		if (state < 0 || p->consent == NULL)
			continue;
		crm_ingest_shape_put(p->consent, A_ORDINAL, Int32GetDatum(p->ordinal));
		crm_ingest_shape_put(p->consent, A_CHANNEL, CStringGetTextDatum(fields[i].channel));
		crm_ingest_shape_put(p->consent, A_STATE, CStringGetTextDatum(state == 0 ? "yes" : "no"));
		crm_ingest_shape_put(p->consent, A_OCCURRED_AT, TimestampTzGetDatum(at));
		crm_ingest_shape_put(p->consent, A_EVIDENCE, CStringGetTextDatum("member record"));
		crm_ingest_shape_put(p->consent, A_IS_HISTORY, BoolGetDatum(p->is_history));
		values[n++] = crm_ingest_shape_form(p->consent);
	}
	if (n > 0)
		built->consents = crm_ingest_shape_array(p->consent, values, n);
	return true;
}

/* A member's record at a source, with the consents given beside it; false after a fault. */
bool
crm_ingest_build_member(CrmIngestParser *p, CrmIngestBuilt *built)
{
	static const char *const kinds[] = {"member", "follower", "visitor", NULL};
	int			kind = 0;
	int			store_id;
	int			n_keys;
	pg_tz	   *zone;
	TimestampTz at = p->received_at;
	TimestampTz said_at;
	Datum		identifiers = 0;
	Datum		customs = 0;
	bool		is_dated;

	if (!crm_ingest_take_id(p, true, built) || !crm_ingest_take_word(p, F_KIND, kinds, &kind) ||
		!crm_ingest_take_store(p, &store_id, &zone) ||
		!crm_ingest_put_time(p, F_REGISTERED_AT, A_REGISTERED_AT, false, &said_at, &is_dated) ||
		!crm_ingest_put_text(p, F_NAME, A_NAME) ||
		!crm_ingest_put_text(p, F_NICKNAME, A_NICKNAME) ||
		!crm_ingest_put_text(p, F_PROVINCE, A_PROVINCE) ||
		!crm_ingest_put_text(p, F_CITY, A_CITY) ||
		!crm_ingest_put_text(p, F_DISTRICT, A_DISTRICT) ||
		!crm_ingest_put_text(p, F_ADDRESS, A_ADDRESS) || !crm_ingest_put_text(p, F_NOTE, A_NOTE) ||
		!crm_ingest_put_text(p, F_CHANNEL, A_CHANNEL) || !put_birthday(p) ||
		!crm_ingest_check_identifiers(p) || !crm_ingest_take_customs(p, &customs))
		return false;
	put_sex(p);
	if (is_dated)
		at = said_at;
	if (!put_consents(p, built, at))
		return false;
	crm_ingest_digest_record(p, built);
	if (!p->wants_facts)
		return true;
	identifiers = crm_ingest_identifiers(p, &n_keys);
	if (identifiers)
		crm_ingest_shape_put(p->fact, A_IDENTIFIERS, identifiers);
	crm_ingest_shape_put(p->fact, A_KIND, CStringGetTextDatum(kinds[kind]));
	if (store_id != 0)
		crm_ingest_shape_put(p->fact, A_STORE_ID, Int32GetDatum(store_id));
	crm_ingest_shape_put(p->fact, A_CHANNEL, crm_ingest_channel(p));
	if (is_dated)
		crm_ingest_shape_put(p->fact, A_REGISTERED_ON,
							 DateADTGetDatum(crm_ingest_local_day(at, zone)));
	crm_ingest_shape_put(p->fact, A_CUSTOM, customs);
	crm_ingest_put_common(p, built, p->line_no);
	built->fact = crm_ingest_shape_form(p->fact);
	return true;
}
