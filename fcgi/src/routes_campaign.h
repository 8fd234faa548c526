/*
 * routes_campaign.h
 *		Rows of the route table: flows.  Read by route_table.c only.
 */
#define FLOW_CODE	{"flow", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the flow: welcome, silence_30, birthday"}

#define CAP_CODE	{"cap", CRM_IN_PATH, CRM_TEXT, true, NULL, "name of the cap"}

/* One flow, one function of its code, a JSON answer. */
#define FLOW_ACT(verb, function, key_argument, line) \
	{ \
		.method = CRM_POST, .path = "/api/v1/flows/{flow}/" verb, .operation = function, .tag = "Flows", \
		.access = CRM_ACCESS_CALLER, .roles = FLOWS, \
		.sql = "SELECT 200 AS status, crm." function "($1" key_argument ")::text AS body", \
		.params = {FLOW_CODE, KEY}, .timeout_ms = WORK_MS, .summary = line, \
		.response_schema = "Flow", .success = 200, \
	}

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
	{
		.method = CRM_PUT, .path = "/api/v1/flows/{flow}/name", .operation = "flow_rename", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_rename($1, crm.gateway_text($2, 'name_zh', true), crm.gateway_text($2, 'name_en'), $3)::text AS body",
		.params = {FLOW_CODE, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Give a flow another name",
		.request_schema = "FlowName", .response_schema = "Flow", .success = 200, .example = "{\"name_zh\":\"春季唤醒\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/flows/{flow}/versions", .operation = "flow_versions", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT j::text FROM crm.campaign_versions($1, $2) j", .params = {FLOW_CODE, AGAINST},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "A flow's versions with their texts: who changed what, when", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/flows/{flow}/revert", .operation = "flow_revert", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_revert($1, crm.gateway_integer($2, 'version'), $3)::text AS body",
		.params = {FLOW_CODE, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Give a flow an earlier version's values and texts back",
		.request_schema = "Object", .response_schema = "Flow", .success = 200, .example = "{\"version\":1}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/flows/{flow}/texts", .operation = "flow_texts", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT j::text FROM crm.campaign_texts($1) j", .params = {FLOW_CODE},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "What a flow says in each step on each channel", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/flows/{flow}/texts", .operation = "flow_text_write", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_write_text($1, coalesce(crm.gateway_integer($2, 'step'), 1), crm.gateway_text($2, 'channel', true), "
		"crm.gateway_text($2, 'body', true), crm.gateway_text($2, 'subject'), $2->'vendor', $3)::text AS body",
		.params = {FLOW_CODE, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Write what a step says on a channel",
		.request_schema = "FlowText", .response_schema = "Object", .success = 200,
		.example = "{\"step\":1,\"channel\":\"sms\",\"body\":\"{{name}}，好久不见！退订回T\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/flows/{flow}/texts/read", .operation = "flow_text_read", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_read_text(crm.gateway_id($2, 'customer_id', true), $1, coalesce(crm.gateway_integer($2, 'step'), 1), "
		"crm.gateway_text($2, 'channel', true), crm.gateway_text($2, 'body'))::text AS body",
		.params = {FLOW_CODE, BODY}, .read_only = true, .timeout_ms = FAST_MS, .summary = "What a person would read of a step, masked as the caller sees the person",
		.request_schema = "FlowText", .response_schema = "Object", .success = 200,
		.example = "{\"customer_id\":42,\"step\":1,\"channel\":\"sms\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/flow-presets", .operation = "flow_presets", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT j::text FROM crm.campaign_presets() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Flows to begin with", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/flow-presets/{preset}/flows/{flow}", .operation = "flow_create", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_create($2, $1, $3, $4)::text AS body",
		.params = {{"preset", CRM_IN_PATH, CRM_TEXT, true, NULL, "name of the preset: browse, win_back"}, FLOW_CODE, BODY, KEY},
		.timeout_ms = FAST_MS, .summary = "Make a draft of a preset, with changes",
		.request_schema = "FlowChanges", .response_schema = "Flow", .success = 200,
		.example = "{\"holdout_percent\":20}",
	},
	FLOW_ACT("start", "campaign_start", "", "Start a flow"),
	FLOW_ACT("pause", "campaign_pause", "", "Pause a flow; what is due waits"),
	FLOW_ACT("stop", "campaign_stop", "", "Stop a flow"),
	FLOW_ACT("confirm-backlog", "campaign_confirm_backlog", ", $2",
			 "Let those enter who were past the trigger when the flow began"),
	{
		.method = CRM_GET, .path = "/api/v1/flows/{flow}/results", .operation = "flow_results", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, crm.campaign_results($1, coalesce($2, 14))::text AS body",
		.params = {FLOW_CODE, {"days", CRM_IN_QUERY, CRM_INTEGER, false, NULL, "orders within so many days, 1 to 366, default 14"}}, .read_only = true, .timeout_ms = SLOW_MS,
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
		.method = CRM_GET, .path = "/api/v1/suggestions", .operation = "suggestions", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, crm.campaign_suggest(coalesce($1, 14), $2)::text AS body",
		.params = {{"days", CRM_IN_QUERY, CRM_INTEGER, false, NULL, "orders within so many days, 1 to 366, default 14"},
			{"budget", CRM_IN_QUERY, CRM_INTEGER, false, NULL, "in whole currency units: how far it reaches, the best first"}}, .read_only = true, .timeout_ms = SLOW_MS,
		.summary = "Whom to give which offer next, by what flows measured", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/holdout", .operation = "held_out", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, crm.campaign_held_out()::text AS body",
		.read_only = true, .timeout_ms = SLOW_MS,
		.summary = "All flows together against those held out of everything", .response_schema = "FlowResults", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/holdout", .operation = "hold_out", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_hold_out(crm.gateway_number($1, 'percent', true))::text AS body",
		.params = {BODY}, .timeout_ms = FAST_MS, .summary = "Hold a share of all persons out of every flow",
		.request_schema = "HoldOut", .response_schema = "Object", .success = 200, .example = "{\"percent\":5}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/segments/{segment}/audience", .operation = "audience", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_audience($1, crm.gateway_text($2, 'channel', true), crm.gateway_text($2, 'reason', true), "
		"coalesce(crm.gateway_id($2, 'after'), 0), coalesce(crm.gateway_integer($2, 'limit'), 1000))::text AS body",
		.params = {{"segment", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the segment"}, BODY}, .timeout_ms = SLOW_MS,
		.summary = "A segment's addresses as hashes, of those who agreed; audited", .request_schema = "Audience", .response_schema = "Object",
		.success = 200, .example = "{\"channel\":\"sms\",\"reason\":\"summer campaign\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/decide", .operation = "decide", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = "till, service, headquarters",
		.sql = "SELECT 200 AS status, crm.campaign_offer(crm.gateway_text($1, 'place', true), crm.gateway_text($1, 'session', true), crm.gateway_id($1, 'customer_id'), "
		"crm.gateway_text($1, 'kind'), crm.gateway_text($1, 'value'), crm.gateway_text($1, 'namespace'))::text AS body",
		.params = {BODY}, .timeout_ms = FAST_MS, .summary = "What to show somebody on a page now",
		.text = "By customer_id, or by kind and value of an identifier. Once decided, the same for the session.",
		.request_schema = "Visit", .response_schema = "Object", .success = 200,
		.example = "{\"place\":\"product_page\",\"session\":\"f3a9c2e17b\",\"kind\":\"openid\",\"value\":\"oABC\"}",
	},
	{
		.method = CRM_GET, .path = "/s/{token}", .operation = "follow", .tag = "Flows",
		.access = CRM_ACCESS_PUBLIC,
		.sql = "SELECT 302 AS status, '{}' AS body, crm.campaign_follow($1, coalesce($2, '') ~ 'prefetch') AS location",
		.params = {{"token", CRM_IN_PATH, CRM_TEXT, true, NULL, "of the link, as the message gave it"},
		{"Sec-Purpose", CRM_IN_HEADER, CRM_TEXT, false, NULL, "prefetch: a browser looks ahead, and no click is counted"}},
		.timeout_ms = FAST_MS, .summary = "Follow a link of a message: where the flow said, and the click is counted",
		.response_schema = "Object", .success = 302,
	},
	{
		.method = CRM_GET, .path = "/api/v1/caps", .operation = "caps", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT j::text FROM crm.campaign_caps() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "How many messages of flows a person gets, whatever the flow", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/caps/{cap}", .operation = "cap_set", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_set_cap($1, $2, $3)::text AS body",
		.params = {CAP_CODE, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Set a cap: of all messages, a channel's, or those of a tag",
		.request_schema = "Cap", .response_schema = "Object", .success = 200, .example = "{\"messages\":2,\"per\":\"week\",\"tag\":\"promotion\"}",
	},
	{
		.method = CRM_DELETE, .path = "/api/v1/caps/{cap}", .operation = "cap_drop", .tag = "Flows",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.campaign_set_cap($1, NULL, $2)::text AS body",
		.params = {CAP_CODE, KEY}, .timeout_ms = FAST_MS, .summary = "Take a cap away", .response_schema = "Object", .success = 200,
	},
