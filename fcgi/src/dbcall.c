/*
 * dbcall.c
 *		Runs one statement for one caller in one pipelined round trip.
 *
 * What goes over the wire, as one implicit transaction:
 *
 *		[Parse]* Bind/Execute	authenticate: credential -> claims, role, limits
 *		[Parse]  Bind/Execute	the route's statement, now under that role
 *		Sync
 *
 * Everything is set with is_local = true, so after Sync the connection is the
 * login role again, without claims.  An error anywhere undoes all of it.  When
 * authentication fails the statement is skipped by the server itself
 * (PGRES_PIPELINE_ABORTED): there is no window in which it runs unauthenticated.
 *
 * Prepared statements are named per (statement, role).  The role of a key or a
 * session is known only after the first call, so a small table remembers it by
 * a hash of the credential.  A wrong guess costs a re-plan and nothing else: the
 * role that counts is always the one the database answers.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dbcall.h"
#include "request.h"

#define ATTEMPTS_MAX		4	/* the first and three more */
#define GRACE_MS			5000	/* beyond statement_timeout before we give up */
#define LEAVE_MS			20	/* what a statement may take to end before it is cancelled */
#define CANCEL_MS			1000
#define GUESSES				4096

/*
 * max() makes a row even when the function returns none, and an empty or "none"
 * role becomes a name that does not exist: SET ROLE none would mean the login
 * role.  Claims are set before the role, which may not set them.
 */
#define AUTHENTICATE(more) \
	"SELECT set_config('crm.access_claims', coalesce(max(a.claims), ''), true), " \
	"set_config('statement_timeout', $2, true), " \
	"CASE WHEN $3 THEN set_config('transaction_read_only', 'on', true) END, " \
	more \
	"set_config('role', coalesce(nullif(nullif(max(a.role), 'none'), ''), '(nobody)'), true) " \
	"FROM crm.access_authenticate($1) a"

static const char authenticate_sql[] = AUTHENTICATE("");
static const char traced_sql[] = AUTHENTICATE("set_config('application_name', $4, true), ");

enum
{
	STATEMENT_AUTHENTICATE,
	STATEMENT_TRACED,
	STATEMENT_FIRST_FREE
};

static const char *const role_names[CRM_DBPOOL_ROLES - 1] = {
	"crm_gateway", "crm_till", "crm_clerk", "crm_store_manager", "crm_manager", "crm_service",
	"crm_steward", "crm_marketer", "crm_analyst", "crm_headquarters", "crm_admin", "crm_reader",
};

static const Oid type_oids[] = {25, 20, 23, 16, 1082, 1184, 1700, 2950, 3802, 17};

static bool use_prepared = true;
static uint64_t guesses[GUESSES];	/* hash with the role's number in the low byte */

void
crm_dbcall_init(bool prepared_statements)
{
	use_prepared = prepared_statements;
}

static int
role_number(const char *name)
{
	for (int i = 0; i < CRM_DBPOOL_ROLES - 1 && role_names[i] != NULL; i++)
	{
		if (strcmp(role_names[i], name) == 0)
			return i;
	}
	return CRM_DBPOOL_ROLES - 1;
}

/* FNV-1a; only to remember a guess, see above. */
static uint64_t
hash_text(const char *text)
{
	uint64_t	hash = 0xcbf29ce484222325u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char) *text) * 0x100000001b3u;
	return hash ^ hash >> 29;
}

static int
guess_role(uint64_t hash)
{
	uint64_t	entry = __atomic_load_n(&guesses[hash % GUESSES], __ATOMIC_RELAXED);

	return (entry ^ hash) >> 8 == 0 ? (int) (entry & 0xff) : CRM_DBPOOL_ROLES - 1;
}

static void
remember_role(uint64_t hash, int role)
{
	__atomic_store_n(&guesses[hash % GUESSES], (hash & ~(uint64_t) 0xff) | (uint64_t) role,
					 __ATOMIC_RELAXED);
}

/* One Parse/Bind/Execute, or the same without a name behind a pooler. */
typedef struct Step
{
	int			statement;
	int			role;
	const char *sql;
	int			parameters;
	const Oid  *types;
	const char *const *values;
	const int  *lengths;
	const int  *formats;
	bool		parses;			/* a Parse result comes before its own */
} Step;

