/*
 * value_rules.c
 *		Reads tier rules from JSON into numbers, once a statement.
 *
 * The JSON is an array in order of position:
 *	[{"tier": "S", "conditions": [{"metric": "orders", "days": 30, "op": ">=", "value": 2},
 *								  {"metric": "net", "days": 30, "op": ">", "value": 300.00}]}, ...]
 * metric: orders, net (both with an optional window of days), last_days, first_days.
 * An amount is in currency units and must be exact in the currency's exponent.
 *
 * A call site keeps what it has read (fn_extra) and reads again when the rules' bytes differ.
 */
#include "value/value.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#define MAX_DAYS 1000000

static const char *const metric_names[] = {
	[CRM_VALUE_ORDERS] = "orders",
	[CRM_VALUE_NET] = "net",
	[CRM_VALUE_LAST_DAYS] = "last_days",
	[CRM_VALUE_FIRST_DAYS] = "first_days",
};
static const char *const op_names[] = {
	[CRM_VALUE_LESS] = "<",
	[CRM_VALUE_AT_MOST] = "<=",
	[CRM_VALUE_EQUAL] = "=",
	[CRM_VALUE_OTHER] = "<>",
	[CRM_VALUE_AT_LEAST] = ">=",
	[CRM_VALUE_MORE] = ">",
};

/* What a call site keeps. */
typedef struct RulesCache
{
	MemoryContext context;		/* holds the two below */
	Jsonb	   *source;
	const CrmValueRules *rules;
	int			exponent;
} RulesCache;

const char *
crm_value_metric_name(CrmValueMetric metric)
{
	return metric_names[metric];
}

static void
refuse(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_CRM_TIER_RULES_INVALID),
					errmsg("tier rules cannot be read"),
					crm_errfield("rules"),
					errdetail("%s", detail),
					errhint("A rule is {\"tier\": \"S\", \"conditions\": [{\"metric\": \"orders\", "
							"\"days\": 30, \"op\": \">=\", \"value\": 2}]}.")));
}

static JsonbValue *
find_member(JsonbContainer *object, const char *key)
{
	return getKeyJsonValueFromContainer(object, key, strlen(key), NULL);
}

static char *
read_text(JsonbContainer *object, const char *key)
{
	JsonbValue *value = find_member(object, key);

	if (value == NULL || value->type != jbvString)
		refuse(psprintf("The member \"%s\" is missing or no text.", key));
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static int
find_name(const char *const *names, int n_names, const char *name, const char *kind)
{
	for (int i = 0; i < n_names; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	refuse(psprintf("There is no %s \"%s\".", kind, name));
	return -1;
}

/* A number times 10^exponent, which must be a whole number. */
static int64
read_number(JsonbContainer *object, const char *key, int exponent)
{
	JsonbValue *value = find_member(object, key);
	Datum		scaled;
	Datum		whole;
	int64		factor = 1;

	if (value == NULL || value->type != jbvNumeric)
		refuse(psprintf("The member \"%s\" is missing or no number.", key));
	for (int i = 0; i < exponent; i++)
		factor *= 10;
	scaled = DirectFunctionCall2(numeric_mul, NumericGetDatum(value->val.numeric),
								 NumericGetDatum(int64_to_numeric(factor)));
	whole = DirectFunctionCall2(numeric_trunc, scaled, Int32GetDatum(0));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, scaled, whole)))
		refuse(psprintf("The number of \"%s\" has too many decimals.", key));
	if (DatumGetBool(DirectFunctionCall2(numeric_gt, DirectFunctionCall1(numeric_abs, whole),
										 NumericGetDatum(int64_to_numeric(PG_INT64_MAX)))))
		refuse(psprintf("The number of \"%s\" is too large.", key));
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, whole));
}

static int
slot_of(CrmValueRules *rules, CrmValueMetric metric, int32 days)
{
	for (int i = 0; i < rules->n_slots; i++)
		if (rules->slots[i].metric == metric && rules->slots[i].days == days)
			return i;
	if (rules->n_slots == CRM_VALUE_MAX_SLOTS)
		refuse(psprintf("The conditions measure more than %d different things.",
						CRM_VALUE_MAX_SLOTS));
	rules->slots[rules->n_slots] = (CrmValueSlot) {.metric = metric, .days = days};
	return rules->n_slots++;
}

