/*
 * routes_access.h
 *		Rows of the route table: sign-in; clear values shown, exported, erased; staff, stores, keys, settings, the trail.  Read by route_table.c only.
 */
#define ADMIN		"admin"
#define CODE(what)	{"code", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the " what}

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
	{
		.method = CRM_GET, .path = "/api/v1/staff", .operation = "staff", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = ADMIN,
		.sql = "SELECT j::text FROM crm.access_staff() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Staff with role, scopes and state of the account", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/staff/{code}", .operation = "staff_define", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = ADMIN,
		.sql = "SELECT 200 AS status, json_build_object('code', $1::text, 'staff_id', crm.access_define_staff($1, "
		"crm.gateway_text($2, 'name', true), crm.gateway_text($2, 'role', true)::name, "
		"coalesce(crm.gateway_texts($2, 'scopes'), '{}'), crm.gateway_text($2, 'login')))::text AS body",
		.params = {CODE("staff member"), BODY}, .timeout_ms = FAST_MS, .summary = "Make or change a staff member",
		.request_schema = "Staff", .response_schema = "Object", .success = 200,
		.example = "{\"name\":\"陈静\",\"role\":\"crm_clerk\",\"scopes\":[\"store:H1\"],\"login\":\"chen.jing\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/staff/{code}/leave", .operation = "staff_left", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = ADMIN,
		.sql = "SELECT 200 AS status, json_build_object('left', crm.access_staff_left($1))::text AS body",
		.params = {CODE("staff member")}, .timeout_ms = FAST_MS,
		.summary = "Who leaves loses sessions, links, tokens and rows at once",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/staff/{code}/password", .operation = "staff_password", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = ADMIN,
		.sql = "SELECT 204 AS status, left(crm.access_set_password($1, crm.gateway_text($2, 'password', true))::text, 0) AS body",
		.params = {CODE("staff member"), BODY}, .timeout_ms = WORK_MS,
		.summary = "Set a password; unlocks the account and ends its sessions",
		.request_schema = "Password", .success = 204, .example = "{\"password\":\"at least 8 characters\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/staff/{code}/link", .operation = "staff_link", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = ADMIN,
		.sql = "SELECT 200 AS status, json_build_object('token', crm.access_issue_link($1))::text AS body",
		.params = {CODE("staff member")}, .timeout_ms = FAST_MS,
		.summary = "A token that signs a staff member in once", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/stores", .operation = "stores", .tag = "Administration",
		.access = CRM_ACCESS_CALLER,
		.sql = "SELECT json_build_object('code', s.code, 'name', s.name, 'city', s.city, 'time_zone', s.time_zone, "
		"'opened_on', s.opened_on, 'closed_on', s.closed_on, 'region', r.code, 'region_name', r.name)::text "
		"FROM crm.store s JOIN crm.region r USING (region_id) ORDER BY s.code",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Stores and their regions", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/regions/{code}", .operation = "region_define", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = ADMIN,
		.sql = "SELECT 200 AS status, json_build_object('code', $1::text, 'region_id', crm.access_define_region($1, "
		"crm.gateway_text($2, 'name', true)))::text AS body",
		.params = {CODE("region"), BODY}, .timeout_ms = FAST_MS, .summary = "Make or rename a region",
		.request_schema = "Region", .response_schema = "Object", .success = 200, .example = "{\"name\":\"华东\"}",
	},
	{
		.method = CRM_PUT, .path = "/api/v1/stores/{code}", .operation = "store_define", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = ADMIN,
		.sql = "SELECT 200 AS status, json_build_object('code', $1::text, 'store_id', crm.access_define_store($1, "
		"crm.gateway_text($2, 'name', true), crm.gateway_text($2, 'region', true), coalesce(crm.gateway_text($2, 'city'), ''), "
		"crm.gateway_text($2, 'time_zone'), crm.gateway_date($2, 'opened_on'), crm.gateway_date($2, 'closed_on')))::text AS body",
		.params = {CODE("store"), BODY}, .timeout_ms = FAST_MS, .summary = "Make or change a store",
		.request_schema = "Store", .response_schema = "Object", .success = 200,
		.example = "{\"name\":\"南京路店\",\"region\":\"H-E\",\"city\":\"上海\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/keys", .operation = "keys", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = ADMIN,
		.sql = "SELECT j::text FROM crm.access_keys() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "API keys, without their secrets", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/keys", .operation = "key_create", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = ADMIN,
		.sql = "SELECT 201 AS status, json_build_object('key', crm.access_create_key(crm.gateway_text($1, 'name', true), "
		"crm.gateway_text($1, 'role', true)::name, crm.gateway_text($1, 'source'), crm.gateway_text($1, 'store'), "
		"coalesce(crm.gateway_boolean($1, 'is_sandbox'), false)))::text AS body",
		.params = {BODY}, .timeout_ms = FAST_MS, .summary = "A new API key, shown this once",
		.request_schema = "Key", .response_schema = "Object", .success = 201,
		.example = "{\"name\":\"till 3\",\"role\":\"crm_till\",\"source\":\"h_till\",\"store\":\"H1\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/keys/{key_id}/revoke", .operation = "key_revoke", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = ADMIN,
		.sql = "SELECT 200 AS status, json_build_object('revoked', crm.access_revoke_key($1))::text AS body",
		.params = {{"key_id", CRM_IN_PATH, CRM_TEXT, true, NULL, "the id of the key, as listed"}}, .timeout_ms = FAST_MS,
		.summary = "End an API key", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/settings", .operation = "settings", .tag = "Administration",
		.access = CRM_ACCESS_CALLER,
		.sql = "SELECT to_json(s)::text FROM crm.room_setting s ORDER BY s.name",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Every setting with its meaning", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/settings/{name}", .operation = "setting_change", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = "headquarters, admin",
		.sql = "SELECT 200 AS status, json_build_object('name', $1::text, 'before', crm.access_set_setting($1, $2::jsonb -> 'value'))::text AS body",
		.params = {{"name", CRM_IN_PATH, CRM_TEXT, true, NULL, "as listed"}, BODY}, .timeout_ms = FAST_MS,
		.summary = "Change a setting, used at once", .text = "Settings of access and core are the administrator's.",
		.request_schema = "SettingValue", .response_schema = "Object", .success = 200, .example = "{\"value\":300}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/audit", .operation = "audit", .tag = "Administration",
		.access = CRM_ACCESS_CALLER, .roles = "headquarters, admin",
		.sql = "SELECT j::text, j->>'audit_id' FROM crm.access_audit($1, $2, $3, $4, $5, $6, $7) j",
		.params = {
			{"since", CRM_IN_QUERY, CRM_TIMESTAMP, false, NULL, NULL},
			{"until", CRM_IN_QUERY, CRM_TIMESTAMP, false, NULL, NULL},
			{"actor", CRM_IN_QUERY, CRM_TEXT, false, NULL, "who did it"},
			{"action", CRM_IN_QUERY, CRM_TEXT, false, NULL, "unmask, lookup, merge, export, ..."},
			{"person", CRM_IN_QUERY, CRM_BIGINT, false, NULL, "about whom"},
			{"cursor", CRM_IN_CURSOR, CRM_BIGINT, false, "0", "of the page before"},
			LIMIT,
		},
		.read_only = true, .timeout_ms = WORK_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "The trail: who did what to whom, values masked", .response_schema = "Object", .success = 200,
	},
