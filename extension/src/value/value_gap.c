/*
 * value_gap.c
 *		Whether every possible state of a person has exactly one tier.
 *
 * A condition turns only at its number, so all that can happen to a set of rules happens at
 * the numbers next to those of its conditions.  Every combination of such numbers is tried
 * that a person can be in: orders of a longer window are no fewer than those of a shorter, a
 * window holds orders exactly when the last one is young enough, there is no last order
 * without any, no more orders than days.  A state that no rule fits is a gap (an error); one
 * that several fit is an overlap (the first decides: information); a rule that never decides
 * is unreachable.
 *
 * States that meet the same conditions are one finding.  Called by crm.value_tier_check();
 * takes no lock; works in the caller's memory context.
 */
#include "value/value.h"

#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#define MAX_CANDIDATES	192		/* of one slot */
#define MAX_STATES		20000000
#define MAX_FINDINGS	200

typedef struct Candidates
{
	int			n;
	CrmValueNumber numbers[MAX_CANDIDATES];
} Candidates;

typedef struct GapSearch
{
	const CrmValueRules *rules;
	int			exponent;
	Candidates	candidates[CRM_VALUE_MAX_SLOTS];
	CrmValueNumber state[CRM_VALUE_MAX_SLOTS];
	bool		decides[CRM_VALUE_MAX_RULES];
	int64		tried;
	int			n_findings;
	uint64		found[MAX_FINDINGS];	/* what was met: conditions of a gap, rules of an overlap */
	bool		is_gap[MAX_FINDINGS];
	ReturnSetInfo *result;
} GapSearch;

PG_FUNCTION_INFO_V1(crm_value_tier_check);

static void
add_candidate(Candidates *candidates, int64 value)
{
	for (int i = 0; i < candidates->n; i++)
		if (!candidates->numbers[i].is_none && candidates->numbers[i].value == value)
			return;
	if (candidates->n == MAX_CANDIDATES)
		ereport(ERROR, (errcode(ERRCODE_CRM_TIER_RULES_INVALID),
						errmsg("tier rules are too many to be checked"), crm_errfield("rules"),
						errdetail("One measure is compared with more than %d numbers.",
								  MAX_CANDIDATES / 3)));
	candidates->numbers[candidates->n++].value = value;
}

static bool
is_age(CrmValueMetric metric)
{
	return metric == CRM_VALUE_LAST_DAYS || metric == CRM_VALUE_FIRST_DAYS;
}

/* Next to the number of a condition; only nets are below zero. */
static void
add_around(Candidates *candidates, CrmValueMetric metric, int64 number)
{
	for (int64 step = -1; step <= 1; step++)
		if (metric == CRM_VALUE_NET || number + step >= 0)
			add_candidate(candidates, number + step);
}

/* Longer ago than anything that is asked, with room for as many orders since: a first order is often only that. */
static int64
long_ago(const CrmValueRules *rules)
{
	int64		days = 1;

	for (int i = 0; i < rules->n_conditions; i++)
		if (rules->slots[rules->conditions[i].slot].metric != CRM_VALUE_NET)
			days += Min(Max(rules->conditions[i].value, 0), 1000000) + 1;
	for (int i = 0; i < rules->n_slots; i++)
		if (rules->slots[i].days != CRM_VALUE_EVER)
			days += rules->slots[i].days + 1;
	return days;
}

/*
 * The numbers of a slot that matter: next to those of its conditions, and of what leans on it.  Ages of the last and of the
 * first order are often the same; orders of one window are in the longer ones too, and most of a longer one's can be in a shorter.
 */
static void
collect_candidates(GapSearch *search, int slot)
{
	const CrmValueRules *rules = search->rules;
	const CrmValueSlot *own = &rules->slots[slot];
	Candidates *candidates = &search->candidates[slot];

	if (is_age(own->metric))
	{
		candidates->numbers[candidates->n++].is_none = true;
		add_candidate(candidates, long_ago(rules));
	}
	for (int64 value = 0; value <= (own->metric == CRM_VALUE_NET ? 0 : 2); value++)
		add_candidate(candidates, value);
	for (int i = 0; i < rules->n_conditions; i++)
	{
		const CrmValueSlot *other = &rules->slots[rules->conditions[i].slot];
		int64		number = rules->conditions[i].value;

		if (other == own || (is_age(own->metric) && is_age(other->metric)) ||
			(own->metric == CRM_VALUE_ORDERS && other->metric == CRM_VALUE_ORDERS))
			add_around(candidates, own->metric, number);
		if (own->metric == CRM_VALUE_ORDERS && other->metric == CRM_VALUE_ORDERS && own->days != CRM_VALUE_EVER &&
			other->days != CRM_VALUE_EVER && other->days > own->days && number > other->days - own->days)
			add_around(candidates, own->metric, number - (other->days - own->days));
	}
	for (int i = 0; i < rules->n_slots && is_age(own->metric); i++)
		if (rules->slots[i].days != CRM_VALUE_EVER)
			for (int64 step = 0; step <= 1; step++)
				add_candidate(candidates, rules->slots[i].days + step);
}

