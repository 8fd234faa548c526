/* fuzz_code.c - base 32 and the coupon codes made of it: a code that is read is the one written. */
#include "postgres.h"

#include "fuzz.h"
#include "loyalty/loyalty.h"
#include "pure/hash.h"

SEEDS(SEED("2Z8Z-95M0-QK"), SEED("1110-0000"), SEED("oOiIlL"), SEED("zzzzzzzzzzzzzzzzzzzzzzzzzzzzz"), SEED("B"));

/* Stands in for the keyed hash of the server. */
void
crm_core_keys_hash(const char *purpose, const char *value, int length, uint8 *hash)
{
	uint64_t	plain = crm_hash_bytes(value, (size_t) length) ^ crm_hash_bytes(purpose, strlen(purpose));

	memset(hash, 0, CRM_HASH_LENGTH);
	memcpy(hash, &plain, sizeof(plain));
}

/* An error raised at all is a broken promise here. */
bool
errstart(int elevel, const char *domain)
{
	HOLDS(elevel < ERROR);
	return false;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
}

int
errcode(int sqlerrcode)
{
	return 0;
}

int
errmsg_internal(const char *fmt,...)
{
	return 0;
}

static void
check_ids(CrmCouponIds ids)
{
	char		code[CRM_LOYALTY_CODE_LENGTH];
	CrmCouponIds again;
	int			length = crm_loyalty_encode(ids, code);

	HOLDS(length <= CRM_LOYALTY_CODE_LENGTH);
	HOLDS(crm_loyalty_decode(code, length, &again));
	HOLDS(again.customer_id == ids.customer_id && again.coupon_id == ids.coupon_id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CrmCouponIds ids = {0, 0};

	if (crm_loyalty_decode((const char *) data, (int) size, &ids))
		HOLDS(ids.customer_id >= 0 && ids.coupon_id >= 0);
	if (size >= 16)
	{
		memcpy(&ids, data, 16);
		ids.customer_id = (ids.customer_id & ((INT64CONST(1) << (data[0] % 54)) - 1)) | 1;
		ids.coupon_id = (ids.coupon_id & ((INT64CONST(1) << (data[1] % 54)) - 1)) | 1;
		check_ids(ids);
	}
	return 0;
}
