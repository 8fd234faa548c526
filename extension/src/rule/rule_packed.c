/*
 * rule_packed.c
 *		Conditions about facts that a source also keeps packed by record: products bought.
 *
 * Packed facts hold all that a line says, so whatever is asked of lines is asked of them: columns with a facet, whose keys
 * a relation names, and amount and quantity.  What is left to the rows themselves, which say the same, is a measure of
 * words (the first store by its name) and lines of one and the same amount.
 */
#include "rule/rule.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"

static bool
is_number(const CrmRuleField *field)
{
	return strcmp(field->column->name, "amount") == 0 || strcmp(field->column->name, "quantity") == 0;
}

static bool
has_facet(const CrmRuleField *field)
{
	return field->column->facet.relation != NULL;
}

/* Whether packed facts answer the condition. */
bool
crm_rule_is_packed(const CrmRuleCondition *condition)
{
	const CrmRuleField *field = &condition->field;

	if (condition->source->packed_relation == NULL || (condition->same.column != NULL && !has_facet(&condition->same)))
		return false;
	if (field->column != NULL && !is_number(field) && (condition->measure != CRM_RULE_DISTINCT || !has_facet(field)))
		return false;
	for (int i = 0; i < condition->n_where; i++)
		if (!has_facet(&condition->where[i].field) && !is_number(&condition->where[i].field))
			return false;
	return true;
}

/* The keys of a facet's relation that pass the tests of its columns, as an array; null: all. */
static void
append_keys(CrmRuleSql *sql, const CrmRuleCondition *condition, const char *column)
{
	const CrmRuleLookup *facet = NULL;
	int			n = 0;

	for (int i = 0; i < condition->source->n_columns; i++)
		if (strcmp(condition->source->columns[i].name, column) == 0)
			facet = &condition->source->columns[i].facet;
	CrmEnsure(facet != NULL && facet->relation != NULL, "packed facts have products, stores and channels");
	for (int i = 0; i < condition->n_where; i++)
	{
		const CrmRuleLookup *own = &condition->where[i].field.column->facet;

		if (own->relation == NULL || strcmp(own->key, facet->key) != 0)
			continue;
		if (n++ == 0)
			appendStringInfo(&sql->text, "ARRAY(SELECT x.%s FROM %s x WHERE true", facet->key, facet->relation);
		appendStringInfoString(&sql->text, " AND ");
		crm_rule_sql_row_test(sql, &condition->where[i]);
	}
	appendStringInfoString(&sql->text, n > 0 ? ")" : "NULL::int[]");
}

/* What each line's amount, or quantity, is to be; null: anything. */
static void
append_comparisons(CrmRuleSql *sql, const CrmRuleCondition *condition, const char *column)
{
	int			n = 0;

	for (int i = 0; i < condition->n_where; i++)
	{
		const CrmRuleTest *test = &condition->where[i];

		if (strcmp(test->field.column->name, column) != 0)
			continue;
		appendStringInfoString(&sql->text, n++ == 0 ? "ARRAY[" : ", ");
		appendStringInfoString(&sql->text, "ROW('sum', '-infinity', 'infinity', 0, ");
		crm_rule_sql_text_param(sql, crm_rule_op_name(test->op));
		appendStringInfoString(&sql->text, ", ");
		crm_rule_sql_param(sql, NUMERICARRAYOID,
						   PointerGetDatum(construct_array(test->values, test->n_values, NUMERICOID, -1, false, TYPALIGN_INT)));
		appendStringInfoString(&sql->text, ", false)::crm.purchase_question");
	}
	appendStringInfoString(&sql->text, n > 0 ? "], " : "NULL, ");
}

/* When a line was bought, beside the span of days. */
static void
append_times(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	if (condition->has_clock)
	{
		crm_rule_sql_param(sql, TIMEOID, TimeADTGetDatum(condition->from));
		appendStringInfoString(&sql->text, ", ");
		crm_rule_sql_param(sql, TIMEOID, TimeADTGetDatum(condition->to));
		appendStringInfoString(&sql->text, ", " CRM_RULE_ZONE ", ");
	}
	else
		appendStringInfoString(&sql->text, "NULL, NULL, NULL, ");
	appendStringInfo(&sql->text, "%d, ", condition->weekdays);
	if (condition->hours > 0)
		appendStringInfo(&sql->text, CRM_RULE_MOMENT " - make_interval(hours => %d), ", condition->hours);
	else
		appendStringInfoString(&sql->text, "NULL, ");
	if (condition->measure == CRM_RULE_BASELINE)
		appendStringInfo(&sql->text, CRM_RULE_DAY " - %d, %d, ", condition->oldest, condition->windows);
	else
		appendStringInfoString(&sql->text, "NULL, NULL, ");
}

