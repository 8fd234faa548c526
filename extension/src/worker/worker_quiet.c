/*
 * worker_quiet.c
 *		Whether anything can have changed since a process of ours found nothing to do.
 *
 * Whoever changes data gets a transaction id.  A look that wrote nothing, found nothing, and was taken
 * while nobody held an id would find the same until the next id is given out: until then only time
 * brings work.  One comparison of two numbers says so, and a database in which nothing happens costs
 * next to nothing, however many persons and flows it holds.
 */
#include "worker/worker.h"

#include "access/transam.h"
#include "access/xact.h"
#include "utils/snapmgr.h"

/* Nothing was written since this id was the next one; invalid: something may have been. */
static FullTransactionId next_known = {InvalidTransactionId};

/* Whether nothing was written since crm_worker_quiet_begin(). */
bool
crm_worker_is_quiet(void)
{
	return FullTransactionIdIsValid(next_known) && FullTransactionIdEquals(next_known, ReadNextFullTransactionId());
}

/* What is seen from here on may be relied on for as long as it is quiet. */
void
crm_worker_quiet_begin(void)
{
	next_known = ReadNextFullTransactionId();
}

/* Something changed that takes no id: settings. */
void
crm_worker_quiet_end(void)
{
	next_known = InvalidFullTransactionId;
}

/* In the transaction of a look, before it writes: whether the same look would see the same for as long as it is quiet. */
bool
crm_worker_saw_everything(void)
{
	Snapshot	seen = GetActiveSnapshot();

	return crm_worker_is_quiet() && !TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
		seen->xcnt == 0 && seen->subxcnt == 0 && !seen->suboverflowed &&
		TransactionIdEquals(seen->xmax, XidFromFullTransactionId(next_known));
}

/* A transaction that has ended and only kept our own books is no news. */
void
crm_worker_quiet_goes_on(TransactionId own)
{
	if (FullTransactionIdIsValid(next_known) && TransactionIdEquals(own, XidFromFullTransactionId(next_known)))
		FullTransactionIdAdvance(&next_known);
}
