/*
 * route_words.h
 *		The words that the rows of the route table share: limits, roles, parameters.
 */
#ifndef CRM_ROUTE_WORDS_H
#define CRM_ROUTE_WORDS_H

#include "handlers.h"
#include "route.h"

#define FAST_MS		2000
#define WORK_MS		5000
#define SLOW_MS		30000

#define READERS		"clerk, store manager, manager, service, steward, marketer, analyst, headquarters"
#define COUNTER		"clerk, store manager, manager, service"
#define WORKERS		COUNTER ", headquarters"
#define INTAKE		"till, steward, headquarters, admin"
#define FLOWS		"marketer, headquarters"

#define PERSON_ID	{"person_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, "any id that ever named the person"}
#define KEY			{"Idempotency-Key", CRM_IN_IDEMPOTENCY_KEY, CRM_TEXT, false, NULL, "quoted string; a replay gets the first answer"}
#define BODY		{"body", CRM_IN_BODY, CRM_JSONB, true, NULL, NULL}
#define LIMIT		{"limit", CRM_IN_LIMIT, CRM_INTEGER, false, NULL, "rows, 1 to 500, default 100"}
#define FROM_DAY	{"from", CRM_IN_QUERY, CRM_DATE, true, NULL, "first local day"}
#define TO_DAY		{"to", CRM_IN_QUERY, CRM_DATE, true, NULL, "last local day"}
#define AGAINST		{"against", CRM_IN_QUERY, CRM_INTEGER, false, NULL, "version to compare with, default the one before each"}
#define AS_OF		{"as_of", CRM_IN_QUERY, CRM_DATE, false, NULL, "the day it is asked for, default today"}

#endif							/* CRM_ROUTE_WORDS_H */
