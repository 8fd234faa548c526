/*
 * ingest_put.c
 *		What the facts of all entities are made of: the record's id, the content hash, the reference
 *		that says whose the fact is, and the columns every fact carries.
 */
#include "ingest/ingest.h"

#include "pure/hash.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Words for a consent; of members and of consents. */
const char *const crm_ingest_yes_no[] = {"yes|y|1|true|是|同意", "no|n|0|false|否|拒绝|退订", NULL};

/* Forgets the record before: slots, custom fields, digest, fault. */
void
crm_ingest_reset(CrmIngestParser *p)
{
	memset(p->slots, 0, sizeof(p->slots));
	p->n_custom_slots = 0;
	resetStringInfo(&p->digest);
	p->fault = CRM_FAULT_NONE;
	p->fault_field = NULL;
	p->fault_remedy = NULL;
}

/* The record's id at its source. */
bool
crm_ingest_take_id(CrmIngestParser *p, bool required, CrmIngestBuilt *built)
{
	const CrmIngestSlot *slot = &p->slots[F_EXTERNAL_ID];
	Datum		value = 0;
	bool		is_set;

	if ((required && !crm_ingest_require(p, F_EXTERNAL_ID)) ||
		!crm_ingest_take_text(p, F_EXTERNAL_ID, &value, &is_set))
		return false;
	if (is_set)
	{
		built->external_id = crm_ingest_text(slot->text, slot->length);
		built->id_hash = crm_hash_bytes(slot->text, slot->length);
	}
	return true;
}

/* Adds one value to what the content hash is made of. */
void
crm_ingest_digest_slot(CrmIngestParser *p, int field, const CrmIngestSlot *slot)
{
	char		head[6];

	if (slot->kind == CRM_SLOT_ABSENT || field == F_UPDATED_AT)
		return;
	head[0] = (char) field;
	head[1] = (char) slot->kind;
	memcpy(head + 2, &slot->length, 4);
	appendBinaryStringInfo(&p->digest, head, sizeof(head));
	appendBinaryStringInfo(&p->digest, slot->text, slot->length);
}

static int
compare_customs(const void *a, const void *b)
{
	return strcmp(((const CrmIngestCustomSlot *) a)->code, ((const CrmIngestCustomSlot *) b)->code);
}

/*
 * The content hash: keyed, for a plain hash of a name and a phone could be guessed.  The
 * source's own version is no content: the same record sent again is no revision.
 */
Datum
crm_ingest_digest(CrmIngestParser *p)
{
	bytea	   *hash;

	hash = palloc(VARHDRSZ + CRM_HASH_LENGTH);
	qsort(p->custom_slots, p->n_custom_slots, sizeof(CrmIngestCustomSlot), compare_customs);
	for (int i = 0; i < p->n_custom_slots; i++)
	{
		appendStringInfoString(&p->digest, p->custom_slots[i].code);
		crm_ingest_digest_slot(p, F_COUNT, &p->custom_slots[i].slot);
	}
	crm_core_keys_hash("content", p->digest.data, p->digest.len, (uint8 *) VARDATA(hash));
	SET_VARSIZE(hash, VARHDRSZ + CRM_HASH_LENGTH);
	return PointerGetDatum(hash);
}

void
crm_ingest_digest_record(CrmIngestParser *p, CrmIngestBuilt *built)
{
	int			n;
	const uint8 *fields = crm_ingest_entity_fields(p->entity, &n);

	for (int i = 0; i < n; i++)
		crm_ingest_digest_slot(p, fields[i], &p->slots[fields[i]]);
	built->content_hash = crm_ingest_digest(p);
}

/* What every fact carries. */
void
crm_ingest_put_common(CrmIngestParser *p, CrmIngestBuilt *built, int line_no)
{
	CrmIngestShape *shape = p->fact;
	Datum		version = crm_ingest_version(p);

	crm_ingest_shape_put(shape, A_ORDINAL, Int32GetDatum(p->ordinal));
	crm_ingest_shape_put(shape, A_SOURCE_ID, Int32GetDatum(p->source_id));
	if (built->external_id)
	{
		crm_ingest_shape_put(shape, A_EXTERNAL_ID, built->external_id);
		crm_ingest_shape_put(shape, A_CODE, built->external_id);
	}
	crm_ingest_shape_put(shape, A_CONTENT_HASH, built->content_hash);
	crm_ingest_shape_put(shape, A_IS_HISTORY, BoolGetDatum(p->is_history));
	crm_ingest_shape_put(shape, A_RECEIVED_AT, TimestampTzGetDatum(p->received_at));
	crm_ingest_shape_put(shape, A_INBOX_ID, Int64GetDatum(p->inbox_id));
	crm_ingest_shape_put(shape, A_LINE_NO, Int32GetDatum(line_no));
	if (version)
		crm_ingest_shape_put(shape, A_SOURCE_VERSION, version);
}

