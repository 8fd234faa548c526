/*
 * base64url.h
 *		Strict, unpadded base64url (RFC 4648 section 5) both ways.
 */
#ifndef CRM_BASE64URL_H
#define CRM_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

#define CRM_BASE64URL_DECODED_MAX(length)	((length) / 4 * 3 + 3)
#define CRM_BASE64URL_ENCODED_MAX(length)	(((length) + 2) / 3 * 4 + 1)

extern bool crm_base64url_decode(const char *text, size_t length,
								 unsigned char *out, size_t *out_length);
extern size_t crm_base64url_encode(const unsigned char *bytes, size_t length, char *out);

#endif							/* CRM_BASE64URL_H */
