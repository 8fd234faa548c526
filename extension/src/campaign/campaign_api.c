/*
 * campaign_api.c
 *		What campaigns do when facts arrive, the buckets of holdouts, lunar birthdays.
 *
 * The gate is SQL: each of its steps is a statement a marketer's question can be answered with.
 */
#include "campaign/campaign.h"

#include "core/core.h"
#include "pure/hash.h"
#include "pure/lunar.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/date.h"

PG_FUNCTION_INFO_V1(crm_campaign_bucket);
PG_FUNCTION_INFO_V1(crm_campaign_lunar_md);

void
crm_campaign_init(void)
{
	crm_core_consequence_register(CRM_ON_FACTS, 40, "campaign", "crm._campaign_on_facts");
	crm_core_consequence_register(CRM_ON_MEMBERSHIP, 40, "campaign", "crm._campaign_on_membership");
	crm_core_consequence_register(CRM_ON_ERASE, 60, "campaign", "crm._campaign_on_erase");
	crm_core_consequence_register(CRM_ON_EXPORT, 60, "campaign", "crm._campaign_on_export");
	crm_core_consequence_register(CRM_ON_LEAVE, 60, "campaign", "crm._campaign_on_leave");
}

/* 0 to 9999, the same for ever for the same salt, scope and key (pure/hash.h has the vectors). */
Datum
crm_campaign_bucket(PG_FUNCTION_ARGS)
{
	text	   *salt = PG_GETARG_TEXT_PP(0);
	text	   *scope = PG_GETARG_TEXT_PP(1);

	PG_RETURN_INT32(crm_hash_bucket_int64(VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt),
										  VARDATA_ANY(scope), VARSIZE_ANY_EXHDR(scope),
										  PG_GETARG_INT64(2)));
}

/*
 * Lunar birthdays (month * 100 + day) of a day.  Who was born on the 30th of a month that has 29 days
 * this year is celebrated on the 29th; in a leap month nobody, for the month itself was just before it.
 */
Datum
crm_campaign_lunar_md(PG_FUNCTION_ARGS)
{
	DateADT		day = PG_GETARG_DATEADT(0);
	CrmLunarDay today;
	CrmLunarDay tomorrow;
	Datum		days[2];
	int			n = 0;

	if (!DATE_NOT_FINITE(day) && crm_lunar_of_day(day, &today) && !today.is_leap)
	{
		days[n++] = Int32GetDatum(today.month * 100 + today.day);
		if (today.day == 29 && crm_lunar_of_day(day + 1, &tomorrow) && tomorrow.day == 1)
			days[n++] = Int32GetDatum(today.month * 100 + 30);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(days, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}
