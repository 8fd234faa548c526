/*
 * openapi.c
 *		Makes the OpenAPI 3.1 document from the route table and the schemas.
 *
 * Built once at the start and kept as text.  A schema that does not parse or a
 * route that names an unknown one stops the start: the description cannot drift
 * from what is served.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "openapi.h"
#include "route.h"

static CrmOpenapi document;

const CrmOpenapi *
crm_openapi(void)
{
	return &document;
}

void
crm_openapi_free(void)
{
	free(document.text);
	document.text = NULL;
}

static json_t *
schema_reference(const char *name)
{
	char		reference[128];

	snprintf(reference, sizeof(reference), "#/components/schemas/%s", name);
	return json_pack("{s:s}", "$ref", reference);
}

static json_t *
type_schema(CrmType type)
{
	switch (type)
	{
		case CRM_BIGINT:
			return json_pack("{s:s,s:s}", "type", "integer", "format", "int64");
		case CRM_INTEGER:
			return json_pack("{s:s,s:s}", "type", "integer", "format", "int32");
		case CRM_BOOLEAN:
			return json_pack("{s:s}", "type", "boolean");
		case CRM_DATE:
			return json_pack("{s:s,s:s}", "type", "string", "format", "date");
		case CRM_TIMESTAMP:
			return json_pack("{s:s,s:s}", "type", "string", "format", "date-time");
		case CRM_NUMERIC:
			return json_pack("{s:s,s:s}", "type", "string", "pattern", "^-?[0-9]+(\\.[0-9]*)?$");
		case CRM_UUID:
			return json_pack("{s:s,s:s}", "type", "string", "format", "uuid");
		case CRM_TEXT:
		case CRM_JSONB:
		case CRM_BYTEA:
			break;
	}
	return json_pack("{s:s}", "type", "string");
}

/* NULL for a parameter that is no parameter to the outside. */
static json_t *
parameter_object(const CrmParam *param)
{
	const char *where = "query";
	const char *name = param->name;
	bool		required = param->required;
	json_t	   *schema;

	switch (param->place)
	{
		case CRM_IN_PATH:
			where = "path";
			required = true;
			break;
		case CRM_IN_QUERY:
		case CRM_IN_CURSOR:
		case CRM_IN_LIMIT:
			break;
		case CRM_IN_HEADER:
			where = "header";
			break;
		case CRM_IN_IDEMPOTENCY_KEY:
			return json_pack("{s:s}", "$ref", "#/components/parameters/IdempotencyKey");
		case CRM_IN_IF_MATCH:
			where = "header";
			name = "If-Match";
			break;
		default:
			return NULL;
	}
	schema = type_schema(param->type);
	if (param->place == CRM_IN_LIMIT)
		json_object_update_new(schema, json_pack("{s:i,s:i,s:i}", "minimum", 1,
												 "maximum", 500, "default", 100));
	return json_pack("{s:s,s:s,s:b,s:s,s:o}", "name", name, "in", where, "required", required,
					 "description", param->text != NULL ? param->text : name, "schema", schema);
}

static json_t *
parameter_list(const CrmRoute *route)
{
	json_t	   *list = json_array();

	for (int i = 0; i < CRM_ROUTE_PARAMS && route->params[i].place != CRM_IN_NOWHERE; i++)
	{
		json_t	   *parameter = parameter_object(&route->params[i]);

		if (parameter != NULL)
			json_array_append_new(list, parameter);
	}
	return list;
}

static json_t *
request_body(const CrmRoute *route)
{
	json_t	   *media = json_pack("{s:o}", "schema", schema_reference(route->request_schema));
	json_t	   *content;

	if (strcmp(route->request_schema, "ImportBody") == 0)
	{
		content = json_pack("{s:O,s:O}", "text/csv", media, "application/x-ndjson", media);
		json_decref(media);
	}
	else
	{
		if (route->example != NULL)
			json_object_set_new(media, "example", json_loads(route->example, JSON_DECODE_ANY, NULL));
		content = json_pack("{s:o}", "application/json", media);
	}
	return json_pack("{s:b,s:o}", "required", 1, "content", content);
}

