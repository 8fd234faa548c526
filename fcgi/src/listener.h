/*
 * listener.h
 *		The socket, the threads behind it, and their orderly end.
 */
#ifndef CRM_LISTENER_H
#define CRM_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway_config.h"

extern bool crm_listener_open(const CrmConfig *config, char *error, size_t error_size);
extern int	crm_listener_socket(void);
extern bool crm_listener_start(const CrmConfig *config);
extern bool crm_listener_stop(const CrmConfig *config);

#endif							/* CRM_LISTENER_H */
