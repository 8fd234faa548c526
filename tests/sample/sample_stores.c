/*
 * sample_stores.c
 *		37 stores in four regions, their staff, and how big each store is.
 *
 * A store's share of all records falls from 6 to .8 % by Zipf's law (exponent .558), which
 * leaves 41 % to records that no store keeps.  Eight stores opened inside the window; what
 * they draw a day is raised so that their share at the end is the one the law gives them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

enum
{
	MONTHS = 36,
	LATE_STORES = 8,
	CLERKS_PER_STORE = 4,
	LEAVERS = 10
};

static const double zipf_exponent = .558;

const char *const region_codes[4] = {"SH", "JS", "ZJ", "AH"};
const char *const region_names[4] = {"上海", "江苏", "浙江", "安徽"};

typedef struct Site
{
	const char *name;
	uint8_t		city;
	uint8_t		district;
	uint8_t		rank;			/* 1 is the largest */
} Site;

/* Shanghai 9, Jiangsu 11, Zhejiang 10, Anhui 7. */
static const Site sites[STORES] = {
	{"浦东世纪店", 0, 0, 1}, {"徐家汇店", 0, 1, 3}, {"静安寺店", 0, 2, 5}, {"五角场店", 0, 3, 9},
	{"莘庄店", 0, 4, 12}, {"宝山店", 0, 5, 18}, {"陆家嘴店", 0, 0, 20}, {"七宝店", 0, 4, 27},
	{"漕河泾店", 0, 1, 33},
	{"南京新街口店", 1, 1, 2}, {"南京江宁店", 1, 4, 14}, {"苏州观前店", 2, 0, 4},
	{"苏州园区店", 2, 2, 11}, {"无锡三阳店", 3, 0, 10}, {"常州南大街店", 4, 1, 16},
	{"南通南大街店", 5, 0, 19}, {"徐州彭城店", 6, 1, 23}, {"扬州文昌店", 7, 0, 26},
	{"盐城建军店", 8, 0, 30}, {"镇江大市口店", 9, 0, 35},
	{"杭州武林店", 11, 1, 6}, {"杭州西湖店", 11, 2, 8}, {"杭州滨江店", 11, 3, 17},
	{"宁波天一店", 12, 0, 13}, {"温州五马店", 13, 0, 21}, {"嘉兴月河店", 14, 0, 24},
	{"绍兴鲁迅路店", 15, 0, 28}, {"义乌店", 16, 2, 31}, {"台州椒江店", 17, 0, 34},
	{"湖州爱山店", 18, 0, 36},
	{"合肥步行街店", 19, 1, 7}, {"合肥政务区店", 19, 2, 15}, {"芜湖步行街店", 20, 0, 22},
	{"蚌埠淮河路店", 21, 1, 25}, {"马鞍山店", 22, 0, 29}, {"安庆人民路店", 23, 0, 32},
	{"滁州店", 24, 0, 37}
};

/* Which stores opened inside the window, and how many days after its start. */
static const struct
{
	uint8_t		store;
	int16_t		after;
}			late_stores[LATE_STORES] = {
	{8, 620}, {12, 150}, {18, 480}, {19, 790}, {27, 330}, {29, 860}, {31, 240}, {36, 560}
};

static double draw_weight[STORES];

int
store_region(const Sample *sample, int store)
{
	const char *province = city_province(sample->stores[store].city);
	int			region;

	for (region = 0; region < 3; region++)
		if (strncmp(province, region_names[region], strlen(region_names[region])) == 0)
			break;
	return region;
}

void
store_code(int store, char *out)
{
	sprintf(out, "S%02d", store + 1);
}

void
staff_code(const Sample *sample, int staff, char *out)
{
	static const char prefix[] = "CMR";
	const Staff *one = &sample->staff[staff];

	sprintf(out, "%c%03d", prefix[one->role], staff + 1);
}

/* The share of persons who joined in the first so much of the window. */
static double
joined_by(double part)
{
	return pow(part, 1.0 / .85);
}

/* The share of records that come after a store opened; joining grows over the window. */
static double
share_after(const Store *store, int32_t start)
{
	double		before = (double) (store->opened - start) / WINDOW_DAYS;

	return before <= 0.0 ? 1.0 : 1.0 - joined_by(before);
}

