/*
 * rule_measure.c
 *		The value that a condition finds: a field, an aggregate of rows, an answer of a history.
 *
 * Written either for one person, p.id, as a scalar, or for everybody, as rows (id, v).  Both are
 * made of the same pieces, so they cannot differ.
 */
#include "rule/rule.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* A field aside of the text: it binds its parameters in the order they are written. */
static void
append_call(CrmRuleSql *sql, const char *before, const CrmRuleField *field, const char *after)
{
	CrmRuleField seen = *field;

	/* sums and averages are of numbers, whatever a json member holds */
	if (seen.type == CRM_RULE_JSON)
		seen.type = CRM_RULE_NUMBER;
	appendStringInfoString(&sql->text, before);
	crm_rule_sql_field(sql, &seen, false);
	appendStringInfoString(&sql->text, after);
}

static void
append_day_call(CrmRuleSql *sql, const CrmRuleSource *source, const char *before, const char *after)
{
	appendStringInfoString(&sql->text, before);
	crm_rule_sql_day(sql, source);
	appendStringInfoString(&sql->text, after);
}

/* Rows of the last window over the mean of the windows before it; null without enough there. */
static void
append_baseline(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	StringInfoData whole = sql->text;
	char	   *before;

	initStringInfo(&sql->text);
	append_day_call(sql, condition->source, "count(*) FILTER (WHERE ", " < " CRM_RULE_DAY " - ");
	crm_rule_sql_int_param(sql, condition->oldest);
	appendStringInfoChar(&sql->text, ')');
	before = sql->text.data;
	sql->text = whole;
	appendStringInfo(&sql->text, "CASE WHEN %s >= greatest(", before);
	crm_rule_sql_int_param(sql, condition->at_least);
	appendStringInfo(&sql->text, ", 1) THEN (count(*) - %s)::numeric * %d / %s END", before, condition->windows, before);
}

/* The aggregate of the rows x of one person. */
static void
append_aggregate(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	const CrmRuleSource *source = condition->source;

	switch (condition->measure)
	{
		case CRM_RULE_DAYS:
			append_day_call(sql, source, "count(DISTINCT ", ")::numeric");
			break;
		case CRM_RULE_SUM:
			append_call(sql, "coalesce(sum(", &condition->field, "), 0)::numeric");
			break;
		case CRM_RULE_AVERAGE:
			append_call(sql, "avg(", &condition->field, ")::numeric");
			break;
		case CRM_RULE_MIN:
			append_call(sql, "min(", &condition->field, ")");
			break;
		case CRM_RULE_MAX:
			append_call(sql, "max(", &condition->field, ")");
			break;
		case CRM_RULE_DISTINCT:
			appendStringInfoString(&sql->text, "count(DISTINCT ");
			crm_rule_sql_field(sql, &condition->field, false);
			appendStringInfoString(&sql->text, ")::numeric");
			break;
		case CRM_RULE_LAST:
			append_day_call(sql, source, "(" CRM_RULE_DAY " - max(", "))::numeric");
			break;
		case CRM_RULE_FIRST:
			append_day_call(sql, source, "(" CRM_RULE_DAY " - min(", "))::numeric");
			break;
		case CRM_RULE_BASELINE:
			append_baseline(sql, condition);
			break;
		default:
			appendStringInfoString(&sql->text, "count(*)::numeric");
	}
}

/* (id, v) of rows that are looked at object by object: the best of a person's objects. */
static void
append_by_object(CrmRuleSql *sql, const CrmRuleCondition *condition, CrmRuleScope scope)
{
	StringInfo	text = &sql->text;
	bool		is_streak = condition->measure == CRM_RULE_STREAK;
	bool		has_object = condition->same.column != NULL;

	if (has_object)
		appendStringInfoString(text, "SELECT w.id, max(w.n)::numeric AS v FROM (");
	appendStringInfo(text, "SELECT u.id, %s%s FROM (SELECT %s AS id", is_streak ? "crm._rule_streak(u.d)" : "count(*)",
					 has_object ? " AS n" : "::numeric AS v", crm_rule_sql_person(sql, condition->source, scope));
	if (has_object)
	{
		appendStringInfoString(text, ", ");
		crm_rule_sql_field(sql, &condition->same, false);
		appendStringInfoString(text, " AS k");
	}
	if (is_streak)
		append_day_call(sql, condition->source, ", ", " AS d");
	crm_rule_sql_rows(sql, condition, scope, true);
	appendStringInfoString(text, has_object ? ") u GROUP BY u.id, u.k) w GROUP BY w.id" : ") u GROUP BY u.id");
}

