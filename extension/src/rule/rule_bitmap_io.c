/*
 * rule_bitmap_io.c
 *		Bitmaps as text and as bytes.
 *
 * Text form: '{1,5,4711}', members in any order.  Binary form, network byte order: u8 version (1),
 * u32 containers, and of each i64 key, u16 members - 1, then its offsets (u16 each) or its 512
 * words (u64 each).  Bytes that come from outside are checked to the last bit: keys ascend,
 * offsets ascend, and a container has the form its number of members asks for.
 */
#include "rule/rule_bitmap.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"

#define BINARY_VERSION 1
#define MEMBERS_AT_ONCE 65536	/* read between two looks for a cancel */

PG_FUNCTION_INFO_V1(crm_bitmap_in);
PG_FUNCTION_INFO_V1(crm_bitmap_out);
PG_FUNCTION_INFO_V1(crm_bitmap_recv);
PG_FUNCTION_INFO_V1(crm_bitmap_send);

static void
refuse_text(const char *text)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("invalid input syntax for type %s: \"%s\"", "crm.bitmap", crm_core_clip(text, 64)),
					errhint("Write members between braces, as in {1,5,4711}.")));
}

Datum
crm_bitmap_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	const char *at = text + strspn(text, " \t\n");
	/* a member and what parts it from the next take two characters */
	int64	   *members = palloc_extended((strlen(text) / 2 + 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	int64		n = 0;

	if (*at++ != '{')
		refuse_text(text);
	at += strspn(at, " \t\n");
	while (*at != '}')
	{
		char	   *end;

		if (n % MEMBERS_AT_ONCE == 0)
			CHECK_FOR_INTERRUPTS();
		errno = 0;
		members[n] = strtoll(at, &end, 10);
		if (end == at || errno != 0)
			refuse_text(text);
		n++;
		at = end + strspn(end, " \t\n");
		if (*at == ',' && at[1 + strspn(at + 1, " \t\n")] != '}')
			at++;
		else if (*at != '}')
			refuse_text(text);
		at += strspn(at, " \t\n");
	}
	at++;
	if (at[strspn(at, " \t\n")] != '\0')
		refuse_text(text);
	PG_RETURN_DATUM(crm_rule_bitmap_flatten(&crm_rule_bitmap_of(members, n)->parts));
}

Datum
crm_bitmap_out(PG_FUNCTION_ARGS)
{
	CrmBitmapWalk walk = {.parts = crm_rule_bitmap_read(PG_GETARG_DATUM(0))};
	StringInfoData text;
	int64		value;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	while (crm_rule_bitmap_next(&walk, &value))
		appendStringInfo(&text, text.len > 1 ? ",%lld" : "%lld", (long long) value);
	appendStringInfoChar(&text, '}');
	PG_RETURN_CSTRING(text.data);
}

static void
refuse_bytes(const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					errmsg("bytes are not a bitmap"), errdetail_internal("%s", why)));
}

static void
receive_offsets(StringInfo message, CrmBitmapContainer *container)
{
	container->data.offsets = palloc(container->members * sizeof(uint16));
	for (uint32 i = 0; i < container->members; i++)
	{
		uint16		offset = pq_getmsgint(message, 2);

		if (offset >= CRM_BITMAP_SPAN || (i > 0 && offset <= container->data.offsets[i - 1]))
			refuse_bytes("Offsets do not ascend.");
		container->data.offsets[i] = offset;
	}
}

static void
receive_bits(StringInfo message, CrmBitmapContainer *container)
{
	container->data.bits = palloc(CRM_BITMAP_BYTES);
	for (int i = 0; i < CRM_BITMAP_WORDS; i++)
		container->data.bits[i] = pq_getmsgint64(message);
	if (pg_popcount((const char *) container->data.bits, CRM_BITMAP_BYTES) != container->members)
		refuse_bytes("Bits are not as many as announced.");
}

Datum
crm_bitmap_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	CrmBitmapParts parts = {0};
	uint32		n;

	if (pq_getmsgbyte(message) != BINARY_VERSION)
		refuse_bytes("The version is not known.");
	n = pq_getmsgint(message, 4);
	/* a container takes at least 12 bytes: so many must still be there */
	if (n > (message->len - message->cursor) / 12)
		refuse_bytes("Containers are missing.");
	parts.containers = palloc0(Max(n, 1) * sizeof(CrmBitmapContainer));
	for (; parts.n < n; parts.n++)
	{
		CrmBitmapContainer *container = &parts.containers[parts.n];

		CHECK_FOR_INTERRUPTS();
		container->key = pq_getmsgint64(message);
		container->members = pq_getmsgint(message, 2) + 1;
		if (container->key < 0 || container->key >= CRM_BITMAP_LIMIT >> CRM_BITMAP_WIDTH ||
			(parts.n > 0 && container->key <= container[-1].key))
			refuse_bytes("Keys do not ascend.");
		if (container->members > CRM_BITMAP_SPAN)
			refuse_bytes("A container has too many members.");
		if (crm_rule_bitmap_is_sparse(container->members))
			receive_offsets(message, container);
		else
			receive_bits(message, container);
	}
	PG_RETURN_DATUM(crm_rule_bitmap_flatten(&parts));
}

Datum
crm_bitmap_send(PG_FUNCTION_ARGS)
{
	CrmBitmapParts parts = crm_rule_bitmap_read(PG_GETARG_DATUM(0));
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbyte(&message, BINARY_VERSION);
	pq_sendint32(&message, parts.n);
	for (int i = 0; i < parts.n; i++)
	{
		const CrmBitmapContainer *container = &parts.containers[i];

		pq_sendint64(&message, container->key);
		pq_sendint16(&message, container->members - 1);
		if (crm_rule_bitmap_is_sparse(container->members))
			for (uint32 j = 0; j < container->members; j++)
				pq_sendint16(&message, container->data.offsets[j]);
		else
			for (int j = 0; j < CRM_BITMAP_WORDS; j++)
				pq_sendint64(&message, container->data.bits[j]);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
