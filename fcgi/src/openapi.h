/*
 * openapi.h
 *		The description of the interface, made from the route table.
 */
#ifndef CRM_OPENAPI_H
#define CRM_OPENAPI_H

#include <stdbool.h>
#include <stddef.h>

typedef struct CrmOpenapi
{
	char	   *text;
	size_t		length;
	char		etag[24];
} CrmOpenapi;

extern bool crm_openapi_build(char *error, size_t error_size);
extern const CrmOpenapi *crm_openapi(void);
extern void crm_openapi_free(void);

/* schema.c */
typedef struct CrmSchema
{
	const char *name;
	const char *json;
} CrmSchema;

extern const CrmSchema crm_schemas[];
extern const size_t crm_schema_count;

/* http_doc.c */
extern int	crm_http_doc_print(void);

#endif							/* CRM_OPENAPI_H */
