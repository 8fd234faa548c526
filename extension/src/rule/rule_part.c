/*
 * rule_part.c
 *		A rule about given persons taken apart, so that the next part is asked about whom the one before left.
 *
 * Purchases come first: one walk over kept histories answers them for all rules.  What no order changes comes last: who
 * met it before an order still does.
 */
#include "rule/rule.h"

/* Whether the walk over purchases answers all of it. */
static bool
is_of_walk(const CrmRuleNode *node)
{
	for (int i = 0; i < node->n_children; i++)
		if (!is_of_walk(node->children[i]))
			return false;
	return node->group == CRM_RULE_CONDITION ? node->condition->source->shape == CRM_RULE_HISTORY : node->n_children > 0;
}

/* Whether an order may change the answer. */
static bool
is_of_orders(const CrmRuleNode *node)
{
	for (int i = 0; i < node->n_children; i++)
		if (is_of_orders(node->children[i]))
			return true;
	return node->group == CRM_RULE_CONDITION && node->condition->source->is_of_orders;
}

static void
begin_part(CrmRuleNode *part, int room)
{
	*part = (CrmRuleNode) {.group = CRM_RULE_ALL,.children = palloc(room * sizeof(CrmRuleNode *))};
}

/* Takes apart a rule whose conditions must all hold; false unless the walk over purchases answers some of it, and not all. */
bool
crm_rule_part_by_walk(const CrmRuleNode *root, CrmRuleParts *parts)
{
	if (root->group != CRM_RULE_ALL || root->n_children == 0)
		return false;
	begin_part(&parts->walk, root->n_children);
	begin_part(&parts->of_orders, root->n_children);
	begin_part(&parts->rest, root->n_children);
	for (int i = 0; i < root->n_children; i++)
	{
		CrmRuleNode *child = root->children[i];
		CrmRuleNode *part = is_of_walk(child) ? &parts->walk : is_of_orders(child) ? &parts->of_orders : &parts->rest;

		part->children[part->n_children++] = child;
	}
	return parts->walk.n_children > 0 && parts->walk.n_children < root->n_children;
}
