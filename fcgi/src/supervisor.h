/*
 * supervisor.h
 *		Keeps a gateway running where no systemd does.
 */
#ifndef CRM_SUPERVISOR_H
#define CRM_SUPERVISOR_H

#include "gateway_config.h"

extern int	crm_supervisor_run(const CrmConfig *config, const char *config_path);

#endif							/* CRM_SUPERVISOR_H */
