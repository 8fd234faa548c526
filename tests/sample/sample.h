/*
 * sample.h
 *		What the parts of the sample chain's generator share.
 *
 * crm_sample makes a health-food chain with its truth: stores, persons, what each of five
 * source systems knows of them, and what they bought.  The parts run once, in the order of
 * the prototypes below; each fills its array of Sample and reads those before it.  Text is
 * made only when a file is written, so a million persons fit in some 600 MB.
 *
 * Days are numbered from 1970-01-01, seconds within a day from its local midnight in
 * Asia/Shanghai, money is in fen (1/100 yuan).
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum
{
	STORES = 37,
	STAFF_MAX = 200,
	CATEGORIES = 12,
	PRODUCTS = 240,
	PRODUCTS_PER_CATEGORY = 20,
	CLASSES = 5,				/* kinds of buyer; the last never buys */
	NEVER = CLASSES - 1,
	NAMED = 100,				/* persons 0..99 stand on the boundaries of rules */
	WINDOW_DAYS = 1096,			/* 36 months */
	HISTORY_DAYS = 730,			/* two years of coupons */
	EVENT_DAYS = 180,
	DAY_SECONDS = 86400,
	NO_STORE = 0xff,
	COURIERS = 40				/* numbers, for 80,000 persons */
};

typedef enum Source
{
	SRC_POS, SRC_MINI, SRC_SHOP, SRC_WECHAT, SRC_EXCEL, SOURCES
} Source;

typedef enum Category
{
	CAT_VITAMIN, CAT_DAIRY, CAT_HERBAL, CAT_PROTEIN, CAT_NUTS, CAT_BABY_FOOD, CAT_FITNESS,
	CAT_CAKE, CAT_BABY_WASH, CAT_NAPPY, CAT_GIFT, CAT_OTHER
} Category;

typedef enum Zone
{
	ZONE_MIDDLE, ZONE_NORTH, ZONE_SOUTH
} Zone;

/* What is wrong with a source record: one bit an error. */
enum RecordFlag
{
	REC_PHONE_FORMAT = 1 << 0,
	REC_PHONE_FULLWIDTH = 1 << 1,
	REC_PHONE_INVALID = 1 << 2,
	REC_PHONE_VIRTUAL = 1 << 3,	/* a platform's number with an extension, new each time */
	REC_PHONE_MASKED = 1 << 4,
	REC_NAME_MASKED = 1 << 5,
	REC_NAME_HOMOPHONE = 1 << 6,
	REC_NAME_TITLE = 1 << 7,
	REC_NAME_TRADITIONAL = 1 << 8,
	REC_NAME_PINYIN = 1 << 9,
	REC_ADDRESS_SHORT = 1 << 10,
	REC_ADDRESS_NUMERALS = 1 << 11,
	REC_ADDRESS_MOVED = 1 << 12,
	REC_BIRTH_MISSING = 1 << 13,
	REC_BIRTH_PLACEHOLDER = 1 << 14,
	REC_BIRTH_LUNAR = 1 << 15,
	REC_BIRTH_SWAPPED = 1 << 16,
	REC_RECEIVER = 1 << 17,		/* a mini-program user who saved a delivery address */
	REC_NICKNAME = 1 << 18,
	REC_WECOM = 1 << 19,		/* a WeCom contact; else a follower of the official account */
	REC_OTHER_WECHAT = 1 << 20,	/* the person's second WeChat account (R11) */
	REC_LANDLINE = 1 << 21,		/* phone is the store's own landline */
	REC_BIRTH_SAID_LUNAR = 1 << 22	/* a lunar birthday, and the record says so */
};

enum Trap
{
	TRAP_TWIN = 1 << 0,
	TRAP_NEIGHBOUR = 1 << 1,	/* same name and compound, another unit */
	TRAP_RECYCLED_OLD = 1 << 2,	/* lost the number */
	TRAP_RECYCLED_NEW = 1 << 3,	/* got it */
	TRAP_TWO_FACES = 1 << 4		/* R11: other phone and WeChat, same name and address */
};

enum OrderFlag
{
	ORD_LATE = 1 << 0,			/* arrives one to three days after the sale */
	ORD_TWICE = 1 << 1,			/* delivered twice, byte for byte */
	ORD_CHANGED = 1 << 2,		/* replayed with other content; what is held here is the later */
	ORD_BACKDATED = 1 << 3,		/* entered more than seven days after the sale */
	ORD_ZONE = 1 << 4,			/* the till wrote UTC and said so */
	ORD_AFTER_REFUND = 1 << 5,	/* arrives after its own refund */
	ORD_NAMED = 1 << 6			/* a named person's: exact, no accident happens to it */
};

typedef struct Rng
{
	uint64_t	state;
} Rng;

