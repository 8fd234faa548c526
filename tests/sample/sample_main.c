/*
 * sample_main.c
 *		crm_sample: makes the sample chain.  See README.md for the files it writes.
 *
 *		crm_sample --out DIR [--seed N] [--persons N|80k|1M] [--until YYYY-MM-DD] [--only-stores]
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sample.h"

enum
{
	PERSONS_LEAST = 1000,
	PERSONS_MOST = 5000000
};

static void
usage(void)
{
	fputs("usage: crm_sample --out DIR [--seed N] [--persons N|80k|1M] [--until YYYY-MM-DD]"
		  " [--only-stores]\n", stderr);
	exit(2);
}

/* 80000, 80k or 1M. */
static int32_t
persons_read(const char *text)
{
	char	   *rest;
	double		count = strtod(text, &rest);

	if (strcmp(rest, "k") == 0)
		count *= 1e3;
	else if (strcmp(rest, "M") == 0)
		count *= 1e6;
	else if (*rest)
		usage();
	if (!(count >= PERSONS_LEAST && count <= PERSONS_MOST))
		fail("--persons takes %d to %d", PERSONS_LEAST, PERSONS_MOST);
	return (int32_t) count;
}

static uint64_t
seed_read(const char *text)
{
	char	   *rest;
	uint64_t	seed = strtoull(text, &rest, 10);

	if (text[0] == '\0' || *rest)
		usage();
	return seed;
}

static void
options_read(Sample *sample, int argc, char **argv)
{
	int			i;

	for (i = 1; i < argc; i++)
	{
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--only-stores") == 0)
		{
			sample->only_stores = true;
			continue;
		}
		if (value == NULL)
			usage();
		i++;
		if (strcmp(argv[i - 1], "--out") == 0)
			sample->out = value;
		else if (strcmp(argv[i - 1], "--seed") == 0)
			sample->seed = seed_read(value);
		else if (strcmp(argv[i - 1], "--persons") == 0)
			sample->persons = persons_read(value);
		else if (strcmp(argv[i - 1], "--until") != 0)
			usage();
		else if (!parse_day(value, &sample->until))
			fail("--until takes a day of 2022 to 2039 like 2026-06-30, not \"%s\"", value);
	}
	if (sample->out == NULL)
		usage();
	sample->start = sample->until - WINDOW_DAYS + 1;
}

static void
people_make(Sample *sample)
{
	persons_make(sample);
	traps_people(sample);
	records_make(sample);
}

static void
history_make(Sample *sample)
{
	trade_run(sample);
	receipts_make(sample);
	refunds_make(sample);
	behaviour_make(sample);
}

int
main(int argc, char **argv)
{
	static Sample sample = {.seed = 1, .persons = 80000};

	sample.until = today_in_shanghai() - 1;
	options_read(&sample, argc, argv);
	if (mkdir(sample.out, 0777) != 0 && errno != EEXIST)
		fail("cannot make %s: %s", sample.out, strerror(errno));
	names_init();
	season_init(&sample);
	stores_make(&sample);
	write_stores(&sample);
	if (sample.only_stores)
		return 0;
	people_make(&sample);
	history_make(&sample);
	write_members(&sample);
	write_trade(&sample);
	behaviour_write(&sample);
	write_marks(&sample);
	write_truth(&sample);
	write_counts(&sample);
	write_manifest(&sample);
	return 0;
}
