/*
 * ingest_shape.c
 *		Composite values built by the names of their attributes.
 *
 * The facts' types belong to other rooms (crm.order_fact, crm.member_fact ...).  A shape finds
 * the attributes of a type by name once, checks their types, and then takes values by number:
 * a room may reorder or extend its type without a change here.  What a type lacks is dropped.
 */
#include "ingest/ingest.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#define MAX_ATTRIBUTES 48

struct CrmIngestShape
{
	TupleDesc	desc;
	int16		place[A_COUNT];	/* -1: the type has no such attribute */
	Datum		values[MAX_ATTRIBUTES];
	bool		nulls[MAX_ATTRIBUTES];
};

/* InvalidOid: an array of a type that only its room knows. */
static const struct
{
	const char *name;
	Oid			type;
} attributes[A_COUNT] = {
	[A_ORDINAL] = {"ordinal", INT4OID},
	[A_SOURCE_ID] = {"source_id", INT4OID},
	[A_EXTERNAL_ID] = {"external_id", TEXTOID},
	[A_KIND] = {"kind", TEXTOID},
	[A_STORE_ID] = {"store_id", INT4OID},
	[A_CHANNEL] = {"channel", TEXTOID},
	[A_REGISTERED_AT] = {"registered_at", TIMESTAMPTZOID},
	[A_REGISTERED_ON] = {"registered_on", DATEOID},
	[A_IDENTIFIERS] = {"identifiers", InvalidOid},
	[A_NAME] = {"name", TEXTOID},
	[A_NICKNAME] = {"nickname", TEXTOID},
	[A_SEX] = {"sex", TEXTOID},
	[A_BIRTHDAY] = {"birthday", DATEOID},
	[A_IS_BIRTHDAY_LUNAR] = {"is_birthday_lunar", BOOLOID},
	[A_PROVINCE] = {"province", TEXTOID},
	[A_CITY] = {"city", TEXTOID},
	[A_DISTRICT] = {"district", TEXTOID},
	[A_ADDRESS] = {"address", TEXTOID},
	[A_NOTE] = {"note", TEXTOID},
	[A_CUSTOM] = {"custom", JSONBOID},
	[A_SOURCE_VERSION] = {"source_version", TEXTOID},
	[A_IS_HISTORY] = {"is_history", BOOLOID},
	[A_CONTENT_HASH] = {"content_hash", BYTEAOID},
	[A_RECEIVED_AT] = {"received_at", TIMESTAMPTZOID},
	[A_INBOX_ID] = {"inbox_id", INT8OID},
	[A_LINE_NO] = {"line_no", INT4OID},
	[A_STATUS] = {"status", TEXTOID},
	[A_ORDERED_AT] = {"ordered_at", TIMESTAMPTZOID},
	[A_PAID_AT] = {"paid_at", TIMESTAMPTZOID},
	[A_BUSINESS_DAY] = {"business_day", DATEOID},
	[A_AMOUNT] = {"amount", NUMERICOID},
	[A_DISCOUNT] = {"discount", NUMERICOID},
	[A_COUPON_CODE] = {"coupon_code", TEXTOID},
	[A_LINES] = {"lines", InvalidOid},
	[A_LINE_KEY] = {"line_key", TEXTOID},
	[A_PRODUCT_CODE] = {"product_code", TEXTOID},
	[A_PRODUCT_NAME] = {"product_name", TEXTOID},
	[A_CATEGORY_CODE] = {"category_code", TEXTOID},
	[A_QUANTITY] = {"quantity", NUMERICOID},
	[A_UNIT_PRICE] = {"unit_price", NUMERICOID},
	[A_ORDER_EXTERNAL_ID] = {"order_external_id", TEXTOID},
	[A_REFUNDED_AT] = {"refunded_at", TIMESTAMPTZOID},
	[A_REFUNDED_ON] = {"refunded_on", DATEOID},
	[A_REASON] = {"reason", TEXTOID},
	[A_TYPE] = {"type", TEXTOID},
	[A_OCCURRED_AT] = {"occurred_at", TIMESTAMPTZOID},
	[A_OBJECT_ID] = {"object_id", TEXTOID},
	[A_PROPERTIES] = {"properties", JSONBOID},
	[A_DIRECTION] = {"direction", TEXTOID},
	[A_STAFF_ID] = {"staff_id", INT4OID},
	[A_BODY] = {"body", TEXTOID},
	[A_OUTCOME] = {"outcome", TEXTOID},
	[A_NEXT_ON] = {"next_on", DATEOID},
	[A_CODE] = {"code", TEXTOID},
	[A_CATEGORY_NAME] = {"category_name", TEXTOID},
	[A_LIST_PRICE] = {"list_price", NUMERICOID},
	[A_REFILL_DAYS] = {"refill_days", INT4OID},
	[A_STATE] = {"state", TEXTOID},
	[A_EVIDENCE] = {"evidence", TEXTOID},
	[A_COUPON_TYPE] = {"coupon_type", TEXTOID},
	[A_ISSUED_AT] = {"issued_at", TIMESTAMPTZOID},
	[A_VALID_UNTIL] = {"valid_until", TIMESTAMPTZOID},
	[A_REDEEMED_AT] = {"redeemed_at", TIMESTAMPTZOID},
	[A_NAMESPACE] = {"namespace", TEXTOID},
	[A_VALUE] = {"value", TEXTOID},
	[A_MASKED] = {"masked", TEXTOID},
	[A_TAIL] = {"tail", TEXTOID},
	[A_IS_KEY] = {"is_key", BOOLOID},
	[A_IDENTIFIER_KIND] = {"kind", INT2OID},
};

