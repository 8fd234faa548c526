/*
 * route.h
 *		The route table: everything that is known about an endpoint, in one place.
 *
 * The same rows match requests, bind parameters, choose timeouts, label the
 * metrics and make the OpenAPI description and doc/http-api.md.
 */
#ifndef CRM_ROUTE_H
#define CRM_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

#define CRM_ROUTE_PARAMS	10
#define CRM_ROUTE_CAPTURES	4

typedef enum CrmMethod
{
	CRM_GET,
	CRM_HEAD,
	CRM_POST,
	CRM_PUT,
	CRM_PATCH,
	CRM_DELETE,
	CRM_OPTIONS,
	CRM_METHOD_OTHER
} CrmMethod;

/* Where a bound value comes from. */
typedef enum CrmPlace
{
	CRM_IN_NOWHERE,				/* ends a parameter list */
	CRM_IN_PATH,
	CRM_IN_QUERY,
	CRM_IN_BODY,				/* the whole body, as JSON text */
	CRM_IN_BODY_BYTES,			/* the whole body, byte for byte (bytea) */
	CRM_IN_IDEMPOTENCY_KEY,
	CRM_IN_IF_MATCH,
	CRM_IN_CURSOR,				/* query "cursor", decoded */
	CRM_IN_LIMIT,				/* query "limit", 1 to 500 */
	CRM_IN_HEADER,				/* a header that no other place stands for, by its name */
	CRM_IN_REQUEST_ID,
	CRM_IN_CLIENT,				/* the network address that nginx saw */
	CRM_IN_CONST				/* `initial` of the parameter */
} CrmPlace;

typedef enum CrmType
{
	CRM_TEXT,
	CRM_BIGINT,
	CRM_INTEGER,
	CRM_BOOLEAN,
	CRM_DATE,
	CRM_TIMESTAMP,
	CRM_NUMERIC,
	CRM_UUID,
	CRM_JSONB,
	CRM_BYTEA
} CrmType;

typedef struct CrmParam
{
	const char *name;
	CrmPlace	place;
	CrmType		type;
	bool		required;
	const char *initial;		/* bound when the request has none; NULL binds null */
	const char *text;			/* one line for the description */
} CrmParam;

typedef enum CrmAccess
{
	CRM_ACCESS_PUBLIC,			/* no credential is looked at */
	CRM_ACCESS_CALLER,			/* a caller, whose role the database then judges */
	CRM_ACCESS_LOOPBACK			/* operators on this machine */
} CrmAccess;

typedef enum CrmAnswer
{
	CRM_ANSWER_ONE,				/* a row (status, body, ...), see dispatch.c */
	CRM_ANSWER_ROWS				/* rows of one json text: NDJSON or {"items":[...]} */
} CrmAnswer;

struct CrmRequest;
struct CrmReply;

typedef struct CrmRoute
{
	CrmMethod	method;
	const char *path;			/* template: /api/v1/orders/{order_id} */
	const char *operation;		/* operationId, unique */
	const char *tag;			/* chapter of the description */
	CrmAccess	access;
	const char *roles;			/* who may, for the reader: the database decides */
	const char *sql;
	CrmParam	params[CRM_ROUTE_PARAMS];
	bool		read_only;
	int			timeout_ms;
	CrmAnswer	answer;
	const char *summary;
	const char *text;			/* more than a line, may be NULL */
	const char *request_schema; /* name in schema.c, NULL without a body */
	const char *response_schema;
	const char *example;		/* a body that works, for curl and OpenAPI */
	int			success;		/* the status of a good answer */
	void		(*handler) (struct CrmRequest *request, struct CrmReply *reply);
} CrmRoute;

extern const CrmRoute crm_route_table[];
extern const size_t crm_route_count;

typedef struct CrmMatch
{
	const CrmRoute *route;		/* NULL: none */
	int			index;
	unsigned int allowed;		/* bit per CrmMethod that this path knows */
	const char *captures[CRM_ROUTE_CAPTURES];	/* decoded, in the order of the path */
} CrmMatch;

extern CrmMethod crm_route_method(const char *text);
extern const char *crm_route_method_name(CrmMethod method);
extern bool crm_route_match(CrmMethod method, const char *path, CrmArena *arena,
							CrmMatch *match);
extern const char *crm_route_allow(unsigned int allowed, CrmArena *arena);
extern bool crm_route_decode(const char *text, size_t length, bool plus_is_space, char *out);
extern bool crm_route_check(char *error, size_t error_size);

#endif							/* CRM_ROUTE_H */
