/*
 * rule_api.c
 *		The SQL-callable edge of rules.
 *
 * These functions ask everything that rules may ask, whoever calls them; the public functions in
 * sql/rule.sql hold answers to the actor's rights.  They read under the caller's snapshot and
 * take no lock.
 */
#include "rule/rule.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#define MANY_CODES 20			/* codes that are named to who wrote another */

PG_FUNCTION_INFO_V1(crm_rule_check);
PG_FUNCTION_INFO_V1(crm_rule_fit);
PG_FUNCTION_INFO_V1(crm_rule_fit_sets);
PG_FUNCTION_INFO_V1(crm_rule_set);
PG_FUNCTION_INFO_V1(crm_rule_apart);
PG_FUNCTION_INFO_V1(crm_rule_apart_span);
PG_FUNCTION_INFO_V1(crm_rule_moved_apart);
PG_FUNCTION_INFO_V1(crm_rule_explain);
PG_FUNCTION_INFO_V1(crm_rule_conditions);
PG_FUNCTION_INFO_V1(crm_rule_statement);

/* A value of the first row, out of SPI's memory. */
static Datum
take_value(int column, int16 length, bool by_value, bool *is_null)
{
	Datum		value;

	CrmEnsure(SPI_processed == 1, "the statement answers one row");
	value = crm_core_spi_value(0, column, is_null);
	return *is_null || by_value ? value : SPI_datumTransfer(value, by_value, length);
}

/* The set, or the sets, that a statement answered with its only column; SPI is left. */
static Datum
take_answer(void)
{
	bool		is_null;
	Datum		answer = take_value(1, -1, false, &is_null);

	SPI_finish();
	return answer;
}

