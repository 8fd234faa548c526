/*
 * rule_test.c
 *		Comparisons: fields, operators, and values of their type.
 *
 * Called by rule_read.c.  A value becomes a datum of the type it is compared as here, so that a
 * statement binds it as it is; nothing of a rule's text is ever pasted into SQL.
 */
#include "rule/rule.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

static const char *const op_names[CRM_RULE_N_OPS] = {
	"=", "<>", "<", "<=", ">", ">=", "between", "in", "not_in", "contains", "starts_with", "missing",
	"present"
};

static const char *const derive_names[] = {"", "age", "months", "since", "until", "in", "month"};

const char *
crm_rule_op_name(CrmRuleOp op)
{
	return op_names[op];
}

static char *
fields_there_are(const CrmRuleSource *source)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < source->n_columns; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : psprintf("\"%s\" has ", source->kind), source->columns[i].name);
	appendStringInfoString(&text, source->n_columns > 0 ? "." : "It has no fields.");
	return text.data;
}

/* What comes after a column's name. */
static void
read_suffix(const char *suffix, const char *path, CrmRuleField *field)
{
	if (field->column->type == CRM_RULE_JSON)
	{
		if (*suffix == '\0' || strlen(suffix) > 63)
			crm_rule_refuse(path, "The member's name is empty or too long.", "Write properties.name, at most 63 bytes after the point.");
		field->member = pstrdup(suffix);
		return;
	}
	if (field->column->type == CRM_RULE_DATE)
		for (int i = CRM_RULE_AGE; i < lengthof(derive_names); i++)
			if (strcmp(derive_names[i], suffix) == 0)
			{
				field->derive = i;
				field->type = CRM_RULE_NUMBER;
				return;
			}
	crm_rule_refuse(path, psprintf("There is no \"%s\" of %s.", suffix, field->column->name),
					"Days have .age, .months, .since, .until, .in and .month.");
}

/* A field of a source by its name in a rule. */
CrmRuleField
crm_rule_read_field(const CrmRuleSource *source, const char *name, const char *path)
{
	const char *dot = strchr(name, '.');
	int			length = dot == NULL ? strlen(name) : dot - name;
	CrmRuleField field = {0};

	for (int i = 0; i < source->n_columns; i++)
		if (strlen(source->columns[i].name) == length && memcmp(source->columns[i].name, name, length) == 0)
			field.column = &source->columns[i];
	if (field.column == NULL)
		crm_rule_refuse(path, psprintf("\"%s\" has no field \"%s\".", source->kind, crm_core_clip(name, 63)), fields_there_are(source));
	field.type = field.column->type;
	if (dot != NULL)
		read_suffix(dot + 1, path, &field);
	else if (field.type == CRM_RULE_JSON)
		crm_rule_refuse(path, psprintf("%s is an object.", name), psprintf("Name a member of it, as in %s.name.", name));
	return field;
}

static CrmRuleOp
read_op(const JsonbValue *op, const JsonbValue *value, const char *path)
{
	char	   *name;

	if (op == NULL)
		return value != NULL && value->type == jbvBinary ? CRM_RULE_IN : CRM_RULE_EQ;
	name = crm_rule_read_text(op, path);
	for (int i = 0; i < CRM_RULE_N_OPS; i++)
		if (strcmp(op_names[i], name) == 0)
			return i;
	crm_rule_refuse(path, psprintf("There is no operator \"%s\".", crm_core_clip(name, 20)),
					"Use =, <>, <, <=, >, >=, between, in, not_in, contains, starts_with, missing or present.");
}

/*
 * "2026-03-31" alone, or with a time and an offset: what ISO 8601 says, not "tomorrow", nor what means another moment in a
 * session of another time zone.
 */
static bool
is_iso(const char *text, bool has_time)
{
	if (!has_time)
		return crm_rule_has_shape(text, "dddd-dd-dd") && strlen(text) == 10;
	return crm_rule_has_shape(text, "dddd-dd-ddtdd:dd") && strspn(text, "0123456789-T:.+Z ") == strlen(text) &&
		strpbrk(text + 16, "+-Z") != NULL;
}

static Datum
read_moment(const char *text, CrmRuleType type, const char *path)
{
	char		work[MAXDATELEN + 1];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	int			nf;
	int			dtype;
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz = 0;
	TimestampTz moment;

	if (!is_iso(text, type == CRM_RULE_TIME) ||
		ParseDateTime(text, work, sizeof(work), field, ftype, MAXDATEFIELDS, &nf) != 0 ||
		crm_compat_decode_datetime(field, ftype, nf, &dtype, &tm, &fsec, &tz) != 0 || dtype != DTK_DATE ||
		!IS_VALID_JULIAN(tm.tm_year, tm.tm_mon, tm.tm_mday) || tm.tm_year < 1000 || tm.tm_year > 9999)
		crm_rule_refuse(path, psprintf("\"%s\" is no %s.", crm_core_clip(text, 40), type == CRM_RULE_TIME ? "moment" : "day"),
						type == CRM_RULE_TIME ? "Write \"2026-03-31T12:00:00+08:00\"." : "Write \"2026-03-31\".");
	if (type == CRM_RULE_DATE)
		return DateADTGetDatum(date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE);
	if (tm2timestamp(&tm, fsec, &tz, &moment) != 0)
		crm_rule_refuse(path, "The moment is out of range.", "Write \"2026-03-31T12:00:00+08:00\".");
	return TimestampTzGetDatum(moment);
}

