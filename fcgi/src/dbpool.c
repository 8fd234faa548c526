/*
 * dbpool.c
 *		Lends database connections to threads for the length of one call.
 *
 * One mutex guards the slots; it is never held over a system call that waits.
 * A free connection that last ran for the wanted role is preferred, because
 * PostgreSQL plans a prepared statement anew when the role under row security
 * has changed (about 80 us).
 *
 * A borrower opens the connection itself when its slot has none, and tries again
 * until the wait is over: so a restart of the database of a second or two is felt
 * as a delay, not as errors.  A connection that the server closed while it was
 * idle is noticed before it is used.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accesslog.h"
#include "dbpool.h"
#include "request.h"

#define RETRY_MS	100

static struct
{
	pthread_mutex_t lock;
	pthread_cond_t freed;
	CrmDb	   *slots;
	int			size;
	size_t		prepared_bytes;
	int			wait_ms;
	const char *conninfo;
	int			waiting;
	uint64_t	turn;
	uint64_t	connects;
	uint64_t	failures;
	int64_t		logged_us;		/* last complaint, so that an outage is a line a second */
}			pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool
crm_dbpool_start(const CrmConfig *config, int statements)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pool.freed, &attributes);
	pthread_condattr_destroy(&attributes);
	pool.size = config->connections;
	pool.wait_ms = config->pool_wait_ms;
	pool.conninfo = config->database;
	pool.prepared_bytes = ((size_t) statements * CRM_DBPOOL_ROLES + 7) / 8;
	pool.slots = calloc((size_t) pool.size, sizeof(CrmDb));
	for (int i = 0; pool.slots != NULL && i < pool.size; i++)
	{
		pool.slots[i].prepared = calloc(1, pool.prepared_bytes);
		if (pool.slots[i].prepared == NULL)
			return false;
	}
	return pool.slots != NULL;
}

void
crm_dbpool_stop(void)
{
	for (int i = 0; i < pool.size; i++)
	{
		PQfinish(pool.slots[i].connection);
		free(pool.slots[i].prepared);
	}
	free(pool.slots);
	pool.slots = NULL;
	pool.size = 0;
}

/* The server's messages may hold values of rows: they are not for our log. */
static void
drop_notice(void *unused, const char *message)
{
	(void) unused;
	(void) message;
}

static void
complain(const char *reason)
{
	int64_t		now = crm_clock_us();
	bool		quiet;

	pthread_mutex_lock(&pool.lock);
	pool.failures++;
	quiet = now - pool.logged_us < 1000000;
	if (!quiet)
		pool.logged_us = now;
	pthread_mutex_unlock(&pool.lock);
	if (!quiet)
		crm_accesslog_event("error", "database_connect_failed", reason);
}

static bool
open_connection(CrmDb *db)
{
	const char *names[] = {"connect_timeout", "application_name", "options", "dbname",
	"client_encoding", NULL};
	const char *values[] = {"3", "crm_gateway",
		"-c jit=off -c idle_in_transaction_session_timeout=60s",
	pool.conninfo, "UTF8", NULL};

	db->connection = PQconnectdbParams(names, values, 1);
	if (PQstatus(db->connection) == CONNECTION_OK &&
		PQenterPipelineMode(db->connection) == 1 &&
		PQsetnonblocking(db->connection, 1) == 0)
	{
		PQsetNoticeProcessor(db->connection, drop_notice, NULL);
		memset(db->prepared, 0, pool.prepared_bytes);
		db->last_role = -1;
		pthread_mutex_lock(&pool.lock);
		pool.connects++;
		pthread_mutex_unlock(&pool.lock);
		return true;
	}
	complain(PQerrorMessage(db->connection));
	PQfinish(db->connection);
	db->connection = NULL;
	return false;
}

/*
 * An idle connection has nothing to say; if it is readable, the server has
 * closed it (or says that it will).
 */
static bool
is_stale(const CrmDb *db)
{
	struct pollfd state = {.fd = PQsocket(db->connection), .events = POLLIN | POLLRDHUP};

	return PQstatus(db->connection) != CONNECTION_OK || poll(&state, 1, 0) != 0;
}

