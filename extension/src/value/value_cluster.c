/*
 * value_cluster.c
 *		Customers in groups: crm._value_kmeans() over rows of measures.
 *
 * Measures are standardised here: the logarithm of one plus what is counted, then mean 0 and
 * deviation 1, so that no measure outweighs the others.  Means are given back as they were
 * measured.  Rows must come in a fixed order for the same seed to give the same answer.
 */
#include "value/value_forecast.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"

#include "pure/kmeans.h"

PG_FUNCTION_INFO_V1(crm_value_kmeans);

/* Groups of a million persons take a while, and hold nothing that must be given back. */
static void
look_up(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* ln(1 + x) of what is not negative, made comparable; the mean and deviation are kept. */
static void
standardise(double *values, int count, int dims, int dim, double *mean, double *deviation)
{
	double		sum = 0;
	double		squares = 0;

	for (int i = 0; i < count; i++)
	{
		double		value = values[i * dims + dim];

		values[i * dims + dim] = value = value < 0 ? -log1p(-value) : log1p(value);
		sum += value;
	}
	*mean = sum / count;
	for (int i = 0; i < count; i++)
		squares += (values[i * dims + dim] - *mean) * (values[i * dims + dim] - *mean);
	*deviation = squares > 0 ? sqrt(squares / count) : 1;
	for (int i = 0; i < count; i++)
		values[i * dims + dim] = (values[i * dims + dim] - *mean) / *deviation;
}

static double
measured(double standard, double mean, double deviation)
{
	double		value = standard * deviation + mean;

	return value < 0 ? -expm1(-value) : expm1(value);
}

/* crm._value_kmeans(measures float8[], dims, groups, seed): (row_no, group_no, centre float8[]) */
Datum
crm_value_kmeans(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			dims = PG_GETARG_INT32(1);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	CrmKmeans	task = {.dims = dims, .groups = PG_GETARG_INT32(2), .restarts = 8, .seed = (uint64) PG_GETARG_INT64(3)};
	double	   *values;
	double		means[CRM_KMEANS_MAX_DIMS];
	double		deviations[CRM_KMEANS_MAX_DIMS];

	InitMaterializedSRF(fcinfo, 0);
	if (dims < 1 || dims > CRM_KMEANS_MAX_DIMS || task.groups < 1 || task.groups > CRM_KMEANS_MAX_GROUPS ||
		n % dims != 0 || array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("customers cannot be grouped"),
						errdetail("There are %d numbers in rows of %d, for %d groups.", n, dims, task.groups),
						errhint("Rows have 1 to %d numbers, groups are 1 to %d.", CRM_KMEANS_MAX_DIMS, CRM_KMEANS_MAX_GROUPS)));
	task.count = n / dims;
	if (n == 0)
		return (Datum) 0;
	values = palloc_extended(n * sizeof(double), MCXT_ALLOC_HUGE);
	memcpy(values, ARR_DATA_PTR(array), n * sizeof(double));
	for (int i = 0; i < n; i++)
		if (!isfinite(values[i]))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a measure of a customer is not finite")));
	for (int d = 0; d < dims; d++)
		standardise(values, (int) task.count, dims, d, &means[d], &deviations[d]);
	task.points = values;
	task.pause = look_up;
	task.labels = palloc_extended(task.count * sizeof(int), MCXT_ALLOC_HUGE);
	task.scratch = palloc_extended(task.count * sizeof(int), MCXT_ALLOC_HUGE);
	task.distances = palloc_extended(task.count * sizeof(double), MCXT_ALLOC_HUGE);
	crm_kmeans(&task);
	for (int i = 0; i < (int) task.count; i++)
	{
		Datum		centre[CRM_KMEANS_MAX_DIMS];
		Datum		row[3] = {Int32GetDatum(i + 1), Int32GetDatum(task.labels[i] + 1)};
		bool		nulls[3] = {false};

		CHECK_FOR_INTERRUPTS();
		for (int d = 0; d < dims; d++)
			centre[d] = Float8GetDatum(measured(task.means[task.labels[i]][d], means[d], deviations[d]));
		row[2] = PointerGetDatum(construct_array(centre, dims, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
		pfree(DatumGetPointer(row[2]));
	}
	return (Datum) 0;
}
