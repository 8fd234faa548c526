/*
 * ingest_spec.c
 *		Mappings: which column of the source feeds which field, and how.
 *
 * A mapping is JSON, kept in crm.mapping and described in doc/rooms/ingest.md:
 *
 *	{"fields": {"ordered_at": {"column": "下单时间", "format": "DD/MM/YYYY HH24:MI"},
 *				"external_id": "单号",
 *				"kind": {"column": "单号", "values": {"C*": "cancellation", "*": "sale"}},
 *				"phone": {"column": "buyer.mobile", "transform": ["digits"]},
 *				"items": {"column": "goods", "fields": {"product_code": "sku"}},
 *				"channel": {"constant": "offline"}},
 *	 "rest": "ignore"}
 *
 * It is compiled once a call, in the caller's memory, into a tree of columns, each with the
 * fields it feeds.  In JSON a dot in a column's name leads into a nested object.  Without a
 * mapping the columns are the standard fields themselves and any other column is a fault.
 * A mapping that cannot be is the fault of whoever defines it: RM212, which names the field.
 */
#include "ingest/ingest.h"

#include "utils/builtins.h"

#define MAX_TARGETS 8

static void
bad_spec(const char *field, const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_CRM_MAPPING_INVALID),
					errmsg("cannot use this mapping for \"%s\": %s", field, why),
					crm_errfield("spec"), errhint("doc/rooms/ingest.md describes the members of a mapping.")));
}

static char *
string_copy(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* A member that must be a string when it is there. */
static char *
string_member(JsonbContainer *object, const char *key, const char *field)
{
	JsonbValue	found;

	if (getKeyJsonValueFromContainer(object, key, strlen(key), &found) == NULL ||
		found.type == jbvNull)
		return NULL;
	if (found.type != jbvString)
		bad_spec(field, psprintf("\"%s\" is no text", key));
	return string_copy(&found);
}

static JsonbContainer *
object_member(JsonbContainer *object, const char *key, const char *field)
{
	JsonbValue	found;

	if (getKeyJsonValueFromContainer(object, key, strlen(key), &found) == NULL ||
		found.type == jbvNull)
		return NULL;
	if (found.type != jbvBinary || !JsonContainerIsObject(found.val.binary.data))
		bad_spec(field, psprintf("\"%s\" is no object", key));
	return found.val.binary.data;
}

/* "transform": one, or a list of them. */
static void
compile_transforms(CrmIngestTarget *target, JsonbContainer *object, const char *field)
{
	JsonbValue	found;
	JsonbContainer *list;
	int			n;

	if (getKeyJsonValueFromContainer(object, "transform", 9, &found) == NULL)
		return;
	if (found.type != jbvBinary || !JsonContainerIsArray(found.val.binary.data))
	{
		target->transforms = palloc0(sizeof(CrmIngestTransform));
		target->n_transforms = 1;
		if (!crm_ingest_transform_compile(&found, target->transforms))
			bad_spec(field, "there is no such transform");
		return;
	}
	list = found.val.binary.data;
	n = JsonContainerSize(list);
	target->transforms = palloc0(sizeof(CrmIngestTransform) * Max(n, 1));
	for (int i = 0; i < n; i++)
		if (!crm_ingest_transform_compile(getIthJsonbValueFromContainer(list, i),
										  &target->transforms[target->n_transforms++]))
			bad_spec(field, "there is no such transform");
}

/* Exact options before patterns, longer patterns first, so that "C*" comes before "*". */
static int
compare_options(const void *a, const void *b)
{
	const CrmIngestOption *x = a;
	const CrmIngestOption *y = b;

	if (x->is_prefix != y->is_prefix)
		return x->is_prefix ? 1 : -1;
	return y->from_length - x->from_length;
}

static void
compile_options(CrmIngestTarget *target, JsonbContainer *object, const char *field)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;
	CrmIngestOption *option = NULL;

	target->options = palloc0(sizeof(CrmIngestOption) * Max(JsonContainerSize(object), 1));
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			option = &target->options[target->n_options++];
			option->from = string_copy(&value);
			option->from_length = value.val.string.len;
			option->is_prefix = option->from_length > 0 &&
				option->from[option->from_length - 1] == '*';
			option->from_length -= option->is_prefix ? 1 : 0;
		}
		else if (token == WJB_VALUE)
		{
			if (value.type != jbvString)
				bad_spec(field, "an option of \"values\" is no text");
			option->to = string_copy(&value);
			option->to_length = value.val.string.len;
		}
	}
	qsort(target->options, target->n_options, sizeof(CrmIngestOption), compare_options);
}

