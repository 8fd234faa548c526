/*
 * special.h - the special functions that forecasts stand on, and sums in log space.
 *
 * Promises: no state, no allocation, nothing raised.  Arguments are positive and finite; what
 * is outside of that gives NaN or an infinity, never a trap.
 */
#ifndef CRM_PURE_SPECIAL_H
#define CRM_PURE_SPECIAL_H

/* ln Gamma(x), x > 0; unlike the C library's it writes no global sign. */
extern double crm_log_gamma(double x);

/* d ln Gamma(x) / dx, x > 0, to about 1e-14. */
extern double crm_digamma(double x);

/* ln B(a, b) = ln Gamma(a) + ln Gamma(b) - ln Gamma(a + b). */
extern double crm_log_beta(double a, double b);

/* ln(1 + exp(x)) without overflow. */
extern double crm_log1p_exp(double x);

/* 1 / (1 + exp(-x)). */
extern double crm_logistic(double x);

/* Sixteen Gauss-Legendre points of [-1, 1]: the eight on the right; their mirror images follow. */
#define CRM_LEGENDRE_HALF 8
extern const double crm_legendre_point[CRM_LEGENDRE_HALF];
extern const double crm_legendre_weight[CRM_LEGENDRE_HALF];

#endif