typedef struct Address
{
	uint8_t		city;
	uint8_t		district;
	uint8_t		road;
	uint8_t		compound;		/* index of its name; 0xff: none */
	uint16_t	number;
	uint16_t	room;
	uint8_t		building;
	uint8_t		unit;
} Address;

typedef struct Name
{
	uint16_t	surname;
	uint16_t	given[3];		/* indexes into the lexicon of characters */
	uint8_t		given_count;
} Name;

typedef struct Person
{
	uint64_t	phone;
	int32_t		birth;
	int32_t		join;			/* day of the first record */
	int32_t		household;		/* -1: lives alone */
	int32_t		first_record;
	int32_t		first_order;	/* into Sample.orders */
	int32_t		orders;
	Address		home;
	Name		name;
	uint8_t		female;
	uint8_t		buyer;			/* class, 0..NEVER */
	uint8_t		store;			/* home store */
	uint8_t		records;
	uint8_t		traps;
	uint8_t		consent;		/* 0 no, 1 yes, 2 unknown */
	bool		baby;			/* a family with an infant */
	bool		thrifty;		/* buys mostly at a discount */
	bool		conflicting;	/* its records disagree about consent */
} Person;

typedef struct Record
{
	uint64_t	phone;			/* as typed in this record; 0: missing */
	int32_t		person;
	int32_t		day;
	int32_t		second;
	int32_t		serial;			/* makes the external id, from 1 in each source */
	uint32_t	flags;
	uint8_t		source;
	uint8_t		store;
	uint8_t		ordinal;		/* 0: the person's first */
} Record;

typedef struct Line
{
	int32_t		price;			/* of one unit */
	int32_t		discount;		/* of the line */
	uint8_t		product;
	uint8_t		quantity;
} Line;

typedef struct Order
{
	int64_t		arrived;		/* seconds since 1970-01-01 local */
	int32_t		person;			/* -1: a receipt without a member */
	int32_t		record;
	int32_t		day;
	int32_t		second;
	int32_t		first_line;
	int32_t		coupon;			/* index of the grant redeemed by it, or -1 */
	int32_t		refunded;
	uint16_t	flags;
	uint8_t		lines;
	uint8_t		source;
	uint8_t		store;			/* NO_STORE: the shop platform's */
} Order;

typedef enum RefundKind
{
	REFUND_FULL, REFUND_LINE, REFUND_PARTIAL
} RefundKind;

typedef struct Refund
{
	int64_t		arrived;
	int32_t		order;
	int32_t		day;
	int32_t		second;
	int32_t		amount;
	uint8_t		line;			/* ordinal within the order; REFUND_LINE and REFUND_PARTIAL */
	uint8_t		quantity;
	uint8_t		kind;
} Refund;

typedef enum Flow
{
	FLOW_WELCOME, FLOW_BIRTHDAY, FLOW_WAKE_UP, FLOWS
} Flow;

typedef struct Grant
{
	int32_t		person;
	int32_t		record;
	int32_t		day;
	int32_t		order;			/* redeemed by, or -1 */
	uint8_t		flow;
	bool		holdout;
	bool		moved;			/* the lift was planted here */
	bool		ordered;		/* an order in the 14 days after it */
	bool		opted_out;
} Grant;

/* A planted habit that a report should find again; what was granted is in Grant. */
typedef struct Habit
{
	int32_t		person;
	int32_t		from_day;
	int32_t		to_day;			/* -1: the habit did not follow */
	uint8_t		kind;			/* enum HabitKind */
} Habit;

enum HabitKind
{
	HABIT_WASH_FOOD, HABIT_PUMP_BAGS, HABIT_MACHINE_BEANS, HABITS
};

typedef struct Event
{
	int64_t		at;				/* milliseconds since 1970-01-01 local */
	int32_t		record;			/* -1: a device nobody signed in on */
	uint32_t	device;
	uint16_t	dwell;			/* seconds, 0 where it means nothing */
	uint8_t		type;
	uint8_t		product;
} Event;

typedef struct Note
{
	int32_t		record;
	int32_t		day;
	int32_t		second;
	uint8_t		staff;
	uint8_t		text;
	uint8_t		channel;
} Note;

typedef struct Store
{
	const char *name;
	uint8_t		city;
	uint8_t		district;
	double		weight;			/* share among records kept in stores */
	int32_t		opened;
	uint64_t	landline;		/* digits, area code first */
} Store;

typedef struct Staff
{
	Name		name;
	uint64_t	phone;
	int32_t		joined;
	int32_t		left;			/* -1: still there */
	uint8_t		role;			/* enum Role */
	uint8_t		store;			/* or region, for a regional manager */
} Staff;

enum Role
{
	ROLE_CLERK, ROLE_STORE_MANAGER, ROLE_MANAGER
};

