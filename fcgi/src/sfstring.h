/*
 * sfstring.h
 *		The string item of RFC 9651 (structured fields): Idempotency-Key.
 */
#ifndef CRM_SFSTRING_H
#define CRM_SFSTRING_H

#include <stdbool.h>
#include <stddef.h>

extern bool crm_sfstring_parse(const char *text, char *out, size_t out_size);

#endif							/* CRM_SFSTRING_H */
