/*
 * normalize_phone.c - telephone numbers as people write them, to E.164.
 *
 * Called by identity's normalisers, by intake for look-ups and by the import preview.
 * Three steps, top to bottom: fold the text to ASCII signs, scan them into digits and an
 * extension, resolve the digits by the numbering plan (phone_plan.c).
 *
 * Worked example: "（010）6552-9988转101" folds to "(010)6552-9988#101", scans to digits
 * 01065529988 with extension 101, and resolves (trunk 0, area 10, eight digits) to
 * +861065529988, a landline.  With its extension it is no identity key.
 */
#include <string.h>

#include "pure/normalize_phone.h"
#include "pure/phone_plan.h"
#include "pure/utf8.h"

#define MAX_SIGNS 64			/* longer text is no telephone number */
#define MAX_DIGITS 32
#define MAX_EXTENSION 6
#define MIN_SUBSCRIBER 7		/* digits needed before anything can be an extension */

typedef struct Scan
{
	char		digits[MAX_DIGITS + 1]; /* '*' stands for a masked digit */
	size_t		count;
	char		extension[MAX_EXTENSION + 1];
	size_t		extension_count;
	size_t		last_dash;		/* digits before the last dash; 0 without a dash */
	bool		has_plus;
	bool		is_masked;
	bool		is_home;		/* read without calling code */
	CrmPhoneReason reason;
} Scan;

/* ---------------------------------------------------------------- folding */

/* Signs of one code point: itself in ASCII, '#' for "extension", 'T' for 电话 and the like. */
static char
fold_sign(uint32_t code_point, char previous)
{
	switch (code_point)
	{
		case 0x8F6C:			/* 转 */
		case 0x8F49:			/* 轉 */
		case 0x5206:			/* 分, of 分机 */
			return '#';
		case 0x673A:			/* 机 */
		case 0x6A5F:			/* 機 */
			return previous == '#' ? '\0' : 'T';
		case 0x624B:			/* 手 */
		case 0x7535:			/* 电 */
		case 0x96FB:			/* 電 */
		case 0x8BDD:			/* 话 */
		case 0x8A71:			/* 話 */
		case 0x53F7:			/* 号 */
		case 0x865F:			/* 號 */
		case 0x7801:			/* 码 */
		case 0x78BC:			/* 碼 */
			return 'T';
		case 0x3001:			/* 、 */
			return ',';
		case 0x00B7:			/* · */
		case 0x2024:
			return '.';
		case 0x2022:			/* • */
		case 0x25CF:			/* ● */
		case 0x2217:
			return '*';
		default:
			return code_point < 0x80 ? (char) code_point : '?';
	}
}

/* Folds the text into signs; returns their number, or -1 when it cannot be a number at all. */
static int
fold_text(const char *text, size_t length, char signs[MAX_SIGNS + 1])
{
	size_t		at = 0;
	int			count = 0;
	uint32_t	code_point;

	while (at < length)
	{
		int			used = crm_utf8_decode(text + at, length - at, &code_point);
		char		sign;

		if (used < 0)
			return -1;
		at += (size_t) used;
		code_point = crm_utf8_fold_case(crm_utf8_fold_width(code_point));
		if (code_point == 0 || (code_point == ' ' && count == 0))
			continue;
		sign = fold_sign(code_point, count > 0 ? signs[count - 1] : '\0');
		if (sign == '\0')
			continue;
		if (count == MAX_SIGNS)
			return -1;
		signs[count++] = sign;
	}
	while (count > 0 && signs[count - 1] == ' ')
		count--;
	signs[count] = '\0';
	return count;
}

static bool
is_digit(char sign)
{
	return sign >= '0' && sign <= '9';
}

/* Spreadsheets write 13800138000 as '13800138000 or 13800138000.0. */
static void
strip_spreadsheet(char *signs)
{
	size_t		count;
	size_t		digits;

	if (signs[0] == '\'')
		memmove(signs, signs + 1, strlen(signs));
	count = strlen(signs);
	digits = strspn(signs, "0123456789");
	if (digits >= MIN_SUBSCRIBER && (strcmp(signs + digits, ".0") == 0 ||
									 strcmp(signs + digits, ".00") == 0))
		signs[digits] = '\0';
	else if (count == 0)
		signs[0] = '\0';
}

/* Where the number starts, behind "tel:", 电话： and the like. */
static const char *
skip_label(const char *signs)
{
	static const char *const labels[] = {"tel", "telephone", "phone", "mobile", "mob", "cell"};
	size_t		word = strspn(signs, "abcdefghijklmnopqrstuvwxyz");
	size_t		i;

	for (i = 0; i < sizeof labels / sizeof *labels; i++)
		if (word == strlen(labels[i]) && strncmp(signs, labels[i], word) == 0)
			signs += word;
	signs += strspn(signs, "T");
	return signs + strspn(signs, ":. ");
}