static json_t *
success_response(const CrmRoute *route)
{
	json_t	   *content = json_object();
	const char *name = route->response_schema;

	if (name == NULL)
		return json_pack("{s:s,s:o}", "description", route->summary, "content", content);
	if (route->answer == CRM_ANSWER_ROWS)
	{
		json_object_set_new(content, "application/json", json_pack(
			"{s:{s:s,s:[s,s],s:{s:{s:s,s:o},s:{s:[s,s],s:s}}}}", "schema", "type", "object",
			"required", "items", "next", "properties", "items", "type", "array", "items",
			schema_reference(name), "next", "type", "string", "null",
			"description", "cursor of the next page"));
		json_object_set_new(content, "application/x-ndjson",
							json_pack("{s:o}", "schema", schema_reference(name)));
	}
	else
		json_object_set_new(content,
							strcmp(name, "Text") == 0 ? "text/plain" : "application/json",
							json_pack("{s:o}", "schema", schema_reference(name)));
	return json_pack("{s:s,s:o}", "description", route->summary, "content", content);
}

static json_t *
response_map(const CrmRoute *route)
{
	char		status[8];
	json_t	   *map = json_object();

	snprintf(status, sizeof(status), "%d", route->success);
	json_object_set_new(map, status, success_response(route));
	if (route->method == CRM_GET && route->access == CRM_ACCESS_CALLER)
		json_object_set_new(map, "304", json_pack("{s:s}", "description", "not modified"));
	json_object_set_new(map, "4XX", json_pack("{s:s}", "$ref", "#/components/responses/Problem"));
	json_object_set_new(map, "5XX", json_pack("{s:s}", "$ref", "#/components/responses/Problem"));
	return map;
}

static json_t *
operation_object(const CrmRoute *route)
{
	json_t	   *operation = json_pack("{s:s,s:[s],s:s,s:s}", "operationId", route->operation,
									  "tags", route->tag, "summary", route->summary,
									  "description",
									  route->text != NULL ? route->text : route->summary);
	json_t	   *parameters = parameter_list(route);

	if (json_array_size(parameters) > 0)
		json_object_set(operation, "parameters", parameters);
	json_decref(parameters);
	if (route->request_schema != NULL)
		json_object_set_new(operation, "requestBody", request_body(route));
	json_object_set_new(operation, "responses", response_map(route));
	if (route->access != CRM_ACCESS_CALLER)
		json_object_set_new(operation, "security", json_array());
	if (route->roles != NULL)
		json_object_set_new(operation, "x-roles", json_string(route->roles));
	return operation;
}

static json_t *
path_map(void)
{
	json_t	   *paths = json_object();

	for (size_t i = 0; i < crm_route_count; i++)
	{
		const CrmRoute *route = &crm_route_table[i];
		json_t	   *path = json_object_get(paths, route->path);
		char		method[16];
		size_t		length = 0;

		for (const char *p = crm_route_method_name(route->method); *p != '\0'; p++)
			method[length++] = (char) tolower((unsigned char) *p);
		method[length] = '\0';
		if (path == NULL)
		{
			path = json_object();
			json_object_set_new(paths, route->path, path);
		}
		json_object_set_new(path, method, operation_object(route));
	}
	return paths;
}

static json_t *
schema_map(char *error, size_t error_size)
{
	json_t	   *map = json_object();
	json_error_t where;

	for (size_t i = 0; i < crm_schema_count; i++)
	{
		json_t	   *schema = json_loads(crm_schemas[i].json, JSON_REJECT_DUPLICATES, &where);

		if (schema == NULL)
		{
			snprintf(error, error_size, "schema %s: %s at byte %d", crm_schemas[i].name,
					 where.text, where.position);
			json_decref(map);
			return NULL;
		}
		json_object_set_new(map, crm_schemas[i].name, schema);
	}
	return map;
}

