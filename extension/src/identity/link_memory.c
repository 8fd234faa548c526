/*
 * link_memory.c
 *		Memory of the matcher that grows.
 */
#include "identity/link.h"

#include <string.h>

#define MANY_BYTES ((size_t) 64 << 20)

void *
crm_link_grow(CrmLink *link, void *old, size_t used, size_t bytes)
{
	void	   *fresh = link->host.take(link->host.state, bytes);

	if (old != NULL)
	{
		memcpy(fresh, old, used);
		link->host.drop(link->host.state, old);
	}
	return fresh;
}

/*
 * How much room is next: to have four times as much costs no memory before it is written, and
 * what is copied is a third of all in the end.
 */
size_t
crm_link_roomier(size_t room, size_t width)
{
	return room * width < MANY_BYTES ? room * 4 : room * 2;
}
