/*
 * rule_sql.c
 *		A statement being written: its text and its parameters; columns, comparisons, rows.
 *
 * Text comes from constants here and from the registry, which quoted its names; values of a rule
 * are parameters.  The alias x is a source's row, m a membership of a record, p.id the person
 * that is asked about.  Three things of identity are known by name: crm.customer, its
 * merged_into, and crm.membership.
 */
#include "rule/rule.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"

static Oid
sql_type(CrmRuleType type)
{
	switch (type)
	{
		case CRM_RULE_NUMBER:
			return NUMERICOID;
		case CRM_RULE_BOOLEAN:
			return BOOLOID;
		case CRM_RULE_DATE:
			return DATEOID;
		case CRM_RULE_TIME:
			return TIMESTAMPTZOID;
		default:
			return TEXTOID;
	}
}

const Oid	crm_rule_fixed_types[CRM_RULE_N_FIXED] = {INT8ARRAYOID, TIMESTAMPTZOID, DATEOID, TEXTOID, TIMESTAMPTZOID, DATEOID};

void
crm_rule_sql_begin(CrmRuleSql *sql)
{
	initStringInfo(&sql->text);
	sql->today = CRM_RULE_DAY;
	sql->set_scope = CRM_RULE_EVERYBODY;
	sql->is_span = false;
	sql->everybody = CRM_RULE_EVERYBODY_SET;
	sql->persons = CRM_RULE_PERSONS "::bigint[]";
	sql->suffix = "";
	sql->needs_records = false;
	sql->needs_elders = false;
	sql->met = 0;
	sql->room = 16;
	sql->n_params = CRM_RULE_N_FIXED;
	sql->types = palloc0(sql->room * sizeof(Oid));
	sql->values = palloc0(sql->room * sizeof(Datum));
	memcpy(sql->types, crm_rule_fixed_types, sizeof(crm_rule_fixed_types));
}

/* Binds a value and writes its place. */
void
crm_rule_sql_param(CrmRuleSql *sql, Oid type, Datum value)
{
	if (sql->n_params == sql->room)
	{
		sql->room *= 2;
		sql->types = repalloc(sql->types, sql->room * sizeof(Oid));
		sql->values = repalloc(sql->values, sql->room * sizeof(Datum));
	}
	sql->types[sql->n_params] = type;
	sql->values[sql->n_params] = value;
	appendStringInfo(&sql->text, "$%d", ++sql->n_params);
}

void
crm_rule_sql_text_param(CrmRuleSql *sql, const char *value)
{
	crm_rule_sql_param(sql, TEXTOID, CStringGetTextDatum(value));
}

void
crm_rule_sql_int_param(CrmRuleSql *sql, int value)
{
	crm_rule_sql_param(sql, INT4OID, Int32GetDatum(value));
}

/* All values of a comparison as one array. */
static void
append_array_param(CrmRuleSql *sql, const CrmRuleTest *test)
{
	Oid			type = sql_type(test->type);
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	crm_rule_sql_param(sql, get_array_type(type),
					   PointerGetDatum(construct_array(test->values, test->n_values, type, length, by_value, align)));
}

/* A member of a json column, seen as what the rule compares it with. */
static void
append_json_member(CrmRuleSql *sql, const CrmRuleField *field, CrmRuleType type)
{
	const char *column = field->column->column;
	bool		is_text = type != CRM_RULE_NUMBER && type != CRM_RULE_BOOLEAN;

	if (is_text)
	{
		appendStringInfo(&sql->text, "(x.%s ->> ", column);
		crm_rule_sql_text_param(sql, field->member);
		appendStringInfoChar(&sql->text, ')');
		return;
	}
	appendStringInfo(&sql->text, "CASE WHEN jsonb_typeof(x.%s -> ", column);
	crm_rule_sql_text_param(sql, field->member);
	appendStringInfo(&sql->text, ") = '%s' THEN (x.%s ->> $%d)::%s END", type == CRM_RULE_NUMBER ? "number" : "boolean",
					 column, sql->n_params, type == CRM_RULE_NUMBER ? "numeric" : "boolean");
}

