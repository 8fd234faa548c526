/* fuzz_phone.c - telephone numbers: what is written reads as itself. */
#include "fuzz.h"
#include "pure/normalize_phone.h"

SEEDS(SEED("13812340056"), SEED("+86 138 1234 0056"), SEED("（010）6552-9988转101"), SEED("0086-21-6552 9988 ext 12"),
	  SEED("'13800138000.0"), SEED("138****1234"), SEED("+852 9123 4567"), SEED("+1 (212) 555-0100"), SEED("400-820-8820"),
	  SEED("电话：０２１－６５５２９９８８"), SEED("无"), SEED("95588"), SEED("13812340056/13912340056"));

static void
check(const char *text, size_t length, unsigned home)
{
	CrmPhone	phone,
				again;
	bool		valid = crm_phone_normalize(text, length, home, &phone);

	HOLDS(valid == (phone.e164[0] != '\0'));
	HOLDS((phone.type == CRM_PHONE_INVALID) == (phone.reason != CRM_PHONE_OK));
	HOLDS(!phone.is_identity_key || valid);
	HOLDS(strlen(phone.last4) == 0 || strlen(phone.last4) == 4);
	HOLDS(crm_phone_type_name(phone.type) != NULL && crm_phone_reason_name(phone.reason) != NULL);
	if (!valid)
		return;
	HOLDS(crm_phone_normalize(phone.e164, strlen(phone.e164), home, &again));
	HOLDS(strcmp(phone.e164, again.e164) == 0);
	HOLDS(phone.type == again.type && phone.country == again.country);
	HOLDS(strcmp(phone.masked, again.masked) == 0 && strchr(phone.masked, '*') != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check((const char *) data, size, CRM_PHONE_CHINA);
	check((const char *) data, size, size % 2 ? 852 : 44);
	return 0;
}
