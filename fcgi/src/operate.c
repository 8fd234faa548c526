/*
 * operate.c
 *		Endpoints about the gateway itself: is it alive, its counters, its description.
 *
 * /live never asks the database: a supervisor that restarts the gateway because
 * the database is down would make two outages of one.
 */
#include <string.h>

#include "handlers.h"
#include "metrics.h"
#include "openapi.h"

void
crm_operate_live(CrmRequest *request, CrmReply *reply)
{
	(void) request;
	crm_reply_text(reply, 200, "{\"live\":true,\"version\":\"" CRM_VERSION "\"}");
}

void
crm_operate_metrics(CrmRequest *request, CrmReply *reply)
{
	CrmBuffer	text;

	crm_buffer_init(&text, request->arena, 32 * 1024);
	crm_metrics_write(&text);
	reply->status = 200;
	reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
	reply->body = text.text;
	reply->body_length = text.length;
}

void
crm_operate_openapi(CrmRequest *request, CrmReply *reply)
{
	const CrmOpenapi *document = crm_openapi();

	reply->status = 200;
	reply->body = document->text;
	reply->body_length = document->length;
	reply->etag = document->etag;
	reply->cache_control = "public, max-age=300";
	if (crm_reply_is_not_modified(request, document->etag))
		reply->status = 304;
}