typedef struct Sample
{
	const char *out;
	uint64_t	seed;
	int32_t		persons;
	int32_t		start;			/* first day of the window */
	int32_t		until;			/* its last day */
	bool		only_stores;

	Store		stores[STORES];
	Staff		staff[STAFF_MAX];
	int32_t		staff_count;
	Person	   *person;
	Record	   *record;
	int32_t		records;
	int32_t    *by_source;		/* records by source and time of registration */
	Order	   *order;
	int32_t		orders;
	Line	   *line;
	int32_t		lines;
	Refund	   *refund;
	int32_t		refunds;
	Grant	   *grant;
	int32_t		grants;
	Habit	   *habit;
	int32_t		habits;
	Event	   *event;
	int32_t		events;
	Note	   *note;
	int32_t		notes;
} Sample;

/* One person's purchases while they are still days: sample_visits.c fills it. */
enum
{
	VISITS_MAX = 1200
};

typedef struct Visit
{
	int32_t		day;
	int32_t		grant;			/* redeemed on that visit, or -1 */
	bool		online;
} Visit;

typedef struct Visits
{
	Visit		at[VISITS_MAX];
	int			count;
	double		online;			/* share of this person's purchases made online */
} Visits;

/* sample_random.c */
extern Rng	rng_stream(uint64_t seed, const char *purpose, uint64_t item);
extern uint64_t rng_bits(Rng *rng);
extern double rng_unit(Rng *rng);
extern int	rng_below(Rng *rng, int limit);
extern bool rng_chance(Rng *rng, double probability);
extern double rng_exponential(Rng *rng, double mean);
extern double rng_normal(Rng *rng);
extern double rng_gamma(Rng *rng, double shape);
extern int	rng_weighted(Rng *rng, const double *weights, int count);
extern uint64_t scatter(uint64_t value, uint64_t seed);

/* sample_memory.c */
extern void *grow(void *array, int32_t used, size_t item);
extern void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* sample_calendar.c */
typedef struct Date
{
	int			year;
	int			month;
	int			day;
} Date;

extern int32_t day_of(int year, int month, int day);
extern Date date_of(int32_t day);
extern int	weekday_of(int32_t day);
extern int32_t today_in_shanghai(void);
extern bool parse_day(const char *text, int32_t *day);
extern Date lunar_of(int32_t day);
extern int32_t lunar_day(int year, int month, int day);
extern bool near_gift_festival(int32_t day);

/* sample_season.c */
extern void season_init(const Sample *sample);
extern double season_day_at(double operational, double online);
extern double season_operational(int32_t day, double online);
extern double season_online_share(int32_t day, double online);
extern int	season_second(Rng *rng, int32_t day, bool online);

/* sample_lexicon.c, sample_surnames.c, sample_names.c */
typedef struct Glyph
{
	const char *han;
	const char *pinyin;
	const char *traditional;	/* NULL: the same */
} Glyph;

typedef struct Surname
{
	const char *han;
	const char *pinyin;
	const char *traditional;
	double		share;			/* per cent */
} Surname;

extern const Surname surnames[];
extern const int surname_count;
extern const Glyph lexicon[];
extern const int lexicon_size;
extern void names_init(void);
extern Name name_random(Rng *rng, bool female, int birth_year);
extern void name_text(const Name *name, uint32_t flags, uint64_t salt, bool female, char *out);
extern bool name_has_homophone(const Name *name);
extern void nickname_text(uint64_t salt, char *out);

/* sample_places.c */
extern int	city_count(void);
extern const char *city_name(int city);
extern const char *city_province(int city);
extern const char *city_district(int city, int district);
extern int	city_area_code(int city);
extern Zone city_zone(int city);
extern int	city_elsewhere(Rng *rng);
extern Address address_random(Rng *rng, int city, int district);
extern void address_text(const Address *address, uint32_t flags, uint64_t salt, char *out);

/* sample_stores.c */
extern const char *const region_codes[];
extern const char *const region_names[];
extern void stores_make(Sample *sample);
extern int	store_region(const Sample *sample, int store);
extern int	store_open_on(const Sample *sample, Rng *rng, int32_t day);
extern void store_code(int store, char *out);
extern void staff_code(const Sample *sample, int staff, char *out);
extern int	staff_of_store(const Sample *sample, int store, int32_t day, uint64_t salt);

/* sample_goods.c */
extern const char *const category_codes[CATEGORIES];
extern const char *const category_names[CATEGORIES];
extern const double category_share[CATEGORIES];
extern const int category_refill[CATEGORIES];
enum
{
	PRODUCT_PUMP = CAT_OTHER * PRODUCTS_PER_CATEGORY,
	PRODUCT_BAGS,
	PRODUCT_MACHINE,
	PRODUCT_BEANS
};
extern int	product_price(int product);
extern int	product_category(int product);
extern void product_code(int product, char *out);
extern void product_name(int product, char *out);
extern int	product_pick(Rng *rng, int category, double target);