/* What depends on the next time that a date comes, which two calendars tell in their own ways. */
static void
append_anniversary(CrmRuleSql *sql, const CrmRuleField *field)
{
	const char *column = field->column->column;
	const char *lunar = field->column->lunar;
	bool		is_month = field->derive == CRM_RULE_MONTH;

	if (lunar != NULL)
		appendStringInfo(&sql->text, is_month ?
						 "CASE WHEN x.%s THEN extract(month FROM crm._rule_lunar_next(x.%s, date_trunc('year', %s::timestamp)::date)) ELSE " :
						 "CASE WHEN x.%1$s THEN (crm._rule_lunar_next(x.%2$s, %3$s) - %3$s)::numeric ELSE ", lunar, column, sql->today);
	if (is_month)
		appendStringInfo(&sql->text, "extract(month FROM x.%s)", column);
	else
		appendStringInfo(&sql->text, "crm._rule_days_to(x.%s, %s)::numeric", column, sql->today);
	appendStringInfoString(&sql->text, lunar != NULL ? " END" : "");
}

static void
append_derived(CrmRuleSql *sql, const CrmRuleField *field)
{
	const char *today = sql->today;
	const char *day = field->column->lunar == NULL ? psprintf("x.%s", field->column->column) :
		psprintf("CASE WHEN x.%s THEN crm._rule_lunar_day(x.%s) ELSE x.%s END", field->column->lunar,
				 field->column->column, field->column->column);

	switch (field->derive)
	{
		case CRM_RULE_AGE:
			appendStringInfo(&sql->text, "extract(year FROM age(%s, %s))", today, day);
			break;
		case CRM_RULE_MONTHS:
			appendStringInfo(&sql->text, "(extract(year FROM age(%s, %s)) * 12 + extract(month FROM age(%s, %s)))",
							 today, day, today, day);
			break;
		case CRM_RULE_SINCE:
			appendStringInfo(&sql->text, "(%s - %s)::numeric", today, day);
			break;
		case CRM_RULE_UNTIL:
			appendStringInfo(&sql->text, "(%s - %s)::numeric", day, today);
			break;
		case CRM_RULE_IN_DAYS:
		case CRM_RULE_MONTH:
			append_anniversary(sql, field);
			break;
		default:
			appendStringInfoString(&sql->text, day);
	}
}

/*
 * The value of a field; shown: as people know it, a store by its code.  A json member without
 * a comparison is its text.
 */
void
crm_rule_sql_field(CrmRuleSql *sql, const CrmRuleField *field, bool is_shown)
{
	const CrmRuleLookup *lookup = &field->column->lookup;

	if (field->column->type == CRM_RULE_JSON)
		append_json_member(sql, field, field->type);
	else if (is_shown && lookup->relation != NULL)
		appendStringInfo(&sql->text, "(SELECT min(l.%s) FROM %s l WHERE l.%s = x.%s)", lookup->code, lookup->relation,
						 lookup->key, field->column->column);
	else if (field->derive == CRM_RULE_PLAIN && field->type == CRM_RULE_NUMBER)
		appendStringInfo(&sql->text, "x.%s::numeric", field->column->column);
	else
		append_derived(sql, field);
}

/* Codes are looked up once a statement, and compared as the keys they stand for. */
static void
append_lookup_test(CrmRuleSql *sql, const CrmRuleTest *test)
{
	const CrmRuleLookup *lookup = &test->field.column->lookup;
	bool		is_turned = test->op == CRM_RULE_NE || test->op == CRM_RULE_NOT_IN;

	appendStringInfo(&sql->text, "x.%s %s (ARRAY(SELECT l.%s FROM %s l WHERE l.%s = ANY (", test->field.column->column,
					 is_turned ? "<> ALL" : "= ANY", lookup->key, lookup->relation, lookup->code);
	append_array_param(sql, test);
	appendStringInfoString(&sql->text, ")))");
}

static void
append_scalar_test(CrmRuleSql *sql, const CrmRuleTest *test, const char *value)
{
	static const char *const signs[] = {"=", "<>", "<", "<=", ">", ">="};
	const char *collation = test->type == CRM_RULE_TEXT && test->op >= CRM_RULE_LT ? " COLLATE \"C\"" : "";

	appendStringInfo(&sql->text, "%s%s %s ", value, collation, signs[test->op]);
	crm_rule_sql_param(sql, sql_type(test->type), test->values[0]);
}

/*
 * A comparison of an SQL value.  Null (absent) values compare to null; who needs a plain answer
 * puts coalesce around it.
 */