/* ---------------------------------------------------------------- scanning */

/* Length of an extension word at the sign, 0 when there is none. */
static size_t
extension_word(const char *sign)
{
	static const char *const words[] = {"extension", "extn", "ext", "#", ",", ";", "/", "|", "x"};
	size_t		i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (strncmp(sign, words[i], strlen(words[i])) == 0)
			return strlen(words[i]);
	return 0;
}

/* "138xxxx1234" hides digits; "5080 8888 x101" names an extension. */
static bool
is_mask(const char *signs, const char *sign)
{
	if (*sign == '*')
		return true;
	return *sign == 'x' && (sign[1] == 'x' || (sign > signs && sign[-1] == 'x'));
}

static void
scan_extension(const char *sign, Scan *scan)
{
	size_t		digits = 0;

	for (; *sign; sign++)
	{
		if (is_digit(*sign))
		{
			digits++;
			if (scan->extension_count < MAX_EXTENSION)
				scan->extension[scan->extension_count++] = *sign;
		}
		else if (strchr(" .:-()#,;/|+", *sign) == NULL)
			scan->reason = CRM_PHONE_BAD_CHARACTER;
	}
	scan->extension[scan->extension_count] = '\0';
	if (digits > MAX_EXTENSION)
		scan->reason = CRM_PHONE_SEVERAL;
}

static void
add_digit(Scan *scan, char digit)
{
	if (scan->count < MAX_DIGITS)
		scan->digits[scan->count++] = digit;
	else
		scan->reason = CRM_PHONE_BAD_LENGTH;
}

static void
scan_signs(const char *signs, Scan *scan)
{
	const char *sign;

	for (sign = signs; *sign && scan->reason == CRM_PHONE_OK; sign++)
	{
		if (is_digit(*sign))
			add_digit(scan, *sign);
		else if (is_mask(signs, sign))
		{
			scan->is_masked = true;
			add_digit(scan, '*');
		}
		else if (*sign == '+' && scan->count == 0 && !scan->has_plus)
			scan->has_plus = true;
		else if (*sign == '-')
			scan->last_dash = scan->count;
		else if (scan->count >= MIN_SUBSCRIBER && extension_word(sign) > 0)
		{
			scan_extension(sign + extension_word(sign), scan);
			break;
		}
		else if (strchr(" .()/", *sign) == NULL)
			scan->reason = CRM_PHONE_BAD_CHARACTER;
	}
	scan->digits[scan->count] = '\0';
}

/* ---------------------------------------------------------------- resolving */

static bool
starts_with(const char *digits, const char *prefix)
{
	return strncmp(digits, prefix, strlen(prefix)) == 0;
}

/* Tries the national digits under a plan; fills type, country and E.164 when they fit. */
static bool
try_national(const CrmPhonePlan *plan, const char *national, size_t count, CrmPhone *phone)
{
	CrmPhoneType type;
	size_t		head;
	unsigned	code = plan->code;

	if (plan->drops_zero && count > 0 && national[0] == '0')
	{
		national++;
		count--;
		if (national[0] == '0')
			return false;
	}
	if (count == 0 || count + plan->code_digits > 15)
		return false;
	type = crm_phone_plan_classify(plan, national, count);
	if (type == CRM_PHONE_INVALID)
		return false;
	phone->type = type;
	phone->country = code;
	phone->e164[0] = '+';
	for (head = plan->code_digits; head > 0; head--, code /= 10)
		phone->e164[head] = (char) ('0' + code % 10);
	memcpy(phone->e164 + 1 + plan->code_digits, national, count);
	phone->e164[1 + plan->code_digits + count] = '\0';
	return true;
}

static bool
try_international(const char *digits, size_t count, CrmPhone *phone)
{
	CrmPhonePlan plan;

	if (!crm_phone_plan_match(digits, count, &plan))
		return false;
	return try_national(&plan, digits + plan.code_digits, count - plan.code_digits, phone);
}

/* 106... are senders of text messages, 955.. and 10086 services; none is a subscriber. */
static bool
is_short_number(const char *digits, size_t count)
{
	if (count >= 3 && count <= 6 && digits[0] != '0')
		return true;
	return count >= 7 && count <= 20 && starts_with(digits, "106");
}

