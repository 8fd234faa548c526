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
		.sql = "SELECT CASE WHEN (r->>'ready')::boolean THEN 200 ELSE 503 END AS status, "
		"CASE WHEN NOT (r->>'ready')::boolean THEN 'schema_outdated' END AS code, "
		"'Run SELECT crm.install();' AS remedy, r::text AS body FROM crm.gateway_ready() r",
		.read_only = true, .timeout_ms = FAST_MS,
		.summary = "The database answers, and its tables are those the code needs",
		.response_schema = "Ready", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/metrics", .operation = "metrics", .tag = "Operation",
		.access = CRM_ACCESS_LOOPBACK, .read_only = true,
		.summary = "Counters in the Prometheus text format", .response_schema = "Text", .success = 200,
		.handler = crm_operate_metrics,
	},
