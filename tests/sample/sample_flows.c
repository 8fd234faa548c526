/*
 * sample_flows.c
 *		Two years of coupons, with a known lift.
 *
 * A person who agreed to messages got 5 yuan at joining (welcome), a coupon each birthday if
 * they had bought in the half year before, and one for each 30 days of silence (wake-up).
 * One in ten was held out each time.  The lift is planted by moving a later purchase of a
 * treated person into the fortnight after the coupon (rarely by adding one): welcome six
 * points, wake-up three on eight, birthday none.  What was planted is steered by counting:
 * each decision brings the share so far nearer to what it must be.
 */
#include <string.h>

#include "sample.h"

enum
{
	LIFT_DAYS = 14,
	VALID_DAYS = 30,
	SILENCE_DAYS = 30,
	RECENT_DAYS = 180
};

static const double holdout = .10;
static const double opt_out = .007;
static const double redeemed[FLOWS] = {.31, .14, .09};
static const double welcome_lift = .06;
static const double wake_up_base = .08;
static const double wake_up_lift = .03;

typedef struct Tally
{
	int64_t		all;			/* occasions, both arms */
	int64_t		natural;		/* of these: would have ordered anyway */
	int64_t		treated;
	int64_t		ordered;		/* of the treated */
	int64_t		redeemed;
} Tally;

static Tally tallies[FLOWS];

/* The first visit after "day", within "days"; -1: none. */
static int
visit_within(const Visits *visits, int32_t day, int days)
{
	int			i;

	for (i = 0; i < visits->count; i++)
		if (visits->at[i].day > day)
			return visits->at[i].day <= day + days ? i : -1;
	return -1;
}

/* Bring the next purchase after the fortnight into it; a person without one buys once more. */
static bool
visit_plant(const Sample *sample, Rng *rng, Visits *visits, int32_t day, bool may_add)
{
	int32_t		when = day + 1 + rng_below(rng, LIFT_DAYS);
	bool		online = visits->count > 0 ? visits->at[0].online : visits->online > .5;
	int			i;

	if (when > sample->until || visit_on(visits, when))
		return false;
	for (i = 0; i < visits->count && visits->at[i].day <= day; i++)
		;
	if (i < visits->count)
	{
		online = visits->at[i].online;
		visits->count--;
		memmove(&visits->at[i], &visits->at[i + 1],
				(size_t) (visits->count - i) * sizeof(Visit));
	}
	else if (!may_add)
		return false;
	visit_insert(visits, when, online);
	return true;
}

static double
target_share(Flow flow)
{
	const Tally *tally = &tallies[flow];

	if (flow == FLOW_WAKE_UP)
		return wake_up_base + wake_up_lift;
	return (double) tally->natural / (double) tally->all
		+ (flow == FLOW_WELCOME ? welcome_lift : 0.0);
}

/* One of the purchases while the coupon is valid takes it, if too few have so far. */
static void
coupon_redeem(Sample *sample, Visits *visits, int32_t grant, int32_t day, bool same_day)
{
	Grant	   *issued = &sample->grant[grant];
	Tally	   *tally = &tallies[issued->flow];
	int			i;

	if (tally->redeemed + 1 > redeemed[issued->flow] * (double) tally->treated + .5)
		return;
	for (i = 0; i < visits->count; i++)
	{
		Visit	   *visit = &visits->at[i];

		if (visit->day < day + (same_day ? 0 : 1) || visit->day > day + VALID_DAYS
			|| visit->grant >= 0)
			continue;
		visit->grant = grant;
		tally->redeemed++;
		return;
	}
}

