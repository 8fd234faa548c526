/*
 * sample_counts.c
 *		counts.json: how much was made, and what the tiers must come to.
 *
 * The tiers are computed here from what was generated, by preset retail_sabc on the last day
 * of the chain, and not by any code of the product.
 */
#include <stdlib.h>

#include "sample.h"

enum
{
	TIERS = 7
};

static const char tier_letters[TIERS + 1] = "SANDBCP";

/* One local day on which a person bought, whatever number of orders. */
typedef struct Bought
{
	int32_t		day;
	int64_t		net;
} Bought;

static int
bought_compare(const void *a, const void *b)
{
	return ((const Bought *) a)->day - ((const Bought *) b)->day;
}

/* The person's days of purchase in order; those with nothing left are dropped. */
static int
days_collect(const Sample *sample, const Person *person, bool net, Bought *days)
{
	int			count = 0;
	int			kept = 0;
	int			i;

	for (i = 0; i < person->orders; i++)
	{
		const Order *order = &sample->order[person->first_order + i];

		days[count++] = (Bought) {
			order->day, order_paid(sample, order) - (net ? order->refunded : 0)
		};
	}
	qsort(days, (size_t) count, sizeof(Bought), bought_compare);
	for (i = 0; i < count; i++)
	{
		if (kept > 0 && days[kept - 1].day == days[i].day)
			days[kept - 1].net += days[i].net;
		else
			days[kept++] = days[i];
	}
	for (count = 0, i = 0; i < kept; i++)
		if (days[i].net > 0)
			days[count++] = days[i];
	return count;
}

static char
tier_of(const Bought *days, int count, int32_t as_of)
{
	int			in_30 = 0;
	int			in_90 = 0;
	int64_t		net_30 = 0;
	int			age;
	int			i;

	if (count == 0)
		return 'P';
	for (i = 0; i < count; i++)
	{
		if (as_of - days[i].day <= 30)
		{
			in_30++;
			net_30 += days[i].net;
		}
		in_90 += as_of - days[i].day <= 90;
	}
	age = as_of - days[count - 1].day;
	if (in_30 >= 2 && net_30 > 30000)
		return 'S';
	if (in_90 >= 3)
		return 'A';
	if (age > 180)
		return 'C';
	if (count <= 2)
		return age > 60 ? 'B' : 'N';
	return 'D';
}

static void
tiers_put(FILE *file, const Sample *sample, const char *name, bool net)
{
	int64_t		counts[128] = {0};
	int32_t		most = 0;
	Bought	   *days;
	int32_t		i;

	for (i = 0; i < sample->persons; i++)
		if (sample->person[i].orders > most)
			most = sample->person[i].orders;
	days = malloc((size_t) (most + 1) * sizeof(Bought));
	if (days == NULL)
		fail("out of memory for counts");
	for (i = 0; i < sample->persons; i++)
	{
		int			count = days_collect(sample, &sample->person[i], net, days);

		counts[(int) tier_of(days, count, sample->until)]++;
	}
	fprintf(file, "  \"%s\": {", name);
	for (i = 0; i < TIERS; i++)
		fprintf(file, "%s\"%c\": %.5f", i > 0 ? ", " : "", tier_letters[i],
				(double) counts[(int) tier_letters[i]] / sample->persons);
	fprintf(file, "},\n");
	free(days);
}

static void
records_put(FILE *file, const Sample *sample)
{
	int32_t		counts[SOURCES] = {0};
	int32_t		i;

	for (i = 0; i < sample->records; i++)
		counts[sample->record[i].source]++;
	fprintf(file, "  \"records\": {\"all\": %d", (int) sample->records);
	for (i = 0; i < SOURCES; i++)
		fprintf(file, ", \"%s\": %d", source_codes[i], (int) counts[i]);
	fprintf(file, "},\n");
}

static void
orders_put(FILE *file, const Sample *sample)
{
	int32_t		counts[SOURCES] = {0};
	int32_t		members = 0;
	int64_t		paid = 0;
	int64_t		refunded = 0;
	int32_t		i;

	for (i = 0; i < sample->orders; i++)
	{
		const Order *order = &sample->order[i];

		counts[order->source]++;
		members += order->person >= 0;
		paid += order_paid(sample, order);
		refunded += order->refunded;
	}
	fprintf(file, "  \"orders\": {\"all\": %d, \"members\": %d, \"without_member\": %d, "
			"\"pos\": %d, \"mini\": %d, \"shop\": %d, \"lines\": %d},\n",
			(int) sample->orders, (int) members, (int) (sample->orders - members),
			(int) counts[SRC_POS], (int) counts[SRC_MINI], (int) counts[SRC_SHOP],
			(int) sample->lines);
	fprintf(file, "  \"paid\": \"%lld.%02d\",\n  \"refunded\": \"%lld.%02d\",\n",
			(long long) (paid / 100), (int) (paid % 100),
			(long long) (refunded / 100), (int) (refunded % 100));
}

void
write_counts(const Sample *sample)
{
	char		path[4096];
	char		day[16];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/counts.json", sample->out);
	file = fopen(path, "wb");
	if (file == NULL)
		fail("cannot write %s", path);
	text_day(sample->until, day);
	fprintf(file, "{\n  \"seed\": %llu,\n  \"until\": \"%s\",\n  \"persons\": %d,\n",
			(unsigned long long) sample->seed, day, (int) sample->persons);
	records_put(file, sample);
	orders_put(file, sample);
	fprintf(file, "  \"refunds\": %d,\n  \"events\": %d,\n  \"notes\": %d,\n",
			(int) sample->refunds, (int) sample->events, (int) sample->notes);
	fprintf(file, "  \"coupon_grants\": %d,\n", (int) sample->grants);
	tiers_put(file, sample, "tier_shares_before_refunds", false);
	tiers_put(file, sample, "tier_shares", true);
	fprintf(file, "  \"tier_set\": \"retail_sabc\"\n}\n");
	if (fclose(file) != 0)
		fail("cannot write %s", path);
}
