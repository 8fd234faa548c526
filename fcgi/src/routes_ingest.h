/*
 * routes_ingest.h
 *		Rows of the route table: what tills and shops send, and imports.  Read by route_table.c only.
 */
#define ENTRY_ROLES	"clerk, store_manager, manager, service or headquarters"
#define CUSTOM_FIELD	{"field", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the field, without custom."}

#define STEWARDS		"steward, admin"
#define SOURCE_READERS	"steward, headquarters, admin"
#define SOURCE_CODE		{"source", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the source"}
#define ENTITY			{"entity", CRM_IN_PATH, CRM_TEXT, true, NULL, "member, order, order_line, refund, event, ..."}

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
		.method = CRM_POST, .path = "/api/v1/collect", .operation = "collect", .tag = "Intake",
		.access = CRM_ACCESS_CALLER, .roles = INTAKE,
		.sql = "SELECT 200 AS status, crm.ingest_collect($1, $2)::text AS body",
		.params = {
			{"source", CRM_IN_QUERY, CRM_TEXT, false, NULL, "the source, when the API key names none"},
			{"body", CRM_IN_BODY_BYTES, CRM_BYTEA, true, NULL, NULL},
		},
		.timeout_ms = WORK_MS, .summary = "Take the events that a page or an app has gathered, up to a hundred",
		.text = "Each is kept raw by itself, all are applied together; the answer names those that were refused. "
		"With an external_id each, a call that is sent again changes nothing.",
		.request_schema = "Collected", .response_schema = "Object", .success = 200,
		.example = "{\"events\":[{\"type\":\"page_view\",\"occurred_at\":\"2026-03-31T10:00:00+08:00\",\"openid\":\"o1\","
		"\"properties\":{\"seconds\":42}}]}",
	},
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
			KEY,
		},
		.timeout_ms = WORK_MS, .summary = "Import a file of any size, one record a line",
		.text = "The body is streamed; nothing counts before it has arrived whole. All lines or none, "
		"unless lenient (or Prefer: handling=lenient). The answer is a job: follow its Location. "
		"The same file under the same Idempotency-Key is that job again.",
		.request_schema = "ImportBody", .response_schema = "Job", .success = 202,
		.handler = crm_bulk_import,
	},
	{
		.method = CRM_GET, .path = "/api/v1/imports", .operation = "import_jobs", .tag = "Imports",
		.access = CRM_ACCESS_CALLER, .roles = INTAKE,
		.sql = "SELECT j::text, j->>'batch_id' FROM crm.ingest_jobs($1, $2) j",
		.params = {{"cursor", CRM_IN_CURSOR, CRM_BIGINT, false, NULL, "of the page before"}, LIMIT},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Imports, newest first, with their state and counts", .response_schema = "Job", .success = 200,
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
		.method = CRM_POST, .path = "/api/v1/imports/{import_id}/abort", .operation = "import_abort",
		.tag = "Imports", .access = CRM_ACCESS_CALLER, .roles = INTAKE,
		.sql = "SELECT 200 AS status, crm.ingest_bulk_abort($1)::text AS body",
		.params = {{"import_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL}},
		.timeout_ms = WORK_MS, .summary = "Give an import up before anything of it is applied",
		.response_schema = "Job", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/import-fields", .operation = "import_fields", .tag = "Imports",
		.access = CRM_ACCESS_CALLER, .roles = STEWARDS,
		.sql = "SELECT j::text FROM crm.ingest_fields($1) j",
		.params = {{"entity", CRM_IN_QUERY, CRM_TEXT, true, NULL, "member, order, order_line, refund, event, ..."}},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The fields that columns of a file can become", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/imports/{import_id}/preview", .operation = "import_preview", .tag = "Imports",
		.access = CRM_ACCESS_CALLER, .roles = INTAKE,
		.sql = "SELECT j::text, j->>'line' FROM crm.ingest_preview($1, $2, $3) j",
		.params = {
			{"import_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL},
			{"cursor", CRM_IN_CURSOR, CRM_INTEGER, false, "0", "of the page before"},
			LIMIT,
		},
		.read_only = true, .timeout_ms = SLOW_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "What an import would do with each record: create, update, unchanged or reject",
		.response_schema = "ImportError", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/sources", .operation = "sources", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = SOURCE_READERS,
		.sql = "SELECT to_json(s)::text FROM crm.source_status s ORDER BY s.source",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Every source: when it delivered last, what waits, its success rate",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/sources/{source}", .operation = "source_define", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = STEWARDS,
		.sql = "SELECT 200 AS status, json_build_object('source', $1::text, 'source_id', crm.ingest_define_source($1, "
		"crm.gateway_text($2, 'name', true), crm.gateway_text($2, 'kind', true), $2::jsonb - 'name' - 'kind'))::text AS body",
		.params = {SOURCE_CODE, BODY}, .timeout_ms = FAST_MS, .summary = "Make or change a source",
		.request_schema = "Source", .response_schema = "Object", .success = 200,
		.example = "{\"name\":\"till\",\"kind\":\"pos\",\"time_zone\":\"Asia/Shanghai\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/mapping-guess", .operation = "mapping_guess", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = STEWARDS,
		.sql = "SELECT 200 AS status, crm.ingest_guess_mapping(crm.gateway_text($1, 'entity', true), "
		"crm.gateway_text($1, 'header', true))::text AS body",
		.params = {BODY}, .timeout_ms = FAST_MS, .summary = "Guess a mapping from the header of a file, Chinese or English",
		.request_schema = "MappingGuess", .response_schema = "Object", .success = 200,
		.example = "{\"entity\":\"member\",\"header\":\"会员号,姓名,手机号\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/source-days", .operation = "source_days", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = SOURCE_READERS,
		.sql = "SELECT to_json(d)::text FROM crm.source_day_status d WHERE d.day > crm.core_now()::date - 16 ORDER BY d.source, d.day",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "What each source delivered on the last fifteen days, and its success rate",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/sources/{source}/mappings/{entity}", .operation = "mapping", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = STEWARDS,
		.sql = "SELECT 200 AS status, crm.ingest_mapping($1, $2)::text AS body",
		.params = {SOURCE_CODE, ENTITY}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "The mapping that a source's deliveries are read with", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/sources/{source}/mappings/{entity}", .operation = "mapping_define", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = STEWARDS,
		.sql = "SELECT 200 AS status, json_build_object('version', crm.ingest_define_mapping($1, $2, $3, $4))::text AS body",
		.params = {
			SOURCE_CODE, ENTITY, BODY,
			{"current", CRM_IN_QUERY, CRM_BOOLEAN, false, "true", "false: for one import, deliveries go on as before;"},
		},
		.timeout_ms = FAST_MS,
		.summary = "Keep a mapping as a new version and make it the current one",
		.request_schema = "Mapping", .response_schema = "Object", .success = 200,
		.example = "{\"fields\":{\"external_id\":\"会员号\",\"name\":\"姓名\",\"phone\":\"手机号\"}}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/sources/{source}/mappings/{entity}/test", .operation = "mapping_test", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = STEWARDS,
		.sql = "SELECT j::text FROM crm.ingest_test_mapping($1, $2, $3::jsonb -> 'mapping', "
		"convert_to(crm.gateway_text($3, 'sample', true), 'UTF8')) j",
		.params = {SOURCE_CODE, ENTITY, BODY}, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "What a mapping would make of sample rows; nothing is stored",
		.request_schema = "MappingTest", .response_schema = "Object", .success = 200,
		.example = "{\"mapping\":{\"fields\":{\"external_id\":\"会员号\"}},\"sample\":\"会员号\\nM1\\n\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/rejects", .operation = "rejects", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = "steward, headquarters, admin",
		.sql = "SELECT j::text, j->>'reject_id' FROM crm.ingest_rejects($1, $2, $3, $4, $5, $6) j",
		.params = {
			{"source", CRM_IN_QUERY, CRM_TEXT, false, NULL, "of this source only"},
			{"cursor", CRM_IN_CURSOR, CRM_BIGINT, false, "0", "of the page before"},
			LIMIT,
			{"entity", CRM_IN_QUERY, CRM_TEXT, false, NULL, "of one reason: what the record is"},
			{"code", CRM_IN_QUERY, CRM_TEXT, false, NULL, "of one reason: its code"},
			{"field", CRM_IN_QUERY, CRM_TEXT, false, NULL, "of one reason: the field; empty: none"},
		},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Records that were refused: what is wrong with which, and what to do",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/sources/{source}/unmatched", .operation = "unmatched", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = SOURCE_READERS,
		.sql = "SELECT j::text, j->>'record_id' FROM crm.ingest_unmatched($1, $2, $3) j",
		.params = {
			SOURCE_CODE,
			{"cursor", CRM_IN_CURSOR, CRM_BIGINT, false, "0", "of the page before"},
			LIMIT,
		},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Orders that belong to nobody yet, with their lines",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reject-groups", .operation = "reject_groups", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = SOURCE_READERS,
		.sql = "SELECT to_json(r)::text FROM crm.reject_status r ORDER BY r.records DESC, r.source, r.entity, r.code, r.field LIMIT 200",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Refused records by source, reason and field: how many, and what to do",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/rejects/retry", .operation = "rejects_retry", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = STEWARDS,
		.sql = "SELECT 200 AS status, json_build_object('resolved', crm.ingest_reprocess("
		"crm.gateway_text($1, 'source', true), 1000))::text AS body",
		.params = {BODY}, .timeout_ms = SLOW_MS,
		.summary = "Try a source's refused records again, after a rule was mended; repeat until none is resolved",
		.request_schema = "RejectRetry", .response_schema = "Object", .success = 200,
		.example = "{\"source\":\"h_till\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/rejects/dismiss", .operation = "rejects_dismiss", .tag = "Sources",
		.access = CRM_ACCESS_CALLER, .roles = STEWARDS,
		.sql = "SELECT 200 AS status, json_build_object('dismissed', crm.ingest_dismiss("
		"crm.gateway_ids($1, 'reject_ids', true), crm.gateway_text($1, 'reason', true)))::text AS body",
		.params = {BODY}, .timeout_ms = WORK_MS, .summary = "Give refused records up, with a reason for the trail",
		.request_schema = "RejectDismiss", .response_schema = "Object", .success = 200,
		.example = "{\"reject_ids\":[\"1\"],\"reason\":\"test records of the vendor\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/notes", .operation = "person_note", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters",
		.sql = "SELECT 201 AS status, crm.ingest_note($1, crm.gateway_text($2, 'body', true), "
		"coalesce(crm.gateway_text($2, 'channel'), 'store'), crm.gateway_text($2, 'outcome'), crm.gateway_date($2, 'next_on'), crm.gateway_texts($2, 'mentions'), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS,
		.summary = "Keep a note about a person; a next day makes a follow-up, mentions put it into lists of colleagues",
		.request_schema = "Note", .response_schema = "Object", .success = 201,
		.example = "{\"body\":\"试吃了新品\",\"channel\":\"store\",\"next_on\":\"2026-04-02\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/enrol", .operation = "enrol", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters",
		.sql = "SELECT 201 AS status, crm.ingest_enrol(crm.gateway_text($1, 'name', true), crm.gateway_text($1, 'phone', true), "
		"crm.gateway_text($1, 'birthday'), coalesce(crm.gateway_texts($1, 'consents'), '{}'), $1::jsonb -> 'fields', $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Register a customer at the counter, in the form of the caller's role",
		.request_schema = "Enrolment", .response_schema = "Object", .success = 201,
		.example = "{\"name\":\"王芳\",\"phone\":\"13867241977\",\"consents\":[\"sms\"]}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/entry-form", .operation = "entry_form", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters",
		.sql = "SELECT 200 AS status, crm.ingest_entry_form()::text AS body",
		.read_only = true, .timeout_ms = FAST_MS, .summary = "What one's role enters when it registers a customer", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/entry-forms/{role}", .operation = "entry_form_edit", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = "steward, headquarters",
		.sql = "SELECT 200 AS status, crm.ingest_entry_forms($1)::text AS body", .params = {{"role", CRM_IN_PATH, CRM_TEXT, true, NULL, ENTRY_ROLES}},
		.read_only = true, .timeout_ms = FAST_MS, .summary = "A role's form, the fields there are, and its versions", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/entry-forms/{role}", .operation = "entry_form_define", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = "steward, headquarters",
		.sql = "SELECT 200 AS status, crm.ingest_define_entry_form($1, $2::jsonb -> 'fields', $3)::text AS body",
		.params = {{"role", CRM_IN_PATH, CRM_TEXT, true, NULL, ENTRY_ROLES}, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Say what a role enters when it registers a customer",
		.request_schema = "EntryForm", .response_schema = "Object", .success = 200,
		.example = "{\"fields\":[{\"field\":\"phone\",\"is_required\":true},{\"field\":\"name\",\"is_required\":true},{\"field\":\"custom.diet\",\"is_required\":false}]}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/entry-forms/{role}/versions", .operation = "entry_form_versions", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = "steward, headquarters",
		.sql = "SELECT j::text FROM crm.ingest_form_versions($1, $2) j", .params = {{"role", CRM_IN_PATH, CRM_TEXT, true, NULL, ENTRY_ROLES}, AGAINST},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS, .summary = "A form's versions: who changed what, when", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/entry-forms/{role}/revert", .operation = "entry_form_revert", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = "steward, headquarters",
		.sql = "SELECT 200 AS status, crm.ingest_revert_form($1, crm.gateway_integer($2, 'version'), $3)::text AS body",
		.params = {{"role", CRM_IN_PATH, CRM_TEXT, true, NULL, ENTRY_ROLES}, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Give a role an earlier form back",
		.request_schema = "Object", .response_schema = "Object", .success = 200, .example = "{\"version\":0}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/custom-fields", .operation = "custom_fields", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = "steward, headquarters, admin", .sql = "SELECT j::text FROM crm.ingest_custom_fields() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS, .summary = "The fields that the house added to persons", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/custom-fields/{field}", .operation = "custom_field_define", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = "steward, headquarters, admin",
		.sql = "SELECT 200 AS status, crm.ingest_set_field($1, $2, $3)::text AS body",
		.params = {CUSTOM_FIELD, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Add a field to persons, or change one, at once",
		.request_schema = "Object", .response_schema = "Object", .success = 200,
		.example = "{\"type\":\"option\",\"name_zh\":\"鞋码\",\"name_en\":\"shoe size\",\"options\":[\"38\",\"39\"]}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/custom-fields/{field}/versions", .operation = "custom_field_versions", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = "steward, headquarters, admin",
		.sql = "SELECT j::text FROM crm.ingest_field_versions($1, $2) j", .params = {CUSTOM_FIELD, AGAINST},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS, .summary = "A field's versions: who changed what, when", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/custom-fields/{field}/revert", .operation = "custom_field_revert", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = "steward, headquarters, admin",
		.sql = "SELECT 200 AS status, crm.ingest_revert_field($1, crm.gateway_integer($2, 'version'), $3)::text AS body",
		.params = {CUSTOM_FIELD, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Give a field an earlier version's names and options back",
		.request_schema = "Object", .response_schema = "Object", .success = 200, .example = "{\"version\":1}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/store-codes", .operation = "store_code", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = "clerk, store manager, manager, headquarters",
		.sql = "SELECT 201 AS status, crm.ingest_make_store_code(crm.gateway_text($1, 'store'), crm.gateway_integer($1, 'days'), coalesce(crm.gateway_text($1, 'channel'), 'store'))::text AS body",
		.params = {BODY}, .timeout_ms = FAST_MS, .summary = "A new code by which customers enrol themselves in a store, shown this once",
		.request_schema = "StoreCode", .response_schema = "Object", .success = 201, .example = "{\"store\":\"H1\",\"days\":1}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/stores/{store}/end-codes", .operation = "store_codes_end", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, headquarters",
		.sql = "SELECT 200 AS status, json_build_object('ended', crm.ingest_end_store_codes($1))::text AS body",
		.params = {{"store", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the store"}},
		.timeout_ms = FAST_MS, .summary = "End every enrolment code of a store", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/join/store", .operation = "join_store", .tag = "Persons",
		.access = CRM_ACCESS_PUBLIC,
		.sql = "SELECT 200 AS status, crm.ingest_store_of_code(crm.gateway_text($1, 'code', true))::text AS body",
		.params = {BODY}, .timeout_ms = FAST_MS, .summary = "Whose enrolment code it is",
		.request_schema = "JoinCode", .response_schema = "Object", .success = 200, .example = "{\"code\":\"...\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/join/check", .operation = "join_check", .tag = "Persons",
		.access = CRM_ACCESS_PUBLIC,
		.sql = "SELECT 200 AS status, crm.ingest_send_check(crm.gateway_text($1, 'code', true), crm.gateway_text($1, 'phone', true), coalesce($2, ''))::text AS body",
		.params = {BODY, {"client", CRM_IN_CLIENT, CRM_TEXT, false, NULL, NULL}},
		.timeout_ms = FAST_MS, .summary = "Send a phone the digits that prove it is there",
		.text = "Outcome sent, or not_needed where nothing carries text messages. One a minute and few an hour, for a phone and for a network address.",
		.request_schema = "JoinCheck", .response_schema = "Object", .success = 200, .example = "{\"code\":\"...\",\"phone\":\"13867241978\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/join", .operation = "join", .tag = "Persons",
		.access = CRM_ACCESS_PUBLIC,
		.sql = "SELECT coalesce((j->>'status')::int, 201) AS status, j->>'code' AS code, j->>'field' AS field, j->>'detail' AS detail, "
		"j->>'remedy' AS remedy, j::text AS body FROM crm.ingest_enrol_by_code(crm.gateway_text($1, 'code', true), crm.gateway_text($1, 'name', true), "
		"crm.gateway_text($1, 'phone', true), crm.gateway_text($1, 'birthday'), coalesce(crm.gateway_texts($1, 'consents'), '{}'), coalesce($2, ''), "
		"crm.gateway_text($1, 'check')) j",
		.params = {BODY, {"User-Agent", CRM_IN_HEADER, CRM_TEXT, false, NULL, "kept as evidence of the consents"}},
		.timeout_ms = FAST_MS, .summary = "A customer enrols with a store's code",
		.text = "The answer is the same whether the phone was known or not. Where a phone proves itself, check holds the digits it was sent.",
		.request_schema = "Joining", .response_schema = "Object", .success = 201,
		.example = "{\"code\":\"...\",\"name\":\"王芳\",\"phone\":\"13867241978\",\"consents\":[\"sms\"]}",
	},
