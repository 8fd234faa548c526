/*
 * rule_moved.c
 *		The statement about whom time alone may have moved between two moments.
 *
 * A row of a window changes the answer on the day it reaches an age: it leaves at oldest + 1,
 * enters at youngest.  So the persons to look at again are those with a row whose age passed
 * such an edge: day > before - edge and day <= now - edge.  What leans on a date (an age, a birthday) is
 * compared by both days.  Sources that move by themselves keep a log, which is read from an hour
 * before the earlier moment, for transactions that were under way.
 */
#include "rule/rule.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define MAX_EDGES 32

typedef struct Edges
{
	int			n;
	int			ages[MAX_EDGES];
	bool		are_more;		/* than are listed: who passes is not told by them */
} Edges;

static void
add_edge(Edges *edges, int age)
{
	if (age < 0 || age > CRM_RULE_MAX_DAYS * 14)
		return;
	if (edges->n < MAX_EDGES)
		edges->ages[edges->n++] = age;
	else
		edges->are_more = true;
}

/* Ages that a comparison of days tells apart: around each value. */
static void
add_values(Edges *edges, const CrmRuleTest *test)
{
	for (int i = 0; i < test->n_values; i++)
	{
		double		value = DatumGetFloat8(DirectFunctionCall1(numeric_float8, test->values[i]));

		if (value < 0 || value > CRM_RULE_MAX_DAYS)
			continue;
		add_edge(edges, (int) value);
		add_edge(edges, (int) value + 1);
	}
}

static Edges
edges_of(const CrmRuleCondition *condition)
{
	Edges		edges = {0};

	/* what was dated ahead */
	if (condition->source->day != NULL || condition->source->shape == CRM_RULE_HISTORY)
		add_edge(&edges, 0);
	if (condition->measure == CRM_RULE_BASELINE)
		for (int i = 1; i <= condition->windows + 1; i++)
			add_edge(&edges, i * (condition->oldest + 1));
	else if (condition->has_days)
	{
		add_edge(&edges, condition->oldest + 1);
		if (condition->youngest > 0)
			add_edge(&edges, condition->youngest);
	}
	if (condition->measure == CRM_RULE_LAST || condition->measure == CRM_RULE_FIRST)
		add_values(&edges, &condition->test);
	return edges;
}

static bool
is_of_date(const CrmRuleTest *test)
{
	return test->field.derive != CRM_RULE_PLAIN;
}

/* Whose rows pass, and whether they say what no order changes. */
static void
append_select(CrmRuleSql *sql, const CrmRuleSource *source, const char *person)
{
	appendStringInfo(&sql->text, "%sSELECT %s, %s", sql->text.len > 0 ? " UNION " : "", person, source->is_of_orders ? "false" : "true");
}

static void
append_edges(CrmRuleSql *sql, const CrmRuleCondition *condition, const Edges *edges)
{
	/* while the day is the same the first part falls away before anything is read */
	appendStringInfoString(&sql->text, CRM_RULE_DAY_BEFORE " < " CRM_RULE_DAY " AND (false");
	for (int i = 0; i < edges->n; i++)
	{
		appendStringInfoString(&sql->text, " OR (");
		crm_rule_sql_day(sql, condition->source);
		appendStringInfo(&sql->text, " > " CRM_RULE_DAY_BEFORE " - %d AND ", edges->ages[i]);
		crm_rule_sql_day(sql, condition->source);
		appendStringInfo(&sql->text, " <= " CRM_RULE_DAY " - %d)", edges->ages[i]);
	}
	appendStringInfoChar(&sql->text, ')');
	if (condition->source->until != NULL && !condition->source->ends_elsewhere)
		appendStringInfo(&sql->text, " OR (x.%s > " CRM_RULE_MOMENT_BEFORE " AND x.%s <= " CRM_RULE_MOMENT ")",
						 condition->source->until, condition->source->until);
	if (condition->hours > 0)
		appendStringInfo(&sql->text, " OR (x.%s > " CRM_RULE_MOMENT_BEFORE " - make_interval(hours => %d) AND x.%s <= "
						 CRM_RULE_MOMENT " - make_interval(hours => %d))", condition->source->time, condition->hours,
						 condition->source->time, condition->hours);
}

