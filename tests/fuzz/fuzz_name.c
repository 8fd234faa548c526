/* fuzz_name.c - personal names: a key reads as itself, simplified text stays simplified. */
#include "fuzz.h"
#include "pure/normalize_name.h"
#include "pure/utf8.h"

SEEDS(SEED("张伟"), SEED("張＊＊"), SEED("王先生"), SEED("欧阳娜娜"), SEED("古丽·买买提"), SEED("Mr. John Smith"), SEED("张某某"),
	  SEED("微信用户"), SEED("  Wang  Wei "), SEED("李XX女士"), SEED("𠮷野家"), SEED("老师王先生"), SEED("O'Neil-Ng"));

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CrmName		name,
				again;

	if (!crm_name_normalize((const char *) data, size, &name))
		return 0;
	HOLDS(name.key_length == strlen(name.key) && name.key_length <= CRM_NAME_MAX);
	HOLDS(crm_utf8_valid(name.key, name.key_length, NULL) && crm_utf8_valid(name.masked, strlen(name.masked), NULL));
	HOLDS(name.surname_length <= name.key_length);
	HOLDS(crm_name_normalize(name.key, name.key_length, &again));
	HOLDS(strcmp(name.key, again.key) == 0);
	return 0;
}
