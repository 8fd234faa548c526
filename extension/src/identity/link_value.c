/*
 * link_value.c
 *		What a text says in a field of a kind, in the form in which equal values are equal.
 *
 * A text that cannot be read as its kind (a date that no calendar has, a number that no
 * telephone answers) is kept as it is written, letters and digits alone: two typing errors may
 * still be the same one.  What stands for "unknown" (1900-01-01, 13800138000, test@test.com)
 * is nothing.
 */
#include "identity/link.h"

#include <string.h>

#include "pure/localday.h"
#include "pure/national_id.h"
#include "pure/normalize_date.h"
#include "pure/normalize_email.h"
#include "pure/normalize_phone.h"

#define LATEST_YEAR 2100

static const struct Kind
{
	const char *name;
	const char *other;			/* a second word for it, if any */
	size_t		prepared_size;
}			kinds[CRM_LINK_KINDS] = {
	[CRM_LINK_GIVEN] = {"given", "forename", 0},
	[CRM_LINK_SURNAME] = {"surname", "family", 0},
	[CRM_LINK_NAME] = {"name", "person", sizeof(CrmPreparedName)},
	[CRM_LINK_DATE] = {"date", "birthday", sizeof(CrmPreparedDate)},
	[CRM_LINK_PHONE] = {"phone", "mobile", sizeof(CrmPreparedDigits)},
	[CRM_LINK_EMAIL] = {"email", "mail", 0},
	[CRM_LINK_ID] = {"id", "national_id", sizeof(CrmPreparedDigits)},
	[CRM_LINK_ADDRESS] = {"address", "addr", sizeof(CrmAddress)},
	[CRM_LINK_POSTCODE] = {"postcode", "zip", 0},
	[CRM_LINK_CODE] = {"code", NULL, 0},
	[CRM_LINK_TEXT] = {"text", NULL, 0},
	[CRM_LINK_NUMBER] = {"number", NULL, sizeof(CrmPreparedNumber)},
	[CRM_LINK_SEX] = {"sex", "gender", 0},
	[CRM_LINK_CLASS] = {"class", "category", 0}
};

bool
crm_link_kind_of(const char *word, CrmLinkKind *kind)
{
	for (int k = 0; k < CRM_LINK_KINDS; k++)
		if (strcmp(word, kinds[k].name) == 0 ||
			(kinds[k].other != NULL && strcmp(word, kinds[k].other) == 0))
		{
			*kind = (CrmLinkKind) k;
			return true;
		}
	return false;
}

const char *
crm_link_kind_name(CrmLinkKind kind)
{
	return kinds[kind].name;
}

size_t
crm_link_prepared_size(CrmLinkKind kind)
{
	return kinds[kind].prepared_size;
}

/* Letters and digits alone. */
static void
squeeze(CrmLinkReading *out)
{
	int			kept = 0;

	for (int i = 0; i < out->length; i++)
		if (out->units[i] >= 128 || (out->units[i] >= '0' && out->units[i] <= '9') ||
			(out->units[i] >= 'a' && out->units[i] <= 'z'))
			out->units[kept++] = out->units[i];
	out->length = kept;
}

static void
read_folded(const char *text, size_t length, CrmLinkReading *out)
{
	out->length = crm_units_read_folded(text, length, out->units, CRM_LINK_LONGEST);
	if (out->length < 0)
		out->length = 0;
}

static void
set_signs(CrmLinkReading *out, const char *signs, size_t length)
{
	out->length = 0;
	for (size_t i = 0; i < length && out->length < CRM_LINK_LONGEST; i++)
		out->units[out->length++] = (unsigned char) signs[i];
}

/* Eight digits in the order of a date, and a sign for days of the Chinese calendar. */
static void
set_date(CrmLinkReading *out)
{
	const CrmPreparedDate *date = &out->prepared.date;

	out->is_prepared = true;
	out->length = 0;
	for (int shift = 28; shift >= 0; shift -= 4)
		out->units[out->length++] = (uint16_t) ('0' + (date->digits >> shift & 15));
	if (date->is_lunar)
		out->units[out->length++] = 'l';
}

static void
read_date(const char *text, size_t length, CrmLinkReading *out)
{
	CrmBirthday birthday;
	int32_t		today = crm_localday_number(LATEST_YEAR, 1, 1);
	int32_t		day;

	if (crm_date_parse_birthday(text, length, CRM_DATE_ORDER_UNKNOWN, today, &birthday) == CRM_DATE_OK)
	{
		if (crm_prepare_date(text, length, &out->prepared.date))
			set_date(out);
	}
	else if (crm_date_parse_day(text, length, CRM_DATE_ORDER_UNKNOWN, &day) == CRM_DATE_OK &&
			 crm_prepare_day(day, &out->prepared.date))
		set_date(out);
	else
	{
		read_folded(text, length, out);
		squeeze(out);
	}
}