/* sample_persons.c, sample_records.c, sample_traps.c */
extern const double class_share[CLASSES];
extern void persons_make(Sample *sample);
extern uint64_t mobile_number(const Sample *sample, uint64_t kind, uint64_t item);
extern void records_make(Sample *sample);
extern Record *record_add(Sample *sample, int32_t person, Source source, int32_t day);
extern void traps_people(Sample *sample);
extern void traps_numbers(Sample *sample);
extern uint64_t courier_number(const Sample *sample, int courier);
extern int	scaled(const Sample *sample, double at_80k);

/* sample_visits.c, sample_flows.c, sample_baskets.c, sample_trade.c, sample_refunds.c */
extern void visits_make(const Sample *sample, Rng *rng, int32_t person, Visits *visits);
extern void visit_insert(Visits *visits, int32_t day, bool online);
extern bool visit_on(const Visits *visits, int32_t day);
extern void flows_run(Sample *sample, int32_t person, Visits *visits);
extern void baskets_fill(Sample *sample, int32_t person, const Visits *visits, int32_t first_order);
extern void basket_alone(Sample *sample, Rng *rng, int32_t person, Order *order);
extern Line *line_add(Sample *sample, Order *order, int product, int quantity);
extern Order *order_add(Sample *sample, int32_t person, int32_t record, int32_t day, int second);
extern void order_arrive(const Sample *sample, Order *order, int64_t delay);
extern int32_t line_paid(const Line *line);
extern int32_t order_paid(const Sample *sample, const Order *order);
extern void trade_run(Sample *sample);
extern void receipts_make(Sample *sample);
extern void refunds_make(Sample *sample);
extern void refund_add(Sample *sample, Rng *rng, int32_t order, RefundKind kind, int32_t day);

/* sample_named.c, sample_behaviour.c */
enum
{
	EVENT_APP_OPEN, EVENT_REGISTER, EVENT_LOGIN, EVENT_PAGE_VIEW, EVENT_PRODUCT_VIEW,
	EVENT_CATEGORY_VIEW, EVENT_SEARCH, EVENT_FAVORITE, EVENT_ADD_TO_CART,
	EVENT_REMOVE_FROM_CART, EVENT_CART_VIEW, EVENT_CHECKOUT_START, EVENT_COUPON_VIEW,
	EVENT_COUPON_CLAIM, EVENT_SHARE, EVENT_ARTICLE_READ, EVENT_VIDEO_PLAY,
	EVENT_VIDEO_COMPLETE, EVENT_LIVE_ENTER, EVENT_STORE_LOCATE, EVENT_SERVICE_CHAT,
	EVENT_REVIEW_POST, EVENT_RATING, EVENT_MESSAGE_OPEN, EVENT_MESSAGE_CLICK, EVENT_TYPES
};

extern void named_make_records(Sample *sample);
extern void named_make_orders(Sample *sample, int32_t person);
extern void named_write(const Sample *sample);
extern void behaviour_make(Sample *sample);
extern void behaviour_write(const Sample *sample);
extern void named_make_events(Sample *sample);
extern Event *event_add(Sample *sample, int32_t record, int type, int64_t at);

/* sample_writer.c */
typedef struct Writer Writer;
extern Writer *writer_open(const Sample *sample, const char *file, const char *encoding);
extern void writer_close(Writer *writer);
extern void csv_text(Writer *writer, const char *text);
extern void csv_format(Writer *writer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern void csv_money(Writer *writer, int64_t fen);
extern void csv_end(Writer *writer);
extern void csv_header(Writer *writer, const char *columns);
extern void json_begin(Writer *writer);
extern void json_text(Writer *writer, const char *key, const char *text);
extern void json_format(Writer *writer, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
extern void json_raw(Writer *writer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern void json_end(Writer *writer);

/* sample_text.c */
extern void text_day(int32_t day, char *out);
extern void text_time(int32_t day, int second, char *out);
extern void text_utc(int32_t day, int second, char *out);
extern void text_external_id(const Sample *sample, const Record *record, char *out);
extern void text_union_id(const Sample *sample, const Record *record, char *out);
extern void text_phone(const Record *record, uint64_t salt, char *out);
extern void text_birth(const Person *person, const Record *record, uint64_t salt, char *out);
extern void text_order_id(const Sample *sample, int32_t order, char *out);
extern const char *const source_codes[SOURCES];

/* the files */
extern void write_stores(const Sample *sample);
extern void write_members(const Sample *sample);
extern void write_trade(const Sample *sample);
extern void write_marks(const Sample *sample);
extern void write_truth(const Sample *sample);
extern void write_counts(const Sample *sample);
extern void write_manifest(const Sample *sample);

#endif							/* SAMPLE_H */
