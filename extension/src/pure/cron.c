/*
 * cron.c - cron expressions: read, and the next moment in a time zone.
 *
 * Called by the flows' schedules (campaign_cron.c).  Days are looked for first, months that
 * are not meant being skipped whole; then the times of a day, under the offsets that the zone
 * has before and after it, so that each change of clocks is met where it happens.
 */
#include "pure/cron.h"

#include <string.h>

#include "pure/localday.h"

#define DAY_SECONDS 86400
#define UNIX_DAY 10957			/* 2000-01-01 counted from 1970-01-01 */
#define YEARS_AHEAD 50

typedef struct Field
{
	int			low;
	int			high;
	const char *names;			/* of three letters, the first standing for low */
	const char *fault;
} Field;

static const Field fields[] = {
	{0, 59, NULL, "seconds are 0 to 59"},
	{0, 59, NULL, "minutes are 0 to 59"},
	{0, 23, NULL, "hours are 0 to 23"},
	{1, 31, NULL, "days are 1 to 31 or L"},
	{1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", "months are 1 to 12 or names of three letters"},
	{0, 7, "sunmontuewedthufrisat", "weekdays are 0 to 7 or names of three letters"},
};

typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
}

/* A number of at most four digits; -1: none here. */
static int
read_number(Reader *r)
{
	int			value = 0;
	int			digits = 0;

	while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && digits < 4)
	{
		value = value * 10 + (*r->at++ - '0');
		digits++;
	}
	return digits > 0 && digits < 4 ? value : -1;
}

/* A number or a name of the field; -1: neither. */
static int
read_value(Reader *r, const Field *field)
{
	int			n;

	if (field->names == NULL || r->end - r->at < 3 || (*r->at >= '0' && *r->at <= '9'))
		return read_number(r);
	for (n = 0; field->names[3 * n]; n++)
	{
		const char *name = field->names + 3 * n;

		if (lower(r->at[0]) == name[0] && lower(r->at[1]) == name[1] && lower(r->at[2]) == name[2])
		{
			r->at += 3;
			return field->low + n;
		}
	}
	return -1;
}

static bool
read_step(Reader *r, const Field *field, int *step)
{
	*step = 1;
	if (r->at == r->end || *r->at != '/')
		return true;
	r->at++;
	*step = read_number(r);
	/* a step longer than the field would be a silent "once" */
	return *step >= 1 && *step <= field->high - field->low + 1;
}

/* One member of a list: *, ?, n, a-b, with a step; adds its bits. */
static bool
read_member(Reader *r, const Field *field, uint64_t *bits)
{
	int			from = field->low;
	int			last = field == &fields[5] ? 6 : field->high;	/* 7 is Sunday once more */
	int			to = last;
	int			step;
	bool		is_single = false;

	if (r->at < r->end && (*r->at == '*' || *r->at == '?'))
		r->at++;
	else
	{
		from = to = read_value(r, field);
		is_single = true;
		if (from >= 0 && r->at < r->end && *r->at == '-')
		{
			r->at++;
			to = read_value(r, field);
			is_single = false;
		}
	}
	if (from < field->low || to > field->high || from > to)
		return false;
	if (is_single && r->at < r->end && *r->at == '/')
		to = from > last ? from : last;	/* n/step: from n on */
	if (!read_step(r, field, &step))
		return false;
	for (; from <= to; from += step)
		*bits |= UINT64_C(1) << from;
	return true;
}

/* A list; whether it starts with a star says how days and weekdays go together. */
static bool
read_field(Reader *r, const Field *field, uint64_t *bits, bool *is_star, bool *is_bare)
{
	const char *start = r->at;

	*bits = 0;
	if (field == &fields[3] && r->at < r->end && lower(*r->at) == 'l')
	{
		r->at++;
		*bits = 1;
	}
	else
	{
		if (!read_member(r, field, bits))
			return false;
		while (r->at < r->end && *r->at == ',')
		{
			r->at++;
			if (!read_member(r, field, bits))
				return false;
		}
	}
	*is_star = *start == '*' || *start == '?';
	*is_bare = *is_star && r->at == start + 1;
	return r->at == r->end || is_blank(*r->at);
}

static void
skip_blanks(Reader *r)
{
	while (r->at < r->end && is_blank(*r->at))
		r->at++;
}

static int
count_fields(Reader r)
{
	int			n = 0;

	for (skip_blanks(&r); r.at < r.end; skip_blanks(&r), n++)
		while (r.at < r.end && !is_blank(*r.at))
			r.at++;
	return n;
}

