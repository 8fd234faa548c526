/*
 * sample_mark_files.c
 *		Consents, coupons of two years, and effects.csv: what was planted.
 */
#include <string.h>

#include "sample.h"

enum
{
	COUPON_DAYS = 30
};

static const char *const coupon_types[FLOWS] = {"welcome_5", "birthday_shipping", "wake_up_90"};
static const char *const effect_names[FLOWS] = {"welcome", "birthday", "wake_up"};
static const char *const habit_names[HABITS] = {
	"baby_wash_then_food", "pump_then_bags", "machine_then_beans"
};

static void
consent_row(Writer *writer, const Sample *sample, const Record *record, bool yes, int32_t day,
			int second, const char *evidence)
{
	char		text[64];

	csv_text(writer, source_codes[record->source]);
	text_external_id(sample, record, text);
	csv_text(writer, text);
	csv_text(writer, "sms");
	csv_text(writer, yes ? "yes" : "no");
	text_time(day, second, text);
	csv_text(writer, text);
	csv_text(writer, evidence);
	csv_end(writer);
}

/* What was ticked at registration; the last record of some persons says the opposite. */
static void
consents_given(Writer *writer, const Sample *sample)
{
	static const char *const evidence[SOURCES] = {
		"开卡单签字", "小程序勾选", "平台授权", "关注授权", "店员登记"
	};
	int32_t		i;

	for (i = 0; i < sample->records; i++)
	{
		const Record *record = &sample->record[sample->by_source[i]];
		const Person *person = &sample->person[record->person];
		bool		yes = person->consent == 1;

		if (person->consent == 2)
			continue;
		if (person->conflicting && record->ordinal == person->records - 1)
			yes = !yes;
		consent_row(writer, sample, record, yes, record->day, record->second,
					evidence[record->source]);
	}
}

static void
consents_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "consents.csv", NULL);
	int32_t		i;

	csv_header(writer, "来源,会员编号,渠道,状态,时间,凭证");
	consents_given(writer, sample);
	for (i = 0; i < sample->grants; i++)
	{
		const Grant *grant = &sample->grant[i];

		if (grant->opted_out && grant->day < sample->until)
			consent_row(writer, sample, &sample->record[grant->record], false, grant->day,
						10 * 3600 + (int) (scatter((uint64_t) i, 3) % 36000), "回复TD退订");
	}
	writer_close(writer);
}

static void
coupon_row(Writer *writer, const Sample *sample, int32_t index)
{
	const Grant *grant = &sample->grant[index];
	const Record *record = &sample->record[grant->record];
	int			second = grant->flow == FLOW_WELCOME ? record->second : 10 * 3600;
	char		text[64];

	csv_format(writer, "C%09d", (int) index);
	csv_text(writer, source_codes[record->source]);
	text_external_id(sample, record, text);
	csv_text(writer, text);
	csv_text(writer, coupon_types[grant->flow]);
	text_time(grant->day, second, text);
	csv_text(writer, text);
	text_time(grant->day + COUPON_DAYS, DAY_SECONDS - 1, text);
	csv_text(writer, text);
	if (grant->order >= 0)
	{
		const Order *order = &sample->order[grant->order];

		csv_text(writer, "redeemed");
		text_time(order->day, order->second, text);
		csv_text(writer, text);
		csv_text(writer, source_codes[order->source]);
		text_order_id(sample, grant->order, text);
		csv_text(writer, text);
	}
	else
	{
		csv_text(writer, grant->day + COUPON_DAYS < sample->until ? "expired" : "issued");
		csv_text(writer, "");
		csv_text(writer, "");
		csv_text(writer, "");
	}
	csv_end(writer);
}

static void
coupons_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "coupons.csv", NULL);
	int32_t		i;

	csv_header(writer, "券码,来源,会员编号,券种,发放时间,有效期至,状态,核销时间,核销来源,核销单号");
	for (i = 0; i < sample->grants; i++)
		if (!sample->grant[i].holdout)
			coupon_row(writer, sample, i);
	writer_close(writer);
}

static void
effects_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "effects.csv", NULL);
	char		text[64];
	int32_t		i;

	csv_header(writer, "effect,person,source,external_id,day,arm,planted,followed,followed_on");
	for (i = 0; i < sample->grants; i++)
	{
		const Grant *grant = &sample->grant[i];
		const Record *record = &sample->record[grant->record];

		csv_text(writer, effect_names[grant->flow]);
		csv_format(writer, "%d", (int) grant->person);
		csv_text(writer, source_codes[record->source]);
		text_external_id(sample, record, text);
		csv_text(writer, text);
		text_day(grant->day, text);
		csv_text(writer, text);
		csv_text(writer, grant->holdout ? "holdout" : "treated");
		csv_text(writer, grant->moved ? "yes" : "no");
		csv_text(writer, grant->ordered ? "yes" : "no");
		csv_text(writer, "");
		csv_end(writer);
	}
	for (i = 0; i < sample->habits; i++)
	{
		const Habit *habit = &sample->habit[i];
		const Record *record = &sample->record[sample->person[habit->person].first_record];

		csv_text(writer, habit_names[habit->kind]);
		csv_format(writer, "%d", (int) habit->person);
		csv_text(writer, source_codes[record->source]);
		text_external_id(sample, record, text);
		csv_text(writer, text);
		text_day(habit->from_day, text);
		csv_text(writer, text);
		csv_text(writer, "");
		csv_text(writer, habit->to_day >= 0 ? "yes" : "no");
		csv_text(writer, habit->to_day >= 0 ? "yes" : "no");
		text[0] = '\0';
		if (habit->to_day >= 0)
			text_day(habit->to_day, text);
		csv_text(writer, text);
		csv_end(writer);
	}
	writer_close(writer);
}

void
write_marks(const Sample *sample)
{
	consents_write(sample);
	coupons_write(sample);
	effects_write(sample);
	named_write(sample);
}
