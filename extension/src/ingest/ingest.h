/*
 * ingest.h
 *		From bytes of a source to typed facts, without an exception and without a table written.
 *
 *	in ingest_field.c		the standard fields of each entity
 *	in ingest_fault.c		what can be wrong with a record: code, field, remedy
 *	in ingest_spec.c		mappings: which column feeds which field, and how
 *	in ingest_transform.c	transforms and option maps of a mapping
 *	in ingest_lookup.c		codes of stores, sources, staff; custom fields
 *	in ingest_time.c		points in time and local days
 *	in ingest_value.c		slots to typed values
 *	in ingest_identifier.c	telephone, card, openid ... of a record
 *	in ingest_shape.c		composite values by the names of their attributes
 *	in ingest_custom.c		custom fields of a record, typed
 *	in ingest_encoding.c	records to UTF-8
 *	in ingest_csv.c			records of CSV chunks
 *	in ingest_json.c		records of JSON texts and NDJSON chunks
 *	in ingest_put.c			what the facts of all entities are made of
 *	in ingest_order.c		orders with their lines
 *	in ingest_member.c		members
 *	in ingest_fact.c		every other entity
 *	in ingest_parse.c		crm._ingest_parse(): chunks in, rows out
 *	in ingest_api.c			small SQL-callable functions: signatures, counts, guesses, blanking
 *
 * A record is read into slots, one a field; the builders turn slots into facts.  A fault is
 * noted in the parser and never raised, so one bad line costs only itself.
 */
#ifndef CRM_INGEST_H
#define CRM_INGEST_H

#include "core/core.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "pgtime.h"
#include "pure/decimal.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#define CRM_INGEST_MAX_COLUMNS 512
#define CRM_INGEST_MAX_LINES 20000	/* lines of one piece: bounds its time */

typedef enum CrmIngestEntity
{
	CRM_INGEST_MEMBER,
	CRM_INGEST_ORDER,
	CRM_INGEST_REFUND,
	CRM_INGEST_EVENT,
	CRM_INGEST_INTERACTION,
	CRM_INGEST_PRODUCT,
	CRM_INGEST_CONSENT,
	CRM_INGEST_COUPON,
	CRM_INGEST_N_ENTITIES
} CrmIngestEntity;

/* Standard fields of all entities; names and meaning in ingest_field.c. */
typedef enum CrmIngestField
{
	F_EXTERNAL_ID, F_KIND, F_REGISTERED_AT, F_STORE_CODE, F_CHANNEL, F_NAME, F_NICKNAME, F_PHONE,
	F_EMAIL, F_SEX, F_BIRTHDAY, F_BIRTHDAY_CALENDAR, F_MEMBER_CARD, F_OPENID, F_OPENID_APP,
	F_UNIONID, F_WECOM_ID, F_DINGTALK_ID, F_PLATFORM_ID, F_NATIONAL_ID, F_PROVINCE, F_CITY,
	F_DISTRICT, F_ADDRESS, F_NOTE, F_CONSENT_SMS, F_CONSENT_WECHAT, F_CONSENT_EMAIL, F_UPDATED_AT, F_ORDERED_AT,
	F_PAID_AT, F_STATUS, F_MEMBER_EXTERNAL_ID, F_MEMBER_SOURCE, F_AMOUNT, F_DISCOUNT,
	F_COUPON_CODE, F_CURRENCY, F_ITEMS, F_LINE_KEY, F_PRODUCT_CODE, F_PRODUCT_NAME,
	F_CATEGORY_CODE, F_QUANTITY, F_UNIT_PRICE, F_LINE_AMOUNT, F_ORDER_EXTERNAL_ID, F_REFUNDED_AT,
	F_REASON, F_TYPE, F_OCCURRED_AT, F_DEVICE, F_OBJECT_ID, F_PROPERTIES, F_DIRECTION,
	F_STAFF_CODE, F_BODY, F_OUTCOME, F_NEXT_ON, F_CATEGORY_NAME, F_LIST_PRICE, F_REFILL_DAYS,
	F_STATE, F_EVIDENCE, F_COUPON_TYPE, F_ISSUED_AT, F_VALID_UNTIL, F_REDEEMED_AT,
	F_COUNT,
	F_CUSTOM = F_COUNT			/* target of a mapping: a custom field */
} CrmIngestField;

