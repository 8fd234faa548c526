/*
 * routes_loyalty.h
 *		Rows of the route table: coupons.  Read by route_table.c only.
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
