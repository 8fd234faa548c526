/*
 * link_edge.c
 *		The matcher inside the server: its memory, its arguments, its model, the rows of a query.
 *
 * A query is read through a cursor, row by row as it finds them.  The rows of the matcher live in a memory context of the call.
 */
#include "identity/link_edge.h"

#include <sys/mman.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define FORGOTTEN_AFTER 1000
#define MAX_CAP 4096
#define MANY_BYTES ((size_t) 8 << 20)
#define LARGE_PAGE ((uintptr_t) 2 << 20)

/*
 * Rows are visited in the order of keys, so nearly each look is at another page: of large ones
 * there are few enough for the processor to know where they are.  Whoever runs the machine may
 * have switched them off; then this changes nothing.
 */
static void *
on_large_pages(void *bytes, size_t length)
{
#ifdef MADV_HUGEPAGE
	uintptr_t	first = TYPEALIGN(LARGE_PAGE, (uintptr_t) bytes);
	uintptr_t	end = TYPEALIGN_DOWN(LARGE_PAGE, (uintptr_t) bytes + length);

	if (length >= MANY_BYTES)
		(void) madvise((void *) first, end - first, MADV_HUGEPAGE);
#endif
	return bytes;
}

static void *
host_take(void *state, size_t bytes)
{
	return on_large_pages(MemoryContextAllocHuge(state, Max(bytes, 1)), bytes);
}

static void *
host_trim(void *state, void *bytes, size_t less)
{
	return repalloc_huge(bytes, Max(less, 1));
}

static void
host_drop(void *state, void *bytes)
{
	pfree(bytes);
}

static void
host_breathe(void *state)
{
	CHECK_FOR_INTERRUPTS();
}

/* What host_breathe() raises; flags that signal handlers set in the backend's own thread. */
static bool
host_is_stopped(void)
{
	return QueryCancelPending || ProcDiePending;
}

CrmLink *
crm_identity_link_new(void)
{
	CrmLink    *link = palloc0(sizeof(CrmLink));

	link->host = (CrmLinkHost) {host_take, host_trim, host_drop, host_breathe, crm_identity_link_start, crm_identity_link_finish,
		AllocSetContextCreate(CurrentMemoryContext, "matcher", ALLOCSET_DEFAULT_SIZES), host_is_stopped};
	link->seed = 1;
	link->cap = 2;
	link->max_size = 2;
	return link;
}

void
crm_identity_link_free(CrmLink *link)
{
	MemoryContextDelete(link->host.state);
	pfree(link);
}

void
crm_identity_link_limits(CrmLink *link, int64 seed, int cap, int max_size)
{
	if (cap < 2 || cap > MAX_CAP || max_size < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cap must be 2 to %d and a cluster at least 2", MAX_CAP)));
	link->seed = seed;
	link->cap = cap;
	link->max_size = max_size;
}

static CrmLinkKind
kind_of(const char *word)
{
	CrmLinkKind kind;

	if (!crm_link_kind_of(word, &kind))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no kind of field has this name"),
				 errhint("Kinds are given, surname, name, date, phone, email, id, address, postcode, code, text, number, sex and class.")));
	return kind;
}

/* The group of a word behind a slash: the first field that has it. */
static int
group_of(char **groups, int field)
{
	for (int f = 0; groups[field] != NULL && f < field; f++)
		if (groups[f] != NULL && strcmp(groups[f], groups[field]) == 0)
			return f;
	return field;
}

void
crm_identity_link_kinds(CrmLink *link, ArrayType *kinds)
{
	char	   *groups[CRM_LINK_MAX_FIELDS];
	Datum	   *codes;
	bool	   *nulls;
	int			count;

	deconstruct_array(kinds, TEXTOID, -1, false, TYPALIGN_INT, &codes, &nulls, &count);
	if (count < 1 || count > CRM_LINK_MAX_FIELDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("one to %d fields can be compared", CRM_LINK_MAX_FIELDS)));
	link->n_fields = count;
	for (int f = 0; f < count; f++)
	{
		char	   *word;

		if (nulls[f])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("kind must not be null")));
		word = TextDatumGetCString(codes[f]);
		groups[f] = strchr(word, '/');
		if (groups[f] != NULL)
			*groups[f]++ = '\0';
		link->fields[f].kind = kind_of(word);
		link->fields[f].group = group_of(groups, f);
	}
}

