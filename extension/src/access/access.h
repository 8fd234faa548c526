/*
 * access.h
 *		Who is acting, and which stores they may see.
 *
 *	in access_claims.c		the claims of a request, the staff row of a direct login
 *	in access_scrypt.c		slow hashes of passwords, comparison in constant time
 *	in access_api.c			the SQL-callable edge
 */
#ifndef CRM_ACCESS_H
#define CRM_ACCESS_H

#include "core/core.h"

#include "utils/array.h"

/* Who acts.  Strings and the array live until the claims change or the transaction ends. */
typedef struct CrmActor
{
	const char *code;			/* staff code, API key id or SQL role */
	const char *role;			/* one of the crm roles, else the SQL role */
	const char *source;			/* the one source an API key may deliver for, or NULL */
	const char *request_id;		/* of the HTTP request, or NULL */
	const char *session;		/* hex of the session's hash, or NULL */
	bool		has_staff;
	int			staff_id;
	bool		sees_all;		/* every store, those opened later included */
	bool		is_sandbox;
	ArrayType  *store_ids;		/* int4[]; meaningless if sees_all */
} CrmActor;

extern void crm_access_init(void);
extern const CrmActor *crm_access_actor(void);

#endif
