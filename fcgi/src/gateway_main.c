/*
 * gateway_main.c
 *		The process: options, start, signals, end.
 *
 *		crm_gateway [-c] FILE [-t]		serve; -t only checks the configuration
 *		crm_gateway [-c] FILE --supervise	the same, restarted whenever it ends
 *		crm_gateway --openapi			prints the OpenAPI document
 *		crm_gateway --doc				prints doc/http-api.md's endpoint chapter
 *		crm_gateway --statement METHOD PATH	prints the SQL behind an endpoint
 *		crm_gateway --version
 *
 * All signals are blocked before the first thread is made and taken by this
 * thread with sigtimedwait: TERM and INT stop gracefully, HUP reopens the log and
 * reads the key file anew.  Exit status 0 means that every request was finished.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "accesslog.h"
#include "credential.h"
#include "dbcall.h"
#include "dbpool.h"
#include "dispatch.h"
#include "gateway_config.h"
#include "listener.h"
#include "metrics.h"
#include "openapi.h"
#include "route.h"
#include "supervisor.h"
#include "usage.h"

#define STATEMENTS_BEYOND_TABLE	8	/* authenticate, its traced form, the import's own, usage */
#define TELL_EVERY_S			10

static CrmConfig config;

static int
complain(const char *reason)
{
	fprintf(stderr, "crm_gateway: %s\n", reason);
	return 1;
}

/* Tells systemd (Type=notify) how we are; does nothing elsewhere. */
static void
notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			fd;

	if (path == NULL || strlen(path) >= sizeof(address.sun_path))
		return;
	strcpy(address.sun_path, path);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void) sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *) &address,
				  (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path)));
	close(fd);
}

static void
reload(void)
{
	char		error[512];

	notify("RELOADING=1");
	if (!crm_accesslog_open(config.log_file))
		crm_accesslog_event("error", "log_not_reopened", config.log_file);
	if (crm_credential_load_keys(config.key_file, config.issuer, config.audience,
								 error, sizeof(error)))
		crm_accesslog_event("info", "reloaded", config.key_file);
	else
		crm_accesslog_event("error", "keys_not_reloaded", error);
	notify("READY=1");
}

static void
wait_for_end(const sigset_t *signals)
{
	const struct timespec pause = {.tv_sec = TELL_EVERY_S};
	int			signal_number = 0;

	while (signal_number != SIGTERM && signal_number != SIGINT)
	{
		signal_number = sigtimedwait(signals, NULL, &pause);
		if (signal_number == SIGHUP)
			reload();
		else if (signal_number < 0 && errno == EAGAIN)
			crm_usage_tell();
	}
}

static int
serve(void)
{
	sigset_t	signals;
	bool		finished;
	char		error[512];

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* a few arenas, and large blocks straight from the system and back to it */
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	json_object_seed(0);
	if (!crm_dbpool_start(&config, (int) crm_route_count + STATEMENTS_BEYOND_TABLE) ||
		!crm_metrics_start(config.threads) || !crm_usage_start())
		return complain("out of memory");
	if (!crm_listener_open(&config, error, sizeof(error)))
		return complain(error);
	if (!crm_accesslog_open(config.log_file))
		return complain("could not open the log file");
	if (!crm_listener_start(&config))
		return complain("could not start the threads");
	crm_accesslog_event("info", "started", config.socket);
	notify("READY=1");
	wait_for_end(&signals);
	notify("STOPPING=1");
	crm_accesslog_event("info", "stopping", "");
	finished = crm_listener_stop(&config);
	crm_accesslog_event(finished ? "info" : "error", "stopped",
						finished ? "" : "a request did not end in time");
	if (!finished)
		_exit(1);				/* threads still use what would be freed */
	crm_usage_end();
	crm_dbpool_stop();
	crm_openapi_free();
	(void) crm_credential_load_keys("", "", "", error, sizeof(error));
	return 0;
}

/* The SQL behind an endpoint: what a benchmark's peer must run to do the same work. */
static int
print_statement(const char *method, const char *path)
{
	CrmArena	arena;
	CrmMatch	match;
	int			status = 1;

	crm_arena_init(&arena);
	if (crm_route_match(crm_route_method(method), path, &arena, &match) &&
		match.route != NULL && match.route->sql != NULL)
		status = puts(match.route->sql) < 0;
	else
		fprintf(stderr, "crm_gateway: no statement behind %s %s\n", method, path);
	crm_arena_free(&arena);
	return status;
}

static int
usage(void)
{
	fputs("usage: crm_gateway [-c] FILE [-t | --supervise]\n"
		  "       crm_gateway --openapi | --doc | --statement METHOD PATH | --version\n", stderr);
	return 2;
}

typedef enum Task
{
	TASK_SERVE,
	TASK_CHECK,
	TASK_SUPERVISE,
	TASK_OPENAPI,
	TASK_DOC
} Task;

/* Reads the options that choose the task; false when one is unknown. */
static bool
read_options(int argc, char **argv, Task *task, const char **path)
{
	static const char *const names[] = {NULL, "-t", "--supervise", "--openapi", "--doc"};

	for (int i = 1; i < argc; i++)
	{
		bool		known = false;

		for (int j = TASK_CHECK; j <= TASK_DOC; j++)
		{
			if (strcmp(argv[i], names[j]) == 0)
			{
				*task = (Task) j;
				known = true;
			}
		}
		if (known)
			continue;
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			i++;
		else if (argv[i][0] == '-')
			return false;
		*path = argv[i];
	}
	return true;
}

int
main(int argc, char **argv)
{
	const char *path = NULL;
	Task		task = TASK_SERVE;
	char		error[512];

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts(CRM_VERSION) < 0;
	if (argc == 4 && strcmp(argv[1], "--statement") == 0)
		return print_statement(argv[2], argv[3]);
	if (!read_options(argc, argv, &task, &path))
		return usage();
	if (!crm_route_check(error, sizeof(error)) || !crm_openapi_build(error, sizeof(error)))
		return complain(error);
	if (task == TASK_OPENAPI)
		return puts(crm_openapi()->text) < 0;
	if (task == TASK_DOC)
		return crm_http_doc_print();
	if (!crm_config_load(&config, path, error, sizeof(error)) ||
		!crm_credential_load_keys(config.key_file, config.issuer, config.audience,
								  error, sizeof(error)))
		return complain(error);
	if (task == TASK_CHECK)
		return puts("crm_gateway: the configuration is good") < 0;
	if (task == TASK_SUPERVISE)
		return crm_supervisor_run(&config, path);
	crm_dbcall_init(config.prepared_statements);
	crm_dispatch_init(&config);
	return serve();
}
