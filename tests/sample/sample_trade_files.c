/*
 * sample_trade_files.c
 *		Orders and refunds of tills, mini-program and shop platform, in order of arrival.
 *
 * A source has three files: its orders; its refunds; and the orders that come after those,
 * because their refund was faster or because they are a correction.  A row says when it was
 * uploaded.  An order sent twice stands there twice; a corrected one first with the quantity
 * of its first line one too high.
 */
#include <stdlib.h>

#include "sample.h"

typedef struct Delivery
{
	int64_t		at;
	int32_t		order;
	bool		is_first_try;	/* the content that is corrected later */
} Delivery;

static int
delivery_compare(const void *a, const void *b)
{
	const Delivery *left = a;
	const Delivery *right = b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

static void
clock_text(int64_t at, char *out)
{
	text_time((int32_t) (at / DAY_SECONDS), (int) (at % DAY_SECONDS), out);
}

static void
order_time_text(const Order *order, char *out)
{
	if (order->flags & ORD_ZONE)
		text_utc(order->day, order->second, out);
	else
		text_time(order->day, order->second, out);
}

static void
coupon_text(const Order *order, char *out)
{
	out[0] = '\0';
	if (order->coupon >= 0)
		sprintf(out, "C%09d", (int) order->coupon);
}

static Line
line_delivered(const Sample *sample, const Delivery *delivery, int ordinal)
{
	Line		line = sample->line[sample->order[delivery->order].first_line + ordinal];

	if (delivery->is_first_try && ordinal == 0)
		line.quantity++;
	return line;
}

static void
line_row(Writer *writer, const Sample *sample, const Delivery *delivery, int ordinal)
{
	const Order *order = &sample->order[delivery->order];
	Line		line = line_delivered(sample, delivery, ordinal);
	char		text[96];

	text_order_id(sample, delivery->order, text);
	csv_text(writer, text);
	csv_format(writer, "%d", ordinal + 1);
	product_code(line.product, text);
	csv_text(writer, text);
	product_name(line.product, text);
	csv_text(writer, text);
	csv_format(writer, "%d", line.quantity);
	csv_money(writer, line.price);
	csv_money(writer, line.discount);
	csv_money(writer, line_paid(&line));
	order_time_text(order, text);
	csv_text(writer, text);
	store_code(order->store, text);
	csv_text(writer, order->store == NO_STORE ? "" : text);
	text[0] = '\0';
	if (order->record >= 0)
		text_external_id(sample, &sample->record[order->record], text);
	csv_text(writer, text);
	if (order->source == SRC_POS)
		staff_code(sample, staff_of_store(sample, order->store, order->day,
										  scatter((uint64_t) delivery->order, 5)), text);
	else
		text[0] = '\0';
	csv_text(writer, text);
	coupon_text(order, text);
	csv_text(writer, text);
	clock_text(delivery->at, text);
	csv_text(writer, text);
	csv_end(writer);
}

static void
order_rows(Writer *writer, const Sample *sample, const Delivery *delivery)
{
	int			i;

	for (i = 0; i < sample->order[delivery->order].lines; i++)
		line_row(writer, sample, delivery, i);
}

static void
item_member(Writer *writer, const char *key, int64_t fen)
{
	json_format(writer, key, "%lld.%02d", (long long) (fen / 100), (int) (fen % 100));
}

static void
order_object(Writer *writer, const Sample *sample, const Delivery *delivery)
{
	const Order *order = &sample->order[delivery->order];
	int64_t		discount = 0;
	int64_t		paid = 0;
	char		text[96];
	int			i;

	json_begin(writer);
	text_order_id(sample, delivery->order, text);
	json_text(writer, "order_no", text);
	text_external_id(sample, &sample->record[order->record], text);
	json_text(writer, "openid", text);
	order_time_text(order, text);
	json_text(writer, "ordered_at", text);
	store_code(order->store, text);
	json_text(writer, "store", text);
	json_text(writer, "status", "paid");
	json_raw(writer, ",\"items\":[");
	for (i = 0; i < order->lines; i++)
	{
		Line		line = line_delivered(sample, delivery, i);

		if (i > 0)
			json_raw(writer, ",");
		json_begin(writer);
		json_format(writer, "line_key", "\"%d\"", i + 1);
		product_code(line.product, text);
		json_text(writer, "product_code", text);
		product_name(line.product, text);
		json_text(writer, "product_name", text);
		json_format(writer, "quantity", "%d", line.quantity);
		item_member(writer, "unit_price", line.price);
		item_member(writer, "amount", line_paid(&line));
		json_raw(writer, "}");
		discount += line.discount;
		paid += line_paid(&line);
	}
	json_raw(writer, "]");
	item_member(writer, "amount", paid);
	item_member(writer, "discount", discount);
	coupon_text(order, text);
	if (text[0])
		json_text(writer, "coupon_code", text);
	clock_text(delivery->at, text);
	json_text(writer, "updated_at", text);
	json_end(writer);
}

static Delivery *
delivery_add(Delivery *list, int32_t *count, int32_t order, int64_t at, bool is_first_try)
{
	list = grow(list, *count, sizeof(Delivery));
	list[(*count)++] = (Delivery) {.at = at, .order = order, .is_first_try = is_first_try};
	return list;
}

/* What of an order goes into the first file (or, with "after", into the third). */
static Delivery *
deliveries_of(const Sample *sample, Source source, bool after, int32_t *count)
{
	Delivery   *list = NULL;
	int32_t		i;

	*count = 0;
	for (i = 0; i < sample->orders; i++)
	{
		const Order *order = &sample->order[i];
		int64_t		again = order->arrived + 60 + (int64_t) (scatter((uint64_t) i, 9) % 90000);
		bool		again_after = scatter((uint64_t) i, 11) % 2 == 0;

		if (order->source != source)
			continue;
		if (after == ((order->flags & ORD_AFTER_REFUND) != 0))
			list = delivery_add(list, count, i, order->arrived, order->flags & ORD_CHANGED);
		if ((order->flags & ORD_TWICE) && after == again_after)
			list = delivery_add(list, count, i, again, false);
		if ((order->flags & ORD_CHANGED) && after)
			list = delivery_add(list, count, i, again, false);
	}
	if (list != NULL)
		qsort(list, (size_t) *count, sizeof(Delivery), delivery_compare);
	return list;
}

static void
orders_write(const Sample *sample, Source source, bool after)
{
	char		name[64];
	int32_t		count;
	Delivery   *list = deliveries_of(sample, source, after, &count);
	bool		is_json = source == SRC_MINI;
	Writer	   *writer;
	int32_t		i;

	sprintf(name, "%s_orders%s.%s", source_codes[source], after ? "_after" : "",
			is_json ? "ndjson" : "csv");
	writer = writer_open(sample, name, NULL);
	if (!is_json)
		csv_header(writer, source == SRC_POS
				   ? "单号,行号,商品编码,商品名称,数量,单价,优惠,金额,下单时间,门店,会员卡号,收银员,优惠券,上传时间"
				   : "订单号,行号,商品编码,商品名称,数量,单价,优惠,金额,付款时间,门店,买家编号,客服,优惠券,上传时间");
	for (i = 0; i < count; i++)
	{
		if (is_json)
			order_object(writer, sample, &list[i]);
		else
			order_rows(writer, sample, &list[i]);
	}
	writer_close(writer);
	free(list);
}

static const Sample *sorted_sample;

static int
refund_compare(const void *a, const void *b)
{
	const Refund *left = &sorted_sample->refund[*(const int32_t *) a];
	const Refund *right = &sorted_sample->refund[*(const int32_t *) b];

	if (left->arrived != right->arrived)
		return left->arrived < right->arrived ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

static void
refund_texts(const Sample *sample, int32_t index, char *id, char *order_id, char *at)
{
	const Refund *refund = &sample->refund[index];

	sprintf(id, "R%010d", (int) index);
	text_order_id(sample, refund->order, order_id);
	text_time(refund->day, refund->second, at);
}

static const char *
refund_reason(int32_t index)
{
	static const char *const reasons[] = {
		"不想要了", "包装破损", "口味不合", "买错规格", "临期", "重复下单", "收货太慢", "过敏"
	};

	return reasons[scatter((uint64_t) index, 23) % 8];
}

static void
refund_row(Writer *writer, const Sample *sample, int32_t index)
{
	const Refund *refund = &sample->refund[index];
	const Order *order = &sample->order[refund->order];
	static const char *const kinds[] = {"整单", "单行", "部分"};
	char		id[32];
	char		order_id[32];
	char		at[32];
	char		store[16];

	refund_texts(sample, index, id, order_id, at);
	store_code(order->store, store);
	csv_text(writer, id);
	csv_text(writer, order_id);
	if (refund->kind == REFUND_FULL)
		csv_text(writer, "");
	else
		csv_format(writer, "%d", refund->line + 1);
	csv_text(writer, kinds[refund->kind]);
	csv_money(writer, refund->amount);
	csv_text(writer, at);
	csv_text(writer, order->store == NO_STORE ? "" : store);
	csv_text(writer, refund_reason(index));
	csv_end(writer);
}

static void
refund_object(Writer *writer, const Sample *sample, int32_t index)
{
	const Refund *refund = &sample->refund[index];
	char		id[32];
	char		order_id[32];
	char		at[32];

	refund_texts(sample, index, id, order_id, at);
	json_begin(writer);
	json_text(writer, "refund_no", id);
	json_text(writer, "order_no", order_id);
	if (refund->kind != REFUND_FULL)
		json_format(writer, "line_key", "\"%d\"", refund->line + 1);
	item_member(writer, "amount", refund->amount);
	json_text(writer, "refunded_at", at);
	json_text(writer, "reason", refund_reason(index));
	json_end(writer);
}

static void
refunds_write(const Sample *sample, Source source)
{
	int32_t    *list = malloc((size_t) (sample->refunds + 1) * sizeof(int32_t));
	bool		is_json = source == SRC_MINI;
	char		name[64];
	Writer	   *writer;
	int32_t		i;

	if (list == NULL)
		fail("out of memory for %d refunds", (int) sample->refunds);
	for (i = 0; i < sample->refunds; i++)
		list[i] = i;
	sorted_sample = sample;
	qsort(list, (size_t) sample->refunds, sizeof(int32_t), refund_compare);
	sprintf(name, "%s_refunds.%s", source_codes[source], is_json ? "ndjson" : "csv");
	writer = writer_open(sample, name, NULL);
	if (!is_json)
		csv_header(writer, "退款单号,原单号,原行号,退款类型,退款金额,退款时间,门店,退款原因");
	for (i = 0; i < sample->refunds; i++)
	{
		if (sample->order[sample->refund[list[i]].order].source != source)
			continue;
		if (is_json)
			refund_object(writer, sample, list[i]);
		else
			refund_row(writer, sample, list[i]);
	}
	writer_close(writer);
	free(list);
}

void
write_trade(const Sample *sample)
{
	Source		source;

	for (source = SRC_POS; source <= SRC_SHOP; source++)
	{
		orders_write(sample, source, false);
		refunds_write(sample, source);
		orders_write(sample, source, true);
	}
}
