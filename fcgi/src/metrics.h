/*
 * metrics.h
 *		Counters of the gateway, shown as Prometheus text.
 */
#ifndef CRM_METRICS_H
#define CRM_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

extern bool crm_metrics_start(int threads);
extern void crm_metrics_request(int route, int status, int64_t us, int64_t database_us);
extern void crm_metrics_enter(void);
extern void crm_metrics_leave(void);
extern void crm_metrics_import(uint64_t bytes, uint64_t lines);
extern void crm_metrics_retry(int attempts);
extern void crm_metrics_accept_error(void);
extern void crm_metrics_write(CrmBuffer *out);

#endif							/* CRM_METRICS_H */
