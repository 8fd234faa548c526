/*
 * campaign_cron.c
 *		When a schedule falls: cron expressions in the server's time zones.
 *
 * pure/cron.c does the work; this lends it PostgreSQL's zones and tells a person what is wrong.
 */
#include "campaign/campaign.h"

#include "core/core.h"
#include "pgtime.h"
#include "pure/cron.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(crm_campaign_cron_next);

#define UNIX_SECONDS ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * INT64CONST(86400))

static int64_t
offset_of_server(void *zone, int64_t instant)
{
	pg_time_t	at = (pg_time_t) instant;
	struct pg_tm *local = pg_localtime(&at, (pg_tz *) zone);

	return local == NULL ? 0 : local->tm_gmtoff;
}

static pg_tz *
zone_of(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("there is no time zone \"%s\"", name),
				crm_errfield("zone"), errhint("Names are those of pg_timezone_names, as Asia/Shanghai."));
	return zone;
}

static CrmCronDialect
dialect_of(const char *name)
{
	if (strcmp(name, "vixie") == 0)
		return CRM_CRON_VIXIE;
	if (strcmp(name, "robfig") == 0)
		return CRM_CRON_ROBFIG;
	if (strcmp(name, "spring") == 0)
		return CRM_CRON_SPRING;
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("there is no dialect \"%s\"", name),
			crm_errfield("dialect"), errhint("Dialects are vixie, robfig and spring."));
}

/* (expression text, zone text, after timestamptz, dialect text) returns timestamptz, null: never */
Datum
crm_campaign_cron_next(PG_FUNCTION_ARGS)
{
	text	   *expression = PG_GETARG_TEXT_PP(0);
	pg_tz	   *zone = zone_of(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	TimestampTz after = PG_GETARG_TIMESTAMPTZ(2);
	CrmCronDialect dialect = dialect_of(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	const char *fault = NULL;
	CrmCron		cron;
	int64_t		next;

	if (!crm_cron_parse(VARDATA_ANY(expression), VARSIZE_ANY_EXHDR(expression), dialect, &cron, &fault))
		ereport(ERROR, errcode(ERRCODE_CRM_FLOW_CRON),
				errmsg("\"%s\" is no cron expression: %s", text_to_cstring(expression), fault),
				crm_errfield("expression"), errhint("\"0 10 * * 1-5\" is 10:00 from Monday to Friday."));
	if (TIMESTAMP_NOT_FINITE(after))
		PG_RETURN_NULL();
	/* whole seconds, rounded down: what falls on this very second has passed */
	after = after / USECS_PER_SEC - (after % USECS_PER_SEC < 0);
	if (!crm_cron_next(&cron, offset_of_server, zone, after + UNIX_SECONDS, &next))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ((next - UNIX_SECONDS) * USECS_PER_SEC);
}
