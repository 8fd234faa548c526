/*
 * worker_job.c
 *		One job, one transaction, under crm_owner.
 *
 * A job is a row of crm.job: a statement that does one bounded piece of work and returns how
 * much is left.  A failing job is noted and tried again with a growing pause; it stops no
 * other.  A daily job's next run is written in the transaction of the run, so it happens once
 * a local day, also across a crash; its day is by the clock of crm.  A polled job's schedule
 * is real time and lives in memory: writing it each second would only make dead rows.
 */
#include "worker/worker.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define NOTE_MS 60000			/* jobs that find nothing are noted in crm.job this often */
#define MAX_PAUSE_MS 300000

static CrmStatement installed_statement = {
	.name = "worker.is_installed",
	.sql = "SELECT FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass('crm.job')"
	/* code of another release than this library: until the restart no job runs and no sender starts, crm.doctor() says so */
	" AND EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = 'crm' AND e.extversion = '" CRM_VERSION "')",
};

static CrmStatement load_statement = {
	.name = "worker.load_jobs",
	.sql = "SELECT j.job, j.statement, (extract(epoch FROM j.every) * 1000)::bigint,"
	" j.at_local IS NOT NULL, CASE WHEN j.at_local IS NULL THEN NULL ELSE j.next_run_at <= crm.core_now()"
	" AND NOT (j.is_patient AND crm._worker_night_goes_on(j.at_local)) END,"
	" EXISTS (SELECT FROM crm.endpoint e WHERE e.is_active), j.helper_statement, j.is_patient, j.wake_statement"
	" FROM crm.job j WHERE j.is_active ORDER BY j.position, j.job",
};

static const Oid note_types[] = {TEXTOID, FLOAT8OID, INT8OID};
static CrmStatement note_statement = {
	.name = "worker.note_run",
	.sql = "SELECT crm._worker_note_run($1, $2, $3)",
	.n_args = 3,
	.arg_types = note_types,
};

static const Oid idle_types[] = {TEXTARRAYOID, TIMESTAMPTZARRAYOID, FLOAT8ARRAYOID};
static CrmStatement idle_statement = {
	.name = "worker.note_idle",
	.sql = "UPDATE crm.job j SET last_run_at = n.at, last_ms = n.ms, last_result = 0"
	" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) n (job, at, ms) WHERE j.job = n.job AND j.failures = 0",
	.n_args = 3,
	.arg_types = idle_types,
};

static const Oid name_types[] = {TEXTOID};
static CrmStatement daily_statement = {
	.name = "worker.next_day",
	.sql = "UPDATE crm.job SET next_run_at = crm._worker_next_daily(at_local) WHERE job = $1",
	.n_args = 1,
	.arg_types = name_types,
};

static const Oid active_types[] = {TEXTOID};
static CrmStatement active_statement = {
	.name = "worker.is_active",
	.sql = "SELECT FROM crm.job WHERE job = $1 AND is_active",
	.n_args = 1,
	.arg_types = active_types,
};

static const Oid failure_types[] = {TEXTOID, TEXTOID, TEXTOID};
static CrmStatement failure_statement = {
	.name = "worker.note_failure",
	.sql = "SELECT crm._worker_note_failure($1, $2, $3)",
	.n_args = 3,
	.arg_types = failure_types,
};

/* Begins a transaction in which everything is done as crm_owner; the end of it gives that back. */
static void
begin_as_owner(void)
{
	Oid			user;
	int			context;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(get_role_oid("crm_owner", false),
						   context | SECURITY_LOCAL_USERID_CHANGE);
	crm_core_spi_connect();
}

static void
commit_as_owner(Oid user, int context)
{
	SPI_finish();
	PopActiveSnapshot();
	SetUserIdAndSecContext(user, context);
	CommitTransactionCommand();
}

/* Whether the extension is in this database now; is_certain: it stays so for as long as nothing is written, nobody being about to drop it. */
bool
crm_worker_extension_is_there(bool *is_certain)
{
	bool		there;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	there = OidIsValid(get_extension_oid("crm", true));
	*is_certain = crm_worker_saw_everything();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return there;
}

