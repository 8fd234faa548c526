/*
 * sender_quiet.c
 *		Whether anything was written since the sender found nothing to send: worker_quiet.c, which is in crm.so.
 */
#include "sender.h"

#include "fmgr.h"

typedef bool (*AskFunction) (void);
typedef void (*TellFunction) (void);

bool
sender_is_quiet(void)
{
	static AskFunction ask = NULL;

	if (ask == NULL)
		ask = (AskFunction) load_external_function("crm", "crm_worker_is_quiet", true, NULL);
	return ask();
}

/* Before a look. */
void
sender_quiet_begin(void)
{
	static TellFunction tell = NULL;

	if (tell == NULL)
		tell = (TellFunction) load_external_function("crm", "crm_worker_quiet_begin", true, NULL);
	tell();
}

/* In the transaction of a look that found nothing. */
bool
sender_saw_everything(void)
{
	static AskFunction ask = NULL;

	if (ask == NULL)
		ask = (AskFunction) load_external_function("crm", "crm_worker_saw_everything", true, NULL);
	return ask();
}
