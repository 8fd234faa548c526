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
#define COUPON_TYPE	{"coupon_type", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of the type: welcome_5"}
	{
		.method = CRM_GET, .path = "/api/v1/coupon-types", .operation = "coupon_types", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = "manager, marketer, analyst, headquarters",
		.sql = "SELECT j::text FROM crm.loyalty_coupon_types() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Types of coupons with their limits and pools", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PATCH, .path = "/api/v1/coupon-types/{coupon_type}", .operation = "coupon_type", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.loyalty_define_coupon($1, $2, $3)::text AS body",
		.params = {COUPON_TYPE, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Make or change a type of coupon",
		.request_schema = "Object", .response_schema = "Object", .success = 200,
		.example = "{\"name_zh\":\"20元券\",\"kind\":\"amount\",\"value\":20,\"minimum_amount\":100,\"valid_days\":30}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupon-types/{coupon_type}/codes", .operation = "coupon_codes", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.loyalty_load_codes($1, crm.gateway_texts($2, 'codes'), $3)::text AS body",
		.params = {COUPON_TYPE, BODY, KEY}, .timeout_ms = WORK_MS, .summary = "Add codes that others printed to a type's pool",
		.request_schema = "CouponCodes", .response_schema = "Object", .success = 200,
		.example = "{\"codes\":[\"PRINT-0001\",\"PRINT-0002\"]}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupon-types/{coupon_type}/claims", .operation = "coupon_claims", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = FLOWS,
		.sql = "SELECT 200 AS status, crm.loyalty_set_claims($1, coalesce(crm.gateway_boolean($2, 'is_claimable'), true), "
		"crm.gateway_integer($2, 'total_limit'), crm.gateway_integer($2, 'person_limit'), $3)::text AS body",
		.params = {COUPON_TYPE, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Whether persons may claim a type, and how many",
		.request_schema = "CouponClaims", .response_schema = "Object", .success = 200,
		.example = "{\"total_limit\":20,\"person_limit\":1}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupons/reserve", .operation = "coupon_reserve", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters, till",
		.sql = "SELECT 200 AS status, crm.loyalty_reserve(crm.gateway_text($1, 'code', true), "
		"crm.gateway_text($1, 'source'), crm.gateway_text($1, 'order_external_id', true), "
		"crm.gateway_number($1, 'amount'), coalesce(crm.gateway_integer($1, 'minutes'), 15)::int, $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Hold a coupon for an order that is being made",
		.request_schema = "Reserve", .response_schema = "Coupon", .success = 200,
		.example = "{\"code\":\"C5-7K2M9Q\",\"order_external_id\":\"O1\",\"minutes\":15}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupons/release", .operation = "coupon_release", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters, till",
		.sql = "SELECT 200 AS status, crm.loyalty_release(crm.gateway_text($1, 'code', true), crm.gateway_text($1, 'source'), "
		"crm.gateway_text($1, 'order_external_id', true), crm.gateway_text($1, 'reason'), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Give a reserved coupon free",
		.request_schema = "Redeem", .response_schema = "Coupon", .success = 200,
		.example = "{\"code\":\"C5-7K2M9Q\",\"order_external_id\":\"O1\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupons/give", .operation = "coupon_give", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = COUNTER ", headquarters",
		.sql = "SELECT 200 AS status, crm.loyalty_give(crm.gateway_text($1, 'code', true), "
		"crm.gateway_id($1, 'to_customer_id', true), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Give a coupon to another person",
		.request_schema = "GiveCoupon", .response_schema = "Coupon", .success = 200,
		.example = "{\"code\":\"C5-7K2M9Q\",\"to_customer_id\":1}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupons/validity", .operation = "coupon_validity", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = "service, headquarters",
		.sql = "SELECT 200 AS status, crm.loyalty_set_validity(crm.gateway_text($1, 'code', true), "
		"crm.gateway_date($1, 'last_day', true), crm.gateway_text($1, 'reason', true), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Move the last day of a coupon",
		.request_schema = "CouponValidity", .response_schema = "Coupon", .success = 200,
		.example = "{\"code\":\"C5-7K2M9Q\",\"last_day\":\"2026-12-31\",\"reason\":\"store was closed\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/coupons/withdraw", .operation = "coupon_withdraw", .tag = "Coupons",
		.access = CRM_ACCESS_CALLER, .roles = "service, headquarters",
		.sql = "SELECT 200 AS status, crm.loyalty_withdraw(crm.gateway_text($1, 'code', true), "
		"crm.gateway_text($1, 'reason', true), $2)::text AS body",
		.params = {BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Withdraw an open coupon for ever",
		.request_schema = "CouponReason", .response_schema = "Coupon", .success = 200,
		.example = "{\"code\":\"C5-7K2M9Q\",\"reason\":\"issued by mistake\"}",
	},
