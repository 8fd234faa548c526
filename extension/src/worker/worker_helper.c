/*
 * worker_helper.c
 *		The helper of one database: a second process for the jobs that can be shared.
 *
 * The launcher starts it when the worker says that such a job (crm.job.helper_statement) has more
 * to do than one run; it takes its share, a transaction a piece, and leaves when it found nothing
 * for a while.  It keeps no books: the worker notes the runs of a job.  What the two may not do
 * at once is for the statements to see to (rows taken with SKIP LOCKED).
 */
#include "worker/worker.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define IDLE_MS 10000			/* leaves after so long without work */
#define LOOK_MS 200				/* looks again after it found none */
#define LIST_MS 5000			/* crm.job is read again this often */

/* One piece of every job that can be shared; whether any has more. */
static bool
help(List *jobs)
{
	ListCell   *cell;
	bool		has_more = false;

	foreach(cell, jobs)
	{
		CrmWorkerJob *job = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (job->helper_statement != NULL && job->next_run_at <= GetCurrentTimestamp())
			has_more |= crm_worker_help_job(job) > 0;
	}
	return has_more;
}

static void
note_useful_turn(void)
{
	CrmWorkerSlot *slot;

	LWLockAcquire(crm_worker_shared->lock, LW_EXCLUSIVE);
	slot = crm_worker_slot(MyDatabaseId, false);
	if (slot != NULL)
		slot->process[CRM_WORKER_HELPER].exits = 0;
	LWLockRelease(crm_worker_shared->lock);
}

void
crm_helper_main(Datum arg)
{
	MemoryContext keep;
	MemoryContext scratch;
	List	   *jobs = NIL;
	bool		wants_sender;
	TimestampTz listed_at = 0;
	TimestampTz useful_at;

	crm_worker_begin(DatumGetObjectId(arg), CRM_WORKER_HELPER, "crm helper");
	keep = AllocSetContextCreate(TopMemoryContext, "crm helper jobs", ALLOCSET_DEFAULT_SIZES);
	scratch = AllocSetContextCreate(TopMemoryContext, "crm helper turn", ALLOCSET_DEFAULT_SIZES);
	useful_at = GetCurrentTimestamp();

	for (;;)
	{
		bool		has_more;
		bool		is_certain;		/* whether or not: it is asked each time */

		CHECK_FOR_INTERRUPTS();
		crm_worker_reload_if_asked();
		MemoryContextSwitchTo(scratch);
		if (!crm_worker_enabled || !crm_worker_extension_is_there(&is_certain) ||
			TimestampDifferenceExceeds(useful_at, GetCurrentTimestamp(), IDLE_MS))
			proc_exit(0);
		if (TimestampDifferenceExceeds(listed_at, GetCurrentTimestamp(), LIST_MS))
		{
			jobs = crm_worker_load_jobs(jobs, keep, &wants_sender);
			listed_at = GetCurrentTimestamp();
		}
		has_more = help(jobs);
		MemoryContextReset(scratch);
		if (has_more)
		{
			useful_at = GetCurrentTimestamp();
			note_useful_turn();
			continue;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
