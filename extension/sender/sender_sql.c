/*
 * sender_sql.c
 *		Claims and results: each a short transaction as crm_owner, committed before and after the
 *		request, never around it.
 *
 * A claim that was committed and then lost (the process died) ends with its lease; the message
 * goes out again with the same id.
 */
#include "sender.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

static const char *const outcome_names[] = {
	[SENDER_SENT] = "sent",
	[SENDER_FAILED] = "failed",
	[SENDER_GONE] = "gone",
	[SENDER_UNKNOWN] = "unknown",
	[SENDER_REFUSED] = "refused",
	[SENDER_REJECTED] = "rejected",
	[SENDER_LATER] = "later",
	[SENDER_THROTTLED] = "throttled",
	[SENDER_UNCERTAIN] = "uncertain",
	[SENDER_TOKEN] = "token",
};

/* Whether the extension and its outbox are in this database now. */
bool
sender_is_installed(void)
{
	bool		installed;
	Oid			schema;

	/* from the caches of the catalog: it is asked before every look */
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	schema = get_namespace_oid("crm", true);
	installed = OidIsValid(schema) && OidIsValid(get_extension_oid("crm", true)) && OidIsValid(get_relname_relid("outbox_queue", schema));
	PopActiveSnapshot();
	CommitTransactionCommand();
	return installed;
}

static char *
text_column(int row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

static int64
number_column(int row, int column)
{
	bool		is_null;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null);

	return SPI_gettypeid(SPI_tuptable->tupdesc, column) == INT8OID ? DatumGetInt64(value) : DatumGetInt32(value);
}

static SenderMessage *
read_message(int row, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "crm message", ALLOCSET_SMALL_SIZES);
	MemoryContext spi = MemoryContextSwitchTo(context);
	SenderMessage *message = palloc0(sizeof(SenderMessage));
	char	   *next_secret = text_column(row, 7);
	bool		is_null;

	message->context = context;
	message->customer_id = number_column(row, 1);
	message->message_id = pstrdup(text_column(row, 2));
	message->attempt = number_column(row, 3);
	message->endpoint = pstrdup(text_column(row, 4));
	message->url = pstrdup(text_column(row, 5));
	message->secret = pstrdup(text_column(row, 6));
	message->next_secret = next_secret ? pstrdup(next_secret) : NULL;
	message->timeout_ms = number_column(row, 8);
	message->is_private_allowed = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 9, &is_null));
	message->body = pstrdup(text_column(row, 10));
	message->due_at = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 12, &is_null));
	message->retry_after_s = -1;
	MemoryContextSwitchTo(spi);
	return message;
}

static SPIPlanPtr
keep_plan(const char *statement, int n, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(statement, n, types);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not prepare a statement of the sender")));
	return plan;
}

typedef struct Claim
{
	int			max_messages;
	MemoryContext parent;
	List	   *messages;
	int64		rest_ms;		/* nothing was found, nor will be for so long unless something is written */
} Claim;

/* How long until time brings something into the queue. */
static int64
read_rest(void)
{
	static SPIPlanPtr plan = NULL;

	if (plan == NULL)
		plan = keep_plan("SELECT crm._outbox_wakes_in()", 0, NULL);
	SPI_execute_plan(plan, NULL, NULL, true, 1);
	return SPI_processed == 1 ? number_column(0, 1) : 0;
}

