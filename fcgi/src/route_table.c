/*
 * route_table.c
 *		The endpoints of the product: one row each, in the order of the description.
 *
 * A new endpoint is a row here (a handler only when one statement cannot say it),
 * a schema in schema.c where it has a new body, and a test.  The statements call
 * functions, or read one row of a published view under row security; `roles` is
 * for the reader, the database decides.
 *
 * gateway_text and its like take a member out of a JSON body and raise 22023
 * with the member's name when it is missing or of the wrong kind, so that the
 * answer points at the field.
 */
#include "handlers.h"
#include "route.h"

#define FAST_MS		2000
#define WORK_MS		5000
#define SLOW_MS		30000

#define READERS		"clerk, store manager, manager, service, steward, marketer, analyst, headquarters"
#define COUNTER		"clerk, store manager, manager, service"
#define INTAKE		"till, steward, headquarters, admin"
#define FLOWS		"marketer, headquarters"

#define PERSON_ID	{"person_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, "any id that ever named the person"}
#define FLOW_CODE	{"flow", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the flow: welcome, silence_30, birthday"}
#define KEY			{"Idempotency-Key", CRM_IN_IDEMPOTENCY_KEY, CRM_TEXT, false, NULL, "quoted string; a replay gets the first answer"}
#define BODY		{"body", CRM_IN_BODY, CRM_JSONB, true, NULL, NULL}
#define LIMIT		{"limit", CRM_IN_LIMIT, CRM_INTEGER, false, NULL, "rows, 1 to 500, default 100"}
#define AS_OF		{"as_of", CRM_IN_QUERY, CRM_DATE, false, NULL, "the day it is asked for, default today"}

/* A single call of intake: the answer is the status of its row, never a raise. */
#define INTAKE_ROUTE(who, plural, function, schema, line, body) \
	{ \
		.method = CRM_POST, .path = "/api/v1/" plural, .operation = function, .tag = "Intake", \
		.access = CRM_ACCESS_CALLER, .roles = who, \
		.sql = "SELECT r.status, r.code, r.field, r.remedy, json_build_object('outcome', r.code, " \
		"'external_id', r.external_id, 'inbox_id', r.inbox_id, 'fact_id', r.fact_id, " \
		"'customer_id', r.customer_id)::text AS body " \
		"FROM crm." function "($1, $2, $3, CASE WHEN $4::text IS NOT NULL OR $6::text IS NOT NULL THEN " \
		"jsonb_build_object('webhook-id', $4::text, 'webhook-timestamp', $5::text, " \
		"'webhook-signature', $6::text) END) r", \
		.params = { \
			{"source", CRM_IN_QUERY, CRM_TEXT, false, NULL, "the source, when the API key names none"}, \
			{"body", CRM_IN_BODY_BYTES, CRM_BYTEA, true, NULL, NULL}, \
			KEY, \
			{"webhook-id", CRM_IN_HEADER, CRM_TEXT, false, NULL, "of a source that signs (Standard Webhooks)"}, \
			{"webhook-timestamp", CRM_IN_HEADER, CRM_TEXT, false, NULL, "of a source that signs"}, \
			{"webhook-signature", CRM_IN_HEADER, CRM_TEXT, false, NULL, "of a source that signs"}, \
		}, \
		.timeout_ms = WORK_MS, .summary = line, \
		.text = "The raw body is kept first, then applied with all its consequences in one commit; " \
		"the same external_id with the same content changes nothing, with other content it is a revision.", \
		.request_schema = schema, .response_schema = "Intake", .example = body, .success = 200, \
	}

/* One flow, one function of its code, a JSON answer. */
#define FLOW_ACT(verb, function, key_argument, line) \
	{ \
		.method = CRM_POST, .path = "/api/v1/flows/{flow}/" verb, .operation = function, .tag = "Flows", \
		.access = CRM_ACCESS_CALLER, .roles = FLOWS, \
		.sql = "SELECT 200 AS status, crm." function "($1" key_argument ")::text AS body", \
		.params = {FLOW_CODE, KEY}, .timeout_ms = WORK_MS, .summary = line, \
		.response_schema = "Flow", .success = 200, \
	}

