/* unit_name.c - personal names: keys, surnames, titles, masks, inventions. */
#include "tap.h"
#include "pure/name_parts.h"
#include "pure/normalize_name.h"
#include "pure/utf8.h"

typedef struct Case
{
	const char *text;
	const char *key;
	const char *surname;
	const char *masked;
	const char *flags;			/* h Han, * masked, p placeholder, s surname only, M F sex */
} Case;

static const Case cases[] = {
	{"张伟", "张伟", "张", "张**", "h"},
	{"張偉", "张伟", "张", "张**", "h"},
	{" 张　伟 ", "张伟", "张", "张**", "h"},
	{"歐陽娜娜", "欧阳娜娜", "欧阳", "欧阳**", "h"},
	{" 歐陽　娜娜 女士", "欧阳娜娜", "欧阳", "欧阳**", "hF"},
	{"夏侯", "夏侯", "夏", "夏**", "h"},
	{"司马先生", "司马", "司马", "司马**", "hsM"},
	{"王先生", "王", "王", "王**", "hsM"},
	{"王小明先生", "王小明", "王", "王**", "hM"},
	{"李老师", "李", "李", "李**", "hs"},
	{"王总", "王", "王", "王**", "hs"},
	{"李凤姐", "李凤姐", "李", "李**", "h"},
	{"张姐", "张", "张", "张**", "hsF"},
	{"张小姐（会员）", "张", "张", "张**", "hsF"},
	{"张伟[VIP]", "张伟", "张", "张**", "h"},
	{"Zhang Wei (VIP)", "zhang wei", "", "z**", ""},
	{"张 伟 (）", "张伟", "张", "张**", "h"},	/* spaces that go leave no bracket behind */
	{"(张伟)", "(张伟)", "", "(**", "h"},
	{"陈(女士)", "陈", "陈", "陈**", "hsF"},
	{"张**", "张**", "张", "张**", "h*s"},
	{"张＊伟", "张*伟", "张", "张**", "h*"},
	{"张XX", "张**", "张", "张**", "h*s"},
	{"张某某", "张**", "张", "张**", "h*s"},
	{"欧阳**", "欧阳**", "欧阳", "欧阳**", "h*s"},
	{"*伟", "*伟", "", "**", "h*"},
	{"古丽·买买提", "古丽买买提", "古", "古**", "h"},
	{"李乾", "李乾", "李", "李**", "h"},
	{"葉錦添", "叶锦添", "叶", "叶**", "h"},
	{"Wei Zhang", "wei zhang", "", "w**", ""},
	{"  WEI   zhang ", "wei zhang", "", "w**", ""},
	{"ＷＥＩ", "wei", "", "w**", ""},
	{"Mr. Wei Zhang", "wei zhang", "", "w**", "M"},
	{"Mrs Li", "li", "", "l**", "F"},
	{"José Álvarez", "josé álvarez", "", "j**", ""},
	{"O'Neil-Smith", "o'neil-smith", "", "o**", ""},
	{"匿名", "匿名", "", "匿**", "hp"},
	{"微信用户", "微信用户", "", "微**", "hp"},
	{"会员10086", "会员10086", "", "会**", "hp"},
	{"用户_a1b2", "用户_a1b2", "", "用**", "hp"},
	{"先生", "先生", "", "先**", "hp"},
	{"測試", "测试", "", "测**", "hp"},
	{"Test", "test", "", "t**", "p"},
	{"N/A", "n/a", "", "n**", "p"},
	{"13912345678", "13912345678", "", "1**", "p"},
	{"aaa", "aaa", "", "a**", "p"},
	{"-", "-", "", "-**", "p"},
	{"***", "***", "", "**", "p"},
};

static void
test_cases(void)
{
	size_t		i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++)
	{
		const Case *want = &cases[i];
		CrmName		name;
		char		got[600];
		char		expected[600];

		CHECK(crm_name_normalize(want->text, strlen(want->text), &name));
		snprintf(got, sizeof got, "%s|%.*s|%s|%s%s%s%s%s", name.key, (int) name.surname_length,
				 name.key, name.masked, name.is_han ? "h" : "", name.is_masked ? "*" : "",
				 name.is_placeholder ? "p" : "", name.is_surname_only ? "s" : "",
				 name.sex == 'M' ? "M" : name.sex == 'F' ? "F" : "");
		snprintf(expected, sizeof expected, "%s|%s|%s|%s", want->key, want->surname,
				 want->masked, want->flags);
		is_str(got, expected, want->text);
	}
	CHECKED("all are names");
}

