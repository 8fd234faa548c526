/*
 * sample_goods.c
 *		240 products in 12 categories: ten goods a category, each in two sizes.
 *
 * The last category holds the pairs that belong together: breast pump and storage bags,
 * coffee machine and beans.
 */
#include <math.h>
#include <string.h>

#include "sample.h"

enum
{
	GOODS = PRODUCTS_PER_CATEGORY / 2
};

const char *const category_codes[CATEGORIES] = {
	"vitamin", "dairy", "herbal", "protein", "nuts", "babyfood", "fitness", "cake", "babywash",
	"nappy", "gift", "other"
};
const char *const category_names[CATEGORIES] = {
	"维生素", "乳制品", "滋补药食", "蛋白粉", "坚果", "婴儿辅食", "健身食品", "蛋糕", "婴儿洗护",
	"纸尿裤", "礼盒", "咖啡与母婴用具"
};

/* Of all order lines, in per cent. */
const double category_share[CATEGORIES] = {14, 13, 12, 11, 14, 7, 6, 6, 5, 5, 4, 3};

/* After how many days a buyer needs it again; 0: no rhythm. */
const int	category_refill[CATEGORIES] = {45, 20, 30, 30, 0, 0, 0, 0, 0, 21, 0, 0};

typedef struct Good
{
	const char *name;
	int			yuan;			/* price of the small size */
} Good;

static const Good goods[CATEGORIES][GOODS] = {
	{{"维生素C咀嚼片", 29}, {"复合维生素B片", 38}, {"维生素D3软胶囊", 49}, {"多种维生素矿物质片", 68},
		{"钙维生素D片", 56}, {"铁锌硒片", 45}, {"叶酸片", 32}, {"维生素E软胶囊", 42},
		{"深海鱼油软胶囊", 89}, {"叶黄素酯片", 98}},
	{{"低温鲜牛奶", 16}, {"原味酸奶", 22}, {"高钙纯牛奶", 39}, {"希腊酸奶", 35}, {"儿童奶酪棒", 29},
		{"羊奶粉", 128}, {"中老年奶粉", 88}, {"有机纯牛奶", 66}, {"马苏里拉奶酪", 45}, {"脱脂奶粉", 58}},
	{{"枸杞", 32}, {"黄芪切片", 39}, {"阿胶糕", 99}, {"燕窝饮", 168}, {"西洋参片", 138}, {"灵芝孢子粉", 188},
		{"红枣桂圆茶", 26}, {"铁皮石斛粉", 118}, {"三七粉", 78}, {"菊花茶", 19}},
	{{"乳清蛋白粉", 128}, {"大豆蛋白粉", 79}, {"乳清蛋白试用装", 19}, {"分离乳清蛋白", 188},
		{"胶原蛋白肽", 99}, {"植物蛋白饮", 36}, {"酪蛋白粉", 148}, {"儿童蛋白粉", 89},
		{"中老年蛋白粉", 108}, {"蛋白营养棒", 25}},
	{{"每日坚果", 49}, {"巴旦木", 35}, {"夏威夷果", 39}, {"腰果", 42}, {"开心果", 52}, {"核桃仁", 32},
		{"碧根果", 36}, {"南瓜子", 16}, {"葡萄干", 14}, {"混合果干", 24}},
	{{"高铁米粉", 39}, {"果泥", 15}, {"肉泥", 22}, {"蔬菜泥", 16}, {"婴儿面条", 24}, {"磨牙饼干", 19},
		{"溶豆", 26}, {"宝宝粥", 29}, {"核桃油", 59}, {"鳕鱼肠", 45}},
	{{"能量胶", 15}, {"肌酸", 79}, {"增肌粉", 138}, {"左旋肉碱", 68}, {"代餐奶昔", 59}, {"电解质冲剂", 28},
		{"鸡胸肉", 24}, {"低卡魔芋面", 18}, {"支链氨基酸", 88}, {"燕麦棒", 22}},
	{{"戚风蛋糕", 18}, {"黑森林蛋糕", 88}, {"芝士蛋糕", 68}, {"抹茶千层", 58}, {"提拉米苏", 48},
		{"全麦蛋糕", 22}, {"生日蛋糕", 128}, {"蛋黄酥", 26}, {"无糖蛋糕", 32}, {"杯子蛋糕", 15}},
	{{"婴儿沐浴露", 39}, {"婴儿洗发水", 36}, {"婴儿洗衣液", 45}, {"护臀膏", 32}, {"婴儿润肤乳", 42},
		{"婴儿湿巾", 16}, {"婴儿爽身粉", 22}, {"婴儿洗护旅行装", 19}, {"抚触油", 49}, {"奶瓶清洁剂", 26}},
	{{"新生儿纸尿裤", 49}, {"小号纸尿裤", 59}, {"中号纸尿裤", 69}, {"大号纸尿裤", 79}, {"拉拉裤", 85},
		{"夜用纸尿裤", 65}, {"纸尿裤体验装", 19}, {"学步裤", 75}, {"游泳纸尿裤", 29}, {"尿片", 35}},
	{{"坚果礼盒", 88}, {"滋补礼盒", 168}, {"燕窝礼盒", 298}, {"蜂蜜礼盒", 78}, {"茶叶礼盒", 128},
		{"糕点礼盒", 58}, {"果干礼盒", 49}, {"西洋参礼盒", 258}, {"月饼礼盒", 98}, {"年货小礼包", 32}},
	{{"电动吸奶器", 258}, {"全自动咖啡机", 888}, {"挂耳咖啡", 32}, {"冷萃咖啡液", 39}, {"速溶黑咖啡", 25},
		{"奶瓶", 45}, {"保温杯", 59}, {"辅食剪", 16}, {"量勺套装", 12}, {"便携咖啡杯", 36}}
};