static void
claim_messages(void *argument)
{
	static SPIPlanPtr plan = NULL;
	Claim	   *claim = argument;
	Oid			types[7] = {INT4OID, INT4OID, INT4OID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID, INT4ARRAYOID};
	Datum		values[7] = {Int32GetDatum(claim->max_messages), Int32GetDatum(SENDER_LEASE_MS), Int32GetDatum(MyProcPid)};
	List	   *of_vendors = NIL;

	if (plan == NULL)
		plan = keep_plan("SELECT customer_id, message_id, attempt, endpoint, url, secret, next_secret, timeout_ms,"
						 " is_private_allowed, body, is_plain, due_at FROM crm._outbox_claim($1, $2, $3, ARRAY("
						 "SELECT ROW(l.endpoint, l.due_at, l.customer_id, l.under_way)::crm.queue_look"
						 " FROM unnest($4, $5, $6, $7) l (endpoint, due_at, customer_id, under_way)))", 7, types);
	sender_place_arrays(values + 3);
	SPI_execute_plan(plan, values, NULL, false, 0);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		SenderMessage *message = read_message(row, claim->parent);
		bool		is_null;
		MemoryContext spi;

		if (!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 11, &is_null)))
			of_vendors = lappend(of_vendors, message);
		spi = MemoryContextSwitchTo(claim->parent);

		claim->messages = lappend(claim->messages, message);
		MemoryContextSwitchTo(spi);
	}
	sender_wire_read(of_vendors);
	if (claim->messages == NIL && sender_saw_everything())
		claim->rest_ms = read_rest();
}

void
sender_free(SenderMessage *message)
{
	MemoryContextDelete(message->context);
}

static void
free_messages(List *messages)
{
	ListCell   *cell;

	foreach(cell, messages)
		sender_free(lfirst(cell));
	list_free(messages);
}

/* Claims due messages; list and messages live in parent, the leases are committed; rest_ms: when there is none, for how long.  False: it failed. */
bool
sender_claim(int max_messages, MemoryContext parent, List **claimed, int64 *rest_ms)
{
	Claim		claim = {.max_messages = max_messages, .parent = parent, .messages = NIL, .rest_ms = 0};
	TimestampTz began = GetCurrentTimestamp();
	bool		is_sweep = sender_place_prepare();
	bool		is_done = sender_in_transaction(claim_messages, &claim);

	sender_place_looked(is_sweep, is_done, began);
	if (is_done)
	{
		sender_place_took(claim.messages);
		*claimed = claim.messages;
		*rest_ms = claim.rest_ms;
		return true;
	}
	free_messages(claim.messages);
	*claimed = NIL;
	return false;
}

static Datum
array_of(Datum *values, int n, Oid type)
{
	int			length = type == INT8OID ? 8 : type == INT4OID ? 4 : -1;

	return PointerGetDatum(construct_array(values, n, type, length, type == INT8OID ? FLOAT8PASSBYVAL : type == INT4OID,
										   type == INT8OID ? TYPALIGN_DOUBLE : TYPALIGN_INT));
}

static void
write_results(void *argument)
{
	static SPIPlanPtr plan = NULL;
	List	   *messages = argument;
	int			n = list_length(messages);
	Oid			types[7] = {INT8ARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID};
	static const Oid elements[7] = {INT8OID, TEXTOID, INT4OID, TEXTOID, INT4OID, INT4OID, TEXTOID};
	Datum	   *columns[7];
	Datum		values[7];
	ListCell   *cell;
	int			i = 0;

	for (int column = 0; column < 7; column++)
		columns[column] = palloc(n * sizeof(Datum));
	foreach(cell, messages)
	{
		SenderMessage *message = lfirst(cell);

		columns[0][i] = Int64GetDatum(message->customer_id);
		columns[1][i] = CStringGetTextDatum(message->message_id);
		columns[2][i] = Int32GetDatum(message->attempt);
		columns[3][i] = CStringGetTextDatum(outcome_names[message->outcome]);
		columns[4][i] = Int32GetDatum(message->http_status);
		columns[5][i] = Int32GetDatum(message->retry_after_s);
		columns[6][i] = CStringGetTextDatum(message->detail ? message->detail : "");
		i++;
	}
	for (int column = 0; column < 7; column++)
		values[column] = array_of(columns[column], n, elements[column]);
	if (plan == NULL)
		plan = keep_plan("SELECT crm._outbox_finish($1, $2, $3, $4, $5, $6, $7)", 7, types);
	SPI_execute_plan(plan, values, NULL, false, 0);
}

/* Writes the results of requests that ended, in one commit, and frees the messages.  False: it failed. */
bool
sender_finish(List *messages)
{
	ListCell   *cell;

	if (!sender_in_transaction(write_results, messages))
		return false;
	foreach(cell, messages)
		sender_place_ended(lfirst(cell));
	free_messages(messages);
	return true;
}
