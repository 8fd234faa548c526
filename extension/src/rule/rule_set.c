/*
 * rule_set.c
 *		The statement about everybody: each condition a set of persons, the rule their algebra.
 *
 *	WITH records AS MATERIALIZED (SELECT crm._rule_map(source_record_id, customer_id) AS map FROM crm.membership),
 *	     walk AS MATERIALIZED (SELECT crm._purchase_collect(...) AS sets FROM ...),
 *	     everybody AS MATERIALIZED (SELECT crm.bitmap_agg(customer_id) AS members FROM crm.customer WHERE active)
 *	SELECT everybody.members & (<set> & <set> | ...)
 *
 * A condition that nobody meets without rows is gathered from its rows.  One that absence meets is
 * gathered turned around and taken from everybody.  All conditions over a history are answered
 * by one walk over it.
 */
#include "rule/rule.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define EVERYBODY "(SELECT e.members FROM everybody e)"

/* The conditions that one walk over the histories answers, and one over packed facts. */
typedef struct Questions
{
	int			n;
	const CrmRuleCondition *questions[2 * CRM_RULE_MAX_CONDITIONS];
} Questions;

typedef struct Walk
{
	Questions	history;
	Questions	packed;
} Walk;

static void
append_test_of_group(CrmRuleSql *sql, const CrmRuleCondition *condition, bool is_turned)
{
	appendStringInfoString(&sql->text, is_turned ? " WHERE NOT coalesce(" : " WHERE coalesce(");
	crm_rule_sql_test(sql, &condition->test, "g.v");
	appendStringInfoString(&sql->text, ", false)");
}

/* Persons whose rows meet the condition, or whose rows do not. */
static void
append_facts(CrmRuleSql *sql, const CrmRuleCondition *condition, bool is_turned)
{
	if (crm_rule_is_bare(condition))
	{
		appendStringInfo(&sql->text, "(SELECT crm.bitmap_agg(%s)", crm_rule_sql_person(sql, condition->source, CRM_RULE_EVERYBODY));
		crm_rule_sql_rows(sql, condition, CRM_RULE_EVERYBODY, true);
		appendStringInfoChar(&sql->text, ')');
		return;
	}
	appendStringInfoString(&sql->text, "(SELECT crm.bitmap_agg(g.id) FROM (");
	crm_rule_sql_groups(sql, condition);
	appendStringInfoString(&sql->text, ") g");
	append_test_of_group(sql, condition, is_turned);
	appendStringInfoChar(&sql->text, ')');
}

/* Two sets in one scan: persons whose word is strict, persons whose word is loose. */
static void
append_words(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	const CrmRuleSource *source = condition->source;

	appendStringInfo(&sql->text, "(SELECT crm._rule_latest(x.%s, %s, x.%s, x.%s, x.%s = ", source->key,
					 crm_rule_sql_person(sql, source, CRM_RULE_EVERYBODY), source->time, source->newest, source->state);
	crm_rule_sql_text_param(sql, source->strict);
	appendStringInfo(&sql->text, ") AS sets FROM %s x WHERE x.%s < " CRM_RULE_DAY_END " AND x.%s = ", source->relation,
					 source->time, source->part);
	crm_rule_sql_text_param(sql, condition->part);
	appendStringInfoChar(&sql->text, ')');
}

/* A person's word is strict, loose or absent: what the comparison takes of them. */
static void
append_latest(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	const CrmRuleSource *source = condition->source;
	StringInfo	text = &sql->text;

	appendStringInfoString(text, "(SELECT '{}'::crm.bitmap");
	if (crm_rule_text_meets(&condition->test, source->strict))
		appendStringInfoString(text, " OPERATOR(crm.|) s.sets[1]");
	if (crm_rule_text_meets(&condition->test, source->loose))
		appendStringInfoString(text, " OPERATOR(crm.|) s.sets[2]");
	if (crm_rule_text_meets(&condition->test, NULL))
		appendStringInfoString(text, " OPERATOR(crm.|) (" EVERYBODY " OPERATOR(crm.-) s.sets[1] OPERATOR(crm.-) s.sets[2])");
	appendStringInfoString(text, " FROM ");
	append_words(sql, condition);
	appendStringInfoString(text, " s)");
}

static void
append_condition(CrmRuleSql *sql, const CrmRuleCondition *condition, Walk *walk)
{
	bool		is_turned = crm_rule_absence_meets(condition);

	if (condition->source->shape == CRM_RULE_LATEST)
	{
		append_latest(sql, condition);
		return;
	}
	if (is_turned)
		appendStringInfoString(&sql->text, "(" EVERYBODY " OPERATOR(crm.-) ");
	if (condition->source->shape == CRM_RULE_HISTORY)
	{
		walk->history.questions[walk->history.n++] = condition;
		appendStringInfo(&sql->text, "coalesce((SELECT w.sets[%d] FROM walk w), '{}')", walk->history.n);
	}
	else if (crm_rule_is_packed(condition))
	{
		walk->packed.questions[walk->packed.n++] = condition;
		appendStringInfo(&sql->text, "coalesce((SELECT w.sets[%d] FROM packed w), '{}')", walk->packed.n);
	}
	else if (condition->source->shape == CRM_RULE_FACTS)
		append_facts(sql, condition, is_turned);
	else
		append_facts(sql, condition->as_rows, is_turned);
	if (is_turned)
		appendStringInfoChar(&sql->text, ')');
}