/* Whether a window holds another: its days are no fewer. */
static bool
is_wider(const CrmValueSlot *wide, const CrmValueSlot *narrow)
{
	return wide->days == CRM_VALUE_EVER ||
		(narrow->days != CRM_VALUE_EVER && narrow->days <= wide->days);
}

/* Orders in one window against orders in another, or against the net of the same window. */
static bool
windows_agree(const CrmValueRules *rules, const CrmValueNumber *state, int a, int b)
{
	const CrmValueSlot *wide = &rules->slots[a];
	const CrmValueSlot *narrow = &rules->slots[b];

	if (!is_wider(wide, narrow))
		return true;
	if (wide->metric == CRM_VALUE_ORDERS && narrow->metric == CRM_VALUE_ORDERS)
		return state[a].value >= state[b].value &&
			(wide->days == CRM_VALUE_EVER || narrow->days == CRM_VALUE_EVER ||
			 state[a].value - state[b].value <= wide->days - narrow->days);
	/* without an order day nothing was earned */
	if (wide->metric == CRM_VALUE_ORDERS && narrow->metric == CRM_VALUE_NET)
		return state[a].value > 0 || state[b].value <= 0;
	return true;
}

/* Orders in a window against the age of the last or first order. */
static bool
age_agrees(const CrmValueRules *rules, const CrmValueNumber *state, int window, int age)
{
	const CrmValueSlot *slot = &rules->slots[window];
	const CrmValueNumber *orders = &state[window];
	bool		is_last = rules->slots[age].metric == CRM_VALUE_LAST_DAYS;

	if (state[age].is_none)
		return orders->value == 0;
	if (slot->days == CRM_VALUE_EVER)
		return orders->value > 0;
	if (is_last)
		return (orders->value > 0) == (state[age].value <= slot->days) &&
			(orders->value == 0 || orders->value <= slot->days - state[age].value + 1);
	return state[age].value > slot->days ? true : orders->value > 0;
}

static bool
first_agrees_with_last(const CrmValueRules *rules, const CrmValueNumber *state, int first, int last)
{
	if (state[first].is_none || state[last].is_none)
		return state[first].is_none == state[last].is_none;
	if (state[first].value < state[last].value)
		return false;
	for (int i = 0; i < rules->n_slots; i++)
		if (rules->slots[i].metric == CRM_VALUE_ORDERS && rules->slots[i].days == CRM_VALUE_EVER &&
			((state[i].value == 1) != (state[first].value == state[last].value) ||
			 state[i].value > state[first].value - state[last].value + 1))
			return false;
	return true;
}

/* Whether slot a's number can stand beside slot b's. */
static bool
slots_agree(const CrmValueRules *rules, const CrmValueNumber *state, int a, int b)
{
	CrmValueMetric left = rules->slots[a].metric;
	CrmValueMetric right = rules->slots[b].metric;

	if (left == CRM_VALUE_ORDERS && (right == CRM_VALUE_LAST_DAYS || right == CRM_VALUE_FIRST_DAYS))
		return age_agrees(rules, state, a, b);
	if (left == CRM_VALUE_FIRST_DAYS && right == CRM_VALUE_LAST_DAYS)
		return first_agrees_with_last(rules, state, a, b);
	if (left == CRM_VALUE_ORDERS && (right == CRM_VALUE_ORDERS || right == CRM_VALUE_NET))
		return windows_agree(rules, state, a, b);
	return true;
}

static bool
is_possible(const CrmValueRules *rules, const CrmValueNumber *state)
{
	for (int a = 0; a < rules->n_slots; a++)
		for (int b = 0; b < rules->n_slots; b++)
			if (a != b && !slots_agree(rules, state, a, b))
				return false;
	return true;
}

