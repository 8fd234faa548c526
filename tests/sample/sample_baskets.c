/*
 * sample_baskets.c
 *		What a person buys on each visit.
 *
 * A basket has a target value (lognormal, by class and person) and one to five lines.  Goods
 * that run out come back when they are due; families with an infant buy baby goods; some
 * habits are planted (wash, then food 45 days later).  Shares of categories are steered: a
 * category behind its share becomes likelier, by what has been sold so far.
 */
#include <math.h>
#include <string.h>

#include "sample.h"

static const double class_median[CLASSES] = {9000, 9500, 11000, 14000, 9000};
static const double anonymous_median = 6000;
static const double person_sigma = .35;
static const double order_sigma = .65;

/* Weights that make six times the gifts, and shares of lines 40 % and 35 % higher: part of a
 * basket is refill and does not follow them. */
static const double festival_gifts = 8.5;
static const double south_herbal = 1.62;
static const double north_dairy = 1.60;

static const double wash_then_food = .38;
static const double pump_then_bags = .55;
static const double machine_then_beans = .60;
static const double food_lag = 45;
static const double food_lag_sigma = 12;

/* What a person has at home and means to do: days, -1 for never. */
typedef struct Cupboard
{
	int32_t		due[CATEGORIES];
	int			wash_visit;		/* the visit at which the first baby wash is bought */
	int			food_visit;		/* where baby food follows */
	bool		washed;
	int32_t		wash_day;
	int			bags_visit;
	int			beans_visit;
} Cupboard;

static int64_t sold[CATEGORIES];
static int64_t sold_all;
static int64_t tried[HABITS];
static int64_t followed[HABITS];

static bool
is_baby(int category)
{
	return category == CAT_BABY_FOOD || category == CAT_BABY_WASH || category == CAT_NAPPY;
}

/* Above 1 when a category lags behind its share of all lines. */
static double
steer(int category)
{
	double		wanted = category_share[category] / 100.0 * ((double) sold_all + 2000.0);
	double		have = (double) sold[category] + category_share[category] / 100.0 * 2000.0;
	double		ratio = wanted / have;

	return ratio * ratio * ratio * ratio * ratio * ratio;
}

static double
taste(const Person *person, int category)
{
	switch (city_zone(person->home.city))
	{
		case ZONE_SOUTH:
			return category == CAT_HERBAL ? south_herbal : 1.0;
		case ZONE_NORTH:
			return category == CAT_DAIRY ? north_dairy : 1.0;
		default:
			return 1.0;
	}
}

static double
category_weight(const Person *person, const Cupboard *at_home, int category, int32_t day)
{
	double		weight = category_share[category] * steer(category);

	if (is_baby(category))
		weight *= person->baby ? 8.0 : .02;
	if (category == CAT_BABY_WASH)
		weight *= at_home->washed && day > at_home->wash_day + 30 ? 3.0 : 0.0;
	if (category == CAT_BABY_FOOD && at_home->washed)
		weight *= day < at_home->wash_day + 90 ? 0.0 : 1.0;
	if (category == CAT_GIFT && near_gift_festival(day))
		weight *= festival_gifts;
	if (at_home->due[category] >= 0 && day < at_home->due[category])
		weight *= .15;
	return weight * taste(person, category);
}

static int
category_pick(Rng *rng, const Person *person, const Cupboard *at_home, int32_t day, int taken)
{
	double		weights[CATEGORIES];
	int			i;

	for (i = 0; i < CATEGORIES; i++)
		weights[i] = taken & (1 << i) ? 0.0 : category_weight(person, at_home, i, day);
	return rng_weighted(rng, weights, CATEGORIES);
}

Line *
line_add(Sample *sample, Order *order, int product, int quantity)
{
	Line	   *line;

	sample->line = grow(sample->line, sample->lines, sizeof(Line));
	if (order->lines == 0)
		order->first_line = sample->lines;
	line = &sample->line[sample->lines++];
	order->lines++;
	*line = (Line) {
		.price = product_price(product), .product = (uint8_t) product,
		.quantity = (uint8_t) quantity
	};
	return line;
}

