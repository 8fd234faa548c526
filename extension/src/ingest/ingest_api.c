/*
 * ingest_api.c
 *		Small SQL-callable functions of the room: facts completed, chunks looked at, mappings
 *		checked, signatures verified.
 */
#include "ingest/ingest.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/base64.h"
#include "funcapi.h"
#include "pure/csv.h"
#include "pure/hash.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#define MAX_SECRET 64
#define DIGEST_LENGTH 32

PG_FUNCTION_INFO_V1(crm_ingest_place);
PG_FUNCTION_INFO_V1(crm_ingest_hash);
PG_FUNCTION_INFO_V1(crm_ingest_lines);
PG_FUNCTION_INFO_V1(crm_ingest_first_record);
PG_FUNCTION_INFO_V1(crm_ingest_csv_fields);
PG_FUNCTION_INFO_V1(crm_ingest_check_mapping);
PG_FUNCTION_INFO_V1(crm_ingest_field_names);
PG_FUNCTION_INFO_V1(crm_ingest_signature_fault);

typedef struct PlaceCache
{
	Oid			type_id;
	TupleDesc	desc;
	int			record_place;
	int			customer_place;
} PlaceCache;

static int
find_bigint(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0 &&
			TupleDescAttr(desc, i)->atttypid == INT8OID)
			return i;
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("the fact's type has no attribute %s", name)));
}

static PlaceCache *
place_cache(FunctionCallInfo fcinfo, HeapTupleHeader fact)
{
	PlaceCache *cache = fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (cache != NULL && cache->type_id == HeapTupleHeaderGetTypeId(fact))
		return cache;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	cache = palloc0(sizeof(PlaceCache));
	cache->type_id = HeapTupleHeaderGetTypeId(fact);
	cache->desc = lookup_rowtype_tupdesc_copy(cache->type_id, -1);
	cache->record_place = find_bigint(cache->desc, "source_record_id");
	cache->customer_place = find_bigint(cache->desc, "customer_id");
	fcinfo->flinfo->fn_extra = cache;
	MemoryContextSwitchTo(old);
	return cache;
}

/* crm._ingest_place(fact anyelement, source_record_id bigint, customer_id bigint) */
Datum
crm_ingest_place(PG_FUNCTION_ARGS)
{
	HeapTupleHeader fact;
	PlaceCache *cache;
	HeapTupleData tuple;
	Datum	   *values;
	bool	   *nulls;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	fact = PG_GETARG_HEAPTUPLEHEADER(0);
	cache = place_cache(fcinfo, fact);
	values = palloc(sizeof(Datum) * cache->desc->natts);
	nulls = palloc(sizeof(bool) * cache->desc->natts);
	tuple.t_len = HeapTupleHeaderGetDatumLength(fact);
	tuple.t_data = fact;
	heap_deform_tuple(&tuple, cache->desc, values, nulls);
	nulls[cache->record_place] = PG_ARGISNULL(1);
	values[cache->record_place] = PG_GETARG_DATUM(1);
	nulls[cache->customer_place] = PG_ARGISNULL(2);
	values[cache->customer_place] = PG_GETARG_DATUM(2);
	PG_RETURN_DATUM(HeapTupleHeaderGetDatum(heap_form_tuple(cache->desc, values, nulls)->t_data));
}

Datum
crm_ingest_hash(PG_FUNCTION_ARGS)
{
	text	   *id = PG_GETARG_TEXT_PP(0);

	PG_RETURN_INT64((int64) crm_hash_bytes(VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id)));
}

/* Line ends as the CSV reader counts them: LF, CRLF, or CR alone. */
Datum
crm_ingest_lines(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	const char *text = VARDATA_ANY(payload);
	int			length = VARSIZE_ANY_EXHDR(payload);
	int			lines = 0;

	for (int i = 0; i < length; i++)
		if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == length || text[i + 1] != '\n')))
			lines++;
	if (length > 0 && text[length - 1] != '\n' && text[length - 1] != '\r')
		lines++;
	PG_RETURN_INT32(lines);
}

static int
first_record(const char *text, int length, CrmCsvField *fields, CrmCsvRecord *record)
{
	CrmCsv		reader;

	crm_csv_begin(&reader, text, length, crm_csv_sniff(text, length), 1, true);
	return crm_csv_next(&reader, fields, CRM_INGEST_MAX_COLUMNS, record);
}

Datum
crm_ingest_first_record(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	char	   *encoding = text_to_cstring(PG_GETARG_TEXT_PP(1));
	CrmIngestParser *p = palloc0(sizeof(CrmIngestParser));
	CrmCsvField *fields = palloc(sizeof(CrmCsvField) * CRM_INGEST_MAX_COLUMNS);
	CrmCsvRecord record;
	const char *text = VARDATA_ANY(payload);
	int			length;

	if (first_record(text, VARSIZE_ANY_EXHDR(payload), fields, &record) == CRM_CSV_END)
		PG_RETURN_NULL();
	p->fact_memory = CurrentMemoryContext;
	p->is_gbk = strcmp(encoding, "gbk") == 0;
	text += record.offset;
	length = (int) record.length;
	if (!crm_ingest_to_utf8(p, &text, &length))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text, length));
}

