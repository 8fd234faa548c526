/*
 * sender_wire.c
 *		What vendors' connectors add to messages, and what their answers mean: asked of the database,
 *		where connectors are rows.
 *
 * A claim reads the wires of its messages in its own transaction; plain webhooks have none and cost
 * nothing here.  Answers are judged in a transaction of their own, before results are written.
 */
#include "sender.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* What the wire of a message says under a name; "" when it says nothing. */
const char *
sender_field(const SenderWire *wire, const char *name)
{
	for (int i = 0; i < wire->n_fields; i++)
		if (strcmp(wire->names[i], name) == 0)
			return wire->values[i];
	return "";
}

static char *
column(int row, int number, MemoryContext context)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);

	return value ? MemoryContextStrdup(context, value) : NULL;
}

static int
int_column(int row, int number)
{
	bool		is_null;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &is_null);

	return is_null ? 0 : DatumGetInt32(value);
}

static char **
texts_column(int row, int number, MemoryContext context, int *n)
{
	bool		is_null;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &is_null);
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;

	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, n);
	texts = MemoryContextAlloc(context, (*n + 1) * sizeof(char *));
	for (int i = 0; i < *n; i++)
		texts[i] = MemoryContextStrdup(context, nulls[i] ? "" : TextDatumGetCString(elements[i]));
	return texts;
}

static Datum
texts(List *messages, const char *(*of) (const SenderMessage *))
{
	int			n = list_length(messages);
	Datum	   *values = palloc(n * sizeof(Datum));

	for (int i = 0; i < n; i++)
		values[i] = CStringGetTextDatum(of(list_nth(messages, i)));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
numbers(List *messages, int (*of) (const SenderMessage *))
{
	int			n = list_length(messages);
	Datum	   *values = palloc(n * sizeof(Datum));

	for (int i = 0; i < n; i++)
		values[i] = Int32GetDatum(of(list_nth(messages, i)));
	return PointerGetDatum(construct_array(values, n, INT4OID, 4, true, TYPALIGN_INT));
}

static const char *endpoint_of(const SenderMessage *message) { return message->endpoint; }
static const char *body_of(const SenderMessage *message) { return message->body; }
static const char *detail_of(const SenderMessage *message) { return message->detail ? message->detail : ""; }
static int	status_of(const SenderMessage *message) { return message->http_status; }
static int	retry_after_of(const SenderMessage *message) { return message->retry_after_s; }

static const char *
outcome_of(const SenderMessage *message)
{
	return message->outcome == SENDER_UNKNOWN ? "unknown" : message->outcome == SENDER_REFUSED ? "refused" :
		message->outcome == SENDER_GONE ? "gone" : message->outcome == SENDER_SENT ? "sent" : "failed";
}

/* The wires of claimed messages; within the claim's transaction. */
void
sender_wire_read(List *messages)
{
	Oid			types[2] = {TEXTARRAYOID, TEXTARRAYOID};
	Datum		values[2];

	if (messages == NIL)
		return;
	values[0] = texts(messages, endpoint_of);
	values[1] = texts(messages, body_of);
	SPI_execute_with_args("SELECT n, format, signer, url, token_url, token, key_id, key, names, vals, body FROM crm._outbox_wire($1, $2)",
						  2, types, values, NULL, true, 0);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		SenderMessage *message = list_nth(messages, int_column(row, 1) - 1);
		MemoryContext context = message->context;
		SenderWire *wire = MemoryContextAllocZero(context, sizeof(SenderWire));

		wire->format = column(row, 2, context);
		wire->signer = column(row, 3, context);
		wire->url = column(row, 4, context);
		wire->token_url = column(row, 5, context);
		wire->token = column(row, 6, context);
		wire->key_id = column(row, 7, context);
		wire->key = column(row, 8, context);
		wire->names = texts_column(row, 9, context, &wire->n_fields);
		wire->values = texts_column(row, 10, context, &wire->n_fields);
		wire->body = column(row, 11, context);
		message->wire = wire;
	}
}

static SenderOutcome
outcome_named(const char *name)
{
	static const struct
	{
		const char *name;
		SenderOutcome outcome;
	}			known[] = {
		{"sent", SENDER_SENT}, {"gone", SENDER_GONE}, {"unknown", SENDER_UNKNOWN}, {"refused", SENDER_REFUSED},
		{"rejected", SENDER_REJECTED}, {"later", SENDER_LATER}, {"throttled", SENDER_THROTTLED},
		{"uncertain", SENDER_UNCERTAIN}, {"token", SENDER_TOKEN},
	};

	for (size_t i = 0; i < lengthof(known); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].outcome;
	return SENDER_FAILED;
}

