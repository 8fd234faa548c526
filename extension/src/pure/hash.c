/*
 * hash.c - the project's own fixed hash (XXH64), and buckets drawn from it.
 *
 * Called for holdouts, variants, samples and anything else that is stored by hash.  Written
 * from the published description of the algorithm; bytes are read one at a time into words,
 * so byte order and alignment of the machine do not matter (compilers make it one load).
 */
#include <string.h>

#include "pure/hash.h"

#define PRIME_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME_3 UINT64_C(0x165667B19E3779F9)
#define PRIME_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME_5 UINT64_C(0x27D4EB2F165667C5)
#define BLOCK_BYTES 32

static uint64_t
rotate_left(uint64_t value, int bits)
{
	return (value << bits) | (value >> (64 - bits));
}

static uint64_t
read_le(const uint8_t *at, int bytes)
{
	uint64_t	value = 0;
	int			i;

	for (i = 0; i < bytes; i++)
		value |= (uint64_t) at[i] << (8 * i);
	return value;
}

static void
write_le(uint8_t *at, uint64_t value, int bytes)
{
	int			i;

	for (i = 0; i < bytes; i++)
		at[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
mix_lane(uint64_t lane, uint64_t word)
{
	return rotate_left(lane + word * PRIME_2, 31) * PRIME_1;
}

static void
mix_block(CrmHash *hash, const uint8_t *block)
{
	int			i;

	for (i = 0; i < 4; i++)
		hash->lanes[i] = mix_lane(hash->lanes[i], read_le(block + 8 * i, 8));
}

void
crm_hash_begin(CrmHash *hash, uint64_t seed)
{
	memset(hash, 0, sizeof *hash);
	hash->lanes[0] = seed + PRIME_1 + PRIME_2;
	hash->lanes[1] = seed + PRIME_2;
	hash->lanes[2] = seed;
	hash->lanes[3] = seed - PRIME_1;
}

void
crm_hash_feed(CrmHash *hash, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	hash->total += length;
	if (hash->held > 0)
	{
		size_t		room = BLOCK_BYTES - hash->held;
		size_t		taken = length < room ? length : room;

		if (taken > 0)
			memcpy(hash->block + hash->held, at, taken);
		hash->held += taken;
		at += taken;
		length -= taken;
		if (hash->held < BLOCK_BYTES)
			return;
		mix_block(hash, hash->block);
		hash->held = 0;
	}
	for (; length >= BLOCK_BYTES; at += BLOCK_BYTES, length -= BLOCK_BYTES)
		mix_block(hash, at);
	if (length > 0)
		memcpy(hash->block, at, length);
	hash->held = length;
}

/* The four lanes into one; lane 2 still holds the seed when no block was full. */
static uint64_t
merge_lanes(const CrmHash *hash)
{
	uint64_t	value;
	int			i;

	if (hash->total < BLOCK_BYTES)
		return hash->lanes[2] + PRIME_5;
	value = rotate_left(hash->lanes[0], 1) + rotate_left(hash->lanes[1], 7) +
		rotate_left(hash->lanes[2], 12) + rotate_left(hash->lanes[3], 18);
	for (i = 0; i < 4; i++)
		value = (value ^ mix_lane(0, hash->lanes[i])) * PRIME_1 + PRIME_4;
	return value;
}

/* The bytes that filled no block, and the last mixing. */
static inline uint64_t
finish(uint64_t value, const uint8_t *at, size_t left)
{
	for (; left >= 8; at += 8, left -= 8)
		value = rotate_left(value ^ mix_lane(0, read_le(at, 8)), 27) * PRIME_1 + PRIME_4;
	if (left >= 4)
	{
		value = rotate_left(value ^ read_le(at, 4) * PRIME_1, 23) * PRIME_2 + PRIME_3;
		at += 4;
		left -= 4;
	}
	for (; left > 0; at++, left--)
		value = rotate_left(value ^ *at * PRIME_5, 11) * PRIME_1;
	value = (value ^ (value >> 33)) * PRIME_2;
	value = (value ^ (value >> 29)) * PRIME_3;
	return value ^ (value >> 32);
}

uint64_t
crm_hash_end(const CrmHash *hash)
{
	return finish(merge_lanes(hash) + hash->total, hash->block, hash->held);
}

uint64_t
crm_hash_bytes(const void *bytes, size_t length)
{
	CrmHash		hash;

	if (length < BLOCK_BYTES)	/* no lane is used */
		return finish(PRIME_5 + length, bytes, length);
	crm_hash_begin(&hash, 0);
	crm_hash_feed(&hash, bytes, length);
	return crm_hash_end(&hash);
}

uint64_t
crm_hash_int64(int64_t value)
{
	uint8_t		bytes[8];

	write_le(bytes, (uint64_t) value, 8);
	return crm_hash_bytes(bytes, sizeof bytes);
}

static void
feed_counted(CrmHash *hash, const void *bytes, size_t length)
{
	uint8_t		count[4];

	write_le(count, length, 4);
	crm_hash_feed(hash, count, sizeof count);
	crm_hash_feed(hash, bytes, length);
}

int
crm_hash_bucket(const void *salt, size_t salt_length, const void *scope, size_t scope_length,
				const void *key, size_t key_length)
{
	CrmHash		hash;

	crm_hash_begin(&hash, 0);
	feed_counted(&hash, salt, salt_length);
	feed_counted(&hash, scope, scope_length);
	crm_hash_feed(&hash, key, key_length);
	return (int) (crm_hash_end(&hash) % CRM_HASH_BUCKETS);
}

int
crm_hash_bucket_int64(const void *salt, size_t salt_length,
					  const void *scope, size_t scope_length, int64_t key)
{
	uint8_t		bytes[8];

	write_le(bytes, (uint64_t) key, 8);
	return crm_hash_bucket(salt, salt_length, scope, scope_length, bytes, sizeof bytes);
}
