/*
 * board_days.h
 *		What the questions of board_ask.c are made of: cells that are added to, whether a person is in
 *		the scope asked for, and the order days of a person one after the other.
 */
#ifndef CRM_PURE_BOARD_DAYS_H
#define CRM_PURE_BOARD_DAYS_H

#include "pure/board.h"

static inline bool
is_wanted(const CrmBoardCells *cells, int64_t cell)
{
	for (int i = 0; i < cells->n_wanted; i++)
		if (cells->wanted[i] == cell)
			return true;
	return false;
}

static inline void
add(CrmBoardCells *cells, int64_t cell, int64_t amount)
{
	if (cells->sums == NULL)
		cells->is_met |= amount != 0 && is_wanted(cells, cell);
	else if (__builtin_add_overflow(cells->sums[cell], amount, &cells->sums[cell]))
		cells->is_overflowing = true;
}

/* The place of a store in those asked for; -1 when it is not among them. */
static inline int
store_place(const CrmBoardQuestion *question, int32_t store)
{
	int			low = 0;
	int			high = question->n_stores;

	if ((question->store_bits >> (store & 63) & 1) == 0)
		return -1;
	if (question->near_places != NULL && store >= 0 && store < CRM_BOARD_NEAR_STORES)
		return (int) question->near_places[store] - 1;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (question->stores[middle] < store)
			low = middle + 1;
		else
			high = middle;
	}
	return low < question->n_stores && question->stores[low] == store ? low : -1;
}

static inline bool
is_in_scope(const CrmBoardQuestion *question, CrmBoardWalk *person)
{
	CrmBoardScope scope;

	if ((person->head.flags & CRM_BOARD_ACTIVE) == 0)
		return false;
	if (question->stores == NULL)
		return true;
	crm_board_scope_begin(&scope, person);
	while (crm_board_scope_next(&scope, person))
		if (store_place(question, scope.store) >= 0)
			return true;
	return false;
}

/* Order days of a person, one after the other. */
typedef struct OrderDays
{
	CrmBoardVisits visits;
	const CrmBoardQuestion *question;	/* whose stores count; null: all */
	int			group;			/* of them, those of one group; -1: all */
	int			i;				/* of the visit that comes next */
	int32_t		day;
	int64_t		net;
} OrderDays;

/* Where the visits of a day and later begin; most questions are about late ones. */
static inline int
visits_since(const CrmBoardVisits *visits, int64_t day)
{
	int			i = visits->n;

	while (i > 0 && crm_board_visit(visits, i - 1).day >= day)
		i--;
	return i;
}

static inline void
begin_days(OrderDays *days, const CrmBoardQuestion *question, const CrmBoardWalk *person, int64_t since)
{
	days->question = question != NULL && question->stores != NULL ? question : NULL;
	days->group = -1;
	days->visits = crm_board_visits(person);
	/* nothing was bought in any of the stores */
	if (days->question != NULL && (person->head.store_bits & question->store_bits) == 0)
		days->i = days->visits.n;
	else
		days->i = since == INT64_MIN ? 0 : visits_since(&days->visits, since);
}

/* Whether what was bought in a store counts. */
static inline bool
is_counted(const OrderDays *days, int32_t store)
{
	int			place;

	if (days->question == NULL)
		return true;
	place = store_place(days->question, store);
	return place >= 0 && (days->group < 0 || days->question->groups[place] == days->group);
}

static inline bool
next_day(OrderDays *days, CrmBoardCells *cells)
{
	while (days->i < days->visits.n)
	{
		CrmBoardVisit visit = crm_board_visit(&days->visits, days->i);

		days->day = visit.day;
		days->net = 0;
		for (;;)
		{
			if (is_counted(days, visit.store))
				cells->is_overflowing |= __builtin_add_overflow(days->net, visit.net_minor, &days->net);
			if (++days->i == days->visits.n)
				break;
			visit = crm_board_visit(&days->visits, days->i);
			if (visit.day != days->day)
				break;
		}
		if (days->net > 0)
			return true;
	}
	return false;
}

#endif
