/*
 * compat.h
 *		What differs between PostgreSQL 15 and 18, as wrappers shaped like the newest API.
 *
 * The only file that tests PG_VERSION_NUM.  Each wrapper names the version at which it can
 * go.
 */
#ifndef CRM_COMPAT_H
#define CRM_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "crm needs PostgreSQL 15 or newer"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* PostgreSQL 18 says in front what earlier ones said behind: go at 18. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* The bytes of common/base64.h, which PostgreSQL 18 calls uint8: go at 18. */
#if PG_VERSION_NUM >= 180000
typedef uint8 crm_compat_byte;
#else
typedef char crm_compat_byte;
#endif

#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/datetime.h"

/* PostgreSQL 16 asks the owner of any object with one function: go at 16. */
static inline bool
crm_compat_owns_database(Oid database)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, GetUserId());
#else
	return pg_database_ownercheck(database, GetUserId());
#endif
}

/* What a check hook leaves in *extra lives in a context of settings since PostgreSQL 16, in plain memory before: go at 16. */
static inline void *
crm_compat_guc_alloc(size_t size)
{
#if PG_VERSION_NUM >= 160000
	return guc_malloc(LOG, size);
#else
	return malloc(size);
#endif
}

static inline void
crm_compat_guc_free(void *extra)
{
#if PG_VERSION_NUM >= 160000
	guc_free(extra);
#else
	free(extra);
#endif
}

/* PostgreSQL 16 tells more about an error: go at 16. */
static inline int
crm_compat_decode_datetime(char **field, int *ftype, int nf, int *dtype, struct pg_tm *tm, fsec_t *fsec, int *tz)
{
#if PG_VERSION_NUM >= 160000
	DateTimeErrorExtra extra;

	return DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz, &extra);
#else
	return DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz);
#endif
}

/* PostgreSQL 18 knows columns that are computed when they are read, too: go at 18. */
static inline bool
crm_compat_has_generated(TupleDesc description)
{
	TupleConstr *constraints = description->constr;

	if (constraints == NULL)
		return false;
#if PG_VERSION_NUM >= 180000
	if (constraints->has_generated_virtual)
		return true;
#endif
	return constraints->has_generated_stored;
}

/* Since PostgreSQL 16 an update may leave all indexes alone but those that only summarize: go at 16. */
static inline TM_Result
crm_compat_tuple_update(Relation table, ItemPointer place, TupleTableSlot *row, CommandId command, Snapshot snapshot, bool is_patient,
						TM_FailureData *failure, LockTupleMode *mode, bool *indexes, bool *only_summarizing)
{
	TM_Result	result;
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes which;

	result = table_tuple_update(table, place, row, command, snapshot, InvalidSnapshot, is_patient, failure, mode, &which);
	*indexes = which != TU_None;
	*only_summarizing = which == TU_Summarizing;
#else
	result = table_tuple_update(table, place, row, command, snapshot, InvalidSnapshot, is_patient, failure, mode, indexes);
	*only_summarizing = false;
#endif
	return result;
}

static inline List *
crm_compat_insert_index_tuples(ResultRelInfo *target, TupleTableSlot *row, EState *estate, bool is_update, bool only_summarizing)
{
#if PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(target, row, estate, is_update, false, NULL, NIL, only_summarizing);
#else
	return ExecInsertIndexTuples(target, row, estate, is_update, false, NULL, NIL);
#endif
}

#endif
