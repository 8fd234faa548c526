/*
 * tap.h - the smallest harness that speaks TAP, for programs that test pure code.
 *
 * A check prints one line and never stops the program; done() prints the plan and gives the
 * exit status.  Checks made by the million (property tests) are counted by CHECK and
 * reported as one line by CHECKED.
 */
#ifndef CRM_TESTS_TAP_H
#define CRM_TESTS_TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int	tap_count;
static int	tap_failed;
static long tap_checks;
static long tap_check_failures;

/* A name on one line, without the '#' that would make the rest a directive. */
static inline void
tap_print_name(const char *name)
{
	for (; *name; name++)
		putchar((unsigned char) *name < 0x20 || *name == '#' ? '.' : *name);
	putchar('\n');
}

static inline bool
tap_ok(bool passed, const char *file, int line, const char *name)
{
	tap_count++;
	printf("%sok %d - ", passed ? "" : "not ", tap_count);
	tap_print_name(name);
	if (!passed)
	{
		tap_failed++;
		printf("#   at %s:%d\n", file, line);
	}
	return passed;
}

static inline bool
tap_is_int(int64_t got, int64_t want, const char *file, int line, const char *name)
{
	if (!tap_ok(got == want, file, line, name))
		printf("#   got %" PRId64 ", want %" PRId64 "\n", got, want);
	return got == want;
}

static inline bool
tap_is_str(const char *got, const char *want, const char *file, int line, const char *name)
{
	bool		same = strcmp(got, want) == 0;

	if (!tap_ok(same, file, line, name))
		printf("#   got \"%s\", want \"%s\"\n", got, want);
	return same;
}

static inline bool
tap_check(bool passed, const char *file, int line, const char *text)
{
	tap_checks++;
	if (!passed && tap_check_failures++ < 10)
		printf("#   at %s:%d: %s\n", file, line, text);
	return passed;
}

static inline void
tap_checked(const char *file, int line, const char *name)
{
	char		label[200];

	snprintf(label, sizeof label, "%s (%ld checks)", name, tap_checks);
	tap_ok(tap_checks > 0 && tap_check_failures == 0, file, line, label);
	tap_checks = tap_check_failures = 0;
}

#define ok(passed, name) tap_ok((passed), __FILE__, __LINE__, (name))
#define is_int(got, want, name) tap_is_int((got), (want), __FILE__, __LINE__, (name))
#define is_str(got, want, name) tap_is_str((got), (want), __FILE__, __LINE__, (name))
#define CHECK(passed) tap_check((passed), __FILE__, __LINE__, #passed)
#define CHECKED(name) tap_checked(__FILE__, __LINE__, (name))

static inline void
skip(const char *name, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, name, why);
}

static inline int
done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed == 0 ? 0 : 1;
}

/* splitmix64: the same numbers on every machine, so that a failure can be repeated */
static uint64_t random_state = 20240229;

static inline uint64_t
random_u64(void)
{
	uint64_t	z = (random_state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* A number in [low, high]. */
static inline int64_t
random_between(int64_t low, int64_t high)
{
	return low + (int64_t) (random_u64() % (uint64_t) (high - low + 1));
}

#endif