static void
line_buy(Sample *sample, Rng *rng, Order *order, int category, double target,
		 Cupboard *at_home)
{
	int			product = product_pick(rng, category, target);
	double		quantity = floor(target / product_price(product) + .5);
	int			refill = category_refill[category];

	line_add(sample, order, product, quantity < 1 ? 1 : quantity > 9 ? 9 : (int) quantity);
	sold[category]++;
	sold_all++;
	if (refill > 0)
		at_home->due[category] = order->day + (int32_t) (refill + refill * .27 * rng_normal(rng));
}

/* A thrifty person mostly, others now and then, get a tenth to a quarter off. */
static void
discount_give(Sample *sample, Rng *rng, const Person *person, Order *order)
{
	bool		thrifty = person != NULL && person->thrifty;
	int			percent = 5 * (2 + rng_below(rng, 4));
	int			i;

	if (!rng_chance(rng, thrifty ? .70 : .12))
		return;
	for (i = 0; i < order->lines; i++)
	{
		Line	   *line = &sample->line[order->first_line + i];

		line->discount = line->price * line->quantity / 100 * percent / 10 * 10;
	}
}

/* The planted goods of this visit; returns the categories they fill. */
static int
planted_buy(Sample *sample, Rng *rng, Order *order, int visit, double target, Cupboard *at_home)
{
	int			taken = 0;

	if (visit == at_home->wash_visit)
	{
		line_buy(sample, rng, order, CAT_BABY_WASH, target, at_home);
		at_home->washed = true;
		at_home->wash_day = order->day;
		taken |= 1 << CAT_BABY_WASH;
	}
	if (visit == at_home->food_visit)
	{
		line_buy(sample, rng, order, CAT_BABY_FOOD, target, at_home);
		taken |= 1 << CAT_BABY_FOOD;
	}
	if (visit == at_home->bags_visit)
	{
		line_add(sample, order, PRODUCT_BAGS, 1 + rng_below(rng, 2));
		sold[CAT_OTHER]++;
		sold_all++;
	}
	if (visit == at_home->beans_visit)
	{
		line_add(sample, order, PRODUCT_BEANS, 1 + rng_below(rng, 2));
		sold[CAT_OTHER]++;
		sold_all++;
	}
	return taken;
}

/* What has run out and is due comes first. */
static int
due_category(Rng *rng, const Person *person, const Cupboard *at_home, int32_t day, int taken)
{
	int			first = rng_below(rng, CATEGORIES);
	int			k;

	for (k = 0; k < CATEGORIES; k++)
	{
		int			i = (first + k) % CATEGORIES;

		if (at_home->due[i] >= 0 && day > at_home->due[i] - 4 && day < at_home->due[i] + 45
			&& !(taken & (1 << i)) && rng_chance(rng, .62 * taste(person, i)))
			return i;
	}
	return -1;
}

static void
basket_fill(Sample *sample, Rng *rng, const Person *person, Order *order, int visit,
			double target, Cupboard *at_home)
{
	int			wanted = 1;
	int			taken;

	while (wanted < 5 && target > 2500.0 * (wanted + 1) && rng_chance(rng, .56))
		wanted++;
	taken = planted_buy(sample, rng, order, visit, target / wanted, at_home);
	while (order->lines < wanted)
	{
		int			category = due_category(rng, person, at_home, order->day, taken);

		if (category < 0)
			category = category_pick(rng, person, at_home, order->day, taken);
		taken |= 1 << category;
		line_buy(sample, rng, order, category, target / wanted, at_home);
	}
	discount_give(sample, rng, person, order);
}

/* The visit that best fits the lag after visit "from"; -1: none does. */
static int
visit_after(Rng *rng, const Visits *visits, int from, double lag, double sigma)
{
	double		wanted = lag + sigma * rng_normal(rng);
	double		best = sigma * .75;
	int			found = -1;
	int			i;

	for (i = from + 1; i < visits->count; i++)
	{
		double		miss = fabs(visits->at[i].day - visits->at[from].day - wanted);

		if (miss < best)
		{
			best = miss;
			found = i;
		}
	}
	return found;
}

static void
habit_note(Sample *sample, int32_t person, int kind, int32_t from, int32_t to)
{
	sample->habit = grow(sample->habit, sample->habits, sizeof(Habit));
	sample->habit[sample->habits++] = (Habit) {
		.person = person, .from_day = from, .to_day = to, .kind = (uint8_t) kind
	};
	tried[kind]++;
	followed[kind] += to >= 0;
}

