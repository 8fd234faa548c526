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
	bool		moves_daily;
	CrmRuleSql	sql[CRM_RULE_N_FORMS];
	CrmStatement statements[CRM_RULE_N_FORMS];
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
	for (int i = 0; i < CRM_RULE_N_FORMS; i++)
		if (compiled->statements[i].plan != NULL)
			SPI_freeplan((SPIPlanPtr) compiled->statements[i].plan);
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

static void
write_statement(CrmRuleCompiled *compiled, CrmRuleForm form)
{
	static const char *const names[] = {"rule.persons", "rule.explain", "rule.everybody", "rule.apart", "rule.given", "rule.moved"};
	const CrmRuleTree *tree = compiled->trees[0];
	MemoryContext before = MemoryContextSwitchTo(compiled->context);
	CrmRuleSql *sql = &compiled->sql[form];

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
		case CRM_RULE_FORM_GIVEN:
			crm_rule_compile_given(compiled->trees, compiled->n_trees, sql);
			break;
		default:
			compiled->moves_daily = crm_rule_compile_moved(tree, sql);
	}
	compiled->statements[form] = (CrmStatement) {
		.name = names[form],
		.sql = sql->text.data,
		.n_args = sql->n_params,
		.arg_types = sql->types,
	};
	MemoryContextSwitchTo(before);
}

/* Whether time moves answers in a way that only asking everybody tells. */
bool
crm_rule_moves_daily(CrmRuleCompiled *compiled)
{
	if (compiled->statements[CRM_RULE_FORM_MOVED].sql == NULL)
		write_statement(compiled, CRM_RULE_FORM_MOVED);
	return compiled->moves_daily;
}

/* The zone of the chain, by which days are told. */
static Datum
read_zone(void)
{
	char	   *zone = NULL;

	crm_core_spi_execute(&zone_read, NULL, NULL, true, 1);
	if (SPI_processed == 1)
		zone = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
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
	if (form == CRM_RULE_FORM_ROW || form == CRM_RULE_FORM_EXPLAIN || form == CRM_RULE_FORM_GIVEN)
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

/* Runs a form of a rule; rows are in SPI_tuptable.  before is used by the moved form alone. */
void
crm_rule_run(CrmRuleCompiled *compiled, CrmRuleForm form, Datum persons, TimestampTz moment, TimestampTz before)
{
	CrmStatement *statement = &compiled->statements[form];
	CrmRuleSql *sql = &compiled->sql[form];
	Datum		zone = read_zone();
	Datum	   *values;
	char	   *nulls;
	int			level;

	if (statement->sql == NULL)
		write_statement(compiled, form);
	values = palloc(sql->n_params * sizeof(Datum));
	nulls = palloc(sql->n_params);
	memcpy(values, sql->values, sql->n_params * sizeof(Datum));
	memset(nulls, ' ', sql->n_params);
	values[0] = persons;
	nulls[0] = persons == (Datum) 0 ? 'n' : ' ';
	values[1] = TimestampTzGetDatum(moment);
	values[2] = local_day(zone, moment);
	values[3] = zone;
	values[4] = TimestampTzGetDatum(before);
	values[5] = local_day(zone, before);
	level = NewGUCNestLevel();
	set_planner(form);
	crm_core_spi_execute(statement, values, nulls, true, 0);
	AtEOXact_GUC(true, level);
}
