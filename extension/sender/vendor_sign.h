/*
 * vendor_sign.h
 *		How the vendors of messages want requests signed.
 *
 * Plain C over OpenSSL's digests: no server, no allocation, so that the unit tests hold it against
 * the vectors the vendors publish.  What does not fit into the caller's text makes is_full true.
 */
#ifndef CRM_VENDOR_SIGN_H
#define CRM_VENDOR_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that grows in a buffer of the caller's; always ended by a zero. */
typedef struct VendorText
{
	char	   *bytes;
	size_t		size;
	size_t		length;
	bool		is_full;		/* something was left out: the text must not be used */
} VendorText;

/* A parameter of a form, or a header; names are distinct. */
typedef struct VendorField
{
	const char *name;
	const char *value;
} VendorField;

extern void vendor_text_begin(VendorText *text, char *bytes, size_t size);
extern void vendor_text_add(VendorText *text, const char *more);
extern void vendor_text_add_encoded(VendorText *text, const char *more);

/* Sorts the fields by name, as Aliyun counts them, and writes the signature (base64); false: no room. */
extern bool vendor_sign_aliyun(const char *method, VendorField *fields, size_t n, const char *secret,
							   char *room, size_t room_size, char *signature, size_t signature_size);

/* The value of Authorization; headers come in lower case, sorted, values as sent. */
extern bool vendor_sign_tencent(const char *service, const char *secret_id, const char *secret_key, int64_t timestamp,
								const VendorField *headers, size_t n, const char *payload, char *authorization, size_t size);

/* base64(HMAC-SHA256(key = secret, timestamp_ms LF secret)) */
extern bool vendor_sign_dingtalk(int64_t timestamp_ms, const char *secret, char *signature, size_t size);

/* base64(HMAC-SHA256(key = timestamp LF secret, nothing)) */
extern bool vendor_sign_feishu(int64_t timestamp, const char *secret, char *signature, size_t size);

#endif