/* True when the person opted out in answer to the message. */
static bool
grant_make(Sample *sample, Rng *rng, int32_t person, Visits *visits, Flow flow, int32_t day)
{
	Tally	   *tally = &tallies[flow];
	bool		is_watched = day + LIFT_DAYS <= sample->until;
	bool		natural = visit_within(visits, day, LIFT_DAYS) >= 0;
	Grant	   *grant;
	int32_t		index = sample->grants;

	sample->grant = grow(sample->grant, sample->grants, sizeof(Grant));
	grant = &sample->grant[sample->grants++];
	*grant = (Grant) {
		.person = person, .record = sample->person[person].first_record, .day = day,
		.order = -1, .flow = (uint8_t) flow, .holdout = rng_chance(rng, holdout)
	};
	grant->ordered = natural;
	if (is_watched)
	{
		tally->all++;
		tally->natural += natural;
	}
	if (grant->holdout)
		return false;
	tally->treated++;
	if (is_watched && !natural && flow != FLOW_BIRTHDAY)
	{
		double		missing = target_share(flow) * (double) tally->treated
			- (double) tally->ordered;

		if (missing > .5)
			grant->moved = grant->ordered =
				visit_plant(sample, rng, visits, day,
							missing > 3.0 && sample->person[person].buyer != NEVER);
	}
	if (is_watched)
		tally->ordered += grant->ordered;
	coupon_redeem(sample, visits, index, day, flow == FLOW_WELCOME);
	grant->opted_out = rng_chance(rng, opt_out);
	return grant->opted_out;
}

/* The birthday in that year; 29 February is kept on the 28th. */
static int32_t
birthday_in(int32_t birth, int year)
{
	Date		date = date_of(birth);

	if (date.month == 2 && date.day == 29)
		date.day = 28;
	return day_of(year, date.month, date.day);
}

static bool
bought_recently(const Visits *visits, int32_t day)
{
	int			i;

	for (i = 0; i < visits->count; i++)
		if (visits->at[i].day >= day - RECENT_DAYS && visits->at[i].day < day)
			return true;
	return false;
}

/* The birthday lies after "from" and not after "to"; -1: none with a purchase before. */
static int32_t
birthday_between(const Person *person, const Visits *visits, int32_t from, int32_t to)
{
	int			year;

	for (year = date_of(from).year; year <= date_of(to).year; year++)
	{
		int32_t		day = birthday_in(person->birth, year);

		if (day > from && day <= to && bought_recently(visits, day))
			return day;
	}
	return -1;
}

/*
 * Whether this silence is taken up at all.  Of those about to buy only so many are that
 * eight in a hundred would have bought by themselves.
 */
static bool
silence_counts(Rng *rng, const Visits *visits, int32_t day)
{
	const Tally *tally = &tallies[FLOW_WAKE_UP];

	if (visit_within(visits, day, LIFT_DAYS) < 0)
		return rng_chance(rng, .75);
	return (double) tally->natural < wake_up_base * (double) (tally->all + 1);
}

/* Walk through the person's two years: visits, the silences between them, birthdays. */
void
flows_run(Sample *sample, int32_t index, Visits *visits)
{
	Rng			rng = rng_stream(sample->seed, "flow", (uint64_t) index);
	const Person *person = &sample->person[index];
	int32_t		from = sample->until - HISTORY_DAYS;
	int			i;

	if (person->consent != 1 || index < NAMED)
		return;
	if (person->join > from
		&& grant_make(sample, &rng, index, visits, FLOW_WELCOME, person->join))
		return;
	for (i = 0; i < visits->count; i++)
	{
		int32_t		last = visits->at[i].day;
		int32_t		silent = last + SILENCE_DAYS;
		int32_t		next = i + 1 < visits->count ? visits->at[i + 1].day : sample->until;
		int32_t		birthday = birthday_between(person, visits, last > from ? last : from, next);
		bool		is_silent = silent > from && silent <= sample->until && silent < next;

		if (birthday >= 0 && (!is_silent || birthday <= silent)
			&& grant_make(sample, &rng, index, visits, FLOW_BIRTHDAY, birthday))
			return;
		if (is_silent && silence_counts(&rng, visits, silent)
			&& grant_make(sample, &rng, index, visits, FLOW_WAKE_UP, silent))
			return;
		if (birthday >= 0 && is_silent && birthday > silent && !visit_on(visits, birthday)
			&& bought_recently(visits, birthday)
			&& grant_make(sample, &rng, index, visits, FLOW_BIRTHDAY, birthday))
			return;
	}
}