static bool
habit_due(int kind, double share)
{
	return (double) followed[kind] + .5 < share * (double) (tried[kind] + 1);
}

/* When this family buys its first baby wash, and whether baby food follows. */
static void
wash_plan(Sample *sample, Rng *rng, int32_t index, const Visits *visits, Cupboard *plan)
{
	const Person *person = &sample->person[index];
	int32_t		last_seen = sample->until - (int32_t) (food_lag + 2 * food_lag_sigma);
	double		lagging = fmin(steer(CAT_BABY_WASH), 4.0);
	int			follower = -1;
	int			at;

	if (!person->baby || visits->count == 0)
		return;
	at = rng_below(rng, (visits->count + 1) / 2);
	if (visits->at[at].day > last_seen)
		return;
	follower = visit_after(rng, visits, at, food_lag, food_lag_sigma);
	if (follower < 0 && habit_due(HABIT_WASH_FOOD, wash_then_food))
		return;
	if (!rng_chance(rng, lagging * (follower >= 0 ? .95 : .30)))
		return;
	plan->wash_visit = at;
	if (follower >= 0 && habit_due(HABIT_WASH_FOOD, wash_then_food))
		plan->food_visit = follower;
	habit_note(sample, index, HABIT_WASH_FOOD, visits->at[at].day,
			   plan->food_visit >= 0 ? visits->at[plan->food_visit].day : -1);
}

/* Pump or machine: bought once, its companion on a later visit or at once. */
static void
pair_plan(Sample *sample, Rng *rng, int32_t index, const Visits *visits, int kind,
		  double share, double chance, int *main_visit, int *companion_visit)
{
	int			at;
	int			later;

	if (visits->count == 0 || !rng_chance(rng, chance))
		return;
	at = rng_below(rng, visits->count);
	later = visit_after(rng, visits, at, 21, 14);
	*main_visit = at;
	if (habit_due(kind, share))
		*companion_visit = later >= 0 ? later : at;
	habit_note(sample, index, kind, visits->at[at].day,
			   *companion_visit >= 0 ? visits->at[*companion_visit].day : -1);
}

void
baskets_fill(Sample *sample, int32_t index, const Visits *visits, int32_t first_order)
{
	Rng			rng = rng_stream(sample->seed, "basket", (uint64_t) index);
	const Person *person = &sample->person[index];
	double		level = log(class_median[person->buyer]) + person_sigma * rng_normal(&rng);
	Cupboard	at_home;
	int			pump_visit = -1;
	int			machine_visit = -1;
	int			i;

	memset(&at_home, 0xff, sizeof(at_home));
	at_home.washed = false;
	wash_plan(sample, &rng, index, visits, &at_home);
	pair_plan(sample, &rng, index, visits, HABIT_PUMP_BAGS, pump_then_bags,
			  person->baby ? .02 : 0, &pump_visit, &at_home.bags_visit);
	pair_plan(sample, &rng, index, visits, HABIT_MACHINE_BEANS, machine_then_beans, .008,
			  &machine_visit, &at_home.beans_visit);
	for (i = 0; i < visits->count; i++)
	{
		Order	   *order = &sample->order[first_order + i];
		double		target = exp(level + order_sigma * rng_normal(&rng));

		if (i == pump_visit)
			line_add(sample, order, PRODUCT_PUMP, 1);
		if (i == machine_visit)
			line_add(sample, order, PRODUCT_MACHINE, 1);
		if (i == pump_visit || i == machine_visit)
		{
			sold[CAT_OTHER]++;
			sold_all++;
		}
		basket_fill(sample, &rng, person, order, i, target, &at_home);
	}
}

/*
 * A basket that knows no history: of an unknown buyer (person -1), or a second one of the
 * same day.
 */
void
basket_alone(Sample *sample, Rng *rng, int32_t index, Order *order)
{
	Person		nobody = {0};
	const Person *person = index >= 0 ? &sample->person[index] : &nobody;
	double		median = index >= 0 ? class_median[person->buyer] : anonymous_median;
	Cupboard	at_home;

	memset(&at_home, 0xff, sizeof(at_home));
	at_home.washed = index < 0;
	if (index < 0)
		nobody.home.city = sample->stores[order->store].city;
	nobody.baby = rng_chance(rng, .25);
	basket_fill(sample, rng, person, order, 0,
				exp(log(median) + order_sigma * rng_normal(rng)), &at_home);
}
