/*
 * worker_main.c
 *		The worker of one database: a loop of six steps.
 *
 *		interrupts -> reload -> is the extension still here -> the next due job, one
 *		transaction -> statistics -> wait on the latch
 *
 * Intake wakes it at commit (crm._worker_wake()); a moment later the jobs that drain something
 * run, ten times a second at most: what came meanwhile is done with it, and the sender, which the
 * same commit woke, has a core to itself.  Without a wake it looks each second whether anything was
 * written, so a lost wake costs a second and nothing else; while nothing is, jobs that found nothing
 * are left alone.  It leaves when the extension is gone and holds no
 * lock between turns.  The loop stands in a context of its own, reset each turn.
 */
#include "worker/worker.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define LOOK_MS 1000			/* poll when nobody wakes us */
#define LIST_MS 5000			/* crm.job is read again this often */
#define WAKE_MS 100				/* a wake is served after this long, and all that came meanwhile with it */
#define QUIET_MS 60000			/* while nothing is written, a job looks this often for what time brings */
#define PATIENCE_MS 120000		/* a patient job waits so long for others to end */
#define CALM_MS 3000			/* and so long after their end, for one import is often followed by the next */
#define PROMPT_MS 30000			/* a wake is for jobs that would look again within this */
#define REST_TIMES 10			/* a job that is woken again rests so many times as long as it ran, */
#define REST_MS 1000			/* and this long at least */
#define WAY_US 50000			/* a job that took longer than this gives way to the moment of another, */
#define WAY_MOST_US 10000000	/* so long before it at most */

static void
note_turn(bool has_extension, bool wants_sender, bool wants_helper, int runs, int failures)
{
	CrmWorkerSlot *slot;
	bool		is_news;

	LWLockAcquire(crm_worker_shared->lock, LW_EXCLUSIVE);
	slot = crm_worker_slot(MyDatabaseId, true);
	CrmEnsure(slot != NULL, "a running worker has a slot");
	is_news = (wants_sender && !slot->wants_sender) || (wants_helper && !slot->wants_helper);
	slot->probe = false;
	slot->has_extension = has_extension;
	slot->wants_sender = wants_sender;
	slot->wants_helper = wants_helper;
	slot->process[CRM_WORKER_JOBS].exits = 0;
	slot->jobs_run += runs;
	slot->jobs_failed += failures;
	LWLockRelease(crm_worker_shared->lock);
	if (is_news)
		crm_worker_wake_launcher();
}

/* When a job is to look again, unless it is woken. */
static TimestampTz
due_at(const CrmWorkerJob *job)
{
	TimestampTz at = job->next_run_at;

	if (job->found_nothing)
		at = Max(at, TimestampTzPlusMilliseconds(job->ran_at, QUIET_MS));
	return job->wake_at != 0 ? Min(at, job->wake_at) : at;
}

/*
 * A wake brings work for those that drain something, not for those that keep house.  One that polls
 * at its leisure and promises no moment rests in between, so that a stream of orders is gone through
 * in larger pieces and the worker does not take a core from the tills; what it owes is seen at the
 * next look.
 */
static bool
has_rested(const CrmWorkerJob *job, TimestampTz now)
{
	int64		took_ms = job->took_us / 1000;
	int64		rest_ms = Max(took_ms * REST_TIMES, job->wake_statement != NULL ? 0 : REST_MS);

	return job->every_ms <= LOOK_MS ||
		TimestampDifferenceExceeds(job->ran_at, now, took_ms + rest_ms);
}

/* The next moment at which time alone brings one of the jobs something to do. */
static TimestampTz
next_moment(List *jobs, TimestampTz now)
{
	TimestampTz next = DT_NOEND;
	ListCell   *cell;

	foreach(cell, jobs)
	{
		CrmWorkerJob *job = lfirst(cell);

		if (job->wake_at > now)
			next = Min(next, job->wake_at);
	}
	return next;
}

/*
 * A job that takes its time does not begin when it would still run at the moment of another, which
 * begins to the millisecond; nor does it wait for one moment after the other for ever.
 */
static bool
gives_way(const CrmWorkerJob *job, TimestampTz moment, TimestampTz now)
{
	return job->wake_statement == NULL && job->longest_us > WAY_US &&
		moment - now < Min(job->longest_us, WAY_MOST_US) &&
		now - Max(due_at(job), job->ran_at + job->took_us) < WAY_MOST_US;
}

/* Whether what a helper shares is under way, or was a moment ago. */
static bool
is_calm(bool is_busy, TimestampTz now)
{
	static TimestampTz busy_at = 0;

	if (is_busy)
		busy_at = now;
	return TimestampDifferenceExceeds(busy_at, now, CALM_MS);
}

static bool
wants_to_run(CrmWorkerJob *job, bool woken, bool is_busy, TimestampTz now)
{
	if (!is_calm(is_busy, now) && job->is_patient && !TimestampDifferenceExceeds(job->ran_at, now, PATIENCE_MS))
		return false;
	if (due_at(job) <= now)
		return true;
	/* an import wakes us with every chunk: while one is stored, the others keep their own time */
	if (woken && !is_busy && !job->is_daily && job->failures == 0 && job->every_ms <= PROMPT_MS)
		job->is_owed = true;
	return job->is_owed && !is_busy && has_rested(job, now);
}