/* Finds an attribute by name and type: "kind" is a word in a fact and a number in an identifier. */
static int
find_place(TupleDesc desc, int attribute)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute found = TupleDescAttr(desc, i);

		if (*NameStr(found->attname) == *attributes[attribute].name &&
			strcmp(NameStr(found->attname), attributes[attribute].name) == 0 &&
			(found->atttypid == attributes[attribute].type ||
			 (!OidIsValid(attributes[attribute].type) &&
			  OidIsValid(get_element_type(found->atttypid)))))
			return i;
	}
	return -1;
}

/* Lives in the current memory context. */
CrmIngestShape *
crm_ingest_shape_open(Oid type_id)
{
	CrmIngestShape *shape = palloc0(sizeof(CrmIngestShape));

	shape->desc = lookup_rowtype_tupdesc_copy(type_id, -1);
	CrmEnsure(shape->desc->natts <= MAX_ATTRIBUTES, "a fact's type has too many attributes");
	for (int i = 0; i < A_COUNT; i++)
		shape->place[i] = find_place(shape->desc, i);
	crm_ingest_shape_clear(shape);
	return shape;
}

/* The shape of a type of the schema crm. */
CrmIngestShape *
crm_ingest_shape_named(const char *type_name)
{
	Oid			schema = get_namespace_oid("crm", false);
	Oid			type_id = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
										  CStringGetDatum(type_name), ObjectIdGetDatum(schema));

	CrmEnsure(OidIsValid(type_id), type_name);
	return crm_ingest_shape_open(type_id);
}

void
crm_ingest_shape_clear(CrmIngestShape *shape)
{
	memset(shape->nulls, true, sizeof(shape->nulls));
}

/* Without a shape nothing is built: the record is only checked. */
void
crm_ingest_shape_put(CrmIngestShape *shape, CrmIngestAttribute attribute, Datum value)
{
	int			place = shape == NULL ? -1 : shape->place[attribute];

	if (place >= 0)
	{
		shape->values[place] = value;
		shape->nulls[place] = false;
	}
}

/* The composite value of what was put; the shape is clear afterwards. */
Datum
crm_ingest_shape_form(CrmIngestShape *shape)
{
	HeapTuple	tuple = heap_form_tuple(shape->desc, shape->values, shape->nulls);

	crm_ingest_shape_clear(shape);
	return HeapTupleHeaderGetDatum(tuple->t_data);
}

Datum
crm_ingest_shape_array(const CrmIngestShape *shape, Datum *values, int count)
{
	return PointerGetDatum(construct_array(values, count, shape->desc->tdtypeid, -1, false,
										   TYPALIGN_DOUBLE));
}
