/*
 * board_ask.c
 *		The questions of boards: which cells a person adds to.  Each is the definition that
 *		doc/metrics.md has in words.
 */
#include "pure/board_days.h"

static void
ask_span(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int64_t		from = question->marks[0];
	int64_t		to = question->marks[1];
	int64_t		before = from - (to - from + 1);
	int64_t		earliest = before < to - 364 ? before : to - 364;
	int64_t		orders = 0;
	int64_t		year = 0;
	int64_t		net = 0;
	bool		was_here = false;
	bool		is_active = false;
	OrderDays	days;

	if (person->head.last_day < earliest)
		return;
	begin_days(&days, question, person, earliest);
	while (next_day(&days, cells) && days.day <= to)
	{
		was_here |= days.day >= before && days.day < from;
		year += days.day >= to - 364;
		is_active |= days.day >= to - 29;
		if (days.day >= from)
		{
			orders++;
			cells->is_overflowing |= __builtin_add_overflow(net, days.net, &net);
		}
	}
	add(cells, CRM_BOARD_BUYERS, orders > 0);
	add(cells, CRM_BOARD_ORDERS, orders);
	add(cells, CRM_BOARD_NET, net);
	add(cells, CRM_BOARD_REPEAT, orders > 1);
	add(cells, CRM_BOARD_BEFORE, was_here);
	add(cells, CRM_BOARD_LOST, was_here && orders == 0);
	add(cells, CRM_BOARD_YEAR_ORDERS, year);
	add(cells, CRM_BOARD_YEAR_BUYERS, year > 0);
	add(cells, CRM_BOARD_ACTIVE_30, is_active);
}

/* Registered 180 to 359 days ago: first order in 30 days, second in 90, third in 180, in whatever stores. */
static void
ask_funnel(CrmBoardWalk *person, int64_t today, CrmBoardCells *cells)
{
	static const int within[] = {30, 90, 180};
	int64_t		registered = person->head.registered_on;
	OrderDays	days;
	int			n = 0;

	if (registered < today - 359 || registered > today - 180)
		return;
	add(cells, CRM_BOARD_REGISTERED, 1);
	if (person->head.last_day < registered)
		return;
	begin_days(&days, NULL, person, registered);
	while (n < 3 && next_day(&days, cells) && days.day <= today)
	{
		add(cells, CRM_BOARD_FIRST + n, days.day <= registered + within[n]);
		n++;
	}
}

static void
ask_health(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int64_t		today = question->marks[0];
	OrderDays	days;

	if (person->head.last_day >= today - 29)
	{
		begin_days(&days, question, person, today - 29);
		add(cells, CRM_BOARD_HEALTH_ACTIVE, next_day(&days, cells) && days.day <= today);
	}
	if (person->head.registered_on > today || !is_in_scope(question, person))
		return;
	add(cells, CRM_BOARD_HEALTH_CELLS + person->head.tier, 1);
	ask_funnel(person, today, cells);
}

static void
ask_map(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int			cell = person->head.r * (CRM_BOARD_MAX_SCORE + 1) + person->head.f;

	if (person->head.r == 0 || !is_in_scope(question, person))
		return;
	add(cells, cell, 1);
	add(cells, (CRM_BOARD_MAX_SCORE + 1) * (CRM_BOARD_MAX_SCORE + 1) + cell, person->head.net_minor);
}

static void
ask_moves(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int32_t		since = question->marks[0];
	int			from = person->head.tier;
	CrmBoardScope scope;
	CrmBoardChanges changes;

	if (!is_in_scope(question, person))
		return;
	if (person->head.registered_on > since)
		from = question->tiers;
	else
	{
		crm_board_scope_begin(&scope, person);
		while (crm_board_scope_next(&scope, person))
			;
		crm_board_changes_begin(&changes, &scope, person);
		while (crm_board_changes_next(&changes, person))
			if (changes.change.day > since)
			{
				from = changes.change.tier < question->tiers ? changes.change.tier : 0;
				break;
			}
	}
	add(cells, (int64_t) from * (question->tiers + 1) + person->head.tier, 1);
}