typedef enum CrmIngestSlotKind
{
	CRM_SLOT_ABSENT,
	CRM_SLOT_TEXT,
	CRM_SLOT_NUMBER,			/* a JSON number, as it was written */
	CRM_SLOT_TRUE,
	CRM_SLOT_FALSE,
	CRM_SLOT_JSON				/* an array or object, as it was written */
} CrmIngestSlotKind;

typedef struct CrmIngestSlot
{
	const char *text;			/* in the chunk or in the fact's memory */
	uint32		length;
	uint8		kind;			/* CrmIngestSlotKind */
	const struct CrmIngestTarget *target;	/* of the mapping that filled it; null: none */
} CrmIngestSlot;

typedef struct CrmIngestFieldInfo
{
	const char *name;
	int			max_length;		/* characters' bytes; 0: no text */
} CrmIngestFieldInfo;

/* ingest_field.c */
extern const CrmIngestFieldInfo crm_ingest_fields[F_COUNT];
extern CrmIngestEntity crm_ingest_entity(const char *name);
extern const char *crm_ingest_entity_name(CrmIngestEntity entity);
extern const uint8 *crm_ingest_entity_fields(CrmIngestEntity entity, int *count);
extern int	crm_ingest_find_field(CrmIngestEntity entity, const char *name, int length);
extern bool crm_ingest_is_line_field(int field);

/* ingest_fault.c */
typedef enum CrmIngestFault
{
	CRM_FAULT_NONE,
	CRM_FAULT_SYNTAX,			/* RM200 */
	CRM_FAULT_ENCODING,			/* RM201 */
	CRM_FAULT_UNKNOWN_FIELD,	/* RM202 */
	CRM_FAULT_MISSING,			/* RM203 */
	CRM_FAULT_TYPE,				/* RM204 */
	CRM_FAULT_OPTION,			/* RM205 */
	CRM_FAULT_RANGE,			/* RM206 */
	CRM_FAULT_REFERENCE,		/* RM207 */
	CRM_FAULT_NOBODY,			/* RM208 */
	CRM_FAULT_DERIVED,			/* RM209 */
	CRM_FAULT_TOO_LARGE,		/* RM215 */
	CRM_FAULT_N
} CrmIngestFault;

extern const char *crm_ingest_fault_code(CrmIngestFault fault);

/* ingest_spec.c */
typedef struct CrmIngestTransform
{
	int			kind;			/* TransformKind of ingest_transform.c */
	const char *text;
	int			length;
	const char *with;
	int			with_length;
	int			take;
} CrmIngestTransform;

typedef struct CrmIngestOption
{
	const char *from;
	int			from_length;
	bool		is_prefix;		/* written "C*" */
	const char *to;
	int			to_length;
} CrmIngestOption;

typedef struct CrmIngestTarget
{
	int			field;			/* CrmIngestField, or F_CUSTOM */
	const char *custom;			/* code of the custom field */
	const char *column;			/* name at the source; null when it is the field's own */
	const char *format;			/* of times and dates; null: any known form */
	pg_tz	   *zone;			/* of times without one; null: the source's */
	int			n_transforms;
	CrmIngestTransform *transforms;
	int			n_options;
	CrmIngestOption *options;
} CrmIngestTarget;

typedef struct CrmIngestColumn
{
	const char *name;
	int			length;
	int			n_targets;
	CrmIngestTarget *targets;
	int			n_columns;		/* of a nested object, or of the elements of items */
	struct CrmIngestColumn *columns;
} CrmIngestColumn;

typedef struct CrmIngestConstant
{
	CrmIngestTarget target;
	const char *text;
	int			length;
} CrmIngestConstant;

typedef struct CrmIngestSpec
{
	CrmIngestEntity entity;
	bool		is_mapped;		/* a mapping of the source; else the standard names */
	bool		rejects_rest;	/* a column without a target is a fault */
	int			n_columns;
	CrmIngestColumn *columns;
	int			n_constants;
	CrmIngestConstant *constants;
} CrmIngestSpec;

