/*
 * request.h
 *		One request: what the web server told us, copied once into a struct.
 */
#ifndef CRM_REQUEST_H
#define CRM_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fcgiapp.h>

#include "arena.h"
#include "route.h"

#define CRM_REQUEST_ID_MAX	64
#define CRM_QUERY_MAX		32
#define CRM_REQUEST_SILENCE_S	5	/* within a request that nginx has whole */

typedef struct CrmQueryItem
{
	const char *name;
	const char *value;
} CrmQueryItem;

typedef struct CrmRequest
{
	FCGX_Request *fcgi;
	CrmArena   *arena;

	/* from the web server; "" when absent, never NULL */
	const char *method_text;
	const char *uri;			/* raw: path and query */
	const char *content_type;
	const char *content_length_text;
	const char *authorization;
	const char *api_key;
	const char *cookie;
	const char *accept;
	const char *idempotency_key;
	const char *if_match;
	const char *if_none_match;
	const char *content_encoding;
	const char *origin;
	const char *host;
	const char *fetch_site;
	const char *traceparent_text;
	const char *remote_addr;
	const char *https;
	const char *nginx_request_id;

	/* derived */
	CrmMethod	method;
	const char *path;			/* raw, without the query */
	bool		has_length;
	uint64_t	content_length;
	CrmQueryItem query[CRM_QUERY_MAX];
	int			query_count;
	char		request_id[CRM_REQUEST_ID_MAX + 1];
	char		trace_id[33];
	char		parent_id[17];	/* the caller's span, "" when the trace starts here */
	char		span_id[17];
	CrmMatch	match;

	/* the body, once read */
	char	   *body;
	size_t		body_length;
	uint64_t	body_read;		/* bytes taken from the stream so far */
	bool		body_ended;		/* its end was seen, without an error */

	/* for the log */
	int64_t		started_us;
	int64_t		database_us;
	const char *role;
} CrmRequest;

typedef enum CrmBodyResult
{
	CRM_BODY_OK,
	CRM_BODY_TOO_LARGE,
	CRM_BODY_TRUNCATED			/* the client went away; nothing may be committed */
} CrmBodyResult;

/* NULL, or why the request is refused with 400. */
extern const char *crm_request_init(CrmRequest *request, FCGX_Request *fcgi, CrmArena *arena);
extern const char *crm_request_parse_query(CrmRequest *request);
extern const char *crm_request_query(const CrmRequest *request, const char *name);
extern const char *crm_request_header(const CrmRequest *request, const char *name);
extern CrmBodyResult crm_request_read_body(CrmRequest *request, size_t max);
extern int	crm_request_read(CrmRequest *request, char *out, int room);
extern void crm_request_allow_silence(const CrmRequest *request, int seconds);
extern bool crm_request_is_whole(const CrmRequest *request);
extern void crm_request_drain(CrmRequest *request);
extern bool crm_request_has_media_type(const char *header, const char *type);
extern const char *crm_request_cookie(const CrmRequest *request, const char *name);
extern bool crm_request_is_loopback(const CrmRequest *request);
extern int64_t crm_clock_us(void);

#endif							/* CRM_REQUEST_H */
