/*
 * routes_loyalty.h
 *		Rows of the route table: coupons and points.  Read by route_table.c only.
 */
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/coupons", .operation = "person_coupons",
		.tag = "Coupons", .access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT j::text FROM crm.loyalty_coupons($1) j",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "A person's coupons", .response_schema = "Coupon", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupons/redeem", .operation = "coupon_redeem", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters, till",
		.sql = "SELECT 200 AS status, crm.loyalty_redeem(crm.gateway_text($1, 'code', true), "
		"crm.gateway_text($1, 'source'), crm.gateway_text($1, 'order_external_id', true), "
		"crm.gateway_text($1, 'store_code'), crm.gateway_number($1, 'amount'), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Redeem a coupon for an order",
		.request_schema = "Redeem", .response_schema = "Coupon", .success = 200,
		.example = "{\"code\":\"C5-7K2M9Q\",\"order_external_id\":\"O1\",\"store_code\":\"S01\",\"amount\":\"59.00\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupons/cancel", .operation = "coupon_cancel", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters, till",
		.sql = "SELECT 200 AS status, crm.loyalty_cancel_redemption(crm.gateway_text($1, 'code', true), "
		"crm.gateway_text($1, 'order_external_id', true), crm.gateway_text($1, 'reason'), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Take a redemption back",
		.request_schema = "CancelRedemption", .response_schema = "Coupon", .success = 200,
		.example = "{\"code\":\"C5-7K2M9Q\",\"order_external_id\":\"O1\",\"reason\":\"order cancelled\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/points", .operation = "person_points", .tag = "Points",
		.access = CRM_ACCESS_CALLER, .roles = READERS,
		.sql = "SELECT 200 AS status, crm.loyalty_points($1)::text AS body",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "A person's points: available, pending, lots, the newest entries", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/points/spend", .operation = "points_spend", .tag = "Points",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters, till",
		.sql = "SELECT 200 AS status, crm.loyalty_spend($1, crm.gateway_integer($2, 'points', true), "
		"crm.gateway_text($2, 'source'), crm.gateway_text($2, 'reference', true), crm.gateway_text($2, 'store_code'), "
		"crm.gateway_text($2, 'reason'), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS,
		.summary = "Spend points, once for a reference", .request_schema = "SpendPoints", .response_schema = "Object",
		.success = 200, .example = "{\"points\":100,\"reference\":\"O1\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/points/return", .operation = "points_return", .tag = "Points",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters, till",
		.sql = "SELECT 200 AS status, crm.loyalty_return(crm.gateway_text($1, 'source'), "
		"crm.gateway_text($1, 'reference', true), crm.gateway_text($1, 'reason'), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Give spent points back to their lots",
		.request_schema = "ReturnPoints", .response_schema = "Object", .success = 200,
		.example = "{\"reference\":\"O1\",\"reason\":\"order cancelled\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/points/adjust", .operation = "points_adjust", .tag = "Points",
		.access = CRM_ACCESS_CALLER, .roles = "service, headquarters",
		.sql = "SELECT 200 AS status, crm.loyalty_adjust($1, crm.gateway_integer($2, 'points', true), "
		"crm.gateway_text($2, 'reason', true), crm.gateway_integer($2, 'valid_days'), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS,
		.summary = "Give or take points by hand, audited", .request_schema = "AdjustPoints", .response_schema = "Object",
		.success = 200, .example = "{\"points\":50,\"reason\":\"apology\"}",
	},
	{
		.method = CRM_PATCH, .path = "/api/v1/points-rules/{code}", .operation = "points_rule", .tag = "Points",
		.access = CRM_ACCESS_CALLER, .roles = "marketer, headquarters",
		.sql = "SELECT 200 AS status, crm.loyalty_define_points($1, $2, $3)::text AS body",
		.params = {{"code", CRM_IN_PATH, CRM_TEXT, true, NULL, NULL}, BODY, KEY}, .timeout_ms = FAST_MS,
		.summary = "Make or change a rule that earns or multiplies points", .request_schema = "Object",
		.response_schema = "Object", .success = 200,
		.example = "{\"kind\":\"multiplier\",\"rate\":2,\"valid_from\":\"2026-06-01T00:00:00+08:00\",\"valid_until\":\"2026-07-01T00:00:00+08:00\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/coupons/claim", .operation = "coupon_claim", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters",
		.sql = "SELECT 201 AS status, crm.loyalty_claim($1, crm.gateway_text($2, 'coupon_type', true), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Claim a coupon, within its limits",
		.request_schema = "ClaimCoupon", .response_schema = "Coupon", .success = 201,
		.example = "{\"coupon_type\":\"welcome_5\"}",
	},