extern CrmIngestSpec *crm_ingest_spec_compile(CrmIngestEntity entity, Jsonb *spec, bool is_csv);

/* ingest_lookup.c */
typedef enum CrmIngestCustomType
{
	CRM_CUSTOM_TEXT, CRM_CUSTOM_NUMBER, CRM_CUSTOM_DATE, CRM_CUSTOM_BOOL, CRM_CUSTOM_OPTION,
	CRM_CUSTOM_MULTI_OPTION
} CrmIngestCustomType;

typedef struct CrmIngestCustom
{
	const char *code;
	CrmIngestCustomType type;
	bool		is_derived;
	int			n_options;
	const char **options;
} CrmIngestCustom;

typedef struct CrmIngestStore
{
	char		code[64];		/* hash key */
	bool		exists;
	int			store_id;
	pg_tz	   *zone;
} CrmIngestStore;

typedef struct CrmIngestCode
{
	char		code[66];		/* hash key: a letter for the kind, then the code */
	bool		exists;
	int			id;
} CrmIngestCode;

/* A value given for a custom field in this record. */
typedef struct CrmIngestCustomSlot
{
	const char *code;
	CrmIngestSlot slot;
} CrmIngestCustomSlot;

typedef struct CrmIngestShape CrmIngestShape;
typedef struct CrmIngestOrder CrmIngestOrder;

/*
 * One call of the parser.  Everything lives in `memory` until the call ends, save what a
 * record needs, which is in `fact_memory` and goes when its fact has been written out.
 */
typedef struct CrmIngestParser
{
	MemoryContext memory;
	MemoryContext fact_memory;
	CrmIngestEntity entity;
	CrmIngestSpec *spec;
	bool		is_csv;
	bool		is_gbk;
	bool		is_history;
	bool		wants_facts;	/* false: validation only */

	/* the source */
	int			source_id;
	const char *source_code;
	const char *source_channel;
	pg_tz	   *source_zone;
	int			exponent;		/* of the currency */
	const char *currency;
	TimestampTz latest;			/* times after it are refused */
	int32		today;			/* days since 2000-01-01, in the source's zone */

	/* lookups of this call */
	HTAB	   *stores;
	HTAB	   *codes;
	bool		customs_loaded;
	int			n_customs;
	CrmIngestCustom *customs;

	/* where we are */
	TimestampTz received_at;
	int64		inbox_id;
	int			chunk;
	int			ordinal;

	/* the record being read */
	int			line_no;
	CrmIngestSlot slots[F_COUNT];
	int			n_custom_slots;
	int			max_custom_slots;
	CrmIngestCustomSlot *custom_slots;
	StringInfoData digest;		/* what the content hash is made of */
	StringInfoData converted;	/* the record in UTF-8 */

	/* the first fault of the record */
	CrmIngestFault fault;
	const char *fault_field;
	const char *fault_remedy;

	/* shapes of what is built */
	CrmIngestShape *fact;
	CrmIngestShape *ref;
	CrmIngestShape *line;
	CrmIngestShape *consent;
	CrmIngestShape *identifier;
} CrmIngestParser;

/* What a builder makes of a record. */
typedef struct CrmIngestBuilt
{
	Datum		external_id;	/* text; 0 when there is none */
	uint64		id_hash;
	Datum		content_hash;	/* bytea */
	Datum		fact;
	Datum		ref;			/* 0: hangs on nobody */
	Datum		consents;		/* array; 0: none */
	/* of an order */
	const char *kind;			/* NULL while it is at fault */
	int			n_records;		/* lines of the file that it was made of */
	bool		is_of_nobody;	/* names no member and no identifier */
} CrmIngestBuilt;

extern void crm_ingest_fault(CrmIngestParser *p, CrmIngestFault fault, const char *field,
							 const char *remedy);
extern void crm_ingest_slot_fault(CrmIngestParser *p, CrmIngestFault fault, int field,
								  const char *remedy);

extern void crm_ingest_load_source(CrmIngestParser *p);
extern const CrmIngestStore *crm_ingest_store(CrmIngestParser *p, const char *code, int length);
extern bool crm_ingest_code(CrmIngestParser *p, char kind, const char *code, int length, int *id);
extern const CrmIngestCustom *crm_ingest_custom(CrmIngestParser *p, const char *code);

