/*
 * sample_places.c
 *		Cities with their districts, and addresses as people write them.
 *
 * The first CITIES_HOME cities have stores; buyers on the shop platform live in the others
 * too.  Districts are real ones, roads and compounds are names that every city has.
 */
#include <string.h>

#include "sample.h"

enum
{
	DISTRICTS = 6,
	CITIES_HOME = 26,
	ROADS = 36,
	COMPOUNDS = 48
};

typedef struct City
{
	const char *province;		/* of a municipality: the same as name */
	const char *name;
	const char *district[DISTRICTS];
	int			area_code;
	Zone		zone;
} City;

static const City cities[] = {
	{"上海市", "上海市", {"浦东新区", "徐汇区", "静安区", "杨浦区", "闵行区", "宝山区"}, 21, ZONE_MIDDLE},
	{"江苏省", "南京市", {"玄武区", "秦淮区", "鼓楼区", "建邺区", "江宁区", "栖霞区"}, 25, ZONE_MIDDLE},
	{"江苏省", "苏州市", {"姑苏区", "虎丘区", "吴中区", "相城区", "吴江区", "昆山市"}, 512, ZONE_MIDDLE},
	{"江苏省", "无锡市", {"梁溪区", "锡山区", "惠山区", "滨湖区", "新吴区", "江阴市"}, 510, ZONE_MIDDLE},
	{"江苏省", "常州市", {"天宁区", "钟楼区", "新北区", "武进区", "金坛区", "溧阳市"}, 519, ZONE_MIDDLE},
	{"江苏省", "南通市", {"崇川区", "通州区", "海门区", "启东市", "如皋市", "海安市"}, 513, ZONE_MIDDLE},
	{"江苏省", "徐州市", {"鼓楼区", "云龙区", "泉山区", "铜山区", "贾汪区", "邳州市"}, 516, ZONE_MIDDLE},
	{"江苏省", "扬州市", {"广陵区", "邗江区", "江都区", "仪征市", "高邮市", "宝应县"}, 514, ZONE_MIDDLE},
	{"江苏省", "盐城市", {"亭湖区", "盐都区", "大丰区", "东台市", "建湖县", "射阳县"}, 515, ZONE_MIDDLE},
	{"江苏省", "镇江市", {"京口区", "润州区", "丹徒区", "丹阳市", "扬中市", "句容市"}, 511, ZONE_MIDDLE},
	{"江苏省", "泰州市", {"海陵区", "高港区", "姜堰区", "兴化市", "靖江市", "泰兴市"}, 523, ZONE_MIDDLE},
	{"浙江省", "杭州市", {"上城区", "拱墅区", "西湖区", "滨江区", "萧山区", "余杭区"}, 571, ZONE_SOUTH},
	{"浙江省", "宁波市", {"海曙区", "江北区", "北仑区", "镇海区", "鄞州区", "慈溪市"}, 574, ZONE_SOUTH},
	{"浙江省", "温州市", {"鹿城区", "龙湾区", "瓯海区", "瑞安市", "乐清市", "永嘉县"}, 577, ZONE_SOUTH},
	{"浙江省", "嘉兴市", {"南湖区", "秀洲区", "海宁市", "平湖市", "桐乡市", "嘉善县"}, 573, ZONE_SOUTH},
	{"浙江省", "绍兴市", {"越城区", "柯桥区", "上虞区", "诸暨市", "嵊州市", "新昌县"}, 575, ZONE_SOUTH},
	{"浙江省", "金华市", {"婺城区", "金东区", "义乌市", "东阳市", "永康市", "兰溪市"}, 579, ZONE_SOUTH},
	{"浙江省", "台州市", {"椒江区", "黄岩区", "路桥区", "温岭市", "临海市", "玉环市"}, 576, ZONE_SOUTH},
	{"浙江省", "湖州市", {"吴兴区", "南浔区", "德清县", "长兴县", "安吉县", "吴兴区"}, 572, ZONE_SOUTH},
	{"安徽省", "合肥市", {"瑶海区", "庐阳区", "蜀山区", "包河区", "肥西县", "肥东县"}, 551, ZONE_NORTH},
	{"安徽省", "芜湖市", {"镜湖区", "弋江区", "鸠江区", "湾沚区", "繁昌区", "无为市"}, 553, ZONE_NORTH},
	{"安徽省", "蚌埠市", {"龙子湖区", "蚌山区", "禹会区", "淮上区", "怀远县", "五河县"}, 552, ZONE_NORTH},
	{"安徽省", "马鞍山市", {"花山区", "雨山区", "博望区", "当涂县", "含山县", "和县"}, 555, ZONE_NORTH},
	{"安徽省", "安庆市", {"迎江区", "大观区", "宜秀区", "怀宁县", "桐城市", "潜山市"}, 556, ZONE_NORTH},
	{"安徽省", "滁州市", {"琅琊区", "南谯区", "天长市", "明光市", "来安县", "全椒县"}, 550, ZONE_NORTH},
	{"安徽省", "阜阳市", {"颍州区", "颍东区", "颍泉区", "界首市", "临泉县", "太和县"}, 558, ZONE_NORTH},
	{"江苏省", "淮安市", {"清江浦区", "淮安区", "淮阴区", "洪泽区", "涟水县", "盱眙县"}, 517, ZONE_MIDDLE},
	{"北京市", "北京市", {"朝阳区", "海淀区", "东城区", "西城区", "丰台区", "通州区"}, 10, ZONE_NORTH},
	{"山东省", "济南市", {"历下区", "市中区", "槐荫区", "天桥区", "历城区", "章丘区"}, 531, ZONE_NORTH},
	{"河南省", "郑州市", {"中原区", "二七区", "金水区", "管城回族区", "惠济区", "新郑市"}, 371, ZONE_NORTH},
	{"广东省", "广州市", {"越秀区", "海珠区", "荔湾区", "天河区", "白云区", "番禺区"}, 20, ZONE_SOUTH},
	{"福建省", "福州市", {"鼓楼区", "台江区", "仓山区", "晋安区", "马尾区", "长乐区"}, 591, ZONE_SOUTH},
	{"湖北省", "武汉市", {"江岸区", "江汉区", "武昌区", "汉阳区", "洪山区", "青山区"}, 27, ZONE_MIDDLE},
	{"四川省", "成都市", {"锦江区", "青羊区", "武侯区", "成华区", "高新区", "双流区"}, 28, ZONE_MIDDLE}
};

