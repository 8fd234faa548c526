/*
 * normalize_email.c - e-mail addresses: the address to write to and the key to compare by.
 *
 * Called by identity's normalisers and by intake.  Steps: fold and unwrap, check the two
 * parts, derive the key, judge whether a person is behind it.
 *
 * Worked example: "Zhang Wei <Zhang.Wei+shop@GoogleMail.com>" gives the address
 * zhang.wei+shop@googlemail.com and the key zhangwei@gmail.com.
 */
#include <string.h>

#include "pure/normalize_email.h"
#include "pure/utf8.h"

#define MAX_FOLDED 512			/* with a display name around it */
#define MAX_LOCAL 64
#define MAX_LABEL 63

/* A part of the address being worked on: not terminated. */
typedef struct Span
{
	const char *text;
	size_t		length;
} Span;

static bool
is_word(Span span, const char *word)
{
	return span.length > 0 && word[0] == span.text[0] && strlen(word) == span.length &&
		memcmp(word, span.text, span.length) == 0;
}

static bool
is_one_of(Span span, const char *const *words)
{
	for (; *words; words++)
		if (is_word(span, *words))
			return true;
	return false;
}

/* ---------------------------------------------------------------- folding */

/* Lower case, half width, invisible signs out.  Returns the length or -1. */
static int
fold_text(const char *text, size_t length, char folded[MAX_FOLDED])
{
	size_t		at = 0;
	int			count = 0;
	uint32_t	code_point;

	while (at < length)
	{
		int			used;

		if (text[at] > ' ' && text[at] < 0x7F && count <= MAX_FOLDED - CRM_UTF8_MAX_BYTES)
		{
			folded[count++] = text[at] >= 'A' && text[at] <= 'Z' ? (char) (text[at] + ('a' - 'A')) : text[at];
			at++;
			continue;
		}
		used = crm_utf8_decode(text + at, length - at, &code_point);
		if (used < 0 || count > MAX_FOLDED - CRM_UTF8_MAX_BYTES)
			return -1;
		at += (size_t) used;
		code_point = crm_utf8_fold_case(crm_utf8_fold_width(code_point));
		if (code_point == 0x3002 || code_point == 0xFF61)	/* 。 between labels, RFC 3490 */
			code_point = '.';
		if (code_point == 0xFFFD)
			return -1;
		if (code_point != 0)
			count += crm_utf8_encode(code_point, folded + count);
	}
	return count;
}

static Span
trim(Span span)
{
	while (span.length > 0 && span.text[0] == ' ')
	{
		span.text++;
		span.length--;
	}
	while (span.length > 0 && span.text[span.length - 1] == ' ')
		span.length--;
	return span;
}

/* Takes the address out of "name <address>" and "mailto:address?subject=..". */
static Span
unwrap(Span span)
{
	const char *open = memchr(span.text, '<', span.length);
	const char *question;

	if (open && span.text[span.length - 1] == '>')
	{
		span.length = (size_t) (span.text + span.length - 1 - (open + 1));
		span.text = open + 1;
	}
	if (span.length > 7 && memcmp(span.text, "mailto:", 7) == 0)
	{
		span.text += 7;
		span.length -= 7;
		question = memchr(span.text, '?', span.length);
		if (question)
			span.length = (size_t) (question - span.text);
	}
	return trim(span);
}

/* ---------------------------------------------------------------- checking */

static bool
is_alphanumeric(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
		(unsigned char) byte >= 0x80;
}

/* Dot-separated atoms (RFC 5321); quoted local parts are not used by people and refused. */
static bool
is_valid_local(Span local)
{
	size_t		i;

	if (local.length == 0 || local.length > MAX_LOCAL)
		return false;
	if (local.text[0] == '.' || local.text[local.length - 1] == '.')
		return false;
	for (i = 0; i < local.length; i++)
	{
		char		byte = local.text[i];

		if (byte == '.' && local.text[i + 1] == '.')
			return false;
		if (byte != '.' && !is_alphanumeric(byte) &&
			(byte == '\0' || strchr("!#$%&'*+-/=?^_`{|}~", byte) == NULL))
			return false;
	}
	return true;
}

