/*
 * sample_trade.c
 *		Visits become orders: where, when, with which card, and how they travel to us.
 *
 * A person's orders are neighbours in the array.  The accidents of delivery are drawn here;
 * sample_trade_files.c writes them out.
 */
#include <string.h>

#include "sample.h"

static const double same_day_again = .008;
static const double other_store = .08;

static const struct
{
	double		share;
	uint16_t	flag;
}			accidents[] = {
	{.02, ORD_LATE}, {.005, ORD_BACKDATED}, {.004, ORD_TWICE}, {.002, ORD_CHANGED}, {.001, ORD_ZONE}
};

int32_t
line_paid(const Line *line)
{
	return line->price * line->quantity - line->discount;
}

int32_t
order_paid(const Sample *sample, const Order *order)
{
	int32_t		paid = 0;
	int			i;

	for (i = 0; i < order->lines; i++)
		paid += line_paid(&sample->line[order->first_line + i]);
	return paid;
}

/* Nothing arrives after the chain's last second. */
void
order_arrive(const Sample *sample, Order *order, int64_t delay)
{
	int64_t		end = (int64_t) (sample->until + 1) * DAY_SECONDS - 1;

	order->arrived = (int64_t) order->day * DAY_SECONDS + order->second + delay;
	if (order->arrived > end)
		order->arrived = end;
}

Order *
order_add(Sample *sample, int32_t person, int32_t record, int32_t day, int second)
{
	Order	   *order;

	sample->order = grow(sample->order, sample->orders, sizeof(Order));
	order = &sample->order[sample->orders++];
	*order = (Order) {
		.person = person, .record = record, .day = day, .second = second, .coupon = -1,
		.source = SRC_POS, .store = NO_STORE
	};
	if (record >= 0)
	{
		order->source = sample->record[record].source;
		if (order->source != SRC_SHOP)
			order->store = sample->record[record].store;
	}
	order_arrive(sample, order, 3);
	return order;
}

/* A record of that day which takes such an order; any that takes orders when none does. */
static int32_t
record_for(const Sample *sample, Rng *rng, const Person *person, const Visit *visit)
{
	int32_t		fitting = -1;
	int32_t		any = -1;
	int			fits = 0;
	int			i;

	for (i = 0; i < person->records; i++)
	{
		int32_t		index = person->first_record + i;
		const Record *record = &sample->record[index];
		bool		is_online = record->source == SRC_MINI || record->source == SRC_SHOP;

		if (record->day > visit->day || record->source == SRC_WECHAT
			|| record->source == SRC_EXCEL)
			continue;
		any = index;
		if (is_online == visit->online && rng_below(rng, ++fits) == 0)
			fitting = index;
	}
	return fitting >= 0 ? fitting : any;
}

/* Not before the card was made out. */
static int
second_of_day(Rng *rng, const Record *record, int32_t day)
{
	int			second = season_second(rng, day, record->source != SRC_POS);

	if (record->day == day && second < record->second)
		second = record->second + 30 + rng_below(rng, 600);
	return second < DAY_SECONDS ? second : DAY_SECONDS - 1;
}

static void
accident_draw(const Sample *sample, Rng *rng, Order *order)
{
	int64_t		end = (int64_t) (sample->until + 1) * DAY_SECONDS;
	double		at = rng_unit(rng);
	size_t		i;

	order_arrive(sample, order, 2 + rng_below(rng, 90));
	for (i = 0; i < sizeof(accidents) / sizeof(accidents[0]); i++)
	{
		at -= accidents[i].share;
		if (at < 0)
			break;
	}
	if (at >= 0)
		return;
	order->flags |= accidents[i].flag;
	if (order->flags & ORD_LATE)
		order_arrive(sample, order, DAY_SECONDS + rng_below(rng, 2 * DAY_SECONDS));
	else if (order->flags & ORD_BACKDATED)
		order_arrive(sample, order, 8 * DAY_SECONDS + rng_below(rng, 20 * DAY_SECONDS));
	if (order->arrived >= end - 1)
	{
		order->flags &= (uint16_t) ~(ORD_LATE | ORD_BACKDATED);
		order_arrive(sample, order, 2);
	}
}

