/*
 * sample_behaviour.c
 *		Half a year of events in the mini-program, and clerks' notes.
 *
 * 22 % of the persons use the mini-program, few of them much.  Some devices look around
 * before anybody signs in.  3 % of the events are a finger that hit twice; twenty devices
 * are no people at all and exceed 500 events a day.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

enum
{
	BOTS = 20,
	BOT_EVENTS = 560,
	SESSION_MAX = 9,
	NOTE_TEXTS = 16
};

static const double active_share = .22;
static const double noise_share = .03;
static const double events_at_80k = 400000;
static const double notes_at_80k = 9000;
static const double anonymous_first = .5;	/* new members seen on their device before */

static const char *const event_names[EVENT_TYPES] = {
	"app_open", "register", "login", "page_view", "product_view", "category_view", "search",
	"favorite", "add_to_cart", "remove_from_cart", "cart_view", "checkout_start", "coupon_view",
	"coupon_claim", "share", "article_read", "video_play", "video_complete", "live_enter",
	"store_locate", "service_chat", "review_post", "rating", "message_open", "message_click"
};

/* How often each comes within a session; opening and registering are not drawn. */
static const double event_weights[EVENT_TYPES] = {
	0, 0, 3, 16, 34, 9, 7, 2, 7, 1.5, 3, 2.5, 2, 1, 1.2, 3, 1.6, .8, .8, .8, .8, .5, .5, 2, 1
};

static const char *const search_words[] = {
	"蛋白粉", "维生素", "纸尿裤", "坚果", "辅食", "无糖", "阿胶", "酸奶", "礼盒", "钙片"
};

Event *
event_add(Sample *sample, int32_t record, int type, int64_t at)
{
	Event	   *event;

	sample->event = grow(sample->event, sample->events, sizeof(Event));
	event = &sample->event[sample->events++];
	*event = (Event) {
		.at = at, .record = record, .type = (uint8_t) type,
		.device = (uint32_t) scatter((uint64_t) (uint32_t) record, sample->seed ^ 0x77)
	};
	return event;
}

static bool
has_product(int type)
{
	return type == EVENT_PRODUCT_VIEW || type == EVENT_FAVORITE || type == EVENT_ADD_TO_CART
		|| type == EVENT_REMOVE_FROM_CART || type == EVENT_REVIEW_POST || type == EVENT_RATING
		|| type == EVENT_SHARE;
}

static int
product_liked(Rng *rng, bool baby)
{
	int			product = rng_below(rng, PRODUCTS);
	int			category = product_category(product);
	bool		is_baby = category >= CAT_BABY_FOOD && category != CAT_FITNESS
		&& category != CAT_CAKE && category < CAT_GIFT;

	if (baby && !is_baby && rng_chance(rng, .4))
		return (CAT_BABY_WASH + rng_below(rng, 2)) * PRODUCTS_PER_CATEGORY
			+ rng_below(rng, PRODUCTS_PER_CATEGORY);
	return product;
}

/* One visit: opening the app, then things half a minute apart, each perhaps hit twice. */
static int
session_add(Sample *sample, Rng *rng, int32_t record, uint32_t device, bool baby, int64_t at,
			int length)
{
	int			added = 0;
	int			i;

	for (i = 0; i < length; i++)
	{
		int			type = i == 0 ? EVENT_APP_OPEN : rng_weighted(rng, event_weights, EVENT_TYPES);
		Event	   *event = event_add(sample, record, type, at);

		event->device = device;
		if (has_product(type))
			event->product = (uint8_t) product_liked(rng, baby);
		if (type == EVENT_PRODUCT_VIEW || type == EVENT_PAGE_VIEW || type == EVENT_VIDEO_PLAY)
			event->dwell = (uint16_t) (3 + fmin(rng_exponential(rng, 45), 1800));
		added++;
		if (rng_chance(rng, noise_share / (1.0 - noise_share)))
		{
			Event		again = *event;

			again.at += 80 + rng_below(rng, 900);
			*event_add(sample, record, type, again.at) = again;
			added++;
		}
		at += 1500 + (int64_t) (rng_exponential(rng, 35) * 1000);
	}
	return added;
}

static int64_t
moment(Rng *rng, int32_t day)
{
	int64_t		second = (int64_t) day * DAY_SECONDS + season_second(rng, day, true);

	return second * 1000 + rng_below(rng, 1000);
}

