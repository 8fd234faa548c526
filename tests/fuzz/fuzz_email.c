/* fuzz_email.c - e-mail addresses: address and key read as themselves. */
#include "fuzz.h"
#include "pure/normalize_email.h"

SEEDS(SEED("zhang.wei+vip@gmail.com"), SEED("Wei Zhang <Wei@Example.COM>"), SEED("mailto:a@b.cn"), SEED("test@test.com"),
	  SEED("ｚｈａｎｇ＠163.com"), SEED("\"quoted local\"@x.org"), SEED("noreply@shop.cn"), SEED("a@xn--fiqs8s.cn"),
	  SEED("user@[192.0.2.1]"), SEED("a.b.c@googlemail.com"), SEED(" 张伟@公司.中国 "));

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CrmEmail	email,
				again;
	bool		valid = crm_email_normalize((const char *) data, size, &email);

	HOLDS(valid == (email.reason == CRM_EMAIL_OK) && crm_email_reason_name(email.reason) != NULL);
	HOLDS(valid == (email.address[0] != '\0') && valid == (email.key[0] != '\0'));
	HOLDS(email.is_identity_key == (valid && !email.is_role && !email.is_placeholder));
	if (!valid)
		return 0;
	HOLDS(crm_email_normalize(email.address, strlen(email.address), &again));
	HOLDS(strcmp(email.address, again.address) == 0 && strcmp(email.key, again.key) == 0);
	HOLDS(crm_email_normalize(email.key, strlen(email.key), &again));
	HOLDS(strcmp(email.key, again.key) == 0);
	return 0;
}
