/*
 * funnel.c - one pass over a person's facts, one open chain a step: the one that began last,
 * for it has the most of its window left.
 */
#include "pure/funnel.h"

#include <string.h>

CrmFunnelResult
crm_funnel(const CrmFunnelFact *facts, size_t count, int steps, int64_t window, bool is_strict)
{
	int64_t		started[CRM_FUNNEL_MAX_STEPS + 1];
	bool		is_open[CRM_FUNNEL_MAX_STEPS + 1] = {false};
	CrmFunnelResult best = {0, 0, 0};

	if (steps > CRM_FUNNEL_MAX_STEPS)
		steps = CRM_FUNNEL_MAX_STEPS;
	for (size_t i = 0; i < count && best.depth < steps; i++)
	{
		int			step = facts[i].step;
		bool		goes_on;
		int64_t		start;

		if (step < 1 || step > steps)
		{
			if (step == 0)
				memset(is_open, 0, sizeof is_open);
			continue;
		}
		goes_on = step == 1 || (is_open[step - 1] && facts[i].time - started[step - 1] <= window);
		start = step == 1 ? facts[i].time : started[step - 1];
		if (is_strict)
			memset(is_open, 0, sizeof is_open);
		if (!goes_on)
			continue;
		is_open[step] = true;
		started[step] = start;
		if (step > best.depth)
			best = (CrmFunnelResult) {step, start, facts[i].time};
	}
	return best;
}
