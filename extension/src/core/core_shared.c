/*
 * core_shared.c
 *		Pieces of shared memory, asked for by rooms when crm is preloaded, made when the server starts.
 *
 * A piece begins with the pointer to its lock; all else of it is zero until its room writes it.
 */
#include "core/core.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

static CrmSharedPiece *pieces = NULL;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	for (const CrmSharedPiece *piece = pieces; piece != NULL; piece = piece->next)
	{
		RequestAddinShmemSpace(MAXALIGN(piece->size));
		RequestNamedLWLockTranche(piece->name, 1);
	}
}

static void
make(const CrmSharedPiece *piece)
{
	bool		found;

	*piece->memory = ShmemInitStruct(piece->name, piece->size, &found);
	if (found)
		return;
	memset(*piece->memory, 0, piece->size);
	*(LWLock **) *piece->memory = &(GetNamedLWLockTranche(piece->name))->lock;
}

static void
start_memory(void)
{
	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (const CrmSharedPiece *piece = pieces; piece != NULL; piece = piece->next)
		make(piece);
	LWLockRelease(AddinShmemInitLock);
}

/* Asks for a piece, which has to live as long as the process; its memory stays NULL where crm is not preloaded. */
void
crm_core_shared_ask(CrmSharedPiece *piece)
{
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	if (pieces == NULL)
	{
		previous_request_hook = shmem_request_hook;
		shmem_request_hook = request_memory;
		previous_startup_hook = shmem_startup_hook;
		shmem_startup_hook = start_memory;
	}
	piece->next = pieces;
	pieces = piece;
}
