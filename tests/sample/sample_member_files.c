/*
 * sample_member_files.c
 *		The members as each of the five systems delivers them, and truth.csv.
 */
#include "sample.h"

static const double has_wechat_id = .35;	/* of the rows of a store's spreadsheet */

static uint64_t
record_salt(const Sample *sample, const Record *record)
{
	return scatter((uint64_t) (record - sample->record), sample->seed ^ 0x5a);
}

static void
put_id(Writer *writer, const Sample *sample, const Record *record)
{
	char		text[64];

	text_external_id(sample, record, text);
	csv_text(writer, text);
}

static void
put_name(Writer *writer, const Sample *sample, const Record *record)
{
	const Person *person = &sample->person[record->person];
	char		text[64];

	name_text(&person->name, record->flags, record_salt(sample, record) / 7, person->female, text);
	csv_text(writer, text);
}

static void
put_phone(Writer *writer, const Sample *sample, const Record *record)
{
	char		text[64];

	text_phone(record, record_salt(sample, record), text);
	csv_text(writer, text);
}

static void
put_birth(Writer *writer, const Sample *sample, const Record *record)
{
	char		text[24];

	text_birth(&sample->person[record->person], record, record_salt(sample, record), text);
	csv_text(writer, text);
}

static void
put_registered(Writer *writer, const Record *record)
{
	char		text[32];

	text_time(record->day, record->second, text);
	csv_text(writer, text);
}

static void
put_store(Writer *writer, int store)
{
	char		text[16];

	store_code(store, text);
	csv_text(writer, text);
}

/* Where this record thinks the person lives: after a move, somewhere else in the city. */
static void
address_of(const Sample *sample, const Record *record, char *out)
{
	const Person *person = &sample->person[record->person];
	uint64_t	salt = record_salt(sample, record);
	Address		address = person->home;

	if (record->flags & REC_ADDRESS_MOVED)
	{
		Rng			rng = rng_stream(sample->seed, "moved", (uint64_t) record->person);

		address = address_random(&rng, person->home.city, -1);
	}
	address_text(&address, record->flags, salt / 11, out);
}

static void
pos_row(Writer *writer, const Sample *sample, const Record *record)
{
	const Person *person = &sample->person[record->person];

	put_id(writer, sample, record);
	put_name(writer, sample, record);
	put_phone(writer, sample, record);
	put_birth(writer, sample, record);
	csv_text(writer, record->flags & REC_BIRTH_SAID_LUNAR ? "lunar" : "solar");
	csv_text(writer, person->female ? "女" : "男");
	put_store(writer, record->store);
	put_registered(writer, record);
	csv_end(writer);
}

static void
mini_row(Writer *writer, const Sample *sample, const Record *record)
{
	const Person *person = &sample->person[record->person];
	uint64_t	salt = record_salt(sample, record);
	char		text[256];

	json_begin(writer);
	text_external_id(sample, record, text);
	json_text(writer, "openid", text);
	json_text(writer, "app", "wx_mini");
	text_union_id(sample, record, text);
	json_text(writer, "unionid", text);
	text_phone(record, salt, text);
	if (text[0])
		json_text(writer, "phone", text);
	nickname_text(salt / 13, text);
	if (record->flags & REC_NICKNAME)
		json_text(writer, "nickname", text);
	if (record->flags & REC_RECEIVER)
	{
		name_text(&person->name, record->flags, salt / 7, person->female, text);
		json_text(writer, "receiver_name", text);
		address_of(sample, record, text);
		json_text(writer, "receiver_address", text);
	}
	store_code(record->store, text);
	json_text(writer, "store", text);
	text_time(record->day, record->second, text);
	json_text(writer, "registered_at", text);
	json_end(writer);
}

static void
shop_row(Writer *writer, const Sample *sample, const Record *record)
{
	char		text[256];

	put_id(writer, sample, record);
	put_name(writer, sample, record);
	put_phone(writer, sample, record);
	address_of(sample, record, text);
	csv_text(writer, text);
	put_registered(writer, record);
	csv_end(writer);
}

static void
wechat_row(Writer *writer, const Sample *sample, const Record *record)
{
	bool		is_wecom = record->flags & REC_WECOM;
	uint64_t	salt = record_salt(sample, record);
	char		text[64];

	json_begin(writer);
	text_external_id(sample, record, text);
	json_text(writer, "id", text);
	json_text(writer, "kind", "follower");
	json_text(writer, "channel", is_wecom ? "wecom" : "official_account");
	json_text(writer, is_wecom ? "external_userid" : "openid", text);
	if (!is_wecom)
		json_text(writer, "app", "wx_official");
	text_union_id(sample, record, text);
	if (text[0])
		json_text(writer, "unionid", text);
	text_phone(record, salt, text);
	if (text[0])
		json_text(writer, "phone", text);
	nickname_text(salt / 13, text);
	json_text(writer, "nickname", text);
	if (is_wecom)
	{
		store_code(record->store, text);
		json_text(writer, "store", text);
	}
	text_time(record->day, record->second, text);
	json_text(writer, "followed_at", text);
	json_end(writer);
}

