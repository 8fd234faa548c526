/*
 * ingest_identifier.c
 *		What a record says about who it is: telephone, card, openid ... as identifier values.
 *
 * Values are normalised by pure code and carry what may be shown of them.  A telephone number
 * or an address that cannot be one is left out, not refused: a member without a usable phone
 * is still a member.  The kinds' numbers are those of crm.identifier_kind.
 */
#include "ingest/ingest.h"

#include <ctype.h>

#include "pure/normalize_email.h"
#include "pure/normalize_phone.h"
#include "utils/builtins.h"

#define MAX_IDENTIFIERS 10

enum
{
	KIND_PHONE = 1, KIND_EMAIL, KIND_MEMBER_CARD, KIND_OPENID, KIND_UNIONID, KIND_WECOM,
	KIND_PLATFORM_ID, KIND_NATIONAL_ID, KIND_DINGTALK, KIND_DEVICE
};

static bool
has(const CrmIngestParser *p, int field)
{
	return p->slots[field].kind == CRM_SLOT_TEXT || p->slots[field].kind == CRM_SLOT_NUMBER;
}

static Datum
form(CrmIngestParser *p, int kind, const char *namespace, const char *value, const char *masked,
	 const char *tail, bool is_key)
{
	CrmIngestShape *shape = p->identifier;

	crm_ingest_shape_put(shape, A_IDENTIFIER_KIND, Int16GetDatum(kind));
	crm_ingest_shape_put(shape, A_NAMESPACE, CStringGetTextDatum(namespace));
	crm_ingest_shape_put(shape, A_VALUE, CStringGetTextDatum(value));
	crm_ingest_shape_put(shape, A_MASKED, CStringGetTextDatum(masked));
	if (tail != NULL && *tail != '\0')
		crm_ingest_shape_put(shape, A_TAIL, CStringGetTextDatum(tail));
	crm_ingest_shape_put(shape, A_IS_KEY, BoolGetDatum(is_key));
	return crm_ingest_shape_form(shape);
}

static int
add_phone(CrmIngestParser *p, Datum *values, int n, int *n_keys)
{
	CrmPhone	phone;

	if (!has(p, F_PHONE) || !crm_phone_normalize(p->slots[F_PHONE].text, p->slots[F_PHONE].length,
												 CRM_PHONE_CHINA, &phone))
		return n;
	*n_keys += phone.is_identity_key;
	values[n++] =
		form(p, KIND_PHONE, "", phone.e164, phone.masked, phone.last4, phone.is_identity_key);
	return n;
}

static int
add_email(CrmIngestParser *p, Datum *values, int n, int *n_keys)
{
	CrmEmail	email;

	if (!has(p, F_EMAIL) ||
		!crm_email_normalize(p->slots[F_EMAIL].text, p->slots[F_EMAIL].length, &email))
		return n;
	*n_keys += email.is_identity_key;
	values[n++] = form(p, KIND_EMAIL, "", email.key, email.masked, NULL, email.is_identity_key);
	return n;
}

/* Spaces and dashes out, letters upper: how cards and national ids are compared. */
static char *
compact(const CrmIngestSlot *slot)
{
	char	   *out = palloc(slot->length + 1);
	int			n = 0;

	for (uint32 i = 0; i < slot->length; i++)
	{
		unsigned char c = (unsigned char) slot->text[i];

		if (!isspace(c) && c != '-')
			out[n++] = c < 0x80 ? (char) toupper(c) : (char) c;
	}
	out[n] = '\0';
	return out;
}

/* The last four characters of ASCII codes, stars before them; shorter codes are stars alone. */
static char *
mask(const char *value)
{
	int			length = strlen(value);
	bool		is_plain = length >= 8;

	for (const char *c = value; *c && is_plain; c++)
		is_plain = (unsigned char) *c < 0x80;
	return is_plain ? psprintf("****%s", value + length - 4) : pstrdup("****");
}

/* A code that is compared byte by byte, or when compacted is asked for, in that form. */
static int
add_code(CrmIngestParser *p, Datum *values, int n, int *n_keys, int field, int kind,
		 const char *namespace, bool compacted)
{
	char	   *value;

	if (!has(p, field) || p->slots[field].length > crm_ingest_fields[field].max_length)
		return n;
	value = compacted ? compact(&p->slots[field]) :
		pnstrdup(p->slots[field].text, p->slots[field].length);
	if (*value == '\0')
		return n;
	*n_keys += kind != KIND_DEVICE;
	values[n++] = form(p, kind, namespace, value, mask(value), NULL, kind != KIND_DEVICE);
	return n;
}

/* 17 digits and a check digit as GB 11643 computes it; others are left out. */
static bool
is_national_id(const char *id)
{
	static const int weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
	int			sum = 0;

	if (strlen(id) != 18)
		return false;
	for (int i = 0; i < 17; i++)
	{
		if (!isdigit((unsigned char) id[i]))
			return false;
		sum += (id[i] - '0') * weights[i];
	}
	return id[17] == "10X98765432"[sum % 11];
}

