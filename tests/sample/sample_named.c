/*
 * sample_named.c
 *		A hundred persons who stand exactly on the boundary of a rule.
 *
 * Persons 0 to 99 are made by hand: each case says what was bought how many days before the
 * last day of the chain, and what the product must answer for it.  Ages count local days from
 * that day: an age of 30 belongs to "30 days, the 30th included".  Nothing random happens to
 * these persons' records and orders.
 */
#include <stdlib.h>
#include <string.h>

#include "sample.h"

/*
 * Orders: age[@hhmm][:yuan][letter][*units][!], separated by blanks.  The letter names the
 * goods (V vitamins, the default; C cake, W baby wash, F baby food, K coffee), "!" means
 * refunded in full.  A price is that of one unit; 50 yuan unless given.
 */
typedef struct NamedCase
{
	const char *requirement;
	const char *orders;
	const char *expect;
	char		consent;		/* y, n, u */
	char		birth;			/* 0 any, t today, m tomorrow, y yesterday, l leap day,
								 * u lunar and tomorrow, x none, p placeholder */
	char		events;			/* 0 none; see events_of */
} NamedCase;

static const NamedCase cases[] = {
	{"R47", "30 20 10", "tag 高频客户: the 30th day counts", 'y', 0, 0},
	{"R47", "31 20 10", "no tag 高频客户: the third is 31 days old", 'y', 0, 0},
	{"R47", "20 20 10", "no tag 高频客户: two orders of one day count once", 'y', 0, 0},
	{"R47", "29 15 0", "tag 高频客户", 'y', 0, 0},
	{"R47", "30 20", "no tag 高频客户: two only", 'y', 0, 0},
	{"R47", "30 20 10!", "no tag 高频客户: the third was refunded", 'y', 0, 0},
	{"R47", "25 24 23 22", "tag 高频客户", 'y', 0, 0},
	{"R47", "30@0010 20 10", "tag 高频客户: the local day decides, not that of UTC", 'y', 0, 0},
	{"R48", "700C", "tag 喜甜食: ever", 'y', 0, 0},
	{"R48", "10", "no tag 喜甜食", 'y', 0, 0},
	{"R48", "5C!", "no tag 喜甜食: refunded in full", 'y', 0, 0},
	{"R48", "40C 10C", "tag 喜甜食", 'y', 0, 0},
	{"R48", "1000 3C", "tag 喜甜食", 'y', 0, 0},
	{"R49", "10:150.00 5:150.01", "tier S: 300.01", 'y', 0, 0},
	{"R49", "10:150.00 5:150.00", "tier N, not S: 300.00", 'y', 0, 0},
	{"R49", "30:200 1:200", "tier S: the 30th day counts", 'y', 0, 0},
	{"R49", "31:200 1:200", "tier N, not S: one order in 30 days", 'y', 0, 0},
	{"R49", "10:1000", "tier N, not S: one order", 'y', 0, 0},
	{"R49", "10:400 5:200!", "tier N, not S: the second was refunded", 'y', 0, 0},
	{"R49", "20:100 10:100 5:100.01", "tier S: 300.01 in three", 'y', 0, 0},
	{"R49", "20:100 10:100 5:100.00", "tier A, not S: 300.00 in three", 'y', 0, 0},
	{"R50", "90 60 40", "tier A: the 90th day counts", 'y', 0, 0},
	{"R50", "91 60 40", "tier D, not A: two in 90 days", 'y', 0, 0},
	{"R50", "80 50 10 5", "tier A", 'y', 0, 0},
	{"R50", "90 90 40", "tier N, not A: two days", 'y', 0, 0},
	{"R50", "89 45 1", "tier A", 'y', 0, 0},
	{"R50", "200 90 60", "tier D, not A", 'y', 0, 0},
	{"R50", "85 40 20!", "tier N, not A: the third was refunded", 'y', 0, 0},
	{"R50", "60 30:100 1:500", "tier S: S is asked before A", 'y', 0, 0},
	{"R51", "60", "tier N, not B: day 60", 'y', 0, 0},
	{"R51", "61", "tier B: day 61", 'y', 0, 0},
	{"R51", "180", "tier B, not C: day 180", 'y', 0, 0},
	{"R51", "100 61", "tier B", 'y', 0, 0},
	{"R51", "100 60", "tier N", 'y', 0, 0},
	{"R51", "300 61", "tier B", 'y', 0, 0},
	{"R51", "61!", "tier P: the only order was refunded", 'y', 0, 0},
	{"R51", "120 80 61", "tier D, not B: three orders", 'y', 0, 0},
	{"R52", "300 200 180", "tier D, not C: day 180", 'y', 0, 0},
	{"R52", "181", "tier C, not B: C is asked before B", 'y', 0, 0},
	{"R52", "400 180", "tier B, not C: day 180", 'y', 0, 0},
	{"R52", "400 181", "tier C: day 181", 'y', 0, 0},
	{"R52", "500 400 300 181", "tier C", 'y', 0, 0},
	{"R52", "500 400 300 180", "tier D", 'y', 0, 0},
	{"R52", "182 181", "tier C", 'y', 0, 0},
	{"R52", "", "tier P: never bought", 'y', 0, 0},
	{"R52", "1000", "tier C", 'y', 0, 0},
	{"R52", "181 5!", "tier C: the later order was refunded", 'y', 0, 0},
	{"R76", "29", "silence 30 fires the day after", 'y', 0, 0},
	{"R76", "30", "silence 30 fires today", 'y', 0, 0},
	{"R76", "31", "silence 30: backlog, only after someone confirms", 'y', 0, 0},
	{"R76", "29", "silence 30 the day after: stopped, consent is no", 'n', 0, 0},
	{"R76", "29", "silence 30 the day after: stopped, consent is unknown", 'u', 0, 0},
	{"R76", "29 1", "no silence: bought since", 'y', 0, 0},
	{"R76", "59 29!", "no silence of 30 days: the last purchase is 59 days old", 'y', 0, 0},
	{"R76", "29@2359", "silence 30 fires the day after: local days", 'y', 0, 0},
	{"R76", "59", "silence 60 fires the day after", 'y', 0, 0},
	{"R76", "60", "silence 60 fires today", 'y', 0, 0},
	{"R77", "200", "birthday today at 10:00", 'y', 't', 0},
	{"R77", "200", "birthday tomorrow at 10:00", 'y', 'm', 0},
	{"R77", "200", "born on 29 February: kept on the 28th in other years", 'y', 'l', 0},
	{"R77", "200", "lunar birthday tomorrow", 'y', 'u', 0},
	{"R77", "200", "no birthday known", 'y', 'x', 0},
	{"R77", "200", "birthday 1900-01-01 means none", 'y', 'p', 0},
	{"R77", "200", "birthday tomorrow: stopped, consent is no", 'n', 'm', 0},
	{"R77", "200", "birthday yesterday: missed, logged as such", 'y', 'y', 0},
	{"R85", "80 50 10", "tier A: two packages a month, never a third", 'y', 0, 0},
	{"R85", "80 50 10", "tier A: stopped, consent is no", 'n', 0, 0},
	{"R85", "80 20:200 10:200", "tier S: no package of tier A", 'y', 0, 0},
	{"R85", "90 60 40", "tier A today, D tomorrow", 'y', 0, 0},
	{"R86", "60", "tier B tomorrow: 8折 coupon", 'y', 0, 0},
	{"R86", "61", "tier B since today: 8折 coupon", 'y', 0, 0},
	{"R86", "60 5", "no coupon: bought since", 'y', 0, 0},
	{"R86", "62", "tier B since yesterday", 'y', 0, 0},
	{"R87", "180", "tier C tomorrow: draw of this quarter", 'y', 0, 0},
	{"R87", "181", "tier C since today: draw of this quarter", 'y', 0, 0},
	{"R87", "300", "tier C: one draw each quarter", 'y', 0, 0},
	{"R87", "181", "tier C: stopped, consent is no", 'n', 0, 0},
	{"R95", "45W", "baby food on day 45", 'y', 0, 0},
	{"R95", "38W", "baby food: first day of the window", 'y', 0, 0},
	{"R95", "37W", "not yet: a day before the window", 'y', 0, 0},
	{"R95", "52W", "baby food: last day of the window", 'y', 0, 0},
	{"R95", "53W", "over: a day after the window", 'y', 0, 0},
	{"R95", "45W 10F", "nothing: baby food was bought", 'y', 0, 0},
	{"R95", "45W!", "nothing: the wash was refunded", 'y', 0, 0},
	{"R95", "44W", "baby food tomorrow", 'y', 0, 0},
	{"R95", "90F 45W", "nothing: baby food was bought before", 'y', 0, 0},
	{"R95", "45W", "day 45: stopped, consent is no", 'n', 0, 0},
	{"R97", "100", "viewed nappies at 10:00, no order: one message from 12:00", 'y', 0, 'v'},
	{"R97", "100 0@1100", "viewed nappies at 10:00, ordered at 11:00: none", 'y', 0, 'v'},
	{"R97", "100", "viewed nappies two days ago: too late, skipped", 'y', 0, 'o'},
	{"R97", "100 0@0900", "ordered at 9:00, viewed at 10:00: one message", 'y', 0, 'v'},
	{"R101", "", "no warning: interactions fell by 29.9 % (231 in 90 days, then 54)", 'y', 0, 'a'},
	{"R101", "", "warning: interactions fell by 30 % (210 in 90 days, then 49)", 'y', 0, 'b'},
	{"R101", "", "no warning: five interactions before are too few", 'y', 0, 'c'},
	{"R101", "900 700 500 300", "warning: 300 days since, own median gap 200", 'y', 0, 0},
	{"R101", "904 703 502 301", "no warning: 301 days since, own median gap 201", 'y', 0, 0},
	{"R107", "60:25K*60 30:25K*39", "no badge: 99 units", 'y', 0, 0},
	{"R107", "60:25K*60 30:25K*40", "badge: the 100th unit", 'y', 0, 0},
	{"R107", "90:25K*60 30:25K*39 10:25K*2", "badge once: 101 units", 'y', 0, 0},
	{"R107", "60:25K*60 30:25K*39 10:25K!", "no badge: the 100th unit was refunded", 'y', 0, 0}
};

