/*
 * address_area.h - finds the areas that an address begins with; for address.c.
 */
#ifndef CRM_PURE_ADDRESS_AREA_H
#define CRM_PURE_ADDRESS_AREA_H

#include <stdint.h>

/*
 * Reads province, city and district at the front of folded units, whichever are there.  Returns
 * how many units they take; *code is the narrowest area known, *district the hash of a
 * district's name that several cities have.
 */
extern int	crm_address_read_areas(const uint16_t *units, int length, uint32_t *code,
								   uint32_t *district);

#endif