/* Which key is of which group, where a group is measured or is to be the same. */
static void
append_groups(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	const CrmRuleField *field = condition->same.column != NULL ? &condition->same : &condition->field;
	const CrmRuleLookup *facet = field->column == NULL ? NULL : &field->column->facet;

	if (facet == NULL || facet->code == NULL)
	{
		appendStringInfoString(&sql->text, "NULL, NULL");
		return;
	}
	appendStringInfo(&sql->text, "ARRAY(SELECT x.%s FROM %s x WHERE x.%s IS NOT NULL ORDER BY 1), ", facet->key, facet->relation, facet->code);
	appendStringInfo(&sql->text, "ARRAY(SELECT x.%s FROM %s x WHERE x.%s IS NOT NULL ORDER BY x.%s)", facet->code, facet->relation,
					 facet->code, facet->key);
}

static void
append_name(CrmRuleSql *sql, const CrmRuleField *field)
{
	if (field->column == NULL)
		appendStringInfoString(&sql->text, "NULL");
	else
		crm_rule_sql_text_param(sql, field->column->name);
	appendStringInfoString(&sql->text, ", ");
}

/* The question that is asked of everybody, and of one person. */
void
crm_rule_sql_packed_question(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	appendStringInfoString(&sql->text, "ROW(ARRAY[");
	crm_rule_sql_question(sql, condition);
	appendStringInfoString(&sql->text, "], ");
	append_name(sql, &condition->field);
	append_name(sql, &condition->same);
	append_keys(sql, condition, "product");
	appendStringInfoString(&sql->text, ", ");
	append_keys(sql, condition, "store");
	appendStringInfoString(&sql->text, ", ");
	append_keys(sql, condition, "channel");
	appendStringInfoString(&sql->text, ", ");
	append_comparisons(sql, condition, "amount");
	append_comparisons(sql, condition, "quantity");
	append_times(sql, condition);
	append_groups(sql, condition);
	appendStringInfoString(&sql->text, ")::crm.purchase_line_question");
}

/* Whether there is anything that its lines may be of: a category that no product is in has been bought by nobody. */
void
crm_rule_sql_packed_gate(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	static const char *const columns[] = {"product", "store", "channel"};

	for (int i = 0; i < lengthof(columns); i++)
	{
		appendStringInfoString(&sql->text, i > 0 ? " AND cardinality(coalesce(" : "cardinality(coalesce(");
		append_keys(sql, condition, columns[i]);
		appendStringInfoString(&sql->text, ", '{0}')) > 0");
	}
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
	crm_rule_sql_packed_question(sql, condition);
	appendStringInfoString(&sql->text, ", " CRM_RULE_DAY ", (SELECT crm._purchase_exponent()))");
}

/* " FROM ...": persons with a fact that reached one of the ages between the two days. */
void
crm_rule_sql_packed_moved(CrmRuleSql *sql, const CrmRuleCondition *condition, const int *ages, int n_ages)
{
	const CrmRuleSource *source = condition->source;

	appendStringInfo(&sql->text, " FROM %s x JOIN crm.membership m ON m.source_record_id = x.%s"
					 " WHERE m.valid_to = 'infinity' AND " CRM_RULE_DAY_BEFORE " < " CRM_RULE_DAY " AND crm._purchase_lines_pass(x.%s, ARRAY[",
					 source->packed_relation, source->key, source->packed_column);
	for (int i = 0; i < n_ages; i++)
		appendStringInfo(&sql->text, i > 0 ? ", %d" : "%d", ages[i]);
	appendStringInfoString(&sql->text, "], " CRM_RULE_DAY_BEFORE ", " CRM_RULE_DAY ", ");
	append_keys(sql, condition, "product");
	appendStringInfoChar(&sql->text, ')');
}
