/*
 * http_doc.c
 *		Prints the endpoint chapter of doc/http-api.md from the route table.
 *
 * `make http-doc` puts it behind the marker line of that page; the gateway suite
 * compares the two, so the page says what is served.
 */
#include <stdio.h>
#include <string.h>

#include "openapi.h"
#include "route.h"

static const char *
place_text(CrmPlace place)
{
	switch (place)
	{
		case CRM_IN_PATH:
			return "path";
		case CRM_IN_QUERY:
		case CRM_IN_CURSOR:
		case CRM_IN_LIMIT:
			return "query";
		case CRM_IN_HEADER:
		case CRM_IN_IDEMPOTENCY_KEY:
		case CRM_IN_IF_MATCH:
			return "header";
		default:
			return NULL;
	}
}

static const char *
type_text(CrmType type)
{
	static const char *const names[] = {"text", "whole number", "whole number", "true or false",
		"date", "time", "decimal number", "UUID", "JSON", "bytes"};

	return names[type];
}

static void
print_parameters(const CrmRoute *route)
{
	bool		any = false;

	for (int i = 0; i < CRM_ROUTE_PARAMS && route->params[i].place != CRM_IN_NOWHERE; i++)
	{
		const CrmParam *param = &route->params[i];

		if (place_text(param->place) == NULL)
			continue;
		if (!any)
			puts("| parameter | in | type | |\n| --- | --- | --- | --- |");
		any = true;
		printf("| `%s`%s | %s | %s | %s%s%s |\n", param->name, param->required ? " *" : "",
			   place_text(param->place), type_text(param->type),
			   param->text != NULL ? param->text : "",
			   param->initial != NULL ? " default " : "",
			   param->initial != NULL ? param->initial : "");
	}
	if (any)
		puts("");
}

static void
print_address(const CrmRoute *route)
{
	bool		first = true;

	for (const char *p = route->path; *p != '\0'; p++)
	{
		if (*p != '{')
		{
			putchar(*p);
			continue;
		}
		putchar('$');
		for (p++; *p != '}'; p++)
			putchar(*p);
	}
	for (int i = 0; i < CRM_ROUTE_PARAMS && route->params[i].place != CRM_IN_NOWHERE; i++)
	{
		if (route->params[i].place != CRM_IN_QUERY || !route->params[i].required)
			continue;
		printf("%c%s=$%s", first ? '?' : '&', route->params[i].name, route->params[i].name);
		first = false;
	}
}

static bool
has_key(const CrmRoute *route)
{
	for (int i = 0; i < CRM_ROUTE_PARAMS && route->params[i].place != CRM_IN_NOWHERE; i++)
	{
		if (route->params[i].place == CRM_IN_IDEMPOTENCY_KEY)
			return true;
	}
	return false;
}

static void
print_example(const CrmRoute *route)
{
	printf("```sh\ncurl -s");
	if (route->method != CRM_GET)
		printf(" -X %s", crm_route_method_name(route->method));
	if (route->access == CRM_ACCESS_CALLER)
		printf(" -H \"X-Api-Key: $KEY\"");
	if (has_key(route))
		printf(" -H 'Idempotency-Key: \"7d1f\"'");
	printf(" \\\n  \"$CRM");
	print_address(route);
	printf("\"");
	if (route->request_schema != NULL && strcmp(route->request_schema, "ImportBody") == 0)
		printf(" \\\n  -H 'Content-Type: text/csv' -T orders.csv");
	else if (route->request_schema != NULL)
		printf(" \\\n  -H 'Content-Type: application/json' -d '%s'",
			   route->example != NULL ? route->example : "{}");
	puts("\n```\n");
}

int
crm_http_doc_print(void)
{
	const char *tag = "";

	for (size_t i = 0; i < crm_route_count; i++)
	{
		const CrmRoute *route = &crm_route_table[i];

		if (strcmp(tag, route->tag) != 0)
			printf("## %s\n\n", route->tag);
		tag = route->tag;
		printf("### %s `%s`\n\n%s.", crm_route_method_name(route->method), route->path,
			   route->summary);
		if (route->text != NULL)
			printf(" %s", route->text);
		printf(" Answers %d%s.", route->success,
			   route->answer == CRM_ANSWER_ROWS ? " with a list" : "");
		if (route->access == CRM_ACCESS_PUBLIC)
			printf(" No credential.");
		else if (route->access == CRM_ACCESS_LOOPBACK)
			printf(" From this machine only.");
		else if (route->roles != NULL)
			printf(" Roles: %s.", route->roles);
		puts("\n");
		print_parameters(route);
		print_example(route);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
