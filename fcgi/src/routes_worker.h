/*
 * routes_worker.h
 *		Rows of the route table: what each rule costs a record, rules put off.  Read by route_table.c only.
 */
	{
		.method = CRM_GET, .path = "/api/v1/costs", .operation = "costs", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = "admin",
		.sql = "SELECT 200 AS status, jsonb_build_object('items', coalesce(jsonb_agg(c), '[]'))::text AS body FROM crm.worker_costs() c",
		.read_only = true, .timeout_ms = FAST_MS, .summary = "What each rule costs that hears of a record",
		.text = "Of rooms and of flows that facts enter, by kind of facts: milliseconds a person, their share of a whole record at the till; which are put off, how many persons wait.",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/costs", .operation = "cost_put_off", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = "admin",
		.sql = "SELECT 200 AS status, crm.worker_put_off(crm.gateway_text($1, 'rule', true), crm.gateway_boolean($1, 'is_put_off', true), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Put a rule off, or no more, without a restart",
		.text = "What it would do is kept in the commit of the facts and done seconds later; the answer at the till does not have it yet.",
		.request_schema = "Object", .response_schema = "Object", .success = 200,
		.example = "{\"rule\":\"flow:welcome\",\"is_put_off\":true}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/costs/anew", .operation = "cost_count_anew", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = "admin",
		.sql = "SELECT 200 AS status, '{}' AS body FROM crm.worker_count_anew()",
		.timeout_ms = FAST_MS, .summary = "Count costs from now on",
		.response_schema = "Object", .success = 200,
	},
