/*
 * normalize_email.h - e-mail addresses: the address to write to and the key to compare by.
 *
 * Promises: never reads past the text, never allocates, accepts any bytes.  Keys are
 * stored as hashes: what changes an answer needs a migration that writes them anew.
 *
 * The address is the text without wrapping ("Name <a@b>", mailto:, spaces, full-width
 * signs), in lower case.  The key also drops what its provider ignores: dots and +tag at
 * gmail.com (googlemail.com is the same), +tag at the providers that deliver it to the
 * plain address.  Two texts with the same key reach one mailbox.
 */
#ifndef CRM_PURE_NORMALIZE_EMAIL_H
#define CRM_PURE_NORMALIZE_EMAIL_H

#include <stdbool.h>
#include <stddef.h>

#define CRM_EMAIL_MAX 254		/* bytes of an address, RFC 5321 */

typedef enum CrmEmailReason
{
	CRM_EMAIL_OK,
	CRM_EMAIL_EMPTY,
	CRM_EMAIL_BAD_CHARACTER,
	CRM_EMAIL_BAD_LENGTH,
	CRM_EMAIL_NO_AT,			/* no @, or more than one */
	CRM_EMAIL_BAD_LOCAL,		/* the part before the @ */
	CRM_EMAIL_BAD_DOMAIN
} CrmEmailReason;

typedef struct CrmEmail
{
	CrmEmailReason reason;
	bool		is_role;		/* info@, noreply@, 客服's kefu@: a desk, not a person */
	bool		is_placeholder; /* test@test.com, noemail@..., none@... */
	bool		is_identity_key;	/* valid and neither of these */
	char		address[CRM_EMAIL_MAX + 1]; /* "" when invalid */
	char		key[CRM_EMAIL_MAX + 1]; /* "" when invalid */
	char		masked[CRM_EMAIL_MAX + 8];	/* "z***@gmail.com"; "" when invalid */
} CrmEmail;

/* Reads an address; every field of *email is set.  Returns true when it is valid. */
extern bool crm_email_normalize(const char *text, size_t length, CrmEmail *email);

/* The lower-case word for a reason: "bad_domain". */
extern const char *crm_email_reason_name(CrmEmailReason reason);

#endif