static bool
send_step(CrmDb *db, Step *step)
{
	char		name[32];

	if (!use_prepared)
		return PQsendQueryParams(db->connection, step->sql, step->parameters, step->types,
								 step->values, step->lengths, step->formats, 0) == 1;
	snprintf(name, sizeof(name), "s%d_%d", step->statement, step->role);
	step->parses = !crm_dbpool_is_prepared(db, step->statement, step->role);
	if (step->parses &&
		PQsendPrepare(db->connection, name, step->sql, step->parameters, step->types) != 1)
		return false;
	return PQsendQueryPrepared(db->connection, name, step->parameters, step->values,
							   step->lengths, step->formats, 0) == 1;
}

static bool
client_is_gone(const struct pollfd *client)
{
	return client->fd >= 0 && (client->revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Waits until the next result can be had without blocking. */
static CrmCallResult
await_result(PGconn *connection, int client_fd, int64_t deadline_us)
{
	struct pollfd fds[2] = {
		{.fd = PQsocket(connection)},
		{.fd = client_fd, .events = POLLRDHUP},
	};

	for (;;)
	{
		int			unsent = PQflush(connection);
		int64_t		left_us = deadline_us - crm_clock_us();

		if (unsent < 0)
			return CRM_CALL_DOWN;
		if (!PQisBusy(connection))
			return CRM_CALL_OK;
		if (left_us <= 0)
			return CRM_CALL_OVERDUE;
		fds[0].events = (short) (unsent > 0 ? POLLIN | POLLOUT : POLLIN);
		if (poll(fds, client_fd >= 0 ? 2 : 1, (int) (left_us / 1000) + 1) < 0 && errno != EINTR)
			return CRM_CALL_DOWN;
		if (client_is_gone(&fds[1]))
			return CRM_CALL_CLIENT_GONE;
		if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) && PQconsumeInput(connection) != 1)
			return CRM_CALL_DOWN;
	}
}

static const char *
copy_field(CrmArena *arena, const PGresult *result, int code)
{
	const char *text = PQresultErrorField(result, code);

	return text == NULL ? NULL : crm_arena_copy(arena, text, strlen(text));
}

static void
note_error(CrmCall *call, const PGresult *result, bool in_authentication)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	call->error.in_authentication = in_authentication;
	snprintf(call->error.sqlstate, sizeof(call->error.sqlstate), "%s",
			 sqlstate != NULL ? sqlstate : "08006");
	call->error.message = copy_field(call->arena, result, PG_DIAG_MESSAGE_PRIMARY);
	call->error.hint = copy_field(call->arena, result, PG_DIAG_MESSAGE_HINT);
	call->error.field = copy_field(call->arena, result, PG_DIAG_COLUMN_NAME);
}

/*
 * Takes the results of one message up to their NULL.  The last good result, if
 * any, is left in *kept; in single-row mode rows go to the call's on_row.
 */
static CrmCallResult
take_results(CrmCall *call, CrmDb *db, int64_t deadline_us, bool is_authentication,
			 PGresult **kept)
{
	PGresult   *result;
	CrmCallResult outcome = CRM_CALL_OK;
	CrmCallResult waited;

	*kept = NULL;
	for (;;)
	{
		waited = await_result(db->connection, call->client_fd, deadline_us);
		if (waited != CRM_CALL_OK)
			return waited;
		result = PQgetResult(db->connection);
		if (result == NULL)
			return outcome;
		switch (PQresultStatus(result))
		{
			case PGRES_SINGLE_TUPLE:
				call->on_row(result, call->on_row_argument);
				break;
			case PGRES_TUPLES_OK:
			case PGRES_COMMAND_OK:
				PQclear(*kept);
				*kept = result;
				continue;
			case PGRES_PIPELINE_ABORTED:
				outcome = CRM_CALL_REFUSED;	/* the first error was noted already */
				break;
			default:
				if (PQstatus(db->connection) != CONNECTION_OK)
				{
					PQclear(result);
					return CRM_CALL_DOWN;
				}
				note_error(call, result, is_authentication);
				outcome = CRM_CALL_REFUSED;
				break;
		}
		PQclear(result);
	}
}