_Static_assert(sizeof(cases) / sizeof(cases[0]) == NAMED, "one case for each named person");

/* Stores that were open all the time. */
static const uint8_t old_stores[5] = {0, 1, 9, 20, 30};

static const int32_t known_for_days = 1080;

/* The birthday the case asks for, some forty years ago. */
static int32_t
birth_of(const Sample *sample, char kind, int32_t otherwise)
{
	int32_t		day = sample->until + (kind == 'm' || kind == 'u' ? 1 : kind == 'y' ? -1 : 0);
	Date		date = date_of(day);

	switch (kind)
	{
		case 't':
		case 'm':
		case 'y':
			return day_of(date.year - 40, date.month, date.month == 2 && date.day == 29 ? 28
						  : date.day);
		case 'l':
			return day_of(1984, 2, 29);
		case 'u':
			date = lunar_of(day);
			return lunar_day(date.year - 40, date.month, date.day > 29 ? 29 : date.day);
		default:
			return otherwise;
	}
}

void
named_make_records(Sample *sample)
{
	int32_t		i;

	for (i = 0; i < NAMED; i++)
	{
		const NamedCase *one = &cases[i];
		Person	   *person = &sample->person[i];
		Record	   *record;

		person->buyer = 1;
		person->store = old_stores[i % 5];
		person->join = sample->until - known_for_days;
		person->consent = one->consent == 'y' ? 1 : one->consent == 'n' ? 0 : 2;
		person->birth = birth_of(sample, one->birth, person->birth);
		record = record_add(sample, i, one->events ? SRC_MINI : SRC_POS, person->join);
		record->phone = person->phone;
		record->flags = one->birth == 'x' ? REC_BIRTH_MISSING
			: one->birth == 'p' ? REC_BIRTH_PLACEHOLDER
			: one->birth == 'u' ? REC_BIRTH_SAID_LUNAR : 0;
	}
}

