/*
 * link_dispute.c
 *		Pairs that are no automatic merge, heavy as they are: a field keeps the two apart, or one of
 *		them fits another just as well who is somebody else.
 *
 * A father and a son of one name at one address differ by their birthdays, and a record without one fits both;
 * 张* at a home of 张成 and 张东 is either.  Whichever of the two is a little heavier would take it,
 * and a half of such merges were wrong; both together would make father and son one person.  So
 * what is torn between two who are two is left to people, unless its odds for one of them are as
 * many times those for the other as an automatic merge asks for.
 *
 * Memory: two numbers a row and two an edge, given back.
 */
#include "identity/link.h"

#include <string.h>

#define MOST 64					/* neighbours of a row that are held against each other, the heaviest */

typedef struct Work
{
	CrmLink    *link;
	uint32_t   *first;			/* of a row's edges, heaviest first */
	uint32_t   *edges;
	uint8_t    *place;			/* of a row among the neighbours at hand, from one on */
} Work;

/* What a row may be. */
typedef struct Choice
{
	uint32_t	row;
	CrmLinkEdge *edge;
} Choice;

static void
list_edges(Work *work)
{
	CrmLink    *link = work->link;

	memset(work->first, 0, (link->n_rows + 2) * sizeof(uint32_t));
	for (int64_t i = 0; i < link->n_edges; i++)
	{
		work->first[link->edges[i].a + 2]++;
		work->first[link->edges[i].b + 2]++;
	}
	for (uint32_t row = 2; row < link->n_rows + 2; row++)
		work->first[row] += work->first[row - 1];
	for (int64_t i = 0; i < link->n_edges; i++)
	{
		work->edges[work->first[link->edges[i].a + 1]++] = (uint32_t) i;
		work->edges[work->first[link->edges[i].b + 1]++] = (uint32_t) i;
	}
}

static Choice
other_end(Work *work, uint32_t row, uint32_t at)
{
	CrmLinkEdge *edge = &work->link->edges[work->edges[at]];

	return (Choice) {edge->a == row ? edge->b : edge->a, edge};
}

/* Whom a row fits, heaviest first, down to whom an automatic merge with the heaviest could be held against. */
static int
list_choices(Work *work, uint32_t row, Choice *choices)
{
	double		least = work->link->cut_auto;
	int			n = 0;

	for (uint32_t at = work->first[row]; at < work->first[row + 1] && n < MOST; at++)
	{
		Choice		choice = other_end(work, row, at);

		if (choice.edge->score < least)
			break;
		if (crm_link_is_apart(work->link, choice.edge->pattern))
			continue;
		choices[n++] = choice;
		least = work->link->cut_auto - CRM_LINK_AUTO_ODDS;
	}
	return n;
}

/* Marks the edges of a row to choices of about one weight that are two. */
static void
hold_against_others(Work *work, const Choice *choices, const Choice *choice)
{
	for (uint32_t at = work->first[choice->row]; at < work->first[choice->row + 1]; at++)
	{
		Choice		other = other_end(work, choice->row, at);
		int			place = work->place[other.row];
		CrmLinkEdge *edge;

		if (place == 0)
			continue;
		edge = choices[place - 1].edge;
		if (choice->edge->score - edge->score < CRM_LINK_AUTO_ODDS &&
			crm_link_is_torn(work->link, other.edge->pattern, choice->edge->pattern, edge->pattern))
			choice->edge->is_apart = true;
	}
}

static void
hold_against_each_other(Work *work, const Choice *choices, int n)
{
	for (int i = 0; i < n; i++)
		work->place[choices[i].row] = (uint8_t) (i + 1);
	for (int i = 0; i < n; i++)
		hold_against_others(work, choices, &choices[i]);
	for (int i = 0; i < n; i++)
		work->place[choices[i].row] = 0;
}

static void
mark_apart(CrmLink *link)
{
	CrmLinkTold *told = crm_link_told(link);

	for (int64_t i = 0; i < link->n_edges; i++)
		link->edges[i].is_apart = crm_link_is_apart(link, link->edges[i].pattern) ||
			crm_link_is_often_two(link, told, link->edges[i].pattern);
	link->host.drop(link->host.state, told);
}

/* Marks edges, which are sorted, heaviest first. */
void
crm_link_dispute(CrmLink *link)
{
	Work		work = {.link = link};
	Choice		choices[MOST];

	work.first = crm_link_grow(link, NULL, 0, (link->n_rows + 2) * sizeof(uint32_t));
	work.edges = crm_link_grow(link, NULL, 0, (2 * link->n_edges + 1) * sizeof(uint32_t));
	work.place = crm_link_grow(link, NULL, 0, link->n_rows + 1);
	memset(work.place, 0, link->n_rows + 1);
	list_edges(&work);
	mark_apart(link);
	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		int			n = list_choices(&work, row, choices);

		if (n > 1)
			hold_against_each_other(&work, choices, n);
	}
	link->host.drop(link->host.state, work.first);
	link->host.drop(link->host.state, work.edges);
	link->host.drop(link->host.state, work.place);
}
