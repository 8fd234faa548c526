/*
 * purchase_product.c
 *		crm._purchase_product_id(code): the product of a code, looked up once a statement.
 *
 * A batch of orders names the same products over and over.  The answers are kept for as long
 * as the calling statement runs, in the memory of its call site, so nothing has to be
 * forgotten when products change; a code is read from crm.product once.
 */
#include "purchase/purchase.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/builtins.h"

typedef struct ProductEntry
{
	const char *code;
	int32		product_id;		/* 0: there is none */
	uint32		hash;
	char		status;			/* simplehash's */
} ProductEntry;

#define SH_PREFIX product
#define SH_ELEMENT_TYPE ProductEntry
#define SH_KEY_TYPE const char *
#define SH_KEY code
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) (key), strlen(key))
#define SH_EQUAL(table, a, b) (strcmp((a), (b)) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) ((entry)->hash)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static const Oid find_product_types[] = {TEXTOID};
static CrmStatement find_product = {
	.name = "purchase.find_product",
	.sql = "SELECT p.product_id FROM crm.product p WHERE p.code = $1",
	.n_args = 1,
	.arg_types = find_product_types,
};

PG_FUNCTION_INFO_V1(crm_purchase_product_id);

static int32
read_product_id(Datum code)
{
	int32		product_id = 0;
	bool		is_null;

	if (SPI_connect() != SPI_OK_CONNECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not connect to SPI")));
	crm_core_spi_execute(&find_product, &code, NULL, true, 1);
	if (SPI_processed == 1)
		product_id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
												 &is_null));
	SPI_finish();
	return product_id;
}

Datum
crm_purchase_product_id(PG_FUNCTION_ARGS)
{
	FmgrInfo   *site = fcinfo->flinfo;
	char	   *code = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ProductEntry *entry;
	bool		is_known;

	if (site->fn_extra == NULL)
		site->fn_extra = product_create(site->fn_mcxt, 64, NULL);
	entry = product_lookup(site->fn_extra, code);
	if (entry == NULL)
	{
		int32		product_id = read_product_id(PG_GETARG_DATUM(0));

		entry = product_insert(site->fn_extra, MemoryContextStrdup(site->fn_mcxt, code),
							   &is_known);
		entry->product_id = product_id;
	}
	if (entry->product_id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(entry->product_id);
}