static const char *
alias(const char *text, size_t length)
{
	static const struct
	{
		const char *name;
		const char *meaning;
	}			aliases[] = {
		{"@hourly", "0 * * * *"}, {"@daily", "0 0 * * *"}, {"@midnight", "0 0 * * *"},
		{"@weekly", "0 0 * * 0"}, {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
		{"@annually", "0 0 1 1 *"},
	};
	size_t		n;

	for (n = 0; n < sizeof aliases / sizeof *aliases; n++)
		if (strlen(aliases[n].name) == length && memcmp(aliases[n].name, text, length) == 0)
			return aliases[n].meaning;
	return NULL;
}

/* How the two day fields go together, and whether the clock is followed. */
static void
settle_dialect(CrmCron *cron, CrmCronDialect dialect, const bool *is_star, const bool *is_bare)
{
	switch (dialect)
	{
		case CRM_CRON_VIXIE:
			cron->are_both_days_meant = is_star[3] || is_star[5];
			cron->follows_clock = is_star[0] || is_star[1] || is_star[2];
			break;
		case CRM_CRON_ROBFIG:
			cron->are_both_days_meant = is_bare[3] || is_bare[5];
			cron->follows_clock = true;
			break;
		case CRM_CRON_SPRING:
			cron->are_both_days_meant = true;
			cron->follows_clock = is_star[0] || is_star[1] || is_star[2];
			break;
	}
}

/* Whether a local day is one of those meant. */
static bool
is_day_meant(const CrmCron *cron, int32_t day, CrmLocalDay split)
{
	bool		by_day = (cron->days >> split.day & 1) != 0 ||
		((cron->days & 1) != 0 && split.day == crm_localday_month_days(split.year, split.month));
	bool		by_weekday = (cron->weekdays >> (crm_localday_weekday(day) % 7) & 1) != 0;

	return cron->are_both_days_meant ? by_day && by_weekday : by_day || by_weekday;
}

/* The first day meant from a day on; false: none before the end. */
static bool
find_day(const CrmCron *cron, int32_t from, int32_t end, int32_t *day)
{
	while (from <= end)
	{
		CrmLocalDay split = crm_localday_split(from);

		if ((cron->months >> split.month & 1) == 0)
			from += crm_localday_month_days(split.year, split.month) - split.day + 1;
		else if (is_day_meant(cron, from, split))
		{
			*day = from;
			return true;
		}
		else
			from++;
	}
	return false;
}

/* The first bit at or above a position; -1: none. */
static int
next_bit(uint64_t bits, int from)
{
	uint64_t	rest = from > 63 ? 0 : bits >> from;

	return rest == 0 ? -1 : from + __builtin_ctzll(rest);
}

/* The first second of the day meant, from one on; -1: none. */
static int
find_time(const CrmCron *cron, int from)
{
	int			hour = next_bit(cron->hours, from / 3600);
	int			minute = hour == from / 3600 ? from / 60 % 60 : 0;
	int			second = hour == from / 3600 ? from % 60 : 0;

	for (; hour >= 0; hour = next_bit(cron->hours, hour + 1), minute = second = 0)
		for (;;)
		{
			int			m = next_bit(cron->minutes, minute);
			int			s;

			if (m < 0)
				break;
			s = next_bit(cron->seconds, m == minute ? second : 0);
			if (s >= 0)
				return hour * 3600 + m * 60 + s;
			minute = m + 1;
			second = 0;
		}
	return -1;
}

/* The first instant of (low, high] at which another offset than before holds. */
static int64_t
find_change(CrmCronOffset offset, void *zone, int64_t low, int64_t high)
{
	int64_t		before = offset(zone, low);

	while (high - low > 1)
	{
		int64_t		middle = low + (high - low) / 2;

		if (offset(zone, middle) == before)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* The instant of a local time: the first that shows it, else the end of the gap it lies in. */
static int64_t
to_instant(CrmCronOffset offset, void *zone, int64_t local, int64_t east_before, int64_t east_after)
{
	int64_t		first = local - east_before;
	int64_t		second = local - east_after;
	bool		is_first = offset(zone, first) == east_before;
	bool		is_second = offset(zone, second) == east_after;

	if (is_first && is_second)
		return first < second ? first : second;
	if (is_first)
		return first;
	if (is_second)
		return second;
	return find_change(offset, zone, local - east_before - 2 * DAY_SECONDS,
					   local - east_after + 2 * DAY_SECONDS);
}

/* The first instant after another within a day whose times fall exactly once. */
static bool
find_fixed(const CrmCron *cron, CrmCronOffset offset, void *zone, int64_t midnight, int64_t after,
		   int64_t *next)
{
	int64_t		east_before = offset(zone, midnight - DAY_SECONDS);
	int64_t		east_after = offset(zone, midnight + 2 * DAY_SECONDS);
	int64_t		passed = after + offset(zone, after) - midnight;
	int			time = find_time(cron, passed < 0 ? 0 : passed >= DAY_SECONDS ? DAY_SECONDS : (int) passed + 1);

	for (; time >= 0 && time < DAY_SECONDS; time = find_time(cron, time + 1))
	{
		int64_t		instant = to_instant(offset, zone, midnight + time, east_before, east_after);

		if (instant > after)
		{
			*next = instant;
			return true;
		}
	}
	return false;
}

/* The first instant after another at which the clock shows a time of the day under an offset. */
static bool
find_shown(const CrmCron *cron, CrmCronOffset offset, void *zone, int64_t midnight, int64_t east,
		   int64_t after, int64_t *next)
{
	int64_t		passed = after + east - midnight;
	int			time = find_time(cron, passed < 0 ? 0 : passed >= DAY_SECONDS ? DAY_SECONDS : (int) passed + 1);

	for (; time >= 0 && time < DAY_SECONDS; time = find_time(cron, time + 1))
		if (offset(zone, midnight + time - east) == east)
		{
			*next = midnight + time - east;
			return true;
		}
	return false;
}

static bool
find_followed(const CrmCron *cron, CrmCronOffset offset, void *zone, int64_t midnight,
			  int64_t after, int64_t *next)
{
	int64_t		east_before = offset(zone, midnight - DAY_SECONDS);
	int64_t		east_after = offset(zone, midnight + 2 * DAY_SECONDS);
	int64_t		other;
	bool		is_found = find_shown(cron, offset, zone, midnight, east_before, after, next);

	if (east_after != east_before &&
		find_shown(cron, offset, zone, midnight, east_after, after, &other) &&
		(!is_found || other < *next))
	{
		*next = other;
		is_found = true;
	}
	return is_found;
}

bool
crm_cron_parse(const char *text, size_t length, CrmCronDialect dialect, CrmCron *cron,
			   const char **fault)
{
	Reader		r = {text, text + length};
	uint64_t	bits[6] = {1, 0, 0, 0, 0, 0};
	bool		is_star[6] = {false};
	bool		is_bare[6] = {false};
	int			n;

	if (length > 0 && *text == '@')
	{
		r.at = alias(text, length);
		if (r.at == NULL)
		{
			*fault = "the names are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually";
			return false;
		}
		r.end = r.at + strlen(r.at);
	}
	n = count_fields(r);
	if (n != 5 && n != 6)
	{
		*fault = "there are five fields (minute hour day month weekday), or six with seconds first";
		return false;
	}
	for (n = 6 - n; n < 6; n++)
	{
		skip_blanks(&r);
		if (!read_field(&r, &fields[n], &bits[n], &is_star[n], &is_bare[n]))
		{
			*fault = fields[n].fault;
			return false;
		}
	}
	memset(cron, 0, sizeof *cron);
	cron->seconds = bits[0];
	cron->minutes = bits[1];
	cron->hours = (uint32_t) bits[2];
	cron->days = (uint32_t) bits[3];
	cron->months = (uint16_t) bits[4];
	cron->weekdays = (uint8_t) ((bits[5] | bits[5] >> 7) & 0x7f);
	settle_dialect(cron, dialect, is_star, is_bare);
	return true;
}

bool
crm_cron_next(const CrmCron *cron, CrmCronOffset offset, void *zone, int64_t after, int64_t *next)
{
	int64_t		local = after + offset(zone, after);
	int64_t		local_day = local / DAY_SECONDS - (local % DAY_SECONDS < 0) - UNIX_DAY;
	int32_t		day;
	int32_t		end;

	if (local_day < CRM_DAY_MIN + 2 || local_day > CRM_DAY_MAX - 2)
		return false;
	/* a clock set back over midnight shows a day again: the day before is asked too */
	day = (int32_t) local_day - 1;
	end = crm_localday_add_months(day, 12 * YEARS_AHEAD);
	for (; find_day(cron, day, end, &day); day++)
	{
		int64_t		midnight = ((int64_t) day + UNIX_DAY) * DAY_SECONDS;

		if (cron->follows_clock ? find_followed(cron, offset, zone, midnight, after, next)
			: find_fixed(cron, offset, zone, midnight, after, next))
			return true;
	}
	return false;
}