static void
append_node(CrmRuleSql *sql, const CrmRuleNode *node, Walk *walk)
{
	if (node->group == CRM_RULE_CONDITION)
	{
		append_condition(sql, node->condition, walk);
		return;
	}
	if (node->n_children == 0)
	{
		appendStringInfoString(&sql->text, node->group == CRM_RULE_ALL ? EVERYBODY : "'{}'::crm.bitmap");
		return;
	}
	appendStringInfoChar(&sql->text, '(');
	if (node->group == CRM_RULE_NOT)
		appendStringInfoString(&sql->text, EVERYBODY " OPERATOR(crm.-) ");
	for (int i = 0; i < node->n_children; i++)
	{
		if (i > 0)
			appendStringInfoString(&sql->text, node->group == CRM_RULE_ALL ? " OPERATOR(crm.&) " : " OPERATOR(crm.|) ");
		append_node(sql, node->children[i], walk);
	}
	appendStringInfoChar(&sql->text, ')');
}

static void
append_walk(CrmRuleSql *sql, const Questions *asked)
{
	const CrmRuleSource *source = asked->questions[0]->source;

	appendStringInfo(&sql->text, "walk AS MATERIALIZED (SELECT crm._purchase_collect(%s, x.%s, q.questions, " CRM_RULE_DAY
					 ", q.exponent) AS sets FROM (SELECT ARRAY[", crm_rule_sql_person(sql, source, CRM_RULE_EVERYBODY),
					 source->history);
	for (int i = 0; i < asked->n; i++)
	{
		appendStringInfoString(&sql->text, i > 0 ? ", " : "");
		crm_rule_sql_question(sql, asked->questions[i]);
	}
	appendStringInfo(&sql->text, "] AS questions, crm._purchase_exponent() AS exponent OFFSET 0) q, %s x WHERE true%s), ",
					 source->relation, source->scope);
}

static void
append_packed_walk(CrmRuleSql *sql, const Questions *asked)
{
	const CrmRuleSource *source = asked->questions[0]->source;

	appendStringInfo(&sql->text, "packed AS MATERIALIZED (SELECT crm._purchase_lines_collect(%s, x.%s, q.questions, " CRM_RULE_DAY
					 ", q.exponent) AS sets FROM (SELECT ARRAY[", crm_rule_sql_person(sql, source, CRM_RULE_EVERYBODY),
					 source->packed_column);
	for (int i = 0; i < asked->n; i++)
	{
		appendStringInfoString(&sql->text, i > 0 ? ", " : "");
		crm_rule_sql_packed_question(sql, asked->questions[i]);
	}
	appendStringInfo(&sql->text, "] AS questions, crm._purchase_exponent() AS exponent OFFSET 0) q, %s x), ", source->packed_relation);
}

static void
append_everybody(CrmRuleSql *sql)
{
	appendStringInfoString(&sql->text, "everybody AS MATERIALIZED (SELECT crm.bitmap_agg(c.customer_id) AS members"
						   " FROM crm.customer c WHERE c.status = 'active') SELECT ");
}

/*
 * One row: the set of persons who fit; apart: then the set of each condition alone, in their
 * order.
 */
void
crm_rule_compile_set(const CrmRuleTree *tree, bool is_apart, CrmRuleSql *sql)
{
	Walk		walk = {0};
	char	   *algebra;

	crm_rule_sql_begin(sql);
	appendStringInfoString(&sql->text, EVERYBODY " OPERATOR(crm.&) ");
	append_node(sql, tree->root, &walk);
	for (int i = 0; is_apart && i < tree->n_conditions; i++)
	{
		appendStringInfoString(&sql->text, ", " EVERYBODY " OPERATOR(crm.&) ");
		append_condition(sql, tree->conditions[i], &walk);
	}
	algebra = sql->text.data;
	initStringInfo(&sql->text);
	appendStringInfoString(&sql->text, "WITH ");
	if (sql->needs_records || walk.history.n > 0 || walk.packed.n > 0)
		appendStringInfoString(&sql->text, "records AS MATERIALIZED (SELECT crm._rule_map(m.source_record_id, m.customer_id) AS map"
							   " FROM crm.membership m WHERE m.valid_to = 'infinity'), ");
	if (walk.history.n > 0)
		append_walk(sql, &walk.history);
	if (walk.packed.n > 0)
		append_packed_walk(sql, &walk.packed);
	append_everybody(sql);
	appendStringInfoString(&sql->text, algebra);
}
