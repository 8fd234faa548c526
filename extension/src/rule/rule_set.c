/*
 * rule_set.c
 *		The statements whose conditions are sets of persons and whose rule is their algebra: about
 *		everybody, or about many given persons.
 *
 *	WITH records AS MATERIALIZED (SELECT crm._rule_map(source_record_id, customer_id) AS map FROM crm.membership),
 *	     walk AS MATERIALIZED (SELECT crm._purchase_collect(...) AS sets FROM ...),
 *	     everybody AS MATERIALIZED (SELECT crm.bitmap_agg(customer_id) AS members FROM crm.customer WHERE active)
 *	SELECT everybody.members & (<set> & <set> | ...)
 *
 * A condition that nobody meets without rows is gathered from its rows.  One that absence meets is
 * gathered turned around and taken from everybody.  All conditions over a history are answered
 * by one walk over it.
 *
 * About given persons, "everybody" is them, and each relation is looked through once, by its key; several
 * rules share one map of records, and one walk over the histories.  What else a rule asks is asked about whom its
 * conditions on purchases leave, when all must hold: one who bought today is asked of no silence.
 */
#include "rule/rule.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#define RECORDS "crm._rule_map(m.source_record_id, m.customer_id) AS map FROM crm.membership m WHERE m.valid_to = 'infinity'"

#define N_STAGES 3				/* what one row of a person says, purchases kept in one row, the rest */

/* The conditions that one walk over the histories answers, and those of one over packed facts. */
typedef struct Walk
{
	List	   *history;		/* conditions */
	List	   *packed;
} Walk;

static void
append_given(CrmRuleSql *sql, const CrmRuleSource *source)
{
	if (sql->set_scope == CRM_RULE_GIVEN)
		appendStringInfo(&sql->text, " AND %s", crm_rule_sql_is_given(sql, source));
}

static void
append_test_of_group(CrmRuleSql *sql, const CrmRuleCondition *condition, bool is_turned)
{
	appendStringInfoString(&sql->text, is_turned ? " WHERE NOT coalesce(" : " WHERE coalesce(");
	crm_rule_sql_test(sql, &condition->test, "g.v");
	appendStringInfoString(&sql->text, ", false)");
}

/* Whether all that is asked is who has a current row with one of some values, which the source's room answers as a set. */
static bool
is_of_set(const CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	const CrmRuleSource *source = condition->source;
	const CrmRuleTest *test = &condition->where[0];

	return source->set_function != NULL && sql->set_scope == CRM_RULE_EVERYBODY && crm_rule_is_bare(condition) &&
		condition->n_where == 1 && strcmp(test->field.column->name, source->set_field) == 0 &&
		(test->op == CRM_RULE_EQ || test->op == CRM_RULE_IN) &&
		!condition->has_days && condition->hours == 0 && !condition->has_since && !condition->has_until &&
		!condition->has_clock && condition->weekdays == 0;
}

static void
append_set(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	const CrmRuleTest *test = &condition->where[0];

	appendStringInfo(&sql->text, "(SELECT %s(", condition->source->set_function);
	crm_rule_sql_param(sql, TEXTARRAYOID, PointerGetDatum(construct_array(test->values, test->n_values, TEXTOID, -1, false, TYPALIGN_INT)));
	appendStringInfoString(&sql->text, ", " CRM_RULE_MOMENT "))");
}

/* Persons whose rows meet the condition, or whose rows do not. */
static void
append_facts(CrmRuleSql *sql, const CrmRuleCondition *condition, bool is_turned)
{
	if (is_of_set(sql, condition))
	{
		append_set(sql, condition);
		return;
	}
	if (crm_rule_is_bare(condition))
	{
		appendStringInfo(&sql->text, "(SELECT crm.bitmap_agg(%s)", crm_rule_sql_person(sql, condition->source, sql->set_scope));
		crm_rule_sql_rows(sql, condition, sql->set_scope, true);
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
					 crm_rule_sql_person(sql, source, sql->set_scope), source->time, source->newest, source->state);
	crm_rule_sql_text_param(sql, source->strict);
	appendStringInfo(&sql->text, ") AS sets FROM %s x WHERE x.%s < " CRM_RULE_DAY_END " AND x.%s = ", source->relation,
					 source->time, source->part);
	crm_rule_sql_text_param(sql, condition->part);
	append_given(sql, source);
	appendStringInfoChar(&sql->text, ')');
}

