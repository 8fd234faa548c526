/*
 * sender_transaction.c
 *		A short transaction as crm_owner: the sender touches the database in nothing else.
 */
#include "sender.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

static void
begin(void)
{
	Oid			user;
	int			context;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(get_role_oid("crm_owner", false), context | SECURITY_LOCAL_USERID_CHANGE);
	if (SPI_connect() != SPI_OK_CONNECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not connect to SPI")));
}

static void
commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, 0);
	CommitTransactionCommand();
	pgstat_report_stat(false);
}

/*
 * Runs work in a transaction of its own; false when it failed: said in the log, undone, to be tried
 * again.  An error must not end the process, which holds the results of requests that have been sent.
 */
bool
sender_in_transaction(void (*work) (void *), void *argument)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		begin();
		work(argument);
		commit();
		done = true;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return done;
}
