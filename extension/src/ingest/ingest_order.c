/*
 * ingest_order.c
 *		Orders with their lines: exact money, one fact from one JSON text or several CSV lines.
 *
 * A CSV line brings the order's fields and one line.  Of the order's fields the first value
 * wins, save ordered_at and paid_at, of which the earliest does: exports repeat an order's
 * fields on each line, and some give a line its own time.  A line's amount is the one given,
 * else quantity x price computed exactly; either is rounded once, half away from zero.  The
 * order's amount is the one given, else what its lines add up to less the discount.
 *
 * An order lives in the fact's memory until it has been built.
 */
#include "ingest/ingest.h"

#include "pure/hash.h"
#include "pure/jsonscan.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#define MAX_LINES_OF_ORDER 20000

struct CrmIngestOrder
{
	CrmIngestSlot slots[F_COUNT];	/* the order's own fields */
	int			first_line;
	int			n_records;		/* lines of CSV, or one text */
	bool		is_bad;			/* a line of it is; it is not stored */
	int			n_lines;
	int			max_lines;
	Datum	   *lines;			/* crm.order_line_fact */
	int64		sum;			/* of the lines' amounts, minor units */
	StringInfoData digest;		/* of the lines */
};

static const char *const statuses[] = {
	"paid|已付款|已支付|支付成功", "unpaid|待付款|未付款|未支付", "cancelled|canceled|已取消|已关闭|交易关闭",
	"completed|已完成|完成|交易成功", NULL
};
static const char *const kinds[] = {"sale|销售", "cancellation|冲销|退货", "adjustment|调整", NULL};
static const char *const status_words[] = {"paid", "unpaid", "cancelled", "completed"};
static const char *const kind_words[] = {"sale", "cancellation", "adjustment"};

/* An order that begins with the record in the parser's slots; it takes no field yet but its id. */
CrmIngestOrder *
crm_ingest_order_begin(CrmIngestParser *p)
{
	MemoryContext old = MemoryContextSwitchTo(p->fact_memory);
	CrmIngestOrder *order = palloc0(sizeof(CrmIngestOrder));

	order->first_line = p->line_no;
	order->slots[F_EXTERNAL_ID] = p->slots[F_EXTERNAL_ID];
	initStringInfo(&order->digest);
	MemoryContextSwitchTo(old);
	return order;
}

const CrmIngestSlot *
crm_ingest_order_id(const CrmIngestOrder *order)
{
	return &order->slots[F_EXTERNAL_ID];
}

int
crm_ingest_order_line(const CrmIngestOrder *order)
{
	return order->first_line;
}

void
crm_ingest_order_spoil(CrmIngestOrder *order)
{
	order->is_bad = true;
}

/* Lines mostly repeat the order's fields: what was read once need not be read again. */
static bool
is_same(const CrmIngestSlot *slot, const CrmIngestSlot *other)
{
	return slot->kind == other->kind && slot->length == other->length &&
		(slot->length == 0 || memcmp(slot->text, other->text, slot->length) == 0);
}

static bool
is_earlier(CrmIngestParser *p, const CrmIngestSlot *slot, const CrmIngestSlot *than)
{
	TimestampTz at;
	TimestampTz other;

	return !is_same(slot, than) && crm_ingest_parse_time(slot, p->source_zone, &at) &&
		crm_ingest_parse_time(than, p->source_zone, &other) && at < other;
}

static void
merge_fields(CrmIngestParser *p, CrmIngestOrder *order)
{
	int			n;
	const uint8 *fields = crm_ingest_entity_fields(CRM_INGEST_ORDER, &n);

	for (int i = 0; i < n; i++)
	{
		int			field = fields[i];
		CrmIngestSlot *given = &p->slots[field];
		CrmIngestSlot *kept = &order->slots[field];

		if (given->kind == CRM_SLOT_ABSENT || crm_ingest_is_line_field(field))
			continue;
		if (kept->kind == CRM_SLOT_ABSENT ||
			((field == F_ORDERED_AT || field == F_PAID_AT) && is_earlier(p, given, kept)))
			*kept = *given;
	}
}

typedef struct LineMoney
{
	CrmDecimal	quantity;
	CrmDecimal	unit_price;
	int64		amount;
} LineMoney;

