/*
 * segment_api.c
 *		What the room enters at load.
 *
 * Facts and moved records mark their persons in the commit that brought them (position 15: after
 * value, whose tiers rules ask for); the worker looks at the marked ones.  Tags stay under the
 * customer id they were given to; members are moved when records are.
 */
#include "core/core.h"

#include "segment/segment.h"

void
crm_segment_init(void)
{
	crm_core_consequence_register(CRM_ON_FACTS, 15, "segment", "crm._segment_on_facts");
	crm_core_consequence_register(CRM_ON_MEMBERSHIP, 15, "segment", "crm._segment_on_membership");
	crm_core_consequence_register(CRM_ON_ERASE, 15, "segment", "crm._segment_on_erase");
	crm_core_consequence_register(CRM_ON_EXPORT, 32, "segment", "crm._segment_on_export");
}
