/*
 * routes_service.h
 *		Rows of the route table: complaints and questions of customers.  Read by route_table.c only.
 */
#define TICKET_ID	{"ticket_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL}
#define DESK_READERS	"store manager, manager, analyst, headquarters"

	{
		.method = CRM_GET, .path = "/api/v1/tickets", .operation = "tickets", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT j::text, j->>'cursor' FROM crm.service_tickets(coalesce($1, 'open'), $2, $3::jsonb, $4) j",
		.params = {
			{"list", CRM_IN_QUERY, CRM_TEXT, false, NULL, "mine, open, late or resolved; default open"},
			{"topic", CRM_IN_QUERY, CRM_TEXT, false, NULL, "of one topic only"},
			{"cursor", CRM_IN_CURSOR, CRM_TEXT, false, NULL, "of the page before"},
			LIMIT,
		},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Complaints and questions, what has to be settled first comes first", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/tickets", .operation = "person_tickets", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT j::text FROM crm.service_of_person($1) j", .params = {PERSON_ID},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "A person's complaints and questions, open ones first", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/tickets", .operation = "ticket_open", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 201 AS status, crm.service_open($1, crm.gateway_text($2, 'topic', true), crm.gateway_text($2, 'body', true), "
		"coalesce(crm.gateway_text($2, 'channel'), 'store'), crm.gateway_text($2, 'store'), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Open a ticket about what a customer complains of or asks",
		.request_schema = "TicketOpen", .response_schema = "Object", .success = 201,
		.example = "{\"topic\":\"quality\",\"body\":\"面包不新鲜\",\"channel\":\"store\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/tickets/{ticket_id}", .operation = "ticket", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.service_ticket($1, $2)::text AS body", .params = {PERSON_ID, TICKET_ID},
		.read_only = true, .timeout_ms = FAST_MS, .summary = "A ticket: its words, clocks, who works on it, its life",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/tickets/{ticket_id}/answer", .operation = "ticket_answer", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.service_answer($1, $2, crm.gateway_text($3, 'body', true), "
		"coalesce(crm.gateway_text($3, 'state') = 'waiting', false), $4)::text AS body",
		.params = {PERSON_ID, TICKET_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "What was said to the customer; state waiting: it is their turn",
		.request_schema = "TicketAnswer", .response_schema = "Object", .success = 200,
		.example = "{\"body\":\"已致歉，请顾客把照片发来\",\"state\":\"waiting\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/tickets/{ticket_id}/resolve", .operation = "ticket_resolve", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.service_resolve($1, $2, crm.gateway_text($3, 'resolution', true))::text AS body",
		.params = {PERSON_ID, TICKET_ID, BODY}, .timeout_ms = FAST_MS, .summary = "Settle a ticket, with how",
		.request_schema = "TicketResolve", .response_schema = "Object", .success = 200,
		.example = "{\"resolution\":\"已退款并送券\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/tickets/{ticket_id}/reopen", .operation = "ticket_reopen", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.service_reopen($1, $2, crm.gateway_text($3, 'reason', true))::text AS body",
		.params = {PERSON_ID, TICKET_ID, BODY}, .timeout_ms = FAST_MS, .summary = "Open a settled ticket again: seniors of the store take it",
		.request_schema = "TicketReopen", .response_schema = "Object", .success = 200,
		.example = "{\"reason\":\"退款没到\"}",
	},
	{
		.method = CRM_PUT, .path = "/api/v1/persons/{person_id}/tickets/{ticket_id}/stars", .operation = "ticket_rate", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.service_rate($1, $2, crm.gateway_integer($3, 'stars', true), crm.gateway_text($3, 'body'))::text AS body",
		.params = {PERSON_ID, TICKET_ID, BODY}, .timeout_ms = FAST_MS, .summary = "How content the customer is with how it was settled",
		.request_schema = "TicketStars", .response_schema = "Object", .success = 200,
		.example = "{\"stars\":4,\"body\":\"处理得快\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/ticket-topics", .operation = "ticket_topics", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS ", marketer",
		.sql = "SELECT j::text FROM crm.service_topics() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "What tickets are about, and how fast each is to be answered and settled", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/ticket-topics/{topic}", .operation = "ticket_topic_define", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = "headquarters",
		.sql = "SELECT 200 AS status, crm.service_define_topic($1, $2, $3)::text AS body",
		.params = {{"topic", CRM_IN_PATH, CRM_TEXT, true, NULL, "its code"}, BODY, KEY}, .timeout_ms = FAST_MS,
		.summary = "Make or change what tickets are about",
		.request_schema = "TicketTopic", .response_schema = "Object", .success = 200,
		.example = "{\"name_zh\":\"门店环境\",\"kind\":\"complaint\",\"answer_minutes\":120,\"resolve_hours\":48}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/tickets", .operation = "report_tickets", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = DESK_READERS,
		.sql = "SELECT j::text FROM crm.service_report($1, $2, coalesce($3, 'store')) j",
		.params = {FROM_DAY, TO_DAY, {"by", CRM_IN_QUERY, CRM_TEXT, false, NULL, "store, topic, kind or month; default store"}},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "How fast customers were answered, how well it was settled", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/tickets-after-purchase", .operation = "report_tickets_after", .tag = "Tickets",
		.access = CRM_ACCESS_CALLER, .roles = DESK_READERS,
		.sql = "SELECT to_json(s)::text FROM crm.service_after_purchase($3, $1, $2) s",
		.params = {FROM_DAY, TO_DAY, {"topic", CRM_IN_QUERY, CRM_TEXT, false, NULL, "of one topic only"}},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Tickets by the days since the person's last purchase", .response_schema = "Object", .success = 200,
	},
