/*
 * unit_compare.c - levels of every field, the lunar calendar, and real addresses taken apart.
 *
 * The real addresses (18,367 of Chinese businesses) lie beside the project and are skipped
 * without them.
 */
#include "tap.h"
#include "pure/compare.h"
#include "pure/localday.h"
#include "pure/lunar.h"
#include "pure/pinyin.h"

#define REAL_ADDRESSES "../shared/data/identity/zh_address_cpca/addr.csv"

typedef struct Case
{
	CrmCompareField field;
	const char *a;
	const char *b;
	int			level;
} Case;

static const Case cases[] = {
	{CRM_FIELD_NAME, "张伟", "张伟", CRM_NAME_EXACT},
	{CRM_FIELD_NAME, "張偉", "张伟", CRM_NAME_VARIANT},
	{CRM_FIELD_NAME, "张伟先生", "张伟", CRM_NAME_VARIANT},
	{CRM_FIELD_NAME, "张 伟", "张伟", CRM_NAME_VARIANT},
	{CRM_FIELD_NAME, "张伟", "张玮", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "张伟", "Zhang Wei", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "张伟", "ZHANGWEI", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "张伟", "Wei Zhang", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "单田芳", "Shan Tianfang", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "曾国藩", "zeng guo-fan", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "欧阳娜娜", "Ouyang Nana", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "欧阳娜娜", "ou yang na na", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "欧**", "欧阳娜娜", CRM_NAME_SURNAME_KNOWN},
	{CRM_FIELD_NAME, "欧阳**", "欧**", CRM_NAME_SURNAME_KNOWN},
	{CRM_FIELD_NAME, "欧女士", "欧阳娜娜", CRM_NAME_DIFFERENT},
	{CRM_FIELD_NAME, "阳**", "欧阳娜娜", CRM_NAME_DIFFERENT},
	{CRM_FIELD_NAME, "*东", "*东", CRM_NAME_MASKED},
	{CRM_FIELD_NAME, "*东", "刘东", CRM_LEVEL_NULL},
	{CRM_FIELD_NAME, "单于明", "Chanyu Ming", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "缪荣", "Miao Rong", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "陈伟", "Chan Wei", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "黄伟", "Wong Wei", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "谢伟", "Hsieh Wei", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "张欣", "张星", CRM_NAME_SOUNDS_NEAR},
	{CRM_FIELD_NAME, "刘兰", "刘南", CRM_NAME_SOUNDS_NEAR},
	{CRM_FIELD_NAME, "张三丰", "张三封", CRM_NAME_SAME_SOUND},
	{CRM_FIELD_NAME, "王小明", "王晓芳", CRM_NAME_GIVEN_DIFFERS},
	{CRM_FIELD_NAME, "王小明", "王大明", CRM_NAME_ONE_EDIT},
	{CRM_FIELD_NAME, "王小明", "王明", CRM_NAME_ONE_EDIT},
	{CRM_FIELD_NAME, "明王小", "小明王", CRM_NAME_VARIANT},
	{CRM_FIELD_NAME, "Zhang S.", "张三", CRM_NAME_INITIAL},
	{CRM_FIELD_NAME, "Z Wei", "Zhang Wei", CRM_NAME_INITIAL},
	{CRM_FIELD_NAME, "Zhang SF", "张三丰", CRM_NAME_INITIAL},
	{CRM_FIELD_NAME, "张*丰", "张三丰", CRM_NAME_MASKED},
	{CRM_FIELD_NAME, "张*丰", "张三封", CRM_NAME_DIFFERENT},
	{CRM_FIELD_NAME, "张**", "张三丰", CRM_NAME_SURNAME_KNOWN},
	{CRM_FIELD_NAME, "张**", "张**", CRM_NAME_SURNAME_KNOWN},
	{CRM_FIELD_NAME, "张**", "王三丰", CRM_NAME_DIFFERENT},
	{CRM_FIELD_NAME, "王先生", "王伟", CRM_NAME_SURNAME_KNOWN},
	{CRM_FIELD_NAME, "王女士", "王老师", CRM_NAME_SURNAME_KNOWN},
	{CRM_FIELD_NAME, "王伟", "王芳", CRM_NAME_GIVEN_DIFFERS},
	{CRM_FIELD_NAME, "王伟", "李芳", CRM_NAME_DIFFERENT},
	{CRM_FIELD_NAME, "匿名", "李芳", CRM_LEVEL_NULL},
	{CRM_FIELD_NAME, "", "李芳", CRM_LEVEL_NULL},
	{CRM_FIELD_NAME, "John Smith", "Smith John", CRM_NAME_VARIANT},
	{CRM_FIELD_NAME, "J. Smith", "John Smith", CRM_NAME_INITIAL},
	{CRM_FIELD_NAME, "John Smith", "Jonh Smith", CRM_NAME_ONE_EDIT},
	{CRM_FIELD_ADDRESS, "翠微路488号翠湖小区24号楼3单元1203", "翠微路488号翠湖小区24-3-1203", CRM_ADDRESS_UNIT},
	{CRM_FIELD_ADDRESS, "翠微路488号翠湖小区24-3-1203", "翠微路488号翠湖小区24-3-1204", CRM_ADDRESS_CONTRADICTION},
	{CRM_FIELD_ADDRESS, "世纪大道1号8幢1204室", "世纪大道1号8-1204", CRM_ADDRESS_UNIT},
	{CRM_FIELD_NAME, "John Smith", "Mary Jones", CRM_NAME_DIFFERENT},
	{CRM_FIELD_GIVEN, "José", "jose", CRM_GIVEN_EXACT},
	{CRM_FIELD_GIVEN, "william", "williams", CRM_GIVEN_NEAREST},
	{CRM_FIELD_GIVEN, "j", "john", CRM_GIVEN_INITIAL},
	{CRM_FIELD_GIVEN, "dixon", "dicksonx", CRM_GIVEN_FAR},
	{CRM_FIELD_GIVEN, "john", "mary", CRM_GIVEN_DIFFERENT},
	{CRM_FIELD_GIVEN, " ", "mary", CRM_LEVEL_NULL},
	{CRM_FIELD_DATE, "1990-05-01", "1990/5/1", CRM_BIRTHDAY_EXACT},
	{CRM_FIELD_DATE, "1990-05-01", "1990-01-05", CRM_BIRTHDAY_TYPO},
	{CRM_FIELD_DATE, "1990-05-01", "1990-05-21", CRM_BIRTHDAY_TYPO},
	{CRM_FIELD_DATE, "1990-05-12", "1990-05-21", CRM_BIRTHDAY_TYPO},
	{CRM_FIELD_DATE, "1990-05-01", "1991-05-01", CRM_BIRTHDAY_MONTH_DAY},
	{CRM_FIELD_DATE, "1990-05-01", "05-01", CRM_BIRTHDAY_MONTH_DAY},
	{CRM_FIELD_DATE, "1990-10-03", "农历1990年8月15日", CRM_BIRTHDAY_LUNAR},
	{CRM_FIELD_DATE, "1990-10-03", "1990-08-15", CRM_BIRTHDAY_LUNAR},
	{CRM_FIELD_DATE, "1990-05-01", "1990-11-27", CRM_BIRTHDAY_YEAR},
	{CRM_FIELD_DATE, "1990-05-01", "1996-11-27", CRM_BIRTHDAY_DECADE},
	{CRM_FIELD_DATE, "1990-05-01", "1942-11-27", CRM_BIRTHDAY_DIFFERENT},
	{CRM_FIELD_DATE, "1990-05-01", "1900-01-01", CRM_LEVEL_NULL},
	{CRM_FIELD_PHONE, "139 5720 6681", "+86 13957206681", CRM_TELEPHONE_EXACT},
	{CRM_FIELD_PHONE, "13957206681", "13957206682", CRM_TELEPHONE_TYPO},
	{CRM_FIELD_PHONE, "13957206681", "13957206618", CRM_TELEPHONE_TYPO},
	{CRM_FIELD_PHONE, "139****6681", "13957206681", CRM_TELEPHONE_MASKED},
	{CRM_FIELD_PHONE, "139****6682", "13957206681", CRM_TELEPHONE_DIFFERENT},
	{CRM_FIELD_PHONE, "13957206681", "13800138000", CRM_LEVEL_NULL},
	{CRM_FIELD_EMAIL, "Zhang.Wei@gmail.com", "zhangwei+x@googlemail.com", CRM_MAIL_EXACT},
	{CRM_FIELD_EMAIL, "zhangwei@qq.com", "zhangwe@qq.com", CRM_MAIL_TYPO},
	{CRM_FIELD_EMAIL, "zhangwei@163.com", "zhangwei@sina.cn", CRM_MAIL_LOCAL},
	{CRM_FIELD_EMAIL, "zhangwei88@163.com", "zhangwei90@sina.cn", CRM_MAIL_NEAR},
	{CRM_FIELD_EMAIL, "zhangwei@163.com", "bob@sina.cn", CRM_MAIL_DIFFERENT},
	{CRM_FIELD_EMAIL, "noreply@163.com", "bob@sina.cn", CRM_LEVEL_NULL},
	{CRM_FIELD_NATIONAL_ID, "11010519491231002X", "110105491231002", CRM_NATIONAL_ID_EXACT},
	{CRM_FIELD_NATIONAL_ID, "11010519491231002X", "110***********002X", CRM_NATIONAL_ID_MASKED},
	{CRM_FIELD_NATIONAL_ID, "11010519491231002X", "110***********003X", CRM_NATIONAL_ID_DIFFERENT},
	{CRM_FIELD_NATIONAL_ID, "11010519491231002X", "110105194912310021", CRM_LEVEL_NULL},
	{CRM_FIELD_POSTCODE, "SW1A 1AA", "sw1a1aa", CRM_POSTCODE_EXACT},
	{CRM_FIELD_POSTCODE, "SW1A 1AA", "SW1A 2BB", CRM_POSTCODE_DISTRICT},
	{CRM_FIELD_POSTCODE, "200030", "200040", CRM_POSTCODE_TYPO},
	{CRM_FIELD_POSTCODE, "200030", "200099", CRM_POSTCODE_DISTRICT},
	{CRM_FIELD_POSTCODE, "200030", "201188", CRM_POSTCODE_AREA},
	{CRM_FIELD_POSTCODE, "200030", "518000", CRM_POSTCODE_DIFFERENT},
	{CRM_FIELD_TEXT, "Sheffield", "SHEFFIELD ", CRM_TEXT_EXACT},
	{CRM_FIELD_TEXT, "Sheffield", "Shefield", CRM_TEXT_NEAR},
	{CRM_FIELD_TEXT, "York", "north York", CRM_TEXT_CONTAINED},
	{CRM_FIELD_TEXT, "London", "Paris", CRM_TEXT_DIFFERENT},
	{CRM_FIELD_NUMBER, "1,000.50", "1000.5", CRM_NUMBER_EXACT},
	{CRM_FIELD_NUMBER, "1000", "1009", CRM_NUMBER_NEAR},
	{CRM_FIELD_NUMBER, "1000", "-1000", CRM_NUMBER_DIFFERENT},
	{CRM_FIELD_NUMBER, "1000", "ten", CRM_LEVEL_NULL},
	{CRM_FIELD_ADDRESS, "上海市徐汇区天钥桥路408号703室", "徐汇区天钥桥路四〇八号 703", CRM_ADDRESS_UNIT},
	{CRM_FIELD_ADDRESS, "上海市徐汇区天钥桥路408号703室", "徐汇区天钥桥路408号704室", CRM_ADDRESS_CONTRADICTION},
	{CRM_FIELD_ADDRESS, "上海市徐汇区天钥桥路408号703室", "天钥桥路410号703室", CRM_ADDRESS_CONTRADICTION},
	{CRM_FIELD_ADDRESS, "上海市徐汇区天钥桥路408号703室", "上海徐汇天钥桥路408号", CRM_ADDRESS_BUILDING},
	{CRM_FIELD_ADDRESS, "上海市徐汇区天钥桥路408号", "上海市黄浦区天钥桥路408号", CRM_ADDRESS_CONTRADICTION},
	{CRM_FIELD_ADDRESS, "上海市徐汇区天钥桥路408号", "上海市徐汇区", CRM_ADDRESS_AREA},
	{CRM_FIELD_ADDRESS, "阳光花园A座三单元1201室", "阳光花园（南区）a座3单元1201", CRM_ADDRESS_UNIT},
	{CRM_FIELD_ADDRESS, "阳光花园十二幢301室", "阳光花园12栋301", CRM_ADDRESS_UNIT},
	{CRM_FIELD_ADDRESS, "阳光花园12幢301室", "阳光花园13幢301室", CRM_ADDRESS_CONTRADICTION},
	{CRM_FIELD_ADDRESS, "虹桥路2489弄29幢101室", "虹桥路2489弄29号101室", CRM_ADDRESS_UNIT},
	{CRM_FIELD_ADDRESS, "", "虹桥路2489弄29号101室", CRM_LEVEL_NULL},
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
	{
		const Case *c = &cases[i];
		CrmPrepared a;
		CrmPrepared b;
		char		label[200];

		crm_prepare(c->field, c->a, strlen(c->a), &a);
		crm_prepare(c->field, c->b, strlen(c->b), &b);
		snprintf(label, sizeof label, "%s: %s, %s", crm_compare_field_name(c->field), c->a, c->b);
		is_int(crm_compare(c->field, &a, &b), c->level, label);
		CHECK(crm_compare(c->field, &b, &a) == c->level);
	}
	CHECKED("all of them the other way round too");
}

