/*
 * routes_value.h
 *		Rows of the route table: tier and figures of a person.  Read by route_table.c only.
 */
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/value", .operation = "person_value",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT 200 AS status, crm.value_explain($1, $2)::text AS body",
		.params = {PERSON_ID, AS_OF}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "A person's tier and figures, and the rule that decided, as of any day",
		.response_schema = "Value", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/forecast", .operation = "person_forecast",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT 200 AS status, crm.value_forecast($1, $2, $3)::text AS body",
		.params = {PERSON_ID,
			{"days", CRM_IN_QUERY, CRM_INTEGER, false, NULL, "horizon, default the setting's"}, AS_OF}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "Chance to be a customer still, expected orders and lifetime value with intervals, next order",
		.response_schema = "Value", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/journey", .operation = "person_journey",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT 200 AS status, jsonb_build_object('stage', crm.value_stage($1, $2), 'standings', crm.value_standing($1))::text AS body",
		.params = {PERSON_ID, AS_OF}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "Stage of the life cycle and standings",
		.response_schema = "Value", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/habits", .operation = "person_habits",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT 200 AS status, jsonb_build_object('price', crm.value_price_sensitivity($1), 'hour', crm.value_best_hour($1, $2), "
		"'refills', (SELECT coalesce(jsonb_agg(r), '[]') FROM crm.value_refills($1, $2) r), "
		"'next', (SELECT coalesce(jsonb_agg(n), '[]') FROM crm.value_next_products($1, $2) n))::text AS body",
		.params = {PERSON_ID, AS_OF}, .read_only = true, .timeout_ms = WORK_MS,
		.summary = "Price sensitivity, best hour, refills due, what may come next and why",
		.response_schema = "Value", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/value/segments", .operation = "value_segments", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, (SELECT coalesce(jsonb_agg(s), '[]') FROM crm.value_segments($1, $2) s)::text AS body",
		.params = {{"model", CRM_IN_QUERY, CRM_TEXT, false, NULL, "an RFM model, default the active one"}, AS_OF},
		.read_only = true, .timeout_ms = SLOW_MS,
		.summary = "Persons, share and net in each segment of an RFM model",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/tier-sets", .operation = "tier_sets", .tag = "Tiers",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT j::text FROM crm.value_tier_sets() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Tier sets with their rules, the one in force first", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/tier-sets/try", .operation = "tier_set_try", .tag = "Tiers",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, crm.value_tier_try($1::jsonb->'rules')::text AS body",
		.params = {BODY}, .read_only = true, .timeout_ms = SLOW_MS,
		.summary = "Gaps and overlaps of tier rules, and what tiers persons would have",
		.request_schema = "TierRules", .response_schema = "Object", .success = 200,
		.example = "{\"rules\":[{\"tier\":\"A\",\"conditions\":[{\"metric\":\"orders\",\"days\":90,\"op\":\">=\",\"value\":3}]},{\"tier\":\"P\",\"conditions\":[]}]}",
	},
	{
		.method = CRM_PUT, .path = "/api/v1/tier-sets/{tier_set}", .operation = "tier_set_define", .tag = "Tiers",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.value_define_tiers($1, crm.gateway_text($2, 'name', true), $2::jsonb->'rules', true, $3)::text AS body",
		.params = {{"tier_set", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the set: retail_sabc"}, BODY, KEY}, .timeout_ms = SLOW_MS,
		.summary = "Replace the rules of a tier set, which then labels persons", .request_schema = "TierRules", .response_schema = "Object", .success = 200,
		.example = "{\"name\":\"SABC\",\"rules\":[{\"tier\":\"A\",\"conditions\":[{\"metric\":\"orders\",\"days\":90,\"op\":\">=\",\"value\":3}]},{\"tier\":\"P\",\"conditions\":[]}]}",
	},