const CrmRoute crm_route_table[] = {
	INTAKE_ROUTE(INTAKE, "members", "ingest_member", "Member", "Take a member record of a source",
				 "{\"external_id\":\"M1001\",\"name\":\"王芳\",\"phone\":\"13867241905\",\"store_code\":\"S01\"}"),
	INTAKE_ROUTE(INTAKE, "orders", "ingest_order", "Order", "Take an order with its items",
				 "{\"external_id\":\"O1\",\"ordered_at\":\"2026-03-31T10:00:00+08:00\",\"store_code\":\"S01\","
				 "\"phone\":\"13867241905\",\"amount\":\"59.00\",\"items\":[{\"product_code\":\"P1\",\"quantity\":1,"
				 "\"unit_price\":\"59.00\"}]}"),
	INTAKE_ROUTE(INTAKE, "refunds", "ingest_refund", "Refund", "Take a refund, full, partial or of one line",
				 "{\"external_id\":\"R1\",\"order_external_id\":\"O1\",\"amount\":\"9.00\","
				 "\"refunded_at\":\"2026-04-02T10:00:00+08:00\"}"),
	INTAKE_ROUTE(INTAKE, "events", "ingest_event", "Event", "Take a behaviour event",
				 "{\"type\":\"page_view\",\"occurred_at\":\"2026-03-31T10:00:00+08:00\",\"openid\":\"o1\"}"),
	INTAKE_ROUTE(COUNTER ", " INTAKE, "interactions", "ingest_interaction", "Interaction",
				 "Take a note: a call, a visit, a message",
				 "{\"occurred_at\":\"2026-03-31T10:00:00+08:00\",\"channel\":\"call\",\"phone\":\"13867241905\","
				 "\"body\":\"asked for the new cake\"}"),
	INTAKE_ROUTE(INTAKE, "products", "ingest_product", "Product", "Take a product",
				 "{\"external_id\":\"P1\",\"name\":\"蛋糕\",\"category_code\":\"cake\"}"),
	INTAKE_ROUTE(INTAKE, "consents", "ingest_consent", "Consent", "Take a consent or its withdrawal",
				 "{\"phone\":\"13867241905\",\"channel\":\"sms\",\"state\":\"yes\","
				 "\"occurred_at\":\"2026-03-31T10:00:00+08:00\"}"),
	{
		.method = CRM_GET, .path = "/api/v1/ingest/{key}", .operation = "ingest_status", .tag = "Intake",
		.access = CRM_ACCESS_CALLER, .roles = INTAKE,
		.sql = "SELECT 200 AS status, crm.ingest_status($1)::text AS body",
		.params = {{"key", CRM_IN_PATH, CRM_TEXT, true, NULL, "the Idempotency-Key, without its quotes"}},
		.read_only = true, .timeout_ms = FAST_MS,
		.summary = "What became of a call whose answer was lost",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/imports", .operation = "import", .tag = "Imports",
		.access = CRM_ACCESS_CALLER, .roles = INTAKE,
		.sql = "SELECT crm.ingest_bulk_begin($1, $2, $3, $4, $5)",
		.params = {
			{"source", CRM_IN_QUERY, CRM_TEXT, false, NULL, "the source, when the API key names none"},
			{"entity", CRM_IN_QUERY, CRM_TEXT, true, NULL,
			"member, order, order_line, refund, event, interaction, product, consent, coupon"},
			{"format", CRM_IN_QUERY, CRM_TEXT, false, NULL, "csv or ndjson; else the Content-Type says it"},
			{"encoding", CRM_IN_QUERY, CRM_TEXT, false, "utf8", "utf8 or gbk;"},
			{"mapping_version", CRM_IN_QUERY, CRM_INTEGER, false, NULL, "of the source, default the current one"},
			{"history", CRM_IN_QUERY, CRM_BOOLEAN, false, NULL, "true: old facts, which start no flow"},
			{"lenient", CRM_IN_QUERY, CRM_BOOLEAN, false, NULL, "true: take the good lines, report the others"},
			{"dry_run", CRM_IN_QUERY, CRM_BOOLEAN, false, NULL, "true: only say what would happen"},
			{"header", CRM_IN_QUERY, CRM_BOOLEAN, false, NULL, "false: the CSV has no header line"},
		},
		.timeout_ms = WORK_MS, .summary = "Import a file of any size, one record a line",
		.text = "The body is streamed; nothing counts before it has arrived whole. All lines or none, "
		"unless lenient (or Prefer: handling=lenient). The answer is a job: follow its Location.",
		.request_schema = "ImportBody", .response_schema = "Job", .success = 202,
		.handler = crm_bulk_import,
	},
	{
		.method = CRM_GET, .path = "/api/v1/imports/{import_id}", .operation = "import_job", .tag = "Imports",
		.access = CRM_ACCESS_CALLER, .roles = INTAKE,
		.sql = "SELECT 200 AS status, crm.ingest_job($1)::text AS body",
		.params = {{"import_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL}},
		.read_only = true, .timeout_ms = FAST_MS, .summary = "State and progress of an import",
		.response_schema = "Job", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/imports/{import_id}/errors", .operation = "import_errors",
		.tag = "Imports", .access = CRM_ACCESS_CALLER, .roles = INTAKE,
		.sql = "SELECT j::text, j->>'line' FROM crm.ingest_errors($1, $2, $3) j",
		.params = {
			{"import_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL},
			{"cursor", CRM_IN_CURSOR, CRM_INTEGER, false, "0", "of the page before"},
			LIMIT,
		},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The lines that were not taken, each with its remedy",
		.response_schema = "ImportError", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/imports/{import_id}/confirm", .operation = "import_confirm",
		.tag = "Imports", .access = CRM_ACCESS_CALLER, .roles = INTAKE,
		.sql = "SELECT 200 AS status, crm.ingest_bulk_confirm($1)::text AS body",
		.params = {{"import_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL}},
		.timeout_ms = WORK_MS, .summary = "Apply an import whose dry run was looked at",
		.response_schema = "Job", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/lookup", .operation = "lookup", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", steward, headquarters, till",
		.sql = "SELECT 200 AS status, crm.report_card(crm.gateway_text($1, 'kind', true), "
		"crm.gateway_text($1, 'value', true), coalesce(crm.gateway_text($1, 'namespace'), ''))::text AS body",
		.params = {BODY}, .timeout_ms = FAST_MS,
		.summary = "Find a person by a whole identifier",
		.text = "Answers any member of the chain with the counter card; logged, and counted (60 an hour a clerk).",
		.request_schema = "Lookup", .response_schema = "Person", .success = 200,
		.example = "{\"kind\":\"phone\",\"value\":\"13867241905\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/search", .operation = "search", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", steward, headquarters",
		.sql = "SELECT j::text FROM crm.identity_search(crm.gateway_text($1, 'text', true), "
		"coalesce(crm.gateway_integer($1, 'limit'), 20)) j",
		.params = {BODY}, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Search the persons of one's scope by name or last four digits",
		.request_schema = "Search", .response_schema = "Person", .success = 200,
		.example = "{\"text\":\"王\",\"limit\":20}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}", .operation = "person", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = READERS,
		/* old ids answer: a merged row points to the person that is */
		.sql = "SELECT 200 AS status, to_json(p)::text AS body, p.row_version::text || '.' ||"
		" extract(epoch FROM p.updated_at)::text AS etag"
		" FROM crm.person p WHERE p.customer_id ="
		" (SELECT coalesce(o.merged_into, o.customer_id) FROM crm.customer o WHERE o.customer_id = $1)",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "A person in one row: masked identity, home store, tier, scores, totals",
		.response_schema = "Person", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/overview", .operation = "person_overview", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT 200 AS status, crm.report_person($1)::text AS body",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "Everything about a person: records, identifiers, value, coupons, consent, suggestion, newest of the timeline",
		.response_schema = "Person", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/timeline", .operation = "person_timeline",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT j::text, j->>'at' FROM crm.report_timeline($1, $2, $3) j",
		.params = {
			PERSON_ID,
			{"cursor", CRM_IN_CURSOR, CRM_TIMESTAMP, false, NULL, "of the page before"},
			LIMIT,
		},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Everything that happened with a person, newest first",
		.response_schema = "TimelineEntry", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/value", .operation = "person_value",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT 200 AS status, crm.value_explain($1, $2)::text AS body",
		.params = {PERSON_ID, AS_OF}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "A person's tier and figures, and the rule that decided, as of any day",
		.response_schema = "Value", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/explain", .operation = "person_explain",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = "store manager, manager, steward, headquarters",
		.sql = "SELECT 200 AS status, crm.identity_explain($1)::text AS body",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "Why these records are one person",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/unmask", .operation = "person_unmask",
		.tag = "Persons", .access = CRM_ACCESS_CALLER,
		.roles = "clerk, store_manager, manager, service, steward, headquarters",
		.sql = "SELECT 200 AS status, crm.access_unmask($1, crm.gateway_texts($2, 'fields', true), "
		"crm.gateway_text($2, 'reason', true))::text AS body",
		.params = {PERSON_ID, BODY}, .timeout_ms = FAST_MS,
		.summary = "Clear values of a person, audited with the reason",
		.request_schema = "Unmask", .response_schema = "Object", .success = 200,
		.example = "{\"fields\":[\"phone\"],\"reason\":\"call back about order O1\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/export", .operation = "person_export",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = "steward, headquarters",
		.sql = "SELECT 200 AS status, crm.access_export($1)::text AS body",
		.params = {PERSON_ID}, .timeout_ms = SLOW_MS,
		.summary = "All that is kept about a person, audited",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/erase", .operation = "person_erase",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = "steward, headquarters",
		.sql = "SELECT 200 AS status, crm.access_erase($1, crm.gateway_text($2, 'reason', true), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = SLOW_MS,
		.summary = "Erase a person's values everywhere, raw inbox included",
		.request_schema = "Reason", .response_schema = "Object", .success = 200,
		.example = "{\"reason\":\"request of the person\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/coupons", .operation = "person_coupons",
		.tag = "Coupons", .access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT j::text FROM crm.loyalty_coupons($1) j",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "A person's coupons", .response_schema = "Coupon", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupons/redeem", .operation = "coupon_redeem", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters, till",
		.sql = "SELECT 200 AS status, crm.loyalty_redeem(crm.gateway_text($1, 'code', true), "
		"crm.gateway_text($1, 'source'), crm.gateway_text($1, 'order_external_id', true), "
		"crm.gateway_text($1, 'store_code'), crm.gateway_number($1, 'amount'), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Redeem a coupon for an order",
		.request_schema = "Redeem", .response_schema = "Coupon", .success = 200,
		.example = "{\"code\":\"C5-7K2M9Q\",\"order_external_id\":\"O1\",\"store_code\":\"S01\",\"amount\":\"59.00\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupons/cancel", .operation = "coupon_cancel", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters, till",
		.sql = "SELECT 200 AS status, crm.loyalty_cancel_redemption(crm.gateway_text($1, 'code', true), "
		"crm.gateway_text($1, 'order_external_id', true), crm.gateway_text($1, 'reason'), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Take a redemption back",
		.request_schema = "CancelRedemption", .response_schema = "Coupon", .success = 200,
		.example = "{\"code\":\"C5-7K2M9Q\",\"order_external_id\":\"O1\",\"reason\":\"order cancelled\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/flows", .operation = "flows", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT j::text FROM crm.campaign_list() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "All flows with their state and values", .response_schema = "Flow", .success = 200,
	},
	{
		.method = CRM_PATCH, .path = "/api/v1/flows/{flow}", .operation = "flow_edit", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_edit($1, $2, $3)::text AS body",
		.params = {FLOW_CODE, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Change values of a flow",
		.request_schema = "FlowChanges", .response_schema = "Flow", .success = 200,
		.example = "{\"daily_limit\":300}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/flows/{flow}/preview", .operation = "flow_preview", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_preview($1)::text AS body",
		.params = {FLOW_CODE}, .read_only = true, .timeout_ms = SLOW_MS,
		.summary = "Who a flow would reach, who not and why, before it starts",
		.response_schema = "FlowPreview", .success = 200,
	},
	FLOW_ACT("start", "campaign_start", "", "Start a flow"),
	FLOW_ACT("pause", "campaign_pause", "", "Pause a flow; what is due waits"),
	FLOW_ACT("stop", "campaign_stop", "", "Stop a flow"),
	FLOW_ACT("confirm-backlog", "campaign_confirm_backlog", ", $2",
			 "Let those enter who were past the trigger when the flow began"),
	{
		.method = CRM_GET, .path = "/api/v1/flows/{flow}/results", .operation = "flow_results", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, crm.campaign_results($1)::text AS body",
		.params = {FLOW_CODE}, .read_only = true, .timeout_ms = SLOW_MS,
		.summary = "What a flow brought, against its holdout",
		.response_schema = "FlowResults", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/flows/{flow}/explain/{person_id}", .operation = "flow_explain",
		.tag = "Flows", .access = CRM_ACCESS_CALLER, .roles = "store manager, manager, service, marketer, headquarters",
		.sql = "SELECT 200 AS status, crm.campaign_explain($2, $1)::text AS body",
		.params = {FLOW_CODE, PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "Why a person got a flow's message, or not",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/outbox/{message_id}", .operation = "message", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, service, steward, marketer, headquarters",
		.sql = "SELECT 200 AS status, crm.outbox_state($1)::text AS body",
		.params = {{"message_id", CRM_IN_PATH, CRM_TEXT, true, NULL, NULL}},
		.read_only = true, .timeout_ms = FAST_MS, .summary = "State of a message and its attempts",
		.response_schema = "Message", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/outbox/{message_id}/replay", .operation = "message_replay",
		.tag = "Messages", .access = CRM_ACCESS_CALLER, .roles = "steward, marketer, headquarters, admin",
		.sql = "SELECT 200 AS status, to_jsonb(crm.outbox_replay($1))::text AS body",
		.params = {{"message_id", CRM_IN_PATH, CRM_TEXT, true, NULL, NULL}},
		.timeout_ms = FAST_MS, .summary = "Send a dead letter again, with the same id",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/receipts", .operation = "receipt", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "steward, till, admin",
		.sql = "SELECT 200 AS status, coalesce(to_jsonb(crm.outbox_receipt(crm.gateway_text($1, 'message_id', true), "
		"crm.gateway_text($1, 'kind', true), crm.gateway_text($1, 'detail'), $2)), '{}')::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "A carrier's receipt for a message",
		.request_schema = "Receipt", .response_schema = "Object", .success = 200,
		.example = "{\"message_id\":\"42-ABCDEF\",\"kind\":\"delivered\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/opt-outs", .operation = "opt_out", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", steward, marketer, headquarters, till",
		.sql = "SELECT 200 AS status, coalesce(to_jsonb(crm.outbox_opt_out(crm.gateway_text($1, 'channel', true), "
		"crm.gateway_text($1, 'address', true), coalesce(crm.gateway_text($1, 'evidence'), ''), $2)), '{}')::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS,
		.summary = "An address says stop (退订): closed before the next send",
		.request_schema = "OptOut", .response_schema = "Object", .success = 200,
		.example = "{\"channel\":\"sms\",\"address\":\"13867241905\",\"evidence\":\"TD\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/health-board", .operation = "health_board", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, crm.report_health($1, $2, $3)::text AS body",
		.params = {
			{"store", CRM_IN_QUERY, CRM_TEXT, false, NULL, "code of a store"},
			{"region", CRM_IN_QUERY, CRM_TEXT, false, NULL, "code of a region"},
			{"on_day", CRM_IN_QUERY, CRM_DATE, false, NULL, "default today"},
		},
		.read_only = true, .timeout_ms = SLOW_MS,
		.summary = "The health board: active persons, funnel, tier shares, flows",
		.response_schema = "Health", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/sign-in", .operation = "sign_in", .tag = "Sign-in",
		.access = CRM_ACCESS_PUBLIC,
		.sql = "SELECT coalesce((j->>'status')::int, 200) AS status, j->>'code' AS code, j->>'detail' AS detail, "
		"j->>'remedy' AS remedy, (j - 'session' - 'status')::text AS body, j->>'session' AS session "
		"FROM crm.access_sign_in(crm.gateway_text($1, 'login', true), "
		"crm.gateway_text($1, 'password', true), coalesce($2, '')) j",
		.params = {BODY, {"User-Agent", CRM_IN_HEADER, CRM_TEXT, false, NULL, "kept with the session"}},
		.timeout_ms = WORK_MS, .summary = "Sign in with a password",
		.text = "Sets the cookie crm_session (HttpOnly, SameSite=Strict, 12 hours). "
		"Five wrong tries lock the account for 15 minutes.",
		.request_schema = "SignIn", .response_schema = "Session", .success = 200,
		.example = "{\"login\":\"clerk.s01\",\"password\":\"...\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/sign-in/link", .operation = "sign_in_link", .tag = "Sign-in",
		.access = CRM_ACCESS_PUBLIC,
		.sql = "SELECT coalesce((j->>'status')::int, 200) AS status, j->>'code' AS code, j->>'detail' AS detail, "
		"j->>'remedy' AS remedy, (j - 'session' - 'status')::text AS body, j->>'session' AS session "
		"FROM crm.access_sign_in_link(crm.gateway_text($1, 'token', true), coalesce($2, '')) j",
		.params = {BODY, {"User-Agent", CRM_IN_HEADER, CRM_TEXT, false, NULL, "kept with the session"}}, .timeout_ms = WORK_MS, .summary = "Sign in with a one-time link's token",
		.request_schema = "SignInLink", .response_schema = "Session", .success = 200,
		.example = "{\"token\":\"...\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/sign-out", .operation = "sign_out", .tag = "Sign-in",
		.access = CRM_ACCESS_CALLER,
		.sql = "SELECT 204 AS status, '' AS body, left(crm.access_sign_out()::text, 0) AS session",
		.timeout_ms = FAST_MS, .summary = "End the session", .success = 204,
	},
	{
		.method = CRM_GET, .path = "/api/v1/me", .operation = "me", .tag = "Sign-in",
		.access = CRM_ACCESS_CALLER,
		.sql = "SELECT 200 AS status, crm.access_whoami()::text AS body",
		.read_only = true, .timeout_ms = FAST_MS, .summary = "Who the caller is",
		.response_schema = "Me", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/openapi.json", .operation = "openapi", .tag = "Operation",
		.access = CRM_ACCESS_PUBLIC, .read_only = true,
		.summary = "This description (OpenAPI 3.1)", .response_schema = "Object", .success = 200,
		.handler = crm_operate_openapi,
	},
	{
		.method = CRM_GET, .path = "/live", .operation = "live", .tag = "Operation",
		.access = CRM_ACCESS_LOOPBACK, .read_only = true,
		.summary = "The gateway runs", .text = "Does not ask the database.",
		.response_schema = "Live", .success = 200, .handler = crm_operate_live,
	},
	{
		.method = CRM_GET, .path = "/ready", .operation = "ready", .tag = "Operation",
		.access = CRM_ACCESS_LOOPBACK,
		.sql = "SELECT CASE WHEN e.extversion IS NULL THEN 503 ELSE 200 END AS status, "
		"CASE WHEN e.extversion IS NULL THEN 'extension_missing' END AS code, "
		"json_build_object('ready', e.extversion IS NOT NULL, 'extension', e.extversion)::text AS body "
		"FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_extension e ON e.extname = 'crm'",
		.read_only = true, .timeout_ms = FAST_MS,
		.summary = "The database answers and has the extension",
		.response_schema = "Ready", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/metrics", .operation = "metrics", .tag = "Operation",
		.access = CRM_ACCESS_LOOPBACK, .read_only = true,
		.summary = "Counters in the Prometheus text format", .response_schema = "Text", .success = 200,
		.handler = crm_operate_metrics,
	},
};

const size_t crm_route_count = sizeof(crm_route_table) / sizeof(crm_route_table[0]);