/* Persons whose kept word the comparison takes; of one that absence meets, those whose word it does not take. */
static void
append_kept_words(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	const CrmRuleSource *source = condition->source;
	bool		is_turned = crm_rule_text_meets(&condition->test, NULL);
	Datum		words[2];
	int			n = 0;

	if (crm_rule_text_meets(&condition->test, source->strict) != is_turned)
		words[n++] = CStringGetTextDatum(source->strict);
	if (crm_rule_text_meets(&condition->test, source->loose) != is_turned)
		words[n++] = CStringGetTextDatum(source->loose);
	appendStringInfo(&sql->text, "(%s (SELECT crm.bitmap_agg(x.%s) FROM %s WHERE x.%s = ",
					 is_turned ? psprintf("%s OPERATOR(crm.-)", sql->everybody) : "", source->key,
					 sql->set_scope == CRM_RULE_GIVEN ? crm_rule_sql_given_rows(sql, source) : psprintf("%s x", source->relation), source->part);
	crm_rule_sql_text_param(sql, condition->part);
	appendStringInfo(&sql->text, " AND x.%s = ANY (", source->state);
	crm_rule_sql_param(sql, TEXTARRAYOID, PointerGetDatum(construct_array(words, n, TEXTOID, -1, false, TYPALIGN_INT)));
	appendStringInfoString(&sql->text, ")))");
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
		appendStringInfo(text, " OPERATOR(crm.|) (%s OPERATOR(crm.-) s.sets[1] OPERATOR(crm.-) s.sets[2])", sql->everybody);
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
		if (condition->source->keyed == CRM_RULE_BY_PERSON)
			append_kept_words(sql, condition);
		else
			append_latest(sql, condition);
		return;
	}
	if (is_turned)
		appendStringInfo(&sql->text, "(%s OPERATOR(crm.-) ", sql->everybody);
	if (condition->source->shape == CRM_RULE_HISTORY)
	{
		walk->history = lappend(walk->history, unconstify(CrmRuleCondition *, condition));
		appendStringInfo(&sql->text, "coalesce((SELECT w.sets[%d] FROM walk w), '{}')", list_length(walk->history));
	}
	else if (crm_rule_is_packed(condition))
	{
		walk->packed = lappend(walk->packed, unconstify(CrmRuleCondition *, condition));
		appendStringInfo(&sql->text, "coalesce((SELECT w.sets[%d] FROM packed w), '{}')", list_length(walk->packed));
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
		appendStringInfoString(&sql->text, node->group == CRM_RULE_ALL ? sql->everybody : "'{}'::crm.bitmap");
		return;
	}
	appendStringInfoChar(&sql->text, '(');
	if (node->group == CRM_RULE_NOT)
		appendStringInfo(&sql->text, "%s OPERATOR(crm.-) ", sql->everybody);
	for (int i = 0; i < node->n_children; i++)
	{
		if (i > 0)
			appendStringInfoString(&sql->text, node->group == CRM_RULE_ALL ? " OPERATOR(crm.&) " : " OPERATOR(crm.|) ");
		append_node(sql, node->children[i], walk);
	}
	appendStringInfoChar(&sql->text, ')');
}

static void
append_questions(CrmRuleSql *sql, const List *asked)
{
	ListCell   *cell;

	foreach(cell, asked)
	{
		appendStringInfoString(&sql->text, foreach_current_index(cell) > 0 ? ", " : "");
		crm_rule_sql_question(sql, lfirst(cell));
	}
}

/* Of given persons whose purchases are kept by person: their rows are walked to without a join. */
static void
append_kept_walk(CrmRuleSql *sql, const CrmRuleSource *source, const List *asked)
{
	appendStringInfo(&sql->text, "walk AS MATERIALIZED (SELECT crm._purchase_collect_given('%s', '%s', '%s', '%s', %s, ARRAY[",
					 source->relation, source->key, source->history, source->whole, crm_rule_sql_given(sql, source));
	append_questions(sql, asked);
	appendStringInfoString(&sql->text, "], " CRM_RULE_DAY ", crm._purchase_exponent()) AS sets), ");
}

