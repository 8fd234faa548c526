/*
 * listener.c
 *		Accepts connections of the web server and has threads serve them.
 *
 * libfcgi alone would bind a thread to a connection, idle or not, wait in read()
 * without a limit, and not notice SIGTERM.  So it is used for what it does well,
 * the protocol of one request, and everything that waits is done here:
 *
 *		epoll holds the listening socket, all idle connections and a wake-up.  A
 *		thread takes one ready thing at a time (EPOLLONESHOT): a new connection
 *		is put into the set; a connection with a request is handed to libfcgi by
 *		setting FCGX_Request.ipcFd, served, and put back when it is kept.
 *
 * What follows from it:
 *   - an idle kept connection costs no thread;
 *   - the listening socket given to libfcgi is -1, so that it can never block in
 *     an accept of its own: a dead connection comes back as an error;
 *   - reads have a time limit (SO_RCVTIMEO): nginx sends a request's head in one go,
 *     so half a head ends after a few seconds; an import allows for longer silence;
 *   - at EMFILE a spare descriptor is given up to accept and close the waiting
 *     connection, and the thread goes on;
 *   - stopping is a flag and a wake-up: whoever serves, finishes with
 *     keepConnection = 0; idle connections are closed at once, so that nginx does
 *     not send a request to a process that is leaving; nothing is cut off.
 *
 * Only nginx may connect: the socket is a Unix socket of mode 0660, for libfcgi
 * can be crashed by hostile FastCGI records (GET_VALUES).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "accesslog.h"
#include "dispatch.h"
#include "listener.h"
#include "metrics.h"
#include "request.h"

#define STACK_BYTES		(256 * 1024)
#define BACKLOG			511
#define SYSTEMD_FD		3
#define MOST_DESCRIPTORS	65536

typedef enum ConnectionState
{
	CONNECTION_NONE,			/* closed, or served by a thread */
	CONNECTION_FRESH,			/* accepted; its first request is on the way */
	CONNECTION_KEPT				/* idle between two requests */
} ConnectionState;

static struct
{
	int			socket;
	int			epoll;
	int			wake;			/* readable once we are stopping */
	int			spare;			/* given up for a moment at EMFILE */
	pthread_mutex_t spare_lock;
	bool		is_own;			/* we made the socket: remove its path at the end */
	int			stopping;
	pthread_t  *threads;
	int			thread_count;
	unsigned char *idle;		/* by descriptor: a ConnectionState */
	int			idle_size;
	struct timeval silence;
}			listener = {.socket = -1, .epoll = -1, .wake = -1, .spare = -1,
.spare_lock = PTHREAD_MUTEX_INITIALIZER};

static bool
fail(char *error, size_t error_size, const char *what, const char *path)
{
	snprintf(error, error_size, "could not %s \"%s\": %s", what, path, strerror(errno));
	return false;
}

/* systemd hands over a listening socket as descriptor 3. */
static bool
has_systemd_socket(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");

	return pid != NULL && count != NULL && atol(pid) == (long) getpid() && atoi(count) == 1;
}

/* Is somebody serving on this path?  A left-over of a dead process may go. */
static bool
is_answered(const struct sockaddr_un *address)
{
	int			probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool		answered = probe >= 0 &&
		connect(probe, (const struct sockaddr *) address, sizeof(*address)) == 0;

	if (probe >= 0)
		close(probe);
	return answered;
}

static bool
give_to_group(const char *path, const char *name, char *error, size_t error_size)
{
	struct group *group;

	if (name[0] == '\0')
		return true;
	errno = 0;
	group = getgrnam(name);
	if (group == NULL || chown(path, (uid_t) -1, group->gr_gid) != 0)
		return fail(error, error_size, "give the socket to group", name);
	return true;
}

static bool
bind_socket(const CrmConfig *config, char *error, size_t error_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t		former;
	int			bound;

	if (strlen(config->socket) >= sizeof(address.sun_path))
	{
		snprintf(error, error_size, "the socket's path is longer than %zu characters",
				 sizeof(address.sun_path) - 1);
		return false;
	}
	strcpy(address.sun_path, config->socket);
	if (is_answered(&address))
	{
		snprintf(error, error_size, "another gateway serves on \"%s\"", config->socket);
		return false;
	}
	unlink(config->socket);
	listener.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	former = umask(0117);		/* 0660 from its first moment */
	bound = listener.socket >= 0 ?
		bind(listener.socket, (struct sockaddr *) &address, sizeof(address)) : -1;
	umask(former);
	if (bound != 0)
		return fail(error, error_size, "bind socket", config->socket);
	listener.is_own = true;
	return give_to_group(config->socket, config->socket_group, error, error_size) &&
		(listen(listener.socket, BACKLOG) == 0 ||
		 fail(error, error_size, "listen on", config->socket));
}

