/*
 * ingest_fact.c
 *		Refunds, events, interactions, products, consents and coupons: slots to facts.
 *
 * Each builder reads what its entity needs, notes the first fault, and puts what it read into
 * the shape of the fact.  When nothing is built (validation) the shapes are null and only the
 * faults count.  Results live in the fact's memory.
 */
#include "ingest/ingest.h"

#include "pure/hash.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Words for a consent; ingest_member.c reads them too. */
const char *const crm_ingest_yes_no[] = {"yes|y|1|true|是|同意", "no|n|0|false|否|拒绝|退订", NULL};

/* Forgets the record before: slots, custom fields, digest, fault. */
void
crm_ingest_reset(CrmIngestParser *p)
{
	memset(p->slots, 0, sizeof(p->slots));
	p->n_custom_slots = 0;
	resetStringInfo(&p->digest);
	p->fault = CRM_FAULT_NONE;
	p->fault_field = NULL;
	p->fault_remedy = NULL;
}

/* The record's id at its source. */
bool
crm_ingest_take_id(CrmIngestParser *p, bool required, CrmIngestBuilt *built)
{
	const CrmIngestSlot *slot = &p->slots[F_EXTERNAL_ID];
	Datum		value = 0;
	bool		is_set;

	if ((required && !crm_ingest_require(p, F_EXTERNAL_ID)) ||
		!crm_ingest_take_text(p, F_EXTERNAL_ID, &value, &is_set))
		return false;
	if (is_set)
	{
		built->external_id = crm_ingest_text(slot->text, slot->length);
		built->id_hash = crm_hash_bytes(slot->text, slot->length);
	}
	return true;
}

/* Adds one value to what the content hash is made of. */
void
crm_ingest_digest_slot(CrmIngestParser *p, int field, const CrmIngestSlot *slot)
{
	char		head[6];

	if (slot->kind == CRM_SLOT_ABSENT || field == F_UPDATED_AT)
		return;
	head[0] = (char) field;
	head[1] = (char) slot->kind;
	memcpy(head + 2, &slot->length, 4);
	appendBinaryStringInfo(&p->digest, head, sizeof(head));
	appendBinaryStringInfo(&p->digest, slot->text, slot->length);
}

static int
compare_customs(const void *a, const void *b)
{
	return strcmp(((const CrmIngestCustomSlot *) a)->code, ((const CrmIngestCustomSlot *) b)->code);
}

/*
 * The content hash: keyed, for a plain hash of a name and a phone could be guessed.  The
 * source's own version is no content: the same record sent again is no revision.
 */
Datum
crm_ingest_digest(CrmIngestParser *p)
{
	bytea	   *hash;

	hash = palloc(VARHDRSZ + CRM_HASH_LENGTH);
	qsort(p->custom_slots, p->n_custom_slots, sizeof(CrmIngestCustomSlot), compare_customs);
	for (int i = 0; i < p->n_custom_slots; i++)
	{
		appendStringInfoString(&p->digest, p->custom_slots[i].code);
		crm_ingest_digest_slot(p, F_COUNT, &p->custom_slots[i].slot);
	}
	crm_core_keys_hash("content", p->digest.data, p->digest.len, (uint8 *) VARDATA(hash));
	SET_VARSIZE(hash, VARHDRSZ + CRM_HASH_LENGTH);
	return PointerGetDatum(hash);
}

void
crm_ingest_digest_record(CrmIngestParser *p, CrmIngestBuilt *built)
{
	int			n;
	const uint8 *fields = crm_ingest_entity_fields(p->entity, &n);

	for (int i = 0; i < n; i++)
		crm_ingest_digest_slot(p, fields[i], &p->slots[fields[i]]);
	built->content_hash = crm_ingest_digest(p);
}

/* What every fact carries. */
void
crm_ingest_put_common(CrmIngestParser *p, CrmIngestBuilt *built, int line_no)
{
	CrmIngestShape *shape = p->fact;
	Datum		version = crm_ingest_version(p);

	crm_ingest_shape_put(shape, A_ORDINAL, Int32GetDatum(p->ordinal));
	crm_ingest_shape_put(shape, A_SOURCE_ID, Int32GetDatum(p->source_id));
	if (built->external_id)
	{
		crm_ingest_shape_put(shape, A_EXTERNAL_ID, built->external_id);
		crm_ingest_shape_put(shape, A_CODE, built->external_id);
	}
	crm_ingest_shape_put(shape, A_CONTENT_HASH, built->content_hash);
	crm_ingest_shape_put(shape, A_IS_HISTORY, BoolGetDatum(p->is_history));
	crm_ingest_shape_put(shape, A_RECEIVED_AT, TimestampTzGetDatum(p->received_at));
	crm_ingest_shape_put(shape, A_INBOX_ID, Int64GetDatum(p->inbox_id));
	crm_ingest_shape_put(shape, A_LINE_NO, Int32GetDatum(line_no));
	if (version)
		crm_ingest_shape_put(shape, A_SOURCE_VERSION, version);
}