static const char *const roads[ROADS] = {
	"中山路", "人民路", "解放路", "建设路", "和平路", "新华路", "文化路", "长江路", "黄河路", "淮海路",
	"北京路", "南京路", "胜利路", "光明路", "幸福路", "振兴路", "工农路", "青年路", "朝阳路", "学府路",
	"迎宾大道", "科技大道", "世纪大道", "滨江大道", "太湖大道", "金山街", "银河街", "东风街", "西园街",
	"花园街", "桃源路", "梅园路", "兰亭路", "竹山路", "翠微路", "钟楼路"
};

static const char *const compound_heads[8] = {
	"阳光", "金色", "翠湖", "锦绣", "世纪", "东方", "香樟", "紫薇"
};
static const char *const compound_tails[6] = {
	"花园", "家园", "苑", "新城", "名邸", "小区"
};

int
city_count(void)
{
	return sizeof(cities) / sizeof(cities[0]);
}

const char *
city_name(int city)
{
	return cities[city].name;
}

const char *
city_province(int city)
{
	return cities[city].province;
}

const char *
city_district(int city, int district)
{
	return cities[city].district[district];
}

int
city_area_code(int city)
{
	return cities[city].area_code;
}

Zone
city_zone(int city)
{
	return cities[city].zone;
}

