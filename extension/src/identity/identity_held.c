/*
 * identity_held.c
 *		What the records of persons say and hold, read by two statements whatever their number.
 */
#include "identity/identity_held.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"

/* Best record first: by the priority of its source, then the newest. */
static CrmStatement read_records = {
	.name = "identity.held",
	.n_args = 5,
	.arg_types = (const Oid[]) {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, BOOLOID, BOOLOID},
	.sql =
	"SELECT m.customer_id, r.source_record_id, r.store_id, r.channel, "
	"       CASE WHEN r.custom <> '{}' THEN r.custom END, "
	"       CASE WHEN crm._identity_is_full_name(p.name) THEN p.name END, p.name, p.nickname, p.sex, "
	"       nullif(p.city, ''), CASE WHEN crm._identity_is_real_birthday(p.birthday) THEN p.birthday END, "
	"       p.is_birthday_lunar, p.address_sealed, coalesce(r.registered_at, r.received_at), "
	"       coalesce(r.registered_on, crm._local_day(coalesce(r.registered_at, r.received_at), "
	"                                                coalesce(s.time_zone, 'Asia/Shanghai'))), "
	"       coalesce(s.priority, 100), coalesce(p.received_at, r.received_at), "
	"       CASE WHEN s.verified_fields <> '{}' THEN array_to_string(s.verified_fields, ',') END, "
	"       CASE WHEN $4 THEN crm._decrypt('address', p.address_sealed) END, "
	"       r.source_id, r.kind, r.external_id, s.is_one_record_per_person AND r.is_current, s.is_one_card_per_person, "
	"       $5 AND crm._identity_is_reference(r.kind, r.external_id), "
	"       CASE WHEN $5 THEN (SELECT true FROM crm.must_link x WHERE x.record_a = r.source_record_id LIMIT 1) IS NOT NULL "
	"                         OR (SELECT true FROM crm.cannot_link x WHERE x.record_a = r.source_record_id LIMIT 1) IS NOT NULL END, r.is_shadow "
	"FROM (SELECT x.customer_id, x.source_record_id FROM (SELECT DISTINCT d.id FROM unnest($1) d(id)) c "
	"      CROSS JOIN LATERAL (SELECT y.customer_id, y.source_record_id FROM crm.membership y "
	"          WHERE y.customer_id = c.id AND y.valid_to >= 'infinity' OFFSET 0) x "
	"      UNION ALL SELECT j.person, j.record FROM unnest($2, $3) j(record, person)) m "
	"CROSS JOIN LATERAL (SELECT * FROM crm.source_record x "
	"    WHERE x.source_record_id = m.source_record_id LIMIT 1) r "
	"LEFT JOIN LATERAL (SELECT * FROM crm.source x WHERE x.source_id = r.source_id LIMIT 1) s ON true "
	"LEFT JOIN LATERAL (SELECT * FROM crm.source_record_private x "
	"    WHERE x.source_record_id = r.source_record_id AND x.revision = r.revision LIMIT 1) p ON true "
	"ORDER BY m.customer_id, coalesce(s.priority, 100), coalesce(p.received_at, r.received_at) DESC, "
	"         r.source_record_id DESC",
};

/* Columns of the other one. */
enum
{
	V_RECORD, V_KIND, V_HASH, V_NAMESPACE, V_MASKED, V_SEALED, V_IS_BLOCKED, V_FIRST_SEEN_AT,
	V_LAST_SEEN_AT, V_ENDED_AT, V_RANK, V_IS_KEY, V_IS_SINGLE, V_IS_SHARED, V_MAX_RECORDS,
	V_HOLDERS, N_VALUE_COLUMNS
};

/* Phones and e-mails have the first kinds. */
#define LAST_SHOWN_KIND 2
#define LAST_KIND PG_INT16_MAX