static void
test_words(void)
{
	for (int field = 0; field < CRM_COMPARE_FIELDS; field++)
	{
		CHECK(crm_compare_field_of(crm_compare_field_name(field)) == field);
		for (int level = CRM_LEVEL_NULL; level < crm_compare_levels(field); level++)
		{
			CHECK(*crm_compare_level_text(field, level, false) != '\0');
			CHECK(*crm_compare_level_text(field, level, true) != '\0');
		}
	}
	CHECKED("every level has its words in both languages");
}

/* First days of years of the Chinese calendar, from almanacs. */
static void
test_lunar(void)
{
	static const int days[][3] = {{1900, 1, 31}, {1949, 1, 29}, {1954, 2, 3}, {1985, 2, 20}, {1990, 1, 27},
		{2000, 2, 5}, {2023, 1, 22}, {2024, 2, 10}, {2025, 1, 29}, {2033, 1, 31}, {2100, 2, 9}};
	CrmLunarDay lunar;
	int32_t		day;

	for (size_t i = 0; i < sizeof days / sizeof *days; i++)
	{
		day = crm_localday_number(days[i][0], days[i][1], days[i][2]);
		CHECK(crm_lunar_of_day(day, &lunar) && lunar.year == days[i][0] && lunar.month == 1 &&
			  lunar.day == 1 && !lunar.is_leap);
	}
	CHECKED("first days of years");
	for (day = crm_localday_number(1900, 1, 31); day < crm_localday_number(2101, 1, 29); day++)
	{
		int32_t		back = 0;

		CHECK(crm_lunar_of_day(day, &lunar) && crm_lunar_to_day(&lunar, &back) && back == day);
	}
	CHECKED("every day of 201 years goes there and back");
	ok(!crm_lunar_of_day(crm_localday_number(1900, 1, 30), &lunar), "no day before the table");
	ok(!crm_lunar_of_day(crm_localday_number(2101, 1, 29), &lunar), "no day behind the table");
	lunar = (CrmLunarDay) {2023, 2, 20, true};
	ok(crm_lunar_to_day(&lunar, &day) && day == crm_localday_number(2023, 4, 10), "a leap month");
}

