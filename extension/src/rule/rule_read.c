/*
 * rule_read.c
 *		A rule's JSON as a typed tree.
 *
 * Whatever the JSON holds, it is refused with RM351 or becomes a tree: every member is known,
 * every value has its type, depth and number are limited.  The message names the path, the
 * hint says what to write.  The tree lies in the caller's memory context and points to the
 * registry of rule_source.c.
 */
#include "rule/rule.h"

#include "miscadmin.h"
#include "utils/builtins.h"

static const char *const measure_names[CRM_RULE_N_MEASURES] = {
	"value", "ever", "never", "count", "days", "sum", "average", "min", "max", "distinct", "last",
	"first", "streak", "baseline", "gap_ratio"
};

static const char *const condition_members[] = {
	"kind", "field", "measure", "where", "days", "hours", "since", "until", "at", "weekdays", "same",
	"windows", "at_least", "op", "value"
};

static CrmRuleNode *read_node(JsonbContainer *object, const char *path, int depth, CrmRuleTree *tree);

const char *
crm_rule_measure_name(CrmRuleMeasure measure)
{
	return measure_names[measure];
}

static const char *
join_path(const char *path, const char *member)
{
	return *path == '\0' ? pstrdup(member) : psprintf("%s.%s", path, member);
}

/* Refuses a member that no condition has. */
static void
check_members(JsonbContainer *object, const char *path)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		bool		is_known = false;

		if (token != WJB_KEY)
			continue;
		for (int i = 0; i < lengthof(condition_members); i++)
			is_known |= value.val.string.len == strlen(condition_members[i]) &&
				memcmp(value.val.string.val, condition_members[i], value.val.string.len) == 0;
		if (!is_known)
			crm_rule_refuse(join_path(path, crm_rule_key(&value)), "No condition has this member.",
							"A condition has kind, field or measure, where, days, hours, since, until, at, weekdays, same, windows, at_least, op, value.");
	}
}

static char *
kinds_there_are(void)
{
	StringInfoData text;
	const CrmRuleRegistry *all = crm_rule_registry();

	initStringInfo(&text);
	for (int i = 0; i < all->n; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "Kinds are ", all->sources[i].kind);
	appendStringInfoChar(&text, '.');
	return text.data;
}

static CrmRuleMeasure
read_measure(JsonbContainer *object, const CrmRuleCondition *condition)
{
	JsonbValue *value = crm_rule_member(object, "measure");
	CrmRuleShape shape = condition->source->shape;
	const char *path = join_path(condition->path, "measure");
	char	   *name;

	if (shape == CRM_RULE_STATE || shape == CRM_RULE_LATEST)
	{
		if (value != NULL)
			crm_rule_refuse(path, psprintf("\"%s\" has one value a person.", condition->source->kind),
							"Name the value with field and leave measure out.");
		return CRM_RULE_VALUE;
	}
	if (value == NULL)
		return CRM_RULE_EVER;
	name = crm_rule_read_text(value, path);
	for (int i = CRM_RULE_EVER; i < CRM_RULE_N_MEASURES; i++)
		if (strcmp(measure_names[i], name) == 0)
		{
			bool		is_of_history = i == CRM_RULE_EVER || i == CRM_RULE_NEVER || i == CRM_RULE_COUNT ||
				i == CRM_RULE_SUM || i == CRM_RULE_AVERAGE || i == CRM_RULE_LAST || i == CRM_RULE_FIRST ||
				i == CRM_RULE_STREAK || i == CRM_RULE_GAP_RATIO;

			if (shape == CRM_RULE_HISTORY ? !is_of_history : i == CRM_RULE_GAP_RATIO)
				crm_rule_refuse(path, psprintf("\"%s\" cannot be measured by %s.", condition->source->kind, name),
								shape == CRM_RULE_HISTORY ?
								"Use ever, never, count, sum, average, last, first, streak or gap_ratio." :
								"gap_ratio is measured over the kind purchase.");
			return i;
		}
	crm_rule_refuse(path, psprintf("There is no measure \"%s\".", name),
					"Use ever, never, count, days, sum, average, min, max, distinct, last, first, streak, baseline or gap_ratio.");
}

/* The type that a condition's value is compared as. */
static CrmRuleType
type_of_value(const CrmRuleCondition *condition)
{
	if (condition->measure == CRM_RULE_VALUE)
		return condition->source->shape == CRM_RULE_LATEST ? CRM_RULE_TEXT : condition->field.type;
	if ((condition->measure == CRM_RULE_MIN || condition->measure == CRM_RULE_MAX) &&
		condition->field.type != CRM_RULE_JSON)
		return condition->field.type;
	return CRM_RULE_NUMBER;
}