static CrmStatement read_values = {
	.name = "identity.held_values",
	.n_args = 3,
	.arg_types = (const Oid[]) {INT8ARRAYOID, INT2OID, BOOLOID},
	.sql =
	"SELECT ri.source_record_id, ri.kind, ri.value_hash, ri.namespace, i.masked, i.value_sealed, i.is_blocked, "
	"       ri.first_seen_at, ri.last_seen_at, ri.ended_at, k.rank, k.is_key, k.is_single, k.is_shared, k.max_records, "
	"       CASE WHEN $3 AND NOT i.is_blocked THEN (SELECT count(*) FROM crm.record_identifier x "
	"           WHERE x.kind = ri.kind AND x.value_hash = ri.value_hash) END "
	"FROM unnest($1) f(id) "
	"CROSS JOIN LATERAL (SELECT * FROM crm.record_identifier x WHERE x.source_record_id = f.id AND x.kind <= $2 OFFSET 0) ri "
	"CROSS JOIN LATERAL (SELECT * FROM crm.identifier x "
	"    WHERE x.kind = ri.kind AND x.value_hash = ri.value_hash LIMIT 1) i "
	"CROSS JOIN LATERAL (SELECT * FROM crm.identifier_kind x WHERE x.kind = ri.kind LIMIT 1) k",
};

static int
compare_values(const void *left, const void *right)
{
	const CrmHeldValue *a = left;
	const CrmHeldValue *b = right;

	return a->record_id < b->record_id ? -1 : a->record_id > b->record_id;
}

static CrmHeldValue
read_value(HeapTuple tuple, TupleDesc descriptor)
{
	Datum		values[N_VALUE_COLUMNS];
	bool		nulls[N_VALUE_COLUMNS];

	heap_deform_tuple(tuple, descriptor, values, nulls);
	return (CrmHeldValue) {
		.record_id = DatumGetInt64(values[V_RECORD]),
		.kind = DatumGetInt16(values[V_KIND]),
		.hash = DatumGetByteaPP(values[V_HASH]),
		.namespace = DatumGetTextPP(values[V_NAMESPACE]),
		.masked = values[V_MASKED],
		.sealed = values[V_SEALED],
		.is_unsealed = nulls[V_SEALED],
		.is_blocked = DatumGetBool(values[V_IS_BLOCKED]),
		.first_seen_at = DatumGetTimestampTz(values[V_FIRST_SEEN_AT]),
		.last_seen_at = DatumGetTimestampTz(values[V_LAST_SEEN_AT]),
		.ended_at = nulls[V_ENDED_AT] ? DT_NOEND : DatumGetTimestampTz(values[V_ENDED_AT]),
		.rank = DatumGetInt32(values[V_RANK]),
		.is_key = DatumGetBool(values[V_IS_KEY]),
		.is_single = DatumGetBool(values[V_IS_SINGLE]),
		.is_shared = DatumGetBool(values[V_IS_SHARED]),
		.max_records = DatumGetInt32(values[V_MAX_RECORDS]),
		.holders = nulls[V_HOLDERS] ? 0 : DatumGetInt64(values[V_HOLDERS]),
	};
}

/* Whether a value of a record tells more than another of its kind: not blocked, told last, then by hash. */
static bool
shows_before(const CrmHeldValue *a, const CrmHeldValue *b)
{
	int			length = Min(VARSIZE_ANY_EXHDR(a->hash), VARSIZE_ANY_EXHDR(b->hash));
	int			order;

	if (a->is_blocked != b->is_blocked)
		return b->is_blocked;
	if (a->last_seen_at != b->last_seen_at)
		return a->last_seen_at > b->last_seen_at;
	order = memcmp(VARDATA_ANY(a->hash), VARDATA_ANY(b->hash), length);
	return order != 0 ? order < 0 : VARSIZE_ANY_EXHDR(a->hash) < VARSIZE_ANY_EXHDR(b->hash);
}