static void
excel_note(uint64_t salt, char *out)
{
	static const char *const remarks[] = {
		"", "", "", "老客户", "怕过敏，勿推坚果", "喜欢上午来", "血糖偏高，只买无糖", "会员日提醒她",
		"带孩子来的，问过辅食", "送货上门", "朋友介绍", "说\"下次再买\"", "膝盖不好，推荐钙片",
		"发票要抬头\n公司采购", "不接电话，发微信"
	};

	sprintf(out, "%s", remarks[salt % 15]);
}

static void
excel_row(Writer *writer, const Sample *sample, const Record *record)
{
	uint64_t	salt = record_salt(sample, record);
	bool		two_faces = sample->person[record->person].traps & TRAP_TWO_FACES;
	char		text[256];

	put_id(writer, sample, record);
	put_name(writer, sample, record);
	put_phone(writer, sample, record);
	if (two_faces || (double) (salt % 100) < has_wechat_id * 100)
		csv_format(writer, "wx_%08x",
				   (unsigned) scatter((uint64_t) record->person * 2
									  + (record->flags & REC_OTHER_WECHAT ? 1 : 0), sample->seed));
	else
		csv_text(writer, "");
	put_birth(writer, sample, record);
	address_of(sample, record, text);
	csv_text(writer, text);
	excel_note(salt / 17, text);
	csv_text(writer, text);
	put_store(writer, record->store);
	text_day(record->day, text);
	csv_text(writer, text);
	csv_end(writer);
}

typedef struct MemberFile
{
	const char *name;
	const char *encoding;
	const char *header;			/* NULL: NDJSON */
	void		(*row) (Writer *writer, const Sample *sample, const Record *record);
} MemberFile;

static const MemberFile files[SOURCES] = {
	{"pos_members.csv", NULL, "会员卡号,姓名,手机号,生日,生日历法,性别,门店,开卡时间", pos_row},
	{"mini_members.ndjson", NULL, NULL, mini_row},
	{"shop_members.csv", NULL, "买家编号,收件人,手机号,收货地址,注册时间", shop_row},
	{"wechat_followers.ndjson", NULL, NULL, wechat_row},
	{"excel_members.csv", "GBK", "编号,客户姓名,联系电话,微信号,生日,地址,备注,登记门店,登记日期", excel_row}
};

void
write_members(const Sample *sample)
{
	int32_t		i = 0;
	int			source;

	for (source = 0; source < SOURCES; source++)
	{
		Writer	   *writer = writer_open(sample, files[source].name, files[source].encoding);

		if (files[source].header != NULL)
			csv_header(writer, files[source].header);
		for (; i < sample->records && sample->record[sample->by_source[i]].source == source; i++)
			files[source].row(writer, sample, &sample->record[sample->by_source[i]]);
		writer_close(writer);
	}
}

/* Which person each record is; never loaded. */
static void
truth_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "truth.csv", NULL);
	char		text[64];
	int32_t		i;

	csv_header(writer, "source,external_id,person");
	for (i = 0; i < sample->records; i++)
	{
		const Record *record = &sample->record[sample->by_source[i]];

		text_external_id(sample, record, text);
		csv_text(writer, source_codes[record->source]);
		csv_text(writer, text);
		csv_format(writer, "%d", (int) record->person);
		csv_end(writer);
	}
	writer_close(writer);
}

static void
person_row(Writer *writer, const Sample *sample, int32_t index)
{
	static const char *const traps[] = {
		"twin", "neighbour", "number_lost", "number_got", "two_faces"
	};
	const Person *person = &sample->person[index];
	char		text[256];
	int			i;

	csv_format(writer, "%d", (int) index);
	name_text(&person->name, 0, 0, person->female, text);
	csv_text(writer, text);
	csv_text(writer, person->female ? "female" : "male");
	text_day(person->birth, text);
	csv_text(writer, text);
	csv_format(writer, "%llu", (unsigned long long) person->phone);
	address_text(&person->home, 0, 0, text);
	csv_text(writer, text);
	if (person->household >= 0)
		csv_format(writer, "%d", (int) person->household);
	else
		csv_text(writer, "");
	csv_format(writer, "%d", person->buyer + 1);
	for (i = 0; i < 5 && !(person->traps & (1 << i)); i++)
		;
	csv_text(writer, i < 5 ? traps[i] : "");
	csv_end(writer);
}

/* What each person really is, for looking into a matcher's mistakes; never loaded. */
static void
persons_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "persons.csv", NULL);
	int32_t		i;

	csv_header(writer, "person,name,sex,birthday,phone,address,household,buyer_class,trap");
	for (i = 0; i < sample->persons; i++)
		person_row(writer, sample, i);
	writer_close(writer);
}

static void
number_row(Writer *writer, const char *kind, uint64_t phone)
{
	csv_text(writer, kind);
	csv_format(writer, "%llu", (unsigned long long) phone);
	csv_end(writer);
}

/* Numbers that belong to no customer: clerks' own and couriers'. */
static void
numbers_write(const Sample *sample)
{
	Writer	   *writer = writer_open(sample, "shared_numbers.csv", NULL);
	int			i;

	csv_header(writer, "kind,phone");
	for (i = 0; i < sample->staff_count; i++)
		number_row(writer, "clerk", sample->staff[i].phone);
	for (i = 0; i < scaled(sample, COURIERS); i++)
		number_row(writer, "courier", courier_number(sample, i));
	writer_close(writer);
}

void
write_truth(const Sample *sample)
{
	truth_write(sample);
	numbers_write(sample);
	persons_write(sample);
}
