/*
 * routes_gateway.h
 *		Rows of the route table: the gateway itself: description, probes, metrics.  Read by route_table.c only.
 */
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
