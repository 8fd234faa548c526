/*
 * purchase_product.c
 *		crm._purchase_product_id(code): the product of a code; crm._purchase_know_products(codes): many at once.
 *
 * A batch of orders names the same products over and over.  What was found is kept until the transaction ends, or a part of it is
 * undone, which may have entered products; a code that names none is asked of the table again, for somebody may enter it.
 */
#include "purchase/purchase.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

typedef struct ProductEntry
{
	const char *code;
	int32		product_id;
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

static const Oid find_products_types[] = {TEXTARRAYOID};
static CrmStatement find_products = {
	.name = "purchase.find_products",
	.sql = "SELECT p.code, p.product_id FROM crm.product p WHERE p.code = ANY ($1)",
	.n_args = 1,
	.arg_types = find_products_types,
};

PG_FUNCTION_INFO_V1(crm_purchase_product_id);
PG_FUNCTION_INFO_V1(crm_purchase_know_products);

/* What this transaction has found; its memory goes with the transaction. */
static product_hash *known = NULL;

static void
forget(void)
{
	known = NULL;
}

static void
at_end(XactEvent event, void *arg)
{
	forget();
}

static void
at_undo(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		forget();
}

static product_hash *
known_products(void)
{
	static bool is_watching = false;

	if (!is_watching)
	{
		RegisterXactCallback(at_end, NULL);
		RegisterSubXactCallback(at_undo, NULL);
		is_watching = true;
	}
	if (known == NULL)
		known = product_create(TopTransactionContext, 256, NULL);
	return known;
}

static void
keep(const char *code, int32 product_id)
{
	bool		is_known;
	ProductEntry *entry = product_insert(known_products(), MemoryContextStrdup(TopTransactionContext, code), &is_known);

	entry->product_id = product_id;
}


static int32
read_product_id(Datum code)
{
	int32		product_id = 0;
	bool		is_null;

	crm_core_spi_connect();
	crm_core_spi_execute(&find_product, &code, NULL, true, 1);
	if (SPI_processed == 1)
		product_id = DatumGetInt32(crm_core_spi_value(0, 1, &is_null));
	SPI_finish();
	return product_id;
}

Datum
crm_purchase_product_id(PG_FUNCTION_ARGS)
{
	char	   *code = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ProductEntry *entry = product_lookup(known_products(), code);
	int32		product_id;

	if (entry != NULL)
		PG_RETURN_INT32(entry->product_id);
	product_id = read_product_id(PG_GETARG_DATUM(0));
	if (product_id == 0)
		PG_RETURN_NULL();
	keep(code, product_id);
	PG_RETURN_INT32(product_id);
}

static void
read_products(Datum codes)
{
	bool		is_null;

	crm_core_spi_connect();
	crm_core_spi_execute(&find_products, &codes, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];

		keep(TextDatumGetCString(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null)),
			 DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null)));
	}
	SPI_finish();
}

/* crm._purchase_know_products(codes text[]) returns boolean */
Datum
crm_purchase_know_products(PG_FUNCTION_ARGS)
{
	Datum	   *codes;
	bool	   *nulls;
	int			n;

	read_products(PG_GETARG_DATUM(0));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &codes, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i] && product_lookup(known_products(), TextDatumGetCString(codes[i])) == NULL)
			PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(true);
}