static void
ask_cohorts(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int			n = question->n_marks - 1;
	int			period = 0;
	int			cohort = -1;
	int			last = -1;
	OrderDays	days;

	if (person->head.last_day < question->marks[0])
		return;
	begin_days(&days, question, person, INT64_MIN);
	while (next_day(&days, cells) && days.day < question->marks[n])
	{
		if (days.day < question->marks[0])
			return;				/* the first order lies before all cohorts */
		while (days.day >= question->marks[period + 1])
			period++;
		if (cohort < 0)
			cohort = period;
		if (period != last)
			add(cells, (int64_t) cohort * n + period - cohort, 1);
		last = period;
	}
	if (cohort >= 0)
		add(cells, (int64_t) n * n + (int64_t) cohort * n + last - cohort, 1);
}

/* New, returning, resurrecting, dormant of each period; the first mark begins the period before them. */
static void
ask_cycle(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int			n = question->n_marks - 1;	/* periods, the one before the first included */
	int			period = 0;
	int			last = -2;		/* the last period with an order; -2: none, -1: before all */
	OrderDays	days;

	if (person->head.last_day < question->marks[0])
		return;
	begin_days(&days, question, person, INT64_MIN);
	while (next_day(&days, cells) && days.day < question->marks[n])
	{
		int			now = -1;

		if (days.day >= question->marks[0])
		{
			while (days.day >= question->marks[period + 1])
				period++;
			now = period;
		}
		else
			days.i = visits_since(&days.visits, question->marks[0]);	/* one before them is enough */
		if (now == last)
			continue;
		if (last >= 0 && now > last + 1)
			add(cells, (int64_t) last * 4 + 3, 1);
		if (now >= 1)
			add(cells, (int64_t) (now - 1) * 4 + (last == -2 ? 0 : last == now - 1 ? 1 : 2), 1);
		last = now;
	}
	if (last >= 0 && last < n - 1)
		add(cells, (int64_t) last * 4 + 3, 1);
}

static void
ask_store_visits(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int			width = CRM_BOARD_STORE_CELLS + question->tiers;
	int32_t    *orders = question->scratch;
	int32_t    *touched = question->scratch + question->n_stores;
	int			n_touched = 0;
	CrmBoardVisits visits = crm_board_visits(person);

	for (int i = visits_since(&visits, question->marks[0]); i < visits.n; i++)
	{
		CrmBoardVisit visit = crm_board_visit(&visits, i);
		int			place;

		if (visit.day > question->marks[1])
			break;
		if (visit.net_minor <= 0 || (place = store_place(question, visit.store)) < 0)
			continue;
		if (orders[place]++ == 0)
			touched[n_touched++] = place;
		add(cells, (int64_t) place * width + CRM_BOARD_STORE_ORDERS, 1);
		add(cells, (int64_t) place * width + CRM_BOARD_STORE_NET, visit.net_minor);
	}
	for (int i = 0; i < n_touched; i++)
	{
		int64_t		first = (int64_t) touched[i] * width;

		add(cells, first + CRM_BOARD_STORE_BUYERS, 1);
		add(cells, first + CRM_BOARD_STORE_REPEAT, orders[touched[i]] > 1);
		orders[touched[i]] = 0;
	}
}

static void
ask_stores(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int			width = CRM_BOARD_STORE_CELLS + question->tiers;
	CrmBoardScope scope;

	if (person->head.last_day >= question->marks[0] && (person->head.store_bits & question->store_bits) != 0)
		ask_store_visits(question, person, cells);
	if ((person->head.flags & CRM_BOARD_ACTIVE) == 0)
		return;
	crm_board_scope_begin(&scope, person);
	while (crm_board_scope_next(&scope, person))
	{
		int			place = store_place(question, scope.store);

		if (place < 0)
			continue;
		add(cells, (int64_t) place * width + CRM_BOARD_STORE_PERSONS, 1);
		add(cells, (int64_t) place * width + CRM_BOARD_STORE_CELLS + person->head.tier, 1);
	}
}

