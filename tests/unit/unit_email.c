/* unit_email.c - e-mail addresses: address, key, masked form, and who is no person. */
#include "tap.h"
#include "pure/normalize_email.h"

typedef struct Case
{
	const char *text;
	const char *address;
	const char *key;
	const char *masked;
	const char *verdict;		/* key, role, placeholder, or the reason it is invalid */
} Case;

static const Case cases[] = {
	{"ZhangWei@163.com", "zhangwei@163.com", "zhangwei@163.com", "z***@163.com", "key"},
	{" Zhang Wei <Zhang.Wei+shop@GoogleMail.com> ", "zhang.wei+shop@googlemail.com",
	"zhangwei@gmail.com", "z***@googlemail.com", "key"},
	{"li.na+x@outlook.com", "li.na+x@outlook.com", "li.na@outlook.com", "l***@outlook.com", "key"},
	{"li.na+x@corp.cn", "li.na+x@corp.cn", "li.na+x@corp.cn", "l***@corp.cn", "key"},
	{"mailto:a.b@c.cn?subject=hi", "a.b@c.cn", "a.b@c.cn", "a***@c.cn", "key"},
	{"１２３４５８＠ｑｑ．ｃｏｍ", "123458@qq.com", "123458@qq.com", "1***@qq.com", "key"},
	{"a@qq.com", "a@qq.com", "a@qq.com", "***@qq.com", "key"},
	{"zhang@例子。中国", "zhang@例子.中国", "zhang@例子.中国", "z***@例子.中国", "key"},
	{"张伟@163.com", "张伟@163.com", "张伟@163.com", "张***@163.com", "key"},
	{"x@y.com.", "x@y.com", "x@y.com", "***@y.com", "key"},
	{"info@shop.cn", "info@shop.cn", "info@shop.cn", "i***@shop.cn", "role"},
	{"NoReply+5@shop.cn", "noreply+5@shop.cn", "noreply+5@shop.cn", "n***@shop.cn", "role"},
	{"test@test.com", "test@test.com", "test@test.com", "t***@test.com", "placeholder"},
	{"abc@abc.net", "abc@abc.net", "abc@abc.net", "a***@abc.net", "placeholder"},
	{"noemail@163.com", "noemail@163.com", "noemail@163.com", "n***@163.com", "placeholder"},
	{"11111@qq.com", "11111@qq.com", "11111@qq.com", "1***@qq.com", "placeholder"},
	{"123456@qq.com", "123456@qq.com", "123456@qq.com", "1***@qq.com", "placeholder"},
	{"123@qq.com", "123@qq.com", "123@qq.com", "1***@qq.com", "placeholder"},
	{"li@somewhere.invalid", "li@somewhere.invalid", "li@somewhere.invalid",
	"l***@somewhere.invalid", "placeholder"},
	{"", "", "", "", "empty"},
	{"  ", "", "", "", "empty"},
	{"<>", "", "", "", "empty"},
	{"zhangwei", "", "", "", "no_at"},
	{"a@b@c.com", "", "", "", "no_at"},
	{"zhang wei@163.com", "", "", "", "bad_character"},
	{"\xff@163.com", "", "", "", "bad_character"},
	{".a@163.com", "", "", "", "bad_local"},
	{"a..b@163.com", "", "", "", "bad_local"},
	{"@163.com", "", "", "", "bad_local"},
	{"a,b@163.com", "", "", "", "bad_local"},
	{"a@163", "", "", "", "bad_domain"},
	{"a@-x.com", "", "", "", "bad_domain"},
	{"a@x..com", "", "", "", "bad_domain"},
	{"a@1.2.3.4", "", "", "", "bad_domain"},
	{"a@", "", "", "", "bad_domain"},
};

static const char *
verdict(const CrmEmail *email)
{
	if (email->reason != CRM_EMAIL_OK)
		return crm_email_reason_name(email->reason);
	if (email->is_placeholder)
		return "placeholder";
	return email->is_role ? "role" : "key";
}

static void
test_cases(void)
{
	size_t		i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++)
	{
		const Case *want = &cases[i];
		CrmEmail	email;
		bool		valid = crm_email_normalize(want->text, strlen(want->text), &email);
		char		got[900];
		char		expected[900];

		snprintf(got, sizeof got, "%s|%s|%s|%s", email.address, email.key, email.masked,
				 verdict(&email));
		snprintf(expected, sizeof expected, "%s|%s|%s|%s", want->address, want->key,
				 want->masked, want->verdict);
		is_str(got, expected, want->text);
		CHECK(valid == (email.reason == CRM_EMAIL_OK));
		CHECK(email.is_identity_key == (valid && !email.is_role && !email.is_placeholder));
	}
	CHECKED("verdicts agree with the answer");
}

static void
test_limits(void)
{
	char		text[600];
	CrmEmail	email;

	memset(text, 'a', sizeof text);
	memcpy(text + 64, "@b.cn", 5);
	ok(crm_email_normalize(text, 69, &email), "64 bytes before the @ are allowed");
	memset(text, 'a', 65);
	memcpy(text + 65, "@b.cn", 5);
	ok(!crm_email_normalize(text, 70, &email), "65 are not");
	memset(text, 'a', sizeof text);
	ok(!crm_email_normalize(text, 300, &email), "300 bytes are too long");
	ok(!crm_email_normalize(text, 600, &email), "600 bytes are too long");
	ok(!crm_email_normalize("a\0b@c.cn", 8, &email), "a NUL is no character of an address");
}

int
main(void)
{
	test_cases();
	test_limits();
	return done();
}