/* Whether values have an order: codes stand for keys, which have none. */
static bool
has_order(const CrmRuleField *field)
{
	return field->type != CRM_RULE_BOOLEAN && field->type != CRM_RULE_TEXTS &&
		(field->derive != CRM_RULE_PLAIN || field->column->lookup.relation == NULL);
}

/* field, or part, as the shape and the measure ask for one. */
static void
read_subject(JsonbContainer *object, CrmRuleCondition *condition)
{
	JsonbValue *value = crm_rule_member(object, "field");
	const char *path = join_path(condition->path, "field");
	CrmRuleMeasure measure = condition->measure;
	bool		is_needed = condition->source->shape != CRM_RULE_HISTORY &&
		(measure == CRM_RULE_VALUE || measure == CRM_RULE_SUM || measure == CRM_RULE_AVERAGE ||
		 measure == CRM_RULE_MIN || measure == CRM_RULE_MAX || measure == CRM_RULE_DISTINCT);

	if (value == NULL && is_needed)
		crm_rule_refuse(path, psprintf("\"%s\" by %s needs a field.", condition->source->kind, measure_names[measure]),
						"crm.rule_kinds() lists the fields of each kind.");
	if (value != NULL && !is_needed)
		crm_rule_refuse(path, psprintf("%s works on no field.", measure_names[measure]), "Leave field out.");
	if (value == NULL)
		return;
	if (condition->source->shape == CRM_RULE_LATEST)
	{
		condition->part = crm_rule_read_text(value, path);
		return;
	}
	condition->field = crm_rule_read_field(condition->source, crm_rule_read_text(value, path), path);
	if ((measure == CRM_RULE_SUM || measure == CRM_RULE_AVERAGE) &&
		condition->field.type != CRM_RULE_NUMBER && condition->field.type != CRM_RULE_JSON)
		crm_rule_refuse(path, "It is no number.", "Sums and averages are of numbers.");
	if ((measure == CRM_RULE_MIN || measure == CRM_RULE_MAX) && !has_order(&condition->field))
		crm_rule_refuse(path, "None of its values is the least or the greatest.", "Use min and max of numbers, dates, moments and plain texts.");
}

/* A latest has two words; they are compared as words. */
static void
check_words(const CrmRuleCondition *condition)
{
	const CrmRuleTest *test = &condition->test;
	const CrmRuleSource *source = condition->source;
	char	   *hint = psprintf("Compare by =, <>, in, not_in, missing or present with \"%s\" or \"%s\".", source->loose, source->strict);

	if (test->op > CRM_RULE_NE && test->op != CRM_RULE_IN && test->op != CRM_RULE_NOT_IN && test->op < CRM_RULE_MISSING)
		crm_rule_refuse(test->path, psprintf("\"%s\" has no order.", source->kind), hint);
	for (int i = 0; i < test->n_values; i++)
	{
		char	   *word = TextDatumGetCString(test->values[i]);

		if (strcmp(word, source->strict) != 0 && strcmp(word, source->loose) != 0)
			crm_rule_refuse(test->path, psprintf("\"%s\" is never \"%s\".", source->kind, crm_core_clip(word, 40)), hint);
	}
}

/* op and value: what the number must be. */
static void
read_comparison_of_condition(JsonbContainer *object, CrmRuleCondition *condition)
{
	JsonbValue *op = crm_rule_member(object, "op");
	JsonbValue *value = crm_rule_member(object, "value");
	CrmRuleTest *test = &condition->test;

	test->path = condition->path;
	if (condition->measure == CRM_RULE_EVER || condition->measure == CRM_RULE_NEVER)
	{
		if (op != NULL || value != NULL)
			crm_rule_refuse(join_path(condition->path, op != NULL ? "op" : "value"),
							psprintf("%s is compared with nothing.", measure_names[condition->measure]),
							"Leave op and value out, or measure by count.");
		return;
	}
	if (condition->measure == CRM_RULE_COUNT && op == NULL && value == NULL)
	{
		test->op = CRM_RULE_GE;
		test->type = CRM_RULE_NUMBER;
		test->n_values = 1;
		test->values = palloc(sizeof(Datum));
		test->values[0] = DirectFunctionCall1(int4_numeric, Int32GetDatum(1));
		return;
	}
	crm_rule_read_comparison(op, value, type_of_value(condition), test);
	if (condition->measure != CRM_RULE_VALUE && test->op == CRM_RULE_CONTAINS)
		crm_rule_refuse(condition->path, psprintf("%s finds one value, which holds no others.", measure_names[condition->measure]),
						"Compare it by =, <, in or between; contains is for the lists of a field.");
	if (condition->source->shape == CRM_RULE_LATEST)
		check_words(condition);
}