/* The results of one step: its Parse, when it had one, and its Execute. */
static CrmCallResult
take_step(CrmCall *call, CrmDb *db, Step *step, bool is_authentication,
		  int64_t deadline_us, PGresult **kept)
{
	CrmCallResult outcome;

	if (step->parses)
	{
		outcome = take_results(call, db, deadline_us, is_authentication, kept);
		if (outcome != CRM_CALL_OK && outcome != CRM_CALL_REFUSED)
			return outcome;
		if (*kept != NULL)
			crm_dbpool_set_prepared(db, step->statement, step->role);
		PQclear(*kept);
		*kept = NULL;
	}
	if (!is_authentication && call->on_row != NULL)
		PQsetSingleRowMode(db->connection);
	return take_results(call, db, deadline_us, is_authentication, kept);
}

/*
 * Reads on to the end of the pipeline, so that the connection can be used again.
 * The commit happens there, so an error of its own (a deferred constraint, say)
 * arrives here.
 */
static CrmCallResult
take_sync(CrmCall *call, CrmDb *db, int64_t deadline_us)
{
	CrmCallResult outcome = CRM_CALL_OK;

	for (;;)
	{
		CrmCallResult waited = await_result(db->connection, call->client_fd, deadline_us);
		PGresult   *result;
		ExecStatusType status;

		if (waited != CRM_CALL_OK)
			return waited;
		result = PQgetResult(db->connection);
		status = PQresultStatus(result);
		if (result != NULL && status == PGRES_FATAL_ERROR)
		{
			note_error(call, result, false);
			outcome = CRM_CALL_REFUSED;
		}
		PQclear(result);
		if (status == PGRES_PIPELINE_SYNC)
			return outcome;
		if (PQstatus(db->connection) != CONNECTION_OK)
			return CRM_CALL_DOWN;
	}
}

/* The database need not go on with what nobody waits for. */
static void
cancel(PGconn *connection)
{
	PGcancel   *request = PQgetCancel(connection);
	char		error[256];

	if (request != NULL)
		(void) PQcancel(request, error, sizeof(error));
	PQfreeCancel(request);
}

/* Reads everything up to the end of the pipeline and drops it; false after `wait_ms`. */
static bool
discard_rest(PGconn *connection, int wait_ms)
{
	int64_t		deadline = crm_clock_us() + (int64_t) wait_ms * 1000;
	ExecStatusType status = PGRES_EMPTY_QUERY;

	while (status != PGRES_PIPELINE_SYNC)
	{
		PGresult   *result;

		if (await_result(connection, -1, deadline) != CRM_CALL_OK)
			return false;
		result = PQgetResult(connection);
		status = PQresultStatus(result);
		PQclear(result);
		if (PQstatus(connection) != CONNECTION_OK)
			return false;
	}
	return true;
}

/*
 * Leaves a conversation in the middle.  A short statement is let end, a longer
 * one is cancelled; the connection survives both, so that clients who go away do
 * not cost a new connection each.
 */
static bool
leave(PGconn *connection)
{
	if (discard_rest(connection, LEAVE_MS))
		return true;
	cancel(connection);
	return discard_rest(connection, CANCEL_MS);
}

/* Was the step to be prepared, and we do not know whether it is? */
static bool
is_unsure(const CrmDb *db, const Step *step)
{
	return step->parses && !crm_dbpool_is_prepared(db, step->statement, step->role);
}

static CrmCallResult
converse(CrmCall *call, CrmDb *db, Step *authenticate, Step *statement)
{
	int64_t		deadline = crm_clock_us() + ((int64_t) call->timeout_ms + GRACE_MS) * 1000;
	PGresult   *who = NULL;
	CrmCallResult outcome;
	CrmCallResult main_outcome;
	CrmCallResult end;

	if (!send_step(db, authenticate) || !send_step(db, statement) ||
		PQpipelineSync(db->connection) != 1)
		return CRM_CALL_DOWN;
	outcome = take_step(call, db, authenticate, true, deadline, &who);
	if (who != NULL && outcome == CRM_CALL_OK)
	{
		const char *role = PQgetvalue(who, 0, PQnfields(who) - 1);

		call->role = crm_arena_copy(call->arena, role, strlen(role));
	}
	PQclear(who);
	if (outcome != CRM_CALL_OK && outcome != CRM_CALL_REFUSED)
		return outcome;
	main_outcome = take_step(call, db, statement, false, deadline, &call->result);
	if (main_outcome != CRM_CALL_OK && main_outcome != CRM_CALL_REFUSED)
		return main_outcome;
	end = take_sync(call, db, deadline);
	if (end != CRM_CALL_OK)
		return end;
	return outcome == CRM_CALL_OK ? main_outcome : outcome;
}