Datum
crm_ingest_csv_fields(PG_FUNCTION_ARGS)
{
	text	   *line = PG_GETARG_TEXT_PP(0);
	CrmCsvField *fields = palloc(sizeof(CrmCsvField) * CRM_INGEST_MAX_COLUMNS);
	CrmCsvRecord record;
	Datum	   *values;

	if (first_record(VARDATA_ANY(line), VARSIZE_ANY_EXHDR(line), fields, &record) != CRM_CSV_RECORD)
		PG_RETURN_NULL();
	values = palloc(sizeof(Datum) * Max(record.field_count, 1));
	for (int i = 0; i < record.field_count; i++)
	{
		char	   *copy = palloc(fields[i].length + 1);

		values[i] = PointerGetDatum(cstring_to_text_with_len(copy,
															  crm_csv_unescape(&fields[i], copy)));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(values, record.field_count, TEXTOID, -1, false,
										  TYPALIGN_INT));
}

static CrmIngestEntity
entity_argument(FunctionCallInfo fcinfo, int number)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(number));
	CrmIngestEntity entity = crm_ingest_entity(name);

	if (entity == CRM_INGEST_N_ENTITIES)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_ENTITY_UNKNOWN), errmsg("there is no entity of this name"),
				 crm_errfield("entity"),
				 errhint("Entities are member, order, order_line, refund, event, interaction, "
						 "product, consent and coupon.")));
	return entity;
}

Datum
crm_ingest_check_mapping(PG_FUNCTION_ARGS)
{
	crm_ingest_spec_compile(entity_argument(fcinfo, 0), PG_GETARG_JSONB_P(1), PG_GETARG_BOOL(2));
	PG_RETURN_VOID();
}

Datum
crm_ingest_field_names(PG_FUNCTION_ARGS)
{
	int			n;
	const uint8 *fields = crm_ingest_entity_fields(entity_argument(fcinfo, 0), &n);
	Datum	   *values = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
		values[i] = CStringGetTextDatum(crm_ingest_fields[fields[i]].name);
	PG_RETURN_ARRAYTYPE_P(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static bool
sign(const char *secret, const char *id, const char *sent_at, const bytea *payload, uint8 *digest)
{
	uint8		key[MAX_SECRET + 3];
	int			key_length;
	size_t		length;
	StringInfoData signed_text;

	if (strncmp(secret, "whsec_", 6) != 0)
		return false;
	key_length = pg_b64_decode(secret + 6, strlen(secret + 6), (crm_compat_byte *) key, sizeof(key));
	if (key_length < 16)
		return false;
	initStringInfo(&signed_text);
	appendStringInfo(&signed_text, "%s.%s.", id, sent_at);
	appendBinaryStringInfo(&signed_text, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload));
	return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_length,
					 (uint8 *) signed_text.data, signed_text.len, digest, DIGEST_LENGTH,
					 &length) != NULL;
}

/* Whether one of the space-separated "v1,<base64>" signatures is the digest; in constant time each. */
static bool
is_signed(char *signatures, const uint8 *digest)
{
	char	   *rest;
	bool		found = false;

	for (char *one = strtok_r(signatures, " ", &rest); one; one = strtok_r(NULL, " ", &rest))
	{
		uint8		given[DIGEST_LENGTH + 16];

		if (strncmp(one, "v1,", 3) != 0 || strlen(one + 3) > 60)
			continue;
		if (pg_b64_decode(one + 3, strlen(one + 3), (crm_compat_byte *) given, sizeof(given)) ==
				DIGEST_LENGTH &&
			CRYPTO_memcmp(given, digest, DIGEST_LENGTH) == 0)
			found = true;
	}
	return found;
}

/* crm._ingest_signature_fault(secret, id, sent_at, signature, payload, now, tolerance_seconds) */
Datum
crm_ingest_signature_fault(PG_FUNCTION_ARGS)
{
	char	   *sent_at;
	char	   *id;
	char	   *end;
	long long	seconds;
	int64		now_seconds;
	int			tolerance = PG_GETARG_INT32(6);
	uint8		digest[DIGEST_LENGTH];

	for (int i = 0; i < 7; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_TEXT_P(cstring_to_text("missing"));
	id = text_to_cstring(PG_GETARG_TEXT_PP(1));
	sent_at = text_to_cstring(PG_GETARG_TEXT_PP(2));
	seconds = strtoll(sent_at, &end, 10);
	if (*id == '\0' || strchr(id, '.') != NULL || !isdigit((unsigned char) *sent_at) ||
		*end != '\0' || strlen(sent_at) > 12)
		PG_RETURN_TEXT_P(cstring_to_text("malformed"));
	now_seconds = (int64) timestamptz_to_time_t(PG_GETARG_TIMESTAMPTZ(5));
	if (seconds < now_seconds - tolerance)
		PG_RETURN_TEXT_P(cstring_to_text("too_old"));
	if (seconds > now_seconds + tolerance)
		PG_RETURN_TEXT_P(cstring_to_text("too_new"));
	if (!sign(text_to_cstring(PG_GETARG_TEXT_PP(0)), id, sent_at, PG_GETARG_BYTEA_PP(4), digest) ||
		!is_signed(text_to_cstring(PG_GETARG_TEXT_PP(3)), digest))
		PG_RETURN_TEXT_P(cstring_to_text("wrong"));
	PG_RETURN_NULL();
}
