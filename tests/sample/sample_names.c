/*
 * sample_names.c
 *		Names as Chinese families give them, and as clerks write them down.
 *
 * A given name comes from lists by sex and time of birth, the commoner character first; 14 %
 * have one character, 85 % two, 1 % three.  What goes wrong in a record (homophone, title,
 * traditional characters, pinyin, mask) is applied when the text is made.
 */
#include <string.h>

#include "sample.h"

enum
{
	ERAS = 5,
	LIST_MAX = 24
};

typedef enum Place
{
	ALONE, FIRST, SECOND, PLACES
} Place;

static const int era_ends[ERAS] = {1965, 1975, 1985, 1995, 9999};

/* [female][era][place] */
static const char *const given_lists[2][ERAS][PLACES] = {
	{
		{"伟国平明华忠林强勇军生祥福海荣德贵", "国建志文德永世金玉明福天长", "华明平忠林生祥福民军强荣贵海"},
		{"军勇伟强平斌明刚林涛辉波毅健华", "国建志文海永卫红小新春晓", "军华平明国强林民伟勇辉峰"},
		{"伟涛磊勇军强杰斌鹏超刚辉波浩亮峰", "志建文海晓小俊永国春少金", "伟军强华明勇峰辉平刚涛杰"},
		{"伟磊超杰鹏涛浩帅宇凯亮斌旭龙翔", "志俊文海家晓嘉子建浩宇", "伟杰豪鹏斌龙峰文辉强飞超"},
		{"浩宇杰帅轩涛凯睿博昊鑫毅阳翔", "子浩宇俊嘉梓文家一天泽", "轩豪涵杰宇文阳博睿辰航"}
	},
	{
		{"英芳兰玲珍萍华敏梅霞娟琴", "秀桂玉淑凤美春小素爱月", "英兰珍芳华云梅荣琴香莲霞"},
		{"芳敏静丽萍红玲霞艳英娟梅燕", "秀丽玉小春海淑晓美建红", "英华芳萍红梅玲霞珍敏燕琴"},
		{"静丽敏燕芳艳娟娜霞婷洁颖", "丽小晓海秀春艳玉红雪美", "丽娟燕萍红霞华敏芳玲英娜"},
		{"婷静敏丹颖雪倩娜洁莉琳佳", "晓雪婷佳小思梦丹慧嘉莉", "婷敏娟燕静洁颖丽芳雯倩"},
		{"婷欣悦颖怡琪雪佳莹静琳", "思雨梦佳欣子诗雅怡可", "怡涵琪萱婷彤颖悦欣雯琳妍"}
	}
};

static uint16_t given[2][ERAS][PLACES][LIST_MAX];
static int	given_count[2][ERAS][PLACES];
static double surname_weight[512];
static double rank_weight[PLACES][LIST_MAX];

static int
glyph_find(const char *han)
{
	int			i;

	for (i = 0; i < lexicon_size; i++)
		if (strncmp(lexicon[i].han, han, 3) == 0)
			return i;
	fail("the character %.3s is missing in the lexicon", han);
}

/* Every character of the lists takes three bytes. */
static void
list_load(int female, int era, int place)
{
	const char *at = given_lists[female][era][place];
	int			count = 0;

	for (; *at; at += 3)
		given[female][era][place][count++] = (uint16_t) glyph_find(at);
	given_count[female][era][place] = count;
}

void
names_init(void)
{
	int			i;

	for (i = 0; i < surname_count; i++)
		surname_weight[i] = surnames[i].share;
	for (i = 0; i < LIST_MAX; i++)
	{
		rank_weight[ALONE][i] = 1.0 / (i + 3);
		rank_weight[FIRST][i] = 1.0 / (i + 5);
		rank_weight[SECOND][i] = 1.0 / (i + 5);
	}
	for (i = 0; i < 2 * ERAS * PLACES; i++)
		list_load(i / (ERAS * PLACES), i / PLACES % ERAS, i % PLACES);
}