/* The listening socket, for a supervisor to hand on. */
int
crm_listener_socket(void)
{
	return listener.socket;
}

bool
crm_listener_open(const CrmConfig *config, char *error, size_t error_size)
{
	if (!has_systemd_socket())
		return bind_socket(config, error, error_size);
	listener.socket = SYSTEMD_FD;
	if (fcntl(SYSTEMD_FD, F_SETFD, FD_CLOEXEC) != 0 ||
		fcntl(SYSTEMD_FD, F_SETFL, O_NONBLOCK) != 0)
		return fail(error, error_size, "use socket", "descriptor 3");
	return true;
}

static void
watch(int operation, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(listener.epoll, operation, fd, &event) != 0 &&
		!__atomic_load_n(&listener.stopping, __ATOMIC_ACQUIRE))
		crm_accesslog_event("error", "epoll_failed", strerror(errno));
}

/*
 * Makes a connection idle.  From the flag on it belongs to whoever clears it: the
 * thread that gets its event, or the stop.
 */
static void
watch_connection(int operation, int fd, ConnectionState state)
{
	if (fd >= listener.idle_size)
	{
		close(fd);				/* beyond the limit we started with */
		return;
	}
	__atomic_store_n(&listener.idle[fd], state, __ATOMIC_RELEASE);
	watch(operation, fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT);
}

static bool
take_connection(int fd)
{
	return __atomic_exchange_n(&listener.idle[fd], CONNECTION_NONE, __ATOMIC_ACQ_REL) !=
		CONNECTION_NONE;
}

/*
 * No descriptor is left: take the waiting connection with the spare one and
 * close it, so that its client gets an answer (502) and the queue moves on.
 */
static void
shed_connection(void)
{
	struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	int			fd;

	crm_metrics_accept_error();
	pthread_mutex_lock(&listener.spare_lock);
	if (listener.spare >= 0)
		close(listener.spare);
	fd = accept4(listener.socket, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	listener.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pthread_mutex_unlock(&listener.spare_lock);
	crm_accesslog_event("error", "no_descriptor_left", "a connection was turned away");
	nanosleep(&pause, NULL);
}

static void
accept_connection(void)
{
	const struct timeval head_silence = {.tv_sec = CRM_REQUEST_SILENCE_S};
	int			fd = accept4(listener.socket, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
	{
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &head_silence, sizeof(head_silence));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &listener.silence, sizeof(listener.silence));
		watch_connection(EPOLL_CTL_ADD, fd, CONNECTION_FRESH);
	}
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		shed_connection();
	/* anything else (EAGAIN, ECONNABORTED): another thread or the client was faster */
}

/*
 * Serves the request that waits on fd.  In FCGX_Finish_r, which Accept calls
 * first, keepConnection decides whether ipcFd survives: hence the 1.
 */
static void
serve_connection(FCGX_Request *fcgi, int fd, CrmArena *arena)
{
	CrmRequest	request;
	CrmReply	reply;

	fcgi->ipcFd = fd;
	fcgi->keepConnection = 1;
	if (FCGX_Accept_r(fcgi) != 0)
	{
		fcgi->ipcFd = -1;		/* closed by the library */
		return;
	}
	crm_dispatch_request(&request, &reply, fcgi, arena);
	if (__atomic_load_n(&listener.stopping, __ATOMIC_ACQUIRE))
		fcgi->keepConnection = 0;
	FCGX_Finish_r(fcgi);		/* the parameters are gone now, what the record needs is not */
	crm_dispatch_record(&request, &reply);
	crm_arena_reset(arena);
	if (fcgi->ipcFd >= 0)
		watch_connection(EPOLL_CTL_MOD, fcgi->ipcFd, CONNECTION_KEPT);
	fcgi->ipcFd = -1;
}

