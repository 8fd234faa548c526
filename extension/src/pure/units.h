/*
 * units.h - texts as rows of 16-bit units, one a code point, for comparing.
 *
 * A unit is a code point of the basic plane.  A code point beyond it stands as one of the
 * 2,048 numbers that surrogates leave free, so that it still counts as one character; two of
 * them may share a number, which only ever makes two rare characters look equal.
 *
 * Promises: no allocation, nothing read outside the text, malformed UTF-8 is refused.
 */
#ifndef CRM_PURE_UNITS_H
#define CRM_PURE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Rows handed to distance.h are readable for this many units, whatever their length. */
#define CRM_UNITS_ROOM 16

#define CRM_TEXT_MAX 31

/* A short text prepared for comparing: 64 bytes, zero behind its end. */
typedef struct CrmText
{
	uint16_t	length;
	uint16_t	units[CRM_TEXT_MAX];
} CrmText;

/* The unit of a code point. */
extern uint16_t crm_unit_of(uint32_t code_point);

/* Units of a text; those behind room are left out.  Returns their number, -1 for malformed. */
extern int	crm_units_read(const char *bytes, size_t length, uint16_t *units, int room);

/*
 * The same folded for comparing: width and case folded, accents of Latin letters dropped,
 * simplified characters, signs and spaces as one space and none around.
 */
extern int	crm_units_read_folded(const char *bytes, size_t length, uint16_t *units, int room);

#endif
