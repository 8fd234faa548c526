/*
 * identity.h
 *		Source records, identifiers, and the persons that they make.
 *
 *	in identity_kind.c		kinds of identifiers and their keyed hashes
 *	in identity_agree.c		do two names, two birthdays contradict each other
 *	in identity_cluster.c	records to persons: union-find with guards
 *	in identity_home.c		name and address as identifiers
 *	in identity_resolve.c	the SQL-callable edge of identity_cluster.c
 *	in identity_normalize.c	the SQL-callable edge of the normalisers in pure/
 *	in identity_golden.c	the golden record: survivorship
 *	in identity_held.c		what the records of persons say and hold, read once
 *	in identity_plain.c		are the records of a person one person, and nobody else's
 *	in identity_survive.c	which of several values of a field is the person's
 */
#ifndef CRM_IDENTITY_H
#define CRM_IDENTITY_H

#include "core/core.h"

#define CRM_IDENTITY_MEMBER_CARD 3
/* Kinds that are derived from a record's name and address. */
#define CRM_IDENTITY_HOME_NAME 11
#define CRM_IDENTITY_HOME 12

#endif