static CrmWorkerJob *
find_job(List *jobs, const char *name)
{
	ListCell   *cell;

	foreach(cell, jobs)
		if (strcmp(((CrmWorkerJob *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
}

/* Keeps a text as it is now in the current memory context; one that is the same stays where it is. */
static void
keep_text(char **kept, const char *text)
{
	if (text == NULL)
		*kept = NULL;
	else if (*kept == NULL || strcmp(*kept, text) != 0)
		*kept = pstrdup(text);
}

/* Takes row i of the job list over into the known jobs, which keep their place in time. */
static List *
take_job(List *known, MemoryContext context, uint64 i)
{
	HeapTuple	row = SPI_tuptable->vals[i];
	TupleDesc	shape = SPI_tuptable->tupdesc;
	char	   *name = SPI_getvalue(row, shape, 1);
	bool		is_null;
	CrmWorkerJob *job = find_job(known, name);
	MemoryContext spi = MemoryContextSwitchTo(context);

	if (job == NULL)
	{
		job = palloc0(sizeof(CrmWorkerJob));
		strlcpy(job->name, name, NAMEDATALEN);
		job->ran_at = GetCurrentTimestamp();	/* patience begins now */
		known = lappend(known, job);
	}
	keep_text(&job->statement, SPI_getvalue(row, shape, 2));
	keep_text(&job->helper_statement, SPI_getvalue(row, shape, 7));
	keep_text(&job->wake_statement, SPI_getvalue(row, shape, 9));
	job->every_ms = DatumGetInt64(SPI_getbinval(row, shape, 3, &is_null));
	job->is_daily = DatumGetBool(SPI_getbinval(row, shape, 4, &is_null));
	if (job->is_daily)
		job->next_run_at = DatumGetBool(SPI_getbinval(row, shape, 5, &is_null)) ? job->paused_until : DT_NOEND;
	job->is_patient = DatumGetBool(SPI_getbinval(row, shape, 8, &is_null));
	job->seen = true;
	MemoryContextSwitchTo(spi);
	return known;
}

/* Reads crm.job; jobs that are gone or switched off drop out of the list. */
List *
crm_worker_load_jobs(List *known, MemoryContext context, bool *wants_sender)
{
	Oid			user;
	int			security;
	ListCell   *cell;

	foreach(cell, known)
		((CrmWorkerJob *) lfirst(cell))->seen = false;
	GetUserIdAndSecContext(&user, &security);
	begin_as_owner();
	*wants_sender = false;
	crm_core_spi_execute(&installed_statement, NULL, NULL, true, 1);
	if (SPI_processed == 1)
	{
		crm_core_spi_execute(&load_statement, NULL, NULL, true, 0);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		is_null;

			known = take_job(known, context, i);
			*wants_sender = DatumGetBool(crm_core_spi_value(i, 6, &is_null));
		}
	}
	commit_as_owner(user, security);
	foreach(cell, known)
		if (!((CrmWorkerJob *) lfirst(cell))->seen)
			known = foreach_delete_current(known, cell);
	return known;
}

/* What a statement of a job returned, a bigint; otherwise when it returned none. */
static int64
read_number(const CrmWorkerJob *job, const char *statement, int64 otherwise)
{
	bool		is_null;
	Datum		value;

	crm_core_spi_execute_text(statement, job->name);
	if (SPI_processed != 1 || SPI_tuptable == NULL ||
		SPI_gettypeid(SPI_tuptable->tupdesc, 1) != INT8OID)
		return otherwise;
	value = crm_core_spi_value(0, 1, &is_null);
	return is_null ? otherwise : DatumGetInt64(value);
}

static void
note_failure(CrmWorkerJob *job, const ErrorData *error)
{
	Datum		values[3] = {CStringGetTextDatum(job->name),
		CStringGetTextDatum(unpack_sql_state(error->sqlerrcode)), CStringGetTextDatum(error->message)};
	int64		pause = Min(MAX_PAUSE_MS, (int64) 1000 << Min(job->failures, 9));
	Oid			user;
	int			security;

	job->failures++;
	job->found_nothing = false;
	job->wake_at = 0;			/* what it failed at is tried again after the pause, not at its moment that is past */
	job->paused_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause);
	job->next_run_at = job->paused_until;
	GetUserIdAndSecContext(&user, &security);
	begin_as_owner();
	crm_core_spi_execute(&failure_statement, values, NULL, false, 0);
	commit_as_owner(user, security);
}

static void
note_run(CrmWorkerJob *job, TimestampTz started, int64 left)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		values[3] = {CStringGetTextDatum(job->name),
		Float8GetDatum((now - started) / 1000.0), Int64GetDatum(left)};

	if (job->is_daily)
	{
		job->next_run_at = left > 0 ? 0 : DT_NOEND;
		if (left <= 0)
			crm_core_spi_execute(&daily_statement, values, NULL, false, 0);
	}
	else
		job->next_run_at = left > 0 ? 0 : TimestampTzPlusMilliseconds(now, job->every_ms);
	job->is_unnoted = left == 0 && !job->is_daily && job->failures == 0;
	if (!job->is_unnoted)
		crm_core_spi_execute(&note_statement, values, NULL, false, 0);
	job->failures = 0;
	job->paused_until = 0;
}

/* Whether a job is still on: one that was switched off since the jobs were listed does not run once more. */
static bool
is_switched_on(CrmWorkerJob *job)
{
	Datum		name = CStringGetTextDatum(job->name);

	crm_core_spi_execute(&active_statement, &name, NULL, true, 1);
	if (SPI_processed == 1)
		return true;
	job->next_run_at = job->is_daily ? DT_NOEND : TimestampTzPlusMilliseconds(GetCurrentTimestamp(), job->every_ms);
	job->wake_at = 0;
	return false;
}

/* A job that has nothing left may know when time alone brings it work: it is run then, to the millisecond. */
static void
plan_wake(CrmWorkerJob *job)
{
	int64		wake_ms;

	job->wake_at = 0;
	if (job->wake_statement == NULL || job->next_run_at == 0)
		return;
	wake_ms = read_number(job, job->wake_statement, PG_INT32_MAX);
	job->wake_at = TimestampTzPlusMilliseconds(GetCurrentTransactionStartTimestamp(), Max(wake_ms, 0));
}

/* In a handler of errors: the transaction is undone, the server's log has why. */
static ErrorData *
abort_and_report(MemoryContext caller)
{
	ErrorData  *error;

	MemoryContextSwitchTo(caller);
	error = CopyErrorData();
	HOLD_INTERRUPTS();
	EmitErrorReport();
	FlushErrorState();
	AbortCurrentTransaction();
	RESUME_INTERRUPTS();
	MemoryContextSwitchTo(caller);
	return error;
}

/* Runs one statement of a job; returns what it says is left, -1 when it failed (noted, with a pause). */
static int64
run_statement(CrmWorkerJob *job, const char *statement, bool is_help)
{
	MemoryContext caller = CurrentMemoryContext;
	TimestampTz started = GetCurrentTimestamp();
	Oid			user;
	int			security;
	int64		left = -1;
	bool		is_on;
	TransactionId own = InvalidTransactionId;
	ErrorData  *error = NULL;

	GetUserIdAndSecContext(&user, &security);
	pgstat_report_activity(STATE_RUNNING, statement);
	PG_TRY();
	{
		begin_as_owner();
		is_on = is_switched_on(job);
		left = is_on ? read_number(job, statement, 0) : 0;	/* a job that returns nothing has nothing left */
		if (is_on && !is_help)
		{
			job->found_nothing = left == 0 && crm_worker_saw_everything();
			note_run(job, started, left);
			plan_wake(job);
			own = job->found_nothing ? GetTopTransactionIdIfAny() : InvalidTransactionId;
		}
		commit_as_owner(user, security);
		crm_worker_quiet_goes_on(own);
	}
	PG_CATCH();
	{
		error = abort_and_report(caller);
	}
	PG_END_TRY();
	if (error != NULL)
	{
		left = -1;
		note_failure(job, error);
	}
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	return left;
}

static ArrayType *
array_of(Datum *values, int n, Oid type)
{
	return type == TEXTOID ? construct_array(values, n, type, -1, false, TYPALIGN_INT)
		: construct_array(values, n, type, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/* Writes down, in one statement, the jobs that crm.job has not heard of. */
static void
note_unnoted(List *jobs)
{
	int			room = list_length(jobs);
	Datum	   *names = palloc(room * sizeof(Datum));
	Datum	   *moments = palloc(room * sizeof(Datum));
	Datum	   *durations = palloc(room * sizeof(Datum));
	Datum		values[3];
	int			n = 0;
	ListCell   *cell;

	foreach(cell, jobs)
	{
		CrmWorkerJob *job = lfirst(cell);

		if (!job->is_unnoted)
			continue;
		names[n] = CStringGetTextDatum(job->name);
		moments[n] = TimestampTzGetDatum(job->ran_at);
		durations[n++] = Float8GetDatum(job->took_us / 1000.0);
		job->is_unnoted = false;
	}
	values[0] = PointerGetDatum(array_of(names, n, TEXTOID));
	values[1] = PointerGetDatum(array_of(moments, n, TIMESTAMPTZOID));
	values[2] = PointerGetDatum(array_of(durations, n, FLOAT8OID));
	if (n > 0)
		crm_core_spi_execute(&idle_statement, values, NULL, false, 0);
}

/*
 * What ran and found nothing is written down for all jobs together, once a minute: a note a job would be as
 * many commits, each of which has everybody look again who waits for something to be written.
 */
void
crm_worker_note_idle(List *jobs)
{
	static TimestampTz noted_at = 0;
	MemoryContext caller = CurrentMemoryContext;
	TransactionId own;
	Oid			user;
	int			security;

	if (!TimestampDifferenceExceeds(noted_at, GetCurrentTimestamp(), NOTE_MS))
		return;
	noted_at = GetCurrentTimestamp();
	GetUserIdAndSecContext(&user, &security);
	PG_TRY();
	{
		begin_as_owner();
		note_unnoted(jobs);
		own = GetTopTransactionIdIfAny();
		commit_as_owner(user, security);
		crm_worker_quiet_goes_on(own);
	}
	PG_CATCH();
	{
		abort_and_report(caller);	/* who changes crm.job goes first; the next minute's note comes */
	}
	PG_END_TRY();
}

int64
crm_worker_run_job(CrmWorkerJob *job)
{
	return run_statement(job, job->statement, false);
}

/* The helper's share of a job: the worker keeps the job's books, save for failures. */
int64
crm_worker_help_job(CrmWorkerJob *job)
{
	return run_statement(job, job->helper_statement, true);
}
