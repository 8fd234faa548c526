/*
 * sender_token.c
 *		Messages that wait for an access token of their endpoint.
 *
 * One request for a token is under way an endpoint, however many messages wait; its answer is kept,
 * sealed, for all who come later, and for the next process.  A message that hears its token has expired
 * waits for a new one, once; those that used the same old token share the one request.
 */
#include "sender.h"

#include "utils/memutils.h"

#define TOKEN_TIMEOUT_MS 10000

typedef struct Waiter
{
	char	   *endpoint;
	List	   *messages;
} Waiter;

static List *waiters = NIL;

static Waiter *
find_waiter(const char *endpoint)
{
	ListCell   *cell;

	foreach(cell, waiters)
		if (strcmp(((Waiter *) lfirst(cell))->endpoint, endpoint) == 0)
			return lfirst(cell);
	return NULL;
}

int
sender_token_waiting(void)
{
	int			count = 0;
	ListCell   *cell;

	foreach(cell, waiters)
		count += list_length(((Waiter *) lfirst(cell))->messages);
	return count;
}

/* A request like the message, but for its endpoint's token. */
static SenderMessage *
token_request(const SenderMessage *message, MemoryContext keep)
{
	MemoryContext context = AllocSetContextCreate(keep, "crm token", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SenderMessage *request = palloc0(sizeof(SenderMessage));

	request->context = context;
	request->endpoint = pstrdup(message->endpoint);
	request->message_id = "token";
	request->timeout_ms = TOKEN_TIMEOUT_MS;
	request->is_private_allowed = message->is_private_allowed;
	request->retry_after_s = -1;
	request->wire = palloc0(sizeof(SenderWire));
	request->wire->format = "json";
	request->wire->signer = "none";
	request->wire->token_url = pstrdup(message->wire->token_url);
	request->wire->is_token_request = true;
	MemoryContextSwitchTo(caller);
	return request;
}

static void
fail(SenderMessage *message, const char *why)
{
	message->outcome = SENDER_FAILED;
	message->is_judged = true;
	message->http_status = 0;
	message->detail = MemoryContextStrdup(message->context, why);
}

/* Lets a message wait, and asks for the token unless that is under way; the messages that ended at once. */
static List *
wait_for_token(SenderMessage *message, MemoryContext keep)
{
	Waiter	   *waiter = find_waiter(message->endpoint);
	MemoryContext caller = MemoryContextSwitchTo(keep);
	SenderMessage *request;

	if (waiter != NULL)
	{
		waiter->messages = lappend(waiter->messages, message);
		MemoryContextSwitchTo(caller);
		return NIL;
	}
	waiter = palloc0(sizeof(Waiter));
	waiter->endpoint = pstrdup(message->endpoint);
	waiter->messages = list_make1(message);
	waiters = lappend(waiters, waiter);
	MemoryContextSwitchTo(caller);
	request = token_request(message, keep);
	return sender_http_start(request) ? NIL : sender_token_arrived(request, keep);
}

/* Starts a message, or lets it wait for its token; the messages that ended at once. */
List *
sender_token_start(SenderMessage *message, MemoryContext keep)
{
	if (message->wire != NULL && message->wire->token_url != NULL && message->wire->token == NULL)
		return wait_for_token(message, keep);
	return sender_http_start(message) ? NIL : list_make1(message);
}

/* The answer to a request for a token: who waited for it goes, or fails; those that ended at once. */
List *
sender_token_arrived(SenderMessage *request, MemoryContext keep)
{
	Waiter	   *waiter = find_waiter(request->endpoint);
	List	   *messages = waiter ? waiter->messages : NIL;
	List	   *ended = NIL;
	char	   *token = NULL;
	ListCell   *cell;

	if (request->http_status > 0)
		token = sender_keep_token(request);
	if (waiter != NULL)
	{
		waiters = list_delete_ptr(waiters, waiter);
		pfree(waiter->endpoint);
		pfree(waiter);
	}
	foreach(cell, messages)
	{
		SenderMessage *message = lfirst(cell);

		if (token != NULL)
		{
			message->wire->token = MemoryContextStrdup(message->context, token);
			if (!sender_http_start(message))
				ended = lappend(ended, message);
			continue;
		}
		fail(message, psprintf("no access token: %s", request->detail ? request->detail : "the answer named none"));
		ended = lappend(ended, message);
	}
	list_free(messages);
	sender_free(request);
	return ended;
}

/* Makes a message ready for another try when its token has expired, once; false: it has had it. */
bool
sender_token_expired(SenderMessage *message)
{
	SenderWire *wire = message->wire;

	if (wire->is_token_renewed || wire->token_url == NULL)
		return false;
	wire->token = sender_renew_token(message);
	wire->is_token_renewed = true;
	message->is_judged = false;
	message->outcome = SENDER_UNKNOWN;
	message->http_status = 0;
	message->retry_after_s = -1;
	message->detail = NULL;
	message->answer = NULL;
	message->answer_length = 0;
	return true;
}
