/*
 * sample_text.c
 *		How one value of a record is written: ids, times, phones, birthdays.
 *
 * Text is a function of the record and the seed alone, so that the files agree with each
 * other without anything being kept.
 */
#include <string.h>

#include "sample.h"

const char *const source_codes[SOURCES] = {"pos", "mini", "shop", "wechat", "excel"};

enum
{
	OPENID_TAIL = 27,
	UNIONID_TAIL = 25
};

void
text_day(int32_t day, char *out)
{
	Date		date = date_of(day);

	sprintf(out, "%04d-%02d-%02d", date.year, date.month, date.day);
}

void
text_time(int32_t day, int second, char *out)
{
	text_day(day, out);
	sprintf(out + strlen(out), " %02d:%02d:%02d", second / 3600, second / 60 % 60, second % 60);
}

/* The same moment on a clock that shows UTC. */
void
text_utc(int32_t day, int second, char *out)
{
	int64_t		at = (int64_t) day * DAY_SECONDS + second - 8 * 3600;

	text_time((int32_t) (at / DAY_SECONDS), (int) (at % DAY_SECONDS), out);
	out[10] = 'T';
	strcat(out, "Z");
}

static void
random_letters(uint64_t salt, int count, char *out)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	int			i;

	for (i = 0; i < count; i++)
	{
		if (i % 10 == 0)
			salt = scatter(salt, 17);
		out[i] = letters[salt >> (6 * (i % 10)) & 63];
	}
	out[count] = '\0';
}

/* "out" holds 40 bytes. */
void
text_external_id(const Sample *sample, const Record *record, char *out)
{
	uint64_t	own = scatter((uint64_t) (record - sample->record), sample->seed ^ 0x1d);

	switch (record->source)
	{
		case SRC_POS:
			sprintf(out, "88%02d%07d", record->store + 1, record->serial);
			break;
		case SRC_MINI:
			strcpy(out, "oM");
			random_letters(own, OPENID_TAIL - 1, out + 2);
			break;
		case SRC_SHOP:
			sprintf(out, "sp%09d", record->serial);
			break;
		case SRC_WECHAT:
			strcpy(out, record->flags & REC_WECOM ? "wm" : "oA");
			random_letters(own, OPENID_TAIL - 1, out + 2);
			break;
		default:
			sprintf(out, "X%06d", record->serial);
			break;
	}
}

/*
 * One account of a person has one unionid in all apps of the chain.  The official account
 * tells it of nine followers in ten, WeCom of seven contacts in ten; else the text is empty.
 */
void
text_union_id(const Sample *sample, const Record *record, char *out)
{
	uint64_t	account = (uint64_t) record->person * 2
		+ (record->flags & REC_OTHER_WECHAT ? 1 : 0);
	uint64_t	own = scatter((uint64_t) (record - sample->record), sample->seed ^ 0x2b);
	unsigned	known = record->source != SRC_WECHAT ? 100 : record->flags & REC_WECOM ? 70 : 90;

	out[0] = '\0';
	if (own % 100 >= known)
		return;
	strcpy(out, "o6_");
	random_letters(scatter(account, sample->seed ^ 0x3d), UNIONID_TAIL, out + 3);
}

static void
phone_formatted(uint64_t phone, uint64_t salt, char *out)
{
	int			head = (int) (phone / 100000000);
	int			middle = (int) (phone / 10000 % 10000);
	int			tail = (int) (phone % 10000);

	switch (salt % 5)
	{
		case 0:
			sprintf(out, "+86 %03d %04d %04d", head, middle, tail);
			break;
		case 1:
			sprintf(out, "%03d-%04d-%04d", head, middle, tail);
			break;
		case 2:
			sprintf(out, "%03d %04d %04d", head, middle, tail);
			break;
		case 3:
			sprintf(out, "0086%03d%04d%04d", head, middle, tail);
			break;
		default:
			sprintf(out, "86-%03d%04d%04d", head, middle, tail);
			break;
	}
}