static void
compile_field(CrmIngestSpec *spec, CrmIngestTarget *target, char *name, bool in_items)
{
	if (strncmp(name, "custom.", 7) == 0 && name[7] != '\0' && spec->entity == CRM_INGEST_MEMBER)
	{
		target->field = F_CUSTOM;
		target->custom = name + 7;
		return;
	}
	target->field = in_items && strcmp(name, "amount") == 0 ? F_LINE_AMOUNT :
		crm_ingest_find_field(spec->entity, name, strlen(name));
	if (target->field < 0 || (in_items && !crm_ingest_is_line_field(target->field)))
		bad_spec(name, psprintf("entity %s has no such field",
								crm_ingest_entity_name(spec->entity)));
}

/* The column of a name among its siblings; made when it is not there yet. */
static CrmIngestColumn *
find_column(CrmIngestColumn **columns, int *n_columns, const char *name, int length)
{
	CrmIngestColumn *column;

	for (int i = 0; i < *n_columns; i++)
		if ((*columns)[i].length == length && memcmp((*columns)[i].name, name, length) == 0)
			return *columns + i;
	if (*n_columns == 0)
		*columns = palloc0(sizeof(CrmIngestColumn));
	else
		*columns = repalloc(*columns, sizeof(CrmIngestColumn) * (*n_columns + 1));
	column = *columns + (*n_columns)++;
	memset(column, 0, sizeof(CrmIngestColumn));
	column->name = pnstrdup(name, length);
	column->length = length;
	return column;
}

static CrmIngestColumn *
find_path(CrmIngestColumn **columns, int *n_columns, const char *path, bool is_csv)
{
	const char *dot = is_csv ? NULL : strchr(path, '.');
	CrmIngestColumn *column = find_column(columns, n_columns, path,
										  dot ? (int) (dot - path) : (int) strlen(path));

	return dot ? find_path(&column->columns, &column->n_columns, dot + 1, is_csv) : column;
}

static CrmIngestTarget *
add_target(CrmIngestColumn *column)
{
	if (column->targets == NULL)
		column->targets = palloc0(sizeof(CrmIngestTarget) * MAX_TARGETS);
	if (column->n_targets == MAX_TARGETS)
		bad_spec(column->name, "one column feeds more than eight fields");
	return &column->targets[column->n_targets++];
}

/* The lines of an order in JSON, under their standard names. */
static void
standard_items(CrmIngestColumn *items)
{
	for (int field = F_LINE_KEY; field <= F_LINE_AMOUNT; field++)
	{
		const char *name = field == F_LINE_AMOUNT ? "amount" : crm_ingest_fields[field].name;

		add_target(find_column(&items->columns, &items->n_columns, name, strlen(name)))->field =
			field;
	}
}

static void compile_fields(CrmIngestSpec *spec, JsonbContainer *object,
						   CrmIngestColumn **columns, int *n_columns, bool is_csv, bool in_items);

static void
compile_detail(CrmIngestSpec *spec, CrmIngestTarget *target, JsonbContainer *object,
			   const char *field)
{
	JsonbContainer *part = object_member(object, "values", field);
	char	   *zone = string_member(object, "zone", field);

	target->format = string_member(object, "format", field);
	if (zone != NULL && !crm_ingest_zone_exists(zone, &target->zone))
		bad_spec(field, "there is no such time zone");
	compile_transforms(target, object, field);
	if (part != NULL)
		compile_options(target, part, field);
}

static void
compile_constant(CrmIngestSpec *spec, char *field, const char *text)
{
	CrmIngestConstant *constant;

	spec->constants = spec->constants == NULL ? palloc(sizeof(CrmIngestConstant)) :
		repalloc(spec->constants, sizeof(CrmIngestConstant) * (spec->n_constants + 1));
	constant = &spec->constants[spec->n_constants++];
	memset(constant, 0, sizeof(CrmIngestConstant));
	compile_field(spec, &constant->target, field, false);
	constant->text = text;
	constant->length = strlen(text);
}