static void
append_walk(CrmRuleSql *sql, const List *asked)
{
	const CrmRuleSource *source;

	if (asked == NIL)
		return;
	source = ((const CrmRuleCondition *) linitial(asked))->source;
	if (sql->set_scope == CRM_RULE_GIVEN && !sql->is_span && source->keyed == CRM_RULE_BY_PERSON && source->whole != NULL && source->scope[0] == '\0')
	{
		append_kept_walk(sql, source, asked);
		return;
	}
	appendStringInfo(&sql->text, "walk AS MATERIALIZED (SELECT crm._purchase_collect(%s, x.%s, %s, q.questions, " CRM_RULE_DAY
					 ", q.exponent) AS sets FROM (SELECT ARRAY[", crm_rule_sql_person(sql, source, sql->set_scope),
					 source->history, source->whole == NULL ? "false" : psprintf("x.%s", source->whole));
	append_questions(sql, asked);
	appendStringInfo(&sql->text, "] AS questions, crm._purchase_exponent() AS exponent OFFSET 0) q, %s x WHERE true%s",
					 source->relation, source->scope);
	append_given(sql, source);
	appendStringInfoString(&sql->text, "), ");
}

/* Of whom there are several chunks, so that whoever else is met is answered at once; of a few given persons it is not worth the asking. */
static void
append_shared(CrmRuleSql *sql, const CrmRuleSource *source)
{
	if (sql->set_scope == CRM_RULE_EVERYBODY && source->packed_from != NULL)
		appendStringInfo(&sql->text, "crm._rule_shared((SELECT r.map FROM records r), (SELECT crm.bitmap_agg(y.%s) FROM %s y WHERE y.%s > '-infinity'))",
						 source->key, source->packed_relation, source->packed_from);
	else
		appendStringInfoString(&sql->text, "NULL::crm.bitmap");
}

static void
append_packed_walk(CrmRuleSql *sql, const List *asked)
{
	const CrmRuleSource *source;
	ListCell   *cell;

	if (asked == NIL)
		return;
	source = ((const CrmRuleCondition *) linitial(asked))->source;
	appendStringInfo(&sql->text, "packed AS MATERIALIZED (SELECT crm._purchase_lines_collect(%s, x.%s, q.questions, " CRM_RULE_DAY
					 ", q.exponent, q.shared) AS sets FROM (SELECT ARRAY[", crm_rule_sql_person(sql, source, sql->set_scope),
					 source->packed_column);
	foreach(cell, asked)
	{
		appendStringInfoString(&sql->text, foreach_current_index(cell) > 0 ? ", " : "");
		crm_rule_sql_packed_question(sql, lfirst(cell));
	}
	appendStringInfoString(&sql->text, "] AS questions, crm._purchase_exponent() AS exponent, ");
	append_shared(sql, source);
	appendStringInfo(&sql->text, " AS shared OFFSET 0) q, %s x WHERE (", source->packed_relation);
	foreach(cell, asked)
	{
		appendStringInfoString(&sql->text, foreach_current_index(cell) > 0 ? " OR " : "");
		crm_rule_sql_packed_gate(sql, lfirst(cell));
	}
	appendStringInfoChar(&sql->text, ')');
	append_given(sql, source);
	appendStringInfoString(&sql->text, "), ");
}

/* Whether the walks look records up. */
static bool
walks_records(const Walk *walk)
{
	return walk->packed != NIL ||
		(walk->history != NIL && ((const CrmRuleCondition *) linitial(walk->history))->source->keyed == CRM_RULE_BY_RECORD);
}

#define EVERYBODY "everybody AS MATERIALIZED (SELECT crm.bitmap_agg(c.customer_id) AS members FROM crm.customer c WHERE c.status = 'active'"

/* "<set>, <set> ...": everybody, then each condition alone, in their order; the text begins with it. */
static char *
write_apart(CrmRuleSql *sql, const CrmRuleTree *tree, Walk *walk)
{
	appendStringInfoString(&sql->text, CRM_RULE_EVERYBODY_SET);
	for (int i = 0; i < tree->n_conditions; i++)
	{
		appendStringInfoString(&sql->text, ", " CRM_RULE_EVERYBODY_SET " OPERATOR(crm.&) ");
		append_condition(sql, tree->conditions[i], walk);
	}
	return sql->text.data;
}

