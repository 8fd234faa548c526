/*
 * sample_traps.c
 *		People and numbers made to mislead a matcher.
 *
 * Twins, namesakes next door, a number that changed its owner, and numbers that belong to
 * nobody: a store's landline, a clerk's own phone, a courier's number.  No person stands in
 * two traps.
 */
#include "sample.h"

enum
{
	LANDLINE_STORES = 3
};

/* Walks over the persons in an order that has nothing to do with anything else. */
static int32_t cursor;

/* The next person in no trap and no household. */
static int32_t
plain_next(const Sample *sample)
{
	int32_t		span = sample->persons - NAMED;

	for (;; cursor++)
	{
		int32_t		i = NAMED + (int32_t) ((int64_t) cursor * 7919 % span);

		if (cursor >= 4 * span)
			fail("%d persons are too few for the traps", (int) sample->persons);
		if (sample->person[i].traps == 0 && sample->person[i].household < 0)
			return i;
	}
}

static void
pair_take(Sample *sample, int trap, Person **first, Person **second)
{
	int32_t		a = plain_next(sample);
	int32_t		b;

	sample->person[a].traps |= (uint8_t) trap;
	b = plain_next(sample);
	sample->person[b].traps |= (uint8_t) trap;
	*first = &sample->person[a];
	*second = &sample->person[b];
}

/* The second moves to the first; a store it joins must be open by then. */
static void
move_next_to(const Sample *sample, Person *person, const Person *other)
{
	int32_t		opened = sample->stores[other->store].opened;

	person->store = other->store;
	person->home = other->home;
	if (person->join < opened)
		person->join = other->join;
}

static void
twins_make(Sample *sample, Rng *rng)
{
	Person	   *first;
	Person	   *second;

	pair_take(sample, TRAP_TWIN, &first, &second);
	move_next_to(sample, second, first);
	second->birth = first->birth;
	second->household = first->household = (int32_t) (first - sample->person);
	if (rng_chance(rng, .7))
		second->female = first->female;
	do
		second->name = name_random(rng, second->female, date_of(second->birth).year);
	while (second->name.given_count < 2);
	second->name.surname = first->name.surname;
	if (first->name.given_count < 2)
		first->name = second->name;
	second->name.given[0] = first->name.given[0];
	while (second->name.given[1] == first->name.given[1])
		second->name.given[1] = name_random(rng, second->female,
											date_of(second->birth).year).given[0];
	second->name.given_count = first->name.given_count = 2;
}

static void
neighbours_make(Sample *sample, Rng *rng)
{
	Person	   *first;
	Person	   *second;

	pair_take(sample, TRAP_NEIGHBOUR, &first, &second);
	move_next_to(sample, second, first);
	if (first->home.compound == 0xff)
		first->home.compound = 3;
	second->home = first->home;
	second->name = first->name;
	second->female = first->female;
	second->home.building = (uint8_t) (first->home.building % 38 + 1);
	second->home.unit = (uint8_t) (1 + rng_below(rng, 4));
	second->home.room = (uint16_t) ((1 + rng_below(rng, 24)) * 100 + 1 + rng_below(rng, 4));
}

/* Somebody in no trap who joined in that span of days. */
static Person *
joined_between(const Sample *sample, int32_t from, int32_t to)
{
	for (;;)
	{
		Person	   *person = &sample->person[plain_next(sample)];

		if (person->join >= from && person->join <= to)
			return person;
		cursor++;
	}
}

/* The later person got the earlier one's number, at least 200 days after it joined. */
static void
recycled_make(Sample *sample)
{
	Person	   *earlier = joined_between(sample, sample->start, sample->until - 500);
	Person	   *later;

	earlier->traps |= TRAP_RECYCLED_OLD;
	later = joined_between(sample, earlier->join + 200, sample->until);
	later->traps |= TRAP_RECYCLED_NEW;
	later->phone = earlier->phone;
}

/* R11; every other one is known to a spreadsheet only, where nobody can order. */
static void
two_faces_make(Sample *sample)
{
	int32_t		i = plain_next(sample);

	sample->person[i].traps |= TRAP_TWO_FACES;
	if (i % 2 == 0)
		sample->person[i].buyer = NEVER;
}

