/*
 * outbox_api.c
 *		What the outbox does when records move between persons, and when a person is erased or exported.
 *
 * Called once, at library load.  The sending itself is crm_sender.so's, a library of its own.
 */
#include "outbox/outbox.h"

#include "core/core.h"

void
crm_outbox_init(void)
{
	crm_core_consequence_register(CRM_ON_MEMBERSHIP, 30, "outbox", "crm._outbox_on_membership");
	crm_core_consequence_register(CRM_ON_ERASE, 30, "outbox", "crm._outbox_on_erase");
	crm_core_consequence_register(CRM_ON_EXPORT, 50, "outbox", "crm._outbox_on_export");
	crm_outbox_secret_init();
}
