/*
 * crm.c
 *		Loads the rooms, from the lowest to the highest: one line a room.
 */
#include "access/access.h"
#include "campaign/campaign.h"
#include "core/core.h"
#include "event/event.h"
#include "loyalty/loyalty.h"
#include "outbox/outbox.h"
#include "purchase/purchase.h"
#include "report/report.h"
#include "sales/sales.h"
#include "segment/segment.h"
#include "service/service.h"
#include "value/value.h"
#include "worker/worker.h"

#include "utils/guc.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	crm_core_clock_init();
	crm_core_keys_init();
	crm_core_cost_init();
	crm_access_init();
	crm_purchase_init();
	crm_event_init();
	crm_value_init();
	crm_segment_init();
	crm_loyalty_init();
	crm_outbox_init();
	crm_sales_init();
	crm_service_init();
	crm_campaign_init();
	crm_report_init();
	crm_worker_init();
	MarkGUCPrefixReserved("crm");
}
