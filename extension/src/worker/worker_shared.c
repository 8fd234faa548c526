/*
 * worker_shared.c
 *		The slots of the workers in shared memory: one a database.
 *
 * All fields are guarded by one LWLock, held for moments.  A process enters itself with
 * crm_worker_attach() and is taken out by its exit callback, so a slot never names a process
 * that is gone; after a crash the postmaster makes shared memory anew.
 */
#include "worker/worker.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#define HOLD_MS 10000			/* how long a database is left alone after somebody asked */
#define LEAVE_MS 5000			/* how long that somebody waits for our processes to leave */
#define MAX_BACKOFF_MS 60000

CrmWorkerShared *crm_worker_shared = NULL;

void
crm_worker_shared_init(void)
{
	static CrmSharedPiece piece = {.name = "crm workers", .size = sizeof(CrmWorkerShared), .memory = (void **) &crm_worker_shared};

	crm_core_shared_ask(&piece);
}

/* The slot of a database, NULL if there is none (and none was to be made, or all are taken). */
CrmWorkerSlot *
crm_worker_slot(Oid database, bool create)
{
	CrmWorkerSlot *free_slot = NULL;

	for (int i = 0; i < CRM_WORKER_MAX_DATABASES; i++)
	{
		CrmWorkerSlot *slot = &crm_worker_shared->slots[i];

		if (slot->database == database)
			return slot;
		if (slot->database == InvalidOid && free_slot == NULL)
			free_slot = slot;
	}
	if (!create || free_slot == NULL)
		return NULL;
	memset(free_slot, 0, sizeof(CrmWorkerSlot));
	free_slot->database = database;
	free_slot->probe = true;
	free_slot->due_from = CRM_NOTHING_DUE;
	return free_slot;
}

bool
crm_worker_has_process(const CrmWorkerSlot *slot)
{
	for (int kind = 0; kind < CRM_WORKER_N_KINDS; kind++)
		if (slot->process[kind].pid != 0)
			return true;
	return false;
}

/* Exit callback: arg is the kind.  Exits in a row lengthen the pause before the next start. */
static void
leave(int code, Datum arg)
{
	CrmWorkerKind kind = (CrmWorkerKind) DatumGetInt32(arg);
	CrmWorkerSlot *slot;

	LWLockAcquire(crm_worker_shared->lock, LW_EXCLUSIVE);
	slot = crm_worker_slot(MyDatabaseId, false);
	if (slot != NULL && slot->process[kind].pid == MyProcPid)
	{
		CrmWorkerProcess *process = &slot->process[kind];
		int			pause;

		/* one that worked for a while did not fail for the reason that its predecessors did */
		if (TimestampDifferenceExceeds(process->started_at, GetCurrentTimestamp(), MAX_BACKOFF_MS))
			process->exits = 0;
		pause = Min(MAX_BACKOFF_MS, 1000 << Min(process->exits, 6));
		process->pid = 0;
		process->exits++;
		process->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause);
	}
	LWLockRelease(crm_worker_shared->lock);
	crm_worker_wake_launcher();
}

/* Enters this process; false when there is another of its kind already. */
bool
crm_worker_attach(Oid database, CrmWorkerKind kind)
{
	CrmWorkerSlot *slot;
	bool		attached = false;

	LWLockAcquire(crm_worker_shared->lock, LW_EXCLUSIVE);
	slot = crm_worker_slot(database, true);
	if (slot != NULL && slot->process[kind].pid == 0)
	{
		slot->process[kind].pid = MyProcPid;
		slot->process[kind].latch = MyLatch;
		slot->process[kind].started_at = GetCurrentTimestamp();
		attached = true;
	}
	LWLockRelease(crm_worker_shared->lock);
	if (attached)
		before_shmem_exit(leave, Int32GetDatum((int32) kind));
	return attached;
}

/* For crm_sender.so, a library of its own, which finds this by name. */
bool
crm_worker_attach_sender(Oid database)
{
	return crm_worker_shared != NULL && crm_worker_attach(database, CRM_WORKER_SENDER);
}

/*
 * Wakes the processes of a database for which something was just committed: those that do jobs, and the
 * sender when something is to be sent.  due_from is the earliest moment of that, CRM_NOTHING_DUE when
 * there is nothing: the sender, which goes on from where it was, goes back to it.
 */
void
crm_worker_wake_database(Oid database, bool has_work, TimestampTz due_from)
{
	CrmWorkerSlot *slot;

	if (crm_worker_shared == NULL)
		return;
	LWLockAcquire(crm_worker_shared->lock, due_from == CRM_NOTHING_DUE ? LW_SHARED : LW_EXCLUSIVE);
	slot = crm_worker_slot(database, false);
	if (slot != NULL && due_from < slot->due_from)
		slot->due_from = due_from;
	for (int kind = 0; slot != NULL && kind < CRM_WORKER_N_KINDS; kind++)
		if (slot->process[kind].pid != 0 && (kind == CRM_WORKER_SENDER ? due_from != CRM_NOTHING_DUE : has_work))
			SetLatch(slot->process[kind].latch);
	LWLockRelease(crm_worker_shared->lock);
}

/*
 * For crm_sender.so: from which moment on something was put into the queue since it asked last.  Taken
 * before the snapshot it looks with: what is committed later is told again.
 */
TimestampTz
crm_worker_take_due(void)
{
	CrmWorkerSlot *slot;
	TimestampTz due_from = CRM_NOTHING_DUE;

	LWLockAcquire(crm_worker_shared->lock, LW_EXCLUSIVE);
	slot = crm_worker_slot(MyDatabaseId, false);
	if (slot != NULL)
	{
		due_from = slot->due_from;
		slot->due_from = CRM_NOTHING_DUE;
	}
	LWLockRelease(crm_worker_shared->lock);
	return due_from;
}

void
crm_worker_wake_launcher(void)
{
	if (crm_worker_shared != NULL && crm_worker_shared->launcher != NULL)
		SetLatch(crm_worker_shared->launcher);
}

/* Asks the launcher to look whether a database has the extension. */
void
crm_worker_probe(Oid database)
{
	CrmWorkerSlot *slot;

	if (crm_worker_shared == NULL)
		return;
	LWLockAcquire(crm_worker_shared->lock, LW_EXCLUSIVE);
	slot = crm_worker_slot(database, true);
	if (slot != NULL)
	{
		slot->probe = true;
		slot->process[CRM_WORKER_JOBS].not_before = 0;
		slot->process[CRM_WORKER_JOBS].exits = 0;
	}
	LWLockRelease(crm_worker_shared->lock);
	crm_worker_wake_launcher();
}

static bool
ask_to_leave(Oid database)
{
	CrmWorkerSlot *slot;
	bool		somebody = false;

	LWLockAcquire(crm_worker_shared->lock, LW_EXCLUSIVE);
	slot = crm_worker_slot(database, false);
	if (slot != NULL)
	{
		slot->hold_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HOLD_MS);
		for (int kind = 0; kind < CRM_WORKER_N_KINDS; kind++)
			if (slot->process[kind].pid != 0)
			{
				somebody = true;
				kill(slot->process[kind].pid, SIGTERM);
			}
	}
	LWLockRelease(crm_worker_shared->lock);
	return somebody;
}

/* Makes our processes leave a database and stay away for a while, for DROP DATABASE and its kin. */
void
crm_worker_hold(Oid database)
{
	if (crm_worker_shared == NULL)
		return;
	for (int waited = 0; waited < LEAVE_MS && ask_to_leave(database); waited += 10)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(10 * 1000L);
	}
}
