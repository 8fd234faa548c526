/*
 * receiver_http.c
 *		One connection: requests one after the other, for each a line in the file, then the answer.
 *
 * Runs in a thread of its own and blocks, so a connection with bad manners holds up no other.  The
 * line is written before the answer leaves: who was answered finds the request in the file.
 */
#include "receiver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

typedef struct Request
{
	char		head[RECEIVER_MAX_HEAD];
	size_t		head_length;
	char	   *body;
	size_t		body_length;
	char		path[256];
	char		id[256];
	char		timestamp[32];
	char		signatures[1024];
} Request;

static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t
take(Connection *c, char *into, size_t size)
{
	return c->tls ? SSL_read(c->tls, into, (int) size) : read(c->socket, into, size);
}

static bool
give(Connection *c, const char *from, size_t size)
{
	while (size > 0)
	{
		ssize_t		n = c->tls ? SSL_write(c->tls, from, (int) size) : write(c->socket, from, size);

		if (n <= 0)
			return false;
		from += n;
		size -= (size_t) n;
	}
	return true;
}

/* Copies a header's value; an empty string when there is none. */
static void
copy_header(const Request *request, const char *name, char *value, size_t size)
{
	size_t		length = strlen(name);
	const char *line = strstr(request->head, "\r\n");

	*value = '\0';
	for (; line != NULL && line[2] != '\r'; line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':')
		{
			const char *from = line + 3 + length;
			size_t		n;

			from += strspn(from, " ");
			n = strcspn(from, "\r");
			snprintf(value, size, "%.*s", (int) n, from);
			return;
		}
}

/* Reads head and body; false when the peer is gone or talks something else. */
static bool
read_request(Connection *c, Request *request)
{
	size_t		have = 0;
	char	   *end = NULL;
	char		length[32];
	size_t		beyond;

	while (end == NULL)
	{
		ssize_t		n = have < sizeof(request->head) - 1 ?
			take(c, request->head + have, sizeof(request->head) - 1 - have) : -1;

		if (n <= 0)
			return false;
		have += (size_t) n;
		request->head[have] = '\0';
		end = strstr(request->head, "\r\n\r\n");
	}
	request->head_length = (size_t) (end + 4 - request->head);
	if (sscanf(request->head, "POST %255s HTTP/1.1", request->path) != 1)
		return false;
	copy_header(request, "content-length", length, sizeof(length));
	request->body_length = strtoul(length, NULL, 10);
	if (request->body_length > RECEIVER_MAX_BODY || (request->body = malloc(request->body_length + 1)) == NULL)
		return false;
	beyond = have - request->head_length;
	if (beyond > request->body_length)
		beyond = request->body_length;
	memcpy(request->body, request->head + request->head_length, beyond);
	while (beyond < request->body_length)
	{
		ssize_t		n = take(c, request->body + beyond, request->body_length - beyond);

		if (n <= 0)
			return false;
		beyond += (size_t) n;
	}
	request->body[request->body_length] = '\0';
	copy_header(request, "webhook-id", request->id, sizeof(request->id));
	copy_header(request, "webhook-timestamp", request->timestamp, sizeof(request->timestamp));
	copy_header(request, "webhook-signature", request->signatures, sizeof(request->signatures));
	return true;
}

static void
write_string(FILE *line, const char *text)
{
	fputc('"', line);
	for (; *text != '\0'; text++)
	{
		unsigned char c = (unsigned char) *text;

		if (c == '"' || c == '\\')
			fprintf(line, "\\%c", c);
		else if (c < 0x20)
			fprintf(line, "\\u%04x", c);
		else
			fputc(c, line);
	}
	fputc('"', line);
}

/* A body that is an object on one line stays what it is, anything else becomes a string. */
static bool
is_object_line(const Request *request)
{
	const char *body = request->body;
	size_t		length = request->body_length;

	if (length < 2 || strlen(body) != length || body[0] != '{' || body[length - 1] != '}')
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char) body[i] < 0x20)
			return false;
	return true;
}

static void
write_line(Receiver *receiver, const Request *request)
{
	char	   *text = NULL;
	size_t		length = 0;
	FILE	   *line = open_memstream(&text, &length);
	bool		valid = receiver_signature_is_valid(receiver->secret, request->id, request->timestamp,
													request->signatures, request->body, request->body_length, time(NULL));

	if (line == NULL)
		return;
	fputs("{\"id\":", line);
	write_string(line, request->id);
	fputs(",\"timestamp\":", line);
	write_string(line, request->timestamp);
	fprintf(line, ",\"valid\":%s,\"path\":", valid ? "true" : "false");
	write_string(line, request->path);
	fputs(",\"body\":", line);
	if (is_object_line(request))
		fputs(request->body, line);
	else
		write_string(line, request->body);
	fputs("}\n", line);
	fclose(line);
	pthread_mutex_lock(&line_lock);
	if (write(receiver->out, text, length) != (ssize_t) length)
		perror("crm_receiver: out");
	pthread_mutex_unlock(&line_lock);
	free(text);
}

static Manners
choose_manners(Receiver *receiver)
{
	Manners		manners = MANNERS_GOOD;

	pthread_mutex_lock(&line_lock);
	if (receiver->misbehave_left != 0)
	{
		manners = receiver->manners;
		if (receiver->misbehave_left > 0)
			receiver->misbehave_left--;
	}
	pthread_mutex_unlock(&line_lock);
	return manners;
}

static bool
say(Connection *c, const char *status, const char *more)
{
	char		text[512];
	int			n = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%sContent-Length: 2\r\n\r\n{}", status, more);

	return give(c, text, (size_t) n);
}

/* Waits until the peer gives up. */
static bool
hang(Connection *c)
{
	char		rest[256];

	while (take(c, rest, sizeof(rest)) > 0)
		;
	return false;
}

static bool
drip(Connection *c)
{
	const char *answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";

	for (; give(c, answer, 1); answer += answer[1] != '\0')
		sleep(1);
	return false;
}

static bool
flood(Connection *c)
{
	static const char piece[64 * 1024];
	const char *head = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";

	if (!give(c, head, strlen(head)))
		return false;
	for (int i = 0; i < 16384; i++)
		if (!give(c, piece, sizeof(piece)))
			return false;
	return true;
}

/* Whether the connection can take another request. */
static bool
answer(Connection *c)
{
	switch (choose_manners(c->receiver))
	{
		case MANNERS_GOOD:
			return say(c, "200 OK", "");
		case MANNERS_HANG:
			return hang(c);
		case MANNERS_DRIP:
			return drip(c);
		case MANNERS_REDIRECT:
			return say(c, "302 Found", "Location: /elsewhere\r\n");
		case MANNERS_500:
			return say(c, "500 Internal Server Error", "");
		case MANNERS_503:
			return say(c, "503 Service Unavailable", "Retry-After: 900\r\n");
		case MANNERS_410:
			return say(c, "410 Gone", "");
		case MANNERS_HUGE:
			return flood(c);
		case MANNERS_CLOSE:
			return false;
	}
	return false;
}

void
receiver_serve(Connection *connection)
{
	Request    *request = calloc(1, sizeof(Request));
	bool		more = request != NULL;

	while (more)
	{
		request->body = NULL;
		more = read_request(connection, request);
		if (more)
		{
			write_line(connection->receiver, request);
			more = answer(connection);
		}
		free(request->body);
	}
	free(request);
}
