/*
 * sample_memory.c
 *		Arrays that double, and the one way this program gives up.
 *
 * Arrays live until the program ends; nobody frees them.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

void
fail(const char *format, ...)
{
	va_list		args;

	va_start(args, format);
	fputs("crm_sample: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/*
 * Room for one more item in an array holding "used".  The capacity is the next power of two
 * and so needs no keeping: the array is full exactly when "used" is one.
 */
void *
grow(void *array, int32_t used, size_t item)
{
	size_t		capacity = used < 1024 ? 1024 : (size_t) used * 2;
	bool		is_full = used == 0 || (used >= 1024 && (used & (used - 1)) == 0);

	if (!is_full)
		return array;
	array = realloc(array, capacity * item);
	if (array == NULL)
		fail("out of memory for %zu items of %zu bytes", capacity, item);
	memset((char *) array + (size_t) used * item, 0, (capacity - (size_t) used) * item);
	return array;
}
