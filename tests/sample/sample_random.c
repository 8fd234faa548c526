/*
 * sample_random.c
 *		The generator's own random numbers: the same on every machine for one seed.
 *
 * Every purpose and item draws from a stream of its own (rng_stream), so that adding a draw
 * to one part leaves all others as they were.  The core is splitmix64.
 */
#include <math.h>

#include "sample.h"

uint64_t
scatter(uint64_t value, uint64_t seed)
{
	uint64_t	z = value + seed * UINT64_C(0x9E3779B97F4A7C15) + UINT64_C(0x632BE59BD9B4E019);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

Rng
rng_stream(uint64_t seed, const char *purpose, uint64_t item)
{
	uint64_t	state = scatter(seed, 1);
	Rng			rng;

	for (; *purpose; purpose++)
		state = scatter(state ^ (unsigned char) *purpose, 2);
	rng.state = scatter(state ^ scatter(item, 3), 4);
	return rng;
}

uint64_t
rng_bits(Rng *rng)
{
	rng->state += UINT64_C(0x9E3779B97F4A7C15);
	return scatter(rng->state, 0);
}

/* In [0, 1). */
double
rng_unit(Rng *rng)
{
	return (double) (rng_bits(rng) >> 11) * 0x1.0p-53;
}

int
rng_below(Rng *rng, int limit)
{
	return (int) (rng_unit(rng) * limit);
}

bool
rng_chance(Rng *rng, double probability)
{
	return rng_unit(rng) < probability;
}

double
rng_exponential(Rng *rng, double mean)
{
	return -mean * log(1.0 - rng_unit(rng));
}

double
rng_normal(Rng *rng)
{
	double		radius = sqrt(-2.0 * log(1.0 - rng_unit(rng)));

	return radius * cos(2.0 * M_PI * rng_unit(rng));
}

/* Gamma with scale 1, by Marsaglia and Tsang; shapes here are 1 or more. */
double
rng_gamma(Rng *rng, double shape)
{
	double		d = shape - 1.0 / 3.0;
	double		c = 1.0 / sqrt(9.0 * d);

	for (;;)
	{
		double		x = rng_normal(rng);
		double		v = 1.0 + c * x;
		double		u = 1.0 - rng_unit(rng);

		if (v <= 0.0)
			continue;
		v = v * v * v;
		if (log(u) < 0.5 * x * x + d - d * v + d * log(v))
			return d * v;
	}
}

int
rng_weighted(Rng *rng, const double *weights, int count)
{
	double		total = 0.0;
	double		at;
	int			i;

	for (i = 0; i < count; i++)
		total += weights[i];
	at = rng_unit(rng) * total;
	for (i = 0; i < count - 1; i++)
	{
		at -= weights[i];
		if (at < 0.0)
			break;
	}
	return i;
}