/* Digits without a plus: the home plan first, then its own code, then its near neighbours. */
static bool
try_home(const char *digits, size_t count, unsigned home, CrmPhone *phone)
{
	CrmPhonePlan plan;
	bool		is_china = home == CRM_PHONE_CHINA;

	if (starts_with(digits, "00"))
		return try_international(digits + 2, count - 2, phone);
	if (is_china && is_short_number(digits, count))
		return false;
	if (!crm_phone_plan_find(home, &plan))
		return false;
	if (is_china && count >= 11 &&
		(starts_with(digits, "852") || starts_with(digits, "853") ||
		 starts_with(digits, "886")) && try_international(digits, count, phone))
		return true;
	if (try_national(&plan, digits, count, phone))
		return true;
	return count > plan.min_digits && try_international(digits, count, phone) &&
		phone->country == home;
}

static bool
try_digits(Scan *scan, size_t count, unsigned home, CrmPhone *phone)
{
	char		digits[MAX_DIGITS + 1];

	memcpy(digits, scan->digits, count);
	digits[count] = '\0';
	if (scan->has_plus ? try_international(digits, count, phone)
		: try_home(digits, count, home, phone))
		return true;
	phone->type = CRM_PHONE_INVALID;
	phone->country = 0;
	phone->e164[0] = '\0';
	return false;
}

/* The whole first; when that is no number, the part behind the last dash is an extension. */
static bool
resolve(Scan *scan, unsigned home, CrmPhone *phone)
{
	size_t		tail = scan->count - scan->last_dash;

	if (try_digits(scan, scan->count, home, phone))
		return true;
	if (scan->extension_count > 0 || scan->last_dash < MIN_SUBSCRIBER ||
		tail == 0 || tail > MAX_EXTENSION)
		return false;
	if (!try_digits(scan, scan->last_dash, home, phone))
		return false;
	memcpy(scan->extension, scan->digits + scan->last_dash, tail);
	scan->extension[tail] = '\0';
	scan->extension_count = tail;
	return true;
}

static CrmPhoneReason
why_invalid(const Scan *scan)
{
	if (scan->count == 0)
		return CRM_PHONE_BAD_CHARACTER;
	if (!scan->has_plus && (scan->count == 7 || scan->count == 8))
		return CRM_PHONE_NO_AREA_CODE;
	if (scan->count >= 20)
		return CRM_PHONE_SEVERAL;
	if (scan->count < 10 || scan->count > 15)
		return CRM_PHONE_BAD_LENGTH;
	return CRM_PHONE_BAD_PREFIX;
}

/* ---------------------------------------------------------------- placeholders */

/* Digits that all follow the one before by the same step: 1111, 1234, 9876 (9 then 0 counts). */
static bool
is_run(const char *digits, size_t count, int step)
{
	size_t		i;

	for (i = 1; i < count; i++)
		if ((digits[i] - digits[i - 1] - step + 20) % 10 != 0)
			return false;
	return count > 0;
}

static bool
is_placeholder_run(const char *digits, size_t count)
{
	return is_run(digits, count, 0) || is_run(digits, count, 1) || is_run(digits, count, -1);
}

static bool
is_placeholder_number(const CrmPhone *phone, const char *national)
{
	size_t		count = strlen(national);

	if (is_placeholder_run(national, count))
		return true;
	if (phone->country != CRM_PHONE_CHINA || count != 11)
		return false;
	return strcmp(national, "13800138000") == 0 ||
		strcmp(national + 3, "00000000") == 0 ||
		strcmp(national + 3, "12345678") == 0 ||
		is_run(national + 1, count - 1, 1);
}

/* Invalid digits that somebody typed to get past a form: 0, 000000, 12345678, 12345678910. */
static bool
is_placeholder_digits(const Scan *scan)
{
	size_t		head = scan->count < 8 ? scan->count : 8;

	if (scan->count == 0)
		return false;
	if (is_run(scan->digits, scan->count, 0))
		return true;
	return scan->count >= 6 && is_placeholder_run(scan->digits, head);
}

static bool
is_placeholder_text(const char *text, size_t length)
{
	static const char *const words[] = {
		"无", "没有", "暂无", "未知", "不详", "保密", "空", "-", "--", "/", "null", "NULL", "none", "None",
		"n/a", "N/A", "na", "NA", "nil", "unknown", "(null)", "\\N"
	};
	size_t		i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == length && memcmp(words[i], text, length) == 0)
			return true;
	return false;
}

/* ---------------------------------------------------------------- masked form */