static int
goods_of(char letter)
{
	switch (letter)
	{
		case 'C':
			return CAT_CAKE * PRODUCTS_PER_CATEGORY;
		case 'W':
			return CAT_BABY_WASH * PRODUCTS_PER_CATEGORY;
		case 'F':
			return CAT_BABY_FOOD * PRODUCTS_PER_CATEGORY;
		case 'K':
			return CAT_OTHER * PRODUCTS_PER_CATEGORY + 8;
		default:
			return CAT_VITAMIN * PRODUCTS_PER_CATEGORY;
	}
}

/* One order of the notation above; returns what follows it. */
static const char *
order_read(Sample *sample, Rng *rng, int32_t index, const char *at)
{
	char	   *rest;
	int32_t		day = sample->until - (int32_t) strtol(at, &rest, 10);
	int			second = 15 * 3600 + 17 * 60 + index;
	int32_t		price = 5000;
	int			product = goods_of('V');
	int			units = 1;
	Order	   *order;

	if (*rest == '@')
	{
		long		clock = strtol(rest + 1, &rest, 10);

		second = (int) (clock / 100 * 3600 + clock % 100 * 60);
	}
	if (*rest == ':')
		price = (int32_t) (strtod(rest + 1, &rest) * 100 + .5);
	if (*rest >= 'A' && *rest <= 'Z')
		product = goods_of(*rest++);
	if (*rest == '*')
		units = (int) strtol(rest + 1, &rest, 10);
	order = order_add(sample, index, sample->person[index].first_record, day, second);
	order->flags |= ORD_NAMED;
	line_add(sample, order, product, units)->price = price;
	if (*rest == '!')
	{
		refund_add(sample, rng, sample->orders - 1, REFUND_FULL, day + 1);
		rest++;
	}
	while (*rest == ' ')
		rest++;
	return rest;
}

