/*
 * ingest_fact.c
 *		Refunds, events, interactions, products, consents and coupons: slots to facts.
 *
 * Each builder reads what its entity needs, notes the first fault, and puts what it read into
 * the shape of the fact.  When nothing is built (validation) the shapes are null and only the
 * faults count.  Results live in the fact's memory.
 */
#include "ingest/ingest.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static bool
build_refund(CrmIngestParser *p, CrmIngestBuilt *built)
{
	const CrmIngestSlot *order = &p->slots[F_ORDER_EXTERNAL_ID];
	int			store_id;
	pg_tz	   *zone;
	TimestampTz at;
	int64		amount;
	Datum		order_id = 0;
	bool		is_set;

	if (!crm_ingest_take_id(p, true, built) || !crm_ingest_require(p, F_ORDER_EXTERNAL_ID) ||
		!crm_ingest_take_text(p, F_ORDER_EXTERNAL_ID, &order_id, &is_set) ||
		!crm_ingest_require(p, F_AMOUNT) ||
		!crm_ingest_take_money(p, &p->slots[F_AMOUNT], "amount", &amount, &is_set) ||
		!crm_ingest_put_time(p, F_REFUNDED_AT, A_REFUNDED_AT, true, &at, &is_set) ||
		!crm_ingest_take_store(p, &store_id, &zone) ||
		!crm_ingest_put_text(p, F_LINE_KEY, A_LINE_KEY) ||
		!crm_ingest_put_text(p, F_REASON, A_REASON))
		return false;
	if (amount <= 0)
	{
		crm_ingest_slot_fault(p, CRM_FAULT_RANGE, F_AMOUNT,
							  "Send the refunded amount as a positive number.");
		return false;
	}
	crm_ingest_digest_record(p, built);
	if (!p->wants_facts)
		return true;
	crm_ingest_shape_put(p->fact, A_ORDER_EXTERNAL_ID, crm_ingest_text(order->text, order->length));
	crm_ingest_shape_put(p->fact, A_AMOUNT, crm_ingest_money(p, amount));
	crm_ingest_shape_put(p->fact, A_REFUNDED_ON, DateADTGetDatum(crm_ingest_local_day(at, zone)));
	crm_ingest_put_common(p, built, p->line_no);
	/* it hangs on the order's record, or on the receipt that the order will have */
	{
		CrmIngestBuilt receipt = {.external_id = order_id};

		if (!crm_ingest_put_ref(p, &receipt, p->line_no, store_id, at, true))
			return false;
		built->ref = receipt.ref;
	}
	built->fact = crm_ingest_shape_form(p->fact);
	return true;
}

static bool
build_event(CrmIngestParser *p, CrmIngestBuilt *built)
{
	int			store_id;
	pg_tz	   *zone;
	TimestampTz at;
	Datum		properties = 0;
	bool		is_set;
	bool		has_properties;

	if (!crm_ingest_take_id(p, false, built) || !crm_ingest_require(p, F_TYPE) ||
		!crm_ingest_put_text(p, F_TYPE, A_TYPE) ||
		!crm_ingest_put_time(p, F_OCCURRED_AT, A_OCCURRED_AT, true, &at, &is_set) ||
		!crm_ingest_take_store(p, &store_id, &zone) ||
		!crm_ingest_put_text(p, F_OBJECT_ID, A_OBJECT_ID) ||
		!crm_ingest_take_object(p, F_PROPERTIES, &properties, &has_properties))
		return false;
	crm_ingest_digest_record(p, built);
	if (!crm_ingest_put_ref(p, built, p->line_no, store_id, at, false))
		return false;
	if (!p->wants_facts)
		return true;
	if (has_properties)
		crm_ingest_shape_put(p->fact, A_PROPERTIES, properties);
	crm_ingest_shape_put(p->fact, A_BUSINESS_DAY, DateADTGetDatum(crm_ingest_local_day(at, zone)));
	crm_ingest_put_common(p, built, p->line_no);
	built->fact = crm_ingest_shape_form(p->fact);
	return true;
}