static bool
is_valid_label(Span label)
{
	size_t		i;

	if (label.length == 0 || label.length > MAX_LABEL)
		return false;
	if (label.text[0] == '-' || label.text[label.length - 1] == '-')
		return false;
	for (i = 0; i < label.length; i++)
		if (!is_alphanumeric(label.text[i]) && label.text[i] != '-')
			return false;
	return true;
}

/* At least two labels, the last of them at least two bytes and not all digits. */
static bool
is_valid_domain(Span domain)
{
	Span		label = {domain.text, 0};
	int			labels = 0;
	size_t		i;

	for (i = 0; i <= domain.length; i++)
	{
		if (i < domain.length && domain.text[i] != '.')
		{
			label.length++;
			continue;
		}
		if (!is_valid_label(label))
			return false;
		labels++;
		if (i < domain.length)
		{
			label.text = domain.text + i + 1;
			label.length = 0;
		}
	}
	for (i = 0; i < label.length; i++)
		if (label.text[i] < '0' || label.text[i] > '9')
			break;
	return labels >= 2 && label.length >= 2 && i < label.length;
}

static CrmEmailReason
split_address(Span address, Span *local, Span *domain)
{
	const char *at;

	if (address.length == 0)
		return CRM_EMAIL_EMPTY;
	if (address.length > CRM_EMAIL_MAX)
		return CRM_EMAIL_BAD_LENGTH;
	if (memchr(address.text, ' ', address.length))
		return CRM_EMAIL_BAD_CHARACTER;
	at = memchr(address.text, '@', address.length);
	if (at == NULL || memchr(at + 1, '@', (size_t) (address.text + address.length - at - 1)))
		return CRM_EMAIL_NO_AT;
	local->text = address.text;
	local->length = (size_t) (at - address.text);
	domain->text = at + 1;
	domain->length = address.length - local->length - 1;
	if (domain->length > 0 && domain->text[domain->length - 1] == '.')
		domain->length--;
	if (!is_valid_local(*local))
		return CRM_EMAIL_BAD_LOCAL;
	return is_valid_domain(*domain) ? CRM_EMAIL_OK : CRM_EMAIL_BAD_DOMAIN;
}

/* ---------------------------------------------------------------- the key */

static const char *const dot_blind_domains[] = {"gmail.com", "googlemail.com", NULL};

/* Providers that deliver name+anything to name (each documents it). */
static const char *const tag_domains[] = {
	"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com",
	"icloud.com", "me.com", "mac.com", "fastmail.com", "fastmail.fm", "proton.me",
	"protonmail.com", "pm.me", "zoho.com", NULL
};

static void
write_key(Span local, Span domain, char *key)
{
	bool		drops_dots = is_one_of(domain, dot_blind_domains);
	bool		drops_tag = is_one_of(domain, tag_domains);
	char	   *out = key;
	size_t		i;

	for (i = 0; i < local.length; i++)
	{
		if (drops_tag && i > 0 && local.text[i] == '+')
			break;
		if (!drops_dots || local.text[i] != '.')
			*out++ = local.text[i];
	}
	*out++ = '@';
	if (is_word(domain, "googlemail.com"))
		domain = (Span) {"gmail.com", 9};
	memcpy(out, domain.text, domain.length);
	out[domain.length] = '\0';
}

static void
write_masked(Span local, Span domain, char *masked)
{
	uint32_t	code_point;
	size_t		first = 0;

	if (local.length > 1)
		first = (size_t) crm_utf8_decode(local.text, local.length, &code_point);
	if (first >= local.length)	/* one character says all, show nothing */
		first = 0;
	memcpy(masked, local.text, first);
	memcpy(masked + first, "***@", 4);
	memcpy(masked + first + 4, domain.text, domain.length);
	masked[first + 4 + domain.length] = '\0';
}

/* ---------------------------------------------------------------- desks and inventions */

static const char *const role_names[] = {
	"abuse", "accounts", "admin", "administrator", "billing", "contact", "contactus",
	"customercare", "customerservice", "do-not-reply", "donotreply", "enquiries", "enquiry",
	"feedback", "finance", "hello", "help", "helpdesk", "hostmaster", "hr", "info", "jobs",
	"kefu", "mail", "mailer-daemon", "marketing", "newsletter", "no-reply", "no_reply",
	"noreply", "office", "orders", "postmaster", "press", "reception", "root", "sales",
	"security", "service", "services", "shop", "store", "support", "team", "webmaster", NULL
};