/* What append_node() writes, apart from the text so far. */
static char *
write_node(CrmRuleSql *sql, const CrmRuleNode *node, Walk *walk)
{
	StringInfoData whole = sql->text;
	char	   *algebra;

	initStringInfo(&sql->text);
	append_node(sql, node, walk);
	algebra = sql->text.data;
	sql->text = whole;
	return algebra;
}

/*
 * One row: the set of persons who fit; apart: everybody, then the set of each condition alone, in their
 * order, so that each is gathered once and who asks puts them together.
 */
void
crm_rule_compile_set(const CrmRuleTree *tree, bool is_apart, CrmRuleSql *sql)
{
	Walk		walk = {0};
	const char *algebra;

	crm_rule_sql_begin(sql);
	algebra = is_apart ? write_apart(sql, tree, &walk) :
		psprintf(CRM_RULE_EVERYBODY_SET " OPERATOR(crm.&) %s", write_node(sql, tree->root, &walk));
	initStringInfo(&sql->text);
	appendStringInfoString(&sql->text, "WITH ");
	if (sql->needs_records || walks_records(&walk))
		appendStringInfoString(&sql->text, "records AS MATERIALIZED (SELECT " RECORDS "), ");
	append_walk(sql, walk.history);
	append_packed_walk(sql, walk.packed);
	appendStringInfo(&sql->text, EVERYBODY ") SELECT %s", algebra);
}

/* Records of the persons whose rows are read, and the ids that were merged into them. */
static void
append_keys_of_given(CrmRuleSql *sql, bool needs_records)
{
	if (needs_records)
		appendStringInfo(&sql->text, "records%s AS MATERIALIZED (SELECT r.ids, r.map FROM crm._rule_records(%s) r), ", sql->suffix, sql->persons);
	if (sql->needs_elders)
		appendStringInfo(&sql->text, "elders%s AS MATERIALIZED (SELECT %s || coalesce(array_agg(c.customer_id), '{}') AS ids,"
						 " crm._rule_map(c.customer_id, c.merged_into) AS map FROM crm.customer c"
						 " WHERE c.merged_into = ANY (%s) AND c.merged_into IS NOT NULL), ", sql->suffix, sql->persons, sql->persons);
}

/* One row, one column: the same sets apart, of the persons of a span, whose rows lie beside each other. */
void
crm_rule_compile_span(const CrmRuleTree *tree, CrmRuleSql *sql)
{
	Walk		walk = {0};
	char	   *algebra;

	crm_rule_sql_begin(sql);
	sql->set_scope = CRM_RULE_GIVEN;
	sql->is_span = true;
	sql->persons = "(SELECT crm.bitmap_array(e.members) FROM everybody e)::bigint[]";
	algebra = write_apart(sql, tree, &walk);
	initStringInfo(&sql->text);
	appendStringInfoString(&sql->text, "WITH " EVERYBODY " AND c.customer_id BETWEEN " CRM_RULE_SPAN "), ");
	append_keys_of_given(sql, sql->needs_records || walks_records(&walk));
	append_walk(sql, walk.history);
	append_packed_walk(sql, walk.packed);
	appendStringInfo(&sql->text, "apart AS (SELECT ARRAY[%s] AS sets) SELECT a.sets FROM apart a", algebra);
}

/* How early a condition that must hold is asked: what one row of the person answers, purchases kept in one, the rest. */
static int
stage_of(const CrmRuleNode *node)
{
	if (crm_rule_is_of_person(node))
		return 0;
	return node->group == CRM_RULE_CONDITION && node->condition->source->shape == CRM_RULE_HISTORY &&
		node->condition->source->keyed == CRM_RULE_BY_PERSON ? 1 : N_STAGES - 1;
}

/*
 * A rule whose conditions must all hold, taken apart by stages: each is asked about whom the one before left.
 * Returns how many stages have conditions.
 */
