/*
 * routes_rule.h
 *		Rows of the route table: rules, segments, tags.  Read by route_table.c only.
 */
#define AUDIENCES	"marketer, analyst, headquarters"
#define SEGMENT		{"segment", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the segment"}
#define MOMENT		"crm.gateway_time($1, 'as_of')"

	{
		.method = CRM_GET, .path = "/api/v1/rules/kinds", .operation = "rule_kinds", .tag = "Rules",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES, .sql = "SELECT j::text FROM crm.rule_kinds() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "What rules may ask, with the fields of each kind", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/rules/schema", .operation = "rule_schema", .tag = "Rules",
		.access = CRM_ACCESS_CALLER, .roles = READERS ", admin", .sql = "SELECT 200 AS status, crm.rule_schema()::text AS body",
		.read_only = true, .timeout_ms = FAST_MS, .summary = "The JSON Schema of rules", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/rules/check", .operation = "rule_check", .tag = "Rules",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES,
		.sql = "SELECT 200 AS status, '{\"valid\":true}' AS body FROM crm.rule_check($1::jsonb->'rule')",
		.params = {BODY}, .read_only = true, .timeout_ms = FAST_MS, .summary = "Whether a rule can be answered, and what is wrong where",
		.request_schema = "RuleBody", .response_schema = "Object", .success = 200,
		.example = "{\"rule\":{\"kind\":\"purchase\",\"measure\":\"count\",\"days\":30,\"op\":\">=\",\"value\":3}}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/rules/preview", .operation = "rule_preview", .tag = "Rules",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES,
		.sql = "SELECT 200 AS status, crm.rule_preview($1::jsonb->'rule', " MOMENT ", coalesce(crm.gateway_integer($1, 'sample'), 20), crm.gateway_integer($1, 'look_at'), crm.gateway_id($1, 'after'))::text AS body",
		.params = {BODY}, .read_only = true, .timeout_ms = SLOW_MS,
		.summary = "How many persons fit a rule, how many each of its parts leaves, with a sample; look_at: estimated from so many persons; after: everybody, part after part",
		.request_schema = "RulePreview", .response_schema = "Object", .success = 200,
		.example = "{\"rule\":{\"kind\":\"purchase\",\"measure\":\"last\",\"op\":\">\",\"value\":90},\"sample\":5}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/rules/values", .operation = "rule_values", .tag = "Rules",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES, .sql = "SELECT j::text FROM crm.rule_values($1, $2, $3, $4) j",
		.params = {{"kind", CRM_IN_QUERY, CRM_TEXT, true, NULL, "a kind of rules: item"},
			{"field", CRM_IN_QUERY, CRM_TEXT, true, NULL, "a field of it that has a catalogue: category"},
			{"text", CRM_IN_QUERY, CRM_TEXT, false, NULL, "part of a code or name"}, LIMIT},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The values a field may be compared with, and their names", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/rules/explain", .operation = "rule_explain", .tag = "Rules",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES,
		.sql = "SELECT 200 AS status, crm.rule_explain($1::jsonb->'rule', $2, " MOMENT ")::text AS body",
		.params = {BODY, PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "Whether a person fits a rule, condition by condition with the value found",
		.request_schema = "RuleQuestion", .response_schema = "Object", .success = 200,
		.example = "{\"rule\":{\"kind\":\"consent\",\"field\":\"sms\",\"value\":\"yes\"}}",
	},

	{
		.method = CRM_GET, .path = "/api/v1/segments", .operation = "segments", .tag = "Segments",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES, .sql = "SELECT j::text FROM crm.segment_list() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The segments with their rules and sizes", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/segments/{segment}", .operation = "segment_define", .tag = "Segments",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.segment_define($1, crm.gateway_text($2, 'name_zh', true), $2::jsonb->'rule', "
		"coalesce(crm.gateway_text($2, 'kind'), 'living'), crm.gateway_text($2, 'name_en'), $3)::text AS body",
		.params = {SEGMENT, BODY, KEY}, .timeout_ms = SLOW_MS, .summary = "Make or edit a segment of a rule",
		.request_schema = "Segment", .response_schema = "Object", .success = 200,
		.example = "{\"name_zh\":\"沉睡\",\"rule\":{\"kind\":\"purchase\",\"measure\":\"last\",\"op\":\">\",\"value\":90}}",
	},
	{
		.method = CRM_DELETE, .path = "/api/v1/segments/{segment}", .operation = "segment_drop", .tag = "Segments",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS, .sql = "SELECT 200 AS status, crm.segment_drop($1, $2)::text AS body",
		.params = {SEGMENT, KEY}, .timeout_ms = WORK_MS, .summary = "End a segment", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/segments/{segment}/members", .operation = "segment_members", .tag = "Segments",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES,
		.sql = "SELECT j::text, j->>'cursor' FROM crm.segment_members($1, $2::timestamptz, $3::bigint, $4) j",
		.params = {SEGMENT, {"as_of", CRM_IN_QUERY, CRM_TEXT, false, NULL, "a moment in ISO 8601, default now"},
			{"cursor", CRM_IN_CURSOR, CRM_TEXT, false, NULL, "of the page before"}, LIMIT},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The members of a segment, now or at a moment, masked", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/segments/{segment}/changes", .operation = "segment_changes", .tag = "Segments",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES,
		.sql = "SELECT j::text, j->>'cursor' FROM crm.segment_changes($1, $2, $3) j",
		.params = {SEGMENT, {"cursor", CRM_IN_CURSOR, CRM_TEXT, false, NULL, "of the page before"}, LIMIT},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Who entered and who left a segment, the newest first, masked", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/segments/{segment}/movement", .operation = "segment_movement", .tag = "Segments",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES,
		.sql = "SELECT 200 AS status, (SELECT coalesce(jsonb_agg(j), '[]') FROM crm.segment_movement($1, $2, $3) j)::text AS body",
		.params = {SEGMENT, {"from", CRM_IN_QUERY, CRM_DATE, true, NULL, "first local day"}, {"to", CRM_IN_QUERY, CRM_DATE, true, NULL, "last local day"}},
		.read_only = true, .timeout_ms = WORK_MS,
		.summary = "How many entered and left a segment, day by day", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/segment-overlap", .operation = "segment_overlap", .tag = "Segments",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES,
		.sql = "SELECT 200 AS status, (SELECT coalesce(jsonb_agg(j), '[]') FROM crm.segment_overlap(crm.gateway_texts($1, 'codes', true)) j)::text AS body",
		.params = {BODY}, .read_only = true, .timeout_ms = WORK_MS, .summary = "How many persons each two of some segments share",
		.request_schema = "SegmentCodes", .response_schema = "Object", .success = 200,
		.example = "{\"codes\":[\"loyal\",\"quiet\"]}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/segment-combine", .operation = "segment_combine", .tag = "Segments",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES,
		.sql = "SELECT 200 AS status, jsonb_build_object('persons', crm.segment_combine($1::jsonb->'expression'))::text AS body",
		.params = {BODY}, .read_only = true, .timeout_ms = FAST_MS, .summary = "How many persons segments have put together",
		.request_schema = "SegmentExpression", .response_schema = "Object", .success = 200,
		.example = "{\"expression\":{\"but\":[{\"all\":[\"women\",\"loyal\"]},\"quiet\"]}}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/segments/{segment}/share", .operation = "segment_share", .tag = "Segments",
		.access = CRM_ACCESS_CALLER, .roles = AUDIENCES,
		.sql = "SELECT 200 AS status, crm.segment_share($2, $1::jsonb->'rule', " MOMENT ")::text AS body",
		.params = {BODY, SEGMENT}, .read_only = true, .timeout_ms = SLOW_MS, .summary = "What share of a segment fits any rule",
		.request_schema = "RuleQuestion", .response_schema = "Object", .success = 200,
		.example = "{\"rule\":{\"kind\":\"item\",\"where\":{\"category\":\"baby_food\"}}}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/tags", .operation = "tags", .tag = "Tags",
		.access = CRM_ACCESS_CALLER, .roles = READERS ", admin", .sql = "SELECT j::text FROM crm.segment_tags() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The dictionary of tags", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/tags/{tag}", .operation = "tag_define", .tag = "Tags",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.segment_define_tag($1, crm.gateway_text($2, 'name_zh', true), crm.gateway_text($2, 'layer', true), "
		"nullif($2::jsonb->'rule', 'null'), crm.gateway_text($2, 'kind'), crm.gateway_text($2, 'name_en'), $3)::text AS body",
		.params = {{"tag", CRM_IN_PATH, CRM_TEXT, true, NULL, "the tag"}, BODY, KEY}, .timeout_ms = WORK_MS,
		.summary = "Make or edit a tag of the chain's dictionary", .request_schema = "Tag", .response_schema = "Object", .success = 200,
		.example = "{\"name_zh\":\"孕妇关怀\",\"layer\":\"base\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/tags", .operation = "person_tags", .tag = "Tags",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", steward, marketer, headquarters",
		.sql = "SELECT j::text FROM crm.segment_person_tags($1) j", .params = {PERSON_ID},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The tags a person has", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/persons/{person_id}/tags/{tag}", .operation = "person_tag", .tag = "Tags",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", steward, marketer, headquarters",
		.sql = "SELECT 200 AS status, crm.segment_tag_person($1, $2, crm.gateway_time($3, 'expires_at'), "
		"crm.gateway_text($3, 'reason'), $4)::text AS body",
		.params = {PERSON_ID, {"tag", CRM_IN_PATH, CRM_TEXT, true, NULL, "the tag"}, BODY, KEY}, .timeout_ms = FAST_MS,
		.summary = "Give a person a tag", .request_schema = "PersonTag", .response_schema = "Object", .success = 200,
		.example = "{\"expires_at\":\"2026-12-31T00:00:00+08:00\",\"reason\":\"told at the counter\"}",
	},
	{
		.method = CRM_DELETE, .path = "/api/v1/persons/{person_id}/tags/{tag}", .operation = "person_untag", .tag = "Tags",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", steward, marketer, headquarters",
		.sql = "SELECT 200 AS status, crm.segment_untag_person($1, $2, $3)::text AS body",
		.params = {PERSON_ID, {"tag", CRM_IN_PATH, CRM_TEXT, true, NULL, "the tag"}, KEY}, .timeout_ms = FAST_MS,
		.summary = "Take a tag back", .response_schema = "Object", .success = 200,
	},
