/*
 * rule_cache.c
 *		Compiled rules of a session: read once, each form of their statement written and planned once.
 *
 * The last rules asked are kept, each in a memory context of its own; a changed registry empties
 * the cache.  Statements run through core_spi.c; the caller has connected to SPI and reads
 * SPI_tuptable.
 *
 * Statements about given persons are planned without sequential scans, hash and merge joins: plans
 * live as long as the session, and are often made while tables are small.  The just-in-time
 * compiler is off for them, since a forbidden plan's cost would wake it.  Statements about everybody
 * get memory for their hash tables.
 */
#include "rule/rule.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define CACHE_SIZE 64

struct CrmRuleCompiled
{
	MemoryContext context;
	Jsonb	   *rule;
	uint64		last_used;
	int			n_trees;		/* one, or of a list as many as it has */
	CrmRuleTree **trees;
	CrmRuleMoves moves;
	CrmStatement behind;		/* whether kept rows of the persons asked about are not up to date; sql null: none are asked */
	CrmRuleSql	sql[CRM_RULE_N_FORMS][2];	/* over kept rows, over records */
	CrmStatement statements[CRM_RULE_N_FORMS][2];
};

static CrmRuleCompiled *cache[CACHE_SIZE];
static uint64 cache_generation;
static uint64 clock_of_uses;

static CrmStatement zone_read = {
	.name = "rule.zone",
	.sql = "SELECT s.value #>> '{}' FROM crm.room_setting s WHERE s.name = 'core.time_zone'",
};

static void
forget(CrmRuleCompiled *compiled)
{
	if (compiled->behind.plan != NULL)
		SPI_freeplan((SPIPlanPtr) compiled->behind.plan);
	for (int i = 0; i < CRM_RULE_N_FORMS * 2; i++)
		if (compiled->statements[i / 2][i % 2].plan != NULL)
			SPI_freeplan((SPIPlanPtr) compiled->statements[i / 2][i % 2].plan);
	MemoryContextDelete(compiled->context);
}

/* A place for a new rule: an empty one, else the one used longest ago. */
static int
find_place(void)
{
	int			place = 0;

	for (int i = 0; i < CACHE_SIZE; i++)
	{
		if (cache[i] == NULL)
			return i;
		if (cache[i]->last_used < cache[place]->last_used)
			place = i;
	}
	forget(cache[place]);
	cache[place] = NULL;
	return place;
}

static void
ask_kept(CrmRuleCompiled *compiled, bool is_kept)
{
	for (int i = 0; i < compiled->n_trees; i++)
		crm_rule_ask_kept(compiled->trees[i], is_kept);
}

/* " OR EXISTS (...)": when a kept source must not be asked; nothing when it always may be. */
static void
append_behind(StringInfo text, const CrmRuleSource *source)
{
	StringInfoData one;

	initStringInfo(&one);
	if (source->behind != NULL)
		appendStringInfo(&one, " OR EXISTS (SELECT FROM %s) AND (" CRM_RULE_PERSONS " IS NULL OR EXISTS (SELECT FROM %s d WHERE d.customer_id = ANY ("
						 CRM_RULE_PERSONS ")))", source->behind, source->behind);
	if (source->since != NULL)
		/* the newest word, from the end of its index: asked as EXISTS, a plan for any day would walk the table */
		appendStringInfo(&one, " OR coalesce((SELECT s.%s FROM %s s ORDER BY s.%s DESC LIMIT 1) >= " CRM_RULE_DAY_END ", false)", source->since,
						 source->relation, source->since);
	if (strstr(text->data, one.data) == NULL)
		appendStringInfoString(text, one.data);
}

/* The statement that says whether kept rows are behind the moment asked about; none when the rules ask of none. */
static void
write_behind(CrmRuleCompiled *compiled)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < compiled->n_trees; i++)
		for (int j = 0; j < compiled->trees[i]->n_conditions; j++)
			if (compiled->trees[i]->conditions[j]->source->told != NULL)
				append_behind(&text, compiled->trees[i]->conditions[j]->source);
	if (text.len > 0)
		compiled->behind = (CrmStatement) {
			.name = "rule.behind",
			.sql = psprintf("SELECT false%s", text.data),
			.n_args = CRM_RULE_N_FIXED,
			.arg_types = crm_rule_fixed_types,
		};
}