static const char *const invented_names[] = {
	"anonymous", "dummy", "fake", "no-email", "no.email", "no_email", "noemail", "nomail",
	"nobody", "none", "noone", "notprovided", "null", "placeholder", "undefined", "unknown",
	"wu", NULL
};

static const char *const invented_domains[] = {
	"example.com", "example.net", "example.org", "example.cn", "test.com", "test.cn",
	"test.test", "noemail.com", "nomail.com", "none.com", "no.com", "null.com", "xxx.com",
	"abc.com", "aaa.com", "123.com", "asdf.com", "fake.com", "domain.com", "company.com",
	"mailinator.com", NULL
};

static const char *const invented_endings[] = {
	"example", "invalid", "localhost", "test", "local", NULL
};

static Span
last_label(Span domain)
{
	Span		label = domain;
	size_t		i;

	for (i = 0; i < domain.length; i++)
	{
		if (domain.text[i] == '.')
		{
			label.text = domain.text + i + 1;
			label.length = domain.length - i - 1;
		}
	}
	return label;
}

static Span
first_label(Span domain)
{
	const char *dot = memchr(domain.text, '.', domain.length);

	return (Span) {domain.text, dot ? (size_t) (dot - domain.text) : domain.length};
}

/* One byte over and over, or digits that count up: aaa, 1111, 123456. */
static bool
is_keyboard_run(Span local)
{
	size_t		same = 1;
	size_t		up = 1;

	if (local.length < 3)
		return false;
	while (same < local.length && local.text[same] == local.text[0])
		same++;
	while (up < local.length && local.text[up] == local.text[up - 1] + 1 &&
		   local.text[up] <= '9' && local.text[0] >= '0')
		up++;
	return same == local.length || up == local.length;
}

static bool
is_placeholder(Span local, Span domain)
{
	Span		first = first_label(domain);

	if (is_one_of(local, invented_names) || is_one_of(domain, invented_domains) ||
		is_one_of(last_label(domain), invented_endings))
		return true;
	if (is_keyboard_run(local))
		return true;
	/* test@test.cn, abc@abc.net, 1@1.com */
	if (local.length == first.length && local.length <= 4 &&
		memcmp(local.text, first.text, local.length) == 0)
		return true;
	/* a QQ number has at least five digits */
	return is_word(domain, "qq.com") && local.length < 5 &&
		strspn(local.text, "0123456789") >= local.length;
}

/* The local part without a +tag, for the judgement alone: noreply+123@... */
static Span
without_tag(Span local)
{
	const char *plus = local.length > 1 ? memchr(local.text + 1, '+', local.length - 1) : NULL;

	return plus ? (Span) {local.text, (size_t) (plus - local.text)} : local;
}

/* ---------------------------------------------------------------- entry points */

bool
crm_email_normalize(const char *text, size_t length, CrmEmail *email)
{
	char		folded[MAX_FOLDED];
	Span		address;
	Span		local;
	Span		domain;
	int			count;

	memset(email, 0, sizeof *email);
	count = fold_text(text, length, folded);
	if (count < 0)
	{
		email->reason = CRM_EMAIL_BAD_CHARACTER;
		return false;
	}
	address = trim((Span) {folded, (size_t) count});
	if (address.length > 0)
		address = unwrap(address);
	email->reason = split_address(address, &local, &domain);
	if (email->reason != CRM_EMAIL_OK)
		return false;
	memcpy(email->address, local.text, local.length + 1 + domain.length);
	write_key(local, domain, email->key);
	write_masked(local, domain, email->masked);
	email->is_role = is_one_of(without_tag(local), role_names);
	email->is_placeholder = is_placeholder(without_tag(local), domain);
	email->is_identity_key = !email->is_role && !email->is_placeholder;
	return true;
}

const char *
crm_email_reason_name(CrmEmailReason reason)
{
	static const char *const names[] = {
		"ok", "empty", "bad_character", "bad_length", "no_at", "bad_local", "bad_domain"
	};

	return names[reason];
}
