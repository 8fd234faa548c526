/*
 * sample_visits.c
 *		On which days a person buys.
 *
 * Each class buys as a Poisson process whose rate differs between persons (gamma), and each
 * purchase may be the last.  Time is operational (sample_season.c), so month, weekday and
 * festival come in by themselves.  A person buys at most once a day here.
 */
#include <math.h>

#include "sample.h"

typedef struct Habits
{
	double		per_year;
	double		shape;
	double		dropout;		/* after each order */
} Habits;

static const Habits class_habits[NEVER] = {
	{.18, 1, .60}, {2.2, 1.5, .25}, {13, 2, .05}, {36, 3, .02}
};

static const double at_joining = .80;
static const double first_delay_days = 30;
static const double online_of_both = .45;	/* of a person known to a till and online */

bool
visit_on(const Visits *visits, int32_t day)
{
	int			i;

	for (i = 0; i < visits->count; i++)
		if (visits->at[i].day == day)
			return true;
	return false;
}

/* Keeps the visits in order; a day that is taken stays as it is. */
void
visit_insert(Visits *visits, int32_t day, bool online)
{
	int			i = visits->count;

	if (visits->count == VISITS_MAX || visit_on(visits, day))
		return;
	while (i > 0 && visits->at[i - 1].day > day)
	{
		visits->at[i] = visits->at[i - 1];
		i--;
	}
	visits->at[i] = (Visit) {day, -1, online};
	visits->count++;
}

/* Which ways to buy the person has on that day: bit 0 a till, bit 1 online. */
static int
ways_open(const Sample *sample, const Person *person, int32_t day)
{
	int			ways = 0;
	int			i;

	for (i = 0; i < person->records; i++)
	{
		const Record *record = &sample->record[person->first_record + i];

		if (record->day > day)
			continue;
		if (record->source == SRC_POS)
			ways |= 1;
		else if (record->source == SRC_MINI || record->source == SRC_SHOP)
			ways |= 2;
	}
	return ways;
}

static double
online_share(int ways)
{
	return ways == 3 ? online_of_both : ways == 2 ? 1.0 : 0.0;
}

static void
visit_add(const Sample *sample, Rng *rng, const Person *person, int32_t day, Visits *visits)
{
	double		share = online_share(ways_open(sample, person, day));

	if (visits->count == VISITS_MAX
		|| (visits->count > 0 && visits->at[visits->count - 1].day >= day))
		return;
	visits->at[visits->count++] = (Visit) {
		day, -1, rng_chance(rng, season_online_share(day, share))
	};
}

void
visits_make(const Sample *sample, Rng *rng, int32_t i, Visits *visits)
{
	const Person *person = &sample->person[i];
	const Habits *habits = &class_habits[person->buyer];
	double		rate;
	double		day = person->join;
	double		passed;

	visits->count = 0;
	visits->online = online_share(ways_open(sample, person, sample->until));
	if (person->buyer == NEVER)
		return;
	rate = rng_gamma(rng, habits->shape) * habits->per_year / habits->shape / 365.25;
	passed = season_operational(person->join, visits->online) + .5;
	if (!rng_chance(rng, at_joining))
	{
		passed += rng_exponential(rng, first_delay_days);
		day = season_day_at(passed, visits->online);
	}
	while (day < sample->until + 1)
	{
		visit_add(sample, rng, person, (int32_t) day, visits);
		if (rng_chance(rng, habits->dropout))
			break;
		passed += rng_exponential(rng, 1.0 / rate);
		day = season_day_at(passed, visits->online);
	}
}
