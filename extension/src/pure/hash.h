/*
 * hash.h - the project's own fixed hash, and buckets drawn from it.
 *
 * Promises: the same bytes give the same number on every machine, in every version, for
 * ever: what is stored or sampled by it may outlive the server.  It is XXH64 with seed 0
 * (the published algorithm), so other programs can compute it.  It is no cryptographic hash
 * and keeps no secret: identifiers are looked up by keyed hash elsewhere.
 *
 * Vectors: "" EF46DB3751D8E999 · "a" D24EC4F1A98C6E5B · "abc" 44BC2CF5AD770999
 */
#ifndef CRM_PURE_HASH_H
#define CRM_PURE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define CRM_HASH_BUCKETS 10000

/* A hash being fed piece by piece. */
typedef struct CrmHash
{
	uint64_t	lanes[4];
	uint64_t	total;			/* bytes fed */
	size_t		held;			/* bytes waiting in block */
	uint8_t		block[32];
} CrmHash;

extern void crm_hash_begin(CrmHash *hash, uint64_t seed);
extern void crm_hash_feed(CrmHash *hash, const void *bytes, size_t length);
extern uint64_t crm_hash_end(const CrmHash *hash);

/* The hash of one piece, seed 0. */
extern uint64_t crm_hash_bytes(const void *bytes, size_t length);

/* The hash of a 64-bit number, taken as eight bytes, little endian. */
extern uint64_t crm_hash_int64(int64_t value);

/*
 * The bucket, 0 to 9999, of a key in a scope under a salt: holdouts and variants are ranges
 * of buckets.  It is hash(len(salt) salt len(scope) scope key) mod 10000, the lengths as
 * four bytes, little endian, so that no two triples share their bytes.
 *
 * Vectors: see tests/unit/unit_hash.c.
 */
extern int	crm_hash_bucket(const void *salt, size_t salt_length,
							const void *scope, size_t scope_length,
							const void *key, size_t key_length);

/* The same for a numeric key (a customer id), taken as eight bytes, little endian. */
extern int	crm_hash_bucket_int64(const void *salt, size_t salt_length,
								  const void *scope, size_t scope_length, int64_t key);

#endif
