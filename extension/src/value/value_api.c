/*
 * value_api.c
 *		The SQL-callable edge of the tiers, and what the room enters at load.
 *
 * crm._value_state() is the one evaluation: live, in the drain, in the full refresh and as of
 * any date.  crm._value_findings() is the same with every number laid open.  Tables are read
 * and written by the SQL side; nothing here takes a lock.
 */
#include "value/value.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_value_state);
PG_FUNCTION_INFO_V1(crm_value_met);
PG_FUNCTION_INFO_V1(crm_value_findings);

void
crm_value_init(void)
{
	crm_core_consequence_register(CRM_ON_FACTS, 10, "value", "crm._value_on_facts");
	crm_core_consequence_register(CRM_ON_MEMBERSHIP, 10, "value", "crm._value_on_membership");
	crm_core_consequence_register(CRM_ON_ERASE, 10, "value", "crm._value_on_erase");
	crm_core_consequence_register(CRM_ON_EXPORT, 30, "value", "crm._value_on_export");
}

/*
 * crm._value_state(rules, exponent, chunks, as_of) returns
 * (tier, next_change_on, order_days, net_minor, first_day, last_day); null chunks are none.
 */
Datum
crm_value_state(PG_FUNCTION_ARGS)
{
	const CrmValueRules *rules;
	CrmValueHistory history = {0};
	CrmValueState state;
	int32		as_of = PG_GETARG_DATEADT(3);
	Datum		values[6];
	bool		nulls[6] = {false};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	rules = crm_value_rules_cached(fcinfo->flinfo, PG_GETARG_JSONB_P(0), PG_GETARG_INT32(1));
	if (!PG_ARGISNULL(2))
		history = crm_value_history(PG_GETARG_ARRAYTYPE_P(2));
	state = crm_value_state_of(rules, &history, as_of);
	values[0] = CStringGetTextDatum(state.tier);
	values[1] = DateADTGetDatum(state.next_change_on);
	nulls[1] = state.next_change_on == PG_INT32_MAX;
	values[2] = Int32GetDatum(state.order_days);
	values[3] = Int64GetDatum(state.net_minor);
	values[4] = DateADTGetDatum(state.first_day);
	values[5] = DateADTGetDatum(state.last_day);
	nulls[4] = nulls[5] = state.order_days == 0;
	PG_RETURN_DATUM(crm_core_row(fcinfo, values, nulls));
}

/* crm._value_met(rules, exponent, chunks, as_of): the numbers of all rules that fit; null chunks are none. */
Datum
crm_value_met(PG_FUNCTION_ARGS)
{
	const CrmValueRules *rules;
	CrmValueHistory history = {0};
	CrmValueProfile profile;
	CrmValueNumber numbers[CRM_VALUE_MAX_SLOTS];
	Datum		met[CRM_VALUE_MAX_RULES];
	int			n_met = 0;
	int32		as_of = PG_GETARG_DATEADT(3);

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	rules = crm_value_rules_cached(fcinfo->flinfo, PG_GETARG_JSONB_P(0), PG_GETARG_INT32(1));
	if (!PG_ARGISNULL(2))
		history = crm_value_history(PG_GETARG_ARRAYTYPE_P(2));
	profile = crm_value_profile(&history, as_of);
	crm_value_measure(rules, &profile, as_of, numbers);
	for (int rule = 0; rule < rules->n_rules; rule++)
		if (crm_value_rule_fits(rules, rule, numbers))
			met[n_met++] = Int32GetDatum(rule + 1);
	PG_RETURN_ARRAYTYPE_P(construct_array(met, n_met, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* crm._value_findings(rules, exponent, chunks, as_of): a row a condition. */
Datum
crm_value_findings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const CrmValueRules *rules;
	CrmValueHistory history;
	CrmValueProfile profile;
	CrmValueNumber numbers[CRM_VALUE_MAX_SLOTS];
	int32		as_of = PG_GETARG_DATEADT(3);

	InitMaterializedSRF(fcinfo, 0);
	rules = crm_value_rules_read(PG_GETARG_JSONB_P(0), PG_GETARG_INT32(1));
	history = crm_value_history(PG_GETARG_ARRAYTYPE_P(2));
	profile = crm_value_profile(&history, as_of);
	crm_value_measure(rules, &profile, as_of, numbers);
	for (int rule = 0; rule < rules->n_rules; rule++)
		for (int i = 0; i < rules->rules[rule].n_conditions; i++)
		{
			const CrmValueCondition *condition =
				&rules->conditions[rules->rules[rule].first_condition + i];
			const CrmValueNumber *found = &numbers[condition->slot];
			Datum		values[4] = {
				Int32GetDatum(rule + 1),
				Int32GetDatum(i + 1),
				Int64GetDatum(found->value),
				BoolGetDatum(crm_value_condition_met(condition, numbers)),
			};
			bool		nulls[4] = {false, false, found->is_none, false};

			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	return (Datum) 0;
}