static bool
put_staff(CrmIngestParser *p)
{
	const CrmIngestSlot *slot = &p->slots[F_STAFF_CODE];
	int			staff_id;

	if (slot->kind == CRM_SLOT_ABSENT)
		return true;
	if (slot->kind <= CRM_SLOT_NUMBER &&
		crm_ingest_code(p, 'p', slot->text, slot->length, &staff_id))
	{
		crm_ingest_shape_put(p->fact, A_STAFF_ID, Int32GetDatum(staff_id));
		return true;
	}
	crm_ingest_slot_fault(p, CRM_FAULT_REFERENCE, F_STAFF_CODE,
						  "Define the staff member, or send the code of one that is.");
	return false;
}

static bool
build_interaction(CrmIngestParser *p, CrmIngestBuilt *built)
{
	static const char *const directions[] = {"in|inbound|呼入", "out|outbound|呼出", "none", NULL};
	static const char *const words[] = {"in", "out", "none"};
	int			direction = 2;
	int			store_id;
	int32		next_on;
	pg_tz	   *zone;
	TimestampTz at;
	bool		is_set;

	if (!crm_ingest_take_id(p, false, built) || !crm_ingest_require(p, F_CHANNEL) ||
		!crm_ingest_put_time(p, F_OCCURRED_AT, A_OCCURRED_AT, true, &at, &is_set) ||
		!crm_ingest_take_word(p, F_DIRECTION, directions, &direction) ||
		!crm_ingest_take_store(p, &store_id, &zone) || !put_staff(p) ||
		!crm_ingest_put_text(p, F_BODY, A_BODY) || !crm_ingest_put_text(p, F_OUTCOME, A_OUTCOME) ||
		!crm_ingest_take_day(p, F_NEXT_ON, &next_on, &is_set))
		return false;
	if (is_set)
		crm_ingest_shape_put(p->fact, A_NEXT_ON, DateADTGetDatum(next_on));
	crm_ingest_digest_record(p, built);
	if (!crm_ingest_put_ref(p, built, p->line_no, store_id, at, false))
		return false;
	if (!p->wants_facts)
		return true;
	crm_ingest_shape_put(p->fact, A_DIRECTION, CStringGetTextDatum(words[direction]));
	crm_ingest_shape_put(p->fact, A_BUSINESS_DAY, DateADTGetDatum(crm_ingest_local_day(at, zone)));
	crm_ingest_put_common(p, built, p->line_no);
	built->fact = crm_ingest_shape_form(p->fact);
	return true;
}

static bool
build_product(CrmIngestParser *p, CrmIngestBuilt *built)
{
	int64		price;
	CrmDecimal	days;
	bool		has_price;
	bool		has_days;

	if (!crm_ingest_take_id(p, true, built) || !crm_ingest_require(p, F_NAME) ||
		!crm_ingest_put_text(p, F_NAME, A_NAME) ||
		!crm_ingest_put_text(p, F_CATEGORY_CODE, A_CATEGORY_CODE) ||
		!crm_ingest_put_text(p, F_CATEGORY_NAME, A_CATEGORY_NAME) ||
		!crm_ingest_take_money(p, &p->slots[F_LIST_PRICE], "list_price", &price, &has_price) ||
		!crm_ingest_take_decimal(p, &p->slots[F_REFILL_DAYS], "refill_days", &days, &has_days))
		return false;
	if (has_days && (days.scale != 0 || days.value < 1 || days.value > 3650))
	{
		crm_ingest_slot_fault(p, CRM_FAULT_RANGE, F_REFILL_DAYS, "Send whole days from 1 to 3650.");
		return false;
	}
	crm_ingest_digest_record(p, built);
	if (!p->wants_facts)
		return true;
	if (has_price)
		crm_ingest_shape_put(p->fact, A_LIST_PRICE, crm_ingest_money(p, price));
	if (has_days)
		crm_ingest_shape_put(p->fact, A_REFILL_DAYS, Int32GetDatum((int32) days.value));
	crm_ingest_put_common(p, built, p->line_no);
	built->fact = crm_ingest_shape_form(p->fact);
	return true;
}

