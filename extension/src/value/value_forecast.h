/*
 * value_forecast.h
 *		Forecasts: the models of pure/forecast.h over customers and histories.
 *
 *	in value_cells.c	customers counted by pattern, as the state of an aggregate
 *	in value_fit.c		fits, and questions with plain numbers
 *	in value_pattern.c	a purchase history as (frequency, recency, age, mean of repeats)
 */
#ifndef CRM_VALUE_FORECAST_H
#define CRM_VALUE_FORECAST_H

#include "core/core.h"

#include <math.h>

#include "utils/array.h"

#include "pure/forecast.h"

typedef struct CrmValueCells CrmValueCells;

/* value_cells.c */
extern CrmForecastCell *crm_value_cells_sorted(Datum state, uint32 *count);

#endif
