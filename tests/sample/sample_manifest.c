/*
 * sample_manifest.c
 *		manifest.json: the files in the order to load them, and what their columns mean.
 *
 * A mapping names for each standard field of the intake the column that holds it; one column
 * may serve two fields.
 */
#include <string.h>

#include "sample.h"

typedef struct Pair
{
	const char *field;
	const char *column;
} Pair;

enum
{
	PAIRS_MAX = 16
};

typedef struct File
{
	const char *name;
	const char *source;
	const char *entity;
	const char *encoding;
	Pair		pairs[PAIRS_MAX];
} File;

#define TILL_LINES(number, at, member) { \
	{"external_id", number}, {"line_key", "行号"}, {"product_code", "商品编码"}, \
	{"product_name", "商品名称"}, {"quantity", "数量"}, {"unit_price", "单价"}, \
	{"line_amount", "金额"}, {"ordered_at", at}, {"store_code", "门店"}, \
	{"member_external_id", member}, {"coupon_code", "优惠券"}, {"updated_at", "上传时间"}}

#define TILL_REFUNDS { \
	{"external_id", "退款单号"}, {"order_external_id", "原单号"}, {"line_key", "原行号"}, \
	{"amount", "退款金额"}, {"refunded_at", "退款时间"}, {"store_code", "门店"}, \
	{"reason", "退款原因"}}

#define MINI_ORDERS { \
	{"external_id", "order_no"}, {"ordered_at", "ordered_at"}, {"store_code", "store"}, \
	{"member_external_id", "openid"}, {"status", "status"}, {"amount", "amount"}, \
	{"discount", "discount"}, {"coupon_code", "coupon_code"}, {"updated_at", "updated_at"}, \
	{"items", "items"}}

static const File files[] = {
	{"products.csv", "pos", "product", "utf8", {
		{"external_id", "商品编码"}, {"name", "商品名称"}, {"category_code", "品类编码"},
		{"category_name", "品类名称"}, {"list_price", "零售价"}, {"refill_days", "复购周期"}}},
	{"pos_members.csv", "pos", "member", "utf8", {
		{"external_id", "会员卡号"}, {"member_card", "会员卡号"}, {"name", "姓名"},
		{"phone", "手机号"}, {"birthday", "生日"}, {"birthday_calendar", "生日历法"},
		{"sex", "性别"}, {"store_code", "门店"}, {"registered_at", "开卡时间"}}},
	{"mini_members.ndjson", "mini", "member", "utf8", {
		{"external_id", "openid"}, {"openid", "openid"}, {"openid_app", "app"},
		{"unionid", "unionid"},
		{"phone", "phone"}, {"nickname", "nickname"}, {"name", "receiver_name"},
		{"address", "receiver_address"}, {"store_code", "store"},
		{"registered_at", "registered_at"}}},
	{"shop_members.csv", "shop", "member", "utf8", {
		{"external_id", "买家编号"}, {"platform_id", "买家编号"}, {"name", "收件人"},
		{"phone", "手机号"}, {"address", "收货地址"}, {"registered_at", "注册时间"}}},
	{"wechat_followers.ndjson", "wechat", "member", "utf8", {
		{"external_id", "id"}, {"kind", "kind"}, {"channel", "channel"}, {"openid", "openid"},
		{"openid_app", "app"},
		{"wecom_id", "external_userid"}, {"unionid", "unionid"}, {"phone", "phone"},
		{"nickname", "nickname"}, {"store_code", "store"}, {"registered_at", "followed_at"}}},
	{"excel_members.csv", "excel", "member", "gbk", {
		{"external_id", "编号"}, {"name", "客户姓名"}, {"phone", "联系电话"},
		{"custom.wechat_id", "微信号"}, {"birthday", "生日"}, {"address", "地址"},
		{"note", "备注"}, {"store_code", "登记门店"}, {"registered_at", "登记日期"}}},
	{"consents.csv", "pos", "consent", "utf8", {
		{"member_source", "来源"}, {"member_external_id", "会员编号"}, {"channel", "渠道"},
		{"state", "状态"}, {"occurred_at", "时间"}, {"evidence", "凭证"}}},
	{"pos_orders.csv", "pos", "order_line", "utf8", TILL_LINES("单号", "下单时间", "会员卡号")},
	{"mini_orders.ndjson", "mini", "order", "utf8", MINI_ORDERS},
	{"shop_orders.csv", "shop", "order_line", "utf8", TILL_LINES("订单号", "付款时间", "买家编号")},
	{"pos_refunds.csv", "pos", "refund", "utf8", TILL_REFUNDS},
	{"mini_refunds.ndjson", "mini", "refund", "utf8", {
		{"external_id", "refund_no"}, {"order_external_id", "order_no"},
		{"line_key", "line_key"}, {"amount", "amount"}, {"refunded_at", "refunded_at"},
		{"reason", "reason"}}},
	{"shop_refunds.csv", "shop", "refund", "utf8", TILL_REFUNDS},
	{"pos_orders_after.csv", "pos", "order_line", "utf8", TILL_LINES("单号", "下单时间", "会员卡号")},
	{"mini_orders_after.ndjson", "mini", "order", "utf8", MINI_ORDERS},
	{"shop_orders_after.csv", "shop", "order_line", "utf8", TILL_LINES("订单号", "付款时间", "买家编号")},
	{"coupons.csv", "pos", "coupon", "utf8", {
		{"external_id", "券码"}, {"member_source", "来源"}, {"member_external_id", "会员编号"},
		{"coupon_type", "券种"}, {"issued_at", "发放时间"}, {"valid_until", "有效期至"},
		{"state", "状态"}, {"redeemed_at", "核销时间"}, {"order_external_id", "核销单号"}}},
	{"mini_events.ndjson", "mini", "event", "utf8", {
		{"external_id", "event_id"}, {"type", "type"}, {"occurred_at", "at"},
		{"member_external_id", "openid"}, {"device", "device"}, {"object_id", "object"},
		{"properties", "properties"}}},
	{"pos_notes.ndjson", "pos", "interaction", "utf8", {
		{"external_id", "note_id"}, {"occurred_at", "at"}, {"channel", "channel"},
		{"direction", "direction"}, {"member_external_id", "card"}, {"staff_code", "staff"},
		{"store_code", "store"}, {"body", "text"}}}
};

