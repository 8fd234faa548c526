/*
 * sender_main.c
 *		The sending worker of a database: claim, commit, send, commit.
 *
 *		interrupts -> reload -> is the extension still here -> claim (committed) ->
 *		requests move on, outside of any transaction -> results (committed) -> wait
 *
 * While requests are under way it turns each 20 ms, so a message that commits meanwhile waits for
 * no slow endpoint; else it sleeps on its latch, which intake's commit sets, and looks each second.
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

PG_MODULE_MAGIC;

#define LOOK_MS 1000			/* nothing under way */
#define TURN_MS 20				/* something under way */

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

/* Starts what is due, as far as there is room; the number started. */
static int
start_due(MemoryContext keep)
{
	int			room = SENDER_MAX_UNDER_WAY - sender_http_under_way();
	List	   *claimed = room > 0 ? sender_claim(room, keep) : NIL;
	ListCell   *cell;

	foreach(cell, claimed)
		sender_http_start(lfirst(cell));
	return list_length(claimed);
}

static void
turn(MemoryContext keep, bool *busy)
{
	int			started = 0;
	List	   *ended;

	if (!sender_is_installed())
		proc_exit(0);
	if (is_enabled())
		started = start_due(keep);
	ended = sender_http_poll(started > 0 ? 0 : TURN_MS);
	*busy = started > 0 || ended != NIL || sender_http_under_way() > 0;
	sender_finish(ended);
}

void
crm_sender_main(Datum arg)
{
	Oid			database = DatumGetObjectId(arg);
	MemoryContext keep;
	MemoryContext scratch;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	if (!attach(database))
		proc_exit(0);
	SetConfigOption("application_name", "crm sender", PGC_USERSET, PGC_S_SESSION);
	sender_http_init();
	keep = AllocSetContextCreate(TopMemoryContext, "crm messages", ALLOCSET_DEFAULT_SIZES);
	scratch = AllocSetContextCreate(TopMemoryContext, "crm sender turn", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		bool		busy;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		MemoryContextSwitchTo(scratch);
		turn(keep, &busy);
		MemoryContextReset(scratch);
		if (busy)
			continue;
		pgstat_report_activity(STATE_IDLE, NULL);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