static CrmRuleCompiled *
read_rule(Jsonb *rule)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "crm rule", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	CrmRuleCompiled *compiled = palloc0(sizeof(CrmRuleCompiled));

	compiled->context = context;
	compiled->rule = palloc(VARSIZE(rule));
	memcpy(compiled->rule, rule, VARSIZE(rule));
	if (JB_ROOT_IS_OBJECT(rule))
	{
		compiled->trees = palloc(sizeof(CrmRuleTree *));
		compiled->trees[0] = crm_rule_read(compiled->rule);
		compiled->n_trees = 1;
	}
	else
		compiled->trees = crm_rule_read_several(compiled->rule, &compiled->n_trees);
	ask_kept(compiled, true);
	write_behind(compiled);
	MemoryContextSwitchTo(before);
	MemoryContextSetParent(context, TopMemoryContext);
	return compiled;
}

/* A rule, or a list of rules, as this session keeps it; RM351. */
CrmRuleCompiled *
crm_rule_compile_several(Jsonb *rule)
{
	uint64		generation = crm_rule_registry_generation();
	CrmRuleCompiled *compiled;

	if (cache_generation != generation)
	{
		for (int i = 0; i < CACHE_SIZE; i++)
			if (cache[i] != NULL)
			{
				CrmRuleCompiled *old = cache[i];

				cache[i] = NULL;
				forget(old);
			}
		cache_generation = generation;
	}
	for (int i = 0; i < CACHE_SIZE; i++)
		if (cache[i] != NULL && VARSIZE(cache[i]->rule) == VARSIZE(rule) &&
			memcmp(cache[i]->rule, rule, VARSIZE(rule)) == 0)
		{
			cache[i]->last_used = ++clock_of_uses;
			return cache[i];
		}
	compiled = read_rule(rule);
	compiled->last_used = ++clock_of_uses;
	cache[find_place()] = compiled;
	return compiled;
}

/* The same of one rule. */
CrmRuleCompiled *
crm_rule_compile(Jsonb *rule)
{
	if (!JB_ROOT_IS_OBJECT(rule))
		(void) crm_rule_read(rule);		/* refuses it */
	return crm_rule_compile_several(rule);
}

const CrmRuleTree *
crm_rule_tree(const CrmRuleCompiled *compiled)
{
	return compiled->trees[0];
}

/* Writes a form; behind: for persons whose kept rows are not up to date. */
static void
write_statement(CrmRuleCompiled *compiled, CrmRuleForm form, bool is_behind)
{
	static const char *const names[] = {"rule.persons", "rule.explain", "rule.everybody", "rule.apart", "rule.span", "rule.given", "rule.moved"};
	const CrmRuleTree *tree = compiled->trees[0];
	MemoryContext before = MemoryContextSwitchTo(compiled->context);
	CrmRuleSql *sql = &compiled->sql[form][is_behind];

	ask_kept(compiled, !is_behind);
	switch (form)
	{
		case CRM_RULE_FORM_ROW:
			crm_rule_compile_row(tree, sql);
			break;
		case CRM_RULE_FORM_EXPLAIN:
			crm_rule_compile_explain(tree, sql);
			break;
		case CRM_RULE_FORM_SET:
		case CRM_RULE_FORM_APART:
			crm_rule_compile_set(tree, form == CRM_RULE_FORM_APART, sql);
			break;
		case CRM_RULE_FORM_SPAN:
			crm_rule_compile_span(tree, sql);
			break;
		case CRM_RULE_FORM_GIVEN:
			crm_rule_compile_given(compiled->trees, compiled->n_trees, sql);
			break;
		default:
			compiled->moves = crm_rule_compile_moved(tree, sql);
	}
	ask_kept(compiled, true);
	compiled->statements[form][is_behind] = (CrmStatement) {
		.name = names[form],
		.sql = sql->text.data,
		.n_args = sql->n_params,
		.arg_types = sql->types,
	};
	MemoryContextSwitchTo(before);
}

/* How time moves answers. */
CrmRuleMoves
crm_rule_moves(CrmRuleCompiled *compiled)
{
	if (compiled->statements[CRM_RULE_FORM_MOVED][false].sql == NULL)
		write_statement(compiled, CRM_RULE_FORM_MOVED, false);
	return compiled->moves;
}