static void
phone_invalid(uint64_t phone, uint64_t salt, char *out)
{
	static const char *const placeholders[] = {
		"13800138000", "11111111111", "12345678901", "00000000000", "无", "13000000000"
	};

	if (salt % 9 < 6)
		strcpy(out, placeholders[salt % 9]);
	else if (salt % 9 == 6)
		sprintf(out, "%llu", (unsigned long long) (phone / 10));
	else if (salt % 9 == 7)
		sprintf(out, "%llu%d", (unsigned long long) phone, (int) (salt / 9 % 10));
	else
		sprintf(out, "2%010llu", (unsigned long long) (phone % 10000000000));
}

/* The phone as this record has it; empty when missing.  "out" holds 64 bytes. */
void
text_phone(const Record *record, uint64_t salt, char *out)
{
	unsigned long long phone = record->phone;
	char		plain[24];
	int			i;

	out[0] = '\0';
	if (phone == 0)
		return;
	if (record->flags & REC_PHONE_INVALID)
		phone_invalid(phone, salt, out);
	else if (record->flags & REC_PHONE_FORMAT)
		phone_formatted(phone, salt, out);
	else if (record->flags & REC_PHONE_MASKED)
		sprintf(out, "%03llu****%04llu", phone / 100000000, phone % 10000);
	else if (record->flags & REC_PHONE_VIRTUAL)
		sprintf(out, "170%08llu-%04llu", (unsigned long long) (salt % 100000000),
				(unsigned long long) (salt / 100000000 % 10000));
	else if (record->flags & REC_LANDLINE)
		sprintf(out, "0%llu-%08llu", phone / 100000000, phone % 100000000);
	else if (record->flags & REC_PHONE_FULLWIDTH)
	{
		sprintf(plain, "%llu", phone);
		for (i = 0; plain[i]; i++)
			sprintf(out + i * 3, "\xEF\xBC%c", (char) (0x90 + plain[i] - '0'));
	}
	else
		sprintf(out, "%llu", phone);
}

/* The birthday as this record has it; empty when missing.  "out" holds 24 bytes. */
void
text_birth(const Person *person, const Record *record, uint64_t salt, char *out)
{
	static const char *const placeholders[] = {"1900-01-01", "1970-01-01", "2000-01-01"};
	Date		date = date_of(person->birth);

	out[0] = '\0';
	if (record->flags & REC_BIRTH_MISSING)
		return;
	if (record->flags & REC_BIRTH_PLACEHOLDER)
	{
		strcpy(out, placeholders[salt % 3]);
		return;
	}
	if (record->flags & (REC_BIRTH_LUNAR | REC_BIRTH_SAID_LUNAR))
	{
		date = lunar_of(person->birth);
		if ((record->flags & REC_BIRTH_LUNAR) && date.month == 2 && date.day > 28)
			date.day = 28;		/* a date field takes no 30 February */
	}
	if (record->flags & REC_BIRTH_SWAPPED && date.day <= 12)
	{
		int			month = date.month;

		date.month = date.day;
		date.day = month;
	}
	if (record->source == SRC_EXCEL && salt % 10 < 7)
		sprintf(out, "%d/%d/%d", date.year, date.month, date.day);
	else if (record->source == SRC_EXCEL && salt % 10 < 8)
		sprintf(out, "%d年%d月%d日", date.year, date.month, date.day);
	else
		sprintf(out, "%04d-%02d-%02d", date.year, date.month, date.day);
}

/* "out" holds 32 bytes. */
void
text_order_id(const Sample *sample, int32_t index, char *out)
{
	const Order *order = &sample->order[index];
	Date		date = date_of(order->day);

	switch (order->source)
	{
		case SRC_POS:
			sprintf(out, "P%02d%02d%02d%02d%08d", order->store + 1, date.year % 100, date.month,
					date.day, (int) index);
			break;
		case SRC_MINI:
			sprintf(out, "M%d%010d", date.year, (int) index);
			break;
		default:
			sprintf(out, "%02d%02d%02d%012d", date.year % 100, date.month, date.day, (int) index);
			break;
	}
}
