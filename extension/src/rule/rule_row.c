/*
 * rule_row.c
 *		The statement about given persons, and the explanation of one.
 *
 *	SELECT p.id FROM unnest($1) p (id) WHERE <condition> AND <active>
 *
 * AND and OR stand as the rule has them, cheap conditions first: the executor stops at the first
 * that decides.  Hardly anybody asked about is not active, so that is asked of who fits.
 */
#include "rule/rule.h"

#define IS_ACTIVE "EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = p.id AND c.status = 'active')"

/* What a condition costs for one person: those without rows to walk come first. */
static int
cost_of(const CrmRuleNode *node)
{
	int			cost = 0;

	if (node->group != CRM_RULE_CONDITION)
	{
		for (int i = 0; i < node->n_children; i++)
			cost = Max(cost, cost_of(node->children[i]) + 1);
		return cost;
	}
	if (node->condition->source->keyed == CRM_RULE_BY_RECORD)
		cost = 20;
	return cost + (node->condition->measure == CRM_RULE_VALUE ? 1 :
				   node->condition->measure == CRM_RULE_EVER || node->condition->measure == CRM_RULE_NEVER ? 5 : 10);
}

/* Whether one row of the person answers it. */
bool
crm_rule_is_of_person(const CrmRuleNode *node)
{
	return node->group == CRM_RULE_CONDITION && node->condition->source->shape == CRM_RULE_STATE &&
		node->condition->source->keyed == CRM_RULE_BY_PERSON;
}

/* Children of a group in the order in which they are asked. */
static void
order_children(const CrmRuleNode *node, const CrmRuleNode **order)
{
	for (int i = 0; i < node->n_children; i++)
	{
		int			at = i;

		for (; at > 0 && cost_of(order[at - 1]) > cost_of(node->children[i]); at--)
			order[at] = order[at - 1];
		order[at] = node->children[i];
	}
}

/* true or false, never null, of the person p.id. */
static void
append_condition(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	CrmRuleSql	part = *sql;

	if (condition->as_rows != NULL)
	{
		append_condition(sql, condition->as_rows);
		return;
	}
	if (crm_rule_is_bare(condition) && condition->source->shape != CRM_RULE_HISTORY && !crm_rule_is_packed(condition))
	{
		appendStringInfoString(&sql->text, condition->measure == CRM_RULE_EVER ? "EXISTS (SELECT" : "NOT EXISTS (SELECT");
		crm_rule_sql_rows(sql, condition, CRM_RULE_ONE, true);
		appendStringInfoChar(&sql->text, ')');
		return;
	}
	initStringInfo(&part.text);
	crm_rule_sql_value(&part, condition);
	sql->n_params = part.n_params;
	sql->room = part.room;
	sql->types = part.types;
	sql->values = part.values;
	if (crm_rule_is_bare(condition))
	{
		appendStringInfo(&sql->text, "coalesce(%s, 0) %s 0", part.text.data, condition->measure == CRM_RULE_EVER ? ">" : "=");
		return;
	}
	appendStringInfoString(&sql->text, "coalesce(");
	crm_rule_sql_test(sql, &condition->test, part.text.data);
	appendStringInfoString(&sql->text, ", false)");
}

static void
append_node(CrmRuleSql *sql, const CrmRuleNode *node)
{
	const CrmRuleNode **order;

	if (node->group == CRM_RULE_CONDITION)
	{
		append_condition(sql, node->condition);
		return;
	}
	if (node->n_children == 0)
	{
		appendStringInfoString(&sql->text, node->group == CRM_RULE_ALL ? "true" : "false");
		return;
	}
	order = palloc(node->n_children * sizeof(CrmRuleNode *));
	order_children(node, order);
	appendStringInfoString(&sql->text, node->group == CRM_RULE_NOT ? "NOT (" : "(");
	for (int i = 0; i < node->n_children; i++)
	{
		if (i > 0)
			appendStringInfoString(&sql->text, node->group == CRM_RULE_ALL ? " AND " : " OR ");
		append_node(sql, order[i]);
	}
	appendStringInfoChar(&sql->text, ')');
}

/* One column: the ids of the given persons who fit. */
void
crm_rule_compile_row(const CrmRuleTree *tree, CrmRuleSql *sql)
{
	crm_rule_sql_begin(sql);
	appendStringInfoString(&sql->text, "SELECT p.id FROM unnest(" CRM_RULE_PERSONS "::bigint[]) p (id) WHERE ");
	append_node(sql, tree->root);
	appendStringInfoString(&sql->text, " AND " IS_ACTIVE);
}

/* One row: whether the person is active, then of each condition the value as text and the answer. */
void
crm_rule_compile_explain(const CrmRuleTree *tree, CrmRuleSql *sql)
{
	crm_rule_sql_begin(sql);
	appendStringInfoString(&sql->text, "SELECT " IS_ACTIVE);
	for (int i = 0; i < tree->n_conditions; i++)
	{
		appendStringInfoString(&sql->text, ", (");
		crm_rule_sql_value(sql, tree->conditions[i]);
		appendStringInfoString(&sql->text, ")::text, ");
		append_condition(sql, tree->conditions[i]);
	}
	appendStringInfoString(&sql->text, " FROM unnest(" CRM_RULE_PERSONS "::bigint[]) p (id)");
}
