/*
 * rule_source.c
 *		What the rooms registered in crm.rule_source, as a session keeps it.
 *
 * The registry changes with migrations only.  Who changes it invalidates the relation, and every
 * session reads it anew at its next rule.  Everything a statement names comes from here, quoted.
 */
#include "rule/rule.h"

#include "catalog/namespace.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(crm_rule_forget);

static const char *const type_names[] = {"text", "number", "boolean", "date", "time", "texts", "json"};
static const char *const shape_names[] = {"state", "facts", "latest", "history"};
static const char *const keyed_names[] = {"person", "ever", "record"};

static CrmStatement registry_read = {
	.name = "rule.registry",
	.sql = "SELECT s.kind, s.shape, s.relation, s.spec, (SELECT c.relkind = 'v' FROM pg_class c WHERE c.oid = to_regclass(s.relation))"
	" FROM crm.rule_source s ORDER BY s.kind",
};

static CrmRuleRegistry *registry;
static bool is_stale = true;
static uint64 changes;			/* how often it may have changed, as far as this session heard */
static uint64 generation;
static Oid	registry_oid;

static void
on_change(Datum argument, Oid relation)
{
	if (relation == InvalidOid || relation == registry_oid)
	{
		is_stale = true;
		changes++;
	}
}

static Oid
find_registry(void)
{
	return get_relname_relid("rule_source", get_namespace_oid("crm", false));
}

/* Makes all sessions forget, at this transaction's commit. */
Datum
crm_rule_forget(PG_FUNCTION_ARGS)
{
	Oid			relation = find_registry();

	if (OidIsValid(relation))
		CacheInvalidateRelcacheByRelid(relation);
	is_stale = true;
	PG_RETURN_VOID();
}

const char *
crm_rule_type_name(CrmRuleType type)
{
	return type_names[type];
}

static int
find_name(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (name != NULL && strcmp(names[i], name) == 0)
			return i;
	CrmEnsure(false, "crm.rule_source holds known words");
	return 0;
}

/* A member's text; null when there is none. */
static char *
text_of(JsonbContainer *object, const char *name)
{
	JsonbValue *value = object == NULL ? NULL : crm_rule_member(object, name);

	return value == NULL || value->type != jbvString ? NULL :
		pnstrdup(value->val.string.val, value->val.string.len);
}

/* A registered name, ready to stand in a statement. */
static char *
name_of(JsonbContainer *object, const char *name)
{
	char	   *text = text_of(object, name);

	return text == NULL ? NULL : pstrdup(quote_identifier(text));
}

static void
take_key(CrmRuleSource *source, JsonbContainer *object)
{
	source->key = name_of(object, "key");
	source->key_column = text_of(object, "key");
}

static JsonbContainer *
object_of(JsonbContainer *object, const char *name)
{
	JsonbValue *value = crm_rule_member(object, name);

	return value == NULL || value->type != jbvBinary ? NULL : value->val.binary.data;
}

static bool
names_word(JsonbContainer *list, const char *word)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, word);
	value.val.string.len = strlen(word);
	return list != NULL && findJsonbValueFromContainer(list, JB_FARRAY, &value) != NULL;
}

static char *
relation_of(const char *relation)
{
	const char *dot = relation == NULL ? NULL : strchr(relation, '.');

	return dot == NULL ? NULL :
		psprintf("%s.%s", quote_identifier(pnstrdup(relation, dot - relation)), quote_identifier(dot + 1));
}

static CrmRuleLookup
lookup_of(JsonbContainer *column, const char *name)
{
	JsonbContainer *object = column == NULL ? NULL : object_of(column, name);

	if (object == NULL)
		return (CrmRuleLookup) {0};
	return (CrmRuleLookup) {
		.relation = relation_of(text_of(object, "relation")),
		.key = name_of(object, "key"),
		.code = name_of(object, "code"),
	};
}