/* One field: the name of its column, or an object that says more. */
static void
compile_entry(CrmIngestSpec *spec, char *field, const JsonbValue *value,
			  CrmIngestColumn **columns, int *n_columns, bool is_csv, bool in_items)
{
	JsonbContainer *object = NULL;
	JsonbContainer *inner = NULL;
	CrmIngestColumn *column;
	CrmIngestTarget *target;
	char	   *name;

	if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
		object = value->val.binary.data;
	else if (value->type != jbvString)
		bad_spec(field, "it is neither a column's name nor an object");
	name = object ? string_member(object, "constant", field) : NULL;
	if (name != NULL && !in_items)
	{
		compile_constant(spec, field, name);
		return;
	}
	name = object ? string_member(object, "column", field) : string_copy(value);
	if (name == NULL || *name == '\0')
		bad_spec(field, "it names neither a column nor a constant");
	column = find_path(columns, n_columns, name, is_csv);
	target = add_target(column);
	target->column = name;
	compile_field(spec, target, field, in_items);
	if (object != NULL)
		compile_detail(spec, target, object, field);
	if (target->field != F_ITEMS)
		return;
	inner = object ? object_member(object, "fields", field) : NULL;
	if (inner == NULL)
		standard_items(column);
	else
		compile_fields(spec, inner, &column->columns, &column->n_columns, is_csv, true);
}

static void
compile_fields(CrmIngestSpec *spec, JsonbContainer *object, CrmIngestColumn **columns,
			   int *n_columns, bool is_csv, bool in_items)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *field = NULL;

	if (JsonContainerSize(object) > CRM_INGEST_MAX_COLUMNS)
		bad_spec("fields", "there are too many");
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			field = string_copy(&value);
		else if (token == WJB_VALUE && value.type != jbvNull)
			compile_entry(spec, field, &value, columns, n_columns, is_csv, in_items);
	}
}

/* Without a mapping: each field is its own column; JSON orders have their lines in items. */
static void
standard_columns(CrmIngestSpec *spec, bool is_csv)
{
	int			n;
	const uint8 *fields = crm_ingest_entity_fields(spec->entity, &n);

	for (int i = 0; i < n; i++)
	{
		const char *name = crm_ingest_fields[fields[i]].name;
		CrmIngestColumn *column;

		if (is_csv ? fields[i] == F_ITEMS :
			spec->entity == CRM_INGEST_ORDER && crm_ingest_is_line_field(fields[i]))
			continue;
		column = find_column(&spec->columns, &spec->n_columns, name, strlen(name));
		add_target(column)->field = fields[i];
		if (fields[i] == F_ITEMS)
			standard_items(column);
	}
}

/* json null: the standard names.  Allocates in the current memory context. */
CrmIngestSpec *
crm_ingest_spec_compile(CrmIngestEntity entity, Jsonb *json, bool is_csv)
{
	CrmIngestSpec *spec = palloc0(sizeof(CrmIngestSpec));
	JsonbContainer *fields;
	char	   *rest;

	spec->entity = entity;
	if (json == NULL)
	{
		spec->rejects_rest = true;
		standard_columns(spec, is_csv);
		return spec;
	}
	spec->is_mapped = true;
	if (!JB_ROOT_IS_OBJECT(json))
		bad_spec("fields", "a mapping is an object");
	fields = object_member(&json->root, "fields", "fields");
	if (fields == NULL)
		bad_spec("fields", "the mapping has none");
	compile_fields(spec, fields, &spec->columns, &spec->n_columns, is_csv, false);
	rest = string_member(&json->root, "rest", "rest");
	if (rest != NULL && strcmp(rest, "ignore") != 0 && strcmp(rest, "reject") != 0)
		bad_spec("rest", "it is neither \"ignore\" nor \"reject\"");
	spec->rejects_rest = rest != NULL && strcmp(rest, "reject") == 0;
	return spec;
}
