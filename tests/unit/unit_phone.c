/* unit_phone.c - telephone numbers: what is accepted, what it becomes, what is a key. */
#include "tap.h"
#include "pure/normalize_phone.h"

typedef struct Case
{
	const char *text;
	const char *e164;
	const char *type;
	const char *extension;
	bool		is_key;
	const char *masked;
} Case;

static const Case cases[] = {
	{"13912345679", "+8613912345679", "mobile", "", true, "139****5679"},
	{" 139-1234-5679 ", "+8613912345679", "mobile", "", true, "139****5679"},
	{"+86 139 1234 5679", "+8613912345679", "mobile", "", true, "139****5679"},
	{"008613912345679", "+8613912345679", "mobile", "", true, "139****5679"},
	{"8613912345679", "+8613912345679", "mobile", "", true, "139****5679"},
	{"013912345679", "+8613912345679", "mobile", "", true, "139****5679"},
	{"１３９１２３４５６７９", "+8613912345679", "mobile", "", true, "139****5679"},
	{"＋８６　１３９１２３４５６７９", "+8613912345679", "mobile", "", true, "139****5679"},
	{"(+86)139–1234–5679", "+8613912345679", "mobile", "", true, "139****5679"},
	{"电话：13912345679", "+8613912345679", "mobile", "", true, "139****5679"},
	{"手机号码: 13912345679", "+8613912345679", "mobile", "", true, "139****5679"},
	{"tel:+8613912345679", "+8613912345679", "mobile", "", true, "139****5679"},
	{"13912345679.0", "+8613912345679", "mobile", "", true, "139****5679"},
	{"'13912345679", "+8613912345679", "mobile", "", true, "139****5679"},
	{"\xEF\xBB\xBF" "13912345679", "+8613912345679", "mobile", "", true, "139****5679"},
	{"13912345679-1234", "+8613912345679", "mobile", "1234", false, "139****5679"},
	{"13912345679转8021", "+8613912345679", "mobile", "8021", false, "139****5679"},
	{"13912345679 分机 8021", "+8613912345679", "mobile", "8021", false, "139****5679"},
	{"17012345670", "+8617012345670", "virtual_operator", "", true, "170****5670"},
	{"16712345670", "+8616712345670", "virtual_operator", "", true, "167****5670"},
	{"(010) 6552 9988", "+861065529988", "landline", "", true, "010****9988"},
	{"（010）6552-9988转101", "+861065529988", "landline", "101", false, "010****9988"},
	{"021 5080 8888 ext 101", "+862150808888", "landline", "101", false, "021****8888"},
	{"021-50808888-101", "+862150808888", "landline", "101", false, "021****8888"},
	{"2150808888", "+862150808888", "landline", "", true, "021****8888"},
	{"0571-88886666", "+8657188886666", "landline", "", true, "057*****6666"},
	{"0791-8888666", "+867918888666", "landline", "", true, "079****8666"},
	{"+86 (0)10 6552 9988", "+861065529988", "landline", "", true, "010****9988"},
	{"400-810-6666", "+864008106666", "shared_cost", "", false, "40****6666"},
	{"4008106666-2", "+864008106666", "shared_cost", "2", false, "40****6666"},
	{"800-810-8888", "+868008108888", "toll_free", "", false, "80****8888"},
	{"95588", "", "short", "", false, "***88"},
	{"10086", "", "short", "", false, "***86"},
	{"1069012345678", "", "short", "", false, "106******5678"},
	{"12345678901", "", "placeholder", "", false, "123****8901"},
	{"11111111111", "", "placeholder", "", false, "111****1111"},
	{"13800138000", "+8613800138000", "placeholder", "", false, "138****8000"},
	{"+86 13800138000", "+8613800138000", "placeholder", "", false, "138****8000"},
	{"13900000000", "+8613900000000", "placeholder", "", false, "139****0000"},
	{"13512345678", "+8613512345678", "placeholder", "", false, "135****5678"},
	{"13456789012", "+8613456789012", "placeholder", "", false, "134****9012"},
	{"00000000", "", "placeholder", "", false, "****0000"},
	{"0", "", "placeholder", "", false, "*"},
	{"无", "", "placeholder", "", false, ""},
	{"N/A", "", "placeholder", "", false, ""},
	{"138****1234", "", "masked", "", false, "138****1234"},
	{"138xxxx1234", "", "masked", "", false, "138****1234"},
	{"+86138＊＊＊＊1234", "", "masked", "", false, "138****1234"},
	{"+852 9123 4567", "+85291234567", "mobile", "", true, "+852****4567"},
	{"85291234567", "+85291234567", "mobile", "", true, "+852****4567"},
	{"00852-2123-4567", "+85221234567", "landline", "", true, "+852****4567"},
	{"+853 6612 3456", "+85366123456", "mobile", "", true, "+853****3456"},
	{"+886 0912 345 678", "+886912345678", "mobile", "", true, "+8869****5678"},
	{"886912345678", "+886912345678", "mobile", "", true, "+8869****5678"},
	{"+1 (212) 555-0134", "+12125550134", "foreign", "", true, "+121****0134"},
	{"+44 (0)20 7946 0958", "+442079460958", "foreign", "", true, "+4420****0958"},
	{"0081 90-1234-5679", "+819012345679", "foreign", "", true, "+8190****5679"},
	{"+39 06 698 12345", "+390669812345", "foreign", "", true, "+3906****2345"},
	{"1381234567", "", "invalid", "", false, "13****4567"},
	{"12012345670", "", "invalid", "", false, "120****5670"},
	{"65529988", "", "invalid", "", false, "****9988"},
	{"1.39E+10", "", "invalid", "", false, ""},
	{"abc", "", "invalid", "", false, ""},
	{"", "", "invalid", "", false, ""},
	{"   ", "", "invalid", "", false, ""},
	{"\xff\xfe", "", "invalid", "", false, ""},
	{"13912345679/13812345670", "", "invalid", "", false, ""},
	{"+999 12345678", "", "invalid", "", false, "999****5678"},
};