/* The zone of the chain, by which days are told. */
static Datum
read_zone(void)
{
	char	   *zone = NULL;

	crm_core_spi_execute(&zone_read, NULL, NULL, true, 1);
	if (SPI_processed == 1)
		zone = crm_core_spi_text(0, 1);
	SPI_freetuptable(SPI_tuptable);
	return CStringGetTextDatum(zone == NULL ? "Asia/Shanghai" : zone);
}

static Datum
local_day(Datum zone, TimestampTz moment)
{
	return DirectFunctionCall1(timestamp_date,
							   DirectFunctionCall2(timestamptz_zone, zone, TimestampTzGetDatum(moment)));
}

/* Whether two moments lie on different days of the chain; SPI is connected. */
bool
crm_rule_is_another_day(TimestampTz before, TimestampTz moment)
{
	Datum		zone = read_zone();

	return DatumGetDateADT(local_day(zone, before)) != DatumGetDateADT(local_day(zone, moment));
}

static void
set_for_plan(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static void
set_planner(CrmRuleForm form)
{
	if (form == CRM_RULE_FORM_ROW || form == CRM_RULE_FORM_EXPLAIN || form == CRM_RULE_FORM_GIVEN || form == CRM_RULE_FORM_SPAN)
	{
		set_for_plan("enable_seqscan", "off");
		set_for_plan("enable_hashjoin", "off");
		set_for_plan("enable_mergejoin", "off");
		set_for_plan("plan_cache_mode", "force_generic_plan");
	}
	else
	{
		set_for_plan("work_mem", "128MB");
		set_for_plan("plan_cache_mode", form == CRM_RULE_FORM_MOVED ? "auto" : "force_custom_plan");
		set_for_plan("max_parallel_workers_per_gather", "0");
	}
	set_for_plan("jit", "off");
}

/* Whether kept rows that the rules ask do not answer: of the given persons, at the moment. */
static bool
is_behind(CrmRuleCompiled *compiled, Datum *values, const char *nulls)
{
	bool		is_null;
	bool		answer;

	if (compiled->behind.sql == NULL)
		return false;
	crm_core_spi_execute(&compiled->behind, values, nulls, true, 1);
	answer = DatumGetBool(crm_core_spi_value(0, 1, &is_null));
	SPI_freetuptable(SPI_tuptable);
	return answer;
}

static void
run(CrmRuleCompiled *compiled, CrmRuleForm form, Datum persons, Datum met, TimestampTz moment, TimestampTz before)
{
	Datum		zone = read_zone();
	Datum		fixed[CRM_RULE_N_FIXED] = {
		persons, TimestampTzGetDatum(moment), local_day(zone, moment), zone, TimestampTzGetDatum(before), local_day(zone, before),
	};
	char		absent[CRM_RULE_N_FIXED + 1] = "      ";
	int			level = NewGUCNestLevel();
	bool		over_records;
	CrmRuleSql *sql;
	Datum	   *values;
	char	   *nulls;

	absent[0] = persons == (Datum) 0 || form == CRM_RULE_FORM_SPAN ? 'n' : ' ';		/* whoever is behind may be of the span */
	set_planner(form);
	over_records = is_behind(compiled, fixed, absent);
	sql = &compiled->sql[form][over_records];
	if (compiled->statements[form][over_records].sql == NULL)
		write_statement(compiled, form, over_records);
	values = palloc(sql->n_params * sizeof(Datum));
	nulls = palloc(sql->n_params);
	memcpy(values, sql->values, sql->n_params * sizeof(Datum));
	memset(nulls, ' ', sql->n_params);
	memcpy(values, fixed, sizeof(fixed));
	nulls[0] = persons == (Datum) 0 ? 'n' : ' ';
	if (sql->met > 0)
		values[sql->met - 1] = met;
	crm_core_spi_execute(&compiled->statements[form][over_records], values, nulls, true, 0);
	AtEOXact_GUC(true, level);
}

/* Runs a form of a rule; rows are in SPI_tuptable.  before is used by the moved form alone. */
void
crm_rule_run(CrmRuleCompiled *compiled, CrmRuleForm form, Datum persons, TimestampTz moment, TimestampTz before)
{
	run(compiled, form, persons, (Datum) 0, moment, before);
}

/* The same about many given persons; met: a bitmap[], of each rule those who are known to be active and to meet what orders do not change. */
void
crm_rule_run_given(CrmRuleCompiled *compiled, Datum persons, Datum met, TimestampTz moment)
{
	run(compiled, CRM_RULE_FORM_GIVEN, persons, met, moment, moment);
}
