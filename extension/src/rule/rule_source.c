/*
 * rule_source.c
 *		What the rooms registered in crm.rule_source, as a session keeps it.
 *
 * The registry changes with migrations only.  Who changes it invalidates the relation, and every
 * session reads it anew at its next rule.
 */
#include "rule/rule.h"

#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(crm_rule_forget);

static Oid
find_registry(void)
{
	Oid			schema = get_namespace_oid("crm", false);

	return get_relname_relid("rule_source", schema);
}

/* Makes all sessions forget, at this transaction's commit. */
Datum
crm_rule_forget(PG_FUNCTION_ARGS)
{
	Oid			registry = find_registry();

	if (OidIsValid(registry))
		CacheInvalidateRelcacheByRelid(registry);
	PG_RETURN_VOID();
}