static void
read_condition(CrmValueRules *rules, JsonbContainer *object, int exponent)
{
	CrmValueCondition *condition;
	CrmValueMetric metric = find_name(metric_names, lengthof(metric_names),
									  read_text(object, "metric"), "metric");
	int32		days = CRM_VALUE_EVER;
	JsonbValue *window = find_member(object, "days");

	if (rules->n_conditions == CRM_VALUE_MAX_CONDITIONS)
		refuse(psprintf("There are more than %d conditions.", CRM_VALUE_MAX_CONDITIONS));
	if (window != NULL && window->type != jbvNull)
	{
		int64		wanted = read_number(object, "days", 0);

		if (wanted < 0 || wanted > MAX_DAYS)
			refuse("A window has 0 to 1000000 days.");
		if (metric != CRM_VALUE_ORDERS && metric != CRM_VALUE_NET)
			refuse("Only orders and net take a window of days.");
		days = (int32) wanted;
	}
	condition = &rules->conditions[rules->n_conditions++];
	condition->slot = slot_of(rules, metric, days);
	condition->op = find_name(op_names, lengthof(op_names), read_text(object, "op"), "operator");
	condition->value = read_number(object, "value", metric == CRM_VALUE_NET ? exponent : 0);
	if (metric != CRM_VALUE_NET && (condition->value < 0 || condition->value > MAX_DAYS))
		refuse("Days and numbers of orders lie between 0 and 1000000.");
}

static void
read_rule(CrmValueRules *rules, JsonbContainer *object, int exponent)
{
	CrmValueRule *rule;
	JsonbValue *conditions = find_member(object, "conditions");
	JsonbContainer *list;

	if (rules->n_rules == CRM_VALUE_MAX_RULES)
		refuse(psprintf("There are more than %d rules.", CRM_VALUE_MAX_RULES));
	if (conditions == NULL || conditions->type != jbvBinary ||
		!JsonContainerIsArray(conditions->val.binary.data))
		refuse("The member \"conditions\" is missing or no list.");
	list = conditions->val.binary.data;
	rule = &rules->rules[rules->n_rules++];
	rule->tier = read_text(object, "tier");
	rule->tier_rule = 0;
	while (strcmp(rules->rules[rule->tier_rule].tier, rule->tier) != 0)
		rule->tier_rule++;
	rule->first_condition = rules->n_conditions;
	for (uint32 i = 0; i < JsonContainerSize(list); i++)
	{
		JsonbValue *condition = getIthJsonbValueFromContainer(list, i);

		if (condition->type != jbvBinary || !JsonContainerIsObject(condition->val.binary.data))
			refuse("A condition is an object.");
		read_condition(rules, condition->val.binary.data, exponent);
	}
	rule->n_conditions = rules->n_conditions - rule->first_condition;
}

/* Reads rules into the current memory context; RM501 when they are none. */
const CrmValueRules *
crm_value_rules_read(Jsonb *source, int exponent)
{
	CrmValueRules *rules = palloc0(sizeof(CrmValueRules));

	if (!JB_ROOT_IS_ARRAY(source) || JB_ROOT_IS_SCALAR(source))
		refuse("The rules are a list.");
	if (exponent < 0 || exponent > 9)
		refuse("The currency has 0 to 9 decimals.");
	for (uint32 i = 0; i < JB_ROOT_COUNT(source); i++)
	{
		JsonbValue *rule = getIthJsonbValueFromContainer(&source->root, i);

		if (rule->type != jbvBinary || !JsonContainerIsObject(rule->val.binary.data))
			refuse("A rule is an object.");
		read_rule(rules, rule->val.binary.data, exponent);
	}
	return rules;
}

/* The same, kept by a call site for as long as its statement runs. */
const CrmValueRules *
crm_value_rules_cached(FmgrInfo *site, Jsonb *source, int exponent)
{
	RulesCache *cache = site->fn_extra;
	MemoryContext caller;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(site->fn_mcxt, sizeof(RulesCache));
		cache->context = AllocSetContextCreate(site->fn_mcxt, "crm tier rules",
											   ALLOCSET_SMALL_SIZES);
		site->fn_extra = cache;
	}
	if (cache->rules != NULL && cache->exponent == exponent &&
		VARSIZE(cache->source) == VARSIZE(source) &&
		memcmp(cache->source, source, VARSIZE(source)) == 0)
		return cache->rules;
	cache->rules = NULL;
	MemoryContextReset(cache->context);
	caller = MemoryContextSwitchTo(cache->context);
	cache->source = palloc(VARSIZE(source));
	memcpy(cache->source, source, VARSIZE(source));
	cache->exponent = exponent;
	cache->rules = crm_value_rules_read(cache->source, exponent);
	MemoryContextSwitchTo(caller);
	return cache->rules;
}
