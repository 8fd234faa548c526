/*
 * route_table_probe.c
 *		A route table for testing the gateway as a machine, in place of the
 *		product's: each row shows one behaviour.  Its statements are in probe.sql.
 */
#include "handlers.h"
#include "route.h"

#define PROBE(verb, where, name, statement) \
	.method = verb, .path = "/api/v1/" where, .operation = name, .tag = "Probe", \
	.access = CRM_ACCESS_CALLER, .sql = statement, .timeout_ms = 2000, .success = 200, \
	.summary = name, .response_schema = "Object"

const CrmRoute crm_route_table[] = {
	{PROBE(CRM_GET, "who", "who", "SELECT 200 AS status, probe.who()::text AS body"), .read_only = true},
	{PROBE(CRM_GET, "things/{id}", "thing", "SELECT s.* FROM probe.thing($1) s"),
		.params = {{"id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL}}, .read_only = true},
	{PROBE(CRM_PATCH, "things/{id}", "thing_edit", "SELECT s.* FROM probe.thing_edit($1, $2, $3) s"),
		.params = {{"id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL},
			{"body", CRM_IN_BODY, CRM_JSONB, true, NULL, NULL},
			{"If-Match", CRM_IN_IF_MATCH, CRM_TEXT, false, NULL, NULL}},
		.request_schema = "Object"},
	{PROBE(CRM_DELETE, "things/{id}", "thing_delete", "SELECT 204 AS status, '' AS body FROM probe.thing($1)"),
		.params = {{"id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL}}},
	{PROBE(CRM_GET, "rows", "rows", "SELECT j::text, j->>'n' FROM probe.rows($1, $2, $3) j"),
		.params = {{"cursor", CRM_IN_CURSOR, CRM_INTEGER, false, "0", NULL},
			{"limit", CRM_IN_LIMIT, CRM_INTEGER, false, NULL, NULL},
			{"fail_at", CRM_IN_QUERY, CRM_INTEGER, false, NULL, NULL}},
		.read_only = true, .answer = CRM_ANSWER_ROWS},
	{PROBE(CRM_GET, "many", "many", "SELECT json_build_object('n', n, 'pad', repeat('x', 100))::text "
		"FROM generate_series(1, $1) n"),
		.params = {{"count", CRM_IN_QUERY, CRM_INTEGER, true, NULL, NULL}},
		.read_only = true, .answer = CRM_ANSWER_ROWS, .timeout_ms = 20000},
	{PROBE(CRM_GET, "slow", "slow", "SELECT 200 AS status, '{}' AS body FROM pg_sleep($1)"),
		.params = {{"seconds", CRM_IN_QUERY, CRM_NUMERIC, true, NULL, NULL}},
		.read_only = true, .timeout_ms = 1500},
	{PROBE(CRM_POST, "slow", "slow_post", "SELECT 200 AS status, '{}' AS body FROM pg_sleep(($1->>'seconds')::float8)"),
		.params = {{"body", CRM_IN_BODY, CRM_JSONB, true, NULL, NULL}}, .request_schema = "Object", .timeout_ms = 20000},
	{PROBE(CRM_GET, "write-in-get", "write_in_get", "SELECT 200 AS status, probe.note('get')::text AS body"),
		.read_only = true},
	{PROBE(CRM_POST, "echo", "echo", "SELECT 200 AS status, $1::text AS body"),
		.params = {{"body", CRM_IN_BODY, CRM_JSONB, true, NULL, NULL}}, .request_schema = "Object"},
	{PROBE(CRM_POST, "bytes", "bytes", "SELECT 200 AS status, json_build_object('length', length($1), "
		"'md5', md5($1), 'key', $2)::text AS body"),
		.params = {{"body", CRM_IN_BODY_BYTES, CRM_BYTEA, true, NULL, NULL},
			{"Idempotency-Key", CRM_IN_IDEMPOTENCY_KEY, CRM_TEXT, false, NULL, NULL}},
		.request_schema = "Object"},
	{PROBE(CRM_POST, "intake", "intake", "SELECT s.* FROM probe.intake($1) s"),
		.params = {{"body", CRM_IN_BODY_BYTES, CRM_BYTEA, true, NULL, NULL}}, .request_schema = "Object"},
	{PROBE(CRM_POST, "raise/{code}", "raise", "SELECT 200 AS status, probe.raise($1)::text AS body"),
		.params = {{"code", CRM_IN_PATH, CRM_TEXT, true, NULL, NULL}}},
	{PROBE(CRM_POST, "conflict/{times}", "conflict", "SELECT 200 AS status, probe.conflict($1)::text AS body"),
		.params = {{"times", CRM_IN_PATH, CRM_INTEGER, true, NULL, NULL}}},
	{PROBE(CRM_POST, "deferred", "deferred", "SELECT 200 AS status, probe.deferred()::text AS body")},
	{PROBE(CRM_POST, "session", "session", "SELECT 200 AS status, '{}' AS body, 'probe-session' AS session")},
	{PROBE(CRM_POST, "typed", "typed", "SELECT 200 AS status, json_build_object('day', $1, 'at', $2, 'amount', $3, "
		"'flag', $4, 'text', $5)::text AS body"),
		.params = {{"day", CRM_IN_QUERY, CRM_DATE, false, NULL, NULL},
			{"at", CRM_IN_QUERY, CRM_TIMESTAMP, false, NULL, NULL},
			{"amount", CRM_IN_QUERY, CRM_NUMERIC, false, NULL, NULL},
			{"flag", CRM_IN_QUERY, CRM_BOOLEAN, false, "false", NULL},
			{"text", CRM_IN_QUERY, CRM_TEXT, false, NULL, NULL}}},
	{
		.method = CRM_POST, .path = "/api/v1/imports", .operation = "import", .tag = "Probe",
		.access = CRM_ACCESS_CALLER, .sql = "SELECT crm.ingest_bulk_begin($1, $2, $3, $4, $5)",
		.params = {{"source", CRM_IN_QUERY, CRM_TEXT, false, NULL, NULL},
			{"entity", CRM_IN_QUERY, CRM_TEXT, true, NULL, NULL},
			{"format", CRM_IN_QUERY, CRM_TEXT, false, NULL, NULL},
			{"encoding", CRM_IN_QUERY, CRM_TEXT, false, "utf8", NULL},
			{"mapping_version", CRM_IN_QUERY, CRM_INTEGER, false, NULL, NULL},
			{"history", CRM_IN_QUERY, CRM_BOOLEAN, false, NULL, NULL}},
		.timeout_ms = 5000, .summary = "import", .request_schema = "ImportBody", .response_schema = "Job",
		.success = 202, .handler = crm_bulk_import,
	},
	{
		.method = CRM_POST, .path = "/api/v1/public", .operation = "public", .tag = "Probe",
		.access = CRM_ACCESS_PUBLIC, .sql = "SELECT 200 AS status, probe.who()::text AS body",
		.timeout_ms = 2000, .summary = "public", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/openapi.json", .operation = "openapi", .tag = "Probe",
		.access = CRM_ACCESS_PUBLIC, .read_only = true, .summary = "openapi", .response_schema = "Object",
		.success = 200, .handler = crm_operate_openapi,
	},
	{
		.method = CRM_GET, .path = "/live", .operation = "live", .tag = "Probe", .access = CRM_ACCESS_LOOPBACK,
		.read_only = true, .summary = "live", .response_schema = "Live", .success = 200, .handler = crm_operate_live,
	},
	{
		.method = CRM_GET, .path = "/metrics", .operation = "metrics", .tag = "Probe", .access = CRM_ACCESS_LOOPBACK,
		.read_only = true, .summary = "metrics", .response_schema = "Text", .success = 200,
		.handler = crm_operate_metrics,
	},
};

const size_t crm_route_count = sizeof(crm_route_table) / sizeof(crm_route_table[0]);
