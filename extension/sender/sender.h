/*
 * sender.h
 *		The sending worker: a library of its own, so that libcurl is in no backend.
 *
 *	in sender_sql.c			claims and results, each in a transaction of its own
 *	in sender_place.c		how far the queue has been taken
 *	in sender_quiet.c		whether anything was written since a look
 *	in sender_wire.c		requests of vendors, their answers and tokens, in the database's words
 *	in sender_sign.c		Standard Webhooks signatures
 *	in sender_vendor.c		requests as they leave, built and signed (vendor_sign.c)
 *	in sender_mail.c		e-mail as it is sent
 *	in sender_address.c		which network addresses may be spoken to
 *	in sender_http.c		the requests under way
 *	in sender_token.c		messages that wait for an access token
 *	in sender_main.c		the loop
 */
#ifndef CRM_SENDER_H
#define CRM_SENDER_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include <sys/socket.h>

#define SENDER_MAX_UNDER_WAY 256	/* several times what one endpoint may have */
#define SENDER_LEASE_MS 60000		/* longer than any request may take */

typedef enum SenderOutcome
{
	SENDER_SENT,				/* 2xx, or what the vendor's body says */
	SENDER_FAILED,				/* another status */
	SENDER_GONE,				/* 410: the endpoint wants no more */
	SENDER_UNKNOWN,				/* no answer: it may have arrived */
	SENDER_REFUSED,				/* an address that is not allowed: it never left */
	SENDER_REJECTED,			/* the vendor will never take this message */
	SENDER_LATER,				/* the vendor will not take it now */
	SENDER_THROTTLED,			/* the endpoint wants a rest */
	SENDER_UNCERTAIN,			/* no answer, and a repeat would not be known as one */
	SENDER_TOKEN				/* the access token has expired */
} SenderOutcome;

#define SENDER_OUTCOMES (SENDER_TOKEN + 1)

/* What a vendor's connector adds to a message. */
typedef struct SenderWire
{
	char	   *format;			/* json, form, mail */
	char	   *signer;			/* none, webhook, aliyun, tencent, dingtalk, feishu */
	char	   *url;			/* may hold {{access_token}} */
	char	   *token_url;		/* NULL: no token needed */
	char	   *token;			/* NULL: none that holds */
	char	   *key_id;
	char	   *key;
	int			n_fields;		/* of a form or an e-mail its fields, of JSON its headers */
	char	  **names;
	char	  **values;
	char	   *body;
	bool		is_token_request;	/* no message: asks for the endpoint's token */
	bool		is_token_renewed;	/* once a message */
} SenderWire;

/* A claimed message; lives in a memory context of its own, deleted with it. */
typedef struct SenderMessage
{
	MemoryContext context;
	int64		customer_id;
	char	   *message_id;
	int			attempt;
	char	   *endpoint;
	char	   *url;
	char	   *secret;
	char	   *next_secret;	/* NULL unless the secret is being changed */
	int			timeout_ms;
	bool		is_private_allowed;
	char	   *body;
	TimestampTz due_at;			/* its place in the queue */
	SenderWire *wire;			/* NULL: a plain webhook */

	/* the result */
	SenderOutcome outcome;
	bool		is_judged;		/* by the vendor's words, not by status alone */
	int			http_status;	/* 0: none */
	int			retry_after_s;	/* -1: the answer named none */
	char	   *detail;
	char	   *answer;			/* its first bytes, for vendors; NULL for webhooks */
	int			answer_length;
} SenderMessage;

/* A request as libcurl gets it. */
typedef struct SenderRequest
{
	char	   *url;
	List	   *headers;		/* of char * */
	char	   *body;			/* NULL: a GET */
	bool		is_mail;
	char	   *mail_from;
	char	   *mail_to;
	char	   *user;			/* NULL: none */
	char	   *password;
} SenderRequest;

/* sender_transaction.c */
extern bool sender_in_transaction(void (*work) (void *), void *argument);

/* sender_sql.c */
extern bool sender_is_installed(void);
extern bool sender_claim(int max_messages, MemoryContext parent, List **claimed, int64 *rest_ms);
extern bool sender_finish(List *messages);
extern void sender_free(SenderMessage *message);

/* sender_place.c */
extern bool sender_place_prepare(void);
extern void sender_place_looked(bool is_sweep, bool is_done, TimestampTz began);
extern void sender_place_took(List *messages);
extern void sender_place_ended(const SenderMessage *message);
extern void sender_place_arrays(Datum arrays[4]);

/* sender_quiet.c */
extern bool sender_is_quiet(void);
extern void sender_quiet_begin(void);
extern bool sender_saw_everything(void);

/* sender_wire.c */
extern const char *sender_field(const SenderWire *wire, const char *name);
extern void sender_wire_read(List *messages);
extern bool sender_judge(List *messages);
extern char *sender_keep_token(SenderMessage *request);
extern char *sender_renew_token(SenderMessage *message);

/* sender_sign.c */
extern char *sender_signature(const SenderMessage *message, const char *body, int64 timestamp);

/* sender_vendor.c */
extern const char *sender_build_request(const SenderMessage *message, int64 timestamp, SenderRequest *request);

/* sender_mail.c */
extern const char *sender_mail_request(const SenderMessage *message, int64 timestamp, SenderRequest *request);

/* sender_address.c */
extern bool sender_address_is_public(const struct sockaddr *address);

/* sender_http.c */
extern void sender_http_init(void);
extern bool sender_http_start(SenderMessage *message);
extern int	sender_http_under_way(void);
extern List *sender_http_poll(int wait_ms);

/* sender_token.c */
extern int	sender_token_waiting(void);
extern List *sender_token_start(SenderMessage *message, MemoryContext keep);
extern List *sender_token_arrived(SenderMessage *request, MemoryContext keep);
extern bool sender_token_expired(SenderMessage *message);

extern PGDLLEXPORT void crm_sender_main(Datum arg);

#endif