void
crm_rule_sql_test(CrmRuleSql *sql, const CrmRuleTest *test, const char *value)
{
	StringInfo	text = &sql->text;

	switch (test->op)
	{
		case CRM_RULE_MISSING:
			appendStringInfo(text, "%s IS NULL", value);
			break;
		case CRM_RULE_PRESENT:
			appendStringInfo(text, "%s IS NOT NULL", value);
			break;
		case CRM_RULE_BETWEEN:
			appendStringInfo(text, "%s%s BETWEEN ", value, test->type == CRM_RULE_TEXT ? " COLLATE \"C\"" : "");
			crm_rule_sql_param(sql, sql_type(test->type), test->values[0]);
			appendStringInfoString(text, " AND ");
			crm_rule_sql_param(sql, sql_type(test->type), test->values[1]);
			break;
		case CRM_RULE_IN:
		case CRM_RULE_NOT_IN:
			appendStringInfo(text, "%s %s (", value, test->op == CRM_RULE_IN ? "= ANY" : "<> ALL");
			append_array_param(sql, test);
			appendStringInfoChar(text, ')');
			break;
		case CRM_RULE_CONTAINS:
			crm_rule_sql_param(sql, sql_type(test->type), test->values[0]);
			appendStringInfo(text, " = ANY (%s)", value);
			break;
		case CRM_RULE_STARTS_WITH:
			appendStringInfo(text, "starts_with(%s, ", value);
			crm_rule_sql_param(sql, TEXTOID, test->values[0]);
			appendStringInfoChar(text, ')');
			break;
		default:
			append_scalar_test(sql, test, value);
	}
}

/* A json list holds a value: containment, so that its type counts. */
static void
append_json_contains(CrmRuleSql *sql, const CrmRuleTest *test)
{
	appendStringInfo(&sql->text, "(x.%s -> ", test->field.column->column);
	crm_rule_sql_text_param(sql, test->field.member);
	appendStringInfoString(&sql->text, ") @> to_jsonb(");
	crm_rule_sql_param(sql, sql_type(test->type), test->values[0]);
	appendStringInfoChar(&sql->text, ')');
}

/* A comparison of a field of the row x. */
void
crm_rule_sql_row_test(CrmRuleSql *sql, const CrmRuleTest *test)
{
	CrmRuleSql	part = *sql;
	CrmRuleField field = test->field;
	bool		has_lookup = field.column->lookup.relation != NULL &&
		test->op != CRM_RULE_MISSING && test->op != CRM_RULE_PRESENT;

	if (has_lookup)
	{
		append_lookup_test(sql, test);
		return;
	}
	if (field.column->type == CRM_RULE_JSON && test->op == CRM_RULE_CONTAINS)
	{
		append_json_contains(sql, test);
		return;
	}
	/* the field is written aside first: it may bind a parameter of its own */
	field.type = test->type;
	initStringInfo(&part.text);
	part.n_params = sql->n_params;
	crm_rule_sql_field(&part, &field, false);
	sql->n_params = part.n_params;
	sql->room = part.room;
	sql->types = part.types;
	sql->values = part.values;
	crm_rule_sql_test(sql, test, part.text.data);
}

/* The local day of the row x. */
void
crm_rule_sql_day(CrmRuleSql *sql, const CrmRuleSource *source)
{
	if (source->day != NULL)
		appendStringInfo(&sql->text, "x.%s", source->day);
	else
		appendStringInfo(&sql->text, "(x.%s AT TIME ZONE " CRM_RULE_ZONE ")::date", source->time);
}

/* " AND <day> <sign> <day of the moment> - n" */
static void
append_age(CrmRuleSql *sql, const CrmRuleSource *source, const char *sign, int days)
{
	appendStringInfoString(&sql->text, " AND ");
	crm_rule_sql_day(sql, source);
	appendStringInfo(&sql->text, " %s " CRM_RULE_DAY " - ", sign);
	crm_rule_sql_int_param(sql, days);
}

static void
append_clock(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	appendStringInfo(&sql->text, " AND ((x.%s AT TIME ZONE " CRM_RULE_ZONE ")::time >= ", condition->source->time);
	crm_rule_sql_param(sql, TIMEOID, TimeADTGetDatum(condition->from));
	appendStringInfo(&sql->text, " %s (x.%s AT TIME ZONE " CRM_RULE_ZONE ")::time < ",
					 condition->from < condition->to ? "AND" : "OR", condition->source->time);
	crm_rule_sql_param(sql, TIMEOID, TimeADTGetDatum(condition->to));
	appendStringInfoChar(&sql->text, ')');
}

