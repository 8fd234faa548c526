/*
 * service_api.c
 *		What the room enters at load.
 *
 * A note with the outcome complaint, and what a customer says by an event, becomes a ticket in the
 * commit of the fact (position 36: above sales, whose tasks tickets are to staff, below campaign,
 * whose flows may ask who has an open one).  A merge moves nothing, since reading goes over all ids
 * of a person; when persons are parted, tickets go with the record whose fact they came of.
 */
#include "core/core.h"

#include "service/service.h"

void
crm_service_init(void)
{
	crm_core_consequence_register(CRM_ON_FACTS, 36, "service", "crm._service_on_facts");
	crm_core_consequence_register(CRM_ON_MEMBERSHIP, 36, "service", "crm._service_on_membership");
	crm_core_consequence_register(CRM_ON_ERASE, 36, "service", "crm._service_on_erase");
	crm_core_consequence_register(CRM_ON_EXPORT, 56, "service", "crm._service_on_export");
}
