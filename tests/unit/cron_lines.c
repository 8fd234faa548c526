/*
 * cron_lines.c - a line "dialect TAB zone TAB instant TAB expression" in, the next instant out,
 * or never, or invalid.  The zone is the C library's, so that no server is needed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pure/cron.h"

static int64_t
offset_of_library(void *zone, int64_t instant)
{
	time_t		at = (time_t) instant;
	struct tm	local;

	(void) zone;
	localtime_r(&at, &local);
	return local.tm_gmtoff;
}

static void
answer(char *line)
{
	char	   *dialect = strsep(&line, "\t");
	char	   *zone = strsep(&line, "\t");
	char	   *instant = strsep(&line, "\t");
	const char *fault = "";
	CrmCron		cron;
	int64_t		next;

	setenv("TZ", zone, 1);
	tzset();
	if (!crm_cron_parse(line, strlen(line), (CrmCronDialect) atoi(dialect), &cron, &fault))
		printf("invalid\n");
	else if (crm_cron_next(&cron, offset_of_library, NULL, atoll(instant), &next))
		printf("%lld\n", (long long) next);
	else
		printf("never\n");
	fflush(stdout);
}

int
main(void)
{
	char		line[1024];

	while (fgets(line, sizeof line, stdin))
	{
		line[strcspn(line, "\n")] = '\0';
		answer(line);
	}
	return 0;
}
