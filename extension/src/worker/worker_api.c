/*
 * worker_api.c
 *		The SQL-callable edge of the workers, and their registration at preload.
 *
 * Without shared_preload_libraries = 'crm' everything else works; here functions say so
 * instead of failing, and crm.doctor() prints the missing line.
 */
#include "worker/worker.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

bool		crm_worker_enabled = true;

PG_FUNCTION_INFO_V1(crm_worker_wake);
PG_FUNCTION_INFO_V1(crm_worker_wake_for);
PG_FUNCTION_INFO_V1(crm_worker_is_preloaded);
PG_FUNCTION_INFO_V1(crm_worker_configured);
PG_FUNCTION_INFO_V1(crm_worker_list);

static const char *const process_names[CRM_WORKER_N_KINDS] = {
	[CRM_WORKER_JOBS] = "worker",
	[CRM_WORKER_HELPER] = "helper",
	[CRM_WORKER_SENDER] = "sender",
};

static void
register_launcher(void)
{
	BackgroundWorker launcher;

	memset(&launcher, 0, sizeof(launcher));
	launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
	launcher.bgw_restart_time = 5;
	strlcpy(launcher.bgw_library_name, "crm", BGW_MAXLEN);
	strlcpy(launcher.bgw_function_name, "crm_launcher_main", BGW_MAXLEN);
	strlcpy(launcher.bgw_name, "crm launcher", BGW_MAXLEN);
	strlcpy(launcher.bgw_type, "crm launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&launcher);
}

void
crm_worker_init(void)
{
	DefineCustomBoolVariable("crm.worker_enabled",
							 "Lets the workers of crm work; off holds them without a restart.",
							 NULL, &crm_worker_enabled, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	crm_worker_shared_init();
	crm_worker_hooks_init();
	register_launcher();
}

/* Wakes the worker and the sender of this database when the transaction commits. */
Datum
crm_worker_wake(PG_FUNCTION_ARGS)
{
	if (crm_worker_shared != NULL)
		crm_worker_wake_at_commit();
	PG_RETURN_VOID();
}

/* Something is to be sent from a moment on. */
Datum
crm_worker_wake_for(PG_FUNCTION_ARGS)
{
	if (crm_worker_shared != NULL)
		crm_worker_send_at_commit(PG_GETARG_TIMESTAMPTZ(0));
	PG_RETURN_VOID();
}

Datum
crm_worker_is_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(crm_worker_shared != NULL);
}

static void
put_process(Tuplestorestate *rows, TupleDesc shape, const char *what, int pid, Oid database,
			TimestampTz started_at, int64 runs, int64 failures)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = CStringGetTextDatum(what);
	values[1] = ObjectIdGetDatum(database);
	values[2] = Int32GetDatum(pid);
	values[3] = TimestampTzGetDatum(started_at);
	values[4] = Int64GetDatum(runs);
	values[5] = Int64GetDatum(failures);
	nulls[1] = database == InvalidOid;
	nulls[3] = started_at == 0;
	tuplestore_putvalues(rows, shape, values, nulls);
}

/* What the server's configuration says, where only superusers may read it and crm.doctor() has to tell an administrator. */
Datum
crm_worker_configured(PG_FUNCTION_ARGS)
{
	static const char *const told[] = {"shared_preload_libraries", "crm.access_key_file"};
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	for (int i = 0; i < lengthof(told); i++)
		if (strcmp(name, told[i]) == 0)
			PG_RETURN_TEXT_P(cstring_to_text(GetConfigOption(name, false, false)));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the setting \"%s\" is not told", name)));
}

/* The running processes: (process, database, pid, started_at, jobs_run, jobs_failed). */
Datum
crm_worker_list(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CrmWorkerShared copy;

	InitMaterializedSRF(fcinfo, 0);
	if (crm_worker_shared == NULL)
		return (Datum) 0;
	LWLockAcquire(crm_worker_shared->lock, LW_SHARED);
	copy = *crm_worker_shared;
	LWLockRelease(crm_worker_shared->lock);
	if (copy.launcher_pid != 0)
		put_process(result->setResult, result->setDesc, "launcher", copy.launcher_pid, InvalidOid, 0, 0, 0);
	for (int i = 0; i < CRM_WORKER_MAX_DATABASES; i++)
		for (int kind = 0; kind < CRM_WORKER_N_KINDS; kind++)
			if (copy.slots[i].process[kind].pid != 0)
				put_process(result->setResult, result->setDesc, process_names[kind],
							copy.slots[i].process[kind].pid, copy.slots[i].database,
							copy.slots[i].process[kind].started_at,
							kind == CRM_WORKER_JOBS ? copy.slots[i].jobs_run : 0,
							kind == CRM_WORKER_JOBS ? copy.slots[i].jobs_failed : 0);
	return (Datum) 0;
}