/*
 * The wake-up stays readable, and epoll goes round what is ready: seeing it twice
 * running means that nothing else was left to do.
 */
static void *
serve(void *unused)
{
	FCGX_Request fcgi;
	CrmArena	arena;
	int			wakes = 0;

	(void) unused;
	FCGX_InitRequest(&fcgi, -1, 0);
	crm_arena_init(&arena);
	while (wakes < 2)
	{
		struct epoll_event event;

		if (epoll_wait(listener.epoll, &event, 1, -1) != 1)
			continue;
		if (event.data.fd == listener.wake)
		{
			wakes++;
			continue;
		}
		wakes = 0;
		if (event.data.fd == listener.socket)
		{
			accept_connection();
			watch(EPOLL_CTL_MOD, listener.socket, EPOLLIN | EPOLLONESHOT);
		}
		else if (take_connection(event.data.fd))
			serve_connection(&fcgi, event.data.fd, &arena);
	}
	FCGX_Free(&fcgi, 0);
	crm_arena_free(&arena);
	return NULL;
}

bool
crm_listener_start(const CrmConfig *config)
{
	pthread_attr_t attributes;
	struct rlimit limit;
	bool		good = true;

	listener.silence.tv_sec = config->io_timeout_s;
	listener.epoll = epoll_create1(EPOLL_CLOEXEC);
	listener.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	listener.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	listener.threads = calloc((size_t) config->threads, sizeof(pthread_t));
	listener.idle_size = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < MOST_DESCRIPTORS ?
		(int) limit.rlim_cur : MOST_DESCRIPTORS;
	listener.idle = calloc((size_t) listener.idle_size, 1);
	if (listener.epoll < 0 || listener.wake < 0 || listener.threads == NULL ||
		listener.idle == NULL || FCGX_Init() != 0)
		return false;
	watch(EPOLL_CTL_ADD, listener.wake, EPOLLIN);
	watch(EPOLL_CTL_ADD, listener.socket, EPOLLIN | EPOLLONESHOT);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	while (good && listener.thread_count < config->threads)
	{
		good = pthread_create(&listener.threads[listener.thread_count], &attributes,
							  serve, NULL) == 0;
		listener.thread_count += good;
	}
	pthread_attr_destroy(&attributes);
	return good;
}

/*
 * Closes the idle connections of a state or above, save those on which a request waits:
 * these are the threads' to serve.  Returns how many are left open.
 */
static int
close_idle(ConnectionState least)
{
	int			left = 0;

	for (int fd = 0; fd < listener.idle_size; fd++)
	{
		struct pollfd waiting = {.fd = fd, .events = POLLIN};
		int			state = __atomic_load_n(&listener.idle[fd], __ATOMIC_ACQUIRE);

		if (state == CONNECTION_NONE)
			continue;
		if (state >= (int) least && poll(&waiting, 1, 0) == 0 && take_connection(fd))
			close(fd);
		else
			left++;
	}
	return left;
}

/*
 * Empties the set of connections: kept ones at once, fresh ones when they have
 * had a second for the request that they were opened for.
 */
static void
end_connections(void)
{
	struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

	for (int round = 0; round < 100; round++)
	{
		int			left = close_idle(CONNECTION_KEPT);

		if (left == 0 && round > 0)
			break;
		nanosleep(&pause, NULL);
	}
	(void) close_idle(CONNECTION_FRESH);
}

/*
 * Lets every running request end, for stop_timeout_s at most; returns false when
 * one did not.  Under systemd the socket stays open for the next process.
 */
bool
crm_listener_stop(const CrmConfig *config)
{
	struct timespec deadline;
	uint64_t	one = 1;
	bool		all = true;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += config->stop_timeout_s;
	__atomic_store_n(&listener.stopping, 1, __ATOMIC_RELEASE);
	if (listener.is_own)
		unlink(config->socket);
	(void) epoll_ctl(listener.epoll, EPOLL_CTL_DEL, listener.socket, NULL);
	end_connections();
	all = write(listener.wake, &one, sizeof(one)) == sizeof(one);
	for (int i = 0; i < listener.thread_count; i++)
		all = pthread_timedjoin_np(listener.threads[i], NULL, &deadline) == 0 && all;
	close(listener.socket);
	free(listener.threads);
	return all;
}
