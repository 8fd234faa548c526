/*
 * fuzz_driver.c - feeds a parser mutated inputs, the same ones in every run.
 *
 * Usage: fuzz_NAME.t [inputs [seed]]; exit 0 when all of them kept the promises.  A crash
 * leaves the number of the input, which the same arguments reach again; "fuzz_NAME.t 1 SEED
 * NUMBER" runs that one alone and prints its bytes.
 *
 * Each input is drawn from its own number, so it does not depend on the ones before.
 */
#include <signal.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_INPUT 4096
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef struct Input
{
	uint8_t		bytes[MAX_INPUT];
	size_t		length;
	uint64_t	state;
} Input;

static volatile uint64_t current;

/* Pieces that parsers trip over, whatever they read. */
static const FuzzSeed pieces[] = {
	SEED("\0"), SEED("\xff"), SEED("\xc0\x80"), SEED("\xed\xa0\x80"), SEED("\xf4\x90\x80\x80"),
	SEED("\xef\xbb\xbf"), SEED("\xe2\x80\x8b"), SEED("\xef\xbc\x91"), SEED("\xe3\x80\x80"), SEED("\xe5"),
	SEED("\""), SEED("\"\""), SEED("\\u0000"), SEED("\\ud800"), SEED("\r\n"), SEED("\r"), SEED("\n"),
	SEED("-"), SEED("+"), SEED("."), SEED(","), SEED("@"), SEED("*"), SEED("("), SEED(")"), SEED(" "),
	SEED("9223372036854775807"), SEED("-9223372036854775808"), SEED("99999999999999999999"),
	SEED("0000000000"), SEED("1e308"), SEED("e-18"), SEED("[[[[[[[["), SEED("{\"a\":"), SEED("\xe5\x85\x88\xe7\x94\x9f"),
	SEED("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), SEED("24:00:60"), SEED("+14:00")
};

/* splitmix64 */
static uint64_t
draw(Input *input)
{
	uint64_t	z = (input->state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static size_t
below(Input *input, size_t limit)
{
	return limit == 0 ? 0 : (size_t) (draw(input) % limit);
}

static void
insert(Input *input, const void *bytes, size_t length)
{
	size_t		at = below(input, input->length + 1);

	if (length > MAX_INPUT - input->length)
		length = MAX_INPUT - input->length;
	memmove(input->bytes + at + length, input->bytes + at, input->length - at);
	memcpy(input->bytes + at, bytes, length);
	input->length += length;
}

static void
insert_part(Input *input, const uint8_t *bytes, size_t length)
{
	uint8_t		part[MAX_INPUT];
	size_t		from = below(input, length);
	size_t		count = below(input, length - from + 1);

	memcpy(part, bytes + from, count);
	insert(input, part, count);
}

static void
take_out(Input *input)
{
	size_t		from = below(input, input->length);
	size_t		most = below(input, 4) == 0 ? input->length - from : 4;
	size_t		count = below(input, most + 1);

	if (count > input->length - from)
		count = input->length - from;
	memmove(input->bytes + from, input->bytes + from + count, input->length - from - count);
	input->length -= count;
}

static void
change_byte(Input *input)
{
	size_t		at = below(input, input->length);

	if (input->length == 0)
		return;
	switch (below(input, 4))
	{
		case 0:
			input->bytes[at] ^= (uint8_t) (1u << below(input, 8));
			break;
		case 1:
			input->bytes[at] = (uint8_t) draw(input);
			break;
		case 2:
			input->bytes[at] = (uint8_t) ('0' + below(input, 10));
			break;
		default:
			input->bytes[at] = (uint8_t) (input->bytes[at] + (below(input, 2) ? 1 : -1));
	}
}

static void
mutate(Input *input)
{
	const FuzzSeed *other;

	switch (below(input, 8))
	{
		case 0:
		case 1:
		case 2:
			change_byte(input);
			break;
		case 3:
			take_out(input);
			break;
		case 4:
			insert_part(input, input->bytes, input->length);
			break;
		case 5:
			other = &fuzz_seeds[below(input, fuzz_seed_count)];
			insert_part(input, (const uint8_t *) other->bytes, other->length);
			break;
		default:
			other = &pieces[below(input, COUNT_OF(pieces))];
			insert(input, other->bytes, other->length);
	}
}

static void
make_input(Input *input, uint64_t seed, uint64_t number)
{
	const FuzzSeed *base;
	size_t		rounds;

	input->state = seed * UINT64_C(0xD1342543DE82EF95) + number;
	base = &fuzz_seeds[below(input, fuzz_seed_count)];
	input->length = base->length < MAX_INPUT ? base->length : MAX_INPUT;
	memcpy(input->bytes, base->bytes, input->length);
	/* most inputs stay near a valid one, some go far */
	rounds = below(input, 10) == 0 ? below(input, 64) : below(input, 5);
	while (rounds-- > 0)
		mutate(input);
}

static void
run_input(Input *input, uint64_t seed, uint64_t number)
{
	uint8_t    *exact;

	make_input(input, seed, number);
	exact = fuzz_copy(input->bytes, input->length);
	LLVMFuzzerTestOneInput(exact, input->length);
	free(exact);
}

/* Says where it stopped; only calls that a signal handler may make. */
static void
on_abort(int signal_number)
{
	char		text[40] = "# input number ";
	char		digits[20];
	size_t		length = strlen(text);
	uint64_t	left = current;
	int			n = 0;

	do
		digits[n++] = (char) ('0' + left % 10);
	while ((left /= 10) > 0);
	while (n > 0)
		text[length++] = digits[--n];
	text[length++] = '\n';
	if (write(STDOUT_FILENO, text, length) < 0)
		_exit(2);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void
show(const Input *input)
{
	printf("# %zu bytes: ", input->length);
	for (size_t i = 0; i < input->length; i++)
		printf("%02x", input->bytes[i]);
	printf("\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static Input input;
	uint64_t	count = argc > 1 ? strtoull(argv[1], NULL, 10) : 50000;
	uint64_t	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	signal(SIGABRT, on_abort);
	if (argc > 3)
	{
		current = strtoull(argv[3], NULL, 10);
		make_input(&input, seed, current);
		show(&input);
		run_input(&input, seed, current);
		return 0;
	}
	for (current = 0; current < count; current++)
		run_input(&input, seed, current);
	printf("# %llu inputs\n", (unsigned long long) count);
	return 0;
}