/* Quantity, price and amount of a line; what two of them leave open is computed. */
static bool
take_line_money(CrmIngestParser *p, LineMoney *money)
{
	bool		has_quantity;
	bool		has_price;
	bool		has_amount;

	if (!crm_ingest_take_decimal(p, &p->slots[F_QUANTITY], "quantity", &money->quantity,
								 &has_quantity) ||
		!crm_ingest_take_decimal(p, &p->slots[F_UNIT_PRICE], "unit_price", &money->unit_price,
								 &has_price) ||
		!crm_ingest_take_money(p, &p->slots[F_LINE_AMOUNT], "line_amount", &money->amount,
							   &has_amount))
		return false;
	if (!has_price && !has_amount)
		return crm_ingest_require(p, F_UNIT_PRICE);
	if (!has_quantity)
		money->quantity = (CrmDecimal) {1, 0};
	if (!has_amount && (crm_decimal_multiply(money->quantity, money->unit_price, p->exponent,
											 &money->amount) != CRM_DECIMAL_OK ||
						llabs(money->amount) > INT64CONST(1000000000000000)))
	{
		crm_ingest_fault(p, CRM_FAULT_RANGE, "quantity", "Send a smaller quantity or price.");
		return false;
	}
	return true;
}

/* The price that was not given: the amount divided by the quantity, to six places. */
static Datum
price_of(CrmIngestParser *p, const LineMoney *money)
{
	Datum		quantity = NumericGetDatum(int64_div_fast_to_numeric(money->quantity.value,
																	  money->quantity.scale));
	Datum		amount = crm_ingest_money(p, money->amount);

	if (money->quantity.value == 0)
		return NumericGetDatum(int64_to_numeric(0));
	return DirectFunctionCall2(numeric_round, DirectFunctionCall2(numeric_div, amount, quantity),
							   Int32GetDatum(6));
}

static bool
put_texts(CrmIngestParser *p)
{
	static const struct
	{
		int			field;
		CrmIngestAttribute attribute;
	}			texts[] = {
		{F_LINE_KEY, A_LINE_KEY}, {F_PRODUCT_CODE, A_PRODUCT_CODE},
		{F_PRODUCT_NAME, A_PRODUCT_NAME}, {F_CATEGORY_CODE, A_CATEGORY_CODE},
	};

	for (int i = 0; i < lengthof(texts); i++)
	{
		Datum		value = 0;
		bool		is_set;

		if (!crm_ingest_take_text(p, texts[i].field, &value, &is_set))
			return false;
		if (is_set && p->wants_facts)
			crm_ingest_shape_put(p->line, texts[i].attribute, value);
	}
	return true;
}

static void
append_line(CrmIngestParser *p, CrmIngestOrder *order, const LineMoney *money)
{
	if (order->n_lines == order->max_lines)
	{
		order->max_lines = Max(8, order->max_lines * 2);
		order->lines = order->lines == NULL ? palloc(sizeof(Datum) * order->max_lines) :
			repalloc(order->lines, sizeof(Datum) * order->max_lines);
	}
	crm_ingest_shape_put(p->line, A_QUANTITY, NumericGetDatum(int64_div_fast_to_numeric(
		money->quantity.value, money->quantity.scale)));
	crm_ingest_shape_put(p->line, A_UNIT_PRICE, p->slots[F_UNIT_PRICE].kind == CRM_SLOT_ABSENT ?
						 price_of(p, money) :
						 NumericGetDatum(int64_div_fast_to_numeric(money->unit_price.value,
																   money->unit_price.scale)));
	crm_ingest_shape_put(p->line, A_AMOUNT, crm_ingest_money(p, money->amount));
	order->lines[order->n_lines] = crm_ingest_shape_form(p->line);
}

/* Adds the line in the parser's slots; false after a fault. */
static bool
add_line(CrmIngestParser *p, CrmIngestOrder *order)
{
	LineMoney	money = {{0, 0}, {0, 0}, 0};

	if (!crm_ingest_require(p, F_PRODUCT_CODE) || !take_line_money(p, &money) || !put_texts(p))
		return false;
	if (order->n_lines == MAX_LINES_OF_ORDER)
	{
		crm_ingest_fault(p, CRM_FAULT_TOO_LARGE, "items", "Send orders of at most 20000 lines.");
		return false;
	}
	if (p->wants_facts)
		append_line(p, order, &money);
	order->n_lines++;
	order->sum += money.amount;
	/* a line that was put back follows the digest of the order before */
	resetStringInfo(&p->digest);
	for (int field = F_LINE_KEY; field <= F_LINE_AMOUNT; field++)
		crm_ingest_digest_slot(p, field, &p->slots[field]);
	appendBinaryStringInfo(&order->digest, p->digest.data, p->digest.len);
	resetStringInfo(&p->digest);
	return true;
}

