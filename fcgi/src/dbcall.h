/*
 * dbcall.h
 *		One call of one SQL statement under the caller's role: one round trip.
 */
#ifndef CRM_DBCALL_H
#define CRM_DBCALL_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "arena.h"
#include "dbpool.h"
#include "route.h"

typedef enum CrmCallResult
{
	CRM_CALL_OK,
	CRM_CALL_REFUSED,			/* the database raised an error: see `error` */
	CRM_CALL_BUSY,				/* no connection came free */
	CRM_CALL_DOWN,				/* no database, or it went away: the outcome is unknown */
	CRM_CALL_OVERDUE,			/* no answer long after the statement's own limit */
	CRM_CALL_CLIENT_GONE		/* nobody waits for the answer any more */
} CrmCallResult;

typedef struct CrmSqlError
{
	bool		in_authentication;	/* raised before the statement itself began */
	char		sqlstate[6];
	const char *message;		/* primary: only class RM's and 28's is shown */
	const char *hint;
	const char *field;			/* COLUMN of the raise, when it names one */
} CrmSqlError;

typedef struct CrmCall
{
	CrmArena   *arena;
	int			statement;		/* number for the prepared name, unique per sql */
	const char *sql;
	const char *credential;		/* JSON for crm.access_authenticate */
	const char *credential_key; /* the part that stays equal between calls */
	int			parameters;
	CrmType		types[CRM_ROUTE_PARAMS];
	const char *values[CRM_ROUTE_PARAMS];
	int			lengths[CRM_ROUTE_PARAMS];	/* of CRM_BYTEA values */
	bool		read_only;
	bool		may_retry;		/* 40001 and 40P01: the call is one function */
	int			timeout_ms;
	int			client_fd;		/* watched while waiting, -1 for none */
	const char *application_name;	/* for a traced call; NULL leaves it */

	/* rows are handed out one by one when set, else `result` holds them */
	void		(*on_row) (PGresult *row, void *argument);
	void	   *on_row_argument;

	/* the outcome */
	PGresult   *result;			/* the caller clears it */
	CrmSqlError error;
	const char *role;			/* what the database made of the credential */
	int64_t		database_us;
	int			attempts;
} CrmCall;

extern void crm_dbcall_init(bool prepared_statements);
extern CrmCallResult crm_dbcall_run(CrmCall *call);

#endif							/* CRM_DBCALL_H */
