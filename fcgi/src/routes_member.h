/*
 * routes_member.h
 *		Rows of the route table: levels, badges, referrals, lotteries.  Read by route_table.c only.
 */
#define LEVEL_PATCH(place, name, operation_name, function, line, sample) \
	{ \
		.method = CRM_PATCH, .path = "/api/v1/" place "/{" name "}", .operation = operation_name, .tag = "Members", \
		.access = CRM_ACCESS_CALLER, .roles = FLOWS, \
		.sql = "SELECT 200 AS status, crm." function "($1, $2, $3)::text AS body", \
		.params = {{name, CRM_IN_PATH, CRM_TEXT, true, NULL, "its code"}, BODY, KEY}, .timeout_ms = FAST_MS, .summary = line, \
		.request_schema = "Object", .response_schema = "Object", .success = 200, .example = sample, \
	}
#define LOTTERY		{"lottery", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the lottery"}
	{
		.method = CRM_GET, .path = "/api/v1/loyalty", .operation = "loyalty_programme", .tag = "Members",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT 200 AS status, crm.loyalty_programme()::text AS body",
		.read_only = true, .timeout_ms = FAST_MS,
		.summary = "Levels, badges, referral programmes and rules of points", .response_schema = "Object", .success = 200,
	},
	LEVEL_PATCH("levels", "level", "level", "loyalty_define_level", "Make or change a level of membership",
				"{\"name_zh\":\"金卡\",\"position\":20,\"reach\":{\"kind\":\"purchase\",\"measure\":\"sum\",\"days\":365,"
				"\"op\":\">=\",\"value\":3000},\"keep_days\":365}"),
	LEVEL_PATCH("badges", "badge", "badge", "loyalty_define_badge", "Make or change a badge",
				"{\"name_zh\":\"咖啡大师\",\"reach\":{\"kind\":\"item\",\"measure\":\"sum\",\"field\":\"quantity\","
				"\"where\":{\"category\":\"coffee\"},\"op\":\">=\",\"value\":100}}"),
	LEVEL_PATCH("referral-programmes", "programme", "referral_programme", "loyalty_define_referral", "Make or change a referral programme",
				"{\"name_zh\":\"老带新\",\"goal\":{\"kind\":\"purchase\"},\"gifts\":[{\"points\":100}],\"referrer_gifts\":[{\"points\":100}]}"),
	LEVEL_PATCH("lotteries", "lottery", "lottery", "loyalty_define_lottery", "Make or change a lottery before it opens",
				"{\"name_zh\":\"季度抽奖\",\"prizes\":[{\"name\":\"一等奖\",\"count\":1,\"gifts\":[{\"points\":1000}]}],"
				"\"closes_at\":\"2099-12-31T20:00:00+08:00\"}"),
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/membership", .operation = "person_membership", .tag = "Members",
		.access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT 200 AS status, crm.loyalty_member($1)::text AS body",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "A person's level, badges, what is open, gifts, codes to refer others with", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/persons/{person_id}/level", .operation = "person_level", .tag = "Members",
		.access = CRM_ACCESS_CALLER, .roles = "service, headquarters",
		.sql = "SELECT 200 AS status, crm.loyalty_set_level($1, crm.gateway_text($2, 'level'), "
		"crm.gateway_text($2, 'reason', true), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Put a person on a level by hand, audited",
		.request_schema = "PersonLevel", .response_schema = "Object", .success = 200,
		.example = "{\"level\":\"fan\",\"reason\":\"opening guest\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/referral", .operation = "person_referral", .tag = "Members",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters",
		.sql = "SELECT 200 AS status, crm.loyalty_refer(crm.gateway_text($2, 'code', true), $1, $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Note by whose code a new member came",
		.request_schema = "ReferralCode", .response_schema = "Object", .success = 200,
		.example = "{\"code\":\"2Z8Z-95M0-QK\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/lotteries/{lottery}", .operation = "lottery_proof", .tag = "Members",
		.access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT 200 AS status, crm.loyalty_lottery($1)::text AS body",
		.params = {LOTTERY}, .read_only = true, .timeout_ms = WORK_MS,
		.summary = "A lottery and its proof: commitment, list, seed, winners", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/lotteries/{lottery}/open", .operation = "lottery_open", .tag = "Members",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.loyalty_open_lottery($1)::text AS body",
		.params = {LOTTERY}, .timeout_ms = FAST_MS, .summary = "Open a lottery: the hash of its seed is to be published",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/lotteries/{lottery}/tickets", .operation = "lottery_ticket", .tag = "Members",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters",
		.sql = "SELECT 201 AS status, crm.loyalty_enter_lottery(crm.gateway_id($2, 'customer_id', true), $1, $3)::text AS body",
		.params = {LOTTERY, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "A ticket for a person, within the limits",
		.request_schema = "Ticket", .response_schema = "Object", .success = 201, .example = "{\"customer_id\":1}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/lotteries/{lottery}/draw", .operation = "lottery_draw", .tag = "Members",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.loyalty_draw_lottery($1, coalesce(crm.gateway_text($2, 'entropy'), ''))::text AS body",
		.params = {LOTTERY, BODY}, .timeout_ms = SLOW_MS, .summary = "Draw a lottery that is closed, and publish its seed",
		.request_schema = "Draw", .response_schema = "Object", .success = 200, .example = "{\"entropy\":\"3412.77\"}",
	},