static void
test_cases(void)
{
	size_t		i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++)
	{
		const Case *want = &cases[i];
		CrmPhone	phone;
		bool		valid = crm_phone_normalize(want->text, strlen(want->text), 86, &phone);
		char		got[200];
		char		expected[200];

		snprintf(got, sizeof got, "%s|%s|%s|%d|%s", phone.e164, crm_phone_type_name(phone.type),
				 phone.extension, phone.is_identity_key, phone.masked);
		snprintf(expected, sizeof expected, "%s|%s|%s|%d|%s", want->e164, want->type,
				 want->extension, want->is_key, want->masked);
		is_str(got, expected, want->text);
		CHECK(valid == (phone.e164[0] != '\0'));
		CHECK((phone.reason == CRM_PHONE_OK) == (phone.type != CRM_PHONE_INVALID));
	}
	CHECKED("the answer, the type and the reason agree");
}

static const char *
reason_of(const char *text)
{
	CrmPhone	phone;

	crm_phone_normalize(text, strlen(text), 86, &phone);
	return crm_phone_reason_name(phone.reason);
}

static void
test_reasons(void)
{
	is_str(reason_of(""), "empty", "nothing is empty");
	is_str(reason_of("65529988"), "no_area_code", "eight digits lack an area code");
	is_str(reason_of("139123456"), "bad_length", "nine digits are too few");
	is_str(reason_of("12012345670"), "bad_prefix", "120 is no mobile range");
	is_str(reason_of("13912345679、13812345670"), "several", "two numbers in one field");
	is_str(reason_of("call me"), "bad_character", "words are no number");
}

static void
test_home(void)
{
	CrmPhone	phone;

	crm_phone_normalize("91234567", 8, 852, &phone);
	is_str(phone.e164, "+85291234567", "eight digits are a number at home in Hong Kong");
	crm_phone_normalize("020 7946 0958", 13, 44, &phone);
	is_str(phone.e164, "+442079460958", "a trunk zero goes at home in Britain");
	crm_phone_normalize("13912345679", 11, 999, &phone);
	is_int(phone.type, CRM_PHONE_INVALID, "a home that is no country gives no number");
	crm_phone_normalize("138****1234", 11, 86, &phone);
	is_str(phone.last4, "1234", "the last four of a masked number are known");
}

/* Whatever is accepted must come out the same when read again, however it is dressed up. */
static void
test_idempotent(void)
{
	static const char *const dress[] = {"%s", "%.3s %.4s%s", "+86%s", "0086-%s", "86%s", " %s "};
	int			i;

	for (i = 0; i < 20000; i++)
	{
		CrmPhone	first;
		CrmPhone	again;
		char		number[16];
		char		dressed[40];
		int			d = (int) (random_u64() % 6);

		snprintf(number, sizeof number, "1%d%09d", (int) random_between(3, 9),
				 (int) random_between(0, 999999999));
		if (d == 1)
			snprintf(dressed, sizeof dressed, "%.3s-%.4s-%s", number, number + 3, number + 7);
		else
			snprintf(dressed, sizeof dressed, dress[d], number);
		CHECK(crm_phone_normalize(number, 11, 86, &first));
		CHECK(crm_phone_normalize(dressed, strlen(dressed), 86, &again));
		CHECK(memcmp(&first, &again, sizeof first) == 0);
		CHECK(crm_phone_normalize(first.e164, strlen(first.e164), 1, &again));
		CHECK(strcmp(first.e164, again.e164) == 0 && first.type == again.type);
	}
	CHECKED("every way of writing a mobile gives one answer");
}

int
main(void)
{
	test_cases();
	test_reasons();
	test_home();
	test_idempotent();
	return done();
}
