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

#include "catalog/pg_database.h"
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

#endif
