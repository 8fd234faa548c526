/*
 * access_claims.c
 *		Answers who is acting: the claims of an HTTP request, or the staff row of a SQL login.
 *
 * crm.access_claims holds the JSON text that crm.access_authenticate() made.  Only crm_gateway
 * and superusers may set it, so it cannot be forged by a SQL login; a login without claims is
 * known by session_user, which no role may change.  A text that is no claims is an error, never
 * "no claims": a damaged request must not fall back to somebody else's rights.
 *
 * Called by access_api.c.  Takes no lock.  Parsed claims live in a context of their own until the
 * setting gets another text; the staff row of a login is read again in each call, in the
 * caller's context, so that leaving or moving takes effect at once.
 */
#include "access/access.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

static char *claims_text = NULL;

static MemoryContext parsed_context = NULL;
static char *parsed_text = NULL;
static CrmActor parsed;

static const Oid name_types[] = {NAMEOID};
static CrmStatement find_login = {
	.name = "access.find_login",
	.sql = "SELECT m.staff_id, m.code, m.role, c.sees_all, c.store_ids "
	"FROM crm.staff m, crm._access_staff_scope(m.staff_id, m.role) c "
	"WHERE m.sql_role = $1 AND m.left_at IS NULL",
	.n_args = 1,
	.arg_types = name_types,
};

static void
report_damage(const char *member)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
					errmsg("claims are damaged"),
					errdetail("Member \"%s\" is missing or of the wrong type.", member),
					errhint("Claims are made by crm.access_authenticate().")));
}

/* The member as a C string; NULL if absent or null; an error if of another type. */
static const char *
get_string(JsonbContainer *object, const char *member, bool is_required)
{
	JsonbValue	value;
	JsonbValue *found = getKeyJsonValueFromContainer(object, member, strlen(member), &value);

	if (found != NULL && found->type == jbvString)
		return pnstrdup(found->val.string.val, found->val.string.len);
	if (is_required || (found != NULL && found->type != jbvNull))
		report_damage(member);
	return NULL;
}

static bool
get_bool(JsonbContainer *object, const char *member)
{
	JsonbValue	value;
	JsonbValue *found = getKeyJsonValueFromContainer(object, member, strlen(member), &value);

	if (found == NULL || found->type == jbvNull)
		return false;
	if (found->type != jbvBool)
		report_damage(member);
	return found->val.boolean;
}

static int
get_int(const JsonbValue *value, const char *member)
{
	if (value->type != jbvNumeric)
		report_damage(member);
	return DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(value->val.numeric)));
}

static ArrayType *
get_store_ids(JsonbContainer *object)
{
	JsonbValue	value;
	JsonbValue *found = getKeyJsonValueFromContainer(object, "stores", 6, &value);
	JsonbContainer *list;
	Datum	   *ids;
	int			n;

	if (found == NULL || found->type != jbvBinary || !JsonContainerIsArray(found->val.binary.data))
		report_damage("stores");
	list = found->val.binary.data;
	n = JsonContainerSize(list);
	ids = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
		ids[i] = Int32GetDatum(get_int(getIthJsonbValueFromContainer(list, i), "stores"));
	return construct_array(ids, n, INT4OID, sizeof(int32), true, TYPALIGN_INT);
}

static void
parse_claims(CrmActor *actor)
{
	Datum		document = DirectFunctionCall1(jsonb_in, CStringGetDatum(claims_text));
	JsonbContainer *object = &DatumGetJsonbP(document)->root;
	JsonbValue	value;
	JsonbValue *staff;

	if (!JsonContainerIsObject(object))
		report_damage("actor");
	actor->code = get_string(object, "actor", true);
	actor->role = get_string(object, "role", true);
	actor->source = get_string(object, "source", false);
	actor->request_id = get_string(object, "request_id", false);
	actor->session = get_string(object, "session", false);
	actor->sees_all = get_bool(object, "all");
	actor->is_sandbox = get_bool(object, "sandbox");
	actor->store_ids = get_store_ids(object);
	staff = getKeyJsonValueFromContainer(object, "staff_id", 8, &value);
	actor->has_staff = staff != NULL && staff->type != jbvNull;
	actor->staff_id = actor->has_staff ? get_int(staff, "staff_id") : 0;
}

/* The parsed claims, parsed again only when the text is another one. */
static const CrmActor *
claimed_actor(void)
{
	MemoryContext caller;

	if (parsed_text != NULL && strcmp(parsed_text, claims_text) == 0)
		return &parsed;
	if (parsed_context == NULL)
		parsed_context = AllocSetContextCreate(TopMemoryContext, "crm access claims",
											   ALLOCSET_SMALL_SIZES);
	parsed_text = NULL;
	MemoryContextReset(parsed_context);
	caller = MemoryContextSwitchTo(parsed_context);
	memset(&parsed, 0, sizeof(parsed));
	parse_claims(&parsed);
	parsed_text = pstrdup(claims_text);
	MemoryContextSwitchTo(caller);
	return &parsed;
}

static char *
get_column(int column)
{
	char	   *value = crm_core_spi_text(0, column);

	CrmEnsure(value != NULL, "a staff row has a null");
	return value;
}

/* Copies the row that find_login found into the caller's memory. */
static void
take_login_row(CrmActor *actor, MemoryContext caller)
{
	bool		is_null;
	Datum		stores = crm_core_spi_value(0, 5, &is_null);
	MemoryContext spi = MemoryContextSwitchTo(caller);

	CrmEnsure(!is_null, "the stores of a staff row are null");
	actor->has_staff = true;
	actor->staff_id = pg_strtoint32(get_column(1));
	actor->code = get_column(2);
	actor->role = get_column(3);
	actor->sees_all = *get_column(4) == 't';
	actor->store_ids = DatumGetArrayTypePCopy(stores);
	MemoryContextSwitchTo(spi);
}

/*
 * The staff row of session_user; a login without one acts as itself and sees no store, save a
 * superuser, whom row security does not hold either.
 */
static const CrmActor *
login_actor(void)
{
	MemoryContext caller = CurrentMemoryContext;
	CrmActor   *actor = palloc0(sizeof(CrmActor));
	char	   *login = GetUserNameFromId(GetSessionUserId(), false);
	Datum		values[1];
	NameData	name;

	actor->code = login;
	actor->role = login;
	actor->store_ids = construct_empty_array(INT4OID);
	actor->sees_all = superuser_arg(GetSessionUserId());
	namestrcpy(&name, login);
	values[0] = NameGetDatum(&name);
	crm_core_spi_connect();
	crm_core_spi_execute(&find_login, values, NULL, true, 1);
	if (SPI_processed == 1)
		take_login_row(actor, caller);
	SPI_finish();
	return actor;
}

void
crm_access_init(void)
{
	DefineCustomStringVariable("crm.access_claims",
							   "Who acts and what they may see, as made by crm.access_authenticate().",
							   "Empty: the login itself acts, with the rights of its staff row.",
							   &claims_text, "", PGC_SUSET,
							   GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_NO_SHOW_ALL,
							   NULL, NULL, NULL);
}

/* Who acts now; the caller runs as crm_owner, for the staff table has no grants. */
const CrmActor *
crm_access_actor(void)
{
	crm_core_require_strings();
	return claims_text != NULL && *claims_text != '\0' ? claimed_actor() : login_actor();
}