/* A state is asked through its row: one that meets the comparison, or none that has a value. */
static CrmRuleCondition *
as_rows(const CrmRuleCondition *condition)
{
	CrmRuleCondition *rows = palloc(sizeof(CrmRuleCondition));

	*rows = *condition;
	rows->measure = condition->test.op == CRM_RULE_MISSING ? CRM_RULE_NEVER : CRM_RULE_EVER;
	rows->n_where = 1;
	rows->where[0] = condition->test;
	rows->where[0].field = condition->field;
	if (condition->test.op == CRM_RULE_MISSING)
		rows->where[0].op = CRM_RULE_PRESENT;
	return rows;
}

static void
read_extras(JsonbContainer *object, CrmRuleCondition *condition)
{
	JsonbValue *same = crm_rule_member(object, "same");
	JsonbValue *windows = crm_rule_member(object, "windows");
	JsonbValue *at_least = crm_rule_member(object, "at_least");
	bool		has_own_past = condition->measure == CRM_RULE_BASELINE || condition->measure == CRM_RULE_GAP_RATIO;

	condition->windows = windows == NULL ? 3 : crm_rule_read_int(windows, join_path(condition->path, "windows"), 1, 12);
	condition->at_least = at_least == NULL ? (condition->measure == CRM_RULE_GAP_RATIO ? 3 : 1) :
		crm_rule_read_int(at_least, join_path(condition->path, "at_least"), 0, 1000000);
	if ((windows != NULL && condition->measure != CRM_RULE_BASELINE) || (at_least != NULL && !has_own_past))
		crm_rule_refuse(join_path(condition->path, windows != NULL ? "windows" : "at_least"),
						psprintf("%s looks back over no windows.", measure_names[condition->measure]),
						"windows belongs to baseline, at_least to baseline and gap_ratio.");
	if (condition->measure == CRM_RULE_BASELINE && (!condition->has_days || condition->youngest != 0 || condition->oldest == 0))
		crm_rule_refuse(join_path(condition->path, "days"), "baseline compares windows of days.",
						"Give days as one number, such as 30.");
	if (same == NULL)
		return;
	if (condition->measure != CRM_RULE_COUNT && condition->measure != CRM_RULE_STREAK)
		crm_rule_refuse(join_path(condition->path, "same"), "Only count and streak look for one and the same.",
						"Leave same out.");
	condition->same = crm_rule_read_field(condition->source, crm_rule_read_text(same, join_path(condition->path, "same")),
										  join_path(condition->path, "same"));
}

static CrmRuleNode *
read_condition(JsonbContainer *object, const char *path, CrmRuleTree *tree)
{
	JsonbValue *kind = crm_rule_member(object, "kind");
	CrmRuleNode *node = palloc0(sizeof(CrmRuleNode));
	CrmRuleCondition *condition = palloc0(sizeof(CrmRuleCondition));
	char	   *name;

	check_members(object, path);
	if (kind == NULL)
		crm_rule_refuse(path, "It is neither a group nor a condition.",
						"Write {\"all\": [...]}, {\"any\": [...]}, {\"not\": ...} or a condition with a kind.");
	if (tree->n_conditions == CRM_RULE_MAX_CONDITIONS)
		crm_rule_refuse(path, psprintf("A rule has at most %d conditions.", CRM_RULE_MAX_CONDITIONS),
						"Keep a part as a segment or a tag of its own.");
	name = crm_rule_read_text(kind, join_path(path, "kind"));
	condition->path = path;
	condition->source = crm_rule_find_source(name, strlen(name));
	if (condition->source == NULL)
		crm_rule_refuse(join_path(path, "kind"), psprintf("There is no kind \"%s\".", crm_core_clip(name, 63)), kinds_there_are());
	condition->number = tree->n_conditions + 1;
	condition->measure = read_measure(object, condition);
	read_subject(object, condition);
	crm_rule_read_window(object, condition);
	crm_rule_read_where(object, condition);
	read_extras(object, condition);
	condition->test.field = condition->field;
	read_comparison_of_condition(object, condition);
	if (condition->source->shape == CRM_RULE_STATE)
		condition->as_rows = as_rows(condition);
	node->group = CRM_RULE_CONDITION;
	node->condition = tree->conditions[tree->n_conditions++] = condition;
	return node;
}