/* Rows that pass an edge; tests of dates are left to append_dates(). */
static void
append_rows_at_edges(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	Edges		edges = edges_of(condition);
	CrmRuleCondition plain = *condition;

	if (edges.n == 0 && condition->hours == 0 && (condition->source->until == NULL || condition->source->ends_elsewhere))
		return;
	/* lines of the last hours are few, and found by their moment */
	if (crm_rule_is_packed(condition) && condition->hours == 0)
	{
		append_select(sql, condition->source, "m.customer_id");
		crm_rule_sql_packed_moved(sql, condition, edges.ages, edges.n);
		return;
	}
	plain.n_where = 0;
	for (int i = 0; i < condition->n_where; i++)
		if (!is_of_date(&condition->where[i]))
			plain.where[plain.n_where++] = condition->where[i];
	append_select(sql, condition->source, crm_rule_sql_person(sql, condition->source, CRM_RULE_SOME));
	crm_rule_sql_rows(sql, &plain, CRM_RULE_SOME, false);
	appendStringInfoString(&sql->text, " AND (");
	append_edges(sql, condition, &edges);
	appendStringInfoChar(&sql->text, ')');
}

/* Rows that end by time alone where that is told apart from the others: they are few, whatever else is asked of them. */
static void
append_ends(CrmRuleSql *sql, const CrmRuleSource *source)
{
	CrmRuleSource ended = *source;

	if (source->ends_relation == NULL)
		return;
	ended.relation = source->ends_relation;
	append_select(sql, source, crm_rule_sql_person(sql, &ended, CRM_RULE_SOME));
	crm_rule_sql_relation(sql, &ended, CRM_RULE_SOME);
	appendStringInfo(&sql->text, " AND x.%s > " CRM_RULE_MOMENT_BEFORE " AND x.%s <= " CRM_RULE_MOMENT, source->until, source->until);
}

/* Rows that a date of theirs makes another on another day. */
static void
append_dates(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	for (int i = 0; i < condition->n_where; i++)
	{
		CrmRuleCondition plain = *condition;

		if (!is_of_date(&condition->where[i]))
			continue;
		plain.n_where = 0;
		append_select(sql, condition->source, crm_rule_sql_person(sql, condition->source, CRM_RULE_SOME));
		crm_rule_sql_rows(sql, &plain, CRM_RULE_SOME, false);
		appendStringInfoString(&sql->text, " AND " CRM_RULE_DAY_BEFORE " < " CRM_RULE_DAY " AND (");
		crm_rule_sql_row_test(sql, &condition->where[i]);
		appendStringInfoString(&sql->text, ") IS DISTINCT FROM (");
		sql->today = CRM_RULE_DAY_BEFORE;
		crm_rule_sql_row_test(sql, &condition->where[i]);
		sql->today = CRM_RULE_DAY;
		appendStringInfoChar(&sql->text, ')');
	}
}

static void
append_history(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	Edges		edges = edges_of(condition);

	if (edges.n == 0)
		return;
	append_select(sql, condition->source, crm_rule_sql_person(sql, condition->source, CRM_RULE_SOME));
	crm_rule_sql_rows(sql, condition, CRM_RULE_SOME, false);
	appendStringInfo(&sql->text, " AND " CRM_RULE_DAY_BEFORE " < " CRM_RULE_DAY " AND crm._purchase_passes(x.%s, ARRAY[", condition->source->history);
	for (int i = 0; i < edges.n; i++)
		appendStringInfo(&sql->text, i > 0 ? ", %d" : "%d", edges.ages[i]);
	appendStringInfoString(&sql->text, "], " CRM_RULE_DAY_BEFORE ", " CRM_RULE_DAY ")");
}

