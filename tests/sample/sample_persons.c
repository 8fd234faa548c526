/*
 * sample_persons.c
 *		Who the customers are: sex, age, name, household, address, kind of buyer.
 *
 * Numbers of persons are never loaded into the product: only truth.csv knows them.  Members
 * of a household are neighbours in the array, the head first.
 */
#include <math.h>
#include <stdlib.h>

#include "sample.h"

/* Clause 7: share of persons; what each class does is in sample_visits.c. */
const double class_share[CLASSES] = {.66, .14, .08, .045, .075};

/* Families with an infant; higher among those who seldom buy (42 % of the dormant). */
static const double baby_share[CLASSES] = {.58, .42, .14, .11, .35};

/* So many of the persons live with another customer, in households of 2, 3, 4 and 5. */
static const double household_start = .111;
static const double household_sizes[6] = {0, 0, .80, .15, .04, .01};

static const double same_address = .95;
static const double same_phone = .12;
static const double online_only = .18;	/* live anywhere in the country */

/* What the specification counts for 80,000 persons, for this many. */
int
scaled(const Sample *sample, double at_80k)
{
	return (int) (at_80k * sample->persons / 80000.0 + .5);
}

/*
 * A mobile number nobody else has: the last eight digits are a permutation of (kind, item),
 * a Feistel network on two halves of four decimal digits.
 */
uint64_t
mobile_number(const Sample *sample, uint64_t kind, uint64_t item)
{
	static const int prefixes[] = {
		130, 131, 132, 133, 135, 136, 137, 138, 139, 150, 151, 152, 155, 156, 157, 158, 159, 166,
		170, 176, 177, 178, 180, 181, 182, 183, 185, 186, 187, 188, 189, 191, 198, 199
	};
	uint64_t	n = kind * 20000000 + item;
	uint64_t	left = n / 10000;
	uint64_t	right = n % 10000;
	int			prefix = prefixes[scatter(n, sample->seed) % (sizeof(prefixes) / sizeof(int))];
	uint64_t	i;

	for (i = 0; i < 6; i++)
	{
		uint64_t	mixed = (left + scatter(right, sample->seed * 8 + i)) % 10000;

		left = right;
		right = mixed;
	}
	return (uint64_t) prefix * 100000000 + left * 10000 + right;
}

static int32_t
birth_random(Rng *rng, int32_t until, bool baby)
{
	double		age = baby ? 31.0 + 4.5 * rng_normal(rng) : 48.0 + 13.5 * rng_normal(rng);

	age = fmin(fmax(age, baby ? 22.0 : 19.0), baby ? 44.0 : 80.0);
	return until - (int32_t) (age * 365.25) - rng_below(rng, 365);
}

static int32_t
join_random(Rng *rng, const Sample *sample)
{
	double		passed = WINDOW_DAYS * pow(rng_unit(rng), .85);
	int32_t		day = (int32_t) season_day_at(passed, .35);

	return day > sample->until ? sample->until : day;
}

/* Where the household lives: near its store, or anywhere when it only buys online. */
static void
home_random(Rng *rng, const Sample *sample, Person *person)
{
	int			store = store_open_on(sample, rng, person->join);

	person->store = (uint8_t) store;
	if (rng_chance(rng, online_only))
		person->home = address_random(rng, rng_chance(rng, .5) ? city_elsewhere(rng)
									  : sample->stores[store].city, -1);
	else
		person->home = address_random(rng, sample->stores[store].city,
									  rng_chance(rng, .6) ? sample->stores[store].district : -1);
}

static int
consent_random(Rng *rng)
{
	static const double shares[3] = {.21, .64, .15};

	return rng_weighted(rng, shares, 3);
}

static void
person_make(Sample *sample, int32_t i)
{
	Rng			rng = rng_stream(sample->seed, "person", (uint64_t) i);
	Person	   *person = &sample->person[i];

	person->buyer = (uint8_t) rng_weighted(&rng, class_share, CLASSES);
	person->baby = rng_chance(&rng, baby_share[person->buyer]);
	person->thrifty = rng_chance(&rng, .15);
	person->female = rng_chance(&rng, person->baby ? .75 : .60);
	person->birth = birth_random(&rng, sample->until, person->baby);
	person->name = name_random(&rng, person->female, date_of(person->birth).year);
	person->phone = mobile_number(sample, 0, (uint64_t) i);
	person->join = join_random(&rng, sample);
	person->household = -1;
	person->consent = (uint8_t) consent_random(&rng);
	home_random(&rng, sample, person);
}

/* A spouse, a grown child or a parent of the head; the phone may be the family's. */
static void
join_household(Sample *sample, Rng *rng, int32_t head, int32_t i, bool one_phone)
{
	Person	   *person = &sample->person[i];
	const Person *first = &sample->person[head];

	person->household = head;
	person->store = first->store;
	if (person->join < sample->stores[person->store].opened)
		person->join = sample->stores[person->store].opened
			+ rng_below(rng, sample->until - sample->stores[person->store].opened + 1);
	if (i == head + 1)
	{
		if (person->female == first->female)
		{
			person->female = !first->female;
			person->name = name_random(rng, person->female, date_of(person->birth).year);
		}
	}
	else
		person->name.surname = (first->female ? &sample->person[head + 1] : first)->name.surname;
	if (rng_chance(rng, same_address))
		person->home = first->home;
	if (one_phone)
		person->phone = first->phone;
}

static void
households_make(Sample *sample)
{
	Rng			rng = rng_stream(sample->seed, "household", 0);
	int32_t		i = NAMED;

	while (i < sample->persons - 6)
	{
		int			size;
		bool		one_phone;
		int			k;

		if (!rng_chance(&rng, household_start))
		{
			i++;
			continue;
		}
		size = rng_weighted(&rng, household_sizes, 6);
		one_phone = rng_chance(&rng, same_phone);
		sample->person[i].household = i;
		for (k = 1; k < size; k++)
			join_household(sample, &rng, i, i + k, one_phone);
		i += size;
	}
}

void
persons_make(Sample *sample)
{
	int32_t		i;

	sample->person = calloc((size_t) sample->persons, sizeof(Person));
	if (sample->person == NULL)
		fail("out of memory for %d persons", (int) sample->persons);
	for (i = 0; i < sample->persons; i++)
		person_make(sample, i);
	households_make(sample);
}
