/* fuzz_cutter.c - the stream cutter: nothing is lost, and chunks end at line ends however bytes arrive. */
#include "fuzz.h"
#include "cutter.h"

SEEDS(SEED("a,b\n1,\"x\ny\"\n2,3\n"), SEED("{\"a\":1}\n{\"b\":2}\n"), SEED("\"a\"\"b\",\"c\r\nd\"\r\n12\" pipe,3\r\n"), SEED("no line end"));

typedef struct Taken
{
	const uint8_t *data;
	size_t		size;
	size_t		at;
} Taken;

static void
take(Taken *taken, CrmCutter *cutter, CrmCutterState state)
{
	while (state == CRM_CUTTER_READY)
	{
		HOLDS(cutter->cut > 0 && cutter->cut <= cutter->length && taken->at + cutter->cut <= taken->size);
		HOLDS(memcmp(cutter->buffer, taken->data + taken->at, cutter->cut) == 0);
		HOLDS(taken->at + cutter->cut == taken->size || cutter->buffer[cutter->cut - 1] == '\n' || cutter->buffer[cutter->cut - 1] == '\r');
		taken->at += cutter->cut;
		state = crm_cutter_next(cutter);
	}
	HOLDS(state != CRM_CUTTER_LINE_TOO_LONG);
}

static void
feed(const uint8_t *data, size_t size, bool csv)
{
	CrmCutter	cutter;
	Taken		taken = {data, size, 0};
	size_t		step = size > 0 ? 1 + data[size - 1] % 97 : 1;

	HOLDS(crm_cutter_init(&cutter, csv, ','));
	for (size_t at = 0; at < size;)
	{
		size_t		room = 0;
		char	   *space = crm_cutter_space(&cutter, &room);
		size_t		count = size - at < step ? size - at : step;

		HOLDS(space != NULL && room > 0);
		count = count < room ? count : room;
		memcpy(space, data + at, count);
		at += count;
		take(&taken, &cutter, crm_cutter_added(&cutter, count));
	}
	take(&taken, &cutter, crm_cutter_finish(&cutter));
	HOLDS(taken.at == size);
	crm_cutter_free(&cutter);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t    *large;

	feed(data, size, true);
	feed(data, size, false);
	/* now and then enough of it for several chunks */
	if (size > 64 && size % 61 == 0)
	{
		size_t		times = 3 * CRM_CUTTER_CHUNK / size;

		large = malloc(times * size);
		for (size_t i = 0; i < times; i++)
			memcpy(large + i * size, data, size);
		large[times * size - 1] = 96;
		if (memchr(large, '"', size) == NULL && memchr(large, '\n', size) != NULL)
			feed(large, times * size, true);
		free(large);
	}
	return 0;
}