static int
part_by_stage(const CrmRuleNode *root, CrmRuleNode **stages)
{
	int			n = 0;

	for (int i = 0; i < N_STAGES; i++)
	{
		stages[i] = palloc0(sizeof(CrmRuleNode));
		stages[i]->group = CRM_RULE_ALL;
		stages[i]->children = palloc(Max(root->n_children, 1) * sizeof(CrmRuleNode *));
	}
	if (root->group != CRM_RULE_ALL)
		return 0;
	for (int i = 0; i < root->n_children; i++)
	{
		CrmRuleNode *stage = stages[stage_of(root->children[i])];

		n += stage->n_children == 0;
		stage->children[stage->n_children++] = root->children[i];
	}
	return n;
}

/* "stage<n> AS (...), ": whom a stage leaves; from here on everybody is they. */
static void
append_stage(CrmRuleSql *sql, int n, const CrmRuleNode *node, Walk *walk)
{
	appendStringInfo(&sql->text, "stage%d AS MATERIALIZED (SELECT s.members, crm.bitmap_array(s.members) AS ids FROM (SELECT ", n);
	append_node(sql, node, walk);
	appendStringInfoString(&sql->text, " AS members OFFSET 0) s), ");
	sql->everybody = psprintf("(SELECT s.members FROM stage%d s)", n);
	sql->persons = psprintf("(SELECT s.ids FROM stage%d s)::bigint[]", n);
}

/* SQL: of a rule those who are known to meet what orders do not change. */
static char *
met_of(const CrmRuleSql *sql, int n)
{
	return psprintf("coalesce($%d[%d], '{}')", sql->met, n + 1);
}

/*
 * What a part of a rule is asked about: "stage<name> AS (...), records<name> AS (...), " is added to the text of
 * parts, of the persons of a set; returns who of them meet the part.
 */
static char *
write_part(CrmRuleSql *sql, const char *name, const char *members, const CrmRuleNode *node, Walk *walk, StringInfo parts)
{
	CrmRuleSql	before = *sql;
	char	   *algebra;

	appendStringInfo(parts, "stage%s AS MATERIALIZED (SELECT s.members, crm.bitmap_array(s.members) AS ids FROM (SELECT %s AS members OFFSET 0) s), ", name, members);
	sql->everybody = psprintf("(SELECT s.members FROM stage%s s)", name);
	sql->persons = psprintf("(SELECT s.ids FROM stage%s s)::bigint[]", name);
	sql->suffix = name;
	sql->needs_records = sql->needs_elders = false;
	algebra = psprintf("(%s OPERATOR(crm.&) %s)", sql->everybody, write_node(sql, node, walk));
	initStringInfo(&sql->text);
	append_keys_of_given(sql, sql->needs_records);
	appendStringInfoString(parts, sql->text.data);
	sql->text = before.text;
	sql->everybody = before.everybody;
	sql->persons = before.persons;
	sql->suffix = before.suffix;
	sql->needs_records = before.needs_records;
	sql->needs_elders = before.needs_elders;
	return algebra;
}

/*
 * One of several rules whose walk conditions come first: what else orders change is asked about whom they leave, the rest
 * about whom that leaves and who is not known to meet it.  Returns the set of the rule.
 */
static char *
write_narrowed(CrmRuleSql *sql, int n, const CrmRuleParts *of, Walk *walk, StringInfo parts)
{
	char	   *left = write_node(sql, &of->walk, walk);
	char	   *name = psprintf("%d", n);

	if (of->of_orders.n_children > 0)
		left = write_part(sql, name, left, &of->of_orders, walk, parts);
	if (of->rest.n_children == 0)
		return left;
	appendStringInfo(parts, "left%s AS MATERIALIZED (SELECT %s AS members), ", name, left);
	left = psprintf("(SELECT l.members FROM left%s l)", name);
	return psprintf("((%s OPERATOR(crm.&) %s) OPERATOR(crm.|) %s)", left, met_of(sql, n),
					write_part(sql, psprintf("%s_rest", name), psprintf("%s OPERATOR(crm.-) %s", left, met_of(sql, n)), &of->rest, walk, parts));
}

