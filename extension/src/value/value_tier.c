/*
 * value_tier.c
 *		Which rule fits a person, and from which day on another will without new facts.
 *
 * Between two facts a measure changes only on known days: a purchase leaves a window of N days
 * when it is N + 1 days old, and an age passes a number once.  So the next change is found by
 * trying those days in order, not by walking the calendar; entries that lie in the future
 * (an order dated ahead, say) begin a new stretch.
 */
#include "value/value.h"

bool
crm_value_condition_met(const CrmValueCondition *condition, const CrmValueNumber *numbers)
{
	const CrmValueNumber *found = &numbers[condition->slot];

	if (found->is_none)
		return false;
	switch (condition->op)
	{
		case CRM_VALUE_LESS:
			return found->value < condition->value;
		case CRM_VALUE_AT_MOST:
			return found->value <= condition->value;
		case CRM_VALUE_EQUAL:
			return found->value == condition->value;
		case CRM_VALUE_OTHER:
			return found->value != condition->value;
		case CRM_VALUE_AT_LEAST:
			return found->value >= condition->value;
		case CRM_VALUE_MORE:
			return found->value > condition->value;
	}
	return false;
}

bool
crm_value_rule_fits(const CrmValueRules *rules, int rule, const CrmValueNumber *numbers)
{
	const CrmValueCondition *condition = &rules->conditions[rules->rules[rule].first_condition];

	for (int i = 0; i < rules->rules[rule].n_conditions; i++)
		if (!crm_value_condition_met(&condition[i], numbers))
			return false;
	return true;
}

/* The first rule that fits, or -1. */
static int
first_fit(const CrmValueRules *rules, const CrmValueNumber *numbers)
{
	for (int i = 0; i < rules->n_rules; i++)
		if (crm_value_rule_fits(rules, i, numbers))
			return i;
	return -1;
}

const char *
crm_value_tier_name(const CrmValueRules *rules, int tier_rule)
{
	return tier_rule < 0 ? CRM_VALUE_NO_TIER : rules->rules[tier_rule].tier;
}

/* The tier on a day, as the first rule that gives it; -1 when no rule fits. */
int
crm_value_tier_at(const CrmValueRules *rules, const CrmValueProfile *profile, int32 at)
{
	CrmValueNumber numbers[CRM_VALUE_MAX_SLOTS];
	int			fit;

	crm_value_measure(rules, profile, at, numbers);
	fit = first_fit(rules, numbers);
	return fit < 0 ? -1 : rules->rules[fit].tier_rule;
}

static int
compare_days(const void *a, const void *b)
{
	int32		left = *(const int32 *) a;
	int32		right = *(const int32 *) b;

	return (left > right) - (left < right);
}

/* Days after `at` on which a window slot changes: each day of purchase leaves it once. */
static int
collect_window_exits(const CrmValueSlot *slot, const CrmValueProfile *profile, int32 at,
					 int32 *days)
{
	int			n = 0;

	for (int i = profile->n_days - 1; i >= 0; i--)
	{
		int64		leaves_on = (int64) profile->days[i] + slot->days + 1;

		if (leaves_on <= at)
			break;
		if (leaves_on < PG_INT32_MAX)
			days[n++] = (int32) leaves_on;
	}
	return n;
}

/* Days after `at` on which an age reaches or passes the condition's number. */
static int
collect_age_marks(int32 day, int64 value, int32 at, int32 *days)
{
	int			n = 0;

	for (int64 mark = day + value; mark <= day + value + 1; mark++)
		if (mark > at && mark < PG_INT32_MAX)
			days[n++] = (int32) mark;
	return n;
}

/* Every day after the profile's date on which some condition may turn, in order. */
static int
collect_turning_days(const CrmValueRules *rules, const CrmValueProfile *profile, int32 at,
					 int32 **turning)
{
	int32	   *days = palloc((rules->n_slots * profile->n_days + 2 * rules->n_conditions + 1) *
							  sizeof(int32));
	bool		has_orders = profile->n_days > 0 && profile->order_days[profile->n_days - 1] > 0;
	int			n = 0;

	for (int i = 0; i < rules->n_slots; i++)
		if (rules->slots[i].days != CRM_VALUE_EVER)
			n += collect_window_exits(&rules->slots[i], profile, at, days + n);
	for (int i = 0; i < rules->n_conditions && has_orders; i++)
	{
		const CrmValueCondition *condition = &rules->conditions[i];
		CrmValueMetric metric = rules->slots[condition->slot].metric;

		if (metric == CRM_VALUE_LAST_DAYS)
			n += collect_age_marks(profile->last_day, condition->value, at, days + n);
		if (metric == CRM_VALUE_FIRST_DAYS)
			n += collect_age_marks(profile->first_day, condition->value, at, days + n);
	}
	qsort(days, n, sizeof(int32), compare_days);
	*turning = days;
	return n;
}

/* The first day after as_of, the day of the profile, on which the tier is another one; INT32_MAX: never. */
int32
crm_value_next_change(const CrmValueRules *rules, const CrmValueHistory *history, CrmValueProfile profile, int32 as_of,
					  int tier_rule)
{
	int32		at = as_of;

	for (;;)
	{
		int32	   *turning;
		int			n;

		if (at > as_of && crm_value_tier_at(rules, &profile, at) != tier_rule)
			return at;
		n = collect_turning_days(rules, &profile, at, &turning);
		for (int i = 0; i < n && turning[i] < profile.next_entry_day; i++)
			if ((i == 0 || turning[i] != turning[i - 1]) &&
				crm_value_tier_at(rules, &profile, turning[i]) != tier_rule)
				return turning[i];
		if (profile.next_entry_day == PG_INT32_MAX)
			return PG_INT32_MAX;
		at = profile.next_entry_day;
		profile = crm_value_profile(history, at);
	}
}

/* All of it: tier, totals, and when the tier will be another. */
CrmValueState
crm_value_state_of(const CrmValueRules *rules, const CrmValueHistory *history, int32 as_of)
{
	CrmValueProfile profile = crm_value_profile(history, as_of);
	int			n_days = profile.n_days;
	int			tier_rule = crm_value_tier_at(rules, &profile, as_of);

	return (CrmValueState) {
		.tier = crm_value_tier_name(rules, tier_rule),
		.next_change_on = crm_value_next_change(rules, history, profile, as_of, tier_rule),
		.order_days = n_days == 0 ? 0 : profile.order_days[n_days - 1],
		.net_minor = n_days == 0 ? 0 : profile.net_minor[n_days - 1],
		.first_day = profile.first_day,
		.last_day = profile.last_day,
	};
}
