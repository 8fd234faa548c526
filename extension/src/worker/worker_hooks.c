/*
 * worker_hooks.c
 *		What statements mean for the workers, and the wake at commit.
 *
 * A connected worker would make DROP DATABASE, CREATE DATABASE ... TEMPLATE, ALTER DATABASE
 * RENAME and SET TABLESPACE fail, so our processes are asked to leave first.  CREATE EXTENSION
 * crm lets the launcher look at the database once the transaction has committed.  A wake is
 * sent at commit, not before: the worker could not see the rows yet.
 */
#include "worker/worker.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"

static ProcessUtility_hook_type previous_utility = NULL;
static bool wake_wanted = false;
static TimestampTz due_from = CRM_NOTHING_DUE;
static bool probe_wanted = false;

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (event == XACT_EVENT_COMMIT && (wake_wanted || due_from != CRM_NOTHING_DUE))
		crm_worker_wake_database(MyDatabaseId, wake_wanted, due_from);
	if (event == XACT_EVENT_COMMIT && probe_wanted)
		crm_worker_probe(MyDatabaseId);
	wake_wanted = false;
	due_from = CRM_NOTHING_DUE;
	probe_wanted = false;
}

/* There is work for jobs. */
void
crm_worker_wake_at_commit(void)
{
	wake_wanted = true;
}

/* Something is to be sent from this moment on. */
void
crm_worker_send_at_commit(TimestampTz from)
{
	due_from = Min(due_from, from);
}

/* The database a statement cannot work on while we are connected to it; NULL: none. */
static const char *
database_to_leave(Node *statement)
{
	ListCell   *cell;

	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			return ((DropdbStmt *) statement)->dbname;
		case T_RenameStmt:
			return ((RenameStmt *) statement)->renameType == OBJECT_DATABASE ?
				((RenameStmt *) statement)->subname : NULL;
		case T_AlterDatabaseStmt:
			foreach(cell, ((AlterDatabaseStmt *) statement)->options)
				if (strcmp(((DefElem *) lfirst(cell))->defname, "tablespace") == 0)
					return ((AlterDatabaseStmt *) statement)->dbname;
			return NULL;
		case T_CreatedbStmt:
			foreach(cell, ((CreatedbStmt *) statement)->options)
			{
				DefElem    *option = lfirst(cell);

				if (strcmp(option->defname, "template") == 0 && option->arg && IsA(option->arg, String))
					return strVal(option->arg);
			}
			return NULL;
		default:
			return NULL;
	}
}

static void
utility(PlannedStmt *planned, const char *text, bool read_only_tree, ProcessUtilityContext context,
		ParamListInfo params, QueryEnvironment *environment, DestReceiver *receiver,
		QueryCompletion *completion)
{
	Node	   *statement = planned->utilityStmt;
	const char *leave = database_to_leave(statement);

	if (leave != NULL)
	{
		Oid			database = get_database_oid(leave, true);

		if (OidIsValid(database) && crm_compat_owns_database(database))
			crm_worker_hold(database);
	}
	if (IsA(statement, CreateExtensionStmt) &&
		strcmp(((CreateExtensionStmt *) statement)->extname, "crm") == 0)
		probe_wanted = true;
	if (previous_utility)
		previous_utility(planned, text, read_only_tree, context, params, environment, receiver, completion);
	else
		standard_ProcessUtility(planned, text, read_only_tree, context, params, environment, receiver,
								completion);
}

void
crm_worker_hooks_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
	RegisterXactCallback(at_transaction_end, NULL);
}