/* Shows up to three digits in front and the last four; with fewer than eight, only two. */
static void
write_masked(const char *prefix, const char *digits, CrmPhone *phone)
{
	size_t		count = strlen(digits);
	size_t		tail = count >= 8 ? 4 : count >= 4 ? 2 : 0;
	size_t		head = count >= 11 ? 3 : count > 8 ? count - 8 : 0;
	size_t		at = strlen(prefix);
	size_t		i;

	memcpy(phone->masked, prefix, at);
	for (i = 0; i < count; i++)
		phone->masked[at++] = i < head || i >= count - tail ? digits[i] : '*';
	phone->masked[at] = '\0';
	if (tail == 4 && strchr(digits + count - 4, '*') == NULL)
		memcpy(phone->last4, digits + count - 4, 5);
}

static void
mask_valid(CrmPhone *phone, const char *national)
{
	char		prefix[8] = "";
	char		shown[20];

	if (phone->country != CRM_PHONE_CHINA)
	{
		size_t		width = (size_t) (national - phone->e164);

		memcpy(prefix, phone->e164, width);
		prefix[width] = '\0';
	}
	/* a Chinese landline is read with its trunk 0 */
	shown[0] = '0';
	memcpy(shown + 1, national, strlen(national) + 1);
	if (phone->country == CRM_PHONE_CHINA && phone->type == CRM_PHONE_LANDLINE)
		write_masked(prefix, shown, phone);
	else
		write_masked(prefix, national, phone);
}

/* A masked number without its calling code, so that it can be laid beside a full one. */
static void
mask_masked(const Scan *scan, CrmPhone *phone)
{
	const char *digits = scan->digits;

	if (scan->count == 13 && starts_with(digits, "861"))
		digits += 2;
	else if (scan->count == 15 && starts_with(digits, "00861"))
		digits += 4;
	write_masked("", digits, phone);
	phone->type = CRM_PHONE_MASKED;
}

/* ---------------------------------------------------------------- entry points */

static void
finish_valid(CrmPhone *phone, const Scan *scan)
{
	CrmPhonePlan plan;
	const char *national;

	(void) crm_phone_plan_find(phone->country, &plan);
	national = phone->e164 + 1 + plan.code_digits;
	memcpy(phone->extension, scan->extension, scan->extension_count + 1);
	mask_valid(phone, national);
	if (is_placeholder_number(phone, national))
		phone->type = CRM_PHONE_PLACEHOLDER;
	phone->is_identity_key = scan->extension_count == 0 &&
		(phone->type == CRM_PHONE_MOBILE || phone->type == CRM_PHONE_LANDLINE ||
		 phone->type == CRM_PHONE_VIRTUAL_OPERATOR || phone->type == CRM_PHONE_FOREIGN);
}

static void
finish_invalid(CrmPhone *phone, const Scan *scan, unsigned home)
{
	if (is_placeholder_digits(scan))
		phone->type = CRM_PHONE_PLACEHOLDER;
	else if (home == CRM_PHONE_CHINA && !scan->has_plus &&
			 is_short_number(scan->digits, scan->count))
		phone->type = CRM_PHONE_SHORT;
	else
		phone->reason = why_invalid(scan);
	if (scan->count <= MAX_DIGITS)
		write_masked("", scan->digits, phone);
}

bool
crm_phone_normalize(const char *text, size_t length, unsigned home, CrmPhone *phone)
{
	char		signs[MAX_SIGNS + 1];
	Scan		scan;
	int			count;

	memset(phone, 0, sizeof *phone);
	memset(&scan, 0, sizeof scan);
	if (is_placeholder_text(text, length))
	{
		phone->type = CRM_PHONE_PLACEHOLDER;
		return false;
	}
	count = fold_text(text, length, signs);
	if (count <= 0)
	{
		phone->reason = count == 0 ? CRM_PHONE_EMPTY : CRM_PHONE_BAD_CHARACTER;
		return false;
	}
	strip_spreadsheet(signs);
	scan_signs(skip_label(signs), &scan);
	if (scan.reason != CRM_PHONE_OK)
	{
		phone->reason = scan.reason;
		return false;
	}
	if (scan.is_masked)
	{
		mask_masked(&scan, phone);
		return false;
	}
	if (!resolve(&scan, home, phone))
	{
		finish_invalid(phone, &scan, home);
		return false;
	}
	finish_valid(phone, &scan);
	return true;
}

const char *
crm_phone_type_name(CrmPhoneType type)
{
	static const char *const names[] = {
		"invalid", "mobile", "landline", "shared_cost", "toll_free", "virtual_operator", "short",
		"foreign", "masked", "placeholder"
	};

	return names[type];
}

const char *
crm_phone_reason_name(CrmPhoneReason reason)
{
	static const char *const names[] = {
		"ok", "empty", "bad_character", "bad_length", "bad_prefix", "no_area_code", "several"
	};

	return names[reason];
}
