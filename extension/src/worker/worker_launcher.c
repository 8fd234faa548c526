/*
 * worker_launcher.c
 *		One process a cluster: starts a worker for each database that has the extension.
 *
 * It is connected to no database, so it blocks no DROP DATABASE.  It cannot see whether a
 * database has the extension; a worker started there looks, and leaves at once if not.  That
 * happens at start, for databases that appear, and when CREATE EXTENSION crm committed.
 * Registered to start when recovery is over: a standby is silent, a promoted one begins.
 */
#include "worker/worker.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define ROUND_MS 5000
#define START_MS 15000			/* a start that has not shown up by then is tried again */

/* The databases one can connect to, as a list of oids in the current context. */
static List *
list_databases(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *databases = NIL;
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (database->datallowconn && !database->datistemplate)
		{
			MemoryContext transaction = MemoryContextSwitchTo(caller);

			databases = lappend_oid(databases, database->oid);
			MemoryContextSwitchTo(transaction);
		}
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return databases;
}

static void
match_slots(List *databases)
{
	ListCell   *cell;

	LWLockAcquire(crm_worker_shared->lock, LW_EXCLUSIVE);
	foreach(cell, databases)
		(void) crm_worker_slot(lfirst_oid(cell), true);
	for (int i = 0; i < CRM_WORKER_MAX_DATABASES; i++)
	{
		CrmWorkerSlot *slot = &crm_worker_shared->slots[i];

		if (slot->database != InvalidOid && !list_member_oid(databases, slot->database) &&
			!crm_worker_has_process(slot))
			memset(slot, 0, sizeof(CrmWorkerSlot));
	}
	LWLockRelease(crm_worker_shared->lock);
}

static const struct
{
	const char *library;
	const char *function;
	const char *type;
}			programs[CRM_WORKER_N_KINDS] = {
	[CRM_WORKER_JOBS] = {"crm", "crm_worker_main", "crm worker"},
	[CRM_WORKER_HELPER] = {"crm", "crm_helper_main", "crm helper"},
	[CRM_WORKER_SENDER] = {"crm_sender", "crm_sender_main", "crm sender"},
};

static void
start_process(Oid database, CrmWorkerKind kind)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = 0;
	strlcpy(worker.bgw_library_name, programs[kind].library, BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, programs[kind].function, BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "%s of database %u", programs[kind].type, database);
	strlcpy(worker.bgw_type, programs[kind].type, BGW_MAXLEN);
	if (!RegisterDynamicBackgroundWorker(&worker, NULL))
		ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						  errmsg("could not start the %s", worker.bgw_name),
						  errhint("Increase max_worker_processes.")));
}

/* Whether a process is due, and if so marks its start, so that it is not started twice. */
static bool
take_start(CrmWorkerSlot *slot, CrmWorkerKind kind, TimestampTz now)
{
	CrmWorkerProcess *process = &slot->process[kind];
	bool		wanted = kind == CRM_WORKER_JOBS ? slot->probe || slot->has_extension :
		slot->has_extension && (kind == CRM_WORKER_SENDER ? slot->wants_sender : slot->wants_helper);

	if (!wanted || process->pid != 0 || process->not_before > now || slot->hold_until > now)
		return false;
	process->not_before = TimestampTzPlusMilliseconds(now, START_MS);
	return true;
}

static void
start_due(void)
{
	TimestampTz now = GetCurrentTimestamp();

	for (int i = 0; i < CRM_WORKER_MAX_DATABASES; i++)
		for (int kind = 0; kind < CRM_WORKER_N_KINDS; kind++)
		{
			Oid			database;
			bool		start;

			LWLockAcquire(crm_worker_shared->lock, LW_EXCLUSIVE);
			database = crm_worker_shared->slots[i].database;
			start = database != InvalidOid &&
				take_start(&crm_worker_shared->slots[i], (CrmWorkerKind) kind, now);
			LWLockRelease(crm_worker_shared->lock);
			if (start)
				start_process(database, (CrmWorkerKind) kind);
		}
}

static void
forget_launcher(int code, Datum arg)
{
	crm_worker_shared->launcher = NULL;
	crm_worker_shared->launcher_pid = 0;
}

void
crm_launcher_main(Datum arg)
{
	MemoryContext round;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	crm_worker_shared->launcher_pid = MyProcPid;
	crm_worker_shared->launcher = MyLatch;
	before_shmem_exit(forget_launcher, 0);
	round = AllocSetContextCreate(TopMemoryContext, "crm launcher round", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		MemoryContextSwitchTo(round);
		if (crm_worker_enabled)
		{
			match_slots(list_databases());
			start_due();
		}
		MemoryContextReset(round);
		pgstat_report_activity(STATE_IDLE, NULL);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ROUND_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
