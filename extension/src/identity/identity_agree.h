/*
 * identity_agree.h
 *		Whether two names and two birthdays speak of one person, of two, or say nothing.
 */
#ifndef CRM_IDENTITY_AGREE_H
#define CRM_IDENTITY_AGREE_H

#include "core/core.h"
#include "pure/compare.h"

typedef enum CrmIdentityAgreement
{
	CRM_IDENTITY_UNKNOWN,		/* nothing to compare */
	CRM_IDENTITY_EQUAL,			/* names that sound alike among them: a typing error */
	CRM_IDENTITY_NEAR,			/* a mask, a title, a wrong digit, a lunar date may explain it */
	CRM_IDENTITY_KIN,			/* names: one character differs in sound, as among siblings */
	CRM_IDENTITY_GIVEN_DIFFERS, /* same surname, another given name */
	CRM_IDENTITY_DIFFERENT		/* another surname; another birthday */
} CrmIdentityAgreement;

/* What is compared of a record. */
typedef struct CrmIdentityTraits
{
	CrmPreparedName name;
	bool		has_name;		/* one of a person: no nickname, nothing that stands for none */
	bool		has_given;		/* told whole */
	bool		has_birthday;	/* a real one: no 1900-01-01 */
	bool		is_lunar;
	DateADT		birthday;
	char		sex;			/* m, f, 0 */
} CrmIdentityTraits;

extern void crm_identity_read_name(const char *text, int length, CrmIdentityTraits *traits);
extern bool crm_identity_is_real_birthday(DateADT birthday);

/* True when the two cannot be one person, however they share a family's phone. */
extern bool crm_identity_contradict(const CrmIdentityTraits *a, const CrmIdentityTraits *b);

/* True when name or birthday says that they are one. */
extern bool crm_identity_agree(const CrmIdentityTraits *a, const CrmIdentityTraits *b);

/* True when both sex and birthday say that they are two, whatever ties them. */
extern bool crm_identity_is_another(const CrmIdentityTraits *a, const CrmIdentityTraits *b);

/* True when birthday or sex alone says that they are two. */
extern bool crm_identity_is_doubtful(const CrmIdentityTraits *a, const CrmIdentityTraits *b);

/* True when any field differs beyond a typing error. */
extern bool crm_identity_disagree(const CrmIdentityTraits *a, const CrmIdentityTraits *b);

#endif
