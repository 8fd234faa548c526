/*
 * value_pattern.c
 *		What a purchase history says to a forecast: how often, how long, how much, how regularly.
 *
 * Worked example, as of day 100: order days 10, 30, 34, 70 of 5, 6, 7 and 8 gives frequency 3
 * (the first is not counted), recency 60 (first to last), age 90 (first to now), mean of the
 * repeats 7, gaps 20 4 36, their median 20.
 */
#include "value/value.h"

PG_FUNCTION_INFO_V1(crm_value_pattern);

static int
compare_days(const void *a, const void *b)
{
	int32		left = *(const int32 *) a;
	int32		right = *(const int32 *) b;

	return (left > right) - (left < right);
}

/* The median; of an even number the mean of the two in the middle.  Sorts the values. */
static double
median_of(int32 *values, int n)
{
	qsort(values, n, sizeof(int32), compare_days);
	return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + (double) values[n / 2]) / 2;
}

/*
 * crm.value_pattern(chunks, as_of) returns (frequency, recency_days, age_days,
 * repeat_mean_minor, median_gap_days, first_day, last_day); null without an order.
 */
Datum
crm_value_pattern(PG_FUNCTION_ARGS)
{
	CrmValueHistory history = crm_value_history(PG_GETARG_ARRAYTYPE_P(0));
	int32		as_of = PG_GETARG_DATEADT(1);
	int32	   *gaps = palloc(Max(history.n_entries, 1) * sizeof(int32));
	CrmHistoryMerge merge;
	CrmHistoryDay day;
	double		repeats_minor = 0;
	int32		first = 0;
	int32		last = 0;
	int			n = 0;
	Datum		values[7];
	bool		nulls[7] = {false};

	crm_history_merge_begin(&merge, history.chunks, history.n_chunks, as_of);
	while (crm_history_merge_day(&merge, &day))
	{
		if (day.net_minor <= 0)
			continue;
		if (n > 0)
		{
			gaps[n - 1] = day.day - last;
			repeats_minor += day.net_minor;
		}
		else
			first = day.day;
		last = day.day;
		n++;
	}
	if (merge.code != CRM_HISTORY_OK)
		crm_purchase_report(merge.code);
	if (n == 0)
		PG_RETURN_NULL();
	values[0] = Int32GetDatum(n - 1);
	values[1] = Int32GetDatum(last - first);
	values[2] = Int32GetDatum(as_of - first);
	nulls[3] = nulls[4] = n == 1;
	values[3] = Float8GetDatum(n == 1 ? 0 : repeats_minor / (n - 1));
	values[4] = Float8GetDatum(n == 1 ? 0 : median_of(gaps, n - 1));
	values[5] = DateADTGetDatum(first);
	values[6] = DateADTGetDatum(last);
	PG_RETURN_DATUM(crm_core_row(fcinfo, values, nulls));
}
