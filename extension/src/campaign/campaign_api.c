/*
 * campaign_api.c
 *		What campaigns do when facts arrive, and the buckets of holdouts.
 *
 * The gate is SQL: each of its steps is a statement a marketer's question can be answered with.
 */
#include "campaign/campaign.h"

#include "core/core.h"
#include "pure/hash.h"

PG_FUNCTION_INFO_V1(crm_campaign_bucket);

void
crm_campaign_init(void)
{
	crm_core_consequence_register(CRM_ON_FACTS, 40, "campaign", "crm._campaign_on_facts");
	crm_core_consequence_register(CRM_ON_MEMBERSHIP, 40, "campaign", "crm._campaign_on_membership");
	crm_core_consequence_register(CRM_ON_EXPORT, 60, "campaign", "crm._campaign_on_export");
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
