/*
 * name_words.c - words that stand around Chinese names or in their place.
 *
 * Called by normalize_name.c alone, with text that is folded already.  The lists are short
 * and read in order; a name is looked at once when it arrives.
 */
#include <string.h>

#include "pure/name_words.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define COMPOUND_BYTES 6		/* two characters of three bytes */

static const char *const compounds[] = {
	"欧阳", "上官", "皇甫", "令狐", "司徒", "诸葛", "司马", "夏侯", "尉迟", "公孙", "慕容", "长孙",
	"宇文", "司空", "鲜于", "闾丘", "端木", "东方", "独孤", "南宫", "万俟", "闻人", "赫连", "澹台",
	"宗政", "濮阳", "公冶", "太叔", "申屠", "仲孙", "钟离", "轩辕", "呼延", "百里", "东郭", "南门",
	"西门", "公羊", "单于", "淳于", "亓官", "司寇", "巫马", "公西", "颛孙", "壤驷", "公良", "漆雕",
	"乐正", "宰父", "谷梁", "拓跋", "夹谷", "段干", "羊舌", "微生", "梁丘", "左丘", "第五", "太史",
	"纳兰", "完颜", "达奚", "褚师", "即墨", "叶赫", "子车", "贺兰", "耶律", "爱新"
};

typedef struct Title
{
	const char *word;
	char		sex;
} Title;

static const Title titles_behind[] = {
	{"先生", 'M'}, {"男士", 'M'}, {"师傅", 0}, {"女士", 'F'}, {"小姐", 'F'}, {"太太", 'F'}, {"夫人", 'F'},
	{"女生", 'F'}, {"老师", 0}, {"同学", 0}, {"经理", 0}, {"老板", 0}, {"医生", 0}, {"教授", 0},
	{"阿姨", 'F'}, {"叔叔", 'M'}
};

/* These end given names too: 王总 is a title, 王大姐 only where 王大 is no surname. */
static const Title titles_behind_surname[] = {{"总", 0}, {"姐", 'F'}, {"哥", 'M'}, {"工", 0}, {"董", 0}};

static const Title titles_before[] = {
	{"mr", 'M'}, {"mrs", 'F'}, {"ms", 'F'}, {"miss", 'F'}, {"dr", 0}, {"prof", 0}
};

static const char *const inventions[] = {
	"未知", "未知姓名", "匿名", "匿名用户", "匿名顾客", "无", "无名", "无名氏", "没有", "暂无", "测试", "测试用户",
	"测试账号", "测试员", "微信用户", "支付宝用户", "抖音用户", "会员", "新会员", "普通会员", "顾客", "客户", "新客户",
	"散客", "游客", "路人", "用户", "新用户", "默认", "默认用户", "姓名", "先生", "女士", "小姐", "收货人", "本人",
	"保密", "不详", "已注销", "注销用户", "京东用户", "淘宝用户",
	"test", "tester", "testing", "test user", "testuser", "null", "none", "nil", "n/a", "na", "nan", "unknown",
	"anonymous", "guest", "customer", "user", "member", "new member", "name", "no name", "noname", "default",
	"undefined", "admin", "asdf", "qwer", "qwerty", "abc", "xxx", "temp"
};

/* Invented when digits follow: 会员10086, 用户_1234, wxid_ab12. */
static const char *const invented_heads[] = {
	"用户", "会员", "顾客", "客户", "微信用户", "游客", "匿名", "测试", "手机用户", "test", "user", "guest", "member",
	"customer", "wxid"
};

static bool
starts_with(const char *text, size_t length, const char *word)
{
	return strlen(word) <= length && memcmp(text, word, strlen(word)) == 0;
}

bool
crm_name_is_compound(const char *text, size_t length)
{
	size_t		i;

	if (length < COMPOUND_BYTES)
		return false;
	for (i = 0; i < LENGTH_OF(compounds); i++)
		if (memcmp(text, compounds[i], COMPOUND_BYTES) == 0)
			return true;
	return false;
}

/* Finds a title at the end that leaves something in front of it. */
static size_t
find_behind(const Title *titles, size_t count, const char *text, size_t length, char *sex)
{
	size_t		i;

	for (i = 0; i < count; i++)
	{
		size_t		bytes = strlen(titles[i].word);

		if (bytes < length && memcmp(text + length - bytes, titles[i].word, bytes) == 0)
		{
			*sex = titles[i].sex;
			return bytes;
		}
	}
	return 0;
}

size_t
crm_name_title_behind(const char *text, size_t length, bool is_surname, char *sex)
{
	size_t		bytes = find_behind(titles_behind, LENGTH_OF(titles_behind), text, length, sex);

	if (bytes == 0 && is_surname)
		bytes = find_behind(titles_behind_surname, LENGTH_OF(titles_behind_surname), text, length,
							sex);
	return bytes;
}

size_t
crm_name_title_before(const char *text, size_t length, char *sex)
{
	size_t		i;

	for (i = 0; i < LENGTH_OF(titles_before); i++)
	{
		size_t		bytes = strlen(titles_before[i].word);

		if (!starts_with(text, length, titles_before[i].word) || bytes >= length ||
			(text[bytes] != ' ' && text[bytes] != '.'))
			continue;
		while (bytes < length && (text[bytes] == ' ' || text[bytes] == '.'))
			bytes++;
		*sex = titles_before[i].sex;
		return bytes;
	}
	return 0;
}

/* Digits, letters and underscores to the end, at least one of them a digit. */
static bool
is_serial(const char *text, size_t length)
{
	bool		has_digit = false;
	size_t		i;

	for (i = 0; i < length; i++)
	{
		if (text[i] >= '0' && text[i] <= '9')
			has_digit = true;
		else if (!(text[i] >= 'a' && text[i] <= 'z') && text[i] != '_' && text[i] != '-')
			return false;
	}
	return has_digit;
}

/* No letter of any script: digits, signs, emptiness. */
static bool
has_no_letter(const char *text, size_t length)
{
	size_t		i;

	for (i = 0; i < length; i++)
		if ((unsigned char) text[i] >= 0x80 || (text[i] >= 'a' && text[i] <= 'z'))
			return false;
	return true;
}

/* One ASCII letter over and over: a, aaa. */
static bool
is_one_letter(const char *text, size_t length)
{
	return (unsigned char) text[0] < 0x80 &&
		(length == 1 || memcmp(text, text + 1, length - 1) == 0);
}

bool
crm_name_is_invented(const char *text, size_t length)
{
	size_t		i;

	if (length == 0 || has_no_letter(text, length) || is_one_letter(text, length))
		return true;
	for (i = 0; i < LENGTH_OF(inventions); i++)
		if (strlen(inventions[i]) == length && memcmp(text, inventions[i], length) == 0)
			return true;
	for (i = 0; i < LENGTH_OF(invented_heads); i++)
	{
		size_t		bytes = strlen(invented_heads[i]);

		if (starts_with(text, length, invented_heads[i]) &&
			is_serial(text + bytes, length - bytes))
			return true;
	}
	return false;
}
