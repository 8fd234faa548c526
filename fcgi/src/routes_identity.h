/*
 * routes_identity.h
 *		Rows of the route table: finding persons, and why records are one person.  Read by route_table.c only.
 */
#define DECIDERS	"steward, headquarters"
#define JOURNAL_ID	{"journal_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, "as in the journal of a person"}

	{
		.method = CRM_POST, .path = "/api/v1/search", .operation = "search", .tag = "Persons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", steward, headquarters",
		.sql = "SELECT j::text FROM crm.identity_search(crm.gateway_text($1, 'text', true), "
		"coalesce(crm.gateway_integer($1, 'limit'), 20)) j",
		.params = {BODY}, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Search the persons of one's scope by name or last four digits",
		.request_schema = "Search", .response_schema = "Person", .success = 200,
		.example = "{\"text\":\"王\",\"limit\":20}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/explain", .operation = "person_explain",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = "store manager, manager, steward, headquarters",
		.sql = "SELECT 200 AS status, crm.identity_explain($1)::text AS body",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "Why these records are one person",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/explain/{other_id}", .operation = "pair_explain",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = "store manager, manager, steward, headquarters",
		.sql = "SELECT 200 AS status, crm.identity_explain_pair($1, $2)::text AS body",
		.params = {PERSON_ID, {"other_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, "the other person"}},
		.read_only = true, .timeout_ms = FAST_MS,
		.summary = "Why two persons are one, may be one, or are not: field by field, and what keeps them apart",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/household", .operation = "person_household",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = "store manager, manager, steward, headquarters",
		.sql = "SELECT j::text FROM crm.identity_household($1) j",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Who lives at the same home", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/golden", .operation = "person_golden",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = "store manager, manager, steward, headquarters",
		.sql = "SELECT 200 AS status, crm.identity_golden($1)::text AS body",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "Where each value of a person came from, what decided, and the other values",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/identity-quality", .operation = "identity_quality", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT j::text FROM crm.identity_quality($1) j",
		.params = {{"source", CRM_IN_QUERY, CRM_TEXT, false, NULL, "code of a source; default all"}},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Completeness, unusable and duplicate phones of each source's records",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/identity-shadow", .operation = "identity_shadow_report", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS ", admin",
		.sql = "SELECT j::text FROM crm.identity_shadow_report() j",
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Sources, and what those that are tried out would merge", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/identity-shadow", .operation = "identity_shadow", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS ", admin",
		.sql = "SELECT 200 AS status, crm.identity_shadow(crm.gateway_text($1, 'source'), crm.gateway_boolean($1, 'is_on', true), "
		"crm.gateway_text($1, 'reason', true))::text AS body",
		.params = {BODY}, .timeout_ms = WORK_MS,
		.summary = "Try a source out (its records merge with nobody and are proposed), or let it go; without a source all", .request_schema = "Shadow",
		.response_schema = "Object", .success = 200, .example = "{\"source\":\"mini\",\"is_on\":true,\"reason\":\"cutover\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/identity-resettle", .operation = "identity_resettle_progress", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS ", admin",
		.sql = "SELECT 200 AS status, crm.identity_resettle_progress()::text AS body",
		.read_only = true, .timeout_ms = WORK_MS, .summary = "How far everybody is settled anew", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/identity-resettle", .operation = "identity_resettle", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS ", admin",
		.sql = "SELECT 202 AS status, crm.identity_resettle(crm.gateway_text($1, 'reason', true), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = SLOW_MS,
		.summary = "Settle everybody anew under the rules and settings of now, beside the day's work", .request_schema = "Object",
		.response_schema = "Object", .success = 202, .example = "{\"reason\":\"a phone may be four people's now\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/split", .operation = "person_split", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT 200 AS status, crm.identity_split($1, crm.gateway_ids($2, 'record_ids', true), "
		"crm.gateway_text($2, 'reason', true), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = WORK_MS,
		.summary = "Move records that are somebody else's out of a person", .request_schema = "Split",
		.response_schema = "Object", .success = 200, .example = "{\"record_ids\":[\"1\"],\"reason\":\"two customers\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/split-preview", .operation = "person_split_preview", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT 200 AS status, crm.identity_split_preview($1, crm.gateway_ids($2, 'record_ids', true))::text AS body",
		.params = {PERSON_ID, BODY}, .timeout_ms = WORK_MS, .summary = "The parts a split would make; nothing changes",
		.request_schema = "Split", .response_schema = "Object", .success = 200, .example = "{\"record_ids\":[\"1\"],\"reason\":\"-\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/merge", .operation = "person_merge", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT 200 AS status, crm.identity_merge($1, crm.gateway_id($2, 'other', true), "
		"crm.gateway_text($2, 'reason', true), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = WORK_MS, .summary = "Make another person one with this one",
		.request_schema = "Join", .response_schema = "Object", .success = 200, .example = "{\"other\":\"1\",\"reason\":\"same customer\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/merges/{journal_id}", .operation = "merge_preview", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT 200 AS status, crm.identity_unmerge_preview($1)::text AS body",
		.params = {JOURNAL_ID}, .read_only = true, .timeout_ms = WORK_MS,
		.summary = "What undoing a merge would do", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/merges/{journal_id}/undo", .operation = "merge_undo", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT 200 AS status, crm.identity_unmerge($1, crm.gateway_text($2, 'reason', true), $3)::text AS body",
		.params = {JOURNAL_ID, BODY, KEY}, .timeout_ms = WORK_MS, .summary = "Undo a merge: two persons as before",
		.request_schema = "Reason", .response_schema = "Object", .success = 200, .example = "{\"reason\":\"two customers\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/merges-undo", .operation = "merges_undo", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT 200 AS status, crm.identity_unmerge_bulk(crm.gateway_ids($1, 'journal_ids', true), "
		"crm.gateway_text($1, 'reason', true), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = WORK_MS, .summary = "Undo many merges, the newest first; those that cannot be undone are named",
		.request_schema = "Undo", .response_schema = "Object", .success = 200, .example = "{\"journal_ids\":[\"1\"],\"reason\":\"a shared tablet\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/merges-undo-preview", .operation = "merges_undo_preview", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT 200 AS status, crm.identity_unmerge_bulk_preview(crm.gateway_ids($1, 'journal_ids', true))::text AS body",
		.params = {BODY}, .timeout_ms = WORK_MS, .summary = "What undoing many merges would do; nothing changes",
		.request_schema = "Undo", .response_schema = "Object", .success = 200, .example = "{\"journal_ids\":[\"1\"],\"reason\":\"-\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/person-changes", .operation = "person_changes", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = "steward, analyst, headquarters",
		.sql = "SELECT j::text, j->>'journal_id' FROM crm.identity_changes($1, $2) j",
		.params = {{"cursor", CRM_IN_CURSOR, CRM_BIGINT, false, "0", "of the page before"}, LIMIT},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The feed of merges, unmerges, splits and attachments", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/reviews", .operation = "reviews", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT j::text, j->>'review_id' FROM crm.identity_reviews(coalesce($1, 'open'), $2, $3) j",
		.params = {
			{"state", CRM_IN_QUERY, CRM_TEXT, false, NULL, "open, accepted or rejected; default open"},
			{"cursor", CRM_IN_CURSOR, CRM_BIGINT, false, "0", "of the page before"},
			LIMIT,
		},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Pairs of persons that a guard kept apart, side by side", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/reviews/{review_id}/decide", .operation = "review_decide", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT 200 AS status, crm.identity_decide($1, crm.gateway_text($2, 'decision', true), "
		"crm.gateway_text($2, 'reason', true), $3)::text AS body",
		.params = {{"review_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL}, BODY, KEY}, .timeout_ms = WORK_MS,
		.summary = "Accept (one person) or reject (two, for ever)", .request_schema = "Decision",
		.response_schema = "Object", .success = 200, .example = "{\"decision\":\"reject\",\"reason\":\"father and son\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/reviews/{review_id}/reopen", .operation = "review_reopen", .tag = "Merges",
		.access = CRM_ACCESS_CALLER, .roles = DECIDERS,
		.sql = "SELECT 200 AS status, crm.identity_reopen($1, crm.gateway_text($2, 'reason', true))::text AS body",
		.params = {{"review_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL}, BODY}, .timeout_ms = WORK_MS,
		.summary = "Take a decision back", .request_schema = "Reason", .response_schema = "Object", .success = 200,
		.example = "{\"reason\":\"looked again\"}",
	},
