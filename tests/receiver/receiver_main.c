/*
 * receiver_main.c
 *		crm_receiver --port N --secret whsec_... --out FILE [--tls CERTIFICATE.pem|no] [--misbehave MODE[:N]]
 *
 * Listens on 127.0.0.1, checks signatures, appends a JSON line a request to FILE, answers 200.
 * MODE is hang, drip, redirect, 500, 503, 410, huge or close; with :N only the first N requests get
 * it.  The .pem file holds certificate and key.  Port 0 takes a free one.  Prints the port once it listens.
 *
 *		crm_receiver --verify SECRET ID TIMESTAMP SIGNATURES BODY
 *
 * Says whether a signature was valid when it was made: for the vectors of the standard.
 */
#include "receiver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const manners_names[] = {
	[MANNERS_GOOD] = "no", [MANNERS_HANG] = "hang", [MANNERS_DRIP] = "drip", [MANNERS_REDIRECT] = "redirect",
	[MANNERS_500] = "500", [MANNERS_503] = "503", [MANNERS_410] = "410", [MANNERS_HUGE] = "huge",
	[MANNERS_CLOSE] = "close",
};

static void
fail(const char *what)
{
	fprintf(stderr, "crm_receiver: %s\n", what);
	exit(2);
}

static void
set_manners(Receiver *receiver, const char *value)
{
	size_t		n = strcspn(value, ":");

	for (size_t i = 0; i < sizeof(manners_names) / sizeof(manners_names[0]); i++)
		if (strlen(manners_names[i]) == n && strncmp(manners_names[i], value, n) == 0)
		{
			receiver->manners = (Manners) i;
			receiver->misbehave_left = value[n] == ':' ? atoi(value + n + 1) : -1;
			return;
		}
	fail("--misbehave knows hang, drip, redirect, 500, 503, 410, huge, close");
}

static void
set_tls(Receiver *receiver, const char *value)
{
	if (strcmp(value, "no") == 0)
		return;
	receiver->tls = SSL_CTX_new(TLS_server_method());
	if (receiver->tls == NULL || SSL_CTX_use_certificate_chain_file(receiver->tls, value) != 1 ||
		SSL_CTX_use_PrivateKey_file(receiver->tls, value, SSL_FILETYPE_PEM) != 1)
		fail("--tls needs a PEM file with certificate and key");
}

static int
listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	length = sizeof(address);
	int			on = 1;
	int			listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listening < 0 || setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(listening, (struct sockaddr *) &address, sizeof(address)) != 0 || listen(listening, 128) != 0 ||
		getsockname(listening, (struct sockaddr *) &address, &length) != 0)
		fail("cannot listen on the port");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return listening;
}

static void *
run(void *argument)
{
	Connection *connection = argument;
	Receiver   *receiver = connection->receiver;
	bool		ready = true;

	if (receiver->tls != NULL)
	{
		connection->tls = SSL_new(receiver->tls);
		ready = connection->tls != NULL && SSL_set_fd(connection->tls, connection->socket) == 1 &&
			SSL_accept(connection->tls) == 1;
	}
	if (ready)
		receiver_serve(connection);
	if (connection->tls != NULL)
		SSL_free(connection->tls);
	close(connection->socket);
	free(connection);
	return NULL;
}

static void
accept_for_ever(Receiver *receiver, int listening)
{
	for (;;)
	{
		Connection *connection = calloc(1, sizeof(Connection));
		pthread_t	thread;

		if (connection == NULL)
			fail("out of memory");
		connection->receiver = receiver;
		connection->socket = accept(listening, NULL, NULL);
		if (connection->socket < 0)
			free(connection);
		else if (pthread_create(&thread, NULL, run, connection) == 0)
			pthread_detach(thread);
		else
		{
			close(connection->socket);
			free(connection);
		}
	}
}

int
main(int argc, char **argv)
{
	static Receiver receiver = {.out = -1};
	int			port = -1;

	if (argc == 7 && strcmp(argv[1], "--verify") == 0)
	{
		bool		valid = receiver_signature_is_valid(argv[2], argv[3], argv[4], argv[5], argv[6],
														strlen(argv[6]), (time_t) atoll(argv[4]));

		puts(valid ? "valid" : "invalid");
		return !valid;
	}
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i + 1 < argc; i += 2)
	{
		const char *value = argv[i + 1];

		if (strcmp(argv[i], "--port") == 0)
			port = atoi(value);
		else if (strcmp(argv[i], "--secret") == 0)
			receiver.secret = value;
		else if (strcmp(argv[i], "--out") == 0)
			receiver.out = open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		else if (strcmp(argv[i], "--tls") == 0)
			set_tls(&receiver, value);
		else if (strcmp(argv[i], "--misbehave") == 0)
			set_manners(&receiver, value);
		else
			fail("options are --port, --secret, --out, --tls, --misbehave");
	}
	if (port < 0 || receiver.secret == NULL || receiver.out < 0)
		fail("usage: crm_receiver --port N --secret whsec_... --out FILE [--tls FILE|no] [--misbehave MODE[:N]]");
	accept_for_ever(&receiver, listen_on(port));
	return 0;
}
