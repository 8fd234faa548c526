/*
 * access_scrypt.c
 *		Slow hashes of passwords, and comparison that takes the same time whatever differs.
 *
 * scrypt with N = 2^15, r = 8, p = 1 takes 32 MB and some 80 ms: cheap once a sign-in, dear for
 * who guesses.  The parameters come with the stored hash, so that they can grow; they are bounded
 * here, for a damaged row must not take the server's memory.  OpenSSL allocates and clears its
 * own memory.  Called by crm.access_sign_in() and crm.access_set_password(); takes no lock.
 */
#include "access/access.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "utils/builtins.h"

#define HASH_LENGTH 32
#define MAX_N (1 << 20)
#define MAX_MEMORY ((uint64) 256 * 1024 * 1024)

PG_FUNCTION_INFO_V1(crm_access_scrypt);
PG_FUNCTION_INFO_V1(crm_access_equal);

/* (password text, salt bytea, n int, r int, p int) returns bytea */
Datum
crm_access_scrypt(PG_FUNCTION_ARGS)
{
	text	   *password = PG_GETARG_TEXT_PP(0);
	bytea	   *salt = PG_GETARG_BYTEA_PP(1);
	int			n = PG_GETARG_INT32(2);
	int			r = PG_GETARG_INT32(3);
	int			p = PG_GETARG_INT32(4);
	bytea	   *hash = palloc(VARHDRSZ + HASH_LENGTH);

	if (n < 2 || n > MAX_N || (n & (n - 1)) != 0 || r < 1 || r > 32 || p < 1 || p > 16)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("scrypt parameters are out of range")));
	if (EVP_PBE_scrypt(VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password),
					   (uint8 *) VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt),
					   n, r, p, MAX_MEMORY, (uint8 *) VARDATA(hash), HASH_LENGTH) != 1)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not compute scrypt")));
	SET_VARSIZE(hash, VARHDRSZ + HASH_LENGTH);
	PG_RETURN_BYTEA_P(hash);
}

Datum
crm_access_equal(PG_FUNCTION_ARGS)
{
	bytea	   *a = PG_GETARG_BYTEA_PP(0);
	bytea	   *b = PG_GETARG_BYTEA_PP(1);

	PG_RETURN_BOOL(VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
				   CRYPTO_memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0);
}
