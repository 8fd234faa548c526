/*
 * route.c
 *		Finds the row of the route table that a request asks for.
 *
 * The raw path is split at '/' first and decoded after, so an encoded slash
 * stays inside its segment and cannot reach another endpoint.  A fixed segment
 * wins over a {parameter}: rows with fixed segments come first in the table,
 * which crm_route_check holds true at the start.
 */
#include <stdio.h>
#include <string.h>

#include "route.h"

static const char *const method_names[] = {
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"
};

CrmMethod
crm_route_method(const char *text)
{
	for (int i = CRM_GET; i < CRM_METHOD_OTHER; i++)
	{
		if (strcmp(method_names[i], text) == 0)
			return (CrmMethod) i;
	}
	return CRM_METHOD_OTHER;
}

const char *
crm_route_method_name(CrmMethod method)
{
	return method < CRM_METHOD_OTHER ? method_names[method] : "OTHER";
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/*
 * Percent-decoding; `out` holds length + 1 bytes.  A broken escape and a NUL are
 * refused: the value goes into a C string, which would end there.
 */
bool
crm_route_decode(const char *text, size_t length, bool plus_is_space, char *out)
{
	for (size_t i = 0; i < length; i++)
	{
		char		c = text[i];

		if (c == '%')
		{
			int			high = i + 2 < length ? hex_value(text[i + 1]) : -1;
			int			low = i + 2 < length ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return false;
			c = (char) (high << 4 | low);
			i += 2;
		}
		else if (c == '+' && plus_is_space)
			c = ' ';
		*out++ = c;
	}
	*out = '\0';
	return true;
}

/* Does this path fit the template?  Notes where the captured segments lie. */
static bool
fits(const char *template, const char *path, const char **starts, size_t *lengths)
{
	int			captured = 0;

	while (*template != '\0')
	{
		if (*template != '{')
		{
			if (*template++ != *path++)
				return false;
			continue;
		}
		template = strchr(template, '}') + 1;
		starts[captured] = path;
		/* {id}:verb ends the capture at the colon, {id}/x at the slash */
		lengths[captured] = *template == ':' ? strcspn(path, ":/") : strcspn(path, "/");
		if (lengths[captured] == 0)
			return false;
		path += lengths[captured++];
	}
	return *path == '\0';
}

static bool
decode_captures(const char *template, const char **starts, const size_t *lengths,
				CrmArena *arena, CrmMatch *match)
{
	int			captured = 0;

	for (const char *p = strchr(template, '{'); p != NULL; p = strchr(p + 1, '{'))
	{
		char	   *value = crm_arena_alloc(arena, lengths[captured] + 1);

		if (!crm_route_decode(starts[captured], lengths[captured], false, value))
			return false;
		match->captures[captured++] = value;
	}
	return true;
}

/*
 * Fills `match`; returns false for a path that cannot be decoded.  HEAD is
 * answered by the GET row.
 */
bool
crm_route_match(CrmMethod method, const char *path, CrmArena *arena, CrmMatch *match)
{
	const char *starts[CRM_ROUTE_CAPTURES];
	size_t		lengths[CRM_ROUTE_CAPTURES];
	CrmMethod	wanted = method == CRM_HEAD ? CRM_GET : method;
	const char *template = NULL;

	memset(match, 0, sizeof(*match));
	for (size_t i = 0; i < crm_route_count; i++)
	{
		const CrmRoute *route = &crm_route_table[i];

		/* once a template fits, only its other methods are of interest */
		if (template != NULL ? strcmp(template, route->path) != 0 :
			!fits(route->path, path, starts, lengths))
			continue;
		template = route->path;
		match->allowed |= 1u << route->method;
		if (route->method == wanted && match->route == NULL)
		{
			match->route = route;
			match->index = (int) i;
		}
	}
	if (match->route == NULL)
		return true;
	return decode_captures(match->route->path, starts, lengths, arena, match);
}

const char *
crm_route_allow(unsigned int allowed, CrmArena *arena)
{
	CrmBuffer	list;

	crm_buffer_init(&list, arena, 64);
	if (allowed & 1u << CRM_GET)
		allowed |= 1u << CRM_HEAD;
	allowed |= 1u << CRM_OPTIONS;
	for (int i = CRM_GET; i < CRM_METHOD_OTHER; i++)
	{
		if (allowed & 1u << i)
			crm_buffer_printf(&list, "%s%s", list.length > 0 ? ", " : "", method_names[i]);
	}
	return list.text;
}

static int
count_captures(const char *path)
{
	int			count = 0;

	for (; *path != '\0'; path++)
		count += *path == '{';
	return count;
}

static bool
check_row(const CrmRoute *route, char *error, size_t error_size)
{
	int			captures = count_captures(route->path);
	const char *reason = NULL;

	for (int i = 0; i < CRM_ROUTE_PARAMS && route->params[i].place != CRM_IN_NOWHERE; i++)
		captures -= route->params[i].place == CRM_IN_PATH;
	if (captures > 0 && route->handler == NULL)
		reason = "a segment of its path is not bound";
	else if (captures < 0 || count_captures(route->path) > CRM_ROUTE_CAPTURES)
		reason = "its path parameters do not agree with its path";
	else if (route->sql == NULL && route->handler == NULL)
		reason = "it has neither a statement nor a handler";
	/* a link that is followed is a GET, and counted: nobody's credential is with it */
	else if (route->method == CRM_GET && !route->read_only && route->handler == NULL &&
			 !(route->success == 302 && route->access == CRM_ACCESS_PUBLIC))
		reason = "a GET must be read-only";
	else if (route->sql != NULL && route->timeout_ms <= 0)
		reason = "it has no timeout";
	if (reason != NULL)
		snprintf(error, error_size, "route %s: %s", route->operation, reason);
	return reason == NULL;
}

/* Is `later` reachable, or does `earlier` take every path it could have? */
static bool
hides(const CrmRoute *earlier, const CrmRoute *later)
{
	const char *starts[CRM_ROUTE_CAPTURES];
	size_t		lengths[CRM_ROUTE_CAPTURES];

	return strcmp(earlier->path, later->path) != 0 &&
		fits(earlier->path, later->path, starts, lengths);
}

/* Run at the start: a wrong table must not serve. */
bool
crm_route_check(char *error, size_t error_size)
{
	for (size_t i = 0; i < crm_route_count; i++)
	{
		const CrmRoute *route = &crm_route_table[i];

		if (!check_row(route, error, error_size))
			return false;
		for (size_t j = 0; j < i; j++)
		{
			const CrmRoute *earlier = &crm_route_table[j];

			if (strcmp(earlier->operation, route->operation) == 0 ||
				(earlier->method == route->method &&
				 strcmp(earlier->path, route->path) == 0))
			{
				snprintf(error, error_size, "route %s is there twice", route->operation);
				return false;
			}
			if (hides(earlier, route))
			{
				snprintf(error, error_size, "route %s is hidden by %s before it",
						 route->operation, earlier->operation);
				return false;
			}
		}
	}
	return true;
}