/* ingest_transform.c */
extern bool crm_ingest_transform_compile(const JsonbValue *value, CrmIngestTransform *transform);
extern void crm_ingest_transform_apply(CrmIngestParser *p, const CrmIngestTarget *target,
									   CrmIngestSlot *slot);

/* ingest_time.c */
extern bool crm_ingest_zone_exists(const char *name, pg_tz **zone);
extern bool crm_ingest_parse_time(const CrmIngestSlot *slot, pg_tz *zone, TimestampTz *at);
extern bool crm_ingest_parse_day(const CrmIngestSlot *slot, int32 *day);
extern int32 crm_ingest_local_day(TimestampTz at, pg_tz *zone);

/* ingest_value.c: false after a fault; an absent slot is no fault and leaves *is_set false */
extern bool crm_ingest_require(CrmIngestParser *p, int field);
extern bool crm_ingest_take_text(CrmIngestParser *p, int field, Datum *value, bool *is_set);
extern bool crm_ingest_take_time(CrmIngestParser *p, int field, TimestampTz *at, bool *is_set);
extern bool crm_ingest_take_day(CrmIngestParser *p, int field, int32 *day, bool *is_set);
extern bool crm_ingest_take_decimal(CrmIngestParser *p, const CrmIngestSlot *slot,
									const char *field, CrmDecimal *number, bool *is_set);
extern bool crm_ingest_take_money(CrmIngestParser *p, const CrmIngestSlot *slot, const char *field,
								  int64 *minor, bool *is_set);
extern bool crm_ingest_take_word(CrmIngestParser *p, int field, const char *const *words,
								 int *index);
extern bool crm_ingest_take_store(CrmIngestParser *p, int *store_id, pg_tz **zone);
extern bool crm_ingest_take_customs(CrmIngestParser *p, Datum *customs);
extern Datum crm_ingest_version(CrmIngestParser *p);
extern Datum crm_ingest_money(CrmIngestParser *p, int64 minor);
extern Datum crm_ingest_text(const char *text, int length);
extern void crm_ingest_put_slot(CrmIngestParser *p, const CrmIngestTarget *target,
								CrmIngestSlot slot);

extern bool crm_ingest_take_object(CrmIngestParser *p, int field, Datum *object, bool *is_set);

/* ingest_identifier.c */
extern bool crm_ingest_is_unusable(const CrmIngestParser *p, int field);
extern bool crm_ingest_check_identifiers(CrmIngestParser *p);
extern Datum crm_ingest_identifiers(CrmIngestParser *p, int *n_keys);
extern Datum crm_ingest_device_id(CrmIngestParser *p);
extern bool crm_ingest_member_source(CrmIngestParser *p, int *source_id);

/* ingest_shape.c */
typedef enum CrmIngestAttribute
{
	A_ORDINAL, A_SOURCE_ID, A_EXTERNAL_ID, A_KIND, A_STORE_ID, A_CHANNEL, A_REGISTERED_AT,
	A_REGISTERED_ON, A_IDENTIFIERS, A_NAME, A_NICKNAME, A_SEX, A_BIRTHDAY, A_IS_BIRTHDAY_LUNAR,
	A_PROVINCE, A_CITY, A_DISTRICT, A_ADDRESS, A_NOTE, A_CUSTOM, A_SOURCE_VERSION, A_IS_HISTORY,
	A_CONTENT_HASH, A_RECEIVED_AT, A_INBOX_ID, A_LINE_NO, A_STATUS, A_ORDERED_AT, A_PAID_AT,
	A_BUSINESS_DAY, A_AMOUNT, A_DISCOUNT, A_COUPON_CODE, A_LINES, A_LINE_KEY, A_PRODUCT_CODE,
	A_PRODUCT_NAME, A_CATEGORY_CODE, A_QUANTITY, A_UNIT_PRICE, A_ORDER_EXTERNAL_ID, A_REFUNDED_AT,
	A_REFUNDED_ON, A_REASON, A_TYPE, A_OCCURRED_AT, A_OBJECT_ID, A_PROPERTIES, A_DIRECTION,
	A_STAFF_ID, A_BODY, A_OUTCOME, A_NEXT_ON, A_CODE, A_CATEGORY_NAME, A_LIST_PRICE,
	A_REFILL_DAYS, A_STATE, A_EVIDENCE, A_COUPON_TYPE, A_ISSUED_AT, A_VALID_UNTIL, A_REDEEMED_AT,
	A_NAMESPACE, A_VALUE, A_MASKED, A_TAIL, A_IS_KEY, A_IDENTIFIER_KIND,
	A_COUNT
} CrmIngestAttribute;

