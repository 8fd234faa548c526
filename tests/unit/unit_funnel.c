/* unit_funnel.c - ordered funnels: windows, strictness, exclusions, and a slow search that must agree. */
#include "tap.h"
#include "pure/funnel.h"

/* Facts written as step@time, as "1@0 2@5". */
static CrmFunnelResult
run(const char *text, int steps, int64_t window, bool is_strict)
{
	CrmFunnelFact facts[50];
	size_t		count = 0;
	int			step;
	int			time;
	int			read;

	for (; sscanf(text, " %d@%d%n", &step, &time, &read) == 2; text += read)
		facts[count++] = (CrmFunnelFact) {time, step};
	return crm_funnel(facts, count, steps, window, is_strict);
}

/* The deepest chain that begins with the first-th fact, tried out one by one. */
static int
search(const CrmFunnelFact *facts, size_t count, size_t at, int steps, int64_t start, int64_t window)
{
	int			deepest = facts[at].step;

	for (size_t i = at + 1; i < count && facts[i].step != 0 && deepest < steps; i++)
		if (facts[i].step == facts[at].step + 1 && facts[i].time - start <= window)
		{
			int			found = search(facts, count, i, steps, start, window);

			deepest = found > deepest ? found : deepest;
		}
	return deepest;
}

int
main(void)
{
	is_int(run("", 3, 10, false).depth, 0, "no facts, no step");
	is_int(run("2@0 3@1", 3, 10, false).depth, 0, "it begins with the first step");
	is_int(run("1@0 2@5 3@10", 3, 10, false).depth, 3, "the window's last moment counts");
	is_int(run("1@0 2@5 3@11", 3, 10, false).depth, 2, "one later does not");
	is_int(run("1@0 3@2 2@5", 3, 10, false).depth, 2, "order matters");
	is_int(run("1@0 1@4 2@5 3@12", 3, 10, false).depth, 3, "a later beginning has more of its window left");
	is_int(run("1@0 3@1 2@2 3@3", 3, 10, false).depth, 3, "loose: others may come between");
	is_int(run("1@0 3@1 2@2 3@3", 3, 10, true).depth, 1, "strict: they may not");
	is_int(run("1@0 3@1 1@2 2@3 3@4", 3, 10, true).depth, 3, "strict: but a new chain may begin");
	is_int(run("1@0 0@1 2@2", 3, 10, false).depth, 1, "an exclusion in between ends the chain");
	is_int(run("0@0 1@0 2@2", 3, 10, false).depth, 2, "one before does not matter");
	is_int(run("1@3 2@3 3@3", 3, 0, false).depth, 3, "all at one moment");
	is_int(run("1@1 2@4 3@9", 3, 10, false).ended, 9, "it says when it ended");
	is_int(run("1@1 2@4 3@9", 3, 10, false).started, 1, "and when it began");
	for (int round = 0; round < 20000; round++)
	{
		CrmFunnelFact facts[12];
		int			count = (int) random_between(0, 12);
		int			steps = (int) random_between(1, 4);
		int64_t		window = random_between(0, 12);
		int			deepest = 0;
		int64_t		time = 0;

		for (int i = 0; i < count; i++)
			facts[i] = (CrmFunnelFact) {time += random_between(0, 3), random_between(0, 9) == 0 ? 0 : (int) random_between(1, steps)};
		for (int i = 0; i < count; i++)
			if (facts[i].step == 1)
			{
				int			found = search(facts, count, i, steps, facts[i].time, window);

				deepest = found > deepest ? found : deepest;
			}
		CHECK(crm_funnel(facts, count, steps, window, false).depth == deepest);
	}
	CHECKED("a search of every chain finds the same depth");
	return done();
}
