/*
 * link_share.c
 *		The matcher's work shared among processors.
 *
 * Scoring a pair reads rows that nobody changes meanwhile and writes into a place of its own, so the
 * parts of such work are run by threads of this backend beside it.  A helper calls nothing of the server: it takes no memory,
 * raises nothing, asks for no interrupts, and every signal is blocked in it, so that handlers run in the backend's own thread.
 * Between start and finish the backend may do work of its own, of the server, too: whoever does it sees to it that helpers are
 * waited for where an error or the end of the process leaves it (link_edge.c).  Long
 * work asks whether it is to be canceled (host.is_stopped reads two flags) and gives up.  Helpers
 * that cannot be started are done without.  What was asked is the same with any number of them.
 */
#include "identity/link_edge.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "miscadmin.h"
#include "port/atomics.h"

#define MAX_HELPERS 15

typedef struct Shared
{
	CrmLinkWork work;
	void	   *argument;
	uint32		n_parts;
	pg_atomic_uint32 next;		/* part that nobody has taken yet */
	int			started;
	pthread_t	helpers[MAX_HELPERS];
} Shared;

static void *
take_parts(void *argument)
{
	Shared	   *shared = argument;

	for (;;)
	{
		uint32		part = pg_atomic_fetch_add_u32(&shared->next, 1);

		if (part >= shared->n_parts)
			return NULL;
		shared->work(shared->argument, (int) part);
	}
}

/* Beside this process; never more than there are other processors. */
static int
helpers_allowed(int n_parts)
{
	long		others = sysconf(_SC_NPROCESSORS_ONLN) - 1;

	return (int) Min(Min(Min(others, max_parallel_maintenance_workers), n_parts - 1), MAX_HELPERS);
}

void *
crm_identity_link_start(void *state, CrmLinkWork work, void *argument, int n_parts)
{
	Shared	   *shared = MemoryContextAllocZero(state, sizeof(Shared));
	sigset_t	all;
	sigset_t	before;
	int			wanted = helpers_allowed(n_parts);

	shared->work = work;
	shared->argument = argument;
	shared->n_parts = (uint32) n_parts;
	pg_atomic_init_u32(&shared->next, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (shared->started < wanted && pthread_create(&shared->helpers[shared->started], NULL, take_parts, shared) == 0)
		shared->started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return shared;
}

void
crm_identity_link_finish(void *state, void *started)
{
	Shared	   *shared = started;

	take_parts(shared);
	for (int i = 0; i < shared->started; i++)
		pthread_join(shared->helpers[i], NULL);
	pfree(shared);
}