static uint16_t
given_pick(Rng *rng, bool female, int era, Place place)
{
	return given[female][era][place][rng_weighted(rng, rank_weight[place],
												  given_count[female][era][place])];
}

Name
name_random(Rng *rng, bool female, int birth_year)
{
	double		length = rng_unit(rng);
	int			era = 0;
	Name		name = {0};

	while (birth_year >= era_ends[era])
		era++;
	name.surname = (uint16_t) rng_weighted(rng, surname_weight, surname_count);
	if (length < .14)
	{
		name.given_count = 1;
		name.given[0] = given_pick(rng, female, era, ALONE);
		return name;
	}
	name.given_count = length < .99 ? 2 : 3;
	name.given[0] = given_pick(rng, female, era, FIRST);
	do
		name.given[1] = given_pick(rng, female, era, SECOND);
	while (name.given[1] == name.given[0]);
	name.given[2] = given_pick(rng, female, era, SECOND);
	return name;
}

/* Another character of the same reading; the same one when there is none. */
static int
homophone_of(int glyph, uint64_t salt)
{
	int			found[16];
	int			count = 0;
	int			i;

	for (i = 0; i < lexicon_size && count < 16; i++)
		if (i != glyph && strcmp(lexicon[i].pinyin, lexicon[glyph].pinyin) == 0)
			found[count++] = i;
	return count == 0 ? glyph : found[salt % (uint64_t) count];
}

bool
name_has_homophone(const Name *name)
{
	return homophone_of(name->given[name->given_count - 1], 0)
		!= name->given[name->given_count - 1];
}

static void
pinyin_text(const Name *name, char *out)
{
	int			i;

	strcpy(out, surnames[name->surname].pinyin);
	strcat(out, " ");
	for (i = 0; i < name->given_count; i++)
		strcat(out, lexicon[name->given[i]].pinyin);
}

/* 王小明 becomes 王*明 or 王**, as platforms show it. */
static void
masked_text(const Name *name, uint64_t salt, char *out)
{
	strcpy(out, surnames[name->surname].han);
	if (name->given_count == 1)
		strcat(out, "*");
	else if (salt % 3 == 0)
		strcat(out, "**");
	else
	{
		strcat(out, "*");
		strcat(out, lexicon[name->given[name->given_count - 1]].han);
	}
}

/* The name as this record has it; "flags" are RecordFlag, "out" holds 64 bytes. */
void
name_text(const Name *name, uint32_t flags, uint64_t salt, bool female, char *out)
{
	const Surname *surname = &surnames[name->surname];
	bool		traditional = flags & REC_NAME_TRADITIONAL;
	int			i;

	if (flags & REC_NAME_PINYIN)
	{
		pinyin_text(name, out);
		return;
	}
	if (flags & REC_NAME_MASKED)
	{
		masked_text(name, salt, out);
		return;
	}
	strcpy(out, traditional && surname->traditional ? surname->traditional : surname->han);
	if (flags & REC_NAME_TITLE)
	{
		strcat(out, female ? "女士" : "先生");
		return;
	}
	for (i = 0; i < name->given_count; i++)
	{
		int			glyph = name->given[i];

		if ((flags & REC_NAME_HOMOPHONE) && i == name->given_count - 1)
			glyph = homophone_of(glyph, salt);
		strcat(out, traditional && lexicon[glyph].traditional ? lexicon[glyph].traditional
			   : lexicon[glyph].han);
	}
}

/* What people call themselves in the mini-program. */
void
nickname_text(uint64_t salt, char *out)
{
	static const char *const moods[] = {
		"快乐的", "安静", "阳光", "小小", "爱吃的", "早起的", "一只", "夏天的", "慢慢", "清风"
	};
	static const char *const things[] = {
		"柠檬", "兔子", "向日葵", "猫咪", "海浪", "云朵", "橙子", "宝妈", "行者", "豆豆", "星星",
		"桃子"
	};

	sprintf(out, "%s%s", moods[salt % 10], things[salt / 10 % 12]);
	if (salt / 120 % 3 == 0)
		sprintf(out + strlen(out), "%d", (int) (salt / 360 % 1000));
}