static bool
build_consent(CrmIngestParser *p, CrmIngestBuilt *built)
{
	static const char *const channels[] = {"sms|短信", "wechat|微信", "email|mail|邮件", "location|位置", "voice|外呼", NULL};
	static const char *const words[] = {"sms", "wechat", "email", "location", "voice"};
	int			channel = 0;
	int			state = 0;
	TimestampTz at;
	bool		is_set;

	if (!crm_ingest_require(p, F_CHANNEL) ||
		!crm_ingest_take_word(p, F_CHANNEL, channels, &channel) ||
		!crm_ingest_require(p, F_STATE) ||
		!crm_ingest_take_word(p, F_STATE, crm_ingest_yes_no, &state) ||
		!crm_ingest_put_time(p, F_OCCURRED_AT, A_OCCURRED_AT, true, &at, &is_set) ||
		!crm_ingest_put_text(p, F_EVIDENCE, A_EVIDENCE))
		return false;
	crm_ingest_digest_record(p, built);
	if (!crm_ingest_put_ref(p, built, p->line_no, 0, at, false))
		return false;
	if (!p->wants_facts)
		return true;
	crm_ingest_put_common(p, built, p->line_no);
	crm_ingest_shape_put(p->fact, A_CHANNEL, CStringGetTextDatum(words[channel]));
	crm_ingest_shape_put(p->fact, A_STATE, CStringGetTextDatum(state == 0 ? "yes" : "no"));
	built->fact = crm_ingest_shape_form(p->fact);
	return true;
}

/* Coupons of the time before crm: history, with whatever ends they may have come to. */
static bool
build_coupon(CrmIngestParser *p, CrmIngestBuilt *built)
{
	static const char *const states[] = {"issued|未使用|已发放",
										 "redeemed|used|已使用|已核销",
										 "cancelled|canceled|已取消",
										 "expired|已过期",
										 "void|作废",
										 NULL};
	static const char *const words[] = {"issued", "redeemed", "cancelled", "expired", "void"};
	TimestampTz latest = p->latest;
	TimestampTz at;
	TimestampTz until;
	TimestampTz redeemed_at;
	int			state = -1;
	bool		is_set;
	bool		is_redeemed;
	bool		ok;

	if (!crm_ingest_take_id(p, true, built) || !crm_ingest_require(p, F_COUPON_TYPE) ||
		!crm_ingest_put_text(p, F_COUPON_TYPE, A_COUPON_TYPE) ||
		!crm_ingest_put_time(p, F_ISSUED_AT, A_ISSUED_AT, true, &at, &is_set) ||
		!crm_ingest_put_time(p, F_REDEEMED_AT, A_REDEEMED_AT, false, &redeemed_at, &is_redeemed) ||
		!crm_ingest_put_text(p, F_ORDER_EXTERNAL_ID, A_ORDER_EXTERNAL_ID) ||
		!crm_ingest_take_word(p, F_STATE, states, &state))
		return false;
	p->latest = DT_NOEND;		/* this one may lie in the future */
	ok = crm_ingest_put_time(p, F_VALID_UNTIL, A_VALID_UNTIL, false, &until, &is_set);
	p->latest = latest;
	crm_ingest_digest_record(p, built);
	if (!ok || !crm_ingest_put_ref(p, built, p->line_no, 0, at, false))
		return false;
	if (!p->wants_facts)
		return true;
	crm_ingest_put_common(p, built, p->line_no);
	crm_ingest_shape_put(p->fact, A_STATE,
						 CStringGetTextDatum(words[state >= 0 ? state : is_redeemed ? 1 : 0]));
	built->fact = crm_ingest_shape_form(p->fact);
	return true;
}

/* Builds the fact of any entity but an order from the record in the slots; false after a fault. */
bool
crm_ingest_build(CrmIngestParser *p, CrmIngestBuilt *built)
{
	static bool (*const builders[CRM_INGEST_N_ENTITIES]) (CrmIngestParser *, CrmIngestBuilt *) = {
		[CRM_INGEST_MEMBER] = crm_ingest_build_member,
		[CRM_INGEST_REFUND] = build_refund,
		[CRM_INGEST_EVENT] = build_event,
		[CRM_INGEST_INTERACTION] = build_interaction,
		[CRM_INGEST_PRODUCT] = build_product,
		[CRM_INGEST_CONSENT] = build_consent,
		[CRM_INGEST_COUPON] = build_coupon,
	};
	MemoryContext old = MemoryContextSwitchTo(p->fact_memory);
	bool		ok = builders[p->entity] (p, built);

	if (!ok && p->fact != NULL)
		crm_ingest_shape_clear(p->fact);
	MemoryContextSwitchTo(old);
	return ok;
}
