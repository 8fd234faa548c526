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