static void
ask_indicators(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int64_t		from = question->marks[0];
	int64_t		to = question->marks[1];
	int64_t		first = 0;
	int64_t		last = 0;
	int64_t		n = 0;
	int64_t		year = 0;
	bool		is_second = false;
	OrderDays	days;

	begin_days(&days, question, person, INT64_MIN);
	while (next_day(&days, cells) && days.day <= to)
	{
		if (n == 0)
			first = days.day;
		is_second |= n == 1 && days.day <= first + 90;
		n++;
		last = days.day;
		year += last >= to - 364;
		add(cells, CRM_BOARD_IND_ORDERS, last >= from);
		add(cells, CRM_BOARD_IND_NET, last >= from ? days.net : 0);
	}
	if (n == 0)
		return;
	add(cells, CRM_BOARD_IND_EVER, 1);
	add(cells, CRM_BOARD_IND_DORMANT, last < to - 90);
	add(cells, CRM_BOARD_IND_ACTIVE, last >= to - 29);
	add(cells, CRM_BOARD_IND_YEAR_ORDERS, year);
	add(cells, CRM_BOARD_IND_YEAR_BUYERS, year > 0);
	add(cells, CRM_BOARD_IND_YEAR_REPEAT, year > 1);
	if (first >= from - 90 && first <= to - 90)
	{
		add(cells, CRM_BOARD_IND_FIRSTS, 1);
		add(cells, CRM_BOARD_IND_SECONDS, is_second);
	}
}

static void
ask_registered(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int			n = question->n_marks - 1;
	int			period = 0;
	int32_t		day = person->head.registered_on;

	if (day < question->marks[0] || day >= question->marks[n] || !is_in_scope(question, person))
		return;
	while (day >= question->marks[period + 1])
		period++;
	add(cells, (int64_t) period * CRM_BOARD_PERIOD_CELLS + CRM_BOARD_PERIOD_REGISTERED, 1);
}

static void
ask_periods(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int			n = question->n_marks - 1;
	int			period = 0;
	int			last = -1;
	int			orders = 0;		/* of the period */
	bool		is_first = true;
	OrderDays	days;

	ask_registered(question, person, cells);
	if (person->head.last_day < question->marks[0])
		return;
	begin_days(&days, question, person, INT64_MIN);
	while (next_day(&days, cells) && days.day < question->marks[n])
	{
		int64_t		cell;

		if (days.day < question->marks[0])
		{
			is_first = false;
			days.i = visits_since(&days.visits, question->marks[0]);	/* one before them is enough */
			continue;
		}
		while (days.day >= question->marks[period + 1])
			period++;
		cell = (int64_t) period * CRM_BOARD_PERIOD_CELLS;
		orders = period == last ? orders + 1 : 1;
		add(cells, cell + CRM_BOARD_PERIOD_BUYERS, orders == 1);
		add(cells, cell + CRM_BOARD_PERIOD_ORDERS, 1);
		add(cells, cell + CRM_BOARD_PERIOD_NET, days.net);
		add(cells, cell + CRM_BOARD_PERIOD_REPEAT, orders == 2);
		add(cells, cell + CRM_BOARD_PERIOD_FIRSTS, is_first);
		is_first = false;
		last = period;
	}
}

static void
ask_frequency(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	int			orders = 0;
	OrderDays	days;

	if (person->head.last_day < question->marks[0])
		return;
	begin_days(&days, question, person, question->marks[0]);
	while (orders < CRM_BOARD_MAX_ORDERS && next_day(&days, cells) && days.day <= question->marks[1])
		orders++;
	if (orders > 0)
		add(cells, orders, 1);
}

/* The next group behind one in whose stores something was bought in the span; -1: none. */
static int
next_group(const CrmBoardQuestion *question, const CrmBoardVisits *visits, int first, int behind)
{
	int			next = -1;

	for (int i = first; i < visits->n; i++)
	{
		CrmBoardVisit visit = crm_board_visit(visits, i);
		int			place;

		if (visit.day > question->marks[1])
			break;
		if ((place = store_place(question, visit.store)) >= 0 && question->groups[place] > behind &&
			(next < 0 || question->groups[place] < next))
			next = question->groups[place];
	}
	return next;
}

/* Group after group, each as a span over its stores: hardly anybody buys in more than two. */
static void
ask_groups(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	CrmBoardVisits visits;
	int			first;

	if (person->head.last_day < question->marks[0] || (person->head.store_bits & question->store_bits) == 0)
		return;
	visits = crm_board_visits(person);
	first = visits_since(&visits, question->marks[0]);
	for (int group = next_group(question, &visits, first, -1); group >= 0; group = next_group(question, &visits, first, group))
	{
		int64_t		cell = (int64_t) group * CRM_BOARD_GROUP_CELLS;
		int			orders = 0;
		OrderDays	days;

		begin_days(&days, question, person, question->marks[0]);
		days.group = group;
		while (next_day(&days, cells) && days.day <= question->marks[1])
		{
			orders++;
			add(cells, cell + CRM_BOARD_GROUP_BUYERS, orders == 1);
			add(cells, cell + CRM_BOARD_GROUP_ORDERS, 1);
			add(cells, cell + CRM_BOARD_GROUP_NET, days.net);
			add(cells, cell + CRM_BOARD_GROUP_REPEAT, orders == 2);
		}
	}
}

