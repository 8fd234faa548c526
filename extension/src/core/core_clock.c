/*
 * core_clock.c
 *		The one clock: every decision about time asks crm.core_now().
 *
 * Normally it is the start of the transaction.  With crm.core_clock set it stands still at
 * that moment, so that a test or a demonstration can live through a year in a minute.  Only a
 * superuser may set it, and only in a server started with crm.core_test_mode = on: nobody
 * turns back the clock of a shop.  The audit trail does not ask this clock.
 *
 * Called by all rooms; takes no lock; owns the parsed value of the setting.
 */
#include "core/core.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

static char *clock_text = NULL;
static bool test_mode = false;
static int	node = 0;
static TimestampTz clock_at = 0;
static bool clock_is_set = false;

PG_FUNCTION_INFO_V1(crm_core_now);

static bool
parse_clock(const char *text, TimestampTz *parsed)
{
	char		workbuf[MAXDATELEN + MAXDATEFIELDS];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	int			nf;
	int			dtype;
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz = 0;

	return crm_compat_parse_datetime(text, workbuf, sizeof(workbuf), field, ftype, &nf) == 0 &&
		crm_compat_decode_datetime(field, ftype, nf, &dtype, &tm, &fsec, &tz) == 0 &&
		dtype == DTK_DATE &&
		tm2timestamp(&tm, fsec, &tz, parsed) == 0;
}

static bool
check_clock(char **newval, void **extra, GucSource source)
{
	TimestampTz *parsed;

	if (*newval == NULL || **newval == '\0')
		return true;
	if (!test_mode)
	{
		GUC_check_errcode(ERRCODE_CRM_CLOCK_LOCKED);
		GUC_check_errmsg("cannot set the clock of a server that is not in test mode");
		GUC_check_errhint("Start the server with crm.core_test_mode = on.");
		return false;
	}
	parsed = (TimestampTz *) malloc(sizeof(TimestampTz));
	if (parsed == NULL)
		return false;
	if (!parse_clock(*newval, parsed))
	{
		free(parsed);
		GUC_check_errdetail("The clock takes a timestamp with time zone, as in 2026-06-30T10:00:00+08:00.");
		return false;
	}
	*extra = parsed;
	return true;
}

static void
assign_clock(const char *newval, void *extra)
{
	clock_is_set = extra != NULL;
	if (clock_is_set)
		clock_at = *(TimestampTz *) extra;
}

void
crm_core_clock_init(void)
{
	/* a library loaded late, into one session, may define no setting of the server's start */
	GucContext	at_start = process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

	DefineCustomBoolVariable("crm.core_test_mode",
							 "Allows crm.core_clock to be set: for tests and demonstrations only.",
							 NULL, &test_mode, false, at_start, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("crm.core_node",
							"Number of this server among those that share ids.",
							NULL, &node, 0, 0, 31, at_start, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("crm.core_clock",
							   "Holds the clock of crm at a moment; empty lets it run.",
							   NULL, &clock_text, "", PGC_SUSET, 0,
							   check_clock, assign_clock, NULL);
}

/* Now, by the clock of crm: the transaction's start, or the moment it is held at. */
TimestampTz
crm_core_clock_now(void)
{
	return clock_is_set ? clock_at : GetCurrentTransactionStartTimestamp();
}

Datum
crm_core_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(crm_core_clock_now());
}