/* Words that were dated ahead. */
static void
append_latest(CrmRuleSql *sql, const CrmRuleSource *source)
{
	if (source->keyed == CRM_RULE_BY_PERSON)
	{
		append_select(sql, source, psprintf("x.%s", source->key));
		appendStringInfo(&sql->text, " FROM %s x WHERE " CRM_RULE_DAY_BEFORE " < " CRM_RULE_DAY " AND x.%s >= " CRM_RULE_DAY_END_BEFORE
						 " AND x.%s < " CRM_RULE_DAY_END, source->relation, source->since, source->since);
		return;
	}
	append_select(sql, source, "m.customer_id");
	appendStringInfo(&sql->text, " FROM %s x JOIN crm.membership m ON m.source_record_id = x.%s"
					 " WHERE m.valid_to = 'infinity' AND " CRM_RULE_DAY_BEFORE " < " CRM_RULE_DAY " AND x.%s >= " CRM_RULE_DAY_END_BEFORE
					 " AND x.%s < " CRM_RULE_DAY_END, source->relation, source->key, source->time, source->time);
}

static void
append_log(CrmRuleSql *sql, const CrmRuleSource *source)
{
	append_select(sql, source, psprintf("l.%s", source->moved_key));
	appendStringInfo(&sql->text, " FROM %s l WHERE l.%s > " CRM_RULE_MOMENT_BEFORE " - interval '1 hour' AND l.%s <= "
					 CRM_RULE_MOMENT, source->moved_relation, source->moved_at, source->moved_at);
}

static bool
ends_by_time(const CrmRuleSource *source)
{
	return source->until != NULL && (!source->ends_elsewhere || source->ends_relation != NULL);
}

/* Whether a condition's answer may become another within a day: by a log, an expiry, or an age in hours. */
static bool
moves_within_day(const CrmRuleCondition *condition)
{
	const CrmRuleCondition *rows = condition->as_rows != NULL ? condition->as_rows : condition;

	return condition->source->moved_relation != NULL || ends_by_time(rows->source) || rows->hours > 0;
}

/* Whether from day to day only asking everybody tells: own gaps, dates that are measured, more ages than are listed. */
static bool
moves_anybody(const CrmRuleCondition *condition)
{
	return condition->measure == CRM_RULE_GAP_RATIO ||
		(condition->measure != CRM_RULE_VALUE && condition->field.derive != CRM_RULE_PLAIN) ||
		condition->same.derive != CRM_RULE_PLAIN || edges_of(condition).are_more;
}

/* Persons to look at again, none when time moves nobody, each with whether more than what orders change may have moved: twice, if both. */
CrmRuleMoves
crm_rule_compile_moved(const CrmRuleTree *tree, CrmRuleSql *sql)
{
	CrmRuleMoves moves = {0};

	crm_rule_sql_begin(sql);
	for (int i = 0; i < tree->n_conditions; i++)
	{
		const CrmRuleCondition *condition = tree->conditions[i];
		const CrmRuleCondition *rows = condition->as_rows != NULL ? condition->as_rows : condition;

		moves.daily_for_everybody |= moves_anybody(condition);
		moves.within_day |= moves_within_day(condition);
		if (condition->source->moved_relation != NULL)
			append_log(sql, condition->source);
		if (condition->source->shape == CRM_RULE_HISTORY)
			append_history(sql, condition);
		else if (condition->source->shape == CRM_RULE_LATEST)
			append_latest(sql, condition->source);
		else
		{
			append_rows_at_edges(sql, rows);
			append_ends(sql, rows->source);
			append_dates(sql, rows);
		}
	}
	if (sql->text.len == 0)
		appendStringInfoString(&sql->text, "SELECT NULL::bigint, false WHERE false");
	return moves;
}
