/*
 * fuzz.h - what a fuzzed parser brings: its entry point and texts to start from.
 *
 * The entry point is libFuzzer's, so a target runs under that as well (see README.md); here
 * fuzz_driver.c feeds it.  What must hold beside not crashing is said with HOLDS.
 */
#ifndef CRM_TESTS_FUZZ_H
#define CRM_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct FuzzSeed
{
	const char *bytes;
	size_t		length;
} FuzzSeed;

#define SEED(literal) {literal, sizeof(literal) - 1}
#define SEEDS(...) \
	const FuzzSeed fuzz_seeds[] = {__VA_ARGS__}; \
	const size_t fuzz_seed_count = sizeof(fuzz_seeds) / sizeof(fuzz_seeds[0])

extern const FuzzSeed fuzz_seeds[];
extern const size_t fuzz_seed_count;

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_TEXT_OF(value) #value
#define FUZZ_TEXT(value) FUZZ_TEXT_OF(value)

/* A broken promise ends the program as a crash does, so that every fuzzer sees it. */
#define HOLDS(promise) \
	do { \
		if (!(promise)) \
		{ \
			puts("# " __FILE__ ":" FUZZ_TEXT(__LINE__) ": broken promise: " #promise); \
			fflush(stdout); \
			abort(); \
		} \
	} while (0)

/* An exact copy on the heap, where reading past the end is noticed. */
static inline void *
fuzz_copy(const void *bytes, size_t length)
{
	void	   *copy = malloc(length > 0 ? length : 1);

	if (copy == NULL)
		abort();
	if (length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

#endif
