/* unit_hash.c - the fixed hash: published vectors, feeding in pieces, buckets. */
#include "tap.h"
#include "pure/hash.h"

static void
test_vectors(void)
{
	uint8_t		bytes[8] = {0x15, 0xCD, 0x5B, 0x07, 0, 0, 0, 0};

	ok(crm_hash_bytes("", 0) == UINT64_C(0xEF46DB3751D8E999), "the empty text");
	ok(crm_hash_bytes("a", 1) == UINT64_C(0xD24EC4F1A98C6E5B), "a");
	ok(crm_hash_bytes("abc", 3) == UINT64_C(0x44BC2CF5AD770999), "abc");
	ok(crm_hash_bytes("Nobody inspects the spammish repetition", 39) ==
	   UINT64_C(0xFBCEA83C8A378BF1), "a text longer than a block");
	ok(crm_hash_int64(123456789) == crm_hash_bytes(bytes, 8), "a number is eight bytes, lowest first");
}

static void
test_pieces(void)
{
	uint8_t		bytes[500];
	int			i;

	for (i = 0; i < 500; i++)
		bytes[i] = (uint8_t) random_u64();
	for (i = 0; i < 20000; i++)
	{
		size_t		length = random_u64() % sizeof bytes;
		size_t		at = 0;
		CrmHash		hash;

		crm_hash_begin(&hash, 0);
		while (at < length)
		{
			size_t		piece = random_u64() % 70;

			if (piece > length - at)
				piece = length - at;
			crm_hash_feed(&hash, bytes + at, piece);
			at += piece;
		}
		CHECK(crm_hash_end(&hash) == crm_hash_bytes(bytes, length));
	}
	CHECKED("pieces make no difference");
}

static void
test_buckets(void)
{
	static int	counts[10];
	int64_t		key;
	double		chi = 0;
	int			differ = 0;
	int			i;

	is_int(crm_hash_bucket("s", 1, "welcome", 7, "42", 2), 7463, "a bucket with a text key");
	is_int(crm_hash_bucket_int64("s", 1, "welcome", 7, 42), 8289, "and with a numeric one");
	for (key = 1; key <= 100000; key++)
	{
		int			bucket = crm_hash_bucket_int64("salt", 4, "flow", 4, key);

		CHECK(bucket >= 0 && bucket < CRM_HASH_BUCKETS);
		counts[bucket / 1000]++;
		differ += bucket != crm_hash_bucket_int64("salt", 4, "flow2", 5, key);
	}
	CHECKED("every bucket is in range");
	for (i = 0; i < 10; i++)
		chi += (counts[i] - 10000.0) * (counts[i] - 10000.0) / 10000.0;
	ok(chi < 27.9, "tenths are even (chi square, 9 degrees, p > .001)");
	ok(differ > 99900, "another scope draws anew");
	ok(crm_hash_bucket("a", 1, "bc", 2, "d", 1) != crm_hash_bucket("ab", 2, "c", 1, "d", 1),
	   "salt and scope do not run into one another");
}

int
main(void)
{
	test_vectors();
	test_pieces();
	test_buckets();
	return done();
}
