/*
 * loyalty_api.c
 *		What the room registers; the SQL-callable edge of coupon codes.
 *
 * Coupons stay under the customer id they were issued to; a merge moves nothing, since reading
 * goes over all ids of a person.  Points lie on records and go where these go: what is kept of
 * them a person is brought up to date when facts arrive and when records move.
 */
#include "loyalty/loyalty.h"

#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_loyalty_code);
PG_FUNCTION_INFO_V1(crm_loyalty_ids);

void
crm_loyalty_init(void)
{
	crm_core_consequence_register(CRM_ON_FACTS, 20, "loyalty", "crm._loyalty_on_facts");
	crm_core_consequence_register(CRM_ON_MEMBERSHIP, 20, "loyalty", "crm._loyalty_on_membership");
	crm_core_consequence_register(CRM_ON_ERASE, 20, "loyalty", "crm._loyalty_on_erase");
	crm_core_consequence_register(CRM_ON_EXPORT, 20, "loyalty", "crm._loyalty_on_export");
}

/* crm._loyalty_code(customer_id, coupon_id) */
Datum
crm_loyalty_code(PG_FUNCTION_ARGS)
{
	CrmCouponIds ids = {.customer_id = PG_GETARG_INT64(0), .coupon_id = PG_GETARG_INT64(1)};
	char		code[CRM_LOYALTY_CODE_LENGTH];

	if (ids.customer_id <= 0 || ids.coupon_id <= 0 ||
		(ids.customer_id | ids.coupon_id) >> 53 != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("coupon code needs ids between 1 and 2^53")));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(code, crm_loyalty_encode(ids, code)));
}

/* crm._loyalty_ids(code, OUT customer_id, OUT coupon_id): nulls when the code is none of ours. */
Datum
crm_loyalty_ids(PG_FUNCTION_ARGS)
{
	text	   *code = PG_GETARG_TEXT_PP(0);
	CrmCouponIds ids = {0, 0};
	Datum		values[2];
	bool		nulls[2];

	nulls[0] = nulls[1] = !crm_loyalty_decode(VARDATA_ANY(code), VARSIZE_ANY_EXHDR(code), &ids);
	values[0] = Int64GetDatum(ids.customer_id);
	values[1] = Int64GetDatum(ids.coupon_id);
	PG_RETURN_DATUM(crm_core_row(fcinfo, values, nulls));
}