/* "<set>, <set> ...": of each rule, apart from the text so far; parts: what those need that are asked by stages. */
static char *
write_algebra(CrmRuleSql *sql, CrmRuleTree *const *trees, int n_trees, Walk *walk, StringInfo parts)
{
	StringInfoData algebra;

	initStringInfo(&algebra);
	for (int i = 0; i < n_trees; i++)
	{
		CrmRuleParts of;

		appendStringInfoString(&algebra, i > 0 ? ", " : "");
		appendStringInfoString(&algebra, crm_rule_part_by_walk(trees[i]->root, &of) ?
							   write_narrowed(sql, i, &of, walk, parts) : write_node(sql, trees[i]->root, walk));
	}
	return algebra.data;
}

/*
 * The stages before the last, and the walk over kept purchases between them; returns the set of the rule.  The
 * walk is about whom the first stage left, whichever stage asks of purchases.
 */
static char *
append_stages(CrmRuleSql *sql, CrmRuleNode *const *stages, Walk *walk)
{
	StringInfoData whole;
	const char *left_by_first;
	const char *left;
	char	   *second;
	char	   *algebra;

	if (stages[0]->n_children > 0)
		append_stage(sql, 0, stages[0], walk);
	whole = sql->text;
	left_by_first = sql->persons;
	initStringInfo(&sql->text);
	if (stages[1]->n_children > 0)
		append_stage(sql, 1, stages[1], walk);
	second = sql->text.data;
	initStringInfo(&sql->text);
	appendStringInfo(&sql->text, "%s OPERATOR(crm.&) ", sql->everybody);
	append_node(sql, stages[N_STAGES - 1], walk);
	algebra = sql->text.data;
	sql->text = whole;
	if (stages[1]->n_children > 0)
	{
		left = sql->persons;
		sql->persons = left_by_first;
		append_walk(sql, walk->history);
		walk->history = NIL;
		sql->persons = left;
	}
	appendStringInfoString(&sql->text, second);
	return algebra;
}

/* Binds the parameter of who is known to meet what; it is filled at each execution. */
static void
bind_met(CrmRuleSql *sql)
{
	StringInfoData text = sql->text;
	Oid			bitmap = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("bitmap"), ObjectIdGetDatum(get_namespace_oid("crm", false)));

	initStringInfo(&sql->text);
	crm_rule_sql_param(sql, get_array_type(bitmap), (Datum) 0);
	sql->text = text;
	sql->met = sql->n_params;
}

/*
 * One row, one column: of each rule the set of the given persons who fit.  Hardly anybody asked about is not
 * active, so that is asked of who fits and is not known to be.
 */
void
crm_rule_compile_given(CrmRuleTree *const *trees, int n_trees, CrmRuleSql *sql)
{
	Walk		walk = {0};
	CrmRuleNode *stages[N_STAGES];
	StringInfoData parts;
	char	   *algebra;

	initStringInfo(&parts);
	crm_rule_sql_begin(sql);
	sql->set_scope = CRM_RULE_GIVEN;
	bind_met(sql);
	appendStringInfoString(&sql->text, "WITH everybody AS MATERIALIZED (SELECT crm.bitmap(" CRM_RULE_PERSONS "::bigint[]) AS members), ");
	if (n_trees == 1 && part_by_stage(trees[0]->root, stages) > 1)
		algebra = append_stages(sql, stages, &walk);
	else
		algebra = write_algebra(sql, trees, n_trees, &walk, &parts);
	append_keys_of_given(sql, sql->needs_records || walks_records(&walk));
	append_walk(sql, walk.history);
	append_packed_walk(sql, walk.packed);
	appendStringInfoString(&sql->text, parts.data);
	/* whoever is known to meet a part of any rule is active */
	appendStringInfo(&sql->text, "fitting AS MATERIALIZED (SELECT ARRAY[%s] AS sets), known AS MATERIALIZED (SELECT crm.bitmap_union(m) AS members FROM unnest($%d) m),"
					 " active AS MATERIALIZED (SELECT k.members OPERATOR(crm.|) crm._rule_active(crm.bitmap_array("
					 "(SELECT crm.bitmap_union(s) FROM fitting f, unnest(f.sets) s) OPERATOR(crm.-) k.members)) AS members FROM known k)"
					 " SELECT ARRAY(SELECT s.s OPERATOR(crm.&) (SELECT a.members FROM active a)"
					 " FROM fitting f, unnest(f.sets) WITH ORDINALITY s (s, n) ORDER BY s.n)", algebra, sql->met);
}
