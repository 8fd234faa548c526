/*
 * metrics.c
 *		Counts requests by route and shows them in the Prometheus text format.
 *
 * Counters are plain 64-bit words changed by atomic additions: no lock on the
 * way of a request.  Labels are the table's templates, never a raw path, so the
 * number of series is fixed and holds no customer's data.
 */
#include <stdlib.h>
#include <string.h>

#include "dbpool.h"
#include "metrics.h"
#include "route.h"

#define ADD(counter, by)	__atomic_fetch_add(&(counter), (by), __ATOMIC_RELAXED)
#define READ(counter)		__atomic_load_n(&(counter), __ATOMIC_RELAXED)

static const int bucket_us[] = {1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
500000, 1000000, 2500000, 10000000};

#define BUCKETS		(sizeof(bucket_us) / sizeof(bucket_us[0]))

typedef struct RouteCounters
{
	uint64_t	by_class[6];	/* [2] counts 2xx, [0] what has no class */
	uint64_t	buckets[BUCKETS + 1];	/* not cumulative; the last one is +Inf */
	uint64_t	sum_us;
	uint64_t	database_us;
} RouteCounters;

static RouteCounters *counters; /* one a route, and one for "no route" */
static uint64_t in_flight;
static uint64_t import_bytes;
static uint64_t import_lines;
static uint64_t retries;
static uint64_t accept_errors;
static int	thread_count;

bool
crm_metrics_start(int threads)
{
	counters = calloc(crm_route_count + 1, sizeof(RouteCounters));
	thread_count = threads;
	return counters != NULL;
}

/* route is the row's number, -1 when none was found. */
void
crm_metrics_request(int route, int status, int64_t us, int64_t database_us)
{
	RouteCounters *row = &counters[route >= 0 ? (size_t) route : crm_route_count];
	size_t		bucket = 0;

	while (bucket < BUCKETS && us > bucket_us[bucket])
		bucket++;
	ADD(row->by_class[status >= 100 && status < 600 ? status / 100 : 0], 1);
	ADD(row->buckets[bucket], 1);
	ADD(row->sum_us, (uint64_t) us);
	ADD(row->database_us, (uint64_t) database_us);
}

void
crm_metrics_enter(void)
{
	ADD(in_flight, 1);
}

void
crm_metrics_leave(void)
{
	ADD(in_flight, (uint64_t) -1);
}

void
crm_metrics_import(uint64_t bytes, uint64_t lines)
{
	ADD(import_bytes, bytes);
	ADD(import_lines, lines);
}

void
crm_metrics_retry(int attempts)
{
	if (attempts > 1)
		ADD(retries, (uint64_t) attempts - 1);
}

void
crm_metrics_accept_error(void)
{
	ADD(accept_errors, 1);
}

static void
write_label(CrmBuffer *out, const char *value)
{
	for (; *value != '\0'; value++)
	{
		if (*value == '\\' || *value == '"')
			crm_buffer_add(out, "\\", 1);
		crm_buffer_add(out, value, 1);
	}
}

static void
write_labels(CrmBuffer *out, size_t route)
{
	crm_buffer_put(out, "{method=\"");
	write_label(out, route < crm_route_count ?
				crm_route_method_name(crm_route_table[route].method) : "");
	crm_buffer_put(out, "\",route=\"");
	write_label(out, route < crm_route_count ? crm_route_table[route].path : "none");
	crm_buffer_put(out, "\"");
}

static void
write_requests(CrmBuffer *out)
{
	crm_buffer_put(out, "# HELP crm_requests_total Requests answered, by route and class of status.\n"
				   "# TYPE crm_requests_total counter\n");
	for (size_t i = 0; i <= crm_route_count; i++)
	{
		for (int class = 0; class < 6; class++)
		{
			uint64_t	count = READ(counters[i].by_class[class]);

			if (count == 0)
				continue;
			crm_buffer_put(out, "crm_requests_total");
			write_labels(out, i);
			crm_buffer_printf(out, ",status=\"%dxx\"} %llu\n", class, (unsigned long long) count);
		}
	}
}