static int
add_national_id(CrmIngestParser *p, Datum *values, int n, int *n_keys)
{
	char	   *id = has(p, F_NATIONAL_ID) ? compact(&p->slots[F_NATIONAL_ID]) : "";

	return is_national_id(id) ?
		add_code(p, values, n, n_keys, F_NATIONAL_ID, KIND_NATIONAL_ID, "", true) : n;
}

/* Whether a telephone number, an address or a national id is there that cannot be one. */
bool
crm_ingest_is_unusable(const CrmIngestParser *p, int field)
{
	const CrmIngestSlot *slot = &p->slots[field];
	CrmPhone	phone;
	CrmEmail	email;

	if (!has(p, field))
		return false;
	if (field == F_PHONE)
		return !crm_phone_normalize(slot->text, slot->length, CRM_PHONE_CHINA, &phone);
	if (field == F_EMAIL)
		return !crm_email_normalize(slot->text, slot->length, &email);
	return !is_national_id(compact(slot));
}

/*
 * False after a fault: a list, an object or true in place of an identifier, or a code too long
 * to be one, is a sender's mistake that would cost the record its person, and no poor value.
 */
bool
crm_ingest_check_identifiers(CrmIngestParser *p)
{
	static const int fields[] = {
		F_PHONE, F_EMAIL, F_NATIONAL_ID,	/* of these, too long is unusable, too */
		F_MEMBER_CARD, F_OPENID, F_OPENID_APP, F_UNIONID, F_WECOM_ID, F_DINGTALK_ID,
		F_PLATFORM_ID, F_DEVICE,
	};
	Datum		ignored;
	bool		is_set;

	for (int i = 0; i < lengthof(fields); i++)
		if (p->slots[fields[i]].kind != CRM_SLOT_ABSENT && (i > 2 || !has(p, fields[i])) &&
			!crm_ingest_take_text(p, fields[i], &ignored, &is_set))
			return false;
	return true;
}

static const char *
openid_app(CrmIngestParser *p)
{
	return has(p, F_OPENID_APP) ?
		pnstrdup(p->slots[F_OPENID_APP].text, p->slots[F_OPENID_APP].length) : p->source_code;
}

/*
 * The record's identifiers as crm.identifier_value[]; 0 when there are none.  *n_keys counts
 * those that may say that two records are one person.  An openid without its app is of its
 * source, a platform id always is; cards are the chain's.
 */
Datum
crm_ingest_identifiers(CrmIngestParser *p, int *n_keys)
{
	Datum		values[MAX_IDENTIFIERS];
	int			n = 0;

	*n_keys = 0;
	n = add_phone(p, values, n, n_keys);
	n = add_email(p, values, n, n_keys);
	n = add_code(p, values, n, n_keys, F_MEMBER_CARD, KIND_MEMBER_CARD, "", true);
	n = add_code(p, values, n, n_keys, F_OPENID, KIND_OPENID,
				 has(p, F_OPENID) ? openid_app(p) : "", false);
	n = add_code(p, values, n, n_keys, F_UNIONID, KIND_UNIONID, "", false);
	n = add_code(p, values, n, n_keys, F_WECOM_ID, KIND_WECOM, "", false);
	n = add_code(p, values, n, n_keys, F_DINGTALK_ID, KIND_DINGTALK, "", false);
	n = add_code(p, values, n, n_keys, F_PLATFORM_ID, KIND_PLATFORM_ID, p->source_code, false);
	n = add_national_id(p, values, n, n_keys);
	n = add_code(p, values, n, n_keys, F_DEVICE, KIND_DEVICE, "", false);
	return n == 0 ? (Datum) 0 : crm_ingest_shape_array(p->identifier, values, n);
}

/* The id of the record that facts of a device hang on when they name nobody; 0 without one. */
Datum
crm_ingest_device_id(CrmIngestParser *p)
{
	const CrmIngestSlot *slot = &p->slots[F_DEVICE];

	return has(p, F_DEVICE) ?
		CStringGetTextDatum(psprintf("device:%.*s", (int) slot->length, slot->text)) : (Datum) 0;
}

/* The source whose member ids the record uses: its own, or the one that member_source names. */
bool
crm_ingest_member_source(CrmIngestParser *p, int *source_id)
{
	const CrmIngestSlot *slot = &p->slots[F_MEMBER_SOURCE];

	*source_id = p->source_id;
	if (slot->kind == CRM_SLOT_ABSENT ||
		(has(p, F_MEMBER_SOURCE) && crm_ingest_code(p, 's', slot->text, slot->length, source_id)))
		return true;
	crm_ingest_slot_fault(p, CRM_FAULT_REFERENCE, F_MEMBER_SOURCE,
						  "Send the code of the source whose member ids these are.");
	return false;
}