static bool
check_references(const json_t *schemas, char *error, size_t error_size)
{
	for (size_t i = 0; i < crm_route_count; i++)
	{
		const CrmRoute *route = &crm_route_table[i];
		const char *names[] = {route->request_schema, route->response_schema};

		for (int j = 0; j < 2; j++)
		{
			if (names[j] != NULL && json_object_get(schemas, names[j]) == NULL)
			{
				snprintf(error, error_size, "route %s names an unknown schema \"%s\"",
						 route->operation, names[j]);
				return false;
			}
		}
	}
	return true;
}

static json_t *
component_map(json_t *schemas)
{
	return json_pack(
		"{s:o,s:{s:{s:s,s:s,s:b,s:s,s:{s:s}}},s:{s:{s:s,s:{s:{s:o}}}},"
		"s:{s:{s:s,s:s,s:s},s:{s:s,s:s,s:s},s:{s:s,s:s,s:s}}}",
		"schemas", schemas,
		"parameters", "IdempotencyKey", "name", "Idempotency-Key", "in", "header", "required", 0,
		"description", "A quoted string that names this change. Sent again with the same body it "
		"changes nothing and gets the first answer; with another body it is refused (422).",
		"schema", "type", "string",
		"responses", "Problem", "description", "what went wrong (RFC 9457)",
		"content", "application/problem+json", "schema", schema_reference("Problem"),
		"securitySchemes",
		"bearer", "type", "http", "scheme", "bearer", "description",
		"A JWT (HS256, RS256, ES256, EdDSA) or an API key.",
		"apiKey", "type", "apiKey", "in", "header", "name", "X-Api-Key",
		"session", "type", "apiKey", "in", "cookie", "name", "crm_session");
}

static json_t *
tag_list(void)
{
	json_t	   *list = json_array();
	const char *last = "";

	for (size_t i = 0; i < crm_route_count; i++)
	{
		bool		known = false;

		for (size_t j = 0; j < i && !known; j++)
			known = strcmp(crm_route_table[j].tag, crm_route_table[i].tag) == 0;
		last = crm_route_table[i].tag;
		if (!known)
			json_array_append_new(list, json_pack("{s:s}", "name", last));
	}
	return list;
}

static json_t *
root_object(json_t *schemas)
{
	return json_pack(
		"{s:s,s:{s:s,s:s,s:s,s:{s:s,s:s}},s:[{s:s}],s:[{s:[]},{s:[]},{s:[]}],s:o,s:o,s:o}",
		"openapi", "3.1.0",
		"info", "title", "crm", "version", CRM_VERSION,
		"description", "The customer system of a retail chain: intake, persons, value, flows. "
		"Lists page by a cursor (Link: rel=next) or stream as application/x-ndjson, whose last line "
		"is {\"_end\":true,\"rows\":N} or {\"_error\":{...}}; a stream without it is cut off.",
		"license", "name", "PostgreSQL", "identifier", "PostgreSQL",
		"servers", "url", "/",
		"security", "bearer", "apiKey", "session",
		"tags", tag_list(), "paths", path_map(), "components", component_map(schemas));
}

/* A fingerprint that changes with any byte. */
static void
set_etag(void)
{
	uint64_t	hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < document.length; i++)
		hash = (hash ^ (unsigned char) document.text[i]) * 0x100000001b3u;
	snprintf(document.etag, sizeof(document.etag), "%016llx", (unsigned long long) hash);
}

bool
crm_openapi_build(char *error, size_t error_size)
{
	json_t	   *schemas = schema_map(error, error_size);
	json_t	   *root;

	if (schemas == NULL)
		return false;
	if (!check_references(schemas, error, error_size))
	{
		json_decref(schemas);
		return false;
	}
	root = root_object(schemas);
	document.text = root != NULL ? json_dumps(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
	json_decref(root);
	if (document.text == NULL)
	{
		snprintf(error, error_size, "could not make the OpenAPI document");
		return false;
	}
	document.length = strlen(document.text);
	set_etag();
	return true;
}
