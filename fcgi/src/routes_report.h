/*
 * routes_report.h
 *		Rows of the route table: a person in one look, the timeline, the health board.  Read by route_table.c only.
 */
#define FROM_DAY	{"from", CRM_IN_QUERY, CRM_DATE, true, NULL, "first local day"}
#define TO_DAY		{"to", CRM_IN_QUERY, CRM_DATE, true, NULL, "last local day"}
#define STORE		{"store", CRM_IN_QUERY, CRM_TEXT, false, NULL, "code of a store"}
#define REGION		{"region", CRM_IN_QUERY, CRM_TEXT, false, NULL, "code of a region"}
#define COHORT_UNIT	{"unit", CRM_IN_QUERY, CRM_TEXT, false, NULL, "day, week or month, default month"}

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
		.method = CRM_GET, .path = "/api/v1/health-board", .operation = "health_board", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, crm.report_health($1, $2, $3)::text AS body",
		.params = {
			STORE,
			REGION,
			{"on_day", CRM_IN_QUERY, CRM_DATE, false, NULL, "default today"},
		},
		.read_only = true, .timeout_ms = SLOW_MS,
		.summary = "The health board: active persons, funnel, tier shares, flows",
		.response_schema = "Health", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/metrics", .operation = "report_metrics", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, crm.report_metrics($1, $2, $3, $4)::text AS body",
		.params = {
			FROM_DAY,
			TO_DAY,
			STORE,
			REGION,
		},
		.read_only = true, .timeout_ms = SLOW_MS,
		.summary = "Buyers, order days, net, average order, repurchase, churn, tiers of a span of days",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/life-cycle", .operation = "report_lifecycle", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, (SELECT coalesce(jsonb_agg(r), '[]') FROM crm.report_lifecycle($1, $2, coalesce($3, 'month'), $4, $5) r)::text AS body",
		.params = {
			FROM_DAY,
			TO_DAY,
			COHORT_UNIT,
			STORE,
			REGION,
		},
		.read_only = true, .timeout_ms = SLOW_MS,
		.summary = "New, returning, resurrecting and dormant persons",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/retention", .operation = "report_retention", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, (SELECT coalesce(jsonb_agg(r), '[]') FROM crm.report_retention($1, $2, coalesce($3, 'month'), false, $4, $5) r)::text AS body",
		.params = {
			FROM_DAY,
			TO_DAY,
			COHORT_UNIT,
			STORE,
			REGION,
		},
		.read_only = true, .timeout_ms = SLOW_MS,
		.summary = "Cohorts by first order, and who bought again when",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/stores", .operation = "report_stores", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, (SELECT coalesce(jsonb_agg(r), '[]') FROM crm.report_stores($1, $2) r)::text AS body",
		.params = {
			FROM_DAY,
			TO_DAY,
		},
		.read_only = true, .timeout_ms = SLOW_MS,
		.summary = "Stores of the scope side by side",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/store-sales", .operation = "report_store_sales", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT to_json(s)::text FROM crm.report_store_sales($1, $2) s",
		.params = {FROM_DAY, TO_DAY},
		.read_only = true, .timeout_ms = SLOW_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Sales of stores by category", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/completeness", .operation = "report_completeness", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, (SELECT coalesce(jsonb_agg(r), '[]') FROM crm.report_completeness($1, $2) r)::text AS body",
		.params = {
			STORE,
			REGION,
		},
		.read_only = true, .timeout_ms = SLOW_MS,
		.summary = "How many persons have which fields",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/indicators", .operation = "report_indicators", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "reader, store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, crm.report_indicators(coalesce($1, 'month'), $2, $3)::text AS body",
		.params = {
			{"period", CRM_IN_QUERY, CRM_TEXT, false, NULL, "week or month, default month"},
			{"starts_on", CRM_IN_QUERY, CRM_DATE, false, NULL, "any day of it, default the last one frozen"},
			STORE,
		},
		.read_only = true, .timeout_ms = SLOW_MS,
		.summary = "The twelve indicators as they were frozen",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/portraits", .operation = "report_portraits", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "reader, marketer, analyst, headquarters",
		.sql = "SELECT j::text FROM crm.report_portraits() j",
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Segments and tags whose portrait may be asked for",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/portrait", .operation = "report_portrait", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "reader, marketer, analyst, headquarters",
		.sql = "SELECT to_json(p)::text FROM crm.report_portrait($1) p",
		.params = {{"segment", CRM_IN_QUERY, CRM_TEXT, false, NULL, "code of a segment or tag:<code>, default everybody"}},
		.read_only = true, .timeout_ms = SLOW_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "What the persons of a segment are like, without anybody",
		.text = "Groups below report.small_group persons are not told, nor what would tell them by subtracting; key null is what a dimension leaves out, an empty list a segment too small to tell.",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/reports/funnel", .operation = "report_funnel", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, (SELECT coalesce(jsonb_agg(f), '[]') FROM crm.report_funnel($1::jsonb -> 'steps', "
		"crm.gateway_text($1, 'from', true)::date, crm.gateway_text($1, 'to', true)::date, "
		"coalesce(crm.gateway_text($1, 'window_days')::numeric, 7), coalesce(crm.gateway_text($1, 'strict')::boolean, false), "
		"coalesce($1::jsonb -> 'exclusions', '[]'), crm.gateway_text($1, 'store'), crm.gateway_text($1, 'region')) f)::text AS body",
		.params = {BODY}, .timeout_ms = SLOW_MS,
		.summary = "Persons who did steps in order within a window",
		.request_schema = "Object", .response_schema = "Object", .success = 200,
		.example = "{\"steps\":[\"product_view\",\"order\"],\"from\":\"2026-06-01\",\"to\":\"2026-06-30\",\"window_days\":7}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/value-map", .operation = "report_value_map", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT to_json(m)::text FROM crm.report_value_map($1, $2) m",
		.params = {STORE, REGION},
		.read_only = true, .timeout_ms = SLOW_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Persons by recency and frequency scores", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/transitions", .operation = "report_transitions", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT to_json(m)::text FROM crm.report_transitions(coalesce($1, 90), $2, $3) m",
		.params = {{"days", CRM_IN_QUERY, CRM_INTEGER, false, NULL, "back, 1 to 3650, default 90"}, STORE, REGION},
		.read_only = true, .timeout_ms = SLOW_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Persons by their tier then and now", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/paths", .operation = "report_paths", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "marketer, analyst, headquarters",
		.sql = "SELECT to_json(p)::text FROM crm.report_paths($1, $2) p",
		.params = {FROM_DAY, TO_DAY},
		.read_only = true, .timeout_ms = SLOW_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The commonest ways through categories", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/persons", .operation = "report_persons", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, marketer, analyst, headquarters",
		.sql = "SELECT j::text, j->>'customer_id' FROM crm.report_persons($1, coalesce($2, ''), $3, $4, $5, $6) j",
		.params = {
			{"what", CRM_IN_QUERY, CRM_TEXT, true, NULL, "active, tier, rfm, transition, funnel, cohort or flow"},
			{"key", CRM_IN_QUERY, CRM_TEXT, false, NULL, "of the figure: S, 5.4, A.C.90, first_order, 2026-01.3, welcome.sent"},
			STORE, REGION, {"cursor", CRM_IN_CURSOR, CRM_BIGINT, false, "0", "of the page before"}, LIMIT,
		},
		.read_only = true, .timeout_ms = SLOW_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The persons behind a number of the board", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/exceptions", .operation = "report_exceptions", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, analyst, headquarters",
		.sql = "SELECT j::text FROM crm.report_exceptions($1, $2) j",
		.params = {STORE, REGION},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "What is stuck: tasks, sources, messages, records", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reports/scorecard", .operation = "report_scorecard", .tag = "Reports",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, analyst, headquarters",
		.sql = "SELECT j::text FROM crm.report_scorecard($1, $2, $3, $4) j",
		.params = {FROM_DAY, TO_DAY, STORE, REGION},
		.read_only = true, .timeout_ms = SLOW_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Stores and the people in them: enrolled, complete, duplicates made, followed up", .response_schema = "Object", .success = 200,
	},
