/*
 * rule_words.c
 *		A condition in words, Chinese and English: what explain and preview show beside the numbers.
 */
#include "rule/rule.h"

#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

static const char *const measures_zh[CRM_RULE_N_MEASURES] = {
	"", "有过", "从未有", "次数", "天数", "合计", "平均", "最小", "最大", "不同值数", "距最近一次天数", "距首次天数",
	"最长连续天数", "与本人以往均值之比", "距上次天数与本人间隔中位数之比"
};
static const char *const measures_en[CRM_RULE_N_MEASURES] = {
	"", "ever", "never", "count", "days", "sum", "average", "least", "greatest", "distinct values", "days since the last",
	"days since the first", "longest run of days", "share of the own earlier mean", "days since the last over the own median gap"
};
static const char *const ops_zh[CRM_RULE_N_OPS] = {
	"等于", "不等于", "小于", "不大于", "大于", "不小于", "介于", "属于", "不属于", "包含", "开头为", "为空", "不为空"
};

static void
append_value(StringInfo words, const CrmRuleTest *test, Datum value)
{
	switch (test->type)
	{
		case CRM_RULE_NUMBER:
			appendStringInfoString(words, DatumGetCString(DirectFunctionCall1(numeric_out, value)));
			break;
		case CRM_RULE_BOOLEAN:
			appendStringInfoString(words, DatumGetBool(value) ? "true" : "false");
			break;
		case CRM_RULE_DATE:
			appendStringInfoString(words, DatumGetCString(DirectFunctionCall1(date_out, value)));
			break;
		case CRM_RULE_TIME:
			appendStringInfoString(words, timestamptz_to_str(DatumGetTimestampTz(value)));
			break;
		default:
			appendStringInfoString(words, TextDatumGetCString(value));
	}
}

static void
append_comparison(StringInfo text, const CrmRuleTest *test, bool is_chinese)
{
	appendStringInfo(text, " %s", is_chinese ? ops_zh[test->op] : crm_rule_op_name(test->op));
	for (int i = 0; i < Min(test->n_values, 5); i++)
	{
		appendStringInfoString(text, i == 0 ? " " : ", ");
		append_value(text, test, test->values[i]);
	}
	if (test->n_values > 5)
		appendStringInfo(text, ", ... (%d)", test->n_values);
}

static void
append_field(StringInfo text, const CrmRuleField *field)
{
	static const char *const suffixes[] = {"", ".age", ".months", ".since", ".until", ".in", ".month"};

	appendStringInfo(text, " %s", field->column->name);
	if (field->member != NULL)
		appendStringInfo(text, ".%s", field->member);
	appendStringInfoString(text, suffixes[field->derive]);
}

static void
append_window(StringInfo text, const CrmRuleCondition *condition, bool is_chinese)
{
	if (condition->has_days && condition->youngest > 0)
		appendStringInfo(text, is_chinese ? "，%d 至 %d 天前" : ", %d to %d days ago", condition->youngest, condition->oldest);
	else if (condition->has_days)
		appendStringInfo(text, is_chinese ? "，近 %d 天" : ", in %d days", condition->oldest);
	if (condition->hours > 0)
		appendStringInfo(text, is_chinese ? "，近 %d 小时" : ", in %d hours", condition->hours);
	if (condition->has_since)
		appendStringInfo(text, is_chinese ? "，自 %s 起" : ", since %s",
						 DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(condition->since))));
	if (condition->has_until)
		appendStringInfo(text, is_chinese ? "，至 %s 止" : ", until %s",
						 DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(condition->until))));
	if (condition->has_clock)
		appendStringInfo(text, is_chinese ? "，%02d:%02d 至 %02d:%02d" : ", from %02d:%02d to %02d:%02d",
						 (int) (condition->from / USECS_PER_HOUR), (int) (condition->from / USECS_PER_MINUTE % 60),
						 (int) (condition->to / USECS_PER_HOUR), (int) (condition->to / USECS_PER_MINUTE % 60));
	if (condition->weekdays != 0)
	{
		appendStringInfoString(text, is_chinese ? "，星期" : ", on ISO days ");
		for (int day = 1; day <= 7; day++)
			if (condition->weekdays & (1 << (day - 1)))
				appendStringInfo(text, "%d", day);
	}
}

/* "近 30 天订单 次数 不小于 3". */
char *
crm_rule_words(const CrmRuleCondition *condition, bool is_chinese)
{
	const CrmRuleSource *source = condition->source;
	const char *name = is_chinese ? source->name_zh : source->name_en;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, name != NULL ? name : source->kind);
	if (condition->part != NULL)
		appendStringInfo(&text, " %s", condition->part);
	if (condition->field.column != NULL)
		append_field(&text, &condition->field);
	if (condition->measure != CRM_RULE_VALUE)
		appendStringInfo(&text, " %s", is_chinese ? measures_zh[condition->measure] : measures_en[condition->measure]);
	if (condition->measure != CRM_RULE_EVER && condition->measure != CRM_RULE_NEVER)
		append_comparison(&text, &condition->test, is_chinese);
	append_window(&text, condition, is_chinese);
	for (int i = 0; i < condition->n_where; i++)
	{
		appendStringInfoString(&text, is_chinese ? "；" : ";");
		append_field(&text, &condition->where[i].field);
		append_comparison(&text, &condition->where[i], is_chinese);
	}
	if (condition->same.column != NULL)
	{
		appendStringInfoString(&text, is_chinese ? "；同一" : "; one and the same");
		append_field(&text, &condition->same);
	}
	return text.data;
}
