/*
 * jsonscan.h - strict JSON (RFC 8259) in a buffer: check it, walk it, take strings out.
 *
 * Promises: nothing is copied or allocated; values are spans of the buffer; nothing is read
 * past its end; depth is limited to CRM_JSON_MAX_DEPTH, so the stack is too; every byte of
 * a value is checked before it is returned, UTF-8 included.  Duplicate keys are returned as
 * they come: what they mean is the caller's to decide.
 *
 * A walk:
 *	   if (crm_json_scan(text, length, &root, &offset) == CRM_JSON_OK &&
 *		   root.type == CRM_JSON_OBJECT)
 *	   {
 *		   crm_json_begin(&walk, &root);
 *		   while (crm_json_next_member(&walk, &key, &value))
 *			   if (crm_json_key_is(&key, "phone")) ...
 *	   }
 */
#ifndef CRM_PURE_JSONSCAN_H
#define CRM_PURE_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRM_JSON_MAX_DEPTH 64

typedef enum CrmJsonType
{
	CRM_JSON_NULL,
	CRM_JSON_FALSE,
	CRM_JSON_TRUE,
	CRM_JSON_NUMBER,
	CRM_JSON_STRING,
	CRM_JSON_ARRAY,
	CRM_JSON_OBJECT
} CrmJsonType;

typedef enum CrmJsonCode
{
	CRM_JSON_OK = 0,
	CRM_JSON_SYNTAX = -1,
	CRM_JSON_DEPTH = -2,		/* nested deeper than CRM_JSON_MAX_DEPTH */
	CRM_JSON_ENCODING = -3,		/* not UTF-8 */
	CRM_JSON_TRUNCATED = -4,	/* the text ends too early */
	CRM_JSON_NUL = -5,			/* unescape: \u0000, which no text in the database can hold */
	CRM_JSON_SURROGATE = -6,	/* unescape: half of a surrogate pair */
	CRM_JSON_SPACE = -7			/* unescape: the buffer is too small */
} CrmJsonCode;

/* A checked value: from its first to behind its last byte, quotes and brackets included. */
typedef struct CrmJsonValue
{
	CrmJsonType type;
	bool		has_escape;		/* a string with backslashes: crm_json_unescape() it */
	const char *text;
	size_t		length;
} CrmJsonValue;

typedef struct CrmJsonWalk
{
	const char *at;
	const char *end;			/* the closing bracket */
} CrmJsonWalk;

/*
 * Checks a whole text: one value, white space around it, nothing else.  On error
 * *error_offset (may be NULL) is the first byte that cannot be.
 */
extern CrmJsonCode crm_json_scan(const char *text, size_t length, CrmJsonValue *root,
								 size_t *error_offset);

/* Starts on the members of an object or the elements of an array that has been checked. */
extern void crm_json_begin(CrmJsonWalk *walk, const CrmJsonValue *container);

/* The next member or element; false at the end. */
extern bool crm_json_next_member(CrmJsonWalk *walk, CrmJsonValue *key, CrmJsonValue *value);
extern bool crm_json_next_element(CrmJsonWalk *walk, CrmJsonValue *value);

/*
 * Writes a string's characters to out, without a NUL; *length is set to what they take.
 * out needs at most value->length - 2 bytes.
 */
extern CrmJsonCode crm_json_unescape(const CrmJsonValue *value, char *out, size_t room,
									 size_t *length);

/* True when a string's characters are exactly these (escapes are undone). */
extern bool crm_json_key_is(const CrmJsonValue *key, const char *name);

#endif
