/*
 * request.c
 *		Copies the parameters of a FastCGI request into a struct, reads its body,
 *		and keeps the connection fit for the next request.
 *
 * The environment is walked once; FCGX_GetParam is a linear search that answers
 * with the first of two equal names, so a second Idempotency-Key or X-Api-Key
 * would be overlooked.  Here a repeated header that decides anything is refused.
 *
 * Two facts about libfcgi rule the body.  A client that goes away looks like the
 * end of the stream, so the length and the stream's error are compared before
 * anything is committed.  And bytes left unread on a kept connection would be
 * parsed as the next request, so crm_request_drain reads the rest of a body as
 * long as nginx lets one into a location that keeps its connections, and gives
 * the connection up otherwise: nginx might send the next request into the end
 * of a connection that it was told is kept.
 */
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "request.h"

#define DRAIN_MAX	(2 * 1024 * 1024)	/* client_max_body_size of /api/ in fcgi/etc/crm-locations.conf */
#define READ_STEP	(64 * 1024)

typedef struct Header
{
	const char *name;
	size_t		offset;
	bool		once;			/* a second one is refused */
} Header;

#define FIELD(name, field, once)	{name, offsetof(CrmRequest, field), once}

static const Header headers[] = {
	FIELD("CONTENT_LENGTH", content_length_text, true),
	FIELD("CONTENT_TYPE", content_type, true),
	FIELD("CRM_REQUEST_ID", nginx_request_id, true),
	FIELD("HTTPS", https, false),
	FIELD("HTTP_ACCEPT", accept, false),
	FIELD("HTTP_AUTHORIZATION", authorization, true),
	FIELD("HTTP_CONTENT_ENCODING", content_encoding, true),
	FIELD("HTTP_COOKIE", cookie, true),
	FIELD("HTTP_HOST", host, true),
	FIELD("HTTP_IDEMPOTENCY_KEY", idempotency_key, true),
	FIELD("HTTP_IF_MATCH", if_match, true),
	FIELD("HTTP_IF_NONE_MATCH", if_none_match, true),
	FIELD("HTTP_ORIGIN", origin, true),
	FIELD("HTTP_SEC_FETCH_SITE", fetch_site, true),
	FIELD("HTTP_TRACEPARENT", traceparent_text, false),
	FIELD("HTTP_X_API_KEY", api_key, true),
	FIELD("REMOTE_ADDR", remote_addr, true),
	FIELD("REQUEST_METHOD", method_text, true),
	FIELD("REQUEST_URI", uri, true),
};

#define HEADER_COUNT	(sizeof(headers) / sizeof(headers[0]))

int64_t
crm_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static const char **
field_of(CrmRequest *request, const Header *header)
{
	return (const char **) ((char *) request + header->offset);
}

