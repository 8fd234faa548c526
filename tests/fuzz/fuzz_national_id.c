/* fuzz_national_id.c - citizen numbers: what is read reads as itself. */
#include "fuzz.h"
#include "pure/national_id.h"

SEEDS(SEED("11010519491231002X"), SEED("110105491231002"), SEED("１１０１０５１９４９１２３１００２Ｘ"), SEED("110105 19491231 002x"));

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CrmNationalId id,
				again;

	if (!crm_national_id_normalize((const char *) data, size, &id))
	{
		HOLDS(id.number[0] == '\0' && id.masked[0] == '\0' && id.sex == 0);
		return 0;
	}
	HOLDS(strlen(id.number) == 18 && strlen(id.masked) == 18);
	HOLDS(crm_national_id_normalize(id.number, 18, &again));
	HOLDS(strcmp(id.number, again.number) == 0 && id.birthday == again.birthday && id.sex == again.sex);
	return 0;
}
