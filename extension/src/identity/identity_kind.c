/*
 * identity_kind.c
 *		Kinds of identifiers and the keyed hashes under which their values are looked up.
 *
 * The number of a kind is stored in rows, its code is part of every hash: this list only
 * grows.  crm.identifier_kind holds the same list with what a manager may change; a contract
 * test holds both against each other.
 *
 * Called by everyone who looks a value up; takes no lock; results lie in the caller's context.
 */
#include "identity/identity.h"

#include "utils/builtins.h"

#define FIELD_SEPARATOR 0x1f

static const char *const kind_codes[] = {
	[1] = "phone",
	[2] = "email",
	[3] = "member_card",
	[4] = "openid",
	[5] = "unionid",
	[6] = "wecom",
	[7] = "platform_id",
	[8] = "national_id",
	[9] = "dingtalk",
	[10] = "device",
	[CRM_IDENTITY_HOME_NAME] = "home_name",
	[CRM_IDENTITY_HOME] = "home",
};

PG_FUNCTION_INFO_V1(crm_identity_hash);
PG_FUNCTION_INFO_V1(crm_identity_kind);
PG_FUNCTION_INFO_V1(crm_identity_kind_code);
PG_FUNCTION_INFO_V1(crm_identity_keep);

static const char *
kind_code(int kind)
{
	return kind >= 1 && kind < (int) lengthof(kind_codes) ? kind_codes[kind] : NULL;
}

/* The keyed hash of namespace 0x1f value; null only for a null value or kind. */
Datum
crm_identity_hash(PG_FUNCTION_ARGS)
{
	const char *code;
	text	   *namespace = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	text	   *value;
	int			namespace_length = namespace ? VARSIZE_ANY_EXHDR(namespace) : 0;
	int			value_length;
	char	   *joined;
	bytea	   *hash;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	code = kind_code(PG_GETARG_INT16(0));
	if (code == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there is no identifier kind %d", PG_GETARG_INT16(0))));
	value = PG_GETARG_TEXT_PP(2);
	value_length = VARSIZE_ANY_EXHDR(value);
	joined = palloc(namespace_length + 1 + value_length);
	if (namespace)
		memcpy(joined, VARDATA_ANY(namespace), namespace_length);
	joined[namespace_length] = FIELD_SEPARATOR;
	memcpy(joined + namespace_length + 1, VARDATA_ANY(value), value_length);
	hash = palloc(VARHDRSZ + CRM_HASH_LENGTH);
	SET_VARSIZE(hash, VARHDRSZ + CRM_HASH_LENGTH);
	crm_core_keys_hash(code, joined, namespace_length + 1 + value_length,
					   (uint8 *) VARDATA(hash));
	PG_RETURN_BYTEA_P(hash);
}

Datum
crm_identity_kind(PG_FUNCTION_ARGS)
{
	char	   *code = text_to_cstring(PG_GETARG_TEXT_PP(0));

	for (int kind = 1; kind < (int) lengthof(kind_codes); kind++)
		if (strcmp(kind_codes[kind], code) == 0)
			PG_RETURN_INT16(kind);
	PG_RETURN_NULL();
}

Datum
crm_identity_kind_code(PG_FUNCTION_ARGS)
{
	const char *code = kind_code(PG_GETARG_INT16(0));

	if (code == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(code));
}

/* The transition of crm._identity_first(): keeps what it has. */
Datum
crm_identity_keep(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}