static void
test_refused(void)
{
	CrmName		name;
	char		long_name[3000];
	size_t		i;

	ok(!crm_name_normalize("", 0, &name), "nothing is no name");
	ok(!crm_name_normalize(" \xE3\x80\x80", 4, &name), "nor are spaces");
	ok(!crm_name_normalize("\xff", 1, &name), "nor malformed bytes");
	ok(!crm_name_normalize("a\0b", 3, &name), "nor a NUL");
	for (i = 0; i + 3 <= sizeof long_name; i += 3)
		memcpy(long_name + i, "张", 3);
	ok(crm_name_normalize(long_name, sizeof long_name, &name) && name.key_length <= CRM_NAME_MAX &&
	   crm_utf8_valid(name.key, name.key_length, NULL), "a long name is cut at a character");
}

static void
test_simplify(void)
{
	uint32_t	c;
	long		changed = 0;

	for (c = 0x80; c < 0x110000; c++)
	{
		uint32_t	simple;

		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		simple = crm_name_simplify(c);
		changed += simple != c;
		CHECK(simple == c || crm_utf8_is_han(simple));
	}
	CHECKED("every character has one simplified form");
	ok(changed > 3100 && changed < 4200, "thousands of characters change");
}

/* Whether somebody who types a beginning finds the name. */
static bool
finds(const char *key, const char *typed)
{
	CrmNameParts parts;

	crm_name_parts(key, strlen(key), &parts);
	for (int i = 0; i < parts.count; i++)
		if (parts.lengths[i] >= strlen(typed) && memcmp(parts.texts[i], typed, strlen(typed)) == 0)
			return true;
	return false;
}

static void
test_parts(void)
{
	static const struct
	{
		const char *key;
		const char *found;		/* words that find it */
		const char *missed;
	}			tried[] = {
		{"张伟", "张 张伟 伟 z zh zw zhw zhangw zwei zhangwei wei w zhang", "weizhang shang i hangwei 张张"},
		{"王小明", "wxm wangxm wxiaoming wxming xm xiaom ming 小明 m wangxiaoming", "wm wangming"},
		{"单田芳", "shan dan stf dtf shtf shantianfang tf", "chan"},
		{"曾国藩", "zeng ceng zgf", "sgf"},
		{"欧阳娜娜", "oynn ouyangnn ouyang yang nana nn", "oyna1"},
		{"单于明", "chanyu cym chym danyu", "chany1"},
		{"吕布", "lv lu lvbu lubu lb", "lyu"},
		{"wang fang", "wang fang ang fan ng", "wangfang gf"},
		{"李lily", "李lily lily l li ily", "lil1"},
		{"古丽买买提艾力", "guli glmmtal gulimaimaiti mmtal al maiti", "glal"},
		{"张*", "张 z zhang *", "zw"},
	};

	for (size_t i = 0; i < sizeof tried / sizeof *tried; i++)
	{
		char		words[200];

		snprintf(words, sizeof words, "%s", tried[i].found);
		for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
			CHECK(finds(tried[i].key, word));
		snprintf(words, sizeof words, "%s", tried[i].missed);
		for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
			CHECK(!finds(tried[i].key, word));
	}
	CHECKED("names are found by their parts and by how they are read");
}

/* Whatever a key holds, the parts stay within their room. */
static void
test_parts_bounded(void)
{
	CrmNameParts parts;
	char		key[400];

	for (int round = 0; round < 20000; round++)
	{
		size_t		length = random_u64() % sizeof key;

		for (size_t i = 0; i < length; i++)
			key[i] = round % 2 ? (char) random_u64() : "\xe5\xbc\xa0 z"[i % 5];
		crm_name_parts(key, length, &parts);
		CHECK(parts.count >= 0 && parts.count <= CRM_NAME_PARTS);
		for (int i = 0; i < parts.count; i++)
			CHECK(parts.lengths[i] > 0 && parts.lengths[i] <= CRM_NAME_PART_BYTES);
	}
	CHECKED("any bytes have bounded parts");
}

int
main(void)
{
	test_cases();
	test_refused();
	test_simplify();
	test_parts();
	test_parts_bounded();
	return done();
}
