/*
 * usage.c
 *		Tells the database how often which function was called by which role.
 *
 * Requests only add to a counter.  The main thread tells the database every
 * ten seconds what was added since (crm.report_count_calls), and when it stops; what
 * could not be told stays counted and is told the next time.  The first time it
 * tells all functions that there are, so that those nobody calls are known.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbcall.h"
#include "route.h"
#include "usage.h"

#define TELL_MS		2000
#define STATEMENT_TELL	((int) crm_route_count + 5)		/* behind those of the import */

static const char tell_sql[] = "SELECT crm.report_count_calls($1)";
static const char credential[] = "{\"kind\":\"none\",\"request_id\":\"usage\"}";

/* The first stands for every other role. */
static const char *const roles[] = {"", "crm_till", "crm_clerk", "crm_store_manager", "crm_manager", "crm_service",
	"crm_steward", "crm_marketer", "crm_analyst", "crm_headquarters", "crm_admin", "crm_reader"
};

#define ROLES		(sizeof(roles) / sizeof(roles[0]))

static uint64_t (*counted)[ROLES];
static uint64_t (*told)[ROLES];
static bool is_introduced;
static bool is_heard = true;	/* the last time somebody listened */

bool
crm_usage_start(void)
{
	counted = calloc(crm_route_count, sizeof(*counted));
	told = calloc(crm_route_count, sizeof(*told));
	return counted != NULL && told != NULL;
}

void
crm_usage_end(void)
{
	if (is_heard)
		crm_usage_tell();
	free(counted);
	free(told);
}

static size_t
role_number(const char *role)
{
	size_t		number = ROLES - 1;

	while (number > 0 && (role == NULL || strcmp(roles[number], role) != 0))
		number--;
	return number;
}

void
crm_usage_count(int route, const char *role, int status)
{
	if (route >= 0 && status < 400)
		__atomic_fetch_add(&counted[route][role_number(role)], 1, __ATOMIC_RELAXED);
}

static void
introduce(CrmBuffer *out)
{
	for (size_t i = 0; i < crm_route_count; i++)
	{
		const CrmRoute *route = &crm_route_table[i];

		if (route->access == CRM_ACCESS_LOOPBACK)
			continue;			/* operators' own: nobody's function */
		crm_buffer_printf(out, "%s{\"operation\":\"%s\",\"tag\":\"%s\",\"summary\":", out->text[out->length - 1] == '[' ? "" : ",",
						  route->operation, route->tag);
		crm_buffer_json(out, route->summary);
		crm_buffer_put(out, "}");
	}
}

/* Puts what was added since into `now` and `out`; returns whether there is anything. */
static bool
gather(CrmBuffer *out, uint64_t (*now)[ROLES])
{
	bool		is_any = false;

	for (size_t i = 0; i < crm_route_count; i++)
	{
		for (size_t r = 0; r < ROLES; r++)
		{
			now[i][r] = __atomic_load_n(&counted[i][r], __ATOMIC_RELAXED);
			if (now[i][r] == told[i][r] || crm_route_table[i].access == CRM_ACCESS_LOOPBACK)
				continue;
			crm_buffer_printf(out, "%s{\"operation\":\"%s\",\"role\":\"%s\",\"calls\":%llu}", is_any ? "," : "",
							  crm_route_table[i].operation, roles[r][0] != '\0' ? roles[r] + 4 : "",
							  (unsigned long long) (now[i][r] - told[i][r]));
			is_any = true;
		}
	}
	return is_any;
}

void
crm_usage_tell(void)
{
	CrmArena	arena;
	CrmBuffer	body;
	uint64_t	(*now)[ROLES] = calloc(crm_route_count, sizeof(*now));
	bool		is_any;

	if (now == NULL)
		return;
	crm_arena_init(&arena);
	crm_buffer_init(&body, &arena, 16 * 1024);
	crm_buffer_put(&body, "{\"operations\":[");
	if (!is_introduced)
		introduce(&body);
	crm_buffer_put(&body, "],\"calls\":[");
	is_any = gather(&body, now);
	crm_buffer_put(&body, "]}");
	if (is_any || !is_introduced)
	{
		CrmCall		call = {
			.arena = &arena, .statement = STATEMENT_TELL, .sql = tell_sql, .credential = credential, .credential_key = "",
			.parameters = 1, .types = {CRM_JSONB}, .values = {body.text}, .may_retry = true, .timeout_ms = TELL_MS, .client_fd = -1,
		};

		is_heard = crm_dbcall_run(&call) == CRM_CALL_OK;
		PQclear(call.result);
		if (is_heard)
		{
			memcpy(told, now, crm_route_count * sizeof(*now));
			is_introduced = true;
		}
	}
	crm_arena_free(&arena);
	free(now);
}
