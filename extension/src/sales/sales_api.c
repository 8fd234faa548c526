/*
 * sales_api.c
 *		What the room enters at load.
 *
 * A note that names a next day becomes a follow-up in the commit of the note (position 35: below
 * campaign, whose flows make tasks too).  A merge moves nothing, since reading goes over all ids of
 * a person, but tells of two owners; when persons are parted, tasks of notes go with their record.
 */
#include "core/core.h"

#include "sales/sales.h"

void
crm_sales_init(void)
{
	crm_core_consequence_register(CRM_ON_FACTS, 35, "sales", "crm._sales_on_facts");
	crm_core_consequence_register(CRM_ON_MEMBERSHIP, 35, "sales", "crm._sales_on_membership");
	crm_core_consequence_register(CRM_ON_ERASE, 35, "sales", "crm._sales_on_erase");
	crm_core_consequence_register(CRM_ON_EXPORT, 55, "sales", "crm._sales_on_export");
}
