/*
 * rule_question.c
 *		What a condition asks of facts kept packed: the days, the number, and what it must be.
 */
#include "rule/rule.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"

/* Whether any row, or none, is all that is asked for. */
bool
crm_rule_is_bare(const CrmRuleCondition *condition)
{
	return condition->measure == CRM_RULE_EVER || condition->measure == CRM_RULE_NEVER;
}

/* Whether a person without any row meets a condition. */
bool
crm_rule_absence_meets(const CrmRuleCondition *condition)
{
	switch (condition->measure)
	{
		case CRM_RULE_EVER:
			return false;
		case CRM_RULE_NEVER:
			return true;
		case CRM_RULE_COUNT:
		case CRM_RULE_DAYS:
		case CRM_RULE_SUM:
		case CRM_RULE_DISTINCT:
		case CRM_RULE_STREAK:
			return crm_rule_number_meets(&condition->test, DirectFunctionCall1(int4_numeric, Int32GetDatum(0)));
		default:
			return condition->test.op == CRM_RULE_MISSING;
	}
}

/* The days a history is asked about: first and last, both included. */
void
crm_rule_sql_span(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	appendStringInfoString(&sql->text, "greatest('-infinity'::date");
	if (condition->has_days)
	{
		appendStringInfoString(&sql->text, ", " CRM_RULE_DAY " - ");
		crm_rule_sql_int_param(sql, condition->measure == CRM_RULE_BASELINE ?
							   (condition->oldest + 1) * (condition->windows + 1) - 1 : condition->oldest);
	}
	if (condition->has_since)
	{
		appendStringInfoString(&sql->text, ", ");
		crm_rule_sql_param(sql, DATEOID, DateADTGetDatum(condition->since));
	}
	appendStringInfoString(&sql->text, "), least(" CRM_RULE_DAY);
	if (condition->has_days && condition->youngest > 0)
	{
		appendStringInfoString(&sql->text, ", " CRM_RULE_DAY " - ");
		crm_rule_sql_int_param(sql, condition->youngest);
	}
	if (condition->has_until)
	{
		appendStringInfoString(&sql->text, ", ");
		crm_rule_sql_param(sql, DATEOID, DateADTGetDatum(condition->until));
	}
	appendStringInfoChar(&sql->text, ')');
}

/* What a question's number must be, as crm._purchase_collect() reads it: turned around, or ever. */
void
crm_rule_sql_question(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	bool		is_bare = crm_rule_is_bare(condition);
	const CrmRuleTest *test = &condition->test;
	int			n = is_bare ? 1 : test->n_values;
	Datum	   *values = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		values[i] = is_bare ? DirectFunctionCall1(int4_numeric, Int32GetDatum(0)) : test->values[i];
	appendStringInfoString(&sql->text, "ROW(");
	crm_rule_sql_text_param(sql, is_bare ? "count" : crm_rule_measure_name(condition->measure));
	appendStringInfoString(&sql->text, ", ");
	crm_rule_sql_span(sql, condition);
	appendStringInfoString(&sql->text, ", ");
	crm_rule_sql_int_param(sql, condition->at_least);
	appendStringInfoString(&sql->text, ", ");
	crm_rule_sql_text_param(sql, is_bare ? ">" : crm_rule_op_name(test->op));
	appendStringInfoString(&sql->text, ", ");
	crm_rule_sql_param(sql, NUMERICARRAYOID, PointerGetDatum(construct_array(values, n, NUMERICOID, -1, false, TYPALIGN_INT)));
	appendStringInfo(&sql->text, ", %s)::crm.purchase_question",
					 crm_rule_absence_meets(condition) && !is_bare ? "true" : "false");
}
