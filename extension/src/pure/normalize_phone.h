/*
 * normalize_phone.h - telephone numbers as people write them, to E.164.
 *
 * Promises: never reads past the text, never allocates, accepts any bytes (malformed UTF-8
 * is an invalid number, not a fault).  Numbers are stored as hashes: what changes
 * an answer needs a migration that writes them anew.
 *
 * What is accepted: full-width digits, any spaces and dashes, brackets, +86 / 0086 / 86,
 * a trunk 0, "tel:" and 电话 in front, extensions behind (转 分机 ext x # , or -NNN), and
 * the ".0" and "'" that spreadsheets add.
 */
#ifndef CRM_PURE_NORMALIZE_PHONE_H
#define CRM_PURE_NORMALIZE_PHONE_H

#include <stdbool.h>
#include <stddef.h>

#define CRM_PHONE_CHINA 86

typedef enum CrmPhoneType
{
	CRM_PHONE_INVALID,			/* see reason */
	CRM_PHONE_MOBILE,
	CRM_PHONE_LANDLINE,
	CRM_PHONE_SHARED_COST,		/* Chinese 400 and 950 */
	CRM_PHONE_TOLL_FREE,		/* 800 */
	CRM_PHONE_VIRTUAL_OPERATOR, /* valid mobile of 162, 165, 167, 170, 171: often second-hand */
	CRM_PHONE_SHORT,			/* service numbers: 95588, 10086, 106... */
	CRM_PHONE_FOREIGN,			/* valid in another country; mobile or fixed is not told */
	CRM_PHONE_MASKED,			/* 138****1234 */
	CRM_PHONE_PLACEHOLDER		/* 13800138000, 11111111111, 12345678, 无, n/a */
} CrmPhoneType;

typedef enum CrmPhoneReason
{
	CRM_PHONE_OK,
	CRM_PHONE_EMPTY,
	CRM_PHONE_BAD_CHARACTER,	/* letters or signs that no number has, or malformed UTF-8 */
	CRM_PHONE_BAD_LENGTH,
	CRM_PHONE_BAD_PREFIX,		/* right length, but no such range */
	CRM_PHONE_NO_AREA_CODE,		/* 7 or 8 digits: which town? */
	CRM_PHONE_SEVERAL			/* more than one number in the field */
} CrmPhoneReason;

typedef struct CrmPhone
{
	CrmPhoneType type;
	CrmPhoneReason reason;		/* OK unless type is INVALID */
	bool		is_identity_key;	/* may say that two records are one person */
	unsigned	country;		/* calling code, 0 when there is no E.164 form */
	char		e164[17];		/* "+8613800138000", "" when there is none */
	char		extension[8];	/* digits, "" when there is none */
	char		masked[40];		/* "138****1234", "+852****1234"; "" when there is nothing to show */
	char		last4[5];		/* "" when fewer than eight digits are known */
} CrmPhone;

/*
 * Reads a number; home is the calling code of numbers without one (CRM_PHONE_CHINA).
 * Every field of *phone is set.  Returns true when there is an E.164 form; a placeholder
 * that looks like a number (13800138000) has one too, but is no identity key.
 */
extern bool crm_phone_normalize(const char *text, size_t length, unsigned home, CrmPhone *phone);

/* The lower-case word for a type or reason, for SQL and messages: "mobile", "bad_length". */
extern const char *crm_phone_type_name(CrmPhoneType type);
extern const char *crm_phone_reason_name(CrmPhoneReason reason);

#endif
