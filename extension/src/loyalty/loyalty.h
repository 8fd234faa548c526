/*
 * loyalty.h
 *		Coupons: what a person holds and may redeem.
 *
 *	in loyalty_code.c		codes that people type, and the ids in them
 *	in loyalty_api.c		what the room registers; the SQL-callable edge
 */
#ifndef CRM_LOYALTY_H
#define CRM_LOYALTY_H

#include "core/core.h"

#define CRM_LOYALTY_CODE_LENGTH 40	/* room for a code with its dashes */

typedef struct CrmCouponIds
{
	int64		customer_id;
	int64		coupon_id;
} CrmCouponIds;

extern void crm_loyalty_init(void);

/* loyalty_code.c */
extern int	crm_loyalty_encode(CrmCouponIds ids, char *out);
extern bool crm_loyalty_decode(const char *typed, int length, CrmCouponIds *ids);

#endif