static CrmRuleNode *
read_group(CrmRuleGroup group, const char *name, JsonbValue *list, const char *path, int depth, CrmRuleTree *tree)
{
	CrmRuleNode *node = palloc0(sizeof(CrmRuleNode));
	const char *inner = join_path(path, name);

	node->group = group;
	if (list->type != jbvBinary || (group == CRM_RULE_NOT) != JsonContainerIsObject(list->val.binary.data))
		crm_rule_refuse(inner, group == CRM_RULE_NOT ? "It is no rule." : "It is no list of rules.",
						group == CRM_RULE_NOT ? "Write {\"not\": {...}}." : "Write a list, as in {\"all\": [{...}, {...}]}.");
	node->n_children = group == CRM_RULE_NOT ? 1 : JsonContainerSize(list->val.binary.data);
	if (node->n_children > CRM_RULE_MAX_CONDITIONS)
		crm_rule_refuse(inner, psprintf("A group has at most %d rules.", CRM_RULE_MAX_CONDITIONS),
						"Keep a part as a segment or a tag of its own.");
	node->children = palloc(Max(node->n_children, 1) * sizeof(CrmRuleNode *));
	for (int i = 0; i < node->n_children; i++)
	{
		JsonbValue *child = group == CRM_RULE_NOT ? list : getIthJsonbValueFromContainer(list->val.binary.data, i);
		const char *child_path = group == CRM_RULE_NOT ? inner : psprintf("%s[%d]", inner, i + 1);

		if (child->type != jbvBinary || !JsonContainerIsObject(child->val.binary.data))
			crm_rule_refuse(child_path, "It is no rule.", "A rule is a JSON object.");
		node->children[i] = read_node(child->val.binary.data, child_path, depth + 1, tree);
	}
	return node;
}

static CrmRuleNode *
read_node(JsonbContainer *object, const char *path, int depth, CrmRuleTree *tree)
{
	static const char *const groups[] = {"all", "any", "not"};
	CrmRuleNode *everybody;

	check_stack_depth();
	if (depth > CRM_RULE_MAX_DEPTH)
		crm_rule_refuse(path, psprintf("A rule has at most %d levels.", CRM_RULE_MAX_DEPTH),
						"Groups of the same word can be written as one.");
	for (int i = 0; i < lengthof(groups); i++)
	{
		JsonbValue *list = crm_rule_member(object, groups[i]);

		if (list == NULL)
			continue;
		if (JsonContainerSize(object) != 1)
			crm_rule_refuse(path, psprintf("Beside \"%s\" stands another member.", groups[i]),
							"A group is one member; put both into a list of {\"all\": [...]}.");
		return read_group(i, groups[i], list, path, depth, tree);
	}
	if (JsonContainerSize(object) > 0)
		return read_condition(object, path, tree);
	everybody = palloc0(sizeof(CrmRuleNode));
	everybody->group = CRM_RULE_ALL;
	return everybody;
}

/* The tree of a rule, in the current memory context; RM351. */
CrmRuleTree *
crm_rule_read(Jsonb *rule)
{
	CrmRuleTree *tree = palloc0(sizeof(CrmRuleTree));

	if (VARSIZE(rule) > CRM_RULE_MAX_BYTES)
		crm_rule_refuse("", psprintf("It is larger than %d bytes.", CRM_RULE_MAX_BYTES),
						"Keep long lists of values as a segment or a tag of their own.");
	if (!JB_ROOT_IS_OBJECT(rule))
		crm_rule_refuse("", "It is no JSON object.", "A rule is {\"all\": [...]}, {\"any\": [...]}, {\"not\": ...} or a condition.");
	tree->root = read_node(&rule->root, "", 1, tree);
	return tree;
}

/* The trees of a list of rules, each as large as a rule may be. */
CrmRuleTree **
crm_rule_read_several(Jsonb *rules, int *n)
{
	CrmRuleTree **trees;

	if (!JB_ROOT_IS_ARRAY(rules) || JB_ROOT_IS_SCALAR(rules) || JB_ROOT_COUNT(rules) == 0)
		crm_rule_refuse("", "It is no list of rules.", "Write [{...}, {...}].");
	*n = JB_ROOT_COUNT(rules);
	trees = palloc(*n * sizeof(CrmRuleTree *));
	for (int i = 0; i < *n; i++)
		trees[i] = crm_rule_read(JsonbValueToJsonb(getIthJsonbValueFromContainer(&rules->root, i)));
	return trees;
}