Datum
crm_ingest_channel(CrmIngestParser *p)
{
	const CrmIngestSlot *slot = &p->slots[F_CHANNEL];

	return slot->kind == CRM_SLOT_TEXT ? crm_ingest_text(slot->text, slot->length) :
		CStringGetTextDatum(p->source_channel);
}

/* An id for a fact that has none of its own: its place in the inbox. */
static Datum
place_id(CrmIngestParser *p, int line_no)
{
	return CStringGetTextDatum(psprintf("%s:%lld:%d", crm_ingest_entity_name(p->entity),
										(long long) p->inbox_id, line_no));
}

/*
 * The reference a fact hangs on: the member it names, else whoever its identifiers lead to,
 * else its device, else, if anybody will do, a receipt.  Also puts store and channel into the
 * fact.  False after a fault.
 */
bool
crm_ingest_put_ref(CrmIngestParser *p, CrmIngestBuilt *built, int line_no, int store_id,
				   TimestampTz at, bool anybody)
{
	CrmIngestShape *ref = p->ref;
	const CrmIngestSlot *member = &p->slots[F_MEMBER_EXTERNAL_ID];
	Datum		id = 0;
	Datum		identifiers = 0;
	Datum		ignored = 0;
	int			source_id;
	int			n_keys = 0;
	bool		is_member;
	bool		is_set;

	if (!crm_ingest_take_text(p, F_MEMBER_EXTERNAL_ID, &id, &is_member) ||
		!crm_ingest_take_text(p, F_CHANNEL, &ignored, &is_set) ||
		!crm_ingest_member_source(p, &source_id) || !crm_ingest_check_identifiers(p))
		return false;
	if (p->wants_facts || !anybody)
		identifiers = crm_ingest_identifiers(p, &n_keys);
	if (!is_member && n_keys == 0 && p->slots[F_DEVICE].kind != CRM_SLOT_ABSENT)
	{
		id = crm_ingest_device_id(p);
		is_set = true;
	}
	else
		is_set = is_member;
	if (!anybody && !is_set && n_keys == 0)
	{
		crm_ingest_fault(p, CRM_FAULT_NOBODY, "member_external_id",
						 "Name the member, or send a phone, an openid or another identifier.");
		return false;
	}
	if (!p->wants_facts)
		return true;
	if (!is_set)
		id = built->external_id ? built->external_id : place_id(p, line_no);
	crm_ingest_shape_put(ref, A_ORDINAL, Int32GetDatum(p->ordinal));
	crm_ingest_shape_put(ref, A_SOURCE_ID, Int32GetDatum(is_member ? source_id : p->source_id));
	crm_ingest_shape_put(ref, A_KIND,
						 CStringGetTextDatum(is_member ? "member"
											 : is_set  ? "visitor"
													   : "receipt"));
	crm_ingest_shape_put(ref, A_EXTERNAL_ID,
						 is_member ? crm_ingest_text(member->text, member->length) : id);
	if (identifiers)
		crm_ingest_shape_put(ref, A_IDENTIFIERS, identifiers);
	if (store_id != 0)
	{
		crm_ingest_shape_put(ref, A_STORE_ID, Int32GetDatum(store_id));
		crm_ingest_shape_put(p->fact, A_STORE_ID, Int32GetDatum(store_id));
	}
	crm_ingest_shape_put(ref, A_CHANNEL, crm_ingest_channel(p));
	crm_ingest_shape_put(p->fact, A_CHANNEL, crm_ingest_channel(p));
	crm_ingest_shape_put(ref, A_OCCURRED_AT, TimestampTzGetDatum(at));
	crm_ingest_shape_put(ref, A_IS_HISTORY, BoolGetDatum(p->is_history));
	crm_ingest_shape_put(ref, A_RECEIVED_AT, TimestampTzGetDatum(p->received_at));
	crm_ingest_shape_put(ref, A_INBOX_ID, Int64GetDatum(p->inbox_id));
	crm_ingest_shape_put(ref, A_LINE_NO, Int32GetDatum(line_no));
	built->ref = crm_ingest_shape_form(ref);
	return true;
}

/* Puts a text field into the fact as it is. */
bool
crm_ingest_put_text(CrmIngestParser *p, int field, CrmIngestAttribute attribute)
{
	Datum		value = 0;
	bool		is_set;

	if (!crm_ingest_take_text(p, field, &value, &is_set))
		return false;
	if (is_set && p->wants_facts)
		crm_ingest_shape_put(p->fact, attribute, value);
	return true;
}

bool
crm_ingest_put_time(CrmIngestParser *p, int field, CrmIngestAttribute attribute, bool required,
		 TimestampTz *at, bool *is_set)
{
	if ((required && !crm_ingest_require(p, field)) || !crm_ingest_take_time(p, field, at, is_set))
		return false;
	if (*is_set)
		crm_ingest_shape_put(p->fact, attribute, TimestampTzGetDatum(*at));
	return true;
}