/* The text of a column; those that are no text go through their output function. */
static const char *
text_of(Datum value, Oid type, size_t *length)
{
	struct varlena *packed;
	char	   *shown;
	Oid			output;
	bool		is_varlena;

	if (type == TEXTOID || type == VARCHAROID)
	{
		packed = PG_DETOAST_DATUM_PACKED(value);
		*length = VARSIZE_ANY_EXHDR(packed);
		return VARDATA_ANY(packed);
	}
	getTypeOutputInfo(type, &output, &is_varlena);
	shown = OidOutputFunctionCall(output, value);
	*length = strlen(shown);
	return shown;
}

/* Whoever a query's rows are given to, without a copy of them in between. */
typedef struct Taker
{
	DestReceiver receiver;
	CrmLink    *link;
	MemoryContext texts;		/* of some rows, where columns are not given as they are */
	uint32		n_rows;
} Taker;

static void
check_columns(DestReceiver *self, int operation, TupleDesc columns)
{
	if (columns->natts != ((Taker *) self)->link->n_fields + 1 || TupleDescAttr(columns, 0)->atttypid != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("query must return a bigint and one column for each kind")));
}

static bool
take_row(TupleTableSlot *row, DestReceiver *self)
{
	Taker	   *taker = (Taker *) self;
	CrmLink    *link = taker->link;
	const char *texts[CRM_LINK_MAX_FIELDS];
	size_t		lengths[CRM_LINK_MAX_FIELDS] = {0};
	MemoryContext old = MemoryContextSwitchTo(taker->texts);

	slot_getallattrs(row);
	if (row->tts_isnull[0])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("number of a row must not be null")));
	for (int f = 0; f < link->n_fields; f++)
		texts[f] = row->tts_isnull[f + 1] ? NULL :
			text_of(row->tts_values[f + 1], TupleDescAttr(row->tts_tupleDescriptor, f + 1)->atttypid, &lengths[f]);
	crm_link_stream_row(link, DatumGetInt64(row->tts_values[0]), texts, lengths);
	MemoryContextSwitchTo(old);
	if (++taker->n_rows % FORGOTTEN_AFTER == 0)
		MemoryContextReset(taker->texts);
	return true;
}

static void
end_taking(DestReceiver *self)
{
}

static void
stream_rows(CrmLink *link, text *query)
{
	Portal		portal = crm_core_spi_open(text_to_cstring(query));
	Taker		taker = {{take_row, check_columns, end_taking, end_taking, DestNone}, link,
	AllocSetContextCreate(CurrentMemoryContext, "texts of the matcher", ALLOCSET_DEFAULT_SIZES)};

	PortalRunFetch(portal, FETCH_FORWARD, FETCH_ALL, &taker.receiver);
	SPI_cursor_close(portal);
	MemoryContextDelete(taker.texts);
	crm_link_stream_end(link);
}

static void
rest(int code, Datum link)
{
	crm_link_stream_rest((CrmLink *) DatumGetPointer(link));
}

/* Helpers read what came while the query goes on; they are waited for before anything takes their memory away. */
void
crm_identity_link_rows(CrmLink *link, text *query)
{
	crm_link_begin(link);
	crm_core_spi_connect();
	crm_link_stream_begin(link);
	PG_ENSURE_ERROR_CLEANUP(rest, PointerGetDatum(link));
	stream_rows(link, query);
	PG_END_ENSURE_ERROR_CLEANUP(rest, PointerGetDatum(link));
	SPI_finish();
}

void
crm_identity_link_model(CrmLink *link, bytea *model)
{
	if (!crm_link_model_read(link, (const uint8_t *) VARDATA_ANY(model), VARSIZE_ANY_EXHDR(model)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this is no model of the matcher"),
				 errhint("Train again: models of another version are not read.")));
}

bytea *
crm_identity_link_bytes(CrmLink *link)
{
	size_t		length;
	uint8_t    *bytes = crm_link_model_write(link, &length);
	bytea	   *model = palloc(VARHDRSZ + length);

	SET_VARSIZE(model, VARHDRSZ + length);
	memcpy(VARDATA(model), bytes, length);
	return model;
}