static Datum
array_of(Datum *persons, int n)
{
	return PointerGetDatum(construct_array(persons, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* The first value that no catalogue has; null when all are there. */
static char *
find_undefined(const CrmRuleLookup *catalogue, const CrmRuleTest *test)
{
	Oid			types[1] = {TEXTARRAYOID};
	Datum		values[1];

	values[0] = PointerGetDatum(construct_array(test->values, test->n_values, TEXTOID, -1, false, TYPALIGN_INT));
	crm_core_spi_query(psprintf("SELECT u.v FROM unnest($1) u (v) WHERE NOT EXISTS (SELECT FROM %s c WHERE c.%s = u.v) LIMIT 1",
								catalogue->relation, catalogue->code), 1, types, values, 1);
	return SPI_processed == 0 ? NULL : crm_core_spi_text(0, 1);
}

/* Refuses a code that is not defined, with those that are. */
static void
refuse_undefined(const CrmRuleLookup *catalogue, const char *what, const char *code, const char *path)
{
	StringInfoData hint;

	initStringInfo(&hint);
	crm_core_spi_query(psprintf("SELECT DISTINCT c.%s FROM %s c WHERE c.%s IS NOT NULL ORDER BY 1", catalogue->code, catalogue->relation, catalogue->code),
					   0, NULL, NULL, MANY_CODES + 1);
	for (uint64 i = 0; i < Min(SPI_processed, MANY_CODES); i++)
		appendStringInfo(&hint, "%s%s", i > 0 ? ", " : "There are ", crm_core_spi_text(i, 1));
	appendStringInfoString(&hint, SPI_processed == 0 ? "None is defined yet." : SPI_processed > MANY_CODES ? " and others." : ".");
	crm_rule_refuse(path, psprintf("There is no %s \"%s\".", what, crm_core_clip(code, 63)), hint.data);
}

/* Refuses what is none of a field's only words. */
static void
check_words(const CrmRuleTest *test)
{
	const CrmRuleColumn *column = test->field.column;
	StringInfoData hint;

	initStringInfo(&hint);
	for (uint32 i = 0; i < JsonContainerSize(column->words); i++)
	{
		JsonbValue *word = getIthJsonbValueFromContainer(column->words, i);

		appendStringInfo(&hint, "%s%.*s", i > 0 ? ", " : "There are ", word->val.string.len, word->val.string.val);
	}
	appendStringInfoChar(&hint, '.');
	for (int i = 0; i < test->n_values; i++)
	{
		JsonbValue	word = {.type = jbvString};

		word.val.string.val = TextDatumGetCString(test->values[i]);
		word.val.string.len = strlen(word.val.string.val);
		if (findJsonbValueFromContainer(column->words, JB_FARRAY, &word) == NULL)
			crm_rule_refuse(test->path, psprintf("There is no %s \"%s\".", column->name, crm_core_clip(word.val.string.val, 63)), hint.data);
	}
}

static void
check_values(const CrmRuleTest *test)
{
	const CrmRuleColumn *column = test->field.column;
	const CrmRuleLookup *catalogue;
	char	   *name;

	if (column == NULL || test->n_values == 0 || test->op == CRM_RULE_STARTS_WITH ||
		(test->type != CRM_RULE_TEXT && test->type != CRM_RULE_TEXTS) || column->type == CRM_RULE_JSON)
		return;
	if (column->words != NULL)
		check_words(test);
	if (column->lookup.relation == NULL && column->catalogue.relation == NULL)
		return;
	catalogue = column->lookup.relation != NULL ? &column->lookup : &column->catalogue;
	name = find_undefined(catalogue, test);
	if (name != NULL)
		refuse_undefined(catalogue, column->name, name, test->path);
}

static bool
is_undefined(const CrmRuleLookup *catalogue, const char *code)
{
	CrmRuleTest name = {.n_values = 1};
	Datum		value = CStringGetTextDatum(code);

	name.values = &value;
	return find_undefined(catalogue, &name) != NULL;
}

/* A member of a json column that is catalogued must be in the catalogue. */
static void
check_member(const CrmRuleField *field, const char *path)
{
	if (field->column != NULL && field->member != NULL && field->column->catalogue.relation != NULL &&
		is_undefined(&field->column->catalogue, field->member))
		refuse_undefined(&field->column->catalogue, field->column->name, field->member, path);
}

/* A part is one that is defined, or that somebody has a word of already: intake takes words of others, too. */
static void
check_part(const CrmRuleCondition *condition)
{
	const CrmRuleSource *source = condition->source;
	CrmRuleLookup told = {.relation = source->relation, .code = source->part};

	if (condition->part != NULL && source->parts.relation != NULL &&
		is_undefined(&source->parts, condition->part) && is_undefined(&told, condition->part))
		refuse_undefined(&source->parts, source->part, condition->part, condition->path);
}

/* crm._rule_check(rule): reads it, then looks its words up where they are defined. */
Datum
crm_rule_check(PG_FUNCTION_ARGS)
{
	const CrmRuleTree *tree = crm_rule_tree(crm_rule_compile(PG_GETARG_JSONB_P(0)));

	crm_core_spi_connect();
	for (int i = 0; i < tree->n_conditions; i++)
	{
		const CrmRuleCondition *condition = tree->conditions[i];

		check_part(condition);
		check_member(&condition->field, condition->path);
		check_values(&condition->test);
		for (int j = 0; j < condition->n_where; j++)
		{
			check_member(&condition->where[j].field, condition->where[j].path);
			check_values(&condition->where[j]);
		}
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/* crm._rule_fit(rule, persons, moment): those of the persons who fit, as an array. */
Datum
crm_rule_fit(PG_FUNCTION_ARGS)
{
	CrmRuleCompiled *compiled = crm_rule_compile(PG_GETARG_JSONB_P(0));
	TimestampTz moment = PG_GETARG_TIMESTAMPTZ(2);
	MemoryContext caller = CurrentMemoryContext;
	Datum	   *persons;
	int			n;

	crm_core_spi_connect();
	crm_rule_run(compiled, CRM_RULE_FORM_ROW, PG_GETARG_DATUM(1), moment, moment);
	n = SPI_processed;
	persons = MemoryContextAllocHuge(caller, Max(n, 1) * sizeof(Datum));
	for (int i = 0; i < n; i++)
	{
		bool		is_null;

		persons[i] = crm_core_spi_value(i, 1, &is_null);
	}
	SPI_finish();
	PG_RETURN_DATUM(array_of(persons, n));
}

/* crm._rule_fit_sets(rules, persons, moment, met): of each rule the set of the given persons who fit. */
Datum
crm_rule_fit_sets(PG_FUNCTION_ARGS)
{
	CrmRuleCompiled *compiled = crm_rule_compile_several(PG_GETARG_JSONB_P(0));

	crm_core_spi_connect();
	crm_rule_run_given(compiled, PG_GETARG_DATUM(1), PG_GETARG_DATUM(3), PG_GETARG_TIMESTAMPTZ(2));
	PG_RETURN_DATUM(take_answer());
}

/* crm._rule_apart_span(rule, span, moment): all persons of a span, then the set of each condition alone. */
Datum
crm_rule_apart_span(PG_FUNCTION_ARGS)
{
	CrmRuleCompiled *compiled = crm_rule_compile(PG_GETARG_JSONB_P(0));
	TimestampTz moment = PG_GETARG_TIMESTAMPTZ(2);

	crm_core_spi_connect();
	crm_rule_run(compiled, CRM_RULE_FORM_SPAN, PG_GETARG_DATUM(1), moment, moment);
	PG_RETURN_DATUM(take_answer());
}

/* crm._rule_set(rule, moment): the set of all persons who fit. */
Datum
crm_rule_set(PG_FUNCTION_ARGS)
{
	CrmRuleCompiled *compiled = crm_rule_compile(PG_GETARG_JSONB_P(0));
	TimestampTz moment = PG_GETARG_TIMESTAMPTZ(1);

	crm_core_spi_connect();
	crm_rule_run(compiled, CRM_RULE_FORM_SET, (Datum) 0, moment, moment);
	PG_RETURN_DATUM(take_answer());
}

/* crm._rule_apart(rule, moment): everybody, then the set of each condition alone. */
Datum
crm_rule_apart(PG_FUNCTION_ARGS)
{
	CrmRuleCompiled *compiled = crm_rule_compile(PG_GETARG_JSONB_P(0));
	TimestampTz moment = PG_GETARG_TIMESTAMPTZ(1);
	int			n = crm_rule_tree(compiled)->n_conditions + 1;
	Datum	   *sets = palloc(n * sizeof(Datum));
	bool		is_null;

	crm_core_spi_connect();
	crm_rule_run(compiled, CRM_RULE_FORM_APART, (Datum) 0, moment, moment);
	for (int i = 0; i < n; i++)
		sets[i] = take_value(i + 1, -1, false, &is_null);
	SPI_finish();
	PG_RETURN_ARRAYTYPE_P(construct_array(sets, n, get_element_type(get_fn_expr_rettype(fcinfo->flinfo)), -1, false,
										  TYPALIGN_DOUBLE));
}

/* The persons that the moved form found: all, and those of whom more may have moved than orders change.  Some are there twice. */
static void
take_moved(MemoryContext caller, Datum *arrays)
{
	Datum	   *lists[2];
	int			n[2] = {0};

	for (int i = 0; i < 2; i++)
		lists[i] = MemoryContextAllocHuge(caller, Max(SPI_processed, 1) * sizeof(Datum));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		is_null;
		Datum		person = crm_core_spi_value(i, 1, &is_null);

		if (is_null)
			continue;
		lists[0][n[0]++] = person;
		if (DatumGetBool(crm_core_spi_value(i, 2, &is_null)))
			lists[1][n[1]++] = person;
	}
	SPI_finish();
	for (int i = 0; i < 2; i++)
		arrays[i] = array_of(lists[i], n[i]);
}

/*
 * crm._rule_moved_apart(rule, before, moment): whom time may have moved, and those of them of whom more may have moved than
 * orders change; null: anybody, a day has passed.  On one day most rules are moved by nothing: nobody is asked.
 */
Datum
crm_rule_moved_apart(PG_FUNCTION_ARGS)
{
	CrmRuleCompiled *compiled = crm_rule_compile(PG_GETARG_JSONB_P(0));
	CrmRuleMoves moves = crm_rule_moves(compiled);
	MemoryContext caller = CurrentMemoryContext;
	Datum		values[2] = {0};
	bool		nulls[2] = {false};
	bool		is_another_day;

	crm_core_spi_connect();
	is_another_day = crm_rule_is_another_day(PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2));
	if (is_another_day ? !moves.daily_for_everybody : moves.within_day)
	{
		crm_rule_run(compiled, CRM_RULE_FORM_MOVED, (Datum) 0, PG_GETARG_TIMESTAMPTZ(2), PG_GETARG_TIMESTAMPTZ(1));
		take_moved(caller, values);
	}
	else
	{
		SPI_finish();
		nulls[0] = nulls[1] = is_another_day;
		values[0] = values[1] = array_of(NULL, 0);
	}
	PG_RETURN_DATUM(crm_core_row(fcinfo, values, nulls));
}

static void
push_text(JsonbParseState **state, const char *name, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, name);
	value.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &value);
	if (text == NULL)
		value.type = jbvNull;
	else
	{
		value.val.string.val = unconstify(char *, text);
		value.val.string.len = strlen(text);
	}
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
push_bool(JsonbParseState **state, const char *name, bool is_true)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, name);
	value.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &value);
	value.type = jbvBool;
	value.val.boolean = is_true;
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* What a condition is, in words; the caller closes the object. */
static void
push_condition(JsonbParseState **state, const CrmRuleCondition *condition)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_text(state, "path", condition->path);
	push_text(state, "kind", condition->source->kind);
	push_text(state, "words_zh", crm_rule_words(condition, true));
	push_text(state, "words_en", crm_rule_words(condition, false));
	push_bool(state, "is_present_only", condition->source->is_present_only);
}