/* A fault of an element of items is named by its place: items[2].quantity. */
static void
place_fault(CrmIngestParser *p, int index)
{
	if (p->fault_field == NULL || strncmp(p->fault_field, "items", 5) == 0)
		return;
	p->fault_field = psprintf("items[%d].%s", index, strcmp(p->fault_field, "line_amount") == 0 ?
							  "amount" : p->fault_field);
}

static bool
add_items(CrmIngestParser *p, CrmIngestOrder *order)
{
	const CrmIngestSlot *slot = &p->slots[F_ITEMS];
	CrmJsonValue root;
	CrmJsonValue item;
	CrmJsonWalk walk;

	if (crm_json_scan(slot->text, slot->length, &root, NULL) != CRM_JSON_OK ||
		root.type != CRM_JSON_ARRAY)
	{
		crm_ingest_slot_fault(p, CRM_FAULT_TYPE, F_ITEMS, "Send a list of objects.");
		return false;
	}
	crm_json_begin(&walk, &root);
	for (int index = 0; crm_json_next_element(&walk, &item); index++)
	{
		memset(&p->slots[F_LINE_KEY], 0, sizeof(CrmIngestSlot) * (F_LINE_AMOUNT - F_LINE_KEY + 1));
		if (!crm_ingest_json_item(p, item.text, item.length) || !add_line(p, order))
		{
			place_fault(p, index);
			return false;
		}
	}
	return true;
}

static bool
has_line(const CrmIngestParser *p)
{
	for (int field = F_LINE_KEY; field <= F_LINE_AMOUNT; field++)
		if (p->slots[field].kind != CRM_SLOT_ABSENT)
			return true;
	return false;
}

/* Takes the record in the parser's slots into the order; false after a fault. */
bool
crm_ingest_order_add(CrmIngestParser *p, CrmIngestOrder *order)
{
	MemoryContext old = MemoryContextSwitchTo(p->fact_memory);
	TimestampTz at;
	bool		is_set;
	bool		ok;

	order->n_records++;
	ok = crm_ingest_require(p, F_ORDERED_AT);
	if (ok && !is_same(&p->slots[F_ORDERED_AT], &order->slots[F_ORDERED_AT]))
		ok = crm_ingest_take_time(p, F_ORDERED_AT, &at, &is_set);
	if (ok && !is_same(&p->slots[F_PAID_AT], &order->slots[F_PAID_AT]))
		ok = crm_ingest_take_time(p, F_PAID_AT, &at, &is_set);
	if (ok && p->slots[F_ITEMS].kind != CRM_SLOT_ABSENT)
		ok = add_items(p, order);
	else if (ok && has_line(p))
		ok = add_line(p, order);
	if (ok)
		merge_fields(p, order);
	MemoryContextSwitchTo(old);
	return ok;
}

static bool
put_money(CrmIngestParser *p, const CrmIngestOrder *order)
{
	int64		amount;
	int64		discount = 0;
	bool		has_amount;
	bool		has_discount;

	if (!crm_ingest_take_money(p, &p->slots[F_AMOUNT], "amount", &amount, &has_amount) ||
		!crm_ingest_take_money(p, &p->slots[F_DISCOUNT], "discount", &discount, &has_discount))
		return false;
	if (!has_amount && order->n_lines == 0)
		return crm_ingest_require(p, F_AMOUNT);
	if (!p->wants_facts)
		return true;
	crm_ingest_shape_put(p->fact, A_AMOUNT,
						 crm_ingest_money(p, has_amount ? amount : order->sum - discount));
	crm_ingest_shape_put(p->fact, A_DISCOUNT, crm_ingest_money(p, discount));
	return true;
}