/* In the last category the second size of pump and machine is what goes with it. */
static const Good companions[2] = {{"母乳储奶袋", 28}, {"意式咖啡豆", 58}};

static const char *
size_text(int product)
{
	return product % 2 == 0 ? "标准装" : "家庭装";
}

static int
companion_of(int product)
{
	if (product == PRODUCT_BAGS)
		return 0;
	return product == PRODUCT_BEANS ? 1 : -1;
}

int
product_category(int product)
{
	return product / PRODUCTS_PER_CATEGORY;
}

static const Good *
product_good(int product)
{
	int			companion = companion_of(product);

	if (companion >= 0)
		return &companions[companion];
	return &goods[product_category(product)][product % PRODUCTS_PER_CATEGORY / 2];
}

/* Prices end in .80 or .90, as on a shelf; the large size costs 1.75 times the small. */
int
product_price(int product)
{
	int			fen = product_good(product)->yuan * 100;

	if (product % 2 == 1 && companion_of(product) < 0)
		fen = fen * 7 / 4 / 100 * 100;
	return fen - (product % 3 == 0 ? 10 : 20);
}

void
product_code(int product, char *out)
{
	sprintf(out, "%c%05d", 'A' + product_category(product), 10001 + product * 7);
}

void
product_name(int product, char *out)
{
	if (companion_of(product) >= 0 || product == PRODUCT_PUMP || product == PRODUCT_MACHINE)
		strcpy(out, product_good(product)->name);
	else
		sprintf(out, "%s %s", product_good(product)->name, size_text(product));
}

/* A product of the category for about so much money; cheaper ones are bought in number. */
int
product_pick(Rng *rng, int category, double target)
{
	int			first = category * PRODUCTS_PER_CATEGORY;
	double		weights[PRODUCTS_PER_CATEGORY];
	int			i;

	for (i = 0; i < PRODUCTS_PER_CATEGORY; i++)
	{
		double		ratio = target / product_price(first + i);
		double		count = ratio < 1.0 ? 1.0 : floor(ratio + .5);
		double		miss = log(ratio / count);

		weights[i] = exp(-8.0 * fabs(miss)) / (1.0 + .5 * (count - 1.0)) + 1e-6;
	}
	if (category == CAT_OTHER)
		for (i = 0; i < 4; i++)
			weights[i] = 0.0;
	return first + rng_weighted(rng, weights, PRODUCTS_PER_CATEGORY);
}
