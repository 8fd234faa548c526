/*
 * varint.h
 *		Whole numbers in as few bytes as they need: seven bits a byte, the lowest first, the top bit
 *		set on all but the last.  Signed ones are folded first, so that small ones stay short.
 *
 * Promises: crm_varint_take() reads nothing at or behind its end, whatever the bytes.
 */
#ifndef CRM_PURE_VARINT_H
#define CRM_PURE_VARINT_H

#include <stdbool.h>
#include <stdint.h>

#define CRM_VARINT_MAX 10		/* bytes of one */

static inline uint64_t
crm_varint_fold(int64_t value)
{
	return ((uint64_t) value << 1) ^ (uint64_t) (value >> 63);
}

static inline int64_t
crm_varint_unfold(uint64_t value)
{
	return (int64_t) (value >> 1) ^ -(int64_t) (value & 1);
}

/* Writes one; returns what is behind it. */
static inline uint8_t *
crm_varint_put(uint8_t *at, uint64_t value)
{
	while (value >= 0x80)
	{
		*at++ = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	*at++ = (uint8_t) value;
	return at;
}

/* Reads one and moves on; false when it does not end before end. */
static inline bool
crm_varint_take(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
	const uint8_t *p = *at;
	uint64_t	sum = 0;

	for (int shift = 0; shift < 64 && p < end; shift += 7)
	{
		uint8_t		byte = *p++;

		sum |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			*at = p;
			*value = sum;
			return true;
		}
	}
	return false;
}

#endif