void
named_make_orders(Sample *sample, int32_t index)
{
	Rng			rng = rng_stream(sample->seed, "named", (uint64_t) index);
	const char *at = cases[index].orders;

	while (*at)
		at = order_read(sample, &rng, index, at);
}

/* So many page views, spread evenly over the days with ages from "oldest" to "newest". */
static void
views_spread(Sample *sample, int32_t record, int count, int oldest, int newest)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		int32_t		day = sample->until - oldest + (oldest - newest + 1) * i / count;

		event_add(sample, record, EVENT_PAGE_VIEW,
				  ((int64_t) day * DAY_SECONDS + 9 * 3600 + i * 60) * 1000);
	}
}

static void
nappies_viewed(Sample *sample, int32_t record, int age)
{
	int64_t		second = (int64_t) (sample->until - age) * DAY_SECONDS + 10 * 3600;
	Event	   *event = event_add(sample, record, EVENT_PRODUCT_VIEW, second * 1000);

	event->product = CAT_NAPPY * PRODUCTS_PER_CATEGORY;
	event->dwell = 75;
}

void
named_make_events(Sample *sample)
{
	int32_t		i;

	for (i = 0; i < NAMED; i++)
	{
		int32_t		record = sample->person[i].first_record;

		switch (cases[i].events)
		{
			case 'v':
				nappies_viewed(sample, record, 0);
				break;
			case 'o':
				nappies_viewed(sample, record, 2);
				break;
			case 'a':
				views_spread(sample, record, 231, 115, 34);
				views_spread(sample, record, 54, 26, 0);
				break;
			case 'b':
				views_spread(sample, record, 210, 115, 34);
				views_spread(sample, record, 49, 26, 0);
				break;
			case 'c':
				views_spread(sample, record, 5, 115, 34);
				break;
			default:
				break;
		}
	}
}

void
named_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "named.csv", NULL);
	char		text[256];
	int32_t		i;

	csv_header(writer, "person,source,external_id,name,requirement,as_of,orders,consent,expect");
	for (i = 0; i < NAMED; i++)
	{
		const Record *record = &sample->record[sample->person[i].first_record];

		csv_format(writer, "%d", (int) i);
		csv_text(writer, source_codes[record->source]);
		text_external_id(sample, record, text);
		csv_text(writer, text);
		name_text(&sample->person[i].name, 0, 0, sample->person[i].female, text);
		csv_text(writer, text);
		csv_text(writer, cases[i].requirement);
		text_day(sample->until, text);
		csv_text(writer, text);
		csv_text(writer, cases[i].orders);
		csv_text(writer, cases[i].consent == 'y' ? "yes" : cases[i].consent == 'n' ? "no"
				 : "unknown");
		csv_text(writer, cases[i].expect);
		csv_end(writer);
	}
	writer_close(writer);
}
