/*
 * rule_window.c
 *		The members of a condition that say when: days, hours, since, until, at, weekdays.
 *
 * Called by rule_read.c; refuses with RM351 what is out of range, and a window over a source
 * that has no time.
 */
#include "rule/rule.h"

#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* A whole number between two bounds. */
int
crm_rule_read_int(const JsonbValue *value, const char *path, int low, int high)
{
	bool		is_whole = value->type == jbvNumeric;
	int64		number = 0;

	if (is_whole)
	{
		Datum		numeric = NumericGetDatum(value->val.numeric);
		Datum		rounded = DirectFunctionCall2(numeric_trunc, numeric, Int32GetDatum(0));

		is_whole = DatumGetBool(DirectFunctionCall2(numeric_eq, numeric, rounded)) &&
			DatumGetBool(DirectFunctionCall2(numeric_lt, DirectFunctionCall1(numeric_abs, numeric),
											 DirectFunctionCall1(int8_numeric, Int64GetDatum(INT64CONST(1000000000000)))));
		number = is_whole ? DatumGetInt64(DirectFunctionCall1(numeric_int8, rounded)) : 0;
	}
	if (!is_whole || number < low || number > high)
		crm_rule_refuse(path, psprintf("It is no whole number from %d to %d.", low, high),
						"Write a number without quotation marks.");
	return number;
}

/* A text of 1 to 200 characters' bytes times four. */
char *
crm_rule_read_text(const JsonbValue *value, const char *path)
{
	if (value->type != jbvString || value->val.string.len == 0 || value->val.string.len > 800)
		crm_rule_refuse(path, "It is no text of 1 to 800 bytes.", "Write a word in quotation marks.");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static const char *
path_of(const CrmRuleCondition *condition, const char *member)
{
	return *condition->path == '\0' ? pstrdup(member) : psprintf("%s.%s", condition->path, member);
}

/* "2026-03-31", and nothing else that a date may be written as. */
static DateADT
read_day(const JsonbValue *value, const char *path)
{
	char	   *text = crm_rule_read_text(value, path);
	int			year;
	int			month;
	int			day;

	if (strlen(text) != 10 || !crm_rule_has_shape(text, "dddd-dd-dd") || sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3 ||
		year < 1900 || year > 2200 || month < 1 || month > 12 || day < 1 ||
		day > day_tab[isleap(year)][month - 1])
		crm_rule_refuse(path, psprintf("\"%s\" is no day.", crm_core_clip(text, 20)), "Write a day as \"2026-03-31\".");
	return date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
}

/* "01:00", in microseconds. */
static TimeADT
read_clock(JsonbContainer *object, const char *name, const char *path)
{
	JsonbValue *value = crm_rule_member(object, name);
	int			hour;
	int			minute;

	if (value == NULL || value->type != jbvString || value->val.string.len != 5 || !crm_rule_has_shape(crm_rule_key(value), "dd:dd") ||
		sscanf(crm_rule_key(value), "%2d:%2d", &hour, &minute) != 2 || hour > 23 || minute > 59)
		crm_rule_refuse(path, psprintf("%s is no time of day.", name), "Write {\"from\": \"01:00\", \"to\": \"03:00\"}.");
	return (hour * INT64CONST(60) + minute) * USECS_PER_MINUTE;
}

static void
read_days(const JsonbValue *value, const char *path, CrmRuleCondition *condition)
{
	condition->has_days = true;
	if (value->type != jbvBinary)
	{
		condition->oldest = crm_rule_read_int(value, path, 0, CRM_RULE_MAX_DAYS);
		return;
	}
	if (!JsonContainerIsArray(value->val.binary.data) || JsonContainerSize(value->val.binary.data) != 2)
		crm_rule_refuse(path, "It is neither a number nor a pair.", "Write 30, or [90, 180] for 90 to 180 days old.");
	condition->youngest = crm_rule_read_int(getIthJsonbValueFromContainer(value->val.binary.data, 0), path, 0, CRM_RULE_MAX_DAYS);
	condition->oldest = crm_rule_read_int(getIthJsonbValueFromContainer(value->val.binary.data, 1), path, 0, CRM_RULE_MAX_DAYS);
	if (condition->youngest > condition->oldest)
		crm_rule_refuse(path, "The first is larger than the second.", "Write the smaller age first: [90, 180].");
}

static void
read_weekdays(const JsonbValue *value, const char *path, CrmRuleCondition *condition)
{
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerSize(value->val.binary.data) == 0 || JsonContainerSize(value->val.binary.data) > 7)
		crm_rule_refuse(path, "It is no list of days of the week.", "Write [6, 7]; Monday is 1.");
	for (uint32 i = 0; i < JsonContainerSize(value->val.binary.data); i++)
		condition->weekdays |= 1 << (crm_rule_read_int(getIthJsonbValueFromContainer(value->val.binary.data, i), path, 1, 7) - 1);
}