/* Finds the header that `entry` ("NAME=value") sets; the table is sorted. */
static const Header *
find_header(const char *entry, size_t length)
{
	size_t		low = 0;
	size_t		high = HEADER_COUNT;

	while (low < high)
	{
		size_t		middle = (low + high) / 2;
		int			order = strncmp(entry, headers[middle].name, length);

		if (order == 0 && headers[middle].name[length] != '\0')
			order = -1;
		if (order == 0)
			return &headers[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* nginx sends Content-Type twice as HTTP_CONTENT_TYPE when the client did. */
static bool
is_content_type(const char *entry, size_t length)
{
	return length == 17 && memcmp(entry, "HTTP_CONTENT_TYPE", 17) == 0;
}

static const char *
copy_headers(CrmRequest *request)
{
	bool		seen[HEADER_COUNT] = {false};
	int			content_types = 0;

	for (size_t i = 0; i < HEADER_COUNT; i++)
		*field_of(request, &headers[i]) = "";
	for (char **entry = request->fcgi->envp; *entry != NULL; entry++)
	{
		const char *equals = strchr(*entry, '=');
		const Header *header;

		if (equals == NULL)
			continue;
		if (is_content_type(*entry, (size_t) (equals - *entry)) && ++content_types > 1)
			return "the header Content-Type is there twice";
		header = find_header(*entry, (size_t) (equals - *entry));
		if (header == NULL)
			continue;
		if (seen[header - headers] && header->once)
			return crm_arena_printf(request->arena, "the header %s is there twice", header->name);
		if (!seen[header - headers])
			*field_of(request, header) = equals + 1;
		seen[header - headers] = true;
	}
	return NULL;
}

static bool
is_hex(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (!isdigit((unsigned char) text[i]) && (text[i] < 'a' || text[i] > 'f'))
			return false;
	}
	return true;
}

static bool
is_zero(const char *text, size_t length)
{
	return strspn(text, "0") >= length;
}

/*
 * W3C trace context: version-trace-parent-flags.  Version ff is invalid, a later
 * version may have more behind a further dash; anything else starts a new trace.
 */
static bool
parse_traceparent(const char *text, CrmRequest *request)
{
	size_t		length = strlen(text);

	if (length < 55 || !is_hex(text, 2) || memcmp(text, "ff", 2) == 0 ||
		text[2] != '-' || text[35] != '-' || text[52] != '-' ||
		!is_hex(text + 3, 32) || !is_hex(text + 36, 16) || !is_hex(text + 53, 2) ||
		is_zero(text + 3, 32) || is_zero(text + 36, 16))
		return false;
	if (length > 55 && (memcmp(text, "00", 2) == 0 || text[55] != '-'))
		return false;
	memcpy(request->trace_id, text + 3, 32);
	memcpy(request->parent_id, text + 36, 16);
	return true;
}

/*
 * Ids for logs, not secrets: splitmix64 over a seed that each thread draws once.
 */
static uint64_t
next_random(void)
{
	static __thread uint64_t state;
	uint64_t	value;

	if (state == 0 && getrandom(&state, sizeof(state), 0) != sizeof(state))
		state = (uint64_t) crm_clock_us() ^ (uint64_t) (uintptr_t) &state;
	state += 0x9e3779b97f4a7c15u;
	value = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

static void
write_hex(uint64_t value, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 15; i >= 0; i--, value >>= 4)
		out[i] = digits[value & 15];
	out[16] = '\0';
}

static void
set_ids(CrmRequest *request)
{
	const char *given = request->nginx_request_id;
	size_t		length = strlen(given);

	write_hex(next_random() | 1, request->span_id);
	if (!parse_traceparent(request->traceparent_text, request))
	{
		write_hex(next_random(), request->trace_id);
		write_hex(next_random() | 1, request->trace_id + 16);
	}
	if (length >= 8 && length <= CRM_REQUEST_ID_MAX && is_hex(given, length))
		memcpy(request->request_id, given, length + 1);
	else
		memcpy(request->request_id, request->trace_id, sizeof(request->trace_id));
}

static bool
parse_length(const char *text, uint64_t *length)
{
	uint64_t	value = 0;

	for (; *text != '\0'; text++)
	{
		if (!isdigit((unsigned char) *text) || value > UINT64_MAX / 100)
			return false;
		value = value * 10 + (uint64_t) (*text - '0');
	}
	*length = value;
	return true;
}

const char *
crm_request_init(CrmRequest *request, FCGX_Request *fcgi, CrmArena *arena)
{
	const char *reason;
	size_t		path_length;

	memset(request, 0, sizeof(*request));
	request->fcgi = fcgi;
	request->arena = arena;
	request->started_us = crm_clock_us();
	request->role = "";
	reason = copy_headers(request);
	set_ids(request);
	request->method = crm_route_method(request->method_text);
	path_length = strcspn(request->uri, "?#");
	request->path = crm_arena_copy(arena, request->uri, path_length);
	request->has_length = request->content_length_text[0] != '\0';
	if (reason != NULL)
		return reason;
	if (!parse_length(request->content_length_text, &request->content_length))
		return "Content-Length is not a number";
	if (request->authorization[0] != '\0' && request->api_key[0] != '\0')
		return "Authorization and X-Api-Key are both there; send one of them";
	if (request->path[0] != '/')
		return "the path does not begin with a slash";
	return NULL;
}

/* Splits and decodes the query; a name that is there twice is refused. */
const char *
crm_request_parse_query(CrmRequest *request)
{
	const char *at = strchr(request->uri, '?');

	while (at != NULL && *++at != '\0')
	{
		size_t		length = strcspn(at, "&");
		size_t		name_length = strcspn(at, "&=");
		size_t		value_at = name_length < length ? name_length + 1 : length;
		char	   *name = crm_arena_alloc(request->arena, name_length + 1);
		char	   *value = crm_arena_alloc(request->arena, length - value_at + 1);

		if (request->query_count == CRM_QUERY_MAX)
			return "the query has too many parameters";
		if (!crm_route_decode(at, name_length, true, name) ||
			!crm_route_decode(at + value_at, length - value_at, true, value))
			return "the query has a broken percent-escape or a NUL";
		if (crm_request_query(request, name) != NULL)
			return crm_arena_printf(request->arena,
									"the query parameter \"%.64s\" is there twice", name);
		if (length > 0)
		{
			request->query[request->query_count].name = name;
			request->query[request->query_count++].value = value;
		}
		at = at[length] == '&' ? at + length : NULL;
	}
	return NULL;
}

const char *
crm_request_query(const CrmRequest *request, const char *name)
{
	for (int i = 0; i < request->query_count; i++)
	{
		if (strcmp(request->query[i].name, name) == 0)
			return request->query[i].value;
	}
	return NULL;
}

/*
 * A rarely wanted header, by its name as HTTP writes it ("User-Agent"), or NULL.
 */
const char *
crm_request_header(const CrmRequest *request, const char *name)
{
	char		parameter[64] = "HTTP_";
	size_t		length = 5;

	for (; *name != '\0' && length < sizeof(parameter) - 1; name++)
		parameter[length++] = *name == '-' ? '_' : (char) toupper((unsigned char) *name);
	parameter[length] = '\0';
	return FCGX_GetParam(parameter, request->fcgi->envp);
}

/*
 * Reads up to `room` bytes; fewer only at the end of the stream, where
 * body_ended tells a true end from a client that went away.
 */
int
crm_request_read(CrmRequest *request, char *out, int room)
{
	int			got = FCGX_GetStr(out, room, request->fcgi->in);

	if (got < 0)
		got = 0;
	request->body_read += (uint64_t) got;
	if (got < room && FCGX_GetError(request->fcgi->in) == 0)
		request->body_ended = true;
	return got;
}

/* How long the web server may be silent in the middle of a body that it streams. */
void
crm_request_allow_silence(const CrmRequest *request, int seconds)
{
	const struct timeval limit = {.tv_sec = seconds};

	setsockopt(request->fcgi->ipcFd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

/* All of it arrived: the stream ended by itself and as long as was announced. */
bool
crm_request_is_whole(const CrmRequest *request)
{
	return request->body_ended &&
		(!request->has_length || request->body_read == request->content_length);
}

CrmBodyResult
crm_request_read_body(CrmRequest *request, size_t max)
{
	size_t		room;
	int			got;

	if (request->has_length && request->content_length > max)
		return CRM_BODY_TOO_LARGE;
	room = request->has_length ? (size_t) request->content_length + 1 : READ_STEP;
	request->body = crm_arena_alloc(request->arena, room + 1);
	for (;;)
	{
		got = crm_request_read(request, request->body + request->body_length,
							   (int) (room - request->body_length));
		request->body_length += (size_t) got;
		if (request->body_length < room)
			break;
		if (room > max)
			return CRM_BODY_TOO_LARGE;
		room *= 2;
		request->body = memcpy(crm_arena_alloc(request->arena, room + 1),
							   request->body, request->body_length);
	}
	request->body[request->body_length] = '\0';
	if (!crm_request_is_whole(request))
		return CRM_BODY_TRUNCATED;
	return request->body_length > max ? CRM_BODY_TOO_LARGE : CRM_BODY_OK;
}

/*
 * Call before the answer is finished.  What remains of a body is read when it is
 * no more than a kept connection brings; else the connection is closed behind
 * the answer, for its bytes would be taken for the next request.
 */
void
crm_request_drain(CrmRequest *request)
{
	char		rest[4096];
	uint64_t	limit = request->body_read + DRAIN_MAX;
	bool		hopeless = request->has_length && request->content_length > limit;

	while (!hopeless && !request->body_ended && request->body_read <= limit)
	{
		if (crm_request_read(request, rest, sizeof(rest)) < (int) sizeof(rest))
			break;
	}
	if (!request->body_ended)
		request->fcgi->keepConnection = 0;
}

/* Is `header` this media type, whatever its parameters? */
bool
crm_request_has_media_type(const char *header, const char *type)
{
	size_t		length = strlen(type);

	while (*header == ' ')
		header++;
	if (strncasecmp(header, type, length) != 0)
		return false;
	header += length;
	return *header == '\0' || *header == ';' || *header == ' ';
}

/* The value of a cookie, or NULL. */
const char *
crm_request_cookie(const CrmRequest *request, const char *name)
{
	size_t		length = strlen(name);
	const char *at = request->cookie;

	while (*at != '\0')
	{
		while (*at == ' ' || *at == ';')
			at++;
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return crm_arena_copy(request->arena, at + length + 1,
								  strcspn(at + length + 1, "; "));
		at += strcspn(at, ";");
	}
	return NULL;
}

bool
crm_request_is_loopback(const CrmRequest *request)
{
	return strncmp(request->remote_addr, "127.", 4) == 0 ||
		strcmp(request->remote_addr, "::1") == 0 ||
		strcmp(request->remote_addr, "unix:") == 0;
}
