/*
 * identity_plain.h
 *		Whether the records of a person are a component by themselves, and one person.
 */
#ifndef CRM_IDENTITY_PLAIN_H
#define CRM_IDENTITY_PLAIN_H

#include "identity/identity_held.h"

/* The settings that the partition depends on. */
typedef struct CrmIdentityLimits
{
	int			max_members;
	int			solid_members;
	int			silent_days;
} CrmIdentityLimits;

/*
 * True when nobody else holds an identifier of these records that may glue, none of them becomes a hub, nobody has
 * decided on any, and the partition says that all of it is one person and asks nobody.  The ties must have been read.
 */
extern bool crm_identity_is_plain(const CrmHeld *held, int first, int end,
								  const CrmIdentityLimits *limits);

#endif
