/*
 * sample_store_files.c
 *		Regions, stores, staff, categories and products.
 */
#include "sample.h"

static const char *const role_names[] = {"crm_clerk", "crm_store_manager", "crm_manager"};

static void
regions_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "regions.csv", NULL);
	int			i;

	csv_header(writer, "code,name");
	for (i = 0; i < 4; i++)
	{
		csv_text(writer, region_codes[i]);
		csv_text(writer, region_names[i]);
		csv_end(writer);
	}
	writer_close(writer);
}

static void
stores_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "stores.csv", NULL);
	char		text[32];
	int			i;

	csv_header(writer, "code,name,region,city,district,phone,opened_on,time_zone");
	for (i = 0; i < STORES; i++)
	{
		const Store *store = &sample->stores[i];

		store_code(i, text);
		csv_text(writer, text);
		csv_text(writer, store->name);
		csv_text(writer, region_codes[store_region(sample, i)]);
		csv_text(writer, city_name(store->city));
		csv_text(writer, city_district(store->city, store->district));
		csv_format(writer, "0%d-%08d", (int) (store->landline / 100000000),
				   (int) (store->landline % 100000000));
		text_day(store->opened, text);
		csv_text(writer, text);
		csv_text(writer, "Asia/Shanghai");
		csv_end(writer);
	}
	writer_close(writer);
}

static void
staff_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "staff.csv", NULL);
	char		text[64];
	int			i;

	csv_header(writer, "code,name,role,store,region,joined_on,left_on");
	for (i = 0; i < sample->staff_count; i++)
	{
		const Staff *one = &sample->staff[i];
		bool		is_regional = one->role == ROLE_MANAGER;

		staff_code(sample, i, text);
		csv_text(writer, text);
		name_text(&one->name, 0, 0, false, text);
		csv_text(writer, text);
		csv_text(writer, role_names[one->role]);
		store_code(one->store, text);
		csv_text(writer, is_regional ? "" : text);
		csv_text(writer, is_regional ? region_codes[one->store] : "");
		text_day(one->joined, text);
		csv_text(writer, text);
		text[0] = '\0';
		if (one->left >= 0)
			text_day(one->left, text);
		csv_text(writer, text);
		csv_end(writer);
	}
	writer_close(writer);
}

static void
categories_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "categories.csv", NULL);
	int			i;

	csv_header(writer, "code,name,refill_days");
	for (i = 0; i < CATEGORIES; i++)
	{
		csv_text(writer, category_codes[i]);
		csv_text(writer, category_names[i]);
		if (category_refill[i] > 0)
			csv_format(writer, "%d", category_refill[i]);
		else
			csv_text(writer, "");
		csv_end(writer);
	}
	writer_close(writer);
}

static void
products_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "products.csv", NULL);
	char		text[96];
	int			i;

	csv_header(writer, "商品编码,商品名称,品类编码,品类名称,零售价,复购周期");
	for (i = 0; i < PRODUCTS; i++)
	{
		int			category = product_category(i);

		product_code(i, text);
		csv_text(writer, text);
		product_name(i, text);
		csv_text(writer, text);
		csv_text(writer, category_codes[category]);
		csv_text(writer, category_names[category]);
		csv_money(writer, product_price(i));
		if (category_refill[category] > 0)
			csv_format(writer, "%d", category_refill[category]);
		else
			csv_text(writer, "");
		csv_end(writer);
	}
	writer_close(writer);
}

void
write_stores(const Sample *sample)
{
	regions_write(sample);
	stores_write(sample);
	staff_write(sample);
	categories_write(sample);
	products_write(sample);
}
