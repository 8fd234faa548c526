/*
 * rule_member.c
 *		Members of a rule's JSON objects, and how a rule is refused: RM351 with the path.
 */
#include "rule/rule.h"

void
crm_rule_refuse(const char *path, const char *detail, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_CRM_RULE_INVALID),
					errmsg("rule cannot be read at %s", *path == '\0' ? "its root" : path),
					errdetail("%s", detail), errhint("%s", hint),
					crm_errfield(*path == '\0' ? "rule" : path)));
	pg_unreachable();
}

char *
crm_rule_key(const JsonbValue *key)
{
	return pnstrdup(key->val.string.val, key->val.string.len);
}

/* A member of an object; null when there is none. */
JsonbValue *
crm_rule_member(JsonbContainer *object, const char *name)
{
	if (!JsonContainerIsObject(object))
		return NULL;
	return getKeyJsonValueFromContainer(object, name, strlen(name), NULL);
}

/* Whether a text begins with a shape, in which d stands for a digit, t for T or a space, and others for themselves. */
bool
crm_rule_has_shape(const char *text, const char *shape)
{
	for (int i = 0; shape[i] != '\0'; i++)
	{
		bool		is_digit = text[i] >= '0' && text[i] <= '9';

		if (shape[i] == 'd' ? !is_digit : shape[i] == 't' ? text[i] != 'T' && text[i] != ' ' : text[i] != shape[i])
			return false;
	}
	return true;
}
