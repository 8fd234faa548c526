/*
 * funnel.h - how far one person got through the ordered steps of a funnel.
 *
 * Facts come in the order of time; each is a step (1 to n) or an exclusion (0).  A chain begins
 * with any step 1, and each next step must come at or after the one before and within the
 * window from the first.  Loose: other facts in between do not matter.  Strict: the next fact
 * that belongs to the funnel must be the next step, or the chain is broken (a new one may
 * begin).  An exclusion breaks all chains.  The answer is the longest chain, and of equal ones the first.
 */
#ifndef CRM_PURE_FUNNEL_H
#define CRM_PURE_FUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRM_FUNNEL_MAX_STEPS 32

typedef struct CrmFunnelFact
{
	int64_t		time;
	int			step;
} CrmFunnelFact;

typedef struct CrmFunnelResult
{
	int			depth;			/* steps done; 0 when none was begun */
	int64_t		started;		/* time of the first */
	int64_t		ended;			/* and of the last */
} CrmFunnelResult;

extern CrmFunnelResult crm_funnel(const CrmFunnelFact *facts, size_t count, int steps, int64_t window, bool is_strict);

#endif