extern CrmIngestShape *crm_ingest_shape_open(Oid type_id);
extern CrmIngestShape *crm_ingest_shape_named(const char *type_name);
extern void crm_ingest_shape_clear(CrmIngestShape *shape);
extern void crm_ingest_shape_put(CrmIngestShape *shape, CrmIngestAttribute attribute, Datum value);
extern Datum crm_ingest_shape_form(CrmIngestShape *shape);
extern Datum crm_ingest_shape_array(const CrmIngestShape *shape, Datum *values, int count);

/* ingest_order.c */
extern CrmIngestOrder *crm_ingest_order_begin(CrmIngestParser *p);
extern bool crm_ingest_order_add(CrmIngestParser *p, CrmIngestOrder *order);
extern bool crm_ingest_order_build(CrmIngestParser *p, CrmIngestOrder *order,
								   CrmIngestBuilt *built);
extern const CrmIngestSlot *crm_ingest_order_id(const CrmIngestOrder *order);
extern int	crm_ingest_order_line(const CrmIngestOrder *order);
extern void crm_ingest_order_spoil(CrmIngestOrder *order);

/* ingest_put.c */
extern void crm_ingest_reset(CrmIngestParser *p);
extern bool crm_ingest_take_id(CrmIngestParser *p, bool required, CrmIngestBuilt *built);
extern void crm_ingest_put_common(CrmIngestParser *p, CrmIngestBuilt *built, int line_no);
extern void crm_ingest_digest_slot(CrmIngestParser *p, int field, const CrmIngestSlot *slot);
extern Datum crm_ingest_digest(CrmIngestParser *p);
extern bool crm_ingest_put_ref(CrmIngestParser *p, CrmIngestBuilt *built, int line_no, int store_id,
							   TimestampTz at, bool anybody);
extern void crm_ingest_digest_record(CrmIngestParser *p, CrmIngestBuilt *built);
extern Datum crm_ingest_channel(CrmIngestParser *p);
extern bool crm_ingest_put_text(CrmIngestParser *p, int field, CrmIngestAttribute attribute);
extern bool crm_ingest_put_time(CrmIngestParser *p, int field, CrmIngestAttribute attribute,
								bool required, TimestampTz *at, bool *is_set);
extern const char *const crm_ingest_yes_no[];

/* ingest_fact.c */
extern bool crm_ingest_build(CrmIngestParser *p, CrmIngestBuilt *built);

/* ingest_member.c */
extern bool crm_ingest_build_member(CrmIngestParser *p, CrmIngestBuilt *built);
extern Datum crm_ingest_left_out(const CrmIngestParser *p);

/* ingest_csv.c */
typedef struct CrmIngestCsv CrmIngestCsv;
extern CrmIngestCsv *crm_ingest_csv_begin(CrmIngestParser *p, const char *header, int length);
extern void crm_ingest_csv_chunk(CrmIngestCsv *csv, const char *text, int length, int line);
extern bool crm_ingest_csv_next(CrmIngestParser *p, CrmIngestCsv *csv, int *at);
extern void crm_ingest_csv_position(const CrmIngestCsv *csv, int *at, int *line);

/* ingest_encoding.c */
extern bool crm_ingest_to_utf8(CrmIngestParser *p, const char **text, int *length);

/* ingest_json.c */
extern bool crm_ingest_json_read(CrmIngestParser *p, const char *text, int length);
extern bool crm_ingest_json_item(CrmIngestParser *p, const char *text, int length);

#endif