static void
ask_scope(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	add(cells, 0, is_in_scope(question, person));
}

static const struct
{
	int			least_marks;
	int			most_marks;
	void		(*ask) (const CrmBoardQuestion *, CrmBoardWalk *, CrmBoardCells *);
}			kinds[] = {
	[CRM_BOARD_SPAN] = {2, 2, ask_span},
	[CRM_BOARD_HEALTH] = {1, 1, ask_health},
	[CRM_BOARD_MAP] = {0, 0, ask_map},
	[CRM_BOARD_MOVES] = {1, 1, ask_moves},
	[CRM_BOARD_COHORTS] = {2, CRM_BOARD_MAX_PERIODS + 1, ask_cohorts},
	[CRM_BOARD_CYCLE] = {3, CRM_BOARD_MAX_PERIODS + 2, ask_cycle},
	[CRM_BOARD_STORES] = {2, 2, ask_stores},
	[CRM_BOARD_INDICATORS] = {2, 2, ask_indicators},
	[CRM_BOARD_PERIODS] = {2, CRM_BOARD_MAX_PERIODS + 1, ask_periods},
	[CRM_BOARD_FREQUENCY] = {2, 2, ask_frequency},
	[CRM_BOARD_GROUPS] = {2, 2, ask_groups},
	[CRM_BOARD_SCOPE] = {0, 0, ask_scope},
};

int64_t
crm_board_cells(const CrmBoardQuestion *question)
{
	int64_t		n = question->n_marks - 1;
	int64_t		scores = CRM_BOARD_MAX_SCORE + 1;

	if (question->kind < CRM_BOARD_SPAN || question->kind > CRM_BOARD_SCOPE ||
		question->n_marks < kinds[question->kind].least_marks || question->n_marks > kinds[question->kind].most_marks ||
		question->tiers < 1 || question->tiers > CRM_BOARD_MAX_TIERS)
		return -1;
	for (int i = 1; i < question->n_marks; i++)
		if (question->marks[i] < question->marks[i - 1])
			return -1;
	switch (question->kind)
	{
		case CRM_BOARD_SPAN:
			return CRM_BOARD_SPAN_CELLS;
		case CRM_BOARD_HEALTH:
			return CRM_BOARD_HEALTH_CELLS + CRM_BOARD_MAX_TIERS;
		case CRM_BOARD_MAP:
			return 2 * scores * scores;
		case CRM_BOARD_MOVES:
			return (int64_t) (question->tiers + 1) * (question->tiers + 1);
		case CRM_BOARD_COHORTS:
			return 2 * n * n;
		case CRM_BOARD_CYCLE:
			return 4 * (n - 1);
		case CRM_BOARD_STORES:
			n = (int64_t) question->n_stores * (CRM_BOARD_STORE_CELLS + question->tiers);
			return question->stores == NULL || n > CRM_BOARD_MAX_CELLS ? -1 : n;
		case CRM_BOARD_INDICATORS:
			return CRM_BOARD_INDICATOR_CELLS;
		case CRM_BOARD_PERIODS:
			return n * CRM_BOARD_PERIOD_CELLS;
		case CRM_BOARD_FREQUENCY:
			return CRM_BOARD_MAX_ORDERS + 1;
		case CRM_BOARD_GROUPS:
			return question->groups == NULL ? -1 : (int64_t) question->n_groups * CRM_BOARD_GROUP_CELLS;
		case CRM_BOARD_SCOPE:
			return 1;
	}
	return -1;
}

void
crm_board_ask(const CrmBoardQuestion *question, CrmBoardWalk *person, CrmBoardCells *cells)
{
	/* a number that no tier has, or no score, is damage */
	if (person->head.tier >= question->tiers || person->head.r > CRM_BOARD_MAX_SCORE || person->head.f > CRM_BOARD_MAX_SCORE)
		person->is_damaged = true;
	else
		kinds[question->kind].ask(question, person, cells);
}
