/*
 * compare_contact.c - telephone numbers, e-mail addresses, national ids.
 */
#include <string.h>

#include "pure/compare.h"
#include "pure/distance.h"
#include "pure/hash.h"
#include "pure/national_id.h"
#include "pure/normalize_email.h"
#include "pure/normalize_phone.h"
#include "pure/utf8.h"

#define LOCAL_NEAR 0.88
#define ID_LENGTH 18

static void
set_digits(CrmPreparedDigits *out, const char *digits)
{
	size_t		length = strlen(digits);

	out->length = (uint8_t) (length < sizeof out->digits ? length : sizeof out->digits - 1);
	memcpy(out->digits, digits, out->length);
}

/* 138****1234 is a Chinese mobile number with its middle hidden. */
static bool
prepare_masked_phone(const char *masked, CrmPreparedDigits *out)
{
	char		digits[14] = "86";
	size_t		length = strlen(masked);

	if (length != 11 || masked[0] != '1')
		return false;
	memcpy(digits + 2, masked, length);
	set_digits(out, digits);
	out->is_masked = true;
	return true;
}

bool
crm_prepare_read_phone(const CrmPhone *phone, CrmPreparedDigits *out)
{
	memset(out, 0, sizeof *out);
	if (phone->type == CRM_PHONE_MASKED)
		return prepare_masked_phone(phone->masked, out);
	if (phone->e164[0] == '\0' || phone->type == CRM_PHONE_PLACEHOLDER)
		return false;
	set_digits(out, phone->e164 + 1);
	return true;
}

bool
crm_prepare_phone(const char *bytes, size_t length, CrmPreparedDigits *out)
{
	CrmPhone	phone;

	crm_phone_normalize(bytes, length, CRM_PHONE_CHINA, &phone);
	return crm_prepare_read_phone(&phone, out);
}

/* Eighteen signs, digits or stars, X at the end. */
static bool
prepare_masked_id(const char *bytes, size_t length, CrmPreparedDigits *out)
{
	char		digits[ID_LENGTH + 1] = "";
	int			n = 0;
	int			shown = 0;

	for (size_t i = 0; i < length; i++)
	{
		if (bytes[i] == ' ' || bytes[i] == '-')
			continue;
		if (n == ID_LENGTH)
			return false;
		digits[n] = bytes[i] == 'x' ? 'X' : bytes[i];
		shown += digits[n] != '*';
		if (strchr(n == ID_LENGTH - 1 ? "0123456789*X" : "0123456789*", digits[n]) == NULL)
			return false;
		n++;
	}
	if (n != ID_LENGTH || shown == n || shown < 4 || memchr(digits, '\0', ID_LENGTH))
		return false;
	set_digits(out, digits);
	out->is_masked = true;
	return true;
}

bool
crm_prepare_national_id(const char *bytes, size_t length, CrmPreparedDigits *out)
{
	CrmNationalId id;

	memset(out, 0, sizeof *out);
	if (!crm_national_id_normalize(bytes, length, &id))
		return prepare_masked_id(bytes, length, out);
	set_digits(out, id.number);
	return true;
}

/* One place differs, or two neighbours changed places. */
static bool
is_typo(const CrmPreparedDigits *a, const CrmPreparedDigits *b)
{
	int			first = -1;
	int			last = -1;
	int			count = 0;

	if (a->length != b->length)
		return false;
	for (int i = 0; i < a->length; i++)
		if (a->digits[i] != b->digits[i])
		{
			first = count++ == 0 ? i : first;
			last = i;
		}
	return count == 1 || (count == 2 && last == first + 1 &&
						  a->digits[first] == b->digits[last] && a->digits[last] == b->digits[first]);
}

static bool
mask_fits(const CrmPreparedDigits *a, const CrmPreparedDigits *b)
{
	if (a->length != b->length)
		return false;
	for (int i = 0; i < a->length; i++)
		if (a->digits[i] != b->digits[i] && a->digits[i] != '*' && b->digits[i] != '*')
			return false;
	return true;
}

/* Levels of both kinds of digits are numbered alike: different, masked, typo, exact. */
static int
compare_digits(const CrmPreparedDigits *a, const CrmPreparedDigits *b)
{
	if (a->length == 0 || b->length == 0)
		return CRM_LEVEL_NULL;
	if (a->is_masked || b->is_masked)
		return mask_fits(a, b) ? CRM_TELEPHONE_MASKED : CRM_TELEPHONE_DIFFERENT;
	if (a->length == b->length && memcmp(a->digits, b->digits, a->length) == 0)
		return CRM_TELEPHONE_EXACT;
	return is_typo(a, b) ? CRM_TELEPHONE_TYPO : CRM_TELEPHONE_DIFFERENT;
}

int
crm_compare_phone(const CrmPreparedDigits *a, const CrmPreparedDigits *b)
{
	return compare_digits(a, b);
}

int
crm_compare_national_id(const CrmPreparedDigits *a, const CrmPreparedDigits *b)
{
	return compare_digits(a, b);
}

/* ---------------------------------------------------------------- e-mail */

static void
set_text(CrmText *text, const char *bytes, size_t length)
{
	text->length = (uint16_t) crm_units_read(bytes, length, text->units, CRM_TEXT_MAX);
}

bool
crm_prepare_email(const char *bytes, size_t length, CrmPreparedEmail *out)
{
	CrmEmail	email;
	const char *at;
	uint64_t	hash;

	memset(out, 0, sizeof *out);
	if (!crm_email_normalize(bytes, length, &email) || !email.is_identity_key ||
		!crm_utf8_valid(email.key, strlen(email.key), NULL))
		return false;
	at = strrchr(email.key, '@');
	hash = crm_hash_bytes(email.key, strlen(email.key));
	out->key_hash = hash ? hash : 1;
	set_text(&out->local, email.key, (size_t) (at - email.key));
	set_text(&out->domain, at + 1, strlen(at + 1));
	return true;
}

int
crm_compare_email_units(const CrmMailUnits *a, const CrmMailUnits *b)
{
	int			local = crm_distance_osa(a->local, a->local_length, b->local, b->local_length, 1);
	int			domain = local > 1 ? local :
		crm_distance_osa(a->domain, a->domain_length, b->domain, b->domain_length, 1);

	if (local + domain <= 1 && a->local_length >= 4 && b->local_length >= 4)
		return CRM_MAIL_TYPO;
	if (local == 0)
		return CRM_MAIL_LOCAL;
	return crm_similarity_jaro_winkler(a->local, a->local_length, b->local, b->local_length) >=
		LOCAL_NEAR ? CRM_MAIL_NEAR : CRM_MAIL_DIFFERENT;
}

int
crm_compare_email(const CrmPreparedEmail *a, const CrmPreparedEmail *b)
{
	CrmMailUnits x = {a->local.units, a->domain.units, a->local.length, a->domain.length};
	CrmMailUnits y = {b->local.units, b->domain.units, b->local.length, b->domain.length};

	if (a->key_hash == 0 || b->key_hash == 0)
		return CRM_LEVEL_NULL;
	if (a->key_hash == b->key_hash)
		return CRM_MAIL_EXACT;
	return crm_compare_email_units(&x, &y);
}
