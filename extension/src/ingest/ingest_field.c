/*
 * ingest_field.c
 *		The standard fields: their names, and which entity has which.
 *
 * They are the targets of mappings and the members of a canonical JSON body; the page for
 * people is doc/rooms/ingest.md.  An order in CSV has its lines' fields beside its own, an
 * order in JSON has them in items[].
 */
#include "ingest/ingest.h"

#define LIST(...) (const uint8[]) {__VA_ARGS__}, lengthof(((const uint8[]) {__VA_ARGS__}))

/* The lengths are bytes of UTF-8; a longer text is a fault, never cut. */
const CrmIngestFieldInfo crm_ingest_fields[F_COUNT] = {
	[F_EXTERNAL_ID] = {"external_id", 200},
	[F_KIND] = {"kind", 40},
	[F_REGISTERED_AT] = {"registered_at", 0},
	[F_STORE_CODE] = {"store_code", 63},
	[F_CHANNEL] = {"channel", 100},
	[F_NAME] = {"name", 400},
	[F_NICKNAME] = {"nickname", 400},
	[F_PHONE] = {"phone", 200},
	[F_EMAIL] = {"email", 320},
	[F_SEX] = {"sex", 40},
	[F_BIRTHDAY] = {"birthday", 100},
	[F_BIRTHDAY_CALENDAR] = {"birthday_calendar", 40},
	[F_MEMBER_CARD] = {"member_card", 100},
	[F_OPENID] = {"openid", 200},
	[F_OPENID_APP] = {"openid_app", 100},
	[F_UNIONID] = {"unionid", 200},
	[F_WECOM_ID] = {"wecom_id", 200},
	[F_DINGTALK_ID] = {"dingtalk_id", 200},
	[F_PLATFORM_ID] = {"platform_id", 200},
	[F_NATIONAL_ID] = {"national_id", 100},
	[F_PROVINCE] = {"province", 200},
	[F_CITY] = {"city", 200},
	[F_DISTRICT] = {"district", 200},
	[F_ADDRESS] = {"address", 2000},
	[F_NOTE] = {"note", 20000},
	[F_CONSENT_SMS] = {"consent_sms", 40},
	[F_CONSENT_WECHAT] = {"consent_wechat", 40},
	[F_CONSENT_EMAIL] = {"consent_email", 40},
	[F_UPDATED_AT] = {"updated_at", 64},
	[F_ORDERED_AT] = {"ordered_at", 0},
	[F_PAID_AT] = {"paid_at", 0},
	[F_STATUS] = {"status", 40},
	[F_MEMBER_EXTERNAL_ID] = {"member_external_id", 200},
	[F_MEMBER_SOURCE] = {"member_source", 63},
	[F_AMOUNT] = {"amount", 0},
	[F_DISCOUNT] = {"discount", 0},
	[F_COUPON_CODE] = {"coupon_code", 100},
	[F_CURRENCY] = {"currency", 10},
	[F_ITEMS] = {"items", 0},
	[F_LINE_KEY] = {"line_key", 100},
	[F_PRODUCT_CODE] = {"product_code", 200},
	[F_PRODUCT_NAME] = {"product_name", 1000},
	[F_CATEGORY_CODE] = {"category_code", 200},
	[F_QUANTITY] = {"quantity", 0},
	[F_UNIT_PRICE] = {"unit_price", 0},
	[F_LINE_AMOUNT] = {"line_amount", 0},
	[F_ORDER_EXTERNAL_ID] = {"order_external_id", 200},
	[F_REFUNDED_AT] = {"refunded_at", 0},
	[F_REASON] = {"reason", 2000},
	[F_TYPE] = {"type", 100},
	[F_OCCURRED_AT] = {"occurred_at", 0},
	[F_DEVICE] = {"device", 200},
	[F_OBJECT_ID] = {"object_id", 200},
	[F_PROPERTIES] = {"properties", 0},
	[F_DIRECTION] = {"direction", 40},
	[F_STAFF_CODE] = {"staff_code", 63},
	[F_BODY] = {"body", 20000},
	[F_OUTCOME] = {"outcome", 400},
	[F_NEXT_ON] = {"next_on", 0},
	[F_CATEGORY_NAME] = {"category_name", 400},
	[F_LIST_PRICE] = {"list_price", 0},
	[F_REFILL_DAYS] = {"refill_days", 0},
	[F_STATE] = {"state", 40},
	[F_EVIDENCE] = {"evidence", 2000},
	[F_COUPON_TYPE] = {"coupon_type", 100},
	[F_ISSUED_AT] = {"issued_at", 0},
	[F_VALID_UNTIL] = {"valid_until", 0},
	[F_REDEEMED_AT] = {"redeemed_at", 0},
};