static int
rank(const CrmDb *db, int role)
{
	if (db->connection == NULL)
		return 1;
	return db->last_role == role ? 3 : 2;
}

/* The best free slot, or NULL; the lock is held. */
static CrmDb *
choose(int role)
{
	CrmDb	   *best = NULL;

	for (int i = 0; i < pool.size; i++)
	{
		CrmDb	   *db = &pool.slots[i];

		if (db->in_use)
			continue;
		if (best == NULL || rank(db, role) > rank(best, role) ||
			(rank(db, role) == rank(best, role) && db->returned > best->returned))
			best = db;
	}
	return best;
}

static struct timespec
time_of(int64_t us)
{
	struct timespec at = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

	return at;
}

static CrmDb *
take_slot(int role, int64_t deadline_us)
{
	struct timespec deadline = time_of(deadline_us);
	CrmDb	   *db;
	int			waited = 0;

	pthread_mutex_lock(&pool.lock);
	pool.waiting++;
	while ((db = choose(role)) == NULL && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&pool.freed, &pool.lock, &deadline);
	if (db != NULL)
		db->in_use = true;
	pool.waiting--;
	pthread_mutex_unlock(&pool.lock);
	return db;
}

CrmDbpoolResult
crm_dbpool_borrow(int role, CrmDb **result)
{
	int64_t		deadline = crm_clock_us() + (int64_t) pool.wait_ms * 1000;
	struct timespec pause = time_of(RETRY_MS * 1000);
	CrmDb	   *db = take_slot(role, deadline);

	if (db == NULL)
		return CRM_DBPOOL_BUSY;
	if (db->connection != NULL && is_stale(db))
	{
		PQfinish(db->connection);
		db->connection = NULL;
	}
	while (db->connection == NULL && !open_connection(db))
	{
		if (crm_clock_us() + RETRY_MS * 1000 > deadline)
		{
			crm_dbpool_give_back(db, true);
			return CRM_DBPOOL_DOWN;
		}
		nanosleep(&pause, NULL);
	}
	db->last_role = role;
	*result = db;
	return CRM_DBPOOL_OK;
}

/*
 * A connection is only reusable between calls, when its pipeline is empty and
 * no transaction is open; anything else is closed.
 */
void
crm_dbpool_give_back(CrmDb *db, bool is_broken)
{
	PGconn	   *gone = NULL;

	if (db->connection != NULL &&
		(is_broken || PQtransactionStatus(db->connection) != PQTRANS_IDLE))
	{
		gone = db->connection;
		db->connection = NULL;
	}
	PQfinish(gone);
	pthread_mutex_lock(&pool.lock);
	db->in_use = false;
	db->returned = ++pool.turn;
	pthread_cond_signal(&pool.freed);
	pthread_mutex_unlock(&pool.lock);
}

bool
crm_dbpool_is_prepared(const CrmDb *db, int statement, int role)
{
	size_t		bit = (size_t) statement * CRM_DBPOOL_ROLES + (size_t) role;

	return db->prepared[bit / 8] & 1u << bit % 8;
}

void
crm_dbpool_set_prepared(CrmDb *db, int statement, int role)
{
	size_t		bit = (size_t) statement * CRM_DBPOOL_ROLES + (size_t) role;

	db->prepared[bit / 8] |= (unsigned char) (1u << bit % 8);
}

void
crm_dbpool_counts(CrmDbpoolCounts *counts)
{
	pthread_mutex_lock(&pool.lock);
	memset(counts, 0, sizeof(*counts));
	counts->size = pool.size;
	counts->waiting = pool.waiting;
	counts->connects = pool.connects;
	counts->failures = pool.failures;
	for (int i = 0; i < pool.size; i++)
	{
		counts->in_use += pool.slots[i].in_use;
		counts->connected += pool.slots[i].connection != NULL;
	}
	pthread_mutex_unlock(&pool.lock);
}