static void
read_columns(JsonbContainer *columns, CrmRuleSource *source)
{
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;
	CrmRuleColumn *column = NULL;

	if (columns == NULL)
		return;
	source->columns = palloc0(Max(JsonContainerSize(columns), 1) * sizeof(CrmRuleColumn));
	iterator = JsonbIteratorInit(columns);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			column = &source->columns[source->n_columns++];
			column->name = crm_rule_key(&value);
		}
		else if (token == WJB_VALUE && value.type == jbvBinary)
		{
			JsonbContainer *object = value.val.binary.data;

			column->column = name_of(object, "column");
			column->lunar = name_of(object, "lunar");
			column->type = find_name(type_names, lengthof(type_names), text_of(object, "type"));
			column->lookup = lookup_of(object, "lookup");
			column->catalogue = lookup_of(object, "catalogue");
			column->words = object_of(object, "words");
		}
	}
}

/* " AND x.column IN ('a', 'b')": the words of a scope are the rooms' own. */
static void
append_scope_list(StringInfo text, JsonbContainer *list)
{
	appendStringInfoString(text, " IN (");
	for (uint32 i = 0; i < JsonContainerSize(list); i++)
	{
		JsonbValue *word = getIthJsonbValueFromContainer(list, i);

		CrmEnsure(word->type == jbvString, "a scope lists words");
		appendStringInfo(text, "%s%s", i > 0 ? ", " : "",
						 quote_literal_cstr(pnstrdup(word->val.string.val, word->val.string.len)));
	}
	appendStringInfoChar(text, ')');
}

static char *
scope_of(JsonbContainer *scope)
{
	StringInfoData text;
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;

	initStringInfo(&text);
	iterator = scope == NULL ? NULL : JsonbIteratorInit(scope);
	while (iterator != NULL && (token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			appendStringInfo(&text, " AND x.%s", quote_identifier(crm_rule_key(&value)));
		else if (token != WJB_VALUE)
			continue;
		else if (value.type == jbvNull)
			appendStringInfoString(&text, " IS NULL");
		else if (value.type == jbvBool)
			appendStringInfoString(&text, value.val.boolean ? " IS TRUE" : " IS FALSE");
		else if (value.type == jbvBinary)
			append_scope_list(&text, value.val.binary.data);
		else
			appendStringInfoString(&text, " IS NOT NULL");
	}
	return text.data;
}

/* The same source where its room keeps it by person. */
static CrmRuleSource *
kept_of(const CrmRuleSource *source, JsonbContainer *kept)
{
	CrmRuleSource *copy;

	if (kept == NULL)
		return NULL;
	copy = palloc(sizeof(CrmRuleSource));
	*copy = *source;
	copy->relation = relation_of(text_of(kept, "relation"));
	take_key(copy, kept);
	copy->keyed = CRM_RULE_BY_PERSON;
	copy->history = name_of(kept, "history");
	copy->whole = name_of(kept, "whole");
	copy->behind = relation_of(text_of(kept, "behind"));
	copy->since = name_of(kept, "since");
	copy->told = source;
	return copy;
}

static void
read_source(const char *shape, const char *relation, JsonbContainer *spec, CrmRuleSource *source)
{
	JsonbContainer *moved = object_of(spec, "moved");
	JsonbContainer *newest = object_of(spec, "newest");
	JsonbContainer *packed = object_of(spec, "packed");
	JsonbContainer *set = object_of(spec, "set");
	JsonbContainer *ends = object_of(spec, "ends");
	char	   *as_of = text_of(spec, "as_of");

	source->shape = find_name(shape_names, lengthof(shape_names), shape);
	source->relation = relation_of(relation);
	take_key(source, spec);
	source->keyed = find_name(keyed_names, lengthof(keyed_names), text_of(spec, "keyed"));
	source->time = name_of(spec, "time");
	source->day = name_of(spec, "day");
	source->until = name_of(spec, "until");
	source->scope = scope_of(object_of(spec, "scope"));
	source->is_present_only = as_of != NULL && strcmp(as_of, "now") == 0;
	source->is_of_orders = names_word(object_of(spec, "facts"), "order") || names_word(object_of(spec, "facts"), "refund");
	source->state = name_of(spec, "state");
	source->part = name_of(spec, "part");
	source->parts = lookup_of(spec, "parts");
	source->strict = text_of(spec, "strict");
	source->loose = text_of(spec, "loose");
	source->history = name_of(spec, "history");
	source->name_zh = text_of(spec, "name_zh");
	source->name_en = text_of(spec, "name_en");
	if (packed != NULL)
	{
		source->packed_relation = relation_of(text_of(packed, "relation"));
		source->packed_column = name_of(packed, "column");
		source->packed_from = name_of(packed, "from");
	}
	if (newest != NULL)
	{
		JsonbValue *name = getIthJsonbValueFromContainer(newest, 0);

		source->newest = pstrdup(quote_identifier(pnstrdup(name->val.string.val, name->val.string.len)));
	}
	if (moved != NULL)
	{
		source->moved_relation = relation_of(text_of(moved, "relation"));
		source->moved_key = name_of(moved, "key");
		source->moved_at = name_of(moved, "at");
	}
	if (set != NULL)
	{
		source->set_function = relation_of(text_of(set, "function"));
		source->set_field = text_of(set, "field");
	}
	source->ends_elsewhere = ends != NULL;
	source->ends_relation = ends == NULL ? NULL : relation_of(text_of(ends, "relation"));
	read_columns(object_of(spec, "columns"), source);
	for (int i = 0; packed != NULL && i < source->n_columns; i++)
		source->columns[i].facet = lookup_of(object_of(packed, "facets"), source->columns[i].name);
}

static void
read_registry(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "crm rule sources", ALLOCSET_SMALL_SIZES);
	MemoryContext before;
	CrmRuleRegistry *fresh = MemoryContextAllocZero(context, sizeof(CrmRuleRegistry));
	TupleDesc	shape;

	crm_core_spi_connect();
	crm_core_spi_execute(&registry_read, NULL, NULL, true, 0);
	shape = SPI_tuptable->tupdesc;
	fresh->context = context;
	before = MemoryContextSwitchTo(context);
	fresh->sources = palloc0(Max(SPI_processed, 1) * sizeof(CrmRuleSource));
	for (; fresh->n < SPI_processed; fresh->n++)
	{
		HeapTuple	row = SPI_tuptable->vals[fresh->n];
		CrmRuleSource *source = &fresh->sources[fresh->n];
		bool		is_null;
		Jsonb	   *spec = DatumGetJsonbPCopy(SPI_getbinval(row, shape, 4, &is_null));

		source->kind = SPI_getvalue(row, shape, 1);
		source->is_view = DatumGetBool(SPI_getbinval(row, shape, 5, &is_null));
		read_source(SPI_getvalue(row, shape, 2), SPI_getvalue(row, shape, 3), &spec->root, source);
		source->kept = kept_of(source, object_of(&spec->root, "kept"));
	}
	MemoryContextSwitchTo(before);
	SPI_finish();
	MemoryContextSetParent(context, TopMemoryContext);
	registry = fresh;
}

