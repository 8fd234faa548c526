/*
 * base32.h - numbers and bytes as text that people type: Crockford's base 32.
 *
 * Promises: 32 digits without I, L, O and U; reading takes either case, and I and L for 1,
 * O for 0.  No allocation, nothing is terminated.
 */
#ifndef CRM_PURE_BASE32_H
#define CRM_PURE_BASE32_H

#include <stddef.h>
#include <stdint.h>

/* The digit of a character, 0 to 31; -1 when it is none. */
extern int	crm_base32_digit(char character);

/* How many digits a number needs, at least 1. */
extern int	crm_base32_width(uint64_t number);

/* Writes the lowest width digits of a number, leading zeros included. */
extern void crm_base32_number(uint64_t number, int width, char *out);

#endif