static Datum
answers(List *messages)
{
	int			n = list_length(messages);
	Datum	   *values = palloc(n * sizeof(Datum));

	for (int i = 0; i < n; i++)
	{
		SenderMessage *message = list_nth(messages, i);
		int			length = message->answer ? message->answer_length : 0;
		bytea	   *answer = palloc(VARHDRSZ + length);

		SET_VARSIZE(answer, VARHDRSZ + length);
		memcpy(VARDATA(answer), message->answer, length);
		values[i] = PointerGetDatum(answer);
	}
	return PointerGetDatum(construct_array(values, n, BYTEAOID, -1, false, TYPALIGN_INT));
}

static void
ask_verdicts(void *argument)
{
	List	   *messages = argument;
	Oid			types[6] = {TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, BYTEAARRAYOID};
	Datum		values[6];

	values[0] = texts(messages, endpoint_of);
	values[1] = texts(messages, outcome_of);
	values[2] = numbers(messages, status_of);
	values[3] = numbers(messages, retry_after_of);
	values[4] = texts(messages, detail_of);
	values[5] = answers(messages);
	SPI_execute_with_args("SELECT n, outcome, retry_after, detail FROM crm._outbox_judge($1, $2, $3, $4, $5, $6)", 6, types, values, NULL, true, 0);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		SenderMessage *message = list_nth(messages, int_column(row, 1) - 1);

		message->outcome = outcome_named(SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2));
		message->retry_after_s = int_column(row, 3);
		message->detail = column(row, 4, message->context);
	}
}

/* Judges the answers of vendors among messages that ended; false: it failed, to be tried again. */
bool
sender_judge(List *messages)
{
	List	   *asked = NIL;
	ListCell   *cell;

	foreach(cell, messages)
	{
		SenderMessage *message = lfirst(cell);

		if (message->wire != NULL && !message->is_judged)
			asked = lappend(asked, message);
	}
	if (asked == NIL)
		return true;
	if (!sender_in_transaction(ask_verdicts, asked))
		return false;
	foreach(cell, asked)
		((SenderMessage *) lfirst(cell))->is_judged = true;
	list_free(asked);
	return true;
}

typedef struct TokenQuestion
{
	SenderMessage *message;
	char	   *token;
	char	   *fault;
} TokenQuestion;

static void
keep_token(void *argument)
{
	TokenQuestion *question = argument;
	SenderMessage *request = question->message;
	Oid			types[3] = {TEXTOID, INT4OID, BYTEAOID};
	int			length = request->answer ? request->answer_length : 0;
	bytea	   *answer = palloc(VARHDRSZ + length);
	Datum		values[3] = {CStringGetTextDatum(request->endpoint), Int32GetDatum(request->http_status), PointerGetDatum(answer)};

	SET_VARSIZE(answer, VARHDRSZ + length);
	memcpy(VARDATA(answer), request->answer, length);
	SPI_execute_with_args("SELECT token, fault FROM crm._outbox_keep_token($1, $2, $3)", 3, types, values, NULL, false, 1);
	question->token = column(0, 1, request->context);
	question->fault = column(0, 2, request->context);
}

/* Keeps the token that the answer to a request for one holds, and returns it; NULL: detail says why not. */
char *
sender_keep_token(SenderMessage *request)
{
	TokenQuestion question = {.message = request};

	if (!sender_in_transaction(keep_token, &question))
		question.fault = "it could not be kept";
	if (question.token == NULL)
		request->detail = question.fault;
	return question.token;
}

static void
renew_token(void *argument)
{
	TokenQuestion *question = argument;
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2] = {CStringGetTextDatum(question->message->endpoint), CStringGetTextDatum(question->message->wire->token)};

	SPI_execute_with_args("SELECT crm._outbox_renew_token($1, $2)", 2, types, values, NULL, false, 1);
	question->token = column(0, 1, question->message->context);
}

/* A message's token has expired: the newer one there may be; NULL: one must be fetched. */
char *
sender_renew_token(SenderMessage *message)
{
	TokenQuestion question = {.message = message};

	return message->wire->token != NULL && sender_in_transaction(renew_token, &question) ? question.token : NULL;
}
