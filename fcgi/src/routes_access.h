/*
 * routes_access.h
 *		Rows of the route table: sign-in, and clear values shown, exported, erased.  Read by route_table.c only.
 */
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/unmask", .operation = "person_unmask",
		.tag = "Persons", .access = CRM_ACCESS_CALLER,
		.roles = "clerk, store_manager, manager, service, steward, headquarters",
		.sql = "SELECT 200 AS status, crm.access_unmask($1, crm.gateway_texts($2, 'fields', true), "
		"crm.gateway_text($2, 'reason', true))::text AS body",
		.params = {PERSON_ID, BODY}, .timeout_ms = FAST_MS,
		.summary = "Clear values of a person, audited with the reason",
		.request_schema = "Unmask", .response_schema = "Object", .success = 200,
		.example = "{\"fields\":[\"phone\"],\"reason\":\"call back about order O1\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/export", .operation = "person_export",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = "steward, headquarters",
		.sql = "SELECT 200 AS status, crm.access_export($1)::text AS body",
		.params = {PERSON_ID}, .timeout_ms = SLOW_MS,
		.summary = "All that is kept about a person, audited",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/erase", .operation = "person_erase",
		.tag = "Persons", .access = CRM_ACCESS_CALLER, .roles = "steward, headquarters",
		.sql = "SELECT 200 AS status, crm.access_erase($1, crm.gateway_text($2, 'reason', true), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = SLOW_MS,
		.summary = "Erase a person's values everywhere, raw inbox included",
		.request_schema = "Reason", .response_schema = "Object", .success = 200,
		.example = "{\"reason\":\"request of the person\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/sign-in", .operation = "sign_in", .tag = "Sign-in",
		.access = CRM_ACCESS_PUBLIC,
		.sql = "SELECT coalesce((j->>'status')::int, 200) AS status, j->>'code' AS code, j->>'detail' AS detail, "
		"j->>'remedy' AS remedy, (j - 'session' - 'status')::text AS body, j->>'session' AS session "
		"FROM crm.access_sign_in(crm.gateway_text($1, 'login', true), "
		"crm.gateway_text($1, 'password', true), coalesce($2, '')) j",
		.params = {BODY, {"User-Agent", CRM_IN_HEADER, CRM_TEXT, false, NULL, "kept with the session"}},
		.timeout_ms = WORK_MS, .summary = "Sign in with a password",
		.text = "Sets the cookie crm_session (HttpOnly, SameSite=Strict, 12 hours). "
		"Five wrong tries lock the account for 15 minutes.",
		.request_schema = "SignIn", .response_schema = "Session", .success = 200,
		.example = "{\"login\":\"clerk.s01\",\"password\":\"...\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/sign-in/link", .operation = "sign_in_link", .tag = "Sign-in",
		.access = CRM_ACCESS_PUBLIC,
		.sql = "SELECT coalesce((j->>'status')::int, 200) AS status, j->>'code' AS code, j->>'detail' AS detail, "
		"j->>'remedy' AS remedy, (j - 'session' - 'status')::text AS body, j->>'session' AS session "
		"FROM crm.access_sign_in_link(crm.gateway_text($1, 'token', true), coalesce($2, '')) j",
		.params = {BODY, {"User-Agent", CRM_IN_HEADER, CRM_TEXT, false, NULL, "kept with the session"}}, .timeout_ms = WORK_MS, .summary = "Sign in with a one-time link's token",
		.request_schema = "SignInLink", .response_schema = "Session", .success = 200,
		.example = "{\"token\":\"...\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/sign-out", .operation = "sign_out", .tag = "Sign-in",
		.access = CRM_ACCESS_CALLER,
		.sql = "SELECT 204 AS status, '' AS body, left(crm.access_sign_out()::text, 0) AS session",
		.timeout_ms = FAST_MS, .summary = "End the session", .success = 204,
	},
	{
		.method = CRM_GET, .path = "/api/v1/me", .operation = "me", .tag = "Sign-in",
		.access = CRM_ACCESS_CALLER,
		.sql = "SELECT 200 AS status, crm.access_whoami()::text AS body",
		.read_only = true, .timeout_ms = FAST_MS, .summary = "Who the caller is",
		.response_schema = "Me", .success = 200,
	},
