/*
 * sender.h
 *		The sending worker: a library of its own, so that libcurl is in no backend.
 *
 *	in sender_sql.c			claims and results, each in a transaction of its own
 *	in sender_sign.c		Standard Webhooks signatures
 *	in sender_address.c		which network addresses may be spoken to
 *	in sender_http.c		the requests under way
 *	in sender_main.c		the loop
 */
#ifndef CRM_SENDER_H
#define CRM_SENDER_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include <sys/socket.h>

#define SENDER_MAX_UNDER_WAY 64
#define SENDER_LEASE_MS 60000		/* longer than any request may take */

typedef enum SenderOutcome
{
	SENDER_SENT,				/* 2xx */
	SENDER_FAILED,				/* another status */
	SENDER_GONE,				/* 410: the endpoint wants no more */
	SENDER_UNKNOWN,				/* no answer: it may have arrived */
	SENDER_REFUSED				/* an address that is not allowed: it never left */
} SenderOutcome;

/* A claimed message; lives in a memory context of its own, deleted with it. */
typedef struct SenderMessage
{
	MemoryContext context;
	int64		customer_id;
	char	   *message_id;
	int			attempt;
	char	   *url;
	char	   *secret;
	char	   *next_secret;	/* NULL unless the secret is being changed */
	int			timeout_ms;
	bool		is_private_allowed;
	char	   *body;

	/* the result */
	SenderOutcome outcome;
	int			http_status;	/* 0: none */
	int			retry_after_s;	/* -1: the answer named none */
	char	   *detail;
} SenderMessage;

/* sender_sql.c */
extern bool sender_is_installed(void);
extern bool sender_claim(int max_messages, MemoryContext parent, List **claimed);
extern bool sender_finish(List *messages);

/* sender_sign.c */
extern char *sender_signature(const SenderMessage *message, int64 timestamp);

/* sender_address.c */
extern bool sender_address_is_public(const struct sockaddr *address);

/* sender_http.c */
extern void sender_http_init(void);
extern bool sender_http_start(SenderMessage *message);
extern int	sender_http_under_way(void);
extern List *sender_http_poll(int wait_ms);

extern PGDLLEXPORT void crm_sender_main(Datum arg);

#endif
