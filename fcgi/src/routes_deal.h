/*
 * routes_deal.h
 *		Rows of the route table: pipelines and deals of the room sales.  Read by route_table.c only.
 */
#define DEAL_ID		{"deal_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL}
#define PIPELINE	{"pipeline", CRM_IN_PATH, CRM_TEXT, true, NULL, "its code"}

	{
		.method = CRM_GET, .path = "/api/v1/pipelines", .operation = "pipelines", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS ", marketer",
		.sql = "SELECT j::text FROM crm.sales_pipelines() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Pipelines with their stages, what each asks for, and when a deal stands still", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/pipelines/{pipeline}", .operation = "pipeline_define", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = "headquarters",
		.sql = "SELECT 200 AS status, crm.sales_define_pipeline($1, $2, $3)::text AS body",
		.params = {PIPELINE, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Make or change a pipeline; warnings say what speaks against it",
		.request_schema = "Pipeline", .response_schema = "Object", .success = 200,
		.example = "{\"name_zh\":\"团购\",\"stages\":[{\"stage\":\"ask\",\"name_zh\":\"询价\"},{\"stage\":\"won\",\"name_zh\":\"成交\",\"outcome\":\"won\"},{\"stage\":\"lost\",\"name_zh\":\"丢单\",\"outcome\":\"lost\"}]}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/pipelines/{pipeline}/board", .operation = "pipeline_board", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS ", analyst",
		.sql = "SELECT j::text FROM crm.sales_board($1, $2, $3) j",
		.params = {PIPELINE, FROM_DAY, TO_DAY},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Stage by stage: deals, amount, how many came so far, how long they stay", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/pipelines/{pipeline}/won", .operation = "pipeline_won", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT j::text FROM crm.sales_won_paths($1, $2, $3, $4) j",
		.params = {PIPELINE, FROM_DAY, TO_DAY, LIMIT},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "How deals were won: stages with their days, documents, who", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/deals", .operation = "deals", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT j::text, j->>'deal_id' FROM crm.sales_deals($1, $2, $3, $4::bigint, $5) j",
		.params = {
			{"pipeline", CRM_IN_QUERY, CRM_TEXT, false, NULL, "of one pipeline only"},
			{"stage", CRM_IN_QUERY, CRM_TEXT, false, NULL, "of one stage only; then won or lost ones, too"},
			{"staff", CRM_IN_QUERY, CRM_TEXT, false, NULL, "of one staff member (code)"},
			{"cursor", CRM_IN_CURSOR, CRM_TEXT, false, NULL, "of the page before"},
			LIMIT,
		},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Open deals, the newest first", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/deals", .operation = "person_deals", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT j::text FROM crm.sales_deals_of($1) j", .params = {PERSON_ID},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Deals with a person, open ones first", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/deals", .operation = "deal_open", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 201 AS status, crm.sales_deal_open($1, crm.gateway_text($2, 'pipeline', true), crm.gateway_text($2, 'title', true), crm.gateway_number($2, 'amount'), "
		"coalesce(crm.gateway_boolean($2, 'is_important'), false), coalesce(crm.gateway_text($2, 'lead_source'), 'store'), crm.gateway_text($2, 'store'), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Open a deal; overlaps names who else has one with the person",
		.request_schema = "Deal", .response_schema = "Object", .success = 201,
		.example = "{\"pipeline\":\"consult\",\"title\":\"婚礼蛋糕\",\"amount\":\"8800.00\",\"is_important\":\"true\",\"lead_source\":\"web\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/price-products", .operation = "price_products", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, headquarters",
		.sql = "SELECT 200 AS status, jsonb_build_object('items', coalesce(jsonb_agg(p), '[]'))::text AS body FROM crm.sales_price_products($1) p",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = WORK_MS, .summary = "Products that prices can be proposed for",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/price-steps", .operation = "price_steps", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, headquarters",
		.sql = "SELECT 200 AS status, crm.sales_price_steps($1, $2)::text AS body",
		.params = {PERSON_ID, {"product", CRM_IN_QUERY, CRM_TEXT, true, NULL, "its code"}}, .read_only = true, .timeout_ms = WORK_MS,
		.summary = "Prices by quantity to propose, from what the customer bought",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/deals/{deal_id}", .operation = "deal", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.sales_deal($1, $2)::text AS body", .params = {PERSON_ID, DEAL_ID},
		.read_only = true, .timeout_ms = FAST_MS, .summary = "A deal: its stage and what that still asks for, documents, life",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PATCH, .path = "/api/v1/persons/{person_id}/deals/{deal_id}", .operation = "deal_change", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.sales_deal_change($1, $2, $3)::text AS body", .params = {PERSON_ID, DEAL_ID, BODY},
		.timeout_ms = FAST_MS, .summary = "Change title, amount, is_important, or who has the deal",
		.request_schema = "DealChange", .response_schema = "Object", .success = 200,
		.example = "{\"staff\":\"H-clerk\",\"amount\":9900}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/deals/{deal_id}/move", .operation = "deal_move", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.sales_deal_move($1, $2, crm.gateway_text($3, 'stage', true), crm.gateway_text($3, 'reason'), $4)::text AS body",
		.params = {PERSON_ID, DEAL_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Move a deal to another stage: onwards only with what its stage asks for",
		.request_schema = "DealMove", .response_schema = "Object", .success = 200,
		.example = "{\"stage\":\"proposal\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/deals/{deal_id}/evidence", .operation = "deal_evidence", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.sales_deal_evidence($1, $2, crm.gateway_text($3, 'evidence', true), crm.gateway_text($3, 'title', true), crm.gateway_text($3, 'url', true), "
		"crm.gateway_text($3, 'sha256'), $4)::text AS body",
		.params = {PERSON_ID, DEAL_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Hand in a document: where it lies, and the hash of what lay there",
		.request_schema = "DealEvidence", .response_schema = "Object", .success = 200,
		.example = "{\"evidence\":\"minutes\",\"title\":\"沟通纪要\",\"url\":\"https://files.example/m.pdf\"}",
	},
	{
		.method = CRM_PUT, .path = "/api/v1/staff/{staff}/skills", .operation = "staff_skills", .tag = "Deals",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, headquarters",
		.sql = "SELECT 200 AS status, crm.sales_set_skills($1, crm.gateway_texts($2, 'skills', true))::text AS body",
		.params = {{"staff", CRM_IN_PATH, CRM_TEXT, true, NULL, "code"}, BODY}, .timeout_ms = FAST_MS, .summary = "What a staff member can do better than others",
		.request_schema = "Skills", .response_schema = "Object", .success = 200, .example = "{\"skills\":[\"gold\"]}",
	},