/* One value of a type; for json, of the type it is written in. */
static Datum
read_value(const JsonbValue *value, CrmRuleType type, const char *path)
{
	if (type == CRM_RULE_NUMBER && value->type == jbvNumeric)
	{
		if (numeric_is_nan(value->val.numeric) || numeric_is_inf(value->val.numeric) ||
			DatumGetBool(DirectFunctionCall2(numeric_gt, DirectFunctionCall1(numeric_abs, NumericGetDatum(value->val.numeric)),
											 DirectFunctionCall1(int8_numeric, Int64GetDatum(INT64CONST(1000000000000000))))))
			crm_rule_refuse(path, "The number is too large.", "Numbers go up to 10^15.");
		return datumCopy(NumericGetDatum(value->val.numeric), false, -1);
	}
	if (type == CRM_RULE_BOOLEAN && value->type == jbvBool)
		return BoolGetDatum(value->val.boolean);
	if (value->type == jbvString && (type == CRM_RULE_TEXT || type == CRM_RULE_TEXTS))
		return PointerGetDatum(cstring_to_text(crm_rule_read_text(value, path)));
	if (value->type == jbvString && (type == CRM_RULE_DATE || type == CRM_RULE_TIME))
		return read_moment(crm_rule_read_text(value, path), type, path);
	crm_rule_refuse(path, psprintf("The value is no %s.", type == CRM_RULE_TEXTS ? "text" : crm_rule_type_name(type)),
					"Numbers stand without quotation marks, everything else but true and false with them.");
}

/* A json member is compared as what the rule writes. */
static CrmRuleType
type_as_written(const JsonbValue *value)
{
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data) &&
		JsonContainerSize(value->val.binary.data) > 0)
		value = getIthJsonbValueFromContainer(value->val.binary.data, 0);
	return value->type == jbvNumeric ? CRM_RULE_NUMBER : value->type == jbvBool ? CRM_RULE_BOOLEAN : CRM_RULE_TEXT;
}

static void
check_op(const CrmRuleTest *test)
{
	bool		is_ordered = test->op >= CRM_RULE_LT && test->op <= CRM_RULE_BETWEEN;

	if ((test->op == CRM_RULE_STARTS_WITH && test->type != CRM_RULE_TEXT) ||
		(test->op == CRM_RULE_CONTAINS && test->type != CRM_RULE_TEXTS &&
		 !(test->field.column != NULL && test->field.column->type == CRM_RULE_JSON)) ||
		(is_ordered && (test->type == CRM_RULE_BOOLEAN || test->type == CRM_RULE_TEXTS)) ||
		(test->type == CRM_RULE_TEXTS && test->op < CRM_RULE_CONTAINS) ||
		(test->type == CRM_RULE_TEXT && test->field.column != NULL && test->field.column->lookup.relation != NULL &&
		 (is_ordered || test->op == CRM_RULE_STARTS_WITH)))
		crm_rule_refuse(test->path, psprintf("\"%s\" does not go with a %s.", op_names[test->op], crm_rule_type_name(test->type)),
						"Texts are compared by =, <>, in, not_in, starts_with; lists by contains; missing and present go with all.");
}

/* op and value against a type. */
void
crm_rule_read_comparison(const JsonbValue *op, const JsonbValue *value, CrmRuleType type, CrmRuleTest *test)
{
	bool		is_list;
	JsonbContainer *list = NULL;

	test->op = read_op(op, value, test->path);
	test->type = type;
	if (test->op == CRM_RULE_MISSING || test->op == CRM_RULE_PRESENT)
	{
		if (value != NULL)
			crm_rule_refuse(test->path, psprintf("%s is compared with nothing.", op_names[test->op]), "Leave value out.");
		test->type = type == CRM_RULE_JSON ? CRM_RULE_TEXT : type;
		return;
	}
	if (value == NULL || value->type == jbvNull)
		crm_rule_refuse(test->path, "There is no value to compare with.", "Give a value, or use missing or present.");
	if (type == CRM_RULE_JSON)
		test->type = type_as_written(value);
	check_op(test);
	is_list = test->op == CRM_RULE_IN || test->op == CRM_RULE_NOT_IN || test->op == CRM_RULE_BETWEEN;
	if (value->type == jbvBinary)
		list = value->val.binary.data;
	if (is_list != (list != NULL && JsonContainerIsArray(list)) || (list != NULL && !JsonContainerIsArray(list)))
		crm_rule_refuse(test->path, psprintf("\"%s\" takes %s.", op_names[test->op], is_list ? "a list" : "one value"),
						is_list ? "Write the values as [\"a\", \"b\"]." : "Use in for several values.");
	test->n_values = list == NULL ? 1 : JsonContainerSize(list);
	if (test->n_values > CRM_RULE_MAX_VALUES || test->n_values == 0 || (test->op == CRM_RULE_BETWEEN && test->n_values != 2))
		crm_rule_refuse(test->path, psprintf("The list has %d values.", test->n_values),
						test->op == CRM_RULE_BETWEEN ? "Write [low, high]." : "Give 1 to 1000 values; longer lists are a segment of their own.");
	test->values = palloc(test->n_values * sizeof(Datum));
	for (int i = 0; i < test->n_values; i++)
		test->values[i] = read_value(list == NULL ? value : getIthJsonbValueFromContainer(list, i), test->type, test->path);
}