/* The state as JSON: {"orders_30": 1, "net_30": 300.01, "last_days": 12}. */
static Datum
describe_state(const GapSearch *search)
{
	StringInfoData text;
	int64		factor = 1;

	for (int i = 0; i < search->exponent; i++)
		factor *= 10;
	initStringInfo(&text);
	for (int i = 0; i < search->rules->n_slots; i++)
	{
		const CrmValueSlot *slot = &search->rules->slots[i];
		const CrmValueNumber *number = &search->state[i];

		appendStringInfo(&text, "%s\"%s", i == 0 ? "{" : ", ", crm_value_metric_name(slot->metric));
		if (slot->days != CRM_VALUE_EVER)
			appendStringInfo(&text, "_%d", slot->days);
		if (number->is_none)
			appendStringInfoString(&text, "\": null");
		else if (slot->metric == CRM_VALUE_NET && factor > 1)
			appendStringInfo(&text, "\": %s" INT64_FORMAT ".%0*d", number->value < 0 ? "-" : "",
							 (int64) llabs(number->value / factor), search->exponent,
							 (int) llabs(number->value % factor));
		else
			appendStringInfo(&text, "\": " INT64_FORMAT, number->value);
	}
	appendStringInfoString(&text, text.len == 0 ? "{}" : "}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

static void
report(GapSearch *search, const char *kind, Datum example, uint64 rules_met)
{
	Datum		tiers[CRM_VALUE_MAX_RULES];
	int			n = 0;
	Datum		values[3];
	bool		nulls[3] = {false, example == 0, false};

	for (int i = 0; i < search->rules->n_rules; i++)
		if (rules_met & (UINT64CONST(1) << i))
			tiers[n++] = CStringGetTextDatum(search->rules->rules[i].tier);
	values[0] = CStringGetTextDatum(kind);
	values[1] = example;
	values[2] = PointerGetDatum(construct_array(tiers, n, TEXTOID, -1, false, TYPALIGN_INT));
	tuplestore_putvalues(search->result->setResult, search->result->setDesc, values, nulls);
}

/* True the first time something is found. */
static bool
is_new_finding(GapSearch *search, bool is_gap, uint64 key)
{
	for (int i = 0; i < search->n_findings; i++)
		if (search->found[i] == key && search->is_gap[i] == is_gap)
			return false;
	if (search->n_findings == MAX_FINDINGS)
		return false;
	search->found[search->n_findings] = key;
	search->is_gap[search->n_findings++] = is_gap;
	return true;
}

static void
judge_state(GapSearch *search)
{
	const CrmValueRules *rules = search->rules;
	uint64		rules_met = 0;
	uint64		conditions_met = 0;
	int			n_met = 0;

	for (int i = 0; i < rules->n_rules; i++)
		if (crm_value_rule_fits(rules, i, search->state))
		{
			if (n_met++ == 0)
				search->decides[i] = true;
			rules_met |= UINT64CONST(1) << i;
		}
	if (n_met == 0)
	{
		for (int i = 0; i < rules->n_conditions; i++)
			if (crm_value_condition_met(&rules->conditions[i], search->state))
				conditions_met |= UINT64CONST(1) << i;
		if (is_new_finding(search, true, conditions_met))
			report(search, "gap", describe_state(search), 0);
	}
	if (n_met > 1 && is_new_finding(search, false, rules_met))
		report(search, "overlap", describe_state(search), rules_met);
}

/* Whether a slot's number can stand beside those of the slots before it; what three have to do with each other is left to the end. */
static bool
agrees_so_far(const GapSearch *search, int slot)
{
	const CrmValueSlot *slots = search->rules->slots;

	for (int i = 0; i < slot; i++)
	{
		if (is_age(slots[slot].metric) && is_age(slots[i].metric))
			continue;
		if (!slots_agree(search->rules, search->state, slot, i) || !slots_agree(search->rules, search->state, i, slot))
			return false;
	}
	return true;
}

/* Tries all numbers of a slot, and of those after it, beside what is set of those before. */
static void
try_states(GapSearch *search, int slot)
{
	if (slot == search->rules->n_slots)
	{
		if (is_possible(search->rules, search->state))
			judge_state(search);
		return;
	}
	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < search->candidates[slot].n; i++)
	{
		if (++search->tried > MAX_STATES)
			ereport(ERROR, (errcode(ERRCODE_CRM_TIER_RULES_INVALID),
							errmsg("tier rules are too many to be checked"), crm_errfield("rules"),
							errdetail("They divide persons into more than %d states.", MAX_STATES),
							errhint("Let conditions share windows.")));
		search->state[slot] = search->candidates[slot].numbers[i];
		if (agrees_so_far(search, slot))
			try_states(search, slot + 1);
	}
}

/* crm._value_tier_check(rules, exponent) returns rows (kind, example, tiers). */
Datum
crm_value_tier_check(PG_FUNCTION_ARGS)
{
	GapSearch  *search = palloc0(sizeof(GapSearch));

	InitMaterializedSRF(fcinfo, 0);
	search->result = (ReturnSetInfo *) fcinfo->resultinfo;
	search->exponent = PG_GETARG_INT32(1);
	search->rules = crm_value_rules_read(PG_GETARG_JSONB_P(0), search->exponent);
	for (int i = 0; i < search->rules->n_slots; i++)
		collect_candidates(search, i);
	try_states(search, 0);
	for (int i = 0; i < search->rules->n_rules; i++)
		if (!search->decides[i])
			report(search, "unreachable", (Datum) 0, UINT64CONST(1) << i);
	return (Datum) 0;
}