static void
test_readings(void)
{
	static const uint16_t shan[] = {0x5355};
	uint16_t	syllable[2];

	crm_pinyin_surname(shan, 1, syllable);
	is_str(crm_pinyin_letters(syllable[0]), "shan", "a surname has its own reading");
	is_str(crm_pinyin_letters(crm_pinyin_syllable(0x5355)), "dan", "elsewhere the common one");
	is_str(crm_pinyin_letters(crm_pinyin_syllable('a')), "", "no reading for what is no character");
}

static void
test_real_addresses(void)
{
	FILE	   *file = fopen(REAL_ADDRESSES, "r");
	char		line[4096];
	long		lines = 0;
	long		known = 0;
	long		district = 0;
	long		number = 0;
	long		inside = 0;

	if (file == NULL)
	{
		skip("real addresses", "they lie beside the project");
		return;
	}
	while (fgets(line, sizeof line, file) && ++lines)
	{
		CrmAddress	address;

		known += crm_prepare_address(line, strcspn(line, ",\r\n"), &address);
		district += address.code % 100 != 0 || address.district != 0;
		number += address.number != 0 || address.lane != 0;
		inside += address.room != 0 || address.floor != 0 || address.building != 0;
		CHECK(address.code == 0 || *crm_address_area_name(address.code) != '\0');
	}
	fclose(file);
	CHECKED("every area found is one");
	printf("# %ld lines: %ld read, district %ld, number %ld, building, floor or room %ld\n",
		   lines, known, district, number, inside);
	ok(district * 2 > lines, "more than half of them tell a district that is found");
}

int
main(void)
{
	test_cases();
	test_words();
	test_lunar();
	test_readings();
	test_real_addresses();
	return done();
}
