/*
 * sample_season.c
 *		When people shop: month, festival, weekday, hour and three bursts.
 *
 * Buying runs in operational time: a day of weight 1.3 lets 1.3 of it pass, and the whole
 * window lets as much pass as it has days.  A process drawn in operational time and mapped
 * back by season_day_at() so gets the season without its total changing.  Stores and the
 * online channels have weights of their own; a person lives by the mixture of the two.
 */
#include <string.h>

#include "sample.h"

enum
{
	BURSTS = 3,
	BURST_SECONDS = 3600
};

/* Share of a day's sales in each hour of the clock. */
static const double store_hours[24] = {
	0, 0, 0, 0, 0, 0, 0, 0, 2, 6, 10.5, 11, 7, 5, 5, 5.5, 6.5, 10.5, 11.5, 11, 5.5, 3, 0, 0
};
static const double online_hours[24] = {
	2, 1, .5, .3, .3, .4, .8, 1.5, 2.5, 4, 4.5, 4.5, 5, 4.5, 4, 4, 4, 4, 4.5, 6, 8, 12, 12.5, 9
};

static int32_t first_day;
static int	span;
static double cumulative[2][WINDOW_DAYS + 1];	/* [online]: operational time at a day's start */
static int32_t burst_day[BURSTS];
static const int burst_hour[BURSTS] = {20, 12, 21};

static double
month_weight(int month)
{
	static const double weight[13] = {
		0, 1.15, .85, 1, 1, 1, 1.2, .9, .9, 1, 1, 1.3, 1.1
	};

	return weight[month];
}

static double
festival_weight(int32_t day, int year)
{
	int32_t		spring = lunar_day(year, 1, 1);

	if (day >= spring - 14 && day < spring)
		return 1.8;
	if (day >= spring && day < spring + 7)
		return .35;
	return 1.0;
}

/* What the burst adds to its day: nine times more than its hour would have had. */
static double
burst_extra(bool online, int burst)
{
	const double *hours = online ? online_hours : store_hours;

	return 9.0 * hours[burst_hour[burst]] / 100.0;
}

static int
burst_on(int32_t day)
{
	int			i;

	for (i = 0; i < BURSTS; i++)
		if (burst_day[i] == day)
			return i;
	return -1;
}

static double
day_weight(int32_t day, bool online)
{
	Date		date = date_of(day);
	int			weekday = weekday_of(day);
	int			burst = burst_on(day);
	double		weight = month_weight(date.month) * festival_weight(day, date.year);

	if (weekday == 0 || weekday == 6)
		weight *= 1.3;
	if (online && date.month == 11 && date.day == 11)
		weight *= 2.5;
	if (burst >= 0)
		weight *= 1.0 + burst_extra(online, burst);
	return weight;
}

void
season_init(const Sample *sample)
{
	int			channel;
	int			i;

	first_day = sample->start;
	span = WINDOW_DAYS;
	for (i = 0; i < BURSTS; i++)
		burst_day[i] = sample->until - 45 - 290 * i;
	for (channel = 0; channel < 2; channel++)
	{
		double		total = 0.0;

		for (i = 0; i < span; i++)
		{
			cumulative[channel][i] = total;
			total += day_weight(first_day + i, channel == 1);
		}
		cumulative[channel][span] = total;
		for (i = 0; i <= span; i++)
			cumulative[channel][i] *= span / total;
	}
}

static double
passed(int i, double online)
{
	return (1.0 - online) * cumulative[0][i] + online * cumulative[1][i];
}

/* Operational time at the start of a day, 0 at the window's start. */
double
season_operational(int32_t day, double online)
{
	return passed(day - first_day, online);
}

/* The day (with its fraction) when so much operational time has passed; past the window's
 * end it simply runs on. */
double
season_day_at(double operational, double online)
{
	int			low = 0;
	int			high = span;

	if (operational >= span)
		return first_day + operational;
	while (high - low > 1)
	{
		int			middle = (low + high) / 2;

		if (passed(middle, online) <= operational)
			low = middle;
		else
			high = middle;
	}
	return first_day + low + (operational - passed(low, online))
		/ (passed(high, online) - passed(low, online));
}

/* How likely a purchase of that day was made online. */
double
season_online_share(int32_t day, double online)
{
	int			i = day - first_day;
	double		in_store = (1.0 - online) * (cumulative[0][i + 1] - cumulative[0][i]);
	double		on_line = online * (cumulative[1][i + 1] - cumulative[1][i]);

	return on_line / (in_store + on_line);
}

int
season_second(Rng *rng, int32_t day, bool online)
{
	int			burst = burst_on(day);
	int			hour;

	if (burst >= 0)
	{
		double		extra = burst_extra(online, burst);

		if (rng_chance(rng, extra / (1.0 + extra)))
			return burst_hour[burst] * 3600 + rng_below(rng, BURST_SECONDS);
	}
	hour = rng_weighted(rng, online ? online_hours : store_hours, 24);
	return hour * 3600 + rng_below(rng, 3600);
}
