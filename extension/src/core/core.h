/*
 * core.h
 *		What every room may use: it speaks PostgreSQL and knows no word of the CRM.
 *
 *	in core_clock.c			the one clock
 *	in core_keys.c			keys of the installation, keyed hashes, encryption
 *	in core_spi.c			saved plans for constant statements, and what they answer
 *	in core_leaf.c, core_walk.c, core_table.c	rows of a set of keys, past the planner (core_table.h)
 *	in core_text.c			texts of others as messages show them
 *	in core_row.c			the row that a function answers
 *	in core_consequence.c	what a lower room causes in a higher one
 *	in core_cost.c			what that costs
 */
#ifndef CRM_CORE_H
#define CRM_CORE_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "fmgr.h"
#include "datatype/timestamp.h"
#include "utils/date.h"

#include "core/compat.h"
#include "core/errors.h"

/* Impossible states: an assertion in debug builds, an internal error otherwise. */
#define CrmEnsure(cond, what) \
	do { \
		if (unlikely(!(cond))) \
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), \
							errmsg_internal("crm: broken promise: %s", (what)))); \
	} while (0)

/* core_clock.c */
extern void crm_core_clock_init(void);
extern TimestampTz crm_core_clock_now(void);
extern int64 crm_core_new_id(void);

/* core_keys.c */
#define CRM_HASH_LENGTH 16
extern void crm_core_keys_init(void);
extern void crm_core_keys_hash(const char *purpose, const char *value, int length, uint8 *hash);

/* core_spi.c */
typedef struct CrmStatement
{
	const char *name;			/* for messages: room.verb */
	const char *sql;			/* constant text, values as $n */
	int			n_args;
	const Oid  *arg_types;
	void	   *plan;			/* SPIPlanPtr, filled at first use */
} CrmStatement;

extern void crm_core_spi_connect(void);
extern Datum crm_core_spi_value(uint64 row, int column, bool *is_null);
extern char *crm_core_spi_text(uint64 row, int column);
extern int	crm_core_spi_execute(CrmStatement *statement, Datum *values, const char *nulls,
								 bool read_only, long limit);
extern void crm_core_spi_execute_text(const char *sql, const char *name);
extern struct PortalData *crm_core_spi_open(const char *sql);
extern int	crm_core_spi_query(const char *sql, int n_args, const Oid *arg_types, Datum *values,
							   long limit);

/* core_version.c */
extern void crm_core_require_strings(void);

/* core_text.c */
extern const char *crm_core_clip(const char *text, int most_bytes);

/* core_row.c */
extern TupleDesc crm_core_row_shape(FunctionCallInfo fcinfo);
extern Datum crm_core_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls);

/* core_consequence.c */
typedef enum CrmConsequence
{
	CRM_ON_FACTS,				/* (customer_ids bigint[], kind text, is_history bool) */
	CRM_ON_MEMBERSHIP,			/* (survivor bigint, other bigint, record_ids bigint[], kind text) */
	CRM_ON_ERASE,				/* (customer_id bigint) */
	CRM_ON_EXPORT,				/* (customer_id bigint) returns jsonb */
	CRM_ON_LEAVE,				/* (customer_ids bigint[], message_ids text[]) */
	CRM_N_CONSEQUENCES
} CrmConsequence;

extern void crm_core_consequence_register(CrmConsequence kind, int position, const char *room,
										  const char *function);

/* core_shared.c */
typedef struct CrmSharedPiece
{
	const char *name;
	Size		size;
	void	  **memory;			/* where its place is told; what lies there begins with an LWLock * */
	struct CrmSharedPiece *next;
} CrmSharedPiece;

extern void crm_core_shared_ask(CrmSharedPiece *piece);

/* core_cost.c */
extern void crm_core_cost_init(void);
extern void crm_core_cost_note(const char *rule, const char *kind, int persons, uint64 us);

#endif
