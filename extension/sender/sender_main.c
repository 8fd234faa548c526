/*
 * sender_main.c
 *		The sending worker of a database: claim, commit, send, commit.
 *
 *		interrupts -> reload -> is the extension still here -> claim (committed) ->
 *		requests move on, outside of any transaction -> results (committed) -> wait
 *
 * It claims when it is woken (a commit that put a message sets its latch), when a request ended, and
 * else each 200 ms while requests are under way, each second while none is: messages come due by
 * time, too.  While nothing is written anywhere it knows when the next of them does, and rests.  A request that hangs delays none but itself.
 * Killed at any point: a claimed message comes back when its lease ends, with the same id.
 */
#include "sender.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

#define LOOK_MS 1000			/* nothing under way */
#define LOOK_BUSY_MS 200		/* something under way */
#define POLL_MS 20				/* how long one wait for the network may be: a signal waits as long */
#define GATHER_MS 10			/* results are gathered this long, or until there are so many: */
#define GATHER_RESULTS 32

/* What the loop knows from turn to turn. */
typedef struct Sender
{
	MemoryContext keep;			/* messages and results */
	List	   *results;		/* requests that ended, still to be written */
	TimestampTz results_at;		/* when the oldest of them ended */
	TimestampTz look_at;		/* the next claim, unless something happens before */
	bool		is_resting;		/* look_at holds until something is written */
} Sender;

typedef bool (*AttachFunction) (Oid database);

/* Enters this process among crm's; that code lives in crm.so, which is preloaded. */
static bool
attach(Oid database)
{
	AttachFunction function = (AttachFunction)
		load_external_function("crm", "crm_worker_attach_sender", true, NULL);

	return function(database);
}

static bool
is_enabled(void)
{
	const char *value = GetConfigOption("crm.worker_enabled", true, false);

	return value == NULL || strcmp(value, "on") == 0;
}

static void
keep_results(Sender *sender, List *ended)
{
	MemoryContext caller = MemoryContextSwitchTo(sender->keep);

	if (sender->results == NIL && ended != NIL)
		sender->results_at = GetCurrentTimestamp();
	sender->results = list_concat(sender->results, ended);
	MemoryContextSwitchTo(caller);
}

/* Starts what is due, as far as there is room. */
static void
start_due(Sender *sender)
{
	int			room = SENDER_MAX_UNDER_WAY - sender_http_under_way() - sender_token_waiting();
	List	   *claimed = NIL;
	ListCell   *cell;
	int64		rest_ms = 0;
	bool		well;

	sender_quiet_begin();
	well = room <= 0 || sender_claim(room, sender->keep, &claimed, &rest_ms);
	sender->is_resting = well && rest_ms > LOOK_MS;

	foreach(cell, claimed)
		keep_results(sender, sender_token_start(lfirst(cell), sender->keep));
	sender->look_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												  well && sender_http_under_way() > 0 ? LOOK_BUSY_MS : sender->is_resting ? rest_ms : LOOK_MS);
	list_free(claimed);
}

/* Moves requests on; tokens that arrived let their messages go. */
static void
move_on(Sender *sender)
{
	List	   *ended = sender_http_poll(POLL_MS);
	ListCell   *cell;

	foreach(cell, ended)
	{
		SenderMessage *message = lfirst(cell);

		if (message->wire != NULL && message->wire->is_token_request)
			keep_results(sender, sender_token_arrived(message, sender->keep));
		else
			keep_results(sender, list_make1(message));
	}
}

/* Judges what vendors answered; who heard that a token has expired goes once more.  False: it failed. */
static bool
judge_results(Sender *sender)
{
	List	   *judged = sender->results;
	ListCell   *cell;

	if (!sender_judge(judged))
		return false;
	sender->results = NIL;
	foreach(cell, judged)
	{
		SenderMessage *message = lfirst(cell);

		if (message->outcome == SENDER_TOKEN && sender_token_expired(message))
			keep_results(sender, sender_token_start(message, sender->keep));
		else
			keep_results(sender, list_make1(message));
	}
	list_free(judged);
	return true;
}

/* Whether results should be written now: many at once cost little more than one. */
static bool
is_time_to_write(const Sender *sender)
{
	return sender->results != NIL &&
		(sender_http_under_way() == 0 || list_length(sender->results) >= GATHER_RESULTS ||
		 TimestampDifferenceExceeds(sender->results_at, GetCurrentTimestamp(), GATHER_MS));
}

/* One turn; true when it may be followed by another at once. */
static bool
turn(Sender *sender, bool woken)
{
	if (woken || GetCurrentTimestamp() >= sender->look_at || (sender->is_resting && !sender_is_quiet()))
	{
		if (!sender_is_installed())
			proc_exit(0);
		if (is_enabled())
			start_due(sender);
		else
			sender->look_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_MS);
	}
	if (sender_http_under_way() > 0)
		move_on(sender);
	if (!is_time_to_write(sender))
		return sender_http_under_way() > 0;
	if (!sender_is_installed())
		proc_exit(0);
	if (judge_results(sender) && (sender->results == NIL || sender_finish(sender->results)))
	{
		sender->results = NIL;
		sender->look_at = 0;	/* there is room now */
		return true;
	}
	return sender_http_under_way() > 0;
}

static void
reload_if_asked(void)
{
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* Waits until woken or the next look; while requests are under way their poll is the wait. */
static bool
wait_for_work(const Sender *sender, bool busy)
{
	long		wait_ms = busy ? 0 : TimestampDifferenceMilliseconds(GetCurrentTimestamp(), sender->look_at);
	int			events;

	if (!busy)
		pgstat_report_activity(STATE_IDLE, NULL);
	events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(wait_ms, LOOK_MS), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	return (events & WL_LATCH_SET) != 0;
}

void
crm_sender_main(Datum arg)
{
	Oid			database = DatumGetObjectId(arg);
	Sender		sender = {.results = NIL};
	MemoryContext scratch;
	bool		woken = true;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	if (!attach(database))
		proc_exit(0);
	SetConfigOption("application_name", "crm sender", PGC_USERSET, PGC_S_SESSION);
	/* gives way to who changes tables, as jobs do: worker_main.c */
	SetConfigOption("lock_timeout", "200ms", PGC_USERSET, PGC_S_SESSION);
	sender_http_init();
	sender.keep = AllocSetContextCreate(TopMemoryContext, "crm messages", ALLOCSET_DEFAULT_SIZES);
	scratch = AllocSetContextCreate(TopMemoryContext, "crm sender turn", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		bool		busy;

		CHECK_FOR_INTERRUPTS();
		reload_if_asked();
		MemoryContextSwitchTo(scratch);
		busy = turn(&sender, woken);
		MemoryContextReset(scratch);
		woken = wait_for_work(&sender, busy);
	}
}
