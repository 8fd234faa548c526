/*
 * sample_records.c
 *		What the five source systems know of each person, and what is wrong with it.
 *
 * A person's records are neighbours in the array, the first one made at joining and without
 * error; every further one may carry errors at the rates of the specification.  A buyer's
 * first record is in a system that takes orders.
 */
#include <stdlib.h>

#include "sample.h"

/* Of persons with 1, 2, 3, 4 and 5 records; traps move another .5 % from one to two. */
static const double record_counts[6] = {0, .645, .265, .07, .015, .005};

/* First record of those who buy, of those who never do; and every further record. */
static const double first_source[SOURCES] = {.592, .240, .168, 0, 0};
static const double first_source_never[SOURCES] = {.25, .10, .10, .55, 0};
static const double further_source[SOURCES] = {2.4, .40, .015, .155, .285};
static const double second_card = .17;	/* weight of another card of the same person */

/* Of those whose two records could disagree about consent: 2 % of all persons. */
static const double conflicting = .02 / (.36 * .85);

static const double wechat_phone = .15;
static const double mini_phone = .96;
static const double nickname = .70;
static const double receiver = .12;
static const double shop_masked = .60;
static const double wecom = .30;

typedef struct Fault
{
	double		share;
	uint32_t	flag;
} Fault;

static const Fault name_faults[] = {
	{.02, REC_NAME_HOMOPHONE}, {.06, REC_NAME_TITLE}, {.005, REC_NAME_TRADITIONAL},
	{.005, REC_NAME_PINYIN}, {0, 0}
};
static const Fault birth_faults[] = {
	{.25, REC_BIRTH_MISSING}, {.03, REC_BIRTH_PLACEHOLDER}, {.04, REC_BIRTH_LUNAR}, {0, 0}
};
static const double birth_swapped = .005;
static const double swappable = .357;	/* days of a year whose month and day can change places */

/* At most one of the faults. */
static uint32_t
fault_pick(Rng *rng, const Fault *faults)
{
	double		at = rng_unit(rng);

	for (; faults->share > 0; faults++)
	{
		at -= faults->share;
		if (at < 0)
			return faults->flag;
	}
	return 0;
}

static uint64_t
digit_power(int position)
{
	uint64_t	power = 1;

	while (position-- > 0)
		power *= 10;
	return power;
}

/* One of the last eight digits typed wrong. */
static uint64_t
digit_wrong(Rng *rng, uint64_t phone)
{
	uint64_t	power = digit_power(rng_below(rng, 8));
	uint64_t	digit = phone / power % 10;

	return phone - digit * power + (digit + 1 + (uint64_t) rng_below(rng, 9)) % 10 * power;
}

/* Two neighbouring digits of the last eight change places; equal ones stay a digit error. */
static uint64_t
digits_swapped(Rng *rng, uint64_t phone)
{
	int			try;

	for (try = 0; try < 20; try++)
	{
		uint64_t	power = digit_power(rng_below(rng, 7));
		uint64_t	low = phone / power % 10;
		uint64_t	high = phone / power / 10 % 10;

		if (low != high)
			return phone - low * power - high * power * 10 + high * power + low * power * 10;
	}
	return digit_wrong(rng, phone);
}

static void
phone_spoil(const Sample *sample, Rng *rng, Record *record)
{
	double		at = rng_unit(rng);

	if (at < .12)
		record->flags |= REC_PHONE_FORMAT;
	else if (at < .13)
		record->flags |= REC_PHONE_FULLWIDTH;
	else if (at < .17)
		record->flags |= REC_PHONE_INVALID;
	else if (at < .23)
		record->phone = 0;
	else if (at < .242)
		record->phone = digit_wrong(rng, record->phone);
	else if (at < .246)
		record->phone = digits_swapped(rng, record->phone);
	else if (at < .316)
		record->phone = mobile_number(sample, 1, (uint64_t) record->person);
}

static void
details_spoil(const Sample *sample, Rng *rng, Record *record)
{
	const Person *person = &sample->person[record->person];
	Date		birth = date_of(person->birth);
	uint32_t	name = fault_pick(rng, name_faults);

	if (name != REC_NAME_HOMOPHONE || name_has_homophone(&person->name))
		record->flags |= name;
	record->flags |= fault_pick(rng, birth_faults);
	if (birth.day <= 12 && birth.day != birth.month && rng_chance(rng, birth_swapped / swappable))
		record->flags |= REC_BIRTH_SWAPPED;
	if (rng_chance(rng, .15))
		record->flags |= REC_ADDRESS_SHORT;
	if (rng_chance(rng, .05))
		record->flags |= REC_ADDRESS_NUMERALS;
	if (rng_chance(rng, .04))
		record->flags |= REC_ADDRESS_MOVED;
}

/* What a system knows at best: only a till and a spreadsheet hold a full number and name. */
static void
source_shape(Rng *rng, Record *record)
{
	switch (record->source)
	{
		case SRC_MINI:
			if (!rng_chance(rng, mini_phone))
				record->phone = 0;
			if (rng_chance(rng, receiver))
				record->flags |= REC_RECEIVER;
			if (rng_chance(rng, nickname))
				record->flags |= REC_NICKNAME;
			break;
		case SRC_SHOP:
			record->flags |= rng_chance(rng, shop_masked)
				? REC_PHONE_MASKED | REC_NAME_MASKED : REC_PHONE_VIRTUAL;
			break;
		case SRC_WECHAT:
			if (!rng_chance(rng, wechat_phone))
				record->phone = 0;
			if (rng_chance(rng, wecom))
				record->flags |= REC_WECOM;
			record->flags |= REC_NICKNAME;
			break;
		default:
			break;
	}
}