static bool
is_due(List *jobs, CrmWorkerJob *job, bool woken, bool is_busy)
{
	TimestampTz now = GetCurrentTimestamp();

	return wants_to_run(job, woken, is_busy, now) && !gives_way(job, next_moment(jobs, now), now);
}

/* Runs every job that is due once; the number that say there is more, and whether help would do good. */
static int
run_due(List *jobs, bool woken, bool *wants_helper, int *runs, int *failures)
{
	ListCell   *cell;
	int			more = 0;

	foreach(cell, jobs)
	{
		CrmWorkerJob *job = lfirst(cell);
		int64		left;

		CHECK_FOR_INTERRUPTS();
		if (!is_due(jobs, job, woken, *wants_helper))
			continue;
		job->ran_at = GetCurrentTimestamp();
		job->is_owed = false;
		left = crm_worker_run_job(job);
		job->took_us = GetCurrentTimestamp() - job->ran_at;
		job->longest_us = Max(job->took_us, job->longest_us - job->longest_us / 8);
		(*runs)++;
		*failures += left < 0;
		more += left > 0;
		*wants_helper |= left > 0 && job->helper_statement != NULL;
	}
	return more;
}

void
crm_worker_reload_if_asked(void)
{
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		crm_worker_quiet_end();
	}
}

/* How long until the first job is due, the time between two looks at most. */
static long
wait_for_jobs(List *jobs)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = TimestampTzPlusMilliseconds(now, LOOK_MS);
	TimestampTz moment = next_moment(jobs, now);
	ListCell   *cell;

	foreach(cell, jobs)
		next = Min(next, gives_way(lfirst(cell), moment, now) ? moment : due_at(lfirst(cell)));
	return next <= now ? 1 : (next - now + 999) / 1000;
}

/* Whether nothing was written since the last turn; otherwise what jobs have found does not hold any more. */
static bool
is_quiet(List *jobs)
{
	ListCell   *cell;

	if (crm_worker_is_quiet())
		return true;
	crm_worker_quiet_begin();
	foreach(cell, jobs)
		((CrmWorkerJob *) lfirst(cell))->found_nothing = false;
	return false;
}

/* One turn; returns how long to wait, 0 when there is more to do. */
static long
turn(List **jobs, MemoryContext keep, bool woken, TimestampTz *listed_at)
{
	static bool wants_sender = false;
	static bool is_stale = false;	/* something was written since the jobs were listed */
	static bool is_certain = false; /* the extension was seen while nobody was about to drop it */
	bool		wants_helper = false;
	int			runs = 0;
	int			failures = 0;
	int			more;
	bool		quiet = is_quiet(*jobs);

	if (!(quiet && is_certain) && !crm_worker_extension_is_there(&is_certain))
	{
		note_turn(false, false, false, 0, 0);
		proc_exit(0);
	}
	is_stale |= !quiet;
	if (*jobs == NIL || TimestampDifferenceExceeds(*listed_at, GetCurrentTimestamp(), is_stale ? LIST_MS : QUIET_MS))
	{
		*jobs = crm_worker_load_jobs(*jobs, keep, &wants_sender);
		*listed_at = GetCurrentTimestamp();
		is_stale = false;
	}
	more = run_due(*jobs, woken, &wants_helper, &runs, &failures);
	crm_worker_note_idle(*jobs);
	note_turn(true, wants_sender, wants_helper, runs, failures);
	return more > 0 ? 0 : wait_for_jobs(*jobs);
}

/* Connects, enters the slot, and says who it is; ends the process when another has the place. */
void
crm_worker_begin(Oid database, CrmWorkerKind kind, const char *name)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	if (!crm_worker_attach(database, kind))
		proc_exit(0);
	SetConfigOption("application_name", name, PGC_USERSET, PGC_S_SESSION);
	/* gives way to who changes tables (DROP EXTENSION, a DBA's DDL): waits for far less than their
	 * deadlock_timeout, so that a deadlock ends with the job, which is run again, not with them */
	SetConfigOption("lock_timeout", "200ms", PGC_USERSET, PGC_S_SESSION);
}

void
crm_worker_main(Datum arg)
{
	MemoryContext keep;
	MemoryContext scratch;
	List	   *jobs = NIL;
	TimestampTz listed_at = 0;
	bool		woken = true;

	crm_worker_begin(DatumGetObjectId(arg), CRM_WORKER_JOBS, "crm worker");
	keep = AllocSetContextCreate(TopMemoryContext, "crm worker jobs", ALLOCSET_DEFAULT_SIZES);
	scratch = AllocSetContextCreate(TopMemoryContext, "crm worker turn", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		long		wait_ms;
		TimestampTz began_at;

		CHECK_FOR_INTERRUPTS();
		crm_worker_reload_if_asked();
		MemoryContextSwitchTo(scratch);
		wait_ms = crm_worker_enabled ? turn(&jobs, keep, woken, &listed_at) : LOOK_MS;
		MemoryContextReset(scratch);
		/* also with nothing to wait for: a wake that came meanwhile is seen before it is reset */
		began_at = GetCurrentTimestamp();
		woken = (WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms,
						   PG_WAIT_EXTENSION) & WL_LATCH_SET) != 0;
		wait_ms -= TimestampDifferenceMilliseconds(began_at, GetCurrentTimestamp());
		if (woken && wait_ms > 0)
			(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(WAKE_MS, wait_ms), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
