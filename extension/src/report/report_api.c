/*
 * report_api.c
 *		What the room enters at load: whose facts or records changed is marked, in the commit that changed them.
 */
#include "report/report.h"

void
crm_report_init(void)
{
	crm_core_consequence_register(CRM_ON_FACTS, 50, "report", "crm._report_on_facts");
	crm_core_consequence_register(CRM_ON_MEMBERSHIP, 50, "report", "crm._report_on_membership");
	crm_core_consequence_register(CRM_ON_ERASE, 50, "report", "crm._report_on_erase");
}
