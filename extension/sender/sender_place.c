/*
 * sender_place.c
 *		How far the queue of each endpoint has been taken, and what of it is on its way.
 *
 * Rows that are done stay in the queue's index until no transaction of the server could still see
 * them, so a look from the beginning would walk over all of them again.  The sender therefore goes on
 * from where it was.  It goes back when a commit says that something is due earlier (crm keeps the
 * earliest such moment in shared memory), and from time to time to the beginning: for leases that
 * ended, rows that were locked when it came by, and transactions that were prepared elsewhere.
 */
#include "sender.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define SWEEP_MS 5000			/* from the beginning at least this often, unless ... */
#define SWEEP_SHARE 50			/* ... that would take more than a fiftieth of the time */

typedef struct Place
{
	char	   *endpoint;
	TimestampTz due_at;			/* everything before (due_at, customer_id) has been taken */
	int64		customer_id;
	int			under_way;		/* claimed, and no result written */
} Place;

typedef TimestampTz (*TakeDueFunction) (void);

static List *places = NIL;
static TimestampTz sweep_at = 0;

static Place *
place_of(const char *endpoint)
{
	ListCell   *cell;
	MemoryContext caller;
	Place	   *place;

	foreach(cell, places)
		if (strcmp(((Place *) lfirst(cell))->endpoint, endpoint) == 0)
			return lfirst(cell);
	caller = MemoryContextSwitchTo(TopMemoryContext);
	place = palloc0(sizeof(Place));
	place->endpoint = pstrdup(endpoint);
	place->due_at = DT_NOBEGIN;
	places = lappend(places, place);
	MemoryContextSwitchTo(caller);
	return place;
}

static void
go_back(TimestampTz due_from)
{
	ListCell   *cell;

	foreach(cell, places)
	{
		Place	   *place = lfirst(cell);

		if (place->due_at < due_from)
			continue;
		place->due_at = due_from;
		place->customer_id = 0;
	}
}

/* Before a claim's transaction: goes back as far as commits since the last one make it.  True: to the beginning. */
bool
sender_place_prepare(void)
{
	static TakeDueFunction take_due = NULL;
	bool		is_sweep = GetCurrentTimestamp() >= sweep_at;

	if (take_due == NULL)
		take_due = (TakeDueFunction) load_external_function("crm", "crm_worker_take_due", true, NULL);
	go_back(Min(take_due(), is_sweep ? DT_NOBEGIN : DT_NOEND));
	return is_sweep;
}

/* After it: a look from the beginning is not repeated at once; one that failed is. */
void
sender_place_looked(bool is_sweep, bool is_done, TimestampTz began)
{
	long		took_ms = TimestampDifferenceMilliseconds(began, GetCurrentTimestamp());

	if (!is_done)
		sweep_at = 0;
	else if (is_sweep)
		sweep_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), Max(SWEEP_MS, took_ms * SWEEP_SHARE));
}

/* Messages that were claimed, in a transaction that is committed. */
void
sender_place_took(List *messages)
{
	ListCell   *cell;

	foreach(cell, messages)
	{
		const SenderMessage *message = lfirst(cell);
		Place	   *place = place_of(message->endpoint);

		place->under_way++;
		if (message->due_at > place->due_at ||
			(message->due_at == place->due_at && message->customer_id > place->customer_id))
		{
			place->due_at = message->due_at;
			place->customer_id = message->customer_id;
		}
	}
}

/* A message whose result is written. */
void
sender_place_ended(const SenderMessage *message)
{
	place_of(message->endpoint)->under_way--;
}

/* The places as parallel arrays: endpoint, due_at, customer_id, under_way. */
void
sender_place_arrays(Datum arrays[4])
{
	int			n = list_length(places);
	Datum	   *columns[4];

	for (int column = 0; column < 4; column++)
		columns[column] = palloc((n + 1) * sizeof(Datum));
	for (int i = 0; i < n; i++)
	{
		const Place *place = list_nth(places, i);

		columns[0][i] = CStringGetTextDatum(place->endpoint);
		columns[1][i] = TimestampTzGetDatum(place->due_at);
		columns[2][i] = Int64GetDatum(place->customer_id);
		columns[3][i] = Int32GetDatum(place->under_way);
	}
	arrays[0] = PointerGetDatum(construct_array(columns[0], n, TEXTOID, -1, false, TYPALIGN_INT));
	arrays[1] = PointerGetDatum(construct_array(columns[1], n, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arrays[2] = PointerGetDatum(construct_array(columns[2], n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arrays[3] = PointerGetDatum(construct_array(columns[3], n, INT4OID, 4, true, TYPALIGN_INT));
}
