/*
 * forecast.h - how long customers stay, how often they buy again, and how much they spend.
 *
 * A customer is (x, tx, T): repeat purchases, time of the last, time observed, counted from
 * the first purchase in one unit.  Same-day orders are one purchase, the first is not counted,
 * so x = 0 has tx = 0.  While alive a customer buys as a Poisson process whose rate is gamma
 * distributed over customers (shape r, rate alpha).  What ends it differs:
 *
 *	BG/NBD		after each repeat purchase, with a probability that is beta (a, b) distributed
 *	MBG/NBD		the same, and already after the first purchase
 *	Pareto/NBD	at any time, at a rate that is gamma distributed (shape s, rate beta)
 *
 * BG/NBD takes everybody without a repeat purchase for alive: churn is asked of the others.
 * Spending is Gamma-Gamma (p, q, gamma): purchases of one customer scatter around a mean that
 * differs between customers.  Parameters are arrays of four in the order named here:
 * (r, alpha, a, b), (r, alpha, s, beta), (p, q, gamma, unused).
 *
 *	in forecast_fit.c		the fits, whatever the model
 *	in forecast_dropout.c	likelihood and questions of BG/NBD and MBG/NBD
 *	in forecast_pareto.c	the same of Pareto/NBD
 *	in forecast_spend.c		likelihood and expectation of Gamma-Gamma
 *	in forecast.c			the questions that are asked of any model
 *
 * Method: no hypergeometric function is taken as a difference.  Expectations of (M)BG/NBD are
 * sums of positive terms: the (j+1)-th purchase happens when there are that many chances, which
 * is negative binomial, and the customer has outlived j of them, which is a ratio of beta
 * functions.  It is the expansion of 2F1 after Pfaff, has no singularity at a = 1 and loses no
 * digits.  The integral of Pareto/NBD is taken as one, over panels of sixteen points in
 * ln(time), so alpha = beta is no special case.  All likelihoods are in log space.
 *
 * Promises: no allocation, no state; every fit ends with a status.
 */
#ifndef CRM_PURE_FORECAST_H
#define CRM_PURE_FORECAST_H

#include <stdbool.h>
#include <stddef.h>

#define CRM_FORECAST_PARAMS 4
#define CRM_FORECAST_MAX_COUNT 100000	/* intervals look no further than this many purchases: one a day for a hundred years, and more */
#define CRM_FORECAST_MAX_PERIODS 10000	/* of a discounted horizon */

typedef enum CrmForecastModel
{
	CRM_FORECAST_BGNBD,
	CRM_FORECAST_MBGNBD,
	CRM_FORECAST_PARETO,
	CRM_FORECAST_NBD,			/* nobody ever leaves: (r, alpha) alone */
	CRM_FORECAST_SPEND			/* cells: x, tx = mean spending a purchase */
} CrmForecastModel;

typedef enum CrmForecastStatus
{
	CRM_FORECAST_CONVERGED,
	CRM_FORECAST_AT_WALL,		/* best at the edge of what is searched: a parameter is as good as infinite or zero */
	CRM_FORECAST_NO_DROPOUT,	/* leaving explains nothing: the parameters are those of NBD */
	CRM_FORECAST_NO_REPEATS,	/* nobody bought twice: there is nothing to fit */
	CRM_FORECAST_NO_DATA,
	CRM_FORECAST_FAILED			/* no start led to a flat point */
} CrmForecastStatus;

/* Customers of one pattern.  Of spending, T is not used. */
typedef struct CrmForecastCell
{
	double		x;
	double		tx;
	double		T;
	double		weight;			/* how many customers */
} CrmForecastCell;

typedef struct CrmForecastFit
{
	CrmForecastStatus status;
	int			n_params;
	double		params[CRM_FORECAST_PARAMS];
	double		errors[CRM_FORECAST_PARAMS];	/* standard errors; NaN where there is none */
	double		log_likelihood;
	int			evaluations;
} CrmForecastFit;

/* Called between two computations of a likelihood: who waits for a fit may leave it from here.  Null: nobody does. */
typedef void (*CrmForecastPause) (void);

/* forecast_fit.c: cells sorted by x, best by crm_forecast_compare_cells; equal patterns may be one cell or several */
extern CrmForecastFit crm_forecast_fit(CrmForecastModel model, const CrmForecastCell *cells, size_t count,
									   CrmForecastPause pause);
extern const char *crm_forecast_status_name(CrmForecastStatus status);
extern int	crm_forecast_compare_cells(const void *left, const void *right);

/* The log-likelihood of cells sorted by x; gradient by parameter, or null. */
extern double crm_forecast_likelihood(CrmForecastModel model, const double *params,
									  const CrmForecastCell *cells, size_t count, double *gradient);

/* forecast.c: of one customer; horizon in the unit of T, counted from T on */
extern double crm_forecast_alive(CrmForecastModel model, const double *params,
								 const CrmForecastCell *customer, double horizon);
extern double crm_forecast_expected(CrmForecastModel model, const double *params,
									const CrmForecastCell *customer, double horizon);

/* The probability of at least count purchases in the horizon. */
extern double crm_forecast_at_least(CrmForecastModel model, const double *params,
									const CrmForecastCell *customer, double horizon, int count);

/* The smallest number of purchases that is not exceeded with the given probability. */
extern int	crm_forecast_quantile(CrmForecastModel model, const double *params,
								  const CrmForecastCell *customer, double horizon, double probability);

/*
 * Expected purchases in the horizon, those of the i-th period (of the given length, the last
 * may be cut short) divided by (1 + discount) to the power i.
 */
extern double crm_forecast_discounted(CrmForecastModel model, const double *params,
									  const CrmForecastCell *customer, double horizon,
									  double period, double discount);

/* Pareto/NBD: purchases for ever, discounted continuously at a rate a unit of time. */
extern double crm_forecast_pareto_residual(const double *params, const CrmForecastCell *customer, double rate);

/* Gamma-Gamma: the expected mean spending of one with x purchases of mean z; infinite when q <= 1 and x = 0. */
extern double crm_forecast_spend(const double *params, double x, double z);

/* ---- between the files */

/* What is left of a living customer: m chances at rate A, and Beta (a, B) of leaving after each. */
typedef struct CrmForecastLiving
{
	double		m;
	double		rate;
	double		a;
	double		b;
} CrmForecastLiving;

extern double crm_dropout_likelihood(const double *params, const CrmForecastCell *cells, size_t count,
									 int extra, double *gradient);
extern double crm_dropout_alive(const double *params, const CrmForecastCell *customer, int extra);
extern CrmForecastLiving crm_dropout_living(const double *params, const CrmForecastCell *customer, int extra);
extern double crm_dropout_expected(const CrmForecastLiving *living, double horizon);
extern double crm_dropout_survives(const CrmForecastLiving *living, double horizon);
extern double crm_dropout_at_least(const CrmForecastLiving *living, double horizon, int count);

extern double crm_pareto_likelihood(const double *params, const CrmForecastCell *cells, size_t count, double *gradient);
extern double crm_pareto_alive(const double *params, const CrmForecastCell *customer);
extern double crm_pareto_expected(const double *params, const CrmForecastCell *customer, double horizon);
extern double crm_pareto_survives(const double *params, const CrmForecastCell *customer, double horizon);
extern double crm_pareto_at_least(const double *params, const CrmForecastCell *customer, double horizon, int count);

extern double crm_spend_likelihood(const double *params, const CrmForecastCell *cells, size_t count, double *gradient);

#endif
