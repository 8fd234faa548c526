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

/* The first day after another on which an age reaches or passes a number. */
static int64
next_age_mark(int64 mark, int32 after)
{
	if (mark > after)
		return mark;
	return mark + 1 > after ? mark + 1 : PG_INT32_MAX;
}

/* The first day after another on which some condition may turn; INT32_MAX: there is none. */
static int32
next_turning_day(const CrmValueRules *rules, const CrmValueProfile *profile, int32 after)
{
	bool		has_orders = profile->n_days > 0 && profile->order_days[profile->n_days - 1] > 0;
	int64		next = PG_INT32_MAX;

	for (int i = 0; i < rules->n_slots; i++)
		if (rules->slots[i].days != CRM_VALUE_EVER)
		{
			/* the oldest day of purchase that has not left the window by then */
			int			stays = crm_value_days_before(profile, (int64) after - rules->slots[i].days);

			if (stays < profile->n_days)
				next = Min(next, (int64) profile->days[stays] + rules->slots[i].days + 1);
		}
	for (int i = 0; i < rules->n_conditions && has_orders; i++)
	{
		const CrmValueCondition *condition = &rules->conditions[i];
		CrmValueMetric metric = rules->slots[condition->slot].metric;

		if (metric == CRM_VALUE_LAST_DAYS)
			next = Min(next, next_age_mark((int64) profile->last_day + condition->value, after));
		if (metric == CRM_VALUE_FIRST_DAYS)
			next = Min(next, next_age_mark((int64) profile->first_day + condition->value, after));
	}
	return (int32) next;
}

/* The first day after as_of, the day of the profile, on which the tier is another one; INT32_MAX: never. */
int32
crm_value_next_change(const CrmValueRules *rules, const CrmValueHistory *history, CrmValueProfile profile, int32 as_of,
					  int tier_rule)
{
	int32		at = as_of;

	for (;;)
	{
		if (at > as_of && crm_value_tier_at(rules, &profile, at) != tier_rule)
			return at;
		for (int32 day = next_turning_day(rules, &profile, at); day < profile.next_entry_day; day = next_turning_day(rules, &profile, day))
			if (crm_value_tier_at(rules, &profile, day) != tier_rule)
				return day;
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