/* The phone or e-mail of a record: masked, sealed and hash stand side by side. */
static void
show_value(CrmHeldRecord *record, const CrmHeld *held, int16 kind, int column)
{
	const CrmHeldValue *best = NULL;

	for (int i = record->first_value; i < record->end_value; i++)
	{
		const CrmHeldValue *value = &held->values[i];

		if (value->kind == kind && value->ended_at == DT_NOEND &&
			(best == NULL || shows_before(value, best)))
			best = value;
	}
	if (best == NULL)
		return;
	record->values[column] = best->masked;
	record->values[column + 1] = best->sealed;
	record->values[column + 2] = PointerGetDatum(best->hash);
	record->nulls[column] = record->nulls[column + 2] = false;
	record->nulls[column + 1] = best->is_unsealed;
}

/* The first value, by record, of this record or a later one. */
static int
find_values(const CrmHeld *held, int64 record_id)
{
	int			low = 0;
	int			high = held->n_values;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (held->values[middle].record_id < record_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static Datum
record_ids(const CrmHeld *held)
{
	Datum	   *ids = palloc(Max(held->n_records, 1) * sizeof(Datum));

	for (int i = 0; i < held->n_records; i++)
		ids[i] = held->records[i].values[H_RECORD];
	return PointerGetDatum(construct_array(ids, held->n_records, INT8OID, 8, true, TYPALIGN_DOUBLE));
}

static void
take_records(CrmHeld *held)
{
	SPITupleTable *table = SPI_tuptable;

	CrmEnsure(table != NULL && table->tupdesc->natts == N_READ, "columns of held records");
	held->n_records = SPI_processed;
	held->records = palloc(Max(held->n_records, 1) * sizeof(CrmHeldRecord));
	for (int i = 0; i < held->n_records; i++)
	{
		CrmHeldRecord *record = &held->records[i];

		memset(record->nulls, true, sizeof(record->nulls));
		heap_deform_tuple(table->vals[i], table->tupdesc, record->values, record->nulls);
	}
}

static void
take_values(CrmHeld *held)
{
	SPITupleTable *table = SPI_tuptable;

	CrmEnsure(table != NULL && table->tupdesc->natts == N_VALUE_COLUMNS, "columns of held values");
	held->n_values = SPI_processed;
	held->values = palloc(Max(held->n_values, 1) * sizeof(CrmHeldValue));
	for (int i = 0; i < held->n_values; i++)
		held->values[i] = read_value(table->vals[i], table->tupdesc);
	qsort(held->values, held->n_values, sizeof(CrmHeldValue), compare_values);
	for (int i = 0; i < held->n_records; i++)
	{
		CrmHeldRecord *record = &held->records[i];
		int64		id = DatumGetInt64(record->values[H_RECORD]);

		record->first_value = record->end_value = find_values(held, id);
		while (record->end_value < held->n_values && held->values[record->end_value].record_id == id)
			record->end_value++;
		show_value(record, held, 1, H_PHONE_MASKED);
		show_value(record, held, 2, H_EMAIL_MASKED);
	}
}

CrmHeld
crm_identity_read_held(Datum persons, Datum joining, Datum joined, bool reads_addresses,
					   bool reads_ties)
{
	CrmHeld		held = {0};
	Datum		of_records[5] = {persons, joining, joined, BoolGetDatum(reads_addresses),
	BoolGetDatum(reads_ties)};
	Datum		of_values[3] = {0, Int16GetDatum(reads_ties ? LAST_KIND : LAST_SHOWN_KIND),
	BoolGetDatum(reads_ties)};

	crm_core_spi_execute(&read_records, of_records, NULL, false, 0);
	take_records(&held);
	of_values[0] = record_ids(&held);
	crm_core_spi_execute(&read_values, of_values, NULL, false, 0);
	take_values(&held);
	return held;
}

int
crm_identity_person_end(const CrmHeld *held, int first)
{
	int			end = first + 1;

	while (end < held->n_records && DatumGetInt64(held->records[end].values[H_CUSTOMER]) ==
		   DatumGetInt64(held->records[first].values[H_CUSTOMER]))
		end++;
	return end;
}