static const struct
{
	const char *code;
	const char *name;
	const char *kind;
	const char *channel;
}			sources[] = {
	{"pos", "门店收银", "pos", "store"},
	{"mini", "小程序", "mini_program", "mini"},
	{"shop", "电商平台", "shop_platform", "shop"},
	{"wechat", "公众号与企业微信", "official_account", "wechat"},
	{"excel", "门店表格", "spreadsheet", "store"}
};

static void
file_put(FILE *out, const File *file, bool is_last)
{
	const char *dot = strrchr(file->name, '.');
	int			i;

	fprintf(out, "    {\"file\": \"%s\", \"source\": \"%s\", \"entity\": \"%s\", "
			"\"format\": \"%s\", \"encoding\": \"%s\",\n     \"mapping\": {",
			file->name, file->source, file->entity, dot + 1, file->encoding);
	for (i = 0; i < PAIRS_MAX && file->pairs[i].field != NULL; i++)
		fprintf(out, "%s\"%s\": \"%s\"", i > 0 ? ", " : "", file->pairs[i].field,
				file->pairs[i].column);
	fprintf(out, "}}%s\n", is_last ? "" : ",");
}

void
write_manifest(const Sample *sample)
{
	char		path[4096];
	FILE	   *out;
	size_t		i;

	snprintf(path, sizeof(path), "%s/manifest.json", sample->out);
	out = fopen(path, "wb");
	if (out == NULL)
		fail("cannot write %s", path);
	fprintf(out, "{\n  \"sources\": [\n");
	for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		fprintf(out, "    {\"code\": \"%s\", \"name\": \"%s\", \"kind\": \"%s\", "
				"\"channel\": \"%s\"}%s\n", sources[i].code, sources[i].name,
				sources[i].kind, sources[i].channel,
				i + 1 < sizeof(sources) / sizeof(sources[0]) ? "," : "");
	fprintf(out, "  ],\n  \"files\": [\n");
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		file_put(out, &files[i], i + 1 == sizeof(files) / sizeof(files[0]));
	fprintf(out, "  ]\n}\n");
	if (fclose(out) != 0)
		fail("cannot write %s", path);
}