static void
write_histogram(CrmBuffer *out, size_t route)
{
	uint64_t	total = 0;

	for (size_t i = 0; i <= BUCKETS; i++)
	{
		total += READ(counters[route].buckets[i]);
		crm_buffer_put(out, "crm_request_seconds_bucket");
		write_labels(out, route);
		if (i < BUCKETS)
			crm_buffer_printf(out, ",le=\"%g\"}", bucket_us[i] / 1e6);
		else
			crm_buffer_put(out, ",le=\"+Inf\"}");
		crm_buffer_printf(out, " %llu\n", (unsigned long long) total);
	}
	crm_buffer_put(out, "crm_request_seconds_sum");
	write_labels(out, route);
	crm_buffer_printf(out, "} %.6f\n", (double) READ(counters[route].sum_us) / 1e6);
	crm_buffer_put(out, "crm_request_seconds_count");
	write_labels(out, route);
	crm_buffer_printf(out, "} %llu\n", (unsigned long long) total);
}

static uint64_t
requests_of(size_t route)
{
	uint64_t	total = 0;

	for (int class = 0; class < 6; class++)
		total += READ(counters[route].by_class[class]);
	return total;
}

static void
write_seconds(CrmBuffer *out)
{
	crm_buffer_put(out, "# HELP crm_request_seconds Time from the request to the end of the answer.\n"
				   "# TYPE crm_request_seconds histogram\n");
	for (size_t i = 0; i <= crm_route_count; i++)
	{
		if (requests_of(i) > 0)
			write_histogram(out, i);
	}
	crm_buffer_put(out, "# HELP crm_database_seconds_total Time spent in the database, by route.\n"
				   "# TYPE crm_database_seconds_total counter\n");
	for (size_t i = 0; i <= crm_route_count; i++)
	{
		if (requests_of(i) == 0)
			continue;
		crm_buffer_put(out, "crm_database_seconds_total");
		write_labels(out, i);
		crm_buffer_printf(out, "} %.6f\n", (double) READ(counters[i].database_us) / 1e6);
	}
}

static void
write_one(CrmBuffer *out, const char *name, const char *type, const char *help, uint64_t value)
{
	crm_buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type,
					  name, (unsigned long long) value);
}

void
crm_metrics_write(CrmBuffer *out)
{
	CrmDbpoolCounts pool;

	crm_dbpool_counts(&pool);
	write_requests(out);
	write_seconds(out);
	write_one(out, "crm_requests_in_flight", "gauge", "Requests being worked on.",
			  READ(in_flight));
	write_one(out, "crm_threads", "gauge", "Worker threads.", (uint64_t) thread_count);
	write_one(out, "crm_database_connections", "gauge", "Connections the pool may open.",
			  (uint64_t) pool.size);
	write_one(out, "crm_database_connections_open", "gauge", "Connections that are open.",
			  (uint64_t) pool.connected);
	write_one(out, "crm_database_connections_used", "gauge", "Connections lent to a request.",
			  (uint64_t) pool.in_use);
	write_one(out, "crm_database_waiting", "gauge", "Requests waiting for a connection.",
			  (uint64_t) pool.waiting);
	write_one(out, "crm_database_connects_total", "counter", "Connections opened.", pool.connects);
	write_one(out, "crm_database_connect_failures_total", "counter",
			  "Connections that could not be opened.", pool.failures);
	write_one(out, "crm_database_retries_total", "counter",
			  "Calls repeated after a conflict or a restart.", READ(retries));
	write_one(out, "crm_import_bytes_total", "counter", "Bytes taken by bulk imports.",
			  READ(import_bytes));
	write_one(out, "crm_import_lines_total", "counter", "Lines taken by bulk imports.",
			  READ(import_lines));
	write_one(out, "crm_accept_errors_total", "counter",
			  "Connections that could not be accepted.", READ(accept_errors));
}