static void
append_weekdays(CrmRuleSql *sql, const CrmRuleCondition *condition)
{
	appendStringInfoString(&sql->text, " AND ((");
	crm_rule_sql_int_param(sql, condition->weekdays);
	appendStringInfoString(&sql->text, " >> (extract(isodow FROM ");
	crm_rule_sql_day(sql, condition->source);
	appendStringInfoString(&sql->text, ")::int - 1)) & 1) = 1");
}

/* What the moment and the window leave of a source's rows. */
static void
append_window(CrmRuleSql *sql, const CrmRuleCondition *condition, bool has_window)
{
	const CrmRuleSource *source = condition->source;

	/* a till's clock may be ahead by minutes: what has a day counts through the end of it */
	if (source->day != NULL)
		appendStringInfo(&sql->text, " AND x.%s <= " CRM_RULE_DAY, source->day);
	else if (source->time != NULL)
		appendStringInfo(&sql->text, " AND x.%s <= " CRM_RULE_MOMENT, source->time);
	if (condition->has_clock)
		append_clock(sql, condition);
	if (condition->weekdays != 0)
		append_weekdays(sql, condition);
	if (!has_window)
		return;
	if (source->until != NULL)
		appendStringInfo(&sql->text, " AND x.%s > " CRM_RULE_MOMENT, source->until);
	if (condition->has_days)
	{
		append_age(sql, source, ">=", condition->measure == CRM_RULE_BASELINE ?
				   (condition->oldest + 1) * (condition->windows + 1) - 1 : condition->oldest);
		if (condition->youngest > 0)
			append_age(sql, source, "<=", condition->youngest);
	}
	if (condition->hours > 0)
	{
		appendStringInfo(&sql->text, " AND x.%s > " CRM_RULE_MOMENT " - make_interval(hours => ", source->time);
		crm_rule_sql_int_param(sql, condition->hours);
		appendStringInfoChar(&sql->text, ')');
	}
	for (int i = 0; i < 2; i++)
		if (i == 0 ? condition->has_since : condition->has_until)
		{
			appendStringInfoString(&sql->text, " AND ");
			crm_rule_sql_day(sql, source);
			appendStringInfoString(&sql->text, i == 0 ? " >= " : " <= ");
			crm_rule_sql_param(sql, DATEOID, DateADTGetDatum(i == 0 ? condition->since : condition->until));
		}
}

/* Which column names the person of a row. */
const char *
crm_rule_sql_person(CrmRuleSql *sql, const CrmRuleSource *source, CrmRuleScope scope)
{
	if (scope == CRM_RULE_ONE)
		return "p.id";
	if (source->keyed == CRM_RULE_BY_RECORD)
	{
		if (scope == CRM_RULE_SOME)
			return "m.customer_id";
		sql->needs_records = true;
		return psprintf("crm._rule_person((SELECT r.map FROM records%s r), x.%s)", sql->suffix, source->key);
	}
	if (source->keyed == CRM_RULE_BY_EVER && scope == CRM_RULE_GIVEN)
	{
		sql->needs_elders = true;
		return psprintf("coalesce(crm._rule_person((SELECT e.map FROM elders%s e), x.%s), x.%s)", sql->suffix, source->key, source->key);
	}
	return psprintf(source->keyed == CRM_RULE_BY_EVER ? "coalesce(c.merged_into, x.%s)" : "x.%s", source->key);
}

/* SQL: the keys under which a source has rows of the given persons, as an array. */
const char *
crm_rule_sql_given(CrmRuleSql *sql, const CrmRuleSource *source)
{
	if (source->keyed == CRM_RULE_BY_PERSON)
		return sql->persons;
	sql->needs_records |= source->keyed == CRM_RULE_BY_RECORD;
	sql->needs_elders |= source->keyed == CRM_RULE_BY_EVER;
	return psprintf("(SELECT k.ids FROM %s%s k)::bigint[]", source->keyed == CRM_RULE_BY_RECORD ? "records" : "elders", sql->suffix);
}

