/*
 * route_table.c
 *		The endpoints of the product, a chapter a room, in the order of the description.
 *
 * A new endpoint is a row in routes_<room>.h (a handler only when one statement
 * cannot say it), a schema in schema.c where it has a new body, and a test.  The
 * statements call functions, or read one row of a published view under row
 * security; `roles` is for the reader, the database decides.
 *
 * gateway_text and its like take a member out of a JSON body and raise 22023
 * with the member's name when it is missing or of the wrong kind, so that the
 * answer points at the field.
 */
#include "route_words.h"

const CrmRoute crm_route_table[] = {
#include "routes_ingest.h"
#include "routes_identity.h"
#include "routes_report.h"
#include "routes_value.h"
#include "routes_rule.h"
#include "routes_loyalty.h"
#include "routes_member.h"
#include "routes_sales.h"
#include "routes_deal.h"
#include "routes_service.h"
#include "routes_campaign.h"
#include "routes_outbox.h"
#include "routes_access.h"
#include "routes_worker.h"
#include "routes_gateway.h"
};

const size_t crm_route_count = sizeof(crm_route_table) / sizeof(crm_route_table[0]);