/*
 * Reads the registry anew.  The old one stays: a compiled rule may be running on it, and changes are migrations.  It counts as read
 * when it was read to its end; what is changed meanwhile makes it stale again.
 */
static void
renew_registry(void)
{
	uint64		before;

	registry_oid = find_registry();
	before = changes;
	read_registry();
	generation++;
	is_stale = changes != before;
}

/* The sources there are; valid until crm_rule_registry_generation() changes. */
const CrmRuleRegistry *
crm_rule_registry(void)
{
	static bool is_watching;

	if (!is_watching)
	{
		CacheRegisterRelcacheCallback(on_change, (Datum) 0);
		is_watching = true;
	}
	AcceptInvalidationMessages();
	if (is_stale)
		renew_registry();
	return registry;
}

/* Makes the conditions of a rule ask what is kept by person, or what each record says. */
void
crm_rule_ask_kept(CrmRuleTree *tree, bool is_kept)
{
	for (int i = 0; i < tree->n_conditions; i++)
	{
		const CrmRuleSource *other = is_kept ? tree->conditions[i]->source->kept : tree->conditions[i]->source->told;

		if (other != NULL)
			tree->conditions[i]->source = other;
	}
}

uint64
crm_rule_registry_generation(void)
{
	crm_rule_registry();
	return generation;
}

/* Of the registry as crm_rule_registry() read it last, so that one rule is read against one. */
const CrmRuleSource *
crm_rule_find_source(const char *kind, int length)
{
	for (int i = 0; i < registry->n; i++)
		if (strlen(registry->sources[i].kind) == length &&
			memcmp(registry->sources[i].kind, kind, length) == 0)
			return &registry->sources[i];
	return NULL;
}