/* One member of where: a value, a list, or {"op": ..., "value": ...}. */
static void
read_where_member(const char *name, const JsonbValue *value, CrmRuleCondition *condition)
{
	CrmRuleTest *test = &condition->where[condition->n_where];
	const char *where = *condition->path == '\0' ? "where" : psprintf("%s.where", condition->path);
	const JsonbValue *op = NULL;

	test->path = psprintf("%s.%s", where, crm_core_clip(name, 80));
	if (condition->n_where == CRM_RULE_MAX_TESTS)
		crm_rule_refuse(test->path, psprintf("A where has at most %d members.", CRM_RULE_MAX_TESTS), "Leave some out.");
	test->field = crm_rule_read_field(condition->source, name, test->path);
	if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
	{
		JsonbContainer *object = value->val.binary.data;
		uint32		n_known = 1;

		op = crm_rule_member(object, "op");
		value = crm_rule_member(object, "value");
		n_known += value != NULL;
		if (op == NULL || JsonContainerSize(object) != n_known)
			crm_rule_refuse(test->path, "It is no comparison.", "Write {\"op\": \">\", \"value\": 180}.");
	}
	crm_rule_read_comparison(op, value, test->field.type, test);
	condition->n_where++;
}

void
crm_rule_read_where(JsonbContainer *object, CrmRuleCondition *condition)
{
	JsonbValue *where = crm_rule_member(object, "where");
	const char *path = *condition->path == '\0' ? "where" : psprintf("%s.where", condition->path);
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *name = NULL;

	if (where == NULL)
		return;
	if (condition->source->shape != CRM_RULE_FACTS)
		crm_rule_refuse(path, psprintf("\"%s\" has no rows to choose from.", condition->source->kind), "Leave where out.");
	if (where->type != jbvBinary || !JsonContainerIsObject(where->val.binary.data))
		crm_rule_refuse(path, "It is no object.", "Write {\"store\": \"S01\"}.");
	iterator = JsonbIteratorInit(where->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = crm_rule_key(&value);
		else if (token == WJB_VALUE)
			read_where_member(name, &value, condition);
	}
}

/* Whether a number meets a comparison, as SQL would say. */
bool
crm_rule_number_meets(const CrmRuleTest *test, Datum number)
{
	int			order[2];
	bool		is_found = false;

	if (test->op == CRM_RULE_MISSING || test->op == CRM_RULE_PRESENT)
		return test->op == CRM_RULE_PRESENT;
	for (int i = 0; i < Min(test->n_values, 2); i++)
		order[i] = DatumGetInt32(DirectFunctionCall2(numeric_cmp, number, test->values[i]));
	for (int i = 0; i < test->n_values; i++)
		is_found |= DatumGetBool(DirectFunctionCall2(numeric_eq, number, test->values[i]));
	switch (test->op)
	{
		case CRM_RULE_EQ:
		case CRM_RULE_IN:
			return is_found;
		case CRM_RULE_NE:
		case CRM_RULE_NOT_IN:
			return !is_found;
		case CRM_RULE_LT:
			return order[0] < 0;
		case CRM_RULE_LE:
			return order[0] <= 0;
		case CRM_RULE_GT:
			return order[0] > 0;
		case CRM_RULE_GE:
			return order[0] >= 0;
		case CRM_RULE_BETWEEN:
			return order[0] >= 0 && order[1] <= 0;
		default:
			return false;
	}
}

/* The same for one of the words of a latest; null: absent. */
bool
crm_rule_text_meets(const CrmRuleTest *test, const char *word)
{
	bool		is_found = false;

	if (test->op == CRM_RULE_MISSING || test->op == CRM_RULE_PRESENT)
		return (test->op == CRM_RULE_PRESENT) == (word != NULL);
	if (word == NULL)
		return false;
	for (int i = 0; i < test->n_values; i++)
		is_found |= strcmp(TextDatumGetCString(test->values[i]), word) == 0;
	return is_found == (test->op == CRM_RULE_EQ || test->op == CRM_RULE_IN);
}
