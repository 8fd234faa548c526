/*
 * routes_identity.h
 *		Rows of the route table: finding persons, and why records are one person.  Read by route_table.c only.
 */
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
