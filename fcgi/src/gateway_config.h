/*
 * gateway_config.h
 *		What the operator can set; read once at the start.
 */
#ifndef CRM_GATEWAY_CONFIG_H
#define CRM_GATEWAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#define CRM_CONFIG_PATH_MAX		256
#define CRM_CONFIG_TEXT_MAX		1024

typedef struct CrmConfig
{
	char		socket[CRM_CONFIG_PATH_MAX];	/* unix socket; unused under socket activation */
	char		socket_group[64];	/* group that may connect, "" leaves the default */
	char		database[CRM_CONFIG_TEXT_MAX];	/* libpq connection string */
	char		key_file[CRM_CONFIG_PATH_MAX];	/* JWKS; "" turns bearer tokens off */
	char		issuer[CRM_CONFIG_PATH_MAX];
	char		audience[CRM_CONFIG_PATH_MAX];
	char		log_file[CRM_CONFIG_PATH_MAX];	/* "" logs to standard error */
	char		secure_cookie[8];	/* "auto" (by HTTPS), "on", "off" */
	int			threads;
	int			connections;
	int			pool_wait_ms;
	int			body_max;		/* bytes of one single-call body */
	int			io_timeout_s;	/* silence that ends an import, or a write */
	int			stop_timeout_s;
	bool		prepared_statements;	/* off behind a pooler in transaction mode */
} CrmConfig;

extern bool crm_config_load(CrmConfig *config, const char *path, char *error, size_t error_size);

#endif							/* CRM_GATEWAY_CONFIG_H */
