/*
 * special.c - digamma by its asymptotic series, log-gamma by the C library, sums in log space.
 */
#include "pure/special.h"

#include <math.h>

const double crm_legendre_point[CRM_LEGENDRE_HALF] = {
	0.0950125098376374402, 0.2816035507792589132, 0.4580167776572273863, 0.6178762444026437484,
	0.7554044083550030339, 0.8656312023878317439, 0.9445750230732325761, 0.9894009349916499326,
};
const double crm_legendre_weight[CRM_LEGENDRE_HALF] = {
	0.1894506104550684963, 0.1826034150449235888, 0.1691565193950025382, 0.1495959888165767321,
	0.1246289712555338720, 0.0951585116824927848, 0.0622535239386478929, 0.0271524594117540949,
};

double
crm_log_gamma(double x)
{
	int			sign;

	return lgamma_r(x, &sign);
}

double
crm_digamma(double x)
{
	double		shift = 0;
	double		inverse;

	if (!(x > 0))
		return NAN;
	while (x < 10)
		shift -= 1 / x++;
	inverse = 1 / (x * x);
	return shift + log(x) - 0.5 / x -
		inverse * (1.0 / 12 - inverse * (1.0 / 120 - inverse * (1.0 / 252 -
		inverse * (1.0 / 240 - inverse * (1.0 / 132 - inverse * (691.0 / 32760 - inverse / 12))))));
}

double
crm_log_beta(double a, double b)
{
	return crm_log_gamma(a) + crm_log_gamma(b) - crm_log_gamma(a + b);
}

double
crm_log1p_exp(double x)
{
	return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

double
crm_logistic(double x)
{
	return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}
