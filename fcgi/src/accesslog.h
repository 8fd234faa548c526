/*
 * accesslog.h
 *		One JSON line a request, and the gateway's own events, to one file.
 */
#ifndef CRM_ACCESSLOG_H
#define CRM_ACCESSLOG_H

#include <stdbool.h>
#include <stdint.h>

struct CrmRequest;

extern bool crm_accesslog_open(const char *path);
extern void crm_accesslog_request(const struct CrmRequest *request, int status,
								  uint64_t bytes_out, const char *code);
extern void crm_accesslog_event(const char *level, const char *event, const char *detail);

#endif							/* CRM_ACCESSLOG_H */
