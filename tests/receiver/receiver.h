/*
 * receiver.h
 *		A receiver of Standard Webhooks for tests and the demonstration, with bad manners on demand.
 *
 *	in receiver_sign.c		whether a request's signature is right
 *	in receiver_http.c		one connection: request, line in the file, answer
 *	in receiver_main.c		options, the listening socket, a thread a connection
 */
#ifndef CRM_RECEIVER_H
#define CRM_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <openssl/ssl.h>

#define RECEIVER_MAX_HEAD	(16 * 1024)
#define RECEIVER_MAX_BODY	(1024 * 1024)
#define RECEIVER_TOLERANCE_S 300

typedef enum Manners
{
	MANNERS_GOOD,
	MANNERS_HANG,				/* reads, never answers */
	MANNERS_DRIP,				/* answers a byte a second */
	MANNERS_REDIRECT,			/* 302 to /elsewhere of this receiver */
	MANNERS_500,
	MANNERS_503,				/* with Retry-After: 900 */
	MANNERS_410,
	MANNERS_HUGE,				/* 200 and a body of 64 MB */
	MANNERS_CLOSE				/* reads, closes */
} Manners;

typedef struct Receiver
{
	const char *secret;			/* whsec_... */
	int			out;			/* file that gets a JSON line a request */
	SSL_CTX    *tls;			/* NULL: plain */
	Manners		manners;
	int			misbehave_left;	/* so many requests, then good ones; -1 for ever */
} Receiver;

typedef struct Connection
{
	Receiver   *receiver;
	int			socket;
	SSL		   *tls;
} Connection;

extern bool receiver_signature_is_valid(const char *secret, const char *id, const char *timestamp,
										const char *signatures, const char *body, size_t length,
										time_t now);
extern void receiver_serve(Connection *connection);

#endif