/* (id, v) of everybody who has rows. */
static void
append_groups(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	appendStringInfo(&sql->text, "SELECT %s AS id, ", crm_rule_sql_person(sql, condition->source, sql->set_scope));
	append_aggregate(sql, condition);
	appendStringInfoString(&sql->text, " AS v");
	crm_rule_sql_rows(sql, condition, sql->set_scope, true);
	appendStringInfoString(&sql->text, " GROUP BY 1");
}

static bool
is_by_object(const CrmRuleCondition *condition)
{
	return condition->measure == CRM_RULE_STREAK || condition->same.column != NULL;
}

void
crm_rule_sql_groups(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	if (is_by_object(condition))
		append_by_object(sql, condition, sql->set_scope);
	else
		append_groups(sql, condition);
}

static void
append_history_value(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	appendStringInfo(&sql->text, "crm._purchase_measure((SELECT crm.purchase_combine(x.%s)", condition->source->history);
	crm_rule_sql_rows(sql, condition, CRM_RULE_ONE, false);
	appendStringInfoString(&sql->text, "), ");
	crm_rule_sql_text_param(sql, crm_rule_is_bare(condition) ? "count" :
							crm_rule_measure_name(condition->measure));
	appendStringInfoString(&sql->text, ", ");
	crm_rule_sql_span(sql, condition);
	appendStringInfoString(&sql->text, ", " CRM_RULE_DAY ", ");
	crm_rule_sql_int_param(sql, condition->at_least);
	appendStringInfoString(&sql->text, ", (SELECT crm._purchase_exponent()))");
}

/* The newest row of each record decides; over the records the strict word wins, as kept rows have it. */
static void
append_latest_value(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	const CrmRuleSource *source = condition->source;

	if (source->keyed == CRM_RULE_BY_PERSON)
	{
		appendStringInfo(&sql->text, "(SELECT x.%s FROM %s x WHERE x.%s = p.id AND x.%s = ", source->state, source->relation,
						 source->key, source->part);
		crm_rule_sql_text_param(sql, condition->part);
		appendStringInfoChar(&sql->text, ')');
		return;
	}
	appendStringInfo(&sql->text, "(SELECT CASE WHEN bool_or(x.%s = ", source->state);
	crm_rule_sql_text_param(sql, source->strict);
	appendStringInfo(&sql->text, ") THEN $%d WHEN bool_or(x.%s = ", sql->n_params, source->state);
	crm_rule_sql_text_param(sql, source->loose);
	appendStringInfo(&sql->text, ") THEN $%d END FROM (SELECT y.source_record_id, y.valid_to FROM crm.membership y"
					 " WHERE y.customer_id = p.id OFFSET 0) m CROSS JOIN LATERAL (SELECT y.%s FROM %s y WHERE y.%s = m.source_record_id",
					 sql->n_params, source->state, source->relation, source->key);
	if (condition->part != NULL)
	{
		appendStringInfo(&sql->text, " AND y.%s = ", source->part);
		crm_rule_sql_text_param(sql, condition->part);
	}
	appendStringInfo(&sql->text, " AND y.%s < " CRM_RULE_DAY_END " ORDER BY y.%s DESC, y.%s DESC LIMIT 1) x"
					 " WHERE m.valid_to = 'infinity')", source->time, source->time, source->newest);
}

/* The value for the person p.id, as a scalar expression. */
void
crm_rule_sql_value(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	if (condition->source->shape == CRM_RULE_HISTORY)
		append_history_value(sql, condition);
	else if (condition->source->shape == CRM_RULE_LATEST)
		append_latest_value(sql, condition);
	else if (crm_rule_is_packed(condition))
		crm_rule_sql_packed_value(sql, condition);
	else if (condition->measure == CRM_RULE_VALUE)
	{
		CrmRuleField field = condition->field;

		/* of a member of a json column what is written there, also when it is of another type than what the rule compares it with */
		field.type = field.column->type == CRM_RULE_JSON ? CRM_RULE_TEXT : condition->test.type;
		appendStringInfoString(&sql->text, "(SELECT ");
		crm_rule_sql_field(sql, &field, condition->field.column->type != CRM_RULE_TEXTS);
		crm_rule_sql_rows(sql, condition, CRM_RULE_ONE, false);
		appendStringInfoString(&sql->text, " LIMIT 1)");
	}
	else if (is_by_object(condition))
	{
		appendStringInfoString(&sql->text, "coalesce((SELECT z.v FROM (");
		append_by_object(sql, condition, CRM_RULE_ONE);
		appendStringInfoString(&sql->text, ") z), 0)");
	}
	else
	{
		appendStringInfoString(&sql->text, "(SELECT ");
		append_aggregate(sql, condition);
		crm_rule_sql_rows(sql, condition, CRM_RULE_ONE, true);
		appendStringInfoChar(&sql->text, ')');
	}
}