Datum
crm_ingest_channel(CrmIngestParser *p)
{
	const CrmIngestSlot *slot = &p->slots[F_CHANNEL];

	return slot->kind == CRM_SLOT_TEXT ? crm_ingest_text(slot->text, slot->length) :
		CStringGetTextDatum(p->source_channel);
}

/* An id for a fact that has none of its own: its place in the inbox. */
static Datum
place_id(CrmIngestParser *p, int line_no)
{
	return CStringGetTextDatum(psprintf("%s:%lld:%d", crm_ingest_entity_name(p->entity),
										(long long) p->inbox_id, line_no));
}

/*
 * The reference a fact hangs on: the member it names, else whoever its identifiers lead to,
 * else its device, else, if anybody will do, a receipt.  Also puts store and channel into the
 * fact.  False after a fault.
 */
bool
crm_ingest_put_ref(CrmIngestParser *p, CrmIngestBuilt *built, int line_no, int store_id,
				   TimestampTz at, bool anybody)
{
	CrmIngestShape *ref = p->ref;
	const CrmIngestSlot *member = &p->slots[F_MEMBER_EXTERNAL_ID];
	Datum		id = 0;
	Datum		identifiers = 0;
	Datum		ignored = 0;
	int			source_id;
	int			n_keys = 0;
	bool		is_member;
	bool		is_set;

	if (!crm_ingest_take_text(p, F_MEMBER_EXTERNAL_ID, &id, &is_member) ||
		!crm_ingest_take_text(p, F_CHANNEL, &ignored, &is_set) ||
		!crm_ingest_member_source(p, &source_id))
		return false;
	if (p->wants_facts || !anybody)
		identifiers = crm_ingest_identifiers(p, &n_keys);
	if (!is_member && n_keys == 0 && p->slots[F_DEVICE].kind != CRM_SLOT_ABSENT)
	{
		id = crm_ingest_device_id(p);
		is_set = true;
	}
	else
		is_set = is_member;
	if (!anybody && !is_set && n_keys == 0)
	{
		crm_ingest_fault(p, CRM_FAULT_NOBODY, "member_external_id",
						 "Name the member, or send a phone, an openid or another identifier.");
		return false;
	}
	if (!p->wants_facts)
		return true;
	if (!is_set)
		id = built->external_id ? built->external_id : place_id(p, line_no);
	crm_ingest_shape_put(ref, A_ORDINAL, Int32GetDatum(p->ordinal));
	crm_ingest_shape_put(ref, A_SOURCE_ID, Int32GetDatum(is_member ? source_id : p->source_id));
	crm_ingest_shape_put(ref, A_KIND,
						 CStringGetTextDatum(is_member ? "member"
											 : is_set  ? "visitor"
													   : "receipt"));
	crm_ingest_shape_put(ref, A_EXTERNAL_ID,
						 is_member ? crm_ingest_text(member->text, member->length) : id);
	if (identifiers)
		crm_ingest_shape_put(ref, A_IDENTIFIERS, identifiers);
	if (store_id != 0)
	{
		crm_ingest_shape_put(ref, A_STORE_ID, Int32GetDatum(store_id));
		crm_ingest_shape_put(p->fact, A_STORE_ID, Int32GetDatum(store_id));
	}
	crm_ingest_shape_put(ref, A_CHANNEL, crm_ingest_channel(p));
	crm_ingest_shape_put(p->fact, A_CHANNEL, crm_ingest_channel(p));
	crm_ingest_shape_put(ref, A_OCCURRED_AT, TimestampTzGetDatum(at));
	crm_ingest_shape_put(ref, A_IS_HISTORY, BoolGetDatum(p->is_history));
	crm_ingest_shape_put(ref, A_RECEIVED_AT, TimestampTzGetDatum(p->received_at));
	crm_ingest_shape_put(ref, A_INBOX_ID, Int64GetDatum(p->inbox_id));
	crm_ingest_shape_put(ref, A_LINE_NO, Int32GetDatum(line_no));
	built->ref = crm_ingest_shape_form(ref);
	return true;
}

/* Puts a text field into the fact as it is. */
bool
crm_ingest_put_text(CrmIngestParser *p, int field, CrmIngestAttribute attribute)
{
	Datum		value = 0;
	bool		is_set;

	if (!crm_ingest_take_text(p, field, &value, &is_set))
		return false;
	if (is_set && p->wants_facts)
		crm_ingest_shape_put(p->fact, attribute, value);
	return true;
}

bool
crm_ingest_put_time(CrmIngestParser *p, int field, CrmIngestAttribute attribute, bool required,
		 TimestampTz *at, bool *is_set)
{
	if ((required && !crm_ingest_require(p, field)) || !crm_ingest_take_time(p, field, at, is_set))
		return false;
	if (*is_set)
		crm_ingest_shape_put(p->fact, attribute, TimestampTzGetDatum(*at));
	return true;
}

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
	static const char *const channels[] = {"sms|短信", "wechat|微信", "email|mail|邮件", NULL};
	static const char *const words[] = {"sms", "wechat", "email"};
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
