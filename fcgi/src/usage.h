/*
 * usage.h
 *		Tells the database how often which function was called by which role.
 */
#ifndef CRM_USAGE_H
#define CRM_USAGE_H

#include <stdbool.h>

#include "arena.h"

extern bool crm_usage_start(void);
extern void crm_usage_count(int route, const char *role, int status);
extern void crm_usage_tell(void);
extern void crm_usage_end(void);

#endif							/* CRM_USAGE_H */
