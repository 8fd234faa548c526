/*
 * access_api.c
 *		The SQL-callable edge of access: who acts, which stores they see, password hashes.
 *
 * crm.access_store_ids() stands in the policies, as (SELECT crm.access_store_ids()): it runs once
 * a statement, whatever the number of rows.  The others serve functions that run as crm_owner.
 * Everything here only reads; results belong to the caller.
 */
#include "access/access.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_access_store_ids);
PG_FUNCTION_INFO_V1(crm_access_actor_code);
PG_FUNCTION_INFO_V1(crm_access_actor_role);
PG_FUNCTION_INFO_V1(crm_access_actor_staff);
PG_FUNCTION_INFO_V1(crm_access_actor_claim);
PG_FUNCTION_INFO_V1(crm_access_record_hash);

static CrmStatement list_stores = {
	.name = "access.list_stores",
	.sql = "SELECT coalesce(array_agg(store_id ORDER BY store_id), '{}') FROM crm.store",
};

static ArrayType *
all_store_ids(void)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext spi;
	ArrayType  *store_ids;
	bool		is_null;

	crm_core_spi_connect();
	crm_core_spi_execute(&list_stores, NULL, NULL, true, 1);
	CrmEnsure(SPI_processed == 1, "the list of stores is one row");
	spi = MemoryContextSwitchTo(caller);
	store_ids = DatumGetArrayTypePCopy(crm_core_spi_value(0, 1, &is_null));
	MemoryContextSwitchTo(spi);
	SPI_finish();
	return store_ids;
}

/* The stores whose rows the actor may see. */
Datum
crm_access_store_ids(PG_FUNCTION_ARGS)
{
	const CrmActor *actor = crm_access_actor();

	if (actor->sees_all)
		PG_RETURN_ARRAYTYPE_P(all_store_ids());
	PG_RETURN_ARRAYTYPE_P((ArrayType *) PG_DETOAST_DATUM_COPY(PointerGetDatum(actor->store_ids)));
}

Datum
crm_access_actor_code(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(crm_access_actor()->code));
}

Datum
crm_access_actor_role(PG_FUNCTION_ARGS)
{
	Name		role = palloc0(NAMEDATALEN);

	namestrcpy(role, crm_access_actor()->role);
	PG_RETURN_NAME(role);
}

Datum
crm_access_actor_staff(PG_FUNCTION_ARGS)
{
	const CrmActor *actor = crm_access_actor();

	if (!actor->has_staff)
		PG_RETURN_NULL();
	PG_RETURN_INT32(actor->staff_id);
}

/* One of the optional claims: source, request_id, session, sandbox, all. */
Datum
crm_access_actor_claim(PG_FUNCTION_ARGS)
{
	char	   *claim = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const CrmActor *actor = crm_access_actor();
	const char *value;

	if (strcmp(claim, "source") == 0)
		value = actor->source;
	else if (strcmp(claim, "request_id") == 0)
		value = actor->request_id;
	else if (strcmp(claim, "session") == 0)
		value = actor->session;
	else if (strcmp(claim, "sandbox") == 0)
		value = actor->is_sandbox ? "true" : "false";
	else if (strcmp(claim, "all") == 0)
		value = actor->sees_all ? "true" : "false";
	else
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there is no claim \"%s\"", claim)));
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(value));
}

/* How the suppression list knows an erased member id of a source. */
Datum
crm_access_record_hash(PG_FUNCTION_ARGS)
{
	char	   *key = psprintf("%d:%s", PG_GETARG_INT32(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	bytea	   *hash = palloc(VARHDRSZ + CRM_HASH_LENGTH);

	crm_core_keys_hash("record", key, strlen(key), (uint8 *) VARDATA(hash));
	SET_VARSIZE(hash, VARHDRSZ + CRM_HASH_LENGTH);
	PG_RETURN_BYTEA_P(hash);
}