/* Records of one person must be added one after the other. */
Record *
record_add(Sample *sample, int32_t person, Source source, int32_t day)
{
	Person	   *owner = &sample->person[person];
	Rng			rng = rng_stream(sample->seed, "record",
								 (uint64_t) person * 16 + owner->records);
	Record	   *record;

	sample->record = grow(sample->record, sample->records, sizeof(Record));
	record = &sample->record[sample->records];
	if (owner->records == 0)
		owner->first_record = sample->records;
	sample->records++;
	record->person = person;
	record->source = (uint8_t) source;
	record->day = day;
	record->second = season_second(&rng, day, source != SRC_POS && source != SRC_EXCEL);
	record->store = owner->store;
	record->phone = owner->phone;
	record->ordinal = owner->records++;
	source_shape(&rng, record);
	if (record->ordinal > 0 && person >= NAMED)
	{
		if (record->phone != 0 && source != SRC_SHOP)
			phone_spoil(sample, &rng, record);
		details_spoil(sample, &rng, record);
	}
	return record;
}

/* Another system, seldom the same one again: only a till gives out second cards. */
static Source
further_pick(Rng *rng, const bool *held)
{
	double		weights[SOURCES];
	int			i;

	for (i = 0; i < SOURCES; i++)
		weights[i] = !held[i] ? further_source[i] : i == SRC_POS ? second_card : 0.0;
	return (Source) rng_weighted(rng, weights, SOURCES);
}

/* The systems of people set up as a trap: both sides must show what the trap is about. */
static int
trap_sources(const Person *person, int32_t i, Source *sources)
{
	sources[0] = SRC_POS;
	sources[1] = SRC_EXCEL;
	if (person->traps & TRAP_TWO_FACES)
	{
		sources[0] = i % 2 == 0 ? SRC_EXCEL : SRC_MINI;
		return 2;
	}
	if (person->traps & TRAP_NEIGHBOUR)
		return 2;
	return person->traps & (TRAP_TWIN | TRAP_RECYCLED_OLD | TRAP_RECYCLED_NEW) ? 1 : 0;
}

static int32_t
day_between(Rng *rng, int32_t from, int32_t to)
{
	return from + rng_below(rng, to - from + 1);
}

static void
person_records(Sample *sample, int32_t i)
{
	Rng			rng = rng_stream(sample->seed, "records", (uint64_t) i);
	Person	   *person = &sample->person[i];
	bool		held[SOURCES] = {false};
	int			wanted = rng_weighted(&rng, record_counts, 6);
	Source		forced[2];
	int			forced_count = trap_sources(person, i, forced);
	int			k;

	if (wanted < forced_count)
		wanted = forced_count;
	for (k = 0; k < wanted; k++)
	{
		int32_t		day = k == 0 ? person->join : day_between(&rng, person->join, sample->until);
		Source		source;

		if (k < forced_count)
			source = forced[k];
		else if (k == 0)
			source = (Source) rng_weighted(&rng, person->buyer == NEVER ? first_source_never
										   : first_source, SOURCES);
		else
			source = further_pick(&rng, held);
		held[source] = true;
		record_add(sample, i, source, day);
	}
	person->conflicting = wanted > 1 && person->consent != 2 && rng_chance(&rng, conflicting);
}

/* R11: the second record has another phone and WeChat, the same name and address. */
static void
two_faces_set(Sample *sample, const Person *person)
{
	Record	   *first = &sample->record[person->first_record];
	Record	   *second = first + 1;

	first->flags &= ~(uint32_t) (REC_NAME_TITLE | REC_ADDRESS_MOVED | REC_ADDRESS_SHORT);
	second->flags &= ~(uint32_t) (REC_NAME_HOMOPHONE | REC_NAME_TITLE | REC_NAME_PINYIN
								  | REC_ADDRESS_MOVED | REC_ADDRESS_SHORT | REC_PHONE_INVALID);
	first->phone = person->phone;
	second->phone = mobile_number(sample, 4, (uint64_t) second->person);
	second->flags |= REC_OTHER_WECHAT;
	if (first->source == SRC_MINI)
		first->flags |= REC_RECEIVER;
}

static const Sample *sorted_sample;

static int
record_compare(const void *a, const void *b)
{
	const Record *left = &sorted_sample->record[*(const int32_t *) a];
	const Record *right = &sorted_sample->record[*(const int32_t *) b];

	if (left->source != right->source)
		return left->source < right->source ? -1 : 1;
	if (left->day != right->day)
		return left->day < right->day ? -1 : 1;
	if (left->second != right->second)
		return left->second < right->second ? -1 : 1;
	return left->person < right->person ? -1 : left->person > right->person;
}

/* Serial numbers follow the time of registration in each system. */
static void
serials_set(Sample *sample)
{
	int32_t    *order = malloc((size_t) sample->records * sizeof(int32_t));
	int32_t		serial = 0;
	int32_t		i;

	if (order == NULL)
		fail("out of memory for %d records", (int) sample->records);
	for (i = 0; i < sample->records; i++)
		order[i] = i;
	sorted_sample = sample;
	qsort(order, (size_t) sample->records, sizeof(int32_t), record_compare);
	for (i = 0; i < sample->records; i++)
	{
		Record	   *record = &sample->record[order[i]];

		serial = i > 0 && record->source == sample->record[order[i - 1]].source ? serial + 1 : 1;
		record->serial = serial;
	}
	sample->by_source = order;
}

void
records_make(Sample *sample)
{
	int32_t		i;

	named_make_records(sample);
	for (i = NAMED; i < sample->persons; i++)
	{
		person_records(sample, i);
		if (sample->person[i].traps & TRAP_TWO_FACES)
			two_faces_set(sample, &sample->person[i]);
	}
	traps_numbers(sample);
	serials_set(sample);
}
