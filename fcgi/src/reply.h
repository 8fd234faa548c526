/*
 * reply.h
 *		What a request is answered with, and how it goes out.
 */
#ifndef CRM_REPLY_H
#define CRM_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "request.h"

typedef struct CrmReply
{
	int			status;
	const char *content_type;	/* NULL: application/json */
	const char *body;
	size_t		body_length;
	const char *etag;			/* without quotes */
	const char *location;
	const char *link;
	const char *allow;
	const char *authenticate;	/* WWW-Authenticate */
	const char *accept_post;
	const char *cookie;			/* Set-Cookie, whole */
	const char *cache_control;	/* NULL: private, no-store */
	int			retry_after_s;	/* 0: none */
	const char *code;			/* for the log: SQLSTATE or a word */
	bool		is_sent;		/* a stream has written it already */
	uint64_t	bytes_out;
} CrmReply;

extern void crm_reply_text(CrmReply *reply, int status, const char *body);
extern bool crm_reply_is_not_modified(const CrmRequest *request, const char *etag);
extern const char *crm_reply_reason(int status);
extern void crm_reply_begin(CrmRequest *request, CrmReply *reply, bool is_stream);
extern void crm_reply_send(CrmRequest *request, CrmReply *reply);

#endif							/* CRM_REPLY_H */
