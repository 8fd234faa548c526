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
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pure/localday.h"

static char *clock_text = NULL;
static bool test_mode = false;
static int	node = 0;
static TimestampTz clock_at = 0;
static bool clock_is_set = false;

PG_FUNCTION_INFO_V1(crm_core_now);

/* Digits of a fixed width as a number; -1 when they are none. */
static int
read_digits(const char *text, int width)
{
	int			number = 0;

	for (int i = 0; i < width; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number * 10 + text[i] - '0';
	}
	return number;
}

/* Takes ".ffffff" off the text, at most six digits; 0 when there is none. */
static int
read_fraction(const char **text)
{
	int			micros = 0;
	int			unit = 100000;

	if (**text != '.')
		return 0;
	for ((*text)++; **text >= '0' && **text <= '9' && unit > 0; (*text)++, unit /= 10)
		micros += unit * (**text - '0');
	return micros;
}

/* Seconds east of Greenwich of "Z", "+08", "+0800" or "+08:00"; false for anything else. */
static bool
read_offset(const char *text, int *seconds)
{
	int			hours;
	int			minutes = 0;

	*seconds = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if (*text != '+' && *text != '-')
		return false;
	hours = read_digits(text + 1, 2);
	if (hours < 0 || hours > 15)
		return false;
	if (text[3] != '\0')
	{
		const char *rest = text + 3 + (text[3] == ':');

		minutes = read_digits(rest, 2);
		if (minutes < 0 || minutes > 59 || rest[2] != '\0')
			return false;
	}
	*seconds = (hours * 60 + minutes) * 60 * (*text == '-' ? -1 : 1);
	return true;
}

/*
 * "2026-06-30T10:00:00+08:00": the fraction and the seconds may be left out.  Read by hand,
 * since a parallel worker takes over settings before the server's own parser has its time zones.
 */
static bool
parse_clock(const char *text, TimestampTz *parsed)
{
	struct pg_tm tm = {0};
	fsec_t		micros = 0;
	int			east;
	int			west;

	if (strnlen(text, 16) < 16 || text[4] != '-' || text[7] != '-' ||
		(text[10] != 'T' && text[10] != ' ') || text[13] != ':')
		return false;
	tm.tm_year = read_digits(text, 4);
	tm.tm_mon = read_digits(text + 5, 2);
	tm.tm_mday = read_digits(text + 8, 2);
	tm.tm_hour = read_digits(text + 11, 2);
	tm.tm_min = read_digits(text + 14, 2);
	text += 16;
	if (*text == ':')
	{
		tm.tm_sec = read_digits(text + 1, 2);
		if (tm.tm_sec < 0)
			return false;
		text += 3;
		micros = read_fraction(&text);
	}
	if (!crm_localday_is_valid(tm.tm_year, tm.tm_mon, tm.tm_mday) || tm.tm_hour < 0 ||
		tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec > 59 ||
		!read_offset(text, &east))
		return false;
	west = -east;
	return tm2timestamp(&tm, micros, &west, parsed) == 0;
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
	parsed = crm_compat_guc_alloc(sizeof(TimestampTz));
	if (parsed == NULL)
		return false;
	if (!parse_clock(*newval, parsed))
	{
		crm_compat_guc_free(parsed);
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

/* What crm._new_id() gives: a new 64-bit id of this node. */
int64
crm_core_new_id(void)
{
	Oid			sequence = get_relname_relid("id_seq", get_namespace_oid("crm", false));

	return nextval_internal(sequence, true) + ((int64) node << 48);
}

Datum
crm_core_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(crm_core_clock_now());
}
