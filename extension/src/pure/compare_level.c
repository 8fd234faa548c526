/*
 * compare_level.c - fields by number: preparing, comparing, and what a level means in words.
 */
#include <string.h>

#include "pure/compare.h"

typedef struct Field
{
	const char *name;
	int			n_levels;
	const char *english[CRM_COMPARE_MAX_LEVELS];
	const char *chinese[CRM_COMPARE_MAX_LEVELS];
} Field;

static const Field fields[CRM_COMPARE_FIELDS] = {
	[CRM_FIELD_NAME] = {"name", 10,
		{"different", "surname agrees, given name differs", "surname agrees, given name not told",
			"masked name fits", "surname and initial agree", "one character differs", "sounds alike",
			"same sound", "same name, written otherwise", "same"},
		{"不同", "同姓不同名", "同姓,名未知", "与打码姓名相符", "姓与名首字母相同", "差一个字", "读音相近", "同音",
			"同名异写", "相同"}},
	[CRM_FIELD_GIVEN] = {"given", 6,
		{"different", "somewhat alike", "initial or beginning agrees", "alike", "nearly the same", "same"},
		{"不同", "略相似", "首字母或开头相同", "相似", "几乎相同", "相同"}},
	[CRM_FIELD_DATE] = {"date", 7,
		{"different", "within ten years", "within a year", "month and day agree",
			"a typing error apart", "same day by the lunar calendar", "same"},
		{"不同", "相差十年以内", "相差一年以内", "月日相同", "疑似笔误", "农历公历同日", "相同"}},
	[CRM_FIELD_PHONE] = {"phone", 4,
		{"different", "masked number fits", "a typing error apart", "same"},
		{"不同", "与打码号码相符", "疑似笔误", "相同"}},
	[CRM_FIELD_EMAIL] = {"email", 5,
		{"different", "name of the mailbox alike", "same mailbox name elsewhere",
			"a typing error apart", "same"},
		{"不同", "邮箱名相似", "邮箱名相同,域名不同", "疑似笔误", "相同"}},
	[CRM_FIELD_NATIONAL_ID] = {"national_id", 4,
		{"different", "masked number fits", "a typing error apart", "same"},
		{"不同", "与打码号码相符", "疑似笔误", "相同"}},
	[CRM_FIELD_ADDRESS] = {"address", 5,
		{"contradict each other", "nothing in common", "same district or road", "same building",
			"same home"},
		{"互相矛盾", "无共同之处", "同一区县或道路", "同一楼", "同一户"}},
	[CRM_FIELD_POSTCODE] = {"postcode", 5,
		{"different", "same area", "same district", "a typing error apart", "same"},
		{"不同", "同一地区", "同一投递区", "疑似笔误", "相同"}},
	[CRM_FIELD_TEXT] = {"text", 5,
		{"different", "half in common", "one contains the other", "alike", "same"},
		{"不同", "一半相同", "包含关系", "相似", "相同"}},
	[CRM_FIELD_NUMBER] = {"number", 4,
		{"different", "within a tenth", "within a hundredth", "same"},
		{"不同", "相差一成以内", "相差百分之一以内", "相同"}},
};

bool
crm_prepare(CrmCompareField field, const char *bytes, size_t length, CrmPrepared *out)
{
	switch (field)
	{
		case CRM_FIELD_NAME:
			return crm_prepare_name(bytes, length, &out->name);
		case CRM_FIELD_GIVEN:
		case CRM_FIELD_TEXT:
			return crm_prepare_text(bytes, length, &out->text);
		case CRM_FIELD_POSTCODE:
			return crm_prepare_postcode(bytes, length, &out->text);
		case CRM_FIELD_DATE:
			return crm_prepare_date(bytes, length, &out->date);
		case CRM_FIELD_PHONE:
			return crm_prepare_phone(bytes, length, &out->digits);
		case CRM_FIELD_EMAIL:
			return crm_prepare_email(bytes, length, &out->email);
		case CRM_FIELD_NATIONAL_ID:
			return crm_prepare_national_id(bytes, length, &out->digits);
		case CRM_FIELD_ADDRESS:
			return crm_prepare_address(bytes, length, &out->address);
		case CRM_FIELD_NUMBER:
			return crm_prepare_number(bytes, length, &out->number);
	}
	return false;
}

int
crm_compare(CrmCompareField field, const CrmPrepared *a, const CrmPrepared *b)
{
	switch (field)
	{
		case CRM_FIELD_NAME:
			return crm_compare_name(&a->name, &b->name);
		case CRM_FIELD_GIVEN:
			return crm_compare_given(&a->text, &b->text);
		case CRM_FIELD_TEXT:
			return crm_compare_text(&a->text, &b->text);
		case CRM_FIELD_POSTCODE:
			return crm_compare_postcode(&a->text, &b->text);
		case CRM_FIELD_DATE:
			return crm_compare_date(&a->date, &b->date);
		case CRM_FIELD_PHONE:
			return crm_compare_phone(&a->digits, &b->digits);
		case CRM_FIELD_EMAIL:
			return crm_compare_email(&a->email, &b->email);
		case CRM_FIELD_NATIONAL_ID:
			return crm_compare_national_id(&a->digits, &b->digits);
		case CRM_FIELD_ADDRESS:
			return crm_compare_address(&a->address, &b->address);
		case CRM_FIELD_NUMBER:
			return crm_compare_number(&a->number, &b->number);
	}
	return CRM_LEVEL_NULL;
}

int
crm_compare_levels(CrmCompareField field)
{
	return fields[field].n_levels;
}

const char *
crm_compare_field_name(CrmCompareField field)
{
	return fields[field].name;
}

int
crm_compare_field_of(const char *word)
{
	for (int field = 0; field < CRM_COMPARE_FIELDS; field++)
		if (strcmp(fields[field].name, word) == 0)
			return field;
	return -1;
}

const char *
crm_compare_level_text(CrmCompareField field, int level, bool in_chinese)
{
	if (level < 0 || level >= fields[field].n_levels)
		return in_chinese ? "未提供" : "not told";
	return in_chinese ? fields[field].chinese[level] : fields[field].english[level];
}
