/*
 * sender_http.c
 *		The requests under way: libcurl's multi interface, many at once, none waits for another.
 *
 * http and https only, no redirects, no proxy, certificates checked, the address judged when the
 * socket opens, 64 kB of an answer read at most.  libcurl resolves names in threads: signals are
 * blocked around its calls, so that the server's handlers run in the main thread only.
 */
#include "sender.h"

#include <signal.h>
#include <time.h>
#include <curl/curl.h>

#include "utils/memutils.h"

#define MAX_ANSWER (64 * 1024)
#define CONNECT_MS 5000

typedef struct Request
{
	SenderMessage *message;
	CURL	   *easy;
	struct curl_slist *headers;
	size_t		answer_bytes;
	bool		address_refused;
	char		error[CURL_ERROR_SIZE];
} Request;

static CURLM *multi = NULL;
static int	under_way = 0;
static sigset_t all_signals;

_Static_assert(LIBCURL_VERSION_NUM >= 0x075500, "libcurl 7.85 or newer: CURLOPT_PROTOCOLS_STR");

void
sender_http_init(void)
{
	sigset_t	before;

	/* a resolver that waits for long would hold up the end of its request */
	setenv("RES_OPTIONS", "timeout:2 attempts:2", 0);
	sigfillset(&all_signals);
	sigprocmask(SIG_BLOCK, &all_signals, &before);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		multi = curl_multi_init();
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (multi == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not initialize libcurl")));
	curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long) SENDER_MAX_UNDER_WAY);
}

int
sender_http_under_way(void)
{
	return under_way;
}

/* Reads an answer and forgets it; one that does not end is cut off. */
static size_t
take_answer(char *data, size_t size, size_t count, void *user)
{
	Request    *request = user;

	request->answer_bytes += size * count;
	return request->answer_bytes > MAX_ANSWER ? 0 : size * count;
}

static curl_socket_t
open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
	Request    *request = user;

	if (!request->message->is_private_allowed && !sender_address_is_public(&address->addr))
	{
		request->address_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void
add_header(Request *request, const char *format, const char *value)
{
	char	   *line = psprintf(format, value);

	request->headers = curl_slist_append(request->headers, line);
	pfree(line);
}

static void
set_options(Request *request, int64 timestamp, const char *signature)
{
	SenderMessage *message = request->message;
	CURL	   *easy = request->easy;
	char		seconds[32];

	snprintf(seconds, sizeof(seconds), INT64_FORMAT, timestamp);
	add_header(request, "%s", "Content-Type: application/json");
	add_header(request, "webhook-id: %s", message->message_id);
	add_header(request, "webhook-timestamp: %s", seconds);
	add_header(request, "webhook-signature: %s", signature);
	add_header(request, "%s", "Expect:");
	curl_easy_setopt(easy, CURLOPT_URL, message->url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(message->body));
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, message->body);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) Min(message->timeout_ms, SENDER_LEASE_MS - 10000));
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) Min(CONNECT_MS, message->timeout_ms));
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "crm-sender");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
}

/* Starts a request, whose result comes out of sender_http_poll(); false when the message is ended at once. */
bool
sender_http_start(SenderMessage *message)
{
	MemoryContext caller = MemoryContextSwitchTo(message->context);
	Request    *request = palloc0(sizeof(Request));
	/* the receiver compares with its own clock: real time, never a held one */
	int64		timestamp = (int64) time(NULL);
	const char *signature = sender_signature(message, timestamp);
	sigset_t	before;

	request->message = message;
	if (signature == NULL)
	{
		message->outcome = SENDER_REFUSED;
		message->detail = pstrdup("secret of the endpoint is no whsec_ secret");
		MemoryContextSwitchTo(caller);
		return false;
	}
	sigprocmask(SIG_BLOCK, &all_signals, &before);
	request->easy = curl_easy_init();
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (request->easy == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not make a request")));
	set_options(request, timestamp, signature);
	curl_multi_add_handle(multi, request->easy);
	under_way++;
	MemoryContextSwitchTo(caller);
	return true;
}

/* What an ended transfer means: definite answers apart from silence. */
static void
judge(Request *request, CURLcode code)
{
	SenderMessage *message = request->message;
	long		status = 0;
	curl_off_t	retry_after = 0;

	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &retry_after);
	message->http_status = (int) status;
	message->retry_after_s = retry_after > 0 ? (int) Min(retry_after, 86400) : -1;
	/* a name may have several addresses: one that was refused counts only when no other answered */
	if (request->address_refused && code != CURLE_OK && status == 0)
	{
		message->outcome = SENDER_REFUSED;
		message->detail = MemoryContextStrdup(message->context, "private address; the endpoint does not allow them");
		return;
	}
	/* an answer whose body is too long or breaks off has still been given */
	if (code == CURLE_OK || (status >= 200 && request->answer_bytes > 0))
		message->outcome = status >= 200 && status < 300 ? SENDER_SENT : status == 410 ? SENDER_GONE : SENDER_FAILED;
	else
		message->outcome = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT || code == CURLE_URL_MALFORMAT ||
			code == CURLE_UNSUPPORTED_PROTOCOL ? SENDER_FAILED : SENDER_UNKNOWN;
	if (message->outcome != SENDER_SENT)
		message->detail = MemoryContextStrdup(message->context,
											  code == CURLE_OK ? psprintf("status %ld", status) :
											  request->error[0] ? request->error : curl_easy_strerror(code));
}

static void
forget(Request *request)
{
	curl_multi_remove_handle(multi, request->easy);
	curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->headers);
	under_way--;
}

/* Moves the transfers on, waiting a little for one to stir; the messages that ended. */
List *
sender_http_poll(int wait_ms)
{
	List	   *ended = NIL;
	CURLMsg    *note;
	int			running;
	int			left;
	sigset_t	before;

	sigprocmask(SIG_BLOCK, &all_signals, &before);
	curl_multi_perform(multi, &running);
	if (running == under_way && running > 0)
	{
		curl_multi_poll(multi, NULL, 0, wait_ms, NULL);
		curl_multi_perform(multi, &running);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	while ((note = curl_multi_info_read(multi, &left)) != NULL)
	{
		Request    *request;
		CURLcode	code = note->data.result;

		if (note->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(note->easy_handle, CURLINFO_PRIVATE, &request);
		judge(request, code);
		ended = lappend(ended, request->message);
		forget(request);
	}
	return ended;
}
