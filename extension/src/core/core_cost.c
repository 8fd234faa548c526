/*
 * core_cost.c
 *		What each rule costs that runs when facts arrive, counted in shared memory.
 *
 * A rule is a room's consequence, or what a room counts under a name of its own (a flow).  Each
 * database has an entry a rule and kind of facts; entries are never taken away, so one that was
 * found stays where it is.  A place is made under the lock; counters are atomics, for a till
 * must not wait to be counted.  Nothing is counted without preload, or when all places are taken.
 */
#include "core/core.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define MAX_COSTS	512
#define RULE_SIZE	96
#define KIND_SIZE	16

typedef struct RuleCost
{
	Oid			database;
	char		rule[RULE_SIZE];
	char		kind[KIND_SIZE];
	TimestampTz since;
	pg_atomic_uint64 calls;
	pg_atomic_uint64 persons;
	pg_atomic_uint64 us;
	pg_atomic_uint64 longest_us;
} RuleCost;

typedef struct Costs
{
	LWLock	   *lock;			/* first; guards n and what entries are called; not their counters */
	int			n;
	RuleCost	cost[MAX_COSTS];
} Costs;

static Costs *costs = NULL;
PG_FUNCTION_INFO_V1(crm_cost_note);
PG_FUNCTION_INFO_V1(crm_cost_list);
PG_FUNCTION_INFO_V1(crm_cost_forget);

void
crm_core_cost_init(void)
{
	static CrmSharedPiece piece = {.name = "crm costs", .size = sizeof(Costs), .memory = (void **) &costs};

	crm_core_shared_ask(&piece);
}

static RuleCost *
find(const char *rule, const char *kind)
{
	for (int i = 0; i < costs->n; i++)
	{
		RuleCost   *cost = &costs->cost[i];

		if (cost->database == MyDatabaseId && strcmp(cost->rule, rule) == 0 && strcmp(cost->kind, kind) == 0)
			return cost;
	}
	return NULL;
}

/* Counters of an entry begin anew. */
static void
begin(RuleCost *cost)
{
	cost->since = GetCurrentTimestamp();
	pg_atomic_write_u64(&cost->calls, 0);
	pg_atomic_write_u64(&cost->persons, 0);
	pg_atomic_write_u64(&cost->us, 0);
	pg_atomic_write_u64(&cost->longest_us, 0);
}

/* The entry of a rule and kind, made when there is none; NULL when all places are taken. */
static RuleCost *
place(const char *rule, const char *kind)
{
	RuleCost   *cost;

	LWLockAcquire(costs->lock, LW_SHARED);
	cost = find(rule, kind);
	LWLockRelease(costs->lock);
	if (cost != NULL)
		return cost;
	LWLockAcquire(costs->lock, LW_EXCLUSIVE);
	cost = find(rule, kind);
	if (cost == NULL && costs->n < MAX_COSTS)
	{
		cost = &costs->cost[costs->n];
		cost->database = MyDatabaseId;
		strlcpy(cost->rule, rule, RULE_SIZE);
		strlcpy(cost->kind, kind, KIND_SIZE);
		pg_atomic_init_u64(&cost->calls, 0);
		pg_atomic_init_u64(&cost->persons, 0);
		pg_atomic_init_u64(&cost->us, 0);
		pg_atomic_init_u64(&cost->longest_us, 0);
		begin(cost);
		costs->n++;
	}
	LWLockRelease(costs->lock);
	return cost;
}

void
crm_core_cost_note(const char *rule, const char *kind, int persons, uint64 us)
{
	RuleCost   *cost;
	uint64		longest;

	if (costs == NULL || strlen(rule) >= RULE_SIZE || strlen(kind) >= KIND_SIZE)
		return;
	cost = place(rule, kind);
	if (cost == NULL)
		return;
	pg_atomic_fetch_add_u64(&cost->calls, 1);
	pg_atomic_fetch_add_u64(&cost->persons, persons);
	pg_atomic_fetch_add_u64(&cost->us, us);
	longest = pg_atomic_read_u64(&cost->longest_us);
	while (us > longest && !pg_atomic_compare_exchange_u64(&cost->longest_us, &longest, us))
		;
}

/* (rule, kind, persons, began_at): a run that began then has just ended. */
Datum
crm_cost_note(PG_FUNCTION_ARGS)
{
	TimestampTz began_at = PG_GETARG_TIMESTAMPTZ(3);

	crm_core_cost_note(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)),
					   PG_GETARG_INT32(2), Max(GetCurrentTimestamp() - began_at, 0));
	PG_RETURN_VOID();
}

/* This database's entries: (rule, kind, calls, persons, total_ms, longest_ms, since). */
Datum
crm_cost_list(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	if (costs == NULL)
		return (Datum) 0;
	LWLockAcquire(costs->lock, LW_SHARED);
	n = costs->n;
	LWLockRelease(costs->lock);
	for (int i = 0; i < n; i++)
	{
		RuleCost   *cost = &costs->cost[i];
		Datum		values[7];
		bool		nulls[7] = {false};

		if (cost->database != MyDatabaseId)
			continue;
		values[0] = CStringGetTextDatum(cost->rule);
		values[1] = CStringGetTextDatum(cost->kind);
		values[2] = Int64GetDatum((int64) pg_atomic_read_u64(&cost->calls));
		values[3] = Int64GetDatum((int64) pg_atomic_read_u64(&cost->persons));
		values[4] = Float8GetDatum(pg_atomic_read_u64(&cost->us) / 1000.0);
		values[5] = Float8GetDatum(pg_atomic_read_u64(&cost->longest_us) / 1000.0);
		values[6] = TimestampTzGetDatum(cost->since);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* This database counts from now on. */
Datum
crm_cost_forget(PG_FUNCTION_ARGS)
{
	if (costs == NULL)
		PG_RETURN_VOID();
	LWLockAcquire(costs->lock, LW_EXCLUSIVE);
	for (int i = 0; i < costs->n; i++)
		if (costs->cost[i].database == MyDatabaseId)
			begin(&costs->cost[i]);
	LWLockRelease(costs->lock);
	PG_RETURN_VOID();
}
