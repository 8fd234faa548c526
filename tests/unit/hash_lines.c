/* hash_lines.c - hashes each line of hexadecimal bytes, for oracle_hash.py. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pure/hash.h"

int
main(void)
{
	static char line[9000];
	static unsigned char bytes[4500];

	while (fgets(line, sizeof line, stdin))
	{
		size_t		count = 0;
		unsigned	byte;

		while (sscanf(line + 2 * count, "%2x", &byte) == 1)
			bytes[count++] = (unsigned char) byte;
		printf("%016" PRIx64 "\n", crm_hash_bytes(bytes, count));
	}
	return 0;
}
