/*
 * worker.h
 *		Launcher and workers: who runs, for which database, and how they are woken.
 *
 *	in worker_shared.c		the slots in shared memory, one a database
 *	in worker_hooks.c		what DROP DATABASE and CREATE EXTENSION mean for workers; wake at commit
 *	in worker_launcher.c	starts a worker for each database that has the extension
 *	in worker_main.c		the per-database worker: its loop
 *	in worker_helper.c		a second process that shares the jobs which allow it
 *	in worker_job.c			one job, one transaction
 *	in worker_quiet.c		whether anything can have changed since a look
 *	in worker_api.c			the SQL-callable edge
 */
#ifndef CRM_WORKER_H
#define CRM_WORKER_H

#include "core/core.h"

#include "storage/latch.h"
#include "storage/lwlock.h"

#define CRM_WORKER_MAX_DATABASES 32
#define CRM_NOTHING_DUE DT_NOEND

/* The processes of a database: all jobs; a second pair of hands while there is much to do; sending. */
typedef enum CrmWorkerKind
{
	CRM_WORKER_JOBS,
	CRM_WORKER_HELPER,
	CRM_WORKER_SENDER,
	CRM_WORKER_N_KINDS
} CrmWorkerKind;

typedef struct CrmWorkerProcess
{
	int			pid;			/* 0: not running */
	Latch	   *latch;			/* in shared memory; stale after exit, then a wake is spurious */
	TimestampTz started_at;
	TimestampTz not_before;		/* back-off after an exit, or a start that is under way */
	int			exits;			/* in a row without a completed turn */
} CrmWorkerProcess;

typedef struct CrmWorkerSlot
{
	Oid			database;		/* InvalidOid: free */
	bool		probe;			/* nobody looked yet whether the extension is there */
	bool		has_extension;
	bool		wants_sender;	/* an active endpoint exists */
	bool		wants_helper;	/* a job that can be shared has more to do */
	TimestampTz hold_until;		/* somebody drops, renames or copies the database */
	CrmWorkerProcess process[CRM_WORKER_N_KINDS];
	TimestampTz due_from;		/* what commits put into the queue since the sender looked; CRM_NOTHING_DUE: nothing */
	int64		jobs_run;
	int64		jobs_failed;
} CrmWorkerSlot;

typedef struct CrmWorkerShared
{
	LWLock	   *lock;			/* first; guards everything below; held for moments, never over I/O */
	Latch	   *launcher;
	int			launcher_pid;
	CrmWorkerSlot slots[CRM_WORKER_MAX_DATABASES];
} CrmWorkerShared;

/* NULL when crm was not preloaded. */
extern CrmWorkerShared *crm_worker_shared;
extern bool crm_worker_enabled;

extern void crm_worker_init(void);

/* worker_shared.c */
extern void crm_worker_shared_init(void);
extern CrmWorkerSlot *crm_worker_slot(Oid database, bool create);
extern bool crm_worker_has_process(const CrmWorkerSlot *slot);
extern bool crm_worker_attach(Oid database, CrmWorkerKind kind);
extern PGDLLEXPORT bool crm_worker_attach_sender(Oid database);
extern void crm_worker_wake_database(Oid database, bool has_work, TimestampTz due_from);
extern PGDLLEXPORT TimestampTz crm_worker_take_due(void);
extern void crm_worker_wake_launcher(void);
extern void crm_worker_probe(Oid database);
extern void crm_worker_hold(Oid database);

/* worker_hooks.c */
extern void crm_worker_hooks_init(void);
extern void crm_worker_wake_at_commit(void);
extern void crm_worker_send_at_commit(TimestampTz from);

/* worker_job.c */
typedef struct CrmWorkerJob
{
	char		name[NAMEDATALEN];
	char	   *statement;
	char	   *helper_statement;	/* what a helper does meanwhile; NULL: nobody helps */
	char	   *wake_statement;	/* in how many ms time alone brings it work; NULL: it looks every so often */
	int64		every_ms;
	bool		is_daily;
	TimestampTz next_run_at;	/* real time; daily jobs ask the clock of crm */
	TimestampTz paused_until;	/* after a failure; 0: it did not fail */
	TimestampTz wake_at;		/* when time alone brings it work; 0: not known */
	bool		found_nothing;	/* and would find nothing until something is written */
	bool		is_unnoted;		/* it found nothing, and crm.job has not heard of it yet */
	int			failures;
	bool		is_patient;		/* gives way to jobs that can be shared and have more to do */
	TimestampTz ran_at;
	int64		took_us;		/* its last run */
	int64		longest_us;		/* one of its last runs: a longest that lies long back counts less and less */
	bool		is_owed;		/* a wake came while it rested */
	bool		seen;
} CrmWorkerJob;

extern bool crm_worker_extension_is_there(bool *is_certain);
extern List *crm_worker_load_jobs(List *known, MemoryContext context, bool *wants_sender);
extern int64 crm_worker_run_job(CrmWorkerJob *job);
extern int64 crm_worker_help_job(CrmWorkerJob *job);
extern void crm_worker_note_idle(List *jobs);

/* worker_quiet.c */
extern PGDLLEXPORT bool crm_worker_is_quiet(void);
extern PGDLLEXPORT void crm_worker_quiet_begin(void);
extern PGDLLEXPORT bool crm_worker_saw_everything(void);
extern void crm_worker_quiet_end(void);
extern void crm_worker_quiet_goes_on(TransactionId own);

/* worker_main.c */
extern void crm_worker_begin(Oid database, CrmWorkerKind kind, const char *name);
extern void crm_worker_reload_if_asked(void);

extern PGDLLEXPORT void crm_launcher_main(Datum arg);
extern PGDLLEXPORT void crm_worker_main(Datum arg);
extern PGDLLEXPORT void crm_helper_main(Datum arg);

#endif
