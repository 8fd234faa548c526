/*
 * sample_refunds.c
 *		Which orders come back, how much of them, and when.
 */
#include "sample.h"

static const double till_share = .016;
static const double online_share = .065;
static const double before_order = .003;	/* of refunds: known before their order is */
static const double kinds[3] = {.55, .30, .15};

/* Days from order to refund: 60 % within 3, 5 % after 15. */
static int
refund_lag(Rng *rng)
{
	double		at = rng_unit(rng);

	if (at < .60)
		return rng_below(rng, 4);
	return at < .95 ? 4 + rng_below(rng, 12) : 16 + rng_below(rng, 30);
}

void
refund_add(Sample *sample, Rng *rng, int32_t index, RefundKind kind, int32_t day)
{
	Order	   *order = &sample->order[index];
	int			ordinal = kind == REFUND_FULL ? 0 : rng_below(rng, order->lines);
	const Line *line = &sample->line[order->first_line + ordinal];
	int			second = season_second(rng, day, order->source != SRC_POS);
	Refund	   *refund;

	if (day == order->day && second < order->second)
		second = order->second + 300 < DAY_SECONDS ? order->second + 300 : DAY_SECONDS - 1;
	sample->refund = grow(sample->refund, sample->refunds, sizeof(Refund));
	refund = &sample->refund[sample->refunds++];
	*refund = (Refund) {
		.order = index, .day = day, .second = second, .kind = (uint8_t) kind,
		.line = (uint8_t) ordinal, .quantity = line->quantity
	};
	if (kind == REFUND_FULL)
		refund->amount = order_paid(sample, order);
	else if (kind == REFUND_LINE)
		refund->amount = line_paid(line);
	else
		refund->amount = line_paid(line) * (10 + rng_below(rng, 51)) / 100 / 10 * 10;
	if (refund->amount <= 0)
		refund->amount = 10;
	order->refunded += refund->amount;
	refund->arrived = (int64_t) day * DAY_SECONDS + second + 5 + rng_below(rng, 60);
	if (refund->arrived <= order->arrived)
		refund->arrived = order->arrived + 60;
}

void
refunds_make(Sample *sample)
{
	Rng			rng = rng_stream(sample->seed, "refund", 0);
	int32_t		i;

	for (i = 0; i < sample->orders; i++)
	{
		Order	   *order = &sample->order[i];
		int32_t		day;

		if (order->flags & ORD_NAMED
			|| !rng_chance(&rng, order->source == SRC_POS ? till_share : online_share))
			continue;
		day = order->day + refund_lag(&rng);
		if (day > sample->until)
			continue;
		refund_add(sample, &rng, i, (RefundKind) rng_weighted(&rng, kinds, 3), day);
		if (rng_chance(&rng, before_order) && day < sample->until)
		{
			order->flags |= ORD_AFTER_REFUND;
			order->arrived = sample->refund[sample->refunds - 1].arrived
				+ 600 + rng_below(&rng, 20 * 3600);
		}
	}
}
