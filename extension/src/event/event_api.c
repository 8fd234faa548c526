/*
 * event_api.c
 *		What the room enters at load: its part in erasing and exporting a person.
 *
 * What somebody wrote or said, and the properties of events, may hold anything; they go when
 * the person goes.  That something happened stays, for the counts.
 */
#include "core/core.h"

#include "event/event.h"

void
crm_event_init(void)
{
	crm_core_consequence_register(CRM_ON_ERASE, 20, "event", "crm._event_on_erase");
	crm_core_consequence_register(CRM_ON_EXPORT, 25, "event", "crm._event_on_export");
}
