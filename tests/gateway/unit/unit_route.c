/* Matching of paths, on the table of probes; percent-decoding. */
#include "tap.h"

#include "route.h"

static CrmArena arena;

static const char *
operation(CrmMethod method, const char *path)
{
	CrmMatch	match;

	if (!crm_route_match(method, path, &arena, &match))
		return "undecodable";
	return match.route != NULL ? match.route->operation : "none";
}

static const char *
capture(const char *path)
{
	CrmMatch	match;

	return crm_route_match(CRM_GET, path, &arena, &match) && match.route != NULL ? match.captures[0] : "none";
}

static const char *
allow(const char *path)
{
	CrmMatch	match;

	crm_route_match(CRM_PUT, path, &arena, &match);
	return match.allowed == 0 ? "none" : crm_route_allow(match.allowed, &arena);
}

static bool
decodes(const char *text, bool plus, const char *want)
{
	char		out[100];

	if (!crm_route_decode(text, strlen(text), plus, out))
		return want == NULL;
	return want != NULL && strcmp(out, want) == 0;
}

int
main(void)
{
	char		error[200] = "";

	crm_arena_init(&arena);
	ok(crm_route_check(error, sizeof(error)), "the table is sound");
	is_str(operation(CRM_GET, "/api/v1/who"), "who", "a fixed path");
	is_str(operation(CRM_HEAD, "/api/v1/who"), "who", "HEAD is GET's row");
	is_str(operation(CRM_PATCH, "/api/v1/things/7"), "thing_edit", "the method chooses among equal paths");
	is_str(operation(CRM_GET, "/api/v1/who/"), "none", "a slash more is another path");
	is_str(operation(CRM_GET, "/api/v1/wh"), "none", "a shorter path is another");
	is_str(operation(CRM_GET, "/api/v1/things/"), "none", "an empty segment binds nothing");
	is_str(operation(CRM_GET, "/api/v1/things/1/2"), "none", "a parameter ends at the slash");
	is_str(capture("/api/v1/things/a%2Fb"), "a/b", "an encoded slash stays inside its segment");
	is_str(capture("/api/v1/things/%E7%8E%8B"), "\xe7\x8e\x8b", "UTF-8");
	is_str(capture("/api/v1/things/a+b"), "a+b", "a plus in a path is a plus");
	is_str(operation(CRM_GET, "/api/v1/things/%00"), "undecodable", "no NUL");
	is_str(operation(CRM_GET, "/api/v1/things/%4"), "undecodable", "no half escape");
	is_str(operation(CRM_GET, "/API/v1/who"), "none", "paths are case-sensitive");
	is_str(allow("/api/v1/things/7"), "GET, HEAD, PATCH, DELETE, OPTIONS", "Allow lists what the path knows");
	is_str(allow("/nowhere"), "none", "an unknown path allows nothing");
	ok(decodes("a%20b+c", true, "a b c") && decodes("a+b", false, "a+b"), "plus is a space in a query only");
	ok(decodes("%zz", true, NULL) && decodes("%", true, NULL) && decodes("a%2", true, NULL), "broken escapes");
	ok(decodes("%41%42", true, "AB") && decodes("", true, ""), "whole ones");
	crm_arena_free(&arena);
	return done();
}
