/*
 * rule_packed.c
 *		Conditions about facts that a source also keeps packed by record: products bought.
 *
 * Packed facts hold a day, a part (the product), a number of rows, and two numbers to add up.  They answer a
 * condition whose tests are all of the part, over days, by a measure that can be added up; anything else
 * (a store, an hour, the largest amount) is asked of the rows themselves, which say the same.
 */
#include "rule/rule.h"

#include "utils/builtins.h"

/* Whether packed facts answer the condition. */
bool
crm_rule_is_packed(const CrmRuleCondition *condition)
{
	bool		is_added_up = condition->measure == CRM_RULE_SUM || condition->measure == CRM_RULE_AVERAGE;

	if (condition->source->packed_relation == NULL || condition->hours > 0 || condition->has_clock ||
		condition->weekdays != 0 || condition->same.column != NULL)
		return false;
	if (!is_added_up && !crm_rule_is_bare(condition) && condition->measure != CRM_RULE_COUNT &&
		condition->measure != CRM_RULE_LAST && condition->measure != CRM_RULE_FIRST)
		return false;
	if (is_added_up && strcmp(condition->field.column->name, "amount") != 0 &&
		strcmp(condition->field.column->name, "quantity") != 0)
		return false;
	for (int i = 0; i < condition->n_where; i++)
	{
		const CrmRuleField *field = &condition->where[i].field;

		if (strcmp(field->column->name, "product") != 0 && strcmp(field->column->name, "category") != 0)
			return false;
	}
	return true;
}

/* The parts that pass the tests, as an array; null: all. */
static void
append_parts(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	const CrmRuleSource *source = condition->source;

	if (condition->n_where == 0)
	{
		appendStringInfoString(&sql->text, "NULL::int[]");
		return;
	}
	appendStringInfo(&sql->text, "ARRAY(SELECT x.%s FROM %s x WHERE true", source->packed_part, source->packed_parts);
	for (int i = 0; i < condition->n_where; i++)
	{
		appendStringInfoString(&sql->text, " AND ");
		crm_rule_sql_row_test(sql, &condition->where[i]);
	}
	appendStringInfoChar(&sql->text, ')');
}

static const char *
quantity_or_amount(const CrmRuleCondition *condition)
{
	return condition->field.column != NULL && strcmp(condition->field.column->name, "quantity") == 0 ? "true" : "false";
}

/* The value for the person p.id, as a scalar expression. */
void
crm_rule_sql_packed_value(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	const CrmRuleSource *source = condition->source;

	appendStringInfo(&sql->text, "crm._purchase_lines_measure((SELECT array_agg(x.%s) FROM (SELECT y.source_record_id, y.valid_to"
					 " FROM crm.membership y WHERE y.customer_id = p.id OFFSET 0) m CROSS JOIN LATERAL (SELECT y.%s FROM %s y"
					 " WHERE y.%s = m.source_record_id OFFSET 0) x WHERE m.valid_to = 'infinity'), ",
					 source->packed_column, source->packed_column, source->packed_relation, source->key);
	crm_rule_sql_text_param(sql, crm_rule_is_bare(condition) ? "count" : crm_rule_measure_name(condition->measure));
	appendStringInfo(&sql->text, ", %s, ", quantity_or_amount(condition));
	crm_rule_sql_span(sql, condition);
	appendStringInfoString(&sql->text, ", " CRM_RULE_DAY ", ");
	append_parts(sql, condition);
	appendStringInfoString(&sql->text, ", (SELECT crm._purchase_exponent()))");
}

/* The question that crm._purchase_lines_collect() asks of everybody. */
void
crm_rule_sql_packed_question(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	appendStringInfoString(&sql->text, "ROW(ARRAY[");
	crm_rule_sql_question(sql, condition);
	appendStringInfo(&sql->text, "], %s, ", quantity_or_amount(condition));
	append_parts(sql, condition);
	appendStringInfoString(&sql->text, ")::crm.purchase_line_question");
}

/* Persons with a fact that reached one of the ages between the two days. */
void
crm_rule_sql_packed_moved(CrmRuleSql *sql, const CrmRuleCondition *condition, const int *ages, int n_ages)
{
	const CrmRuleSource *source = condition->source;

	appendStringInfo(&sql->text, "SELECT m.customer_id FROM %s x JOIN crm.membership m ON m.source_record_id = x.%s"
					 " WHERE m.valid_to = 'infinity' AND " CRM_RULE_DAY_BEFORE " < " CRM_RULE_DAY " AND crm._purchase_lines_pass(x.%s, ARRAY[",
					 source->packed_relation, source->key, source->packed_column);
	for (int i = 0; i < n_ages; i++)
		appendStringInfo(&sql->text, i > 0 ? ", %d" : "%d", ages[i]);
	appendStringInfoString(&sql->text, "], " CRM_RULE_DAY_BEFORE ", " CRM_RULE_DAY ", ");
	append_parts(sql, condition);
	appendStringInfoChar(&sql->text, ')');
}