void
traps_people(Sample *sample)
{
	Rng			rng = rng_stream(sample->seed, "traps", 0);
	int			i;

	cursor = 0;
	for (i = 0; i < scaled(sample, 120); i++)
		twins_make(sample, &rng);
	for (i = 0; i < scaled(sample, 80); i++)
		neighbours_make(sample, &rng);
	for (i = 0; i < scaled(sample, 150); i++)
		recycled_make(sample);
	for (i = 0; i < scaled(sample, 400); i++)
		two_faces_make(sample);
}

/* The next record of that source (and store, unless -1) whose person is in no trap. */
static Record *
row_next(Sample *sample, int32_t *at, Source source, int store)
{
	for (; *at < sample->records; ++*at)
	{
		Record	   *record = &sample->record[*at];

		if (record->source == source && (store < 0 || record->store == store)
			&& record->person >= NAMED && sample->person[record->person].traps == 0
			&& !(record->flags & REC_LANDLINE))
		{
			++*at;
			return record;
		}
	}
	return NULL;
}

static void
number_put(Record *record, uint64_t phone, uint32_t flag)
{
	record->phone = phone;
	record->flags &= ~(uint32_t) (REC_PHONE_FORMAT | REC_PHONE_FULLWIDTH | REC_PHONE_INVALID
								  | REC_PHONE_MASKED | REC_PHONE_VIRTUAL);
	record->flags |= flag;
}

static void
landlines_put(Sample *sample)
{
	int			i;

	for (i = 0; i < LANDLINE_STORES; i++)
	{
		int			store = i * 10 + 1;
		int			left = scaled(sample, 300.0 / LANDLINE_STORES);
		int32_t		at = 0;
		int32_t		last = -1;
		Record	   *record;

		while (left > 0 && (record = row_next(sample, &at, SRC_POS, store)) != NULL)
		{
			if (record->person == last)
				continue;
			number_put(record, sample->stores[store].landline, REC_LANDLINE);
			last = record->person;
			left--;
		}
	}
}

/* Clerks who type their own number when the customer gives none, ten rows each. */
static void
clerks_put(Sample *sample)
{
	int			left = scaled(sample, 120);
	int			each = left / STORES > 10 ? left / STORES + 1 : 10;
	int			store;

	for (store = 2; store < STORES && left > 0; store++)
	{
		const Staff *clerk = &sample->staff[staff_of_store(sample, store, sample->until, 1)];
		int32_t		at = sample->records / 3;
		Record	   *record;
		int			own = 0;

		while (own < each && left > 0 && (record = row_next(sample, &at, SRC_POS, store)) != NULL)
		{
			number_put(record, clerk->phone, 0);
			own++;
			left--;
		}
	}
}

uint64_t
courier_number(const Sample *sample, int courier)
{
	return mobile_number(sample, 3, (uint64_t) courier);
}

/* Numbers of couriers that the platform handed out, each on five accounts. */
static void
couriers_put(Sample *sample)
{
	int32_t		at = sample->records / 2;
	int			i;
	int			k;

	for (i = 0; i < scaled(sample, COURIERS); i++)
		for (k = 0; k < 5; k++)
		{
			Record	   *record = row_next(sample, &at, SRC_SHOP, -1);

			if (record == NULL)
				return;
			number_put(record, courier_number(sample, i), 0);
		}
}

/* The one who lost the number has another in every later record. */
static void
recycled_put(Sample *sample)
{
	int32_t		i;

	for (i = 0; i < sample->records; i++)
	{
		Record	   *record = &sample->record[i];

		if ((sample->person[record->person].traps & TRAP_RECYCLED_OLD) && record->ordinal > 0
			&& record->phone == sample->person[record->person].phone)
			record->phone = mobile_number(sample, 1, (uint64_t) record->person);
	}
}

void
traps_numbers(Sample *sample)
{
	recycled_put(sample);
	landlines_put(sample);
	clerks_put(sample);
	couriers_put(sample);
}