/* SQL: whether the row x is of the given persons. */
const char *
crm_rule_sql_is_given(CrmRuleSql *sql, const CrmRuleSource *source)
{
	return sql->is_span && source->keyed == CRM_RULE_BY_PERSON ? psprintf("x.%s BETWEEN " CRM_RULE_SPAN, source->key) :
		psprintf("x.%s = ANY (%s)", source->key, crm_rule_sql_given(sql, source));
}

/*
 * SQL: the rows x of the given persons, by the key whatever the planner thinks of other conditions: one walk along a
 * table's index; of a view, which may join, key by key.
 */
char *
crm_rule_sql_given_rows(CrmRuleSql *sql, const CrmRuleSource *source)
{
	if (source->is_view)
		return psprintf("unnest(%s) k (id) CROSS JOIN LATERAL (SELECT * FROM %s y WHERE y.%s = k.id OFFSET 0) x",
						crm_rule_sql_given(sql, source), source->relation, source->key);
	if (sql->is_span || source->keyed == CRM_RULE_BY_RECORD)
		return psprintf("(SELECT * FROM %s x WHERE %s OFFSET 0) x", source->relation, crm_rule_sql_is_given(sql, source));
	/* none of its rows, not a null of its type: so the plan knows the table, and is made anew when that changes */
	return psprintf("crm._rule_rows((SELECT (y.*)::%s FROM %s y LIMIT 0), %s, %s) x", source->relation, source->relation, quote_literal_cstr(source->key_column),
					crm_rule_sql_given(sql, source));
}

/* " FROM ... WHERE true": rows of a source with their persons. */
void
crm_rule_sql_relation(CrmRuleSql *sql, const CrmRuleSource *source, CrmRuleScope scope)
{
	const char *key = source->key;
	const char *relation = source->relation;

	if (scope == CRM_RULE_GIVEN)
	{
		appendStringInfo(&sql->text, " FROM %s WHERE true", crm_rule_sql_given_rows(sql, source));
		return;
	}
	if (scope != CRM_RULE_ONE)
	{
		appendStringInfo(&sql->text, " FROM %s x", relation);
		if (source->keyed == CRM_RULE_BY_RECORD && scope == CRM_RULE_SOME)
			appendStringInfo(&sql->text, " JOIN crm.membership m ON m.source_record_id = x.%s", key);
		else if (source->keyed == CRM_RULE_BY_EVER)
			appendStringInfo(&sql->text, " LEFT JOIN crm.customer c ON c.customer_id = x.%s AND c.merged_into IS NOT NULL", key);
	}
	else if (source->keyed == CRM_RULE_BY_RECORD)
		appendStringInfo(&sql->text, " FROM (SELECT y.source_record_id, y.valid_to FROM crm.membership y"
						 " WHERE y.customer_id = p.id OFFSET 0) m CROSS JOIN LATERAL"
						 " (SELECT * FROM %s y WHERE y.%s = m.source_record_id OFFSET 0) x", relation, key);
	else if (source->keyed == CRM_RULE_BY_EVER)
		appendStringInfo(&sql->text, " FROM (SELECT * FROM %s y WHERE y.%s = ANY (p.id || ARRAY(SELECT c.customer_id"
						 " FROM crm.customer c WHERE c.merged_into = p.id)) OFFSET 0) x", relation, key);
	else
		appendStringInfo(&sql->text, " FROM (SELECT * FROM %s y WHERE y.%s = p.id OFFSET 0) x", relation, key);
	appendStringInfoString(&sql->text, source->keyed == CRM_RULE_BY_RECORD && scope != CRM_RULE_EVERYBODY ?
						   " WHERE m.valid_to = 'infinity'" : " WHERE true");
}

/* " FROM ... WHERE ...": the rows of a condition that count. */
void
crm_rule_sql_rows(CrmRuleSql *sql, const CrmRuleCondition *condition, CrmRuleScope scope, bool has_window)
{
	crm_rule_sql_relation(sql, condition->source, scope);
	appendStringInfoString(&sql->text, condition->source->scope);
	if (condition->source->shape == CRM_RULE_FACTS)
		append_window(sql, condition, has_window);
	for (int i = 0; i < condition->n_where; i++)
	{
		appendStringInfoString(&sql->text, " AND ");
		crm_rule_sql_row_test(sql, &condition->where[i]);
	}
}
