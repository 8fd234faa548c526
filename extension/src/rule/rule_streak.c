/*
 * rule_streak.c
 *		The longest run of days of a person's rows, as an aggregate: crm._rule_streak(day).
 *
 * Days are gathered as they come and put in order once.  Statements that number the rows of everybody do the same by sorting
 * all of them three times.
 */
#include "rule/rule.h"

#include "utils/date.h"

PG_FUNCTION_INFO_V1(crm_rule_streak_step);
PG_FUNCTION_INFO_V1(crm_rule_streak_final);

#define FIRST_ROOM 8

#define ST_SORT sort_days
#define ST_ELEMENT_TYPE int32
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

typedef struct Days
{
	uint32		n;
	uint32		room;
	int32	   *days;
} Days;

Datum
crm_rule_streak_step(PG_FUNCTION_ARGS)
{
	Days	   *state = PG_ARGISNULL(0) ? NULL : (Days *) PG_GETARG_POINTER(0);
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a step of an aggregate was called by itself")));
	if (state == NULL)
	{
		state = MemoryContextAlloc(context, sizeof(Days));
		*state = (Days) {.room = FIRST_ROOM,.days = MemoryContextAlloc(context, FIRST_ROOM * sizeof(int32))};
	}
	if (PG_ARGISNULL(1) || (state->n > 0 && state->days[state->n - 1] == PG_GETARG_DATEADT(1)))
		PG_RETURN_POINTER(state);
	if (state->n == state->room)
	{
		if (state->room > PG_INT32_MAX / 2)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a person has more rows than can be held against each other")));
		state->room *= 2;
		state->days = repalloc_huge(state->days, (Size) state->room * sizeof(int32));
	}
	state->days[state->n++] = PG_GETARG_DATEADT(1);
	PG_RETURN_POINTER(state);
}

/* The state may be added to afterwards: the order of its days means nothing. */
Datum
crm_rule_streak_final(PG_FUNCTION_ARGS)
{
	Days	   *state = PG_ARGISNULL(0) ? NULL : (Days *) PG_GETARG_POINTER(0);
	int64		longest = 0;
	int64		run = 0;

	if (state == NULL)
		PG_RETURN_INT64(0);
	sort_days(state->days, state->n);
	for (uint32 i = 0; i < state->n; i++)
	{
		if (i > 0 && state->days[i] == state->days[i - 1])
			continue;
		run = i > 0 && state->days[i] == (int64) state->days[i - 1] + 1 ? run + 1 : 1;
		longest = Max(longest, run);
	}
	PG_RETURN_INT64(longest);
}
