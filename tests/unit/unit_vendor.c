/*
 * unit_vendor.c - signatures of vendors: Aliyun's and Tencent Cloud's published examples, robots by their
 * documented formula (computed apart from this code); room that is too small is said, never overrun.
 */
#include "tap.h"
#include "vendor_sign.h"

#include <string.h>

static void
test_aliyun(void)
{
	VendorField regions[] = {
		{"Timestamp", "2016-02-23T12:46:24Z"}, {"Version", "2014-05-26"}, {"AccessKeyId", "testid"}, {"Action", "DescribeRegions"},
		{"Format", "XML"}, {"SignatureMethod", "HMAC-SHA1"}, {"SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"},
		{"SignatureVersion", "1.0"},
	};
	VendorField sms[] = {
		{"SignatureMethod", "HMAC-SHA1"}, {"SignatureNonce", "45e25e9b-0a6f-4070-8c85-2956eda1b466"}, {"AccessKeyId", "testId"},
		{"SignatureVersion", "1.0"}, {"Timestamp", "2017-07-12T02:42:19Z"}, {"Format", "XML"}, {"Action", "SendSms"},
		{"Version", "2017-05-25"}, {"RegionId", "cn-hangzhou"}, {"PhoneNumbers", "15300000001"},
		{"SignName", "阿里云短信测试专用"}, {"TemplateParam", "{\"customer\":\"test\"}"},
		{"TemplateCode", "SMS_71390007"}, {"OutId", "123"},
	};
	char		room[8192];
	char		signature[64];

	ok(vendor_sign_aliyun("GET", regions, 8, "testsecret", room, sizeof room, signature, sizeof signature) &&
	   strcmp(signature, "OLeaidS1JvxuMvnyHOwuJ+uX5qY=") == 0, "Aliyun's example of a signature");
	ok(vendor_sign_aliyun("GET", sms, 14, "testSecret", room, sizeof room, signature, sizeof signature) &&
	   strcmp(signature, "zJDF+Lrzhj/ThnlvIToysFRq6t4=") == 0, "and its example of a text message, with Chinese and JSON");
	ok(!vendor_sign_aliyun("GET", sms, 14, "testSecret", room, 512, signature, sizeof signature), "too little room");
	ok(!vendor_sign_aliyun("GET", sms, 14, "testSecret", room, sizeof room, signature, 16), "nor for the signature");
}

static void
test_tencent(void)
{
	const char *payload = "{\"Limit\": 1, \"Filters\": [{\"Values\": [\"\\u672a\\u547d\\u540d\"], \"Name\": \"instance-name\"}]}";
	const VendorField headers[] = {
		{"content-type", "application/json; charset=utf-8"}, {"host", "cvm.tencentcloudapi.com"}, {"x-tc-action", "DescribeInstances"},
	};
	char		answer[512];

	ok(vendor_sign_tencent("cvm", "AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", "Gu5t9xGARNpq86cd98joQYCN3*******", 1551113065,
						   headers, 2, payload, answer, sizeof answer) &&
	   strcmp(answer, "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******/2019-02-25/cvm/tc3_request, "
			  "SignedHeaders=content-type;host, Signature=2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c") == 0,
	   "Tencent Cloud's example");
	ok(vendor_sign_tencent("cvm", "AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", "Gu5t9xGARNpq86cd98joQYCN3*******", 1551113065,
						   headers, 3, payload, answer, sizeof answer) &&
	   strstr(answer, "Signature=be4f67d323c78ab9acb7395e43c0dbcf822a9cfac32fea2449a7bc7726b770a3") != NULL,
	   "with the action signed, too");
	ok(!vendor_sign_tencent("cvm", "id", "key", 1551113065, headers, 2, payload, answer, 40), "too little room");
}

static void
test_robots(void)
{
	char		signature[64];
	VendorText	encoded;
	char		bytes[64];

	ok(vendor_sign_dingtalk(INT64_C(1577808000000), "this is secret", signature, sizeof signature) &&
	   strcmp(signature, "ijHEivi6YiCNPZOq4hZstmvZ3sPfbioAiMhP30ae7W0=") == 0, "DingTalk");
	ok(vendor_sign_dingtalk(INT64_C(1700000000000), "SEC000000000000000000000", signature, sizeof signature) &&
	   strcmp(signature, "1zJ/w34EOSVAYr7cu7Vo8LnebmK2/GrCgegtr8mQrqM=") == 0, "DingTalk, a slash in it");
	vendor_text_begin(&encoded, bytes, sizeof bytes);
	vendor_text_add_encoded(&encoded, signature);
	ok(strcmp(bytes, "1zJ%2Fw34EOSVAYr7cu7Vo8LnebmK2%2FGrCgegtr8mQrqM%3D") == 0, "as part of an address");
	ok(vendor_sign_dingtalk(INT64_C(1614265330000), "SECaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", signature, sizeof signature) &&
	   strcmp(signature, "cvId1RxvTjbyb87lOJpQyq5kot2h+L+YcCp4rcbfeg0=") == 0, "DingTalk, a long secret");
	ok(vendor_sign_feishu(1599360473, "demo", signature, sizeof signature) &&
	   strcmp(signature, "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=") == 0, "Feishu");
	ok(vendor_sign_feishu(1700000000, "SECfeishu", signature, sizeof signature) &&
	   strcmp(signature, "T8PVsiE1HpAJWexa3tsPCf4uGJILpRXgMBTql5lUpP0=") == 0, "Feishu, another");
	ok(!vendor_sign_feishu(1, "demo", signature, 10), "too little room");
}

static void
test_text(void)
{
	char		bytes[4];
	VendorText	text;

	vendor_text_begin(&text, bytes, sizeof bytes);
	vendor_text_add(&text, "abc");
	ok(!text.is_full && strcmp(bytes, "abc") == 0, "a text that just fits");
	vendor_text_add_encoded(&text, "ä");
	ok(text.is_full && strcmp(bytes, "abc") == 0, "what does not fit is left out, and said");
}

int
main(void)
{
	test_aliyun();
	test_tencent();
	test_robots();
	test_text();
	return done();
}
