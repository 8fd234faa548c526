/*
 * report_funnel.c
 *		Funnels: crm._report_funnel() says how far one person got (pure/funnel.h).
 *
 * Called by crm.report_funnel() for every person with a first step; reads no table.
 */
#include "core/core.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "pure/funnel.h"

PG_FUNCTION_INFO_V1(crm_report_funnel);

/* crm._report_funnel(times timestamptz[], steps int[], n_steps, window_seconds, is_strict): (depth, seconds) */
Datum
crm_report_funnel(PG_FUNCTION_ARGS)
{
	ArrayType  *times = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *steps = PG_GETARG_ARRAYTYPE_P(1);
	int			n = ArrayGetNItems(ARR_NDIM(times), ARR_DIMS(times));
	int			n_steps = PG_GETARG_INT32(2);
	int64		window = PG_GETARG_INT64(3);
	CrmFunnelFact *facts;
	CrmFunnelResult result;
	Datum		values[2];
	bool		nulls[2] = {false};

	if (array_contains_nulls(times) || array_contains_nulls(steps) ||
		n != ArrayGetNItems(ARR_NDIM(steps), ARR_DIMS(steps)) || n_steps < 1 ||
		n_steps > CRM_FUNNEL_MAX_STEPS || window < 0 || window > PG_INT64_MAX / USECS_PER_SEC)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("funnel cannot be followed"),
						errhint("It has 1 to %d steps, a window of seconds, and a step a time.", CRM_FUNNEL_MAX_STEPS)));
	facts = palloc(Max(n, 1) * sizeof(CrmFunnelFact));
	for (int i = 0; i < n; i++)
		facts[i] = (CrmFunnelFact) {((TimestampTz *) ARR_DATA_PTR(times))[i], ((int32 *) ARR_DATA_PTR(steps))[i]};
	result = crm_funnel(facts, n, n_steps, window * USECS_PER_SEC, PG_GETARG_BOOL(4));
	values[0] = Int32GetDatum(result.depth);
	values[1] = Int64GetDatum((result.ended - result.started) / USECS_PER_SEC);
	PG_RETURN_DATUM(crm_core_row(fcinfo, values, nulls));
}