static const struct
{
	const char *name;
	const uint8 *fields;
	int			count;
}			entities[CRM_INGEST_N_ENTITIES] = {
	[CRM_INGEST_MEMBER] = {"member",
		LIST(F_EXTERNAL_ID, F_KIND, F_REGISTERED_AT, F_STORE_CODE, F_CHANNEL, F_NAME, F_NICKNAME,
			 F_PHONE, F_EMAIL, F_SEX, F_BIRTHDAY, F_BIRTHDAY_CALENDAR, F_MEMBER_CARD, F_OPENID,
			 F_OPENID_APP, F_UNIONID, F_WECOM_ID, F_DINGTALK_ID, F_PLATFORM_ID, F_NATIONAL_ID, F_PROVINCE, F_CITY,
			 F_DISTRICT, F_ADDRESS, F_NOTE, F_CONSENT_SMS, F_CONSENT_WECHAT, F_CONSENT_EMAIL,
			 F_UPDATED_AT)},
	[CRM_INGEST_ORDER] = {"order",
		LIST(F_EXTERNAL_ID, F_KIND, F_ORDERED_AT, F_PAID_AT, F_STATUS, F_STORE_CODE, F_CHANNEL,
			 F_MEMBER_EXTERNAL_ID, F_MEMBER_SOURCE, F_MEMBER_CARD, F_PHONE, F_OPENID, F_OPENID_APP,
			 F_UNIONID, F_AMOUNT, F_DISCOUNT, F_COUPON_CODE, F_CURRENCY, F_UPDATED_AT, F_ITEMS,
			 F_LINE_KEY, F_PRODUCT_CODE, F_PRODUCT_NAME, F_CATEGORY_CODE, F_QUANTITY,
			 F_UNIT_PRICE, F_LINE_AMOUNT)},
	[CRM_INGEST_REFUND] = {"refund",
		LIST(F_EXTERNAL_ID, F_ORDER_EXTERNAL_ID, F_LINE_KEY, F_AMOUNT, F_REFUNDED_AT, F_STORE_CODE,
			 F_REASON, F_UPDATED_AT)},
	[CRM_INGEST_EVENT] = {"event",
		LIST(F_EXTERNAL_ID, F_TYPE, F_OCCURRED_AT, F_MEMBER_EXTERNAL_ID, F_MEMBER_SOURCE, F_OPENID,
			 F_OPENID_APP, F_UNIONID, F_PHONE, F_DEVICE, F_OBJECT_ID, F_STORE_CODE, F_PROPERTIES)},
	[CRM_INGEST_INTERACTION] = {"interaction",
		LIST(F_EXTERNAL_ID, F_OCCURRED_AT, F_CHANNEL, F_DIRECTION, F_MEMBER_EXTERNAL_ID,
			 F_MEMBER_SOURCE, F_PHONE, F_STAFF_CODE, F_STORE_CODE, F_BODY, F_OUTCOME, F_NEXT_ON)},
	[CRM_INGEST_PRODUCT] = {"product",
		LIST(F_EXTERNAL_ID, F_NAME, F_CATEGORY_CODE, F_CATEGORY_NAME, F_LIST_PRICE, F_REFILL_DAYS)},
	[CRM_INGEST_CONSENT] = {"consent",
		LIST(F_MEMBER_EXTERNAL_ID, F_MEMBER_SOURCE, F_PHONE, F_CHANNEL, F_STATE, F_OCCURRED_AT,
			 F_EVIDENCE)},
	[CRM_INGEST_COUPON] = {"coupon",
		LIST(F_EXTERNAL_ID, F_MEMBER_EXTERNAL_ID, F_MEMBER_SOURCE, F_COUPON_TYPE, F_ISSUED_AT,
			 F_VALID_UNTIL, F_STATE, F_REDEEMED_AT, F_ORDER_EXTERNAL_ID)},
};

/* The entity of a name; CRM_INGEST_N_ENTITIES when there is none.  order_line: an order in CSV. */
CrmIngestEntity
crm_ingest_entity(const char *name)
{
	if (strcmp(name, "order_line") == 0)
		return CRM_INGEST_ORDER;
	for (int i = 0; i < CRM_INGEST_N_ENTITIES; i++)
		if (strcmp(name, entities[i].name) == 0)
			return (CrmIngestEntity) i;
	return CRM_INGEST_N_ENTITIES;
}

const char *
crm_ingest_entity_name(CrmIngestEntity entity)
{
	return entities[entity].name;
}

const uint8 *
crm_ingest_entity_fields(CrmIngestEntity entity, int *count)
{
	*count = entities[entity].count;
	return entities[entity].fields;
}

/* The field of that name in an entity; -1 when it has none. */
int
crm_ingest_find_field(CrmIngestEntity entity, const char *name, int length)
{
	for (int i = 0; i < entities[entity].count; i++)
	{
		const char *candidate = crm_ingest_fields[entities[entity].fields[i]].name;

		if (strncmp(candidate, name, length) == 0 && candidate[length] == '\0')
			return entities[entity].fields[i];
	}
	return -1;
}

/* Fields of an order's line: beside the order's in CSV, inside items[] in JSON. */
bool
crm_ingest_is_line_field(int field)
{
	return field >= F_LINE_KEY && field <= F_LINE_AMOUNT;
}