static void
read_at(const JsonbValue *value, const char *path, CrmRuleCondition *condition)
{
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data) ||
		JsonContainerSize(value->val.binary.data) != 2)
		crm_rule_refuse(path, "It is no span of the day.", "Write {\"from\": \"01:00\", \"to\": \"03:00\"}.");
	condition->has_clock = true;
	condition->from = read_clock(value->val.binary.data, "from", path);
	condition->to = read_clock(value->val.binary.data, "to", path);
	if (condition->from == condition->to)
		crm_rule_refuse(path, "The span is empty.", "Leave at out for the whole day.");
}

/* What a source and its shape do not have cannot be asked for. */
static void
check_window(const CrmRuleCondition *condition, const char *member)
{
	const CrmRuleSource *source = condition->source;
	bool		is_clock = strcmp(member, "hours") == 0 || strcmp(member, "at") == 0;
	bool		is_week = strcmp(member, "weekdays") == 0;

	if (source->shape == CRM_RULE_STATE || source->shape == CRM_RULE_LATEST)
		crm_rule_refuse(path_of(condition, member), psprintf("\"%s\" has one value a person, without a time.", source->kind),
						"Leave it out.");
	if (source->shape == CRM_RULE_HISTORY && (is_clock || is_week))
		crm_rule_refuse(path_of(condition, member), psprintf("\"%s\" is kept by days.", source->kind), "Ask the kind order.");
	if (source->shape == CRM_RULE_FACTS && (is_clock ? source->time == NULL : source->time == NULL && source->day == NULL))
		crm_rule_refuse(path_of(condition, member), psprintf("\"%s\" has no such time.", source->kind), "Leave it out.");
}

/* Reads all of them. */
void
crm_rule_read_window(JsonbContainer *object, CrmRuleCondition *condition)
{
	static const char *const members[] = {"days", "hours", "since", "until", "at", "weekdays"};

	for (int i = 0; i < lengthof(members); i++)
	{
		JsonbValue *value = crm_rule_member(object, members[i]);
		const char *path;

		if (value == NULL)
			continue;
		check_window(condition, members[i]);
		path = path_of(condition, members[i]);
		switch (i)
		{
			case 0:
				read_days(value, path, condition);
				break;
			case 1:
				condition->hours = crm_rule_read_int(value, path, 1, 8760);
				break;
			case 2:
				condition->has_since = true;
				condition->since = read_day(value, path);
				break;
			case 3:
				condition->has_until = true;
				condition->until = read_day(value, path);
				break;
			case 4:
				read_at(value, path, condition);
				break;
			default:
				read_weekdays(value, path, condition);
		}
	}
	if ((condition->measure == CRM_RULE_LAST || condition->measure == CRM_RULE_FIRST ||
		 condition->measure == CRM_RULE_DAYS || condition->measure == CRM_RULE_STREAK ||
		 condition->measure == CRM_RULE_BASELINE) &&
		condition->source->shape == CRM_RULE_FACTS && condition->source->time == NULL && condition->source->day == NULL)
		crm_rule_refuse(path_of(condition, "measure"), psprintf("\"%s\" has no time.", condition->source->kind), "Measure by count.");
}