/*
 * Find draw_weight so that each store ends with its share: take it, see what comes out
 * month by month, and correct.
 */
static void
weights_settle(const Sample *sample)
{
	int			round;
	int			month;
	int			i;

	for (i = 0; i < STORES; i++)
		draw_weight[i] = sample->stores[i].weight
			/ share_after(&sample->stores[i], sample->start);
	for (round = 0; round < 30; round++)
	{
		double		got[STORES] = {0};

		for (month = 0; month < MONTHS; month++)
		{
			int32_t		day = sample->start + (2 * month + 1) * WINDOW_DAYS / (2 * MONTHS);
			double		joins = joined_by((month + 1.0) / MONTHS)
				- joined_by((double) month / MONTHS);
			double		open = 0.0;

			for (i = 0; i < STORES; i++)
				if (sample->stores[i].opened <= day)
					open += draw_weight[i];
			for (i = 0; i < STORES; i++)
				if (sample->stores[i].opened <= day)
					got[i] += joins * draw_weight[i] / open;
		}
		for (i = 0; i < STORES; i++)
			draw_weight[i] *= sample->stores[i].weight / got[i];
	}
}

static void
staff_add(Sample *sample, int role, int store, int32_t joined)
{
	Rng			rng = rng_stream(sample->seed, "staff", (uint64_t) sample->staff_count);
	Staff	   *one = &sample->staff[sample->staff_count];

	one->name = name_random(&rng, rng_chance(&rng, .7), 1975 + rng_below(&rng, 28));
	one->phone = mobile_number(sample, 2, (uint64_t) sample->staff_count);
	one->joined = joined;
	one->left = -1;
	one->role = (uint8_t) role;
	one->store = (uint8_t) store;
	sample->staff_count++;
}

static void
staff_make(Sample *sample)
{
	int			store;
	int			i;

	for (i = 0; i < 4; i++)
		staff_add(sample, ROLE_MANAGER, i, sample->start - 900);
	for (store = 0; store < STORES; store++)
	{
		int32_t		opened = sample->stores[store].opened;

		staff_add(sample, ROLE_STORE_MANAGER, store, opened);
		for (i = 0; i < CLERKS_PER_STORE; i++)
			staff_add(sample, ROLE_CLERK, store, opened);
	}
	for (i = 0; i < LEAVERS; i++)
		sample->staff[4 + (i * 3 + 1) * 5 + 2].left = sample->until - 20 - i * 61;
}

/* The staff member who served; "salt" picks one of the clerks there on that day. */
int
staff_of_store(const Sample *sample, int store, int32_t day, uint64_t salt)
{
	int			first = 4 + store * (1 + CLERKS_PER_STORE);
	int			clerk = first + 1 + (int) (salt % CLERKS_PER_STORE);

	if (sample->staff[clerk].left >= 0 && sample->staff[clerk].left < day)
		return first;
	return clerk;
}

void
stores_make(Sample *sample)
{
	Rng			rng = rng_stream(sample->seed, "stores", 0);
	double		total = 0.0;
	int			i;

	for (i = 0; i < STORES; i++)
	{
		Store	   *store = &sample->stores[i];

		store->name = sites[i].name;
		store->city = sites[i].city;
		store->district = sites[i].district;
		store->opened = sample->start - 300 - rng_below(&rng, 2200);
		store->weight = pow(sites[i].rank, -zipf_exponent);
		store->landline = (uint64_t) city_area_code(store->city) * 100000000
			+ 60000000 + (uint64_t) rng_below(&rng, 29999999);
		total += store->weight;
	}
	for (i = 0; i < STORES; i++)
		sample->stores[i].weight /= total;
	for (i = 0; i < LATE_STORES; i++)
		sample->stores[late_stores[i].store].opened = sample->start + late_stores[i].after;
	weights_settle(sample);
	staff_make(sample);
}

/* A store that is open on that day, by size. */
int
store_open_on(const Sample *sample, Rng *rng, int32_t day)
{
	double		weights[STORES];
	int			i;

	for (i = 0; i < STORES; i++)
		weights[i] = sample->stores[i].opened <= day ? draw_weight[i] : 0.0;
	return rng_weighted(rng, weights, STORES);
}