/* A city without a store of the chain. */
int
city_elsewhere(Rng *rng)
{
	return CITIES_HOME + rng_below(rng, city_count() - CITIES_HOME);
}

/* district -1: any of the city's. */
Address
address_random(Rng *rng, int city, int district)
{
	Address		home;

	home.city = (uint8_t) city;
	home.district = (uint8_t) (district >= 0 ? district : rng_below(rng, DISTRICTS));
	home.road = (uint8_t) rng_below(rng, ROADS);
	home.number = (uint16_t) (1 + rng_below(rng, 899));
	home.compound = rng_chance(rng, .85) ? (uint8_t) rng_below(rng, COMPOUNDS) : 0xff;
	home.building = (uint8_t) (1 + rng_below(rng, 38));
	home.unit = (uint8_t) (1 + rng_below(rng, 4));
	home.room = (uint16_t) ((1 + rng_below(rng, 24)) * 100 + 1 + rng_below(rng, 4));
	return home;
}

/* 1 to 99 in Chinese numerals. */
static void
numeral_text(int number, bool chinese, char *out)
{
	static const char *const digit[10] = {
		"", "一", "二", "三", "四", "五", "六", "七", "八", "九"
	};

	if (!chinese)
		sprintf(out, "%d", number);
	else if (number < 10)
		strcpy(out, digit[number]);
	else
		sprintf(out, "%s十%s", number < 20 ? "" : digit[number / 10], digit[number % 10]);
}

static void
house_text(const Address *at, bool chinese, uint64_t salt, char *out)
{
	static const char *const blocks[3] = {"幢", "号楼", "栋"};
	char		building[16];
	char		unit[16];

	numeral_text(at->building, chinese, building);
	numeral_text(at->unit, chinese, unit);
	if (at->city == 0)
	{
		sprintf(out, "%s号%d室", building, at->room);
		return;
	}
	switch (salt % 3)
	{
		case 0:
			sprintf(out, "%s%s%s单元%d室", building, blocks[salt / 3 % 3], unit, at->room);
			break;
		case 1:
			sprintf(out, "%s%s%s单元%d", building, blocks[salt / 3 % 3], unit, at->room);
			break;
		default:
			if (chinese)
				sprintf(out, "%s%s%s单元%d室", building, blocks[salt / 3 % 3], unit, at->room);
			else
				sprintf(out, "%s-%s-%d", building, unit, at->room);
			break;
	}
}

/* Which level a writer leaves out; 0 none, 1 province, 2 city, 3 district, 4 unit and room. */
static int
level_missing(const Address *at, uint32_t flags, uint64_t salt)
{
	int			level;

	if (!(flags & REC_ADDRESS_SHORT))
		return 0;
	level = 1 + (int) (salt / 9 % 4);
	if (level == 1 && strcmp(cities[at->city].province, cities[at->city].name) == 0)
		level = 3;
	return level;
}

/* The address as this record has it: "flags" are RecordFlag, "out" holds 256 bytes. */
void
address_text(const Address *at, uint32_t flags, uint64_t salt, char *out)
{
	const City *city = &cities[at->city];
	bool		is_municipality = strcmp(city->province, city->name) == 0;
	int			missing = level_missing(at, flags, salt);
	char		house[96];

	house_text(at, flags & REC_ADDRESS_NUMERALS, salt, house);
	out[0] = '\0';
	if (missing != 1 && !is_municipality)
		strcat(out, city->province);
	if (missing != 2)
		strcat(out, city->name);
	if (missing != 3)
		strcat(out, city->district[at->district]);
	strcat(out, roads[at->road]);
	if (at->city == 0)
		sprintf(out + strlen(out), "%d弄", at->number);
	else
		sprintf(out + strlen(out), "%d号", at->number);
	if (at->compound != 0xff && at->city != 0)
	{
		strcat(out, compound_heads[at->compound % 8]);
		strcat(out, compound_tails[at->compound / 8]);
	}
	if (missing == 4)
		return;
	strcat(out, house);
}
