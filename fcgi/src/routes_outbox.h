/*
 * routes_outbox.h
 *		Rows of the route table: messages, receipts, opt-outs.  Read by route_table.c only.
 */
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
		.method = CRM_POST, .path = "/api/v1/call-results", .operation = "call_result", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "till, steward, admin",
		.sql = "SELECT 200 AS status, crm.ingest_call_result(crm.gateway_text($1, 'message_id', true), crm.gateway_text($1, 'outcome', true), "
		"crm.gateway_text($1, 'said'), crm.gateway_number($1, 'sentiment'), crm.gateway_integer($1, 'seconds'), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "What came of a call that a machine made",
		.text = "A receipt, a note with what was said, and an event with the sentiment (-1 to 1) that rules may ask for; once a message.",
		.request_schema = "Object", .response_schema = "Object", .success = 200,
		.example = "{\"message_id\":\"42-ABCDEF\",\"outcome\":\"reached\",\"said\":\"想预订周末的蛋糕\",\"sentiment\":0.8,\"seconds\":41}",
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
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/consents", .operation = "person_say", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.outbox_say($1, crm.gateway_texts($2, 'channels'), crm.gateway_text($2, 'state', true), "
		"crm.gateway_text($2, 'evidence'), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Note what a customer says: no more by some channels, or yes",
		.text = "Without channels a no is of every channel. A yes needs its evidence: what the customer was shown or told. It holds at once, for all records of the person.",
		.request_schema = "Word", .response_schema = "Object", .success = 200,
		.example = "{\"state\":\"no\",\"channels\":[\"sms\"],\"evidence\":\"said at the counter\"}",
	},
	{
		.method = CRM_DELETE, .path = "/api/v1/persons/{person_id}/consents/{word_id}", .operation = "person_unsay", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.outbox_unsay($1, $2, $3)::text AS body",
		.params = {PERSON_ID, {"word_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, "of the answer when it was noted"}, KEY}, .timeout_ms = FAST_MS,
		.summary = "Take back what one noted by mistake, within the hour", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/endpoints", .operation = "endpoints", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "marketer, headquarters, admin",
		.sql = "SELECT 200 AS status, jsonb_build_object('items', coalesce(jsonb_agg(e), '[]'))::text AS body FROM crm.outbox_endpoints() e",
		.read_only = true, .timeout_ms = FAST_MS, .summary = "Where messages go, and how each endpoint is",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/endpoints", .operation = "endpoint_connect", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "admin",
		.sql = "SELECT 200 AS status, crm.outbox_connect(crm.gateway_text($1, 'endpoint', true), crm.gateway_text($1, 'connector', true), "
		"crm.gateway_text($1, 'url', true), $1 -> 'parameters', $1 -> 'secrets', $1 -> 'options', $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Connect a vendor: an endpoint of a connector",
		.text = "Secrets are kept sealed and never shown again; without them those there are stay.",
		.request_schema = "Endpoint", .response_schema = "Object", .success = 200,
		.example = "{\"endpoint\":\"sms_aliyun\",\"connector\":\"aliyun_sms\",\"url\":\"https://dysmsapi.aliyuncs.com\","
		"\"parameters\":{\"sign_name\":\"...\",\"access_key_id\":\"...\"},\"secrets\":{\"access_key_secret\":\"...\"}}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/alert-routes", .operation = "alert_routes", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "headquarters, admin",
		.sql = "SELECT 200 AS status, jsonb_build_object('items', coalesce(jsonb_agg(r), '[]'))::text AS body FROM crm.outbox_alert_routes() r",
		.read_only = true, .timeout_ms = FAST_MS, .summary = "Where alerts go",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/alert-routes", .operation = "alert_route", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "headquarters, admin",
		.sql = "SELECT 200 AS status, crm.outbox_route_alerts(crm.gateway_text($1, 'endpoint', true), coalesce(crm.gateway_text($1, 'address'), ''), "
		"coalesce(crm.gateway_texts($1, 'kinds'), '{%}'), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Send alerts of some kinds to a webhook, a robot or an e-mail address",
		.text = "Each alert is sent once to every route that wants its kind; without kinds all are meant, an empty list takes the route away.",
		.request_schema = "Object", .response_schema = "Object", .success = 200,
		.example = "{\"endpoint\":\"ops_group\",\"kinds\":[\"ingest.%\",\"outbox.dead\"]}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/staff-reach", .operation = "staff_reach", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "marketer, headquarters, admin",
		.sql = "SELECT 200 AS status, jsonb_build_object('items', coalesce(jsonb_agg(r), '[]'))::text AS body FROM crm.outbox_staff_reach() r",
		.read_only = true, .timeout_ms = FAST_MS, .summary = "Where notices of flows reach members of staff",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/staff/{code}/reach", .operation = "staff_reach_define", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "headquarters, admin",
		.sql = "SELECT 200 AS status, crm.outbox_reach_staff($1, crm.gateway_text($2, 'endpoint'), coalesce(crm.gateway_text($2, 'address'), ''), $3)::text AS body",
		.params = {{"code", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the staff member"}, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Where notices of flows reach a member of staff; no endpoint: nowhere",
		.request_schema = "Object", .response_schema = "Object", .success = 200,
		.example = "{\"endpoint\":\"mail\",\"address\":\"chen.jing@chain.example\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/channels/{channel}/endpoint", .operation = "channel_endpoint", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "admin",
		.sql = "SELECT 200 AS status, jsonb_build_object('channel', $1, 'endpoint', crm.gateway_text($2, 'endpoint', true))::text AS body "
		"FROM crm.outbox_set_channel($1, crm.gateway_text($2, 'endpoint', true))",
		.params = {{"channel", CRM_IN_PATH, CRM_TEXT, true, NULL, NULL}, BODY},
		.timeout_ms = FAST_MS, .summary = "Let an endpoint carry a channel", .request_schema = "ChannelEndpoint", .response_schema = "Object", .success = 200,
		.example = "{\"endpoint\":\"sms_aliyun\"}",
	},
	{
		.method = CRM_PUT, .path = "/api/v1/templates/{template}", .operation = "template_write", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "marketer, headquarters",
		.sql = "SELECT 200 AS status, crm.outbox_define_template($1, crm.gateway_text($2, 'channel', true), crm.gateway_text($2, 'body', true), "
		"coalesce($2 -> 'options', '{}'), $3)::text AS body",
		.params = {{"template", CRM_IN_PATH, CRM_TEXT, true, NULL, NULL}, BODY, KEY}, .timeout_ms = FAST_MS,
		.summary = "Write what messages say on a channel; answers its length", .request_schema = "Template", .response_schema = "Object", .success = 200,
		.example = "{\"channel\":\"sms\",\"body\":\"{{name}}, ... TD\",\"options\":{\"vendor_template\":\"SMS_1\",\"vendor_params\":{\"name\":\"{{name}}\"}}}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/channels", .operation = "channels", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "marketer, headquarters, admin",
		.sql = "SELECT j::text FROM crm.outbox_channels() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Every channel: what carries it, how that is, what it bears", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PATCH, .path = "/api/v1/channels/{channel}", .operation = "channel_limits", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "marketer, headquarters, admin",
		.sql = "SELECT 200 AS status, crm.outbox_set_limits($1, $2)::text AS body",
		.params = {{"channel", CRM_IN_PATH, CRM_TEXT, true, NULL, NULL}, BODY}, .timeout_ms = FAST_MS,
		.summary = "What a channel bears: caps, how long a receipt is waited for", .request_schema = "ChannelLimits", .response_schema = "Object", .success = 200,
		.example = "{\"monthly_cap\":4,\"receipt_hours\":24}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/inbound", .operation = "inbound", .tag = "Messages",
		.access = CRM_ACCESS_CALLER, .roles = "steward, till, admin",
		.sql = "SELECT 200 AS status, crm.outbox_inbound(crm.gateway_text($1, 'channel', true), crm.gateway_text($1, 'address', true), "
		"crm.gateway_text($1, 'text', true), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "What a person answered to a message: TD, STOP or 退订 closes the channel",
		.request_schema = "Inbound", .response_schema = "Object", .success = 200,
		.example = "{\"channel\":\"sms\",\"address\":\"13867241905\",\"text\":\"TD\"}",
	},