/*
 * crm._rule_explain(rule, person, moment): a list, condition by condition: path, words, the value
 * found, whether it is met.
 */
Datum
crm_rule_explain(PG_FUNCTION_ARGS)
{
	CrmRuleCompiled *compiled = crm_rule_compile(PG_GETARG_JSONB_P(0));
	const CrmRuleTree *tree = crm_rule_tree(compiled);
	Datum		person = PG_GETARG_DATUM(1);
	TimestampTz moment = PG_GETARG_TIMESTAMPTZ(2);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inner;
	JsonbParseState *state = NULL;
	JsonbValue *list;

	crm_core_spi_connect();
	crm_rule_run(compiled, CRM_RULE_FORM_EXPLAIN,
				 PointerGetDatum(construct_array(&person, 1, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
				 moment, moment);
	CrmEnsure(SPI_processed == 1, "one person has one explanation");
	inner = MemoryContextSwitchTo(caller);
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < tree->n_conditions; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		bool		is_null;

		push_condition(&state, tree->conditions[i]);
		push_text(&state, "found", SPI_getvalue(row, SPI_tuptable->tupdesc, 2 * i + 2));
		push_bool(&state, "is_met", DatumGetBool(SPI_getbinval(row, SPI_tuptable->tupdesc, 2 * i + 3, &is_null)));
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	list = pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	MemoryContextSwitchTo(inner);
	SPI_finish();
	PG_RETURN_JSONB_P(JsonbValueToJsonb(list));
}

/* crm._rule_conditions(rule): the conditions in words, in their order. */
Datum
crm_rule_conditions(PG_FUNCTION_ARGS)
{
	const CrmRuleTree *tree = crm_rule_tree(crm_rule_compile(PG_GETARG_JSONB_P(0)));
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < tree->n_conditions; i++)
	{
		push_condition(&state, tree->conditions[i]);
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}

/* crm._rule_statement(rule, form): the text of a statement, for tests and for who wants to see it. */
Datum
crm_rule_statement(PG_FUNCTION_ARGS)
{
	static const char *const forms[] = {"persons", "explain", "everybody", "apart", "moved", "given", "span"};
	CrmRuleTree *tree = unconstify(CrmRuleTree *, crm_rule_tree(crm_rule_compile(PG_GETARG_JSONB_P(0))));
	char	   *form = text_to_cstring(PG_GETARG_TEXT_PP(1));
	CrmRuleSql	sql;

	if (strcmp(form, forms[0]) == 0)
		crm_rule_compile_row(tree, &sql);
	else if (strcmp(form, forms[1]) == 0)
		crm_rule_compile_explain(tree, &sql);
	else if (strcmp(form, forms[4]) == 0)
		(void) crm_rule_compile_moved(tree, &sql);
	else if (strcmp(form, forms[5]) == 0)
		crm_rule_compile_given(&tree, 1, &sql);
	else if (strcmp(form, forms[6]) == 0)
		crm_rule_compile_span(tree, &sql);
	else if (strcmp(form, forms[2]) == 0 || strcmp(form, forms[3]) == 0)
		crm_rule_compile_set(tree, strcmp(form, forms[3]) == 0, &sql);
	else
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no such form"),
						errhint("Forms are persons, explain, everybody, apart, span, given and moved.")));
	PG_RETURN_TEXT_P(cstring_to_text(sql.text.data));
}
