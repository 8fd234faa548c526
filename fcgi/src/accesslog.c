/*
 * accesslog.c
 *		Writes JSON lines: one for each request and one for each event.
 *
 * A line is made whole and written with one write(2) to a file opened for
 * appending, so lines of several threads never mix.  Paths appear as their
 * template and bodies not at all: the log holds no customer's data.  Reopening
 * (SIGHUP) puts the new file under the old descriptor with dup2, so no writer
 * ever sees a closed one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accesslog.h"
#include "request.h"

#define LINE_MAX_BYTES	2048

static int	log_fd = STDERR_FILENO;

/* path "" means standard error. */
bool
crm_accesslog_open(const char *path)
{
	int			fd;

	if (path[0] == '\0')
		return true;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return false;
	if (log_fd == STDERR_FILENO)
		log_fd = fd;
	else
	{
		dup3(fd, log_fd, O_CLOEXEC);
		close(fd);
	}
	return true;
}

static void
write_time(char *out, size_t size)
{
	struct timespec now;
	struct tm	parts;
	size_t		length;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	length = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(out + length, size - length, ".%03ldZ", now.tv_nsec / 1000000);
}

static void
write_line(char *line, int length)
{
	ssize_t		written;

	if (length >= LINE_MAX_BYTES)
		length = LINE_MAX_BYTES - 1;
	line[length - 1] = '\n';
	written = write(log_fd, line, (size_t) length);
	(void) written;				/* a full disk must not stop the service */
}

void
crm_accesslog_request(const CrmRequest *request, int status, uint64_t bytes_out,
					  const char *code)
{
	char		line[LINE_MAX_BYTES];
	char		now[40];
	const CrmRoute *route = request->match.route;
	int			length;

	write_time(now, sizeof(now));
	length = snprintf(line, sizeof(line),
					  "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"request\","
					  "\"request_id\":\"%s\",\"trace_id\":\"%s\",\"span_id\":\"%s\","
					  "\"parent_id\":\"%s\",\"method\":\"%s\",\"route\":\"%s\","
					  "\"status\":%d,\"code\":\"%s\",\"role\":\"%s\","
					  "\"bytes_in\":%llu,\"bytes_out\":%llu,\"us\":%lld,\"database_us\":%lld}\n",
					  now, status >= 500 ? "error" : "info",
					  request->request_id, request->trace_id, request->span_id,
					  request->parent_id, crm_route_method_name(request->method),
					  route != NULL ? route->path : "", status, code, request->role,
					  (unsigned long long) request->body_read, (unsigned long long) bytes_out,
					  (long long) (crm_clock_us() - request->started_us),
					  (long long) request->database_us);
	write_line(line, length);
}

/* `detail` may hold anything: what could break the line is replaced. */
void
crm_accesslog_event(const char *level, const char *event, const char *detail)
{
	char		line[LINE_MAX_BYTES];
	char		clean[1024];
	char		now[40];
	size_t		length = 0;

	for (; *detail != '\0' && length < sizeof(clean) - 1; detail++)
		clean[length++] = *detail == '"' || *detail == '\\' ? '\'' :
			(unsigned char) *detail < 0x20 ? ' ' : *detail;
	clean[length] = '\0';
	write_time(now, sizeof(now));
	write_line(line, snprintf(line, sizeof(line),
							  "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\","
							  "\"detail\":\"%s\"}\n", now, level, event, clean));
}
