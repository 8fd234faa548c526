/*
 * sender_http.c
 *		The requests under way: libcurl's multi interface, many at once, none waits for another.
 *
 * http and https (for e-mail smtp and smtps) only, no redirects, no proxy, certificates checked, the
 * address judged when the socket opens, 64 kB of an answer read at most, 16 kB of a vendor's kept.  libcurl resolves names in threads: signals are
 * blocked around its calls, so that the server's handlers run in the main thread only.
 */
#include "sender.h"

#include <signal.h>
#include <time.h>
#include <curl/curl.h>

#include "utils/memutils.h"

#define MAX_ANSWER (64 * 1024)
#define KEPT_ANSWER (16 * 1024)
#define CONNECT_MS 5000

typedef struct Request
{
	SenderMessage *message;
	CURL	   *easy;
	struct curl_slist *headers;
	struct curl_slist *receivers;	/* of an e-mail */
	const char *mail;			/* what is left of it to be sent */
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

/* Reads an answer; a webhook's is forgotten, a vendor's judged by its beginning; one that does not end is cut off. */
static size_t
take_answer(char *data, size_t size, size_t count, void *user)
{
	Request    *request = user;
	SenderMessage *message = request->message;

	if (message->answer != NULL && message->answer_length < KEPT_ANSWER)
	{
		int			taken = Min(size * count, (size_t) (KEPT_ANSWER - message->answer_length));

		memcpy(message->answer + message->answer_length, data, taken);
		message->answer_length += taken;
	}
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

static size_t
give_mail(char *buffer, size_t size, size_t count, void *user)
{
	Request    *request = user;
	size_t		length = strnlen(request->mail, size * count);

	memcpy(buffer, request->mail, length);
	request->mail += length;
	return length;
}

static void
set_mail(Request *request, const SenderRequest *built)
{
	CURL	   *easy = request->easy;

	request->mail = built->body;
	request->receivers = curl_slist_append(NULL, built->mail_to);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(easy, CURLOPT_MAIL_FROM, built->mail_from);
	curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, request->receivers);
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_mail);
	curl_easy_setopt(easy, CURLOPT_READDATA, request);
	if (built->user == NULL)
		return;
	curl_easy_setopt(easy, CURLOPT_USERNAME, built->user);
	curl_easy_setopt(easy, CURLOPT_PASSWORD, built->password);
	/* a password leaves through TLS, or to a receiver of one's own network that is allowed to be one */
	curl_easy_setopt(easy, CURLOPT_USE_SSL, request->message->is_private_allowed ? (long) CURLUSESSL_TRY : (long) CURLUSESSL_ALL);
}

static void
set_http(Request *request, const SenderRequest *built)
{
	CURL	   *easy = request->easy;
	ListCell   *cell;

	foreach(cell, built->headers)
		request->headers = curl_slist_append(request->headers, lfirst(cell));
	request->headers = curl_slist_append(request->headers, "Expect:");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
	if (built->body == NULL)
		return;
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(built->body));
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, built->body);
}

static void
set_options(Request *request, const SenderRequest *built)
{
	SenderMessage *message = request->message;
	CURL	   *easy = request->easy;
	/* one that may have to fetch a token and try again must end twice within its lease */
	int			timeout_ms = message->wire && message->wire->token_url ? Min(message->timeout_ms, 20000) : message->timeout_ms;

	curl_easy_setopt(easy, CURLOPT_URL, built->url);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) Min(timeout_ms, SENDER_LEASE_MS - 10000));
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) Min(CONNECT_MS, timeout_ms));
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "crm-sender");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	if (built->is_mail)
		set_mail(request, built);
	else
		set_http(request, built);
}

/* Starts a request, whose result comes out of sender_http_poll(); false when the message is ended at once. */
bool
sender_http_start(SenderMessage *message)
{
	MemoryContext caller = MemoryContextSwitchTo(message->context);
	Request    *request = palloc0(sizeof(Request));
	SenderRequest built = {.headers = NIL};
	/* the receiver compares with its own clock: real time, never a held one */
	const char *fault = sender_build_request(message, (int64) time(NULL), &built);
	sigset_t	before;

	request->message = message;
	if (fault != NULL)
	{
		message->outcome = SENDER_REFUSED;
		message->detail = pstrdup(fault);
		MemoryContextSwitchTo(caller);
		return false;
	}
	if (message->wire != NULL)
		message->answer = palloc(KEPT_ANSWER);
	sigprocmask(SIG_BLOCK, &all_signals, &before);
	request->easy = curl_easy_init();
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (request->easy == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not make a request")));
	set_options(request, &built);
	curl_multi_add_handle(multi, request->easy);
	under_way++;
	MemoryContextSwitchTo(caller);
	return true;
}

/*
 * Whether a transfer that failed failed before anything of the message was said: then it has certainly
 * not arrived.  Of an e-mail that holds until the receiver has taken its content (354).
 */
static bool
has_not_left(const Request *request, CURLcode code, long status)
{
	long		sent = 0;
	curl_off_t	connected = 0;

	curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &sent);
	curl_easy_getinfo(request->easy, CURLINFO_CONNECT_TIME_T, &connected);
	if (request->receivers != NULL)
		return connected == 0 || status >= 400 || code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
			code == CURLE_USE_SSL_FAILED || code == CURLE_LOGIN_DENIED;
	return sent == 0;
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
		message->outcome = has_not_left(request, code, status) ? SENDER_FAILED : SENDER_UNKNOWN;
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
	curl_slist_free_all(request->receivers);
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