/* When it was ordered and paid, and the local day on which it counts: null while it does not. */
static bool
put_times(CrmIngestParser *p, int status, int kind, pg_tz *zone, TimestampTz *ordered_at)
{
	TimestampTz paid_at;
	bool		is_set;
	bool		is_paid = status == 0 || status == 3;

	if (!crm_ingest_take_time(p, F_ORDERED_AT, ordered_at, &is_set) ||
		!crm_ingest_take_time(p, F_PAID_AT, &paid_at, &is_set))
		return false;
	if (!is_set)
		paid_at = *ordered_at;
	crm_ingest_shape_put(p->fact, A_ORDERED_AT, TimestampTzGetDatum(*ordered_at));
	if (is_set || is_paid)
		crm_ingest_shape_put(p->fact, A_PAID_AT, TimestampTzGetDatum(paid_at));
	if (is_paid && kind != 2)
		crm_ingest_shape_put(p->fact, A_BUSINESS_DAY,
							 DateADTGetDatum(crm_ingest_local_day(paid_at, zone)));
	return true;
}

static bool
check_currency(CrmIngestParser *p)
{
	const CrmIngestSlot *slot = &p->slots[F_CURRENCY];

	if (slot->kind == CRM_SLOT_ABSENT ||
		(slot->length == strlen(p->currency) &&
		 pg_strncasecmp(slot->text, p->currency, slot->length) == 0))
		return true;
	crm_ingest_slot_fault(p, CRM_FAULT_OPTION, F_CURRENCY,
						  "Send amounts in the currency of the source.");
	return false;
}

static bool
names_nobody(const CrmIngestParser *p)
{
	static const int fields[] = {F_MEMBER_EXTERNAL_ID, F_PHONE, F_MEMBER_CARD, F_OPENID, F_UNIONID};

	for (int i = 0; i < lengthof(fields); i++)
		if (p->slots[fields[i]].kind != CRM_SLOT_ABSENT)
			return false;
	return true;
}

/* Turns the order into a fact and the reference it hangs on; false after a fault, also of a line. */
bool
crm_ingest_order_build(CrmIngestParser *p, CrmIngestOrder *order, CrmIngestBuilt *built)
{
	MemoryContext old = MemoryContextSwitchTo(p->fact_memory);
	int			status = 0;
	int			kind = 0;
	int			store_id;
	int			n;
	const uint8 *fields = crm_ingest_entity_fields(CRM_INGEST_ORDER, &n);
	pg_tz	   *zone;
	TimestampTz at = 0;
	Datum		value = 0;
	bool		is_set;
	bool		ok;

	memcpy(p->slots, order->slots, sizeof(p->slots));
	ok = !order->is_bad && crm_ingest_take_id(p, true, built) &&
		 crm_ingest_take_word(p, F_STATUS, statuses, &status) &&
		 crm_ingest_take_word(p, F_KIND, kinds, &kind) &&
		 crm_ingest_take_store(p, &store_id, &zone) && check_currency(p) && put_money(p, order) &&
		 put_times(p, status, kind, zone, &at) &&
		 crm_ingest_take_text(p, F_COUPON_CODE, &value, &is_set);
	if (ok)
	{
		for (int i = 0; i < n; i++)
			if (!crm_ingest_is_line_field(fields[i]) && fields[i] != F_ITEMS)
				crm_ingest_digest_slot(p, fields[i], &p->slots[fields[i]]);
		appendBinaryStringInfo(&p->digest, order->digest.data, order->digest.len);
		built->content_hash = crm_ingest_digest(p);
		if (is_set && p->wants_facts)
			crm_ingest_shape_put(p->fact, A_COUPON_CODE, value);
		ok = crm_ingest_put_ref(p, built, order->first_line, store_id, at, true);
	}
	if (ok)
	{
		built->kind = kind_words[kind];
		built->n_records = order->n_records;
		built->is_of_nobody = names_nobody(p);
	}
	if (ok && p->wants_facts)
	{
		crm_ingest_shape_put(p->fact, A_STATUS, CStringGetTextDatum(status_words[status]));
		crm_ingest_shape_put(p->fact, A_KIND, CStringGetTextDatum(kind_words[kind]));
		crm_ingest_shape_put(p->fact, A_LINES,
							 crm_ingest_shape_array(p->line, order->lines, order->n_lines));
		crm_ingest_put_common(p, built, order->first_line);
		built->fact = crm_ingest_shape_form(p->fact);
	}
	MemoryContextSwitchTo(old);
	return ok;
}
