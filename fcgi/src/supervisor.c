/*
 * supervisor.c
 *		crm_gateway --supervise: owns the socket, and a gateway that serves on it.
 *
 * The parent opens the socket once and hands it to its child as systemd would
 * (descriptor 3), so a gateway that dies, or is replaced, loses no connection
 * that is waiting: the next one takes it.  It restarts the child whenever it
 * ends, at once at first and more slowly when it keeps failing.
 *
 * TERM and INT end the child gracefully and then the parent; HUP goes on to the
 * child (log, keys); USR2 starts a new child and then ends the old one, for a new
 * binary or configuration.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accesslog.h"
#include "listener.h"
#include "supervisor.h"

#define HANDED_FD		3
#define PAUSE_FIRST_MS	50
#define PAUSE_MOST_MS	5000
#define STEADY_S		10		/* who ran this long may restart at once */

typedef struct Child
{
	pid_t		pid;
	time_t		started;
} Child;

static void
become_gateway(int socket, const char *config_path)
{
	char		pid[24];
	sigset_t	none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);	/* no gateway outlives its supervisor */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* a copy is not close-on-exec; the descriptor itself would be */
	if (socket != HANDED_FD)
		dup2(socket, HANDED_FD);
	else
		fcntl(HANDED_FD, F_SETFD, 0);
	snprintf(pid, sizeof(pid), "%ld", (long) getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	if (config_path != NULL)
		execl("/proc/self/exe", "crm_gateway", "-c", config_path, (char *) NULL);
	else
		execl("/proc/self/exe", "crm_gateway", (char *) NULL);
	_exit(127);
}

static void
start_child(Child *child, int socket, const char *config_path)
{
	child->started = time(NULL);
	child->pid = fork();
	if (child->pid == 0)
		become_gateway(socket, config_path);
}

/* How long to wait before the next start; grows while children end early. */
static int
next_pause(int pause_ms, const Child *child)
{
	if (time(NULL) - child->started >= STEADY_S)
		return PAUSE_FIRST_MS;
	return pause_ms * 2 > PAUSE_MOST_MS ? PAUSE_MOST_MS : pause_ms * 2;
}

/* Collects ended children; true when the serving one was among them. */
static bool
reap(const Child *child, int *status)
{
	bool		serving_ended = false;
	int			ended_status;
	pid_t		ended;

	while ((ended = waitpid(-1, &ended_status, WNOHANG)) > 0)
	{
		if (ended == child->pid)
		{
			serving_ended = true;
			*status = ended_status;
		}
	}
	return serving_ended;
}

static int
end_child(const Child *child)
{
	int			status = 0;

	if (child->pid <= 0)
		return 1;
	kill(child->pid, SIGTERM);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Waits before a start; returns true when it is the end that is asked for meanwhile. */
static bool
pause_until_end(int pause_ms)
{
	struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000L};
	sigset_t	ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	return sigtimedwait(&ends, NULL, &pause) > 0;
}

static void
supervise(const sigset_t *signals, Child *child, int socket, const char *config_path)
{
	int			pause_ms = PAUSE_FIRST_MS;
	int			status;
	pid_t		former;

	for (;;)
	{
		switch (sigwaitinfo(signals, NULL))
		{
			case SIGTERM:
			case SIGINT:
				return;
			case SIGHUP:
				kill(child->pid, SIGHUP);
				break;
			case SIGUSR2:
				former = child->pid;
				start_child(child, socket, config_path);
				kill(former, SIGTERM);
				break;
			case SIGCHLD:
				if (reap(child, &status))
				{
					crm_accesslog_event("error", "gateway_ended", WIFSIGNALED(status) ?
										strsignal(WTERMSIG(status)) : "it exited");
					child->pid = 0;
					if (pause_until_end(pause_ms))
						return;
					pause_ms = next_pause(pause_ms, child);
					start_child(child, socket, config_path);
				}
				break;
			default:
				break;
		}
	}
}

int
crm_supervisor_run(const CrmConfig *config, const char *config_path)
{
	Child		child;
	sigset_t	signals;
	char		error[512];
	int			status;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	unsetenv("LISTEN_PID");
	if (!crm_listener_open(config, error, sizeof(error)))
	{
		fprintf(stderr, "crm_gateway: %s\n", error);
		return 1;
	}
	start_child(&child, crm_listener_socket(), config_path);
	supervise(&signals, &child, crm_listener_socket(), config_path);
	status = end_child(&child);
	unlink(config->socket);
	return status;
}
