/*
 * ingest_encoding.c
 *		A record in UTF-8, or a fault: GBK is converted, UTF-8 is checked, NUL is refused.
 *
 * A record at a time, so that bad bytes cost their own line only.  Conversion is the server's
 * own (GBK to UTF-8), in its form that stops instead of raising.
 */
#include "ingest/ingest.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

static bool
bad_bytes(CrmIngestParser *p)
{
	crm_ingest_fault(p, CRM_FAULT_ENCODING, NULL, p->is_gbk ?
					 "Send valid GBK without NUL characters, or name the right encoding." :
					 "Send valid UTF-8 without NUL characters, or name the right encoding.");
	return false;
}

static bool
is_ascii(const char *text, int length)
{
	for (int i = 0; i < length; i++)
		if ((text[i] & 0x80) || text[i] == '\0')
			return false;
	return true;
}

/* Points *text at the record in UTF-8; what was converted lives in the fact's memory. */
bool
crm_ingest_to_utf8(CrmIngestParser *p, const char **text, int *length)
{
	static Oid	gbk_to_utf8 = InvalidOid;
	/* the converter takes no more than the worst growth of any encoding would fit into */
	int			room = (*length + 1) * MAX_CONVERSION_GROWTH + 1;
	unsigned char *out;
	int			done;

	if (is_ascii(*text, *length))
		return true;
	if (!p->is_gbk)
		return pg_verify_mbstr(PG_UTF8, *text, *length, true) ? true : bad_bytes(p);
	if (!OidIsValid(gbk_to_utf8))
		gbk_to_utf8 = FindDefaultConversionProc(PG_GBK, PG_UTF8);
	CrmEnsure(OidIsValid(gbk_to_utf8), "no conversion from GBK");
	out = MemoryContextAlloc(p->fact_memory, room);
	done = pg_do_encoding_conversion_buf(gbk_to_utf8, PG_GBK, PG_UTF8, unconstify(unsigned char *,
										 (const unsigned char *) *text),
										 *length, out, room, true);
	if (done != *length)
		return bad_bytes(p);
	*text = (const char *) out;
	*length = strlen((const char *) out);
	return true;
}
