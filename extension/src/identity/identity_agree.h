/*
 * identity_agree.h
 *		Whether two names and two birthdays speak of one person, of two, or say nothing.
 */
#ifndef CRM_IDENTITY_AGREE_H
#define CRM_IDENTITY_AGREE_H

#include "core/core.h"

#define CRM_IDENTITY_NAME_MAX 8

/* A name as read: Han characters only; anything else (pinyin, nicknames) says nothing here. */
typedef struct CrmIdentityName
{
	uint32		surname[2];		/* second is 0 for a surname of one character */
	uint32		given[CRM_IDENTITY_NAME_MAX];
	int			n_given;		/* 0 when only the surname is known */
	bool		is_known;
} CrmIdentityName;

typedef enum CrmIdentityAgreement
{
	CRM_IDENTITY_UNKNOWN,		/* nothing to compare */
	CRM_IDENTITY_EQUAL,
	CRM_IDENTITY_NEAR,			/* a typing error, a mask, a lunar date may explain it */
	CRM_IDENTITY_GIVEN_DIFFERS, /* same surname, given names without a common character */
	CRM_IDENTITY_SURNAME_DIFFERS,
	CRM_IDENTITY_DIFFERENT		/* nothing in common */
} CrmIdentityAgreement;

/* What is compared of a record. */
typedef struct CrmIdentityTraits
{
	CrmIdentityName name;
	bool		has_birthday;	/* a real one: no 1900-01-01 */
	bool		is_lunar;
	DateADT		birthday;
	char		sex;			/* m, f, 0 */
} CrmIdentityTraits;

extern void crm_identity_read_name(const char *text, int length, CrmIdentityName *name);
extern bool crm_identity_is_real_birthday(DateADT birthday);

/* True when the two cannot be one person, however they share a family's phone. */
extern bool crm_identity_contradict(const CrmIdentityTraits *a, const CrmIdentityTraits *b);

/* True when name or birthday says that they are one. */
extern bool crm_identity_agree(const CrmIdentityTraits *a, const CrmIdentityTraits *b);

/* True when both sex and birthday say that they are two, whatever ties them. */
extern bool crm_identity_is_another(const CrmIdentityTraits *a, const CrmIdentityTraits *b);

/* True when any field differs beyond a typing error. */
extern bool crm_identity_disagree(const CrmIdentityTraits *a, const CrmIdentityTraits *b);

#endif