/* The person's mini-program record, or -1. */
static int32_t
mini_record(const Sample *sample, const Person *person)
{
	int			i;

	for (i = 0; i < person->records; i++)
		if (sample->record[person->first_record + i].source == SRC_MINI)
			return person->first_record + i;
	return -1;
}

static void
person_events(Sample *sample, int32_t index, int32_t record, int wanted)
{
	Rng			rng = rng_stream(sample->seed, "events", (uint64_t) index);
	int32_t		from = sample->until - EVENT_DAYS + 1;
	const Record *known = &sample->record[record];
	uint32_t	device = (uint32_t) scatter((uint64_t) record, sample->seed ^ 0x77);
	bool		baby = sample->person[index].baby;

	if (known->day >= from)
	{
		int64_t		at = ((int64_t) known->day * DAY_SECONDS + known->second) * 1000;

		if (rng_chance(&rng, anonymous_first) && known->day > from)
			wanted -= session_add(sample, &rng, -1, device, baby,
								  moment(&rng, known->day - 1 - rng_below(&rng, 3)), 3);
		event_add(sample, record, EVENT_REGISTER, at)->device = device;
		wanted--;
		from = known->day + 1;
	}
	if (from > sample->until)
		return;
	while (wanted > 0)
	{
		int			length = 1 + rng_below(&rng, SESSION_MAX);
		int32_t		day = from + rng_below(&rng, sample->until - from + 1);

		wanted -= session_add(sample, &rng, record, device, baby, moment(&rng, day),
							  length < wanted ? length : wanted);
	}
}

/* How keen a person is, lognormal; both passes over the persons draw the same. */
static double
keenness(const Sample *sample, int32_t index)
{
	Rng			rng = rng_stream(sample->seed, "keen", (uint64_t) index);

	return exp(1.1 * rng_normal(&rng));
}

static void
bots_add(Sample *sample)
{
	Rng			rng = rng_stream(sample->seed, "bots", 0);
	int			bots = scaled(sample, BOTS) > 0 ? scaled(sample, BOTS) : 1;
	int			i;
	int			k;

	for (i = 0; i < bots; i++)
	{
		int32_t		day = sample->until - 3 - 8 * (i % 20);
		int64_t		at = ((int64_t) day * DAY_SECONDS + 3600) * 1000;

		for (k = 0; k < BOT_EVENTS; k++)
		{
			Event	   *event = event_add(sample, -1, EVENT_PRODUCT_VIEW, at);

			event->device = 0xb0700000u + (uint32_t) i;
			event->product = (uint8_t) rng_below(&rng, PRODUCTS);
			at += 2000 + rng_below(&rng, 90000);
		}
	}
}

static void
events_make(Sample *sample)
{
	int32_t    *active = malloc((size_t) sample->persons * sizeof(int32_t));
	int32_t		count = 0;
	int32_t		candidates = 0;
	double		total = 0.0;
	double		wanted = events_at_80k * sample->persons / 80000.0
		- scaled(sample, BOTS) * BOT_EVENTS;
	int32_t		i;

	if (active == NULL)
		fail("out of memory for events");
	for (i = NAMED; i < sample->persons; i++)
		candidates += mini_record(sample, &sample->person[i]) >= 0;
	for (i = NAMED; i < sample->persons; i++)
	{
		Rng			rng = rng_stream(sample->seed, "active", (uint64_t) i);

		if (mini_record(sample, &sample->person[i]) < 0
			|| !rng_chance(&rng, active_share * sample->persons / candidates))
			continue;
		active[count++] = i;
		total += keenness(sample, i);
	}
	wanted = (wanted - count) * (1.0 - noise_share) / total;
	for (i = 0; i < count; i++)
		person_events(sample, active[i], mini_record(sample, &sample->person[active[i]]),
					  1 + (int) (wanted * keenness(sample, active[i]) + .5));
	free(active);
	bots_add(sample);
}

static int
event_compare(const void *a, const void *b)
{
	const Event *left = a;
	const Event *right = b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return left->device < right->device ? -1 : left->device > right->device;
}

static void
notes_make(Sample *sample)
{
	Rng			rng = rng_stream(sample->seed, "notes", 0);
	int			wanted = scaled(sample, notes_at_80k);

	while (sample->notes < wanted)
	{
		int32_t		record = rng_below(&rng, sample->records);
		const Record *known = &sample->record[record];
		int32_t		day = sample->until - rng_below(&rng, 365);

		if (known->source != SRC_POS || known->day > day || known->person < NAMED)
			continue;
		sample->note = grow(sample->note, sample->notes, sizeof(Note));
		sample->note[sample->notes++] = (Note) {
			.record = record, .day = day, .second = season_second(&rng, day, false),
			.staff = (uint8_t) staff_of_store(sample, known->store, day, rng_bits(&rng)),
			.text = (uint8_t) rng_below(&rng, NOTE_TEXTS), .channel = (uint8_t) rng_below(&rng, 4)
		};
	}
}