/* As written, the trunk 0 in the place of the country, as in numbers that can be read. */
static void
read_raw_phone(const char *text, size_t length, CrmLinkReading *out)
{
	read_folded(text, length, out);
	squeeze(out);
	if (out->length >= 7 && out->length < CRM_LINK_LONGEST && out->units[0] == '0')
	{
		memmove(out->units + 1, out->units, (size_t) out->length * sizeof *out->units);
		out->units[0] = '8';
		out->units[1] = '6';
		out->length++;
	}
}

static void
read_phone(const char *text, size_t length, CrmLinkReading *out)
{
	CrmPhone	phone;

	crm_phone_normalize(text, length, CRM_PHONE_CHINA, &phone);
	if (crm_prepare_read_phone(&phone, &out->prepared.digits))
	{
		out->is_prepared = true;
		set_signs(out, out->prepared.digits.digits, out->prepared.digits.length);
		return;
	}
	if (phone.type != CRM_PHONE_PLACEHOLDER)
		read_raw_phone(text, length, out);
}

static void
read_email(const char *text, size_t length, CrmLinkReading *out)
{
	CrmEmail	email;

	if (crm_email_normalize(text, length, &email))
	{
		if (!email.is_identity_key)
			return;
		out->length = crm_units_read(email.key, strlen(email.key), out->units, CRM_LINK_LONGEST);
		if (out->length < 0)
			out->length = 0;
	}
	else
		read_folded(text, length, out);
	while (out->local < out->length && out->units[out->local] != '@')
		out->local++;
}

static void
read_id(const char *text, size_t length, CrmLinkReading *out)
{
	if (crm_prepare_national_id(text, length, &out->prepared.digits))
	{
		out->is_prepared = true;
		set_signs(out, out->prepared.digits.digits, out->prepared.digits.length);
		return;
	}
	read_folded(text, length, out);
	squeeze(out);
}

static bool
has_han(const CrmLinkReading *out)
{
	for (int i = 0; i < out->length; i++)
		if (out->units[i] >= 0x3400 && out->units[i] < 0xD800)
			return true;
	return false;
}

/* Addresses of other countries are not taken apart. */
static void
read_address(const char *text, size_t length, CrmLinkReading *out)
{
	read_folded(text, length, out);
	out->is_prepared = has_han(out) && crm_prepare_address(text, length, &out->prepared.address);
}

static void
read_sex(const char *text, size_t length, CrmLinkReading *out)
{
	read_folded(text, length, out);
	if (out->length == 0)
		return;
	switch (out->units[0])
	{
		case 'm':
		case '1':
		case 0x7537:			/* 男 */
			out->units[0] = 'm';
			break;
		case 'f':
		case 'w':
		case '2':
		case 0x5973:			/* 女 */
			out->units[0] = 'f';
			break;
		default:				/* unknown, 未知, 0, 保密 */
			out->length = 0;
			return;
	}
	out->length = 1;
}

static void
read_number(const char *text, size_t length, CrmLinkReading *out)
{
	out->is_prepared = crm_prepare_number(text, length, &out->prepared.number);
	if (out->is_prepared)
		read_folded(text, length, out);
}

bool
crm_link_read(CrmLinkKind kind, const char *text, size_t length, CrmLinkReading *out)
{
	out->length = out->local = 0;
	out->is_prepared = false;
	switch (kind)
	{
		case CRM_LINK_NAME:
			out->is_prepared = crm_prepare_name(text, length, &out->prepared.name);
			if (out->is_prepared)
				read_folded(text, length, out);
			break;
		case CRM_LINK_DATE:
			read_date(text, length, out);
			break;
		case CRM_LINK_PHONE:
			read_phone(text, length, out);
			break;
		case CRM_LINK_EMAIL:
			read_email(text, length, out);
			break;
		case CRM_LINK_ID:
			read_id(text, length, out);
			break;
		case CRM_LINK_ADDRESS:
			read_address(text, length, out);
			break;
		case CRM_LINK_NUMBER:
			read_number(text, length, out);
			break;
		case CRM_LINK_SEX:
			read_sex(text, length, out);
			break;
		case CRM_LINK_POSTCODE:
		case CRM_LINK_CODE:
			read_folded(text, length, out);
			squeeze(out);
			break;
		case CRM_LINK_GIVEN:
		case CRM_LINK_SURNAME:
		case CRM_LINK_TEXT:
		case CRM_LINK_CLASS:
			read_folded(text, length, out);
			break;
	}
	memset(out->units + out->length, 0, CRM_UNITS_ROOM * sizeof *out->units);
	return out->length > 0;
}