/* What the coupon takes off: 5 yuan, postage (which is no part of the lines), a tenth. */
static void
coupon_apply(Sample *sample, Order *order)
{
	Grant	   *grant = &sample->grant[order->coupon];
	int			i;

	grant->order = (int32_t) (order - sample->order);
	for (i = 0; i < order->lines; i++)
	{
		Line	   *line = &sample->line[order->first_line + i];
		int32_t		gross = line->price * line->quantity;

		if (grant->flow == FLOW_WAKE_UP)
			line->discount = gross / 10;
		else if (grant->flow == FLOW_WELCOME && gross >= 1000)
		{
			line->discount += 500;
			if (line->discount > gross / 2 + 500)
				line->discount = 500;
			return;
		}
	}
}

static Order *
visit_order(Sample *sample, Rng *rng, int32_t index, const Visit *visit)
{
	const Person *person = &sample->person[index];
	int32_t		record = record_for(sample, rng, person, visit);
	Order	   *order = order_add(sample, index, record, visit->day,
								  second_of_day(rng, &sample->record[record], visit->day));

	if (order->source == SRC_POS && rng_chance(rng, other_store))
		order->store = (uint8_t) store_open_on(sample, rng, visit->day);
	order->coupon = visit->grant;
	accident_draw(sample, rng, order);
	return order;
}

/* Now and then somebody comes back on the same day. */
static void
second_orders(Sample *sample, Rng *rng, int32_t index, const Visits *visits)
{
	int			i;

	for (i = 0; i < visits->count; i++)
		if (rng_chance(rng, same_day_again))
		{
			Visit		again = visits->at[i];

			again.grant = -1;
			basket_alone(sample, rng, index, visit_order(sample, rng, index, &again));
		}
}

static void
person_trade(Sample *sample, int32_t index)
{
	static Visits visits;
	Rng			rng = rng_stream(sample->seed, "trade", (uint64_t) index);
	Person	   *person = &sample->person[index];
	int			i;

	visits_make(sample, &rng, index, &visits);
	flows_run(sample, index, &visits);
	person->first_order = sample->orders;
	for (i = 0; i < visits.count; i++)
		visit_order(sample, &rng, index, &visits.at[i]);
	baskets_fill(sample, index, &visits, person->first_order);
	for (i = 0; i < visits.count; i++)
		if (sample->order[person->first_order + i].coupon >= 0)
			coupon_apply(sample, &sample->order[person->first_order + i]);
	second_orders(sample, &rng, index, &visits);
	person->orders = sample->orders - person->first_order;
}

void
trade_run(Sample *sample)
{
	int32_t		i;

	for (i = 0; i < NAMED; i++)
	{
		sample->person[i].first_order = sample->orders;
		named_make_orders(sample, i);
		sample->person[i].orders = sample->orders - sample->person[i].first_order;
	}
	for (i = NAMED; i < sample->persons; i++)
		person_trade(sample, i);
}

/* 60,000 receipts of people who showed no card. */
void
receipts_make(Sample *sample)
{
	Rng			rng = rng_stream(sample->seed, "receipt", 0);
	int			i;

	for (i = 0; i < scaled(sample, 60000); i++)
	{
		int32_t		day = (int32_t) season_day_at(rng_unit(&rng) * WINDOW_DAYS, 0);
		Order	   *order;

		if (day > sample->until)
			day = sample->until;
		order = order_add(sample, -1, -1, day, season_second(&rng, day, false));
		order->store = (uint8_t) store_open_on(sample, &rng, day);
		accident_draw(sample, &rng, order);
		basket_alone(sample, &rng, -1, order);
	}
}