static int
note_compare(const void *a, const void *b)
{
	const Note *left = a;
	const Note *right = b;

	if (left->day != right->day)
		return left->day < right->day ? -1 : 1;
	if (left->second != right->second)
		return left->second < right->second ? -1 : 1;
	return left->record < right->record ? -1 : left->record > right->record;
}

void
behaviour_make(Sample *sample)
{
	events_make(sample);
	named_make_events(sample);
	qsort(sample->event, (size_t) sample->events, sizeof(Event), event_compare);
	notes_make(sample);
	qsort(sample->note, (size_t) sample->notes, sizeof(Note), note_compare);
}

static void
event_properties(Writer *writer, const Event *event, int32_t index)
{
	if (event->type == EVENT_SEARCH)
		json_format(writer, "properties", "{\"keyword\":\"%s\"}",
					search_words[scatter((uint64_t) index, 31) % 10]);
	else if (event->type == EVENT_RATING)
		json_format(writer, "properties", "{\"score\":%d}",
					1 + (int) (scatter((uint64_t) index, 31) % 5));
	else if (event->dwell > 0)
		json_format(writer, "properties", "{\"seconds\":%d}", event->dwell);
}

static void
event_write(Writer *writer, const Sample *sample, int32_t index)
{
	const Event *event = &sample->event[index];
	int64_t		second = event->at / 1000;
	char		text[64];

	json_begin(writer);
	json_format(writer, "event_id", "\"E%09d\"", (int) index);
	json_text(writer, "type", event_names[event->type]);
	text_time((int32_t) (second / DAY_SECONDS), (int) (second % DAY_SECONDS), text);
	sprintf(text + strlen(text), ".%03d", (int) (event->at % 1000));
	json_text(writer, "at", text);
	if (event->record >= 0)
	{
		text_external_id(sample, &sample->record[event->record], text);
		json_text(writer, "openid", text);
	}
	json_format(writer, "device", "\"d%08x\"", (unsigned) event->device);
	if (has_product(event->type))
	{
		product_code(event->product, text);
		json_text(writer, "object", text);
	}
	event_properties(writer, event, index);
	json_end(writer);
}

static void
note_write(Writer *writer, const Sample *sample, int32_t index)
{
	static const char *const channels[4] = {"store", "phone", "wechat", "sms"};
	static const char *const texts[NOTE_TEXTS] = {
		"到店咨询蛋白粉，推荐了试用装", "来电问新品到货时间", "说上次的坚果有点潮，已换货",
		"孩子快周岁，想了解辅食", "约好周六来拿礼盒", "电话未接，下周再打", "对阿胶糕很满意，会推荐朋友",
		"嫌价格高，等活动", "咨询积分怎么用", "不要再打电话，只发微信", "血糖偏高，介绍了无糖系列",
		"问\"家庭装\"有没有优惠", "想办企业团购，\n大约五十份", "投诉送货慢，已道歉并补券",
		"换了新手机号，尚未登记", "来店领取生日礼"
	};
	const Note *note = &sample->note[index];
	char		text[64];

	json_begin(writer);
	json_format(writer, "note_id", "\"N%07d\"", (int) index);
	text_time(note->day, note->second, text);
	json_text(writer, "at", text);
	json_text(writer, "channel", channels[note->channel]);
	json_text(writer, "direction", note->text % 3 == 0 ? "in" : "out");
	text_external_id(sample, &sample->record[note->record], text);
	json_text(writer, "card", text);
	staff_code(sample, note->staff, text);
	json_text(writer, "staff", text);
	store_code(sample->record[note->record].store, text);
	json_text(writer, "store", text);
	json_text(writer, "text", texts[note->text]);
	json_end(writer);
}

void
behaviour_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "mini_events.ndjson", NULL);
	int32_t		i;

	for (i = 0; i < sample->events; i++)
		event_write(writer, sample, i);
	writer_close(writer);
	writer = writer_open(sample, "pos_notes.ndjson", NULL);
	for (i = 0; i < sample->notes; i++)
		note_write(writer, sample, i);
	writer_close(writer);
}
