/*
 * cron.h - cron expressions: read once, asked for the next moment in a time zone.
 *
 * Five fields (minute hour day month weekday), or six with seconds first, or @hourly, @daily,
 * @midnight, @weekly, @monthly, @yearly, @annually.  A field is a list of *, ?, n, a-b, each
 * with /step; months and weekdays have English names; Sunday is 0 and 7; L is the last day of
 * the month.  Ranges do not wrap.
 *
 * Promises: no allocation, no global state, no time zone of its own (the caller brings one as
 * a function of the instant).  Instants and local times are seconds since 1970-01-01.
 */
#ifndef CRM_PURE_CRON_H
#define CRM_PURE_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What cron's descendants differ in. */
typedef enum CrmCronDialect
{
	/*
	 * Ours, as Debian's: day and weekday both given mean either, unless one of them starts
	 * with *.  A fixed time falls exactly once: in the gap of spring at its end, in autumn
	 * the first time.  With * in seconds, minutes or hours the clock is followed.
	 */
	CRM_CRON_VIXIE,
	CRM_CRON_ROBFIG,			/* only a bare * or ? frees a day field; the clock is always followed */
	CRM_CRON_SPRING				/* day and weekday both given mean both */
} CrmCronDialect;

typedef struct CrmCron
{
	uint64_t	seconds;		/* bit n: n is meant */
	uint64_t	minutes;
	uint32_t	hours;
	uint32_t	days;			/* bits 1 to 31; bit 0: the last day of the month */
	uint16_t	months;			/* bits 1 to 12 */
	uint8_t		weekdays;		/* bits 0 (Sunday) to 6 */
	bool		are_both_days_meant;	/* day AND weekday, not OR */
	bool		follows_clock;
} CrmCron;

/* The zone: seconds east of Greenwich at an instant. */
typedef int64_t (*CrmCronOffset) (void *zone, int64_t instant);

/* False for what is no expression; fault then names what is wrong, in words for a person. */
extern bool crm_cron_parse(const char *text, size_t length, CrmCronDialect dialect, CrmCron *cron,
						   const char **fault);

/* The first moment after an instant; false: none within 50 years. */
extern bool crm_cron_next(const CrmCron *cron, CrmCronOffset offset, void *zone, int64_t after,
						  int64_t *next);

#endif
