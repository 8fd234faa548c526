/*
 * national_id.h - citizen identity numbers of GB 11643: eighteen characters, or the fifteen
 * of cards issued before 1999.
 *
 * Promises: never reads past the text, never allocates, accepts any bytes.  Numbers are
 * stored as hashes: what changes an answer needs a migration that writes them anew.
 *
 * A number of fifteen digits becomes one of eighteen (the century is 19, the check digit is
 * computed), so that both forms of one card are equal.  Spaces and dashes between the digits
 * and full-width digits are accepted.
 */
#ifndef CRM_PURE_NATIONAL_ID_H
#define CRM_PURE_NATIONAL_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CrmNationalId
{
	char		number[19];		/* "11010519491231002X"; "" when invalid */
	char		masked[19];		/* "110***********002X"; "" when invalid */
	char		sex;			/* 'M' or 'F', 0 when invalid */
	int32_t		birthday;		/* days since 2000-01-01; only when valid */
} CrmNationalId;

/* Reads a number; every field of *id is set.  Returns true when date and check digit are right. */
extern bool crm_national_id_normalize(const char *text, size_t length, CrmNationalId *id);

#endif
