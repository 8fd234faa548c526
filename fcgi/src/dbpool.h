/*
 * dbpool.h
 *		The few database connections that the many threads share.
 */
#ifndef CRM_DBPOOL_H
#define CRM_DBPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "gateway_config.h"

#define CRM_DBPOOL_ROLES	16	/* roles told apart; the last stands for all others */

typedef struct CrmDb
{
	PGconn	   *connection;		/* in pipeline mode, non-blocking; NULL when down */
	bool		in_use;
	int			last_role;		/* plans under row security are warm for this one */
	uint64_t	returned;		/* turn of the last return, to reuse the warmest */
	unsigned char *prepared;	/* a bit per (statement, role) */
} CrmDb;

typedef enum CrmDbpoolResult
{
	CRM_DBPOOL_OK,
	CRM_DBPOOL_BUSY,			/* none came free in time */
	CRM_DBPOOL_DOWN				/* the database does not answer */
} CrmDbpoolResult;

typedef struct CrmDbpoolCounts
{
	int			size;
	int			in_use;
	int			waiting;
	int			connected;
	uint64_t	connects;
	uint64_t	failures;
} CrmDbpoolCounts;

extern bool crm_dbpool_start(const CrmConfig *config, int statements);
extern void crm_dbpool_stop(void);
extern CrmDbpoolResult crm_dbpool_borrow(int role, CrmDb **db);
extern void crm_dbpool_give_back(CrmDb *db, bool is_broken);
extern bool crm_dbpool_is_prepared(const CrmDb *db, int statement, int role);
extern void crm_dbpool_set_prepared(CrmDb *db, int statement, int role);
extern void crm_dbpool_counts(CrmDbpoolCounts *counts);

#endif							/* CRM_DBPOOL_H */