static CrmCallResult
attempt(CrmCall *call, uint64_t hash)
{
	static const Oid authenticate_types[] = {25, 25, 16, 25};
	int			role = guess_role(hash);
	char		timeout[16];
	const char *limits[] = {call->credential, timeout, call->read_only ? "t" : "f",
	call->application_name};
	Oid			types[CRM_ROUTE_PARAMS];
	int			formats[CRM_ROUTE_PARAMS];
	Step		authenticate = {
		.statement = call->application_name != NULL ? STATEMENT_TRACED : STATEMENT_AUTHENTICATE,
		.sql = call->application_name != NULL ? traced_sql : authenticate_sql,
		.parameters = call->application_name != NULL ? 4 : 3,
		.types = authenticate_types, .values = limits,
	};
	Step		statement = {
		.statement = STATEMENT_FIRST_FREE + call->statement, .role = role, .sql = call->sql,
		.parameters = call->parameters, .types = types, .values = call->values,
		.lengths = call->lengths, .formats = formats,
	};
	CrmDb	   *db;
	CrmDbpoolResult borrowed = crm_dbpool_borrow(role, &db);
	CrmCallResult outcome;
	bool		is_broken;
	int64_t		started = crm_clock_us();

	if (borrowed != CRM_DBPOOL_OK)
		return borrowed == CRM_DBPOOL_BUSY ? CRM_CALL_BUSY : CRM_CALL_DOWN;
	snprintf(timeout, sizeof(timeout), "%d", call->timeout_ms);
	for (int i = 0; i < call->parameters; i++)
	{
		types[i] = type_oids[call->types[i]];
		formats[i] = call->types[i] == CRM_BYTEA;
	}
	outcome = converse(call, db, &authenticate, &statement);
	is_broken = outcome == CRM_CALL_DOWN;
	if (outcome == CRM_CALL_CLIENT_GONE || outcome == CRM_CALL_OVERDUE)
		is_broken = !leave(db->connection) || is_unsure(db, &authenticate) ||
			is_unsure(db, &statement);
	if (call->role != NULL && call->role[0] != '\0')
		remember_role(hash, role_number(call->role));
	crm_dbpool_give_back(db, is_broken);
	call->database_us += crm_clock_us() - started;
	return outcome;
}

static bool
is_conflict(const CrmSqlError *error)
{
	return strcmp(error->sqlstate, "40001") == 0 || strcmp(error->sqlstate, "40P01") == 0;
}

/* The server went away or is going; what only reads can be asked again. */
static bool
is_interrupted(const CrmCall *call, CrmCallResult outcome)
{
	return outcome == CRM_CALL_DOWN ||
		(outcome == CRM_CALL_REFUSED && strncmp(call->error.sqlstate, "57P0", 4) == 0);
}

static bool
should_repeat(const CrmCall *call, CrmCallResult outcome)
{
	if (call->on_row != NULL || call->attempts >= ATTEMPTS_MAX)
		return false;			/* rows already handed out cannot be taken back */
	if (is_interrupted(call, outcome))
		return call->read_only && call->attempts == 1;
	return outcome == CRM_CALL_REFUSED && call->may_retry && is_conflict(&call->error);
}

/*
 * Runs the call.  A serialization failure or a deadlock is tried again up to
 * three times after a short pause, a reading call once when the server restarts.
 */
CrmCallResult
crm_dbcall_run(CrmCall *call)
{
	uint64_t	hash = hash_text(call->credential_key);
	CrmCallResult outcome;

	for (call->attempts = 1;; call->attempts++)
	{
		struct timespec pause = {.tv_nsec = (long) (hash % 5 + 2) * 1000000 * call->attempts};

		outcome = attempt(call, hash);
		if (outcome == CRM_CALL_OK)
			return outcome;
		PQclear(call->result);
		call->result = NULL;
		if (!should_repeat(call, outcome))
			return outcome;
		nanosleep(&pause, NULL);
	}
}
