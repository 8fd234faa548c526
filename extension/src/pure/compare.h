/*
 * compare.h - how near two values of one field are, as a level: what the matching of persons
 * counts and weighs.
 *
 * A value is prepared once a record (crm_prepare_*), pairs of prepared values are compared
 * (crm_compare_*).  A level is a small number: -1 when one side says nothing, 0 when they
 * disagree, higher when they are nearer.  The tables of levels below are fixed within one
 * CRM_COMPARE_VERSION: trained weights are stored by level.
 *
 * Promises: prepared values hold no pointers and may be copied, stored in shared memory and
 * compared by any process; nothing is allocated; any bytes are accepted (what cannot be read is
 * null); answers do not depend on the order of the two sides.  Some hundred nanoseconds a pair.
 */
#ifndef CRM_PURE_COMPARE_H
#define CRM_PURE_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pure/address.h"
#include "pure/normalize_phone.h"
#include "pure/units.h"

#define CRM_COMPARE_VERSION 1
#define CRM_LEVEL_NULL (-1)

typedef enum CrmCompareField
{
	CRM_FIELD_NAME,				/* a whole personal name, Chinese or Latin */
	CRM_FIELD_GIVEN,			/* a given name or a surname in Latin letters */
	CRM_FIELD_DATE,				/* a birthday */
	CRM_FIELD_PHONE,
	CRM_FIELD_EMAIL,
	CRM_FIELD_NATIONAL_ID,
	CRM_FIELD_ADDRESS,
	CRM_FIELD_POSTCODE,
	CRM_FIELD_TEXT,				/* a city, a street, any short text */
	CRM_FIELD_NUMBER
} CrmCompareField;

#define CRM_COMPARE_FIELDS (CRM_FIELD_NUMBER + 1)
#define CRM_COMPARE_MAX_LEVELS 10

/* Names, whole. */
enum
{
	CRM_NAME_DIFFERENT,
	CRM_NAME_GIVEN_DIFFERS,		/* the surname alone agrees: 王伟 王芳 */
	CRM_NAME_SURNAME_KNOWN,		/* one side tells no more than the surname: 王先生 王伟 */
	CRM_NAME_MASKED,			/* a mask that shows some of the given name fits: 张*丰 张三丰 */
	CRM_NAME_INITIAL,			/* surname and initial: Zhang S. 张三 */
	CRM_NAME_ONE_EDIT,			/* one character of three and more; spelled nearly alike */
	CRM_NAME_SOUNDS_NEAR,		/* 张欣 张星, 刘兰 刘南 */
	CRM_NAME_SAME_SOUND,		/* 张伟 张玮, Zhang Wei 张伟, Chan 陈 */
	CRM_NAME_VARIANT,			/* 張偉 张伟, order of words, titles, spaces */
	CRM_NAME_EXACT
};

/* A given name or surname in Latin letters. */
enum
{
	CRM_GIVEN_DIFFERENT,
	CRM_GIVEN_FAR,				/* Jaro-Winkler 0.70 and more */
	CRM_GIVEN_INITIAL,			/* one is the initial of the other, or its beginning of three letters */
	CRM_GIVEN_NEAR,				/* Jaro-Winkler 0.88 and more */
	CRM_GIVEN_NEAREST,			/* Jaro-Winkler 0.92 and more, or one edit in four letters */
	CRM_GIVEN_EXACT
};

/* Birthdays; defaults such as 1900-01-01 are null. */
enum
{
	CRM_BIRTHDAY_DIFFERENT,
	CRM_BIRTHDAY_DECADE,		/* at most ten years apart */
	CRM_BIRTHDAY_YEAR,			/* at most a year apart */
	CRM_BIRTHDAY_MONTH_DAY,		/* month and day agree, the year is not told or one off */
	CRM_BIRTHDAY_TYPO,			/* one digit, two neighbours, day and month changed places */
	CRM_BIRTHDAY_LUNAR,			/* one is the other's day in the Chinese calendar */
	CRM_BIRTHDAY_EXACT
};

/* Telephone numbers; placeholders and numbers that are none are null. */
enum
{
	CRM_TELEPHONE_DIFFERENT,
	CRM_TELEPHONE_MASKED,		/* 138****1234 fits */
	CRM_TELEPHONE_TYPO,			/* one digit, or two neighbours changed places */
	CRM_TELEPHONE_EXACT
};

/* E-mail addresses; placeholders and desks are null. */
enum
{
	CRM_MAIL_DIFFERENT,
	CRM_MAIL_NEAR,				/* the part before the @: Jaro-Winkler 0.88 and more */
	CRM_MAIL_LOCAL,				/* the part before the @ agrees */
	CRM_MAIL_TYPO,				/* one edit in all of it */
	CRM_MAIL_EXACT
};

/* National ids; those with a wrong check digit are null. */
enum
{
	CRM_NATIONAL_ID_DIFFERENT,
	CRM_NATIONAL_ID_MASKED,
	CRM_NATIONAL_ID_TYPO,		/* one digit, or two neighbours changed places */
	CRM_NATIONAL_ID_EXACT
};

/* Addresses: address.h has the levels of struct CrmAddress. */

enum
{
	CRM_POSTCODE_DIFFERENT,
	CRM_POSTCODE_AREA,			/* the first two signs agree */
	CRM_POSTCODE_DISTRICT,		/* all but the last two digits, or the outward code (SW1A) */
	CRM_POSTCODE_TYPO,			/* one edit, or two neighbours changed places */
	CRM_POSTCODE_EXACT
};

enum
{
	CRM_TEXT_DIFFERENT,
	CRM_TEXT_FAR,				/* half of the pairs of characters are common */
	CRM_TEXT_CONTAINED,			/* one holds the other */
	CRM_TEXT_NEAR,				/* Jaro-Winkler 0.90 and more */
	CRM_TEXT_EXACT
};

enum
{
	CRM_NUMBER_DIFFERENT,
	CRM_NUMBER_FAR,				/* at most a tenth apart */
	CRM_NUMBER_NEAR,			/* at most a hundredth apart */
	CRM_NUMBER_EXACT
};

/* Characters of a Chinese name that are compared; surname in front. */
#define CRM_NAME_UNITS 12

typedef struct CrmPreparedName
{
	uint64_t	key_hash;		/* of the normalised form; 0: null */
	uint64_t	raw_hash;		/* of the text as given, case and width folded */
	bool		is_han;
	bool		is_masked;
	bool		is_surname_only;
	uint8_t		length;			/* characters of a Chinese name */
	uint8_t		surname_length;
	uint8_t		first_length;	/* letters of the first word, of the last, Latin only */
	uint8_t		last_length;
	uint8_t		n_words;
	uint16_t	units[CRM_NAME_UNITS];
	uint16_t	syllables[CRM_NAME_UNITS];
	uint16_t	classes[CRM_NAME_UNITS];
	uint16_t	first_spelled[4];	/* syllables of surnames that the word may spell; 0 ends */
	uint16_t	last_spelled[4];
	CrmText		letters;		/* without spaces; of a Chinese name its pinyin */
} CrmPreparedName;

typedef struct CrmPreparedText
{
	CrmText		text;			/* folded; length 0: null */
	uint64_t	hash;			/* of all of it, beyond what text holds too */
} CrmPreparedText;

typedef struct CrmPreparedDate
{
	bool		is_known;
	bool		is_lunar;		/* told as a day of the Chinese calendar */
	int16_t		year;			/* 0: not told */
	int8_t		month;
	int8_t		day;
	int32_t		number;			/* solar days since 2000-01-01; only with a year */
	uint32_t	digits;			/* yyyymmdd as eight half bytes */
	uint32_t	lunar_digits;	/* the same of its day in the Chinese calendar; 0 unknown */
} CrmPreparedDate;

typedef struct CrmPreparedDigits
{
	char		digits[20];		/* E.164 without +, or a national id; '*' where hidden */
	uint8_t		length;			/* 0: null */
	bool		is_masked;
} CrmPreparedDigits;

typedef struct CrmPreparedEmail
{
	uint64_t	key_hash;		/* 0: null */
	CrmText		local;
	CrmText		domain;
} CrmPreparedEmail;

typedef struct CrmPreparedNumber
{
	bool		is_known;
	double		value;
} CrmPreparedNumber;

/* Any field: what a record holds for each field of a model. */
typedef union CrmPrepared
{
	CrmPreparedName name;
	CrmPreparedText text;		/* GIVEN, POSTCODE, TEXT */
	CrmPreparedDate date;
	CrmPreparedDigits digits;	/* PHONE, NATIONAL_ID */
	CrmPreparedEmail email;
	CrmAddress	address;
	CrmPreparedNumber number;
} CrmPrepared;

/* Each sets all of *out; false when the value says nothing and compares as null. */
extern bool crm_prepare_name(const char *bytes, size_t length, CrmPreparedName *out);
extern bool crm_prepare_text(const char *bytes, size_t length, CrmPreparedText *out);
extern bool crm_prepare_postcode(const char *bytes, size_t length, CrmPreparedText *out);
extern bool crm_prepare_date(const char *bytes, size_t length, CrmPreparedDate *out);
extern bool crm_prepare_day(int32_t day_number, CrmPreparedDate *out);
extern bool crm_prepare_phone(const char *bytes, size_t length, CrmPreparedDigits *out);
extern bool crm_prepare_read_phone(const CrmPhone *phone, CrmPreparedDigits *out);	/* one that is normalised */
extern bool crm_prepare_email(const char *bytes, size_t length, CrmPreparedEmail *out);
extern bool crm_prepare_national_id(const char *bytes, size_t length, CrmPreparedDigits *out);
extern bool crm_prepare_number(const char *bytes, size_t length, CrmPreparedNumber *out);

extern int	crm_compare_name(const CrmPreparedName *a, const CrmPreparedName *b);
extern int	crm_compare_given(const CrmPreparedText *a, const CrmPreparedText *b);
extern int	crm_compare_date(const CrmPreparedDate *a, const CrmPreparedDate *b);
extern int	crm_compare_phone(const CrmPreparedDigits *a, const CrmPreparedDigits *b);
extern int	crm_compare_email(const CrmPreparedEmail *a, const CrmPreparedEmail *b);
extern int	crm_compare_national_id(const CrmPreparedDigits *a, const CrmPreparedDigits *b);
extern int	crm_compare_postcode(const CrmPreparedText *a, const CrmPreparedText *b);
extern int	crm_compare_text(const CrmPreparedText *a, const CrmPreparedText *b);
extern int	crm_compare_number(const CrmPreparedNumber *a, const CrmPreparedNumber *b);

/*
 * The same on units that are folded already, for callers that keep nothing else; both sides
 * say something and the two differ.
 */
typedef struct CrmMailUnits
{
	const uint16_t *local;
	const uint16_t *domain;
	int			local_length;
	int			domain_length;
} CrmMailUnits;

extern int	crm_compare_given_units(const uint16_t *a, int a_length, const uint16_t *b, int b_length);
extern int	crm_compare_text_units(const uint16_t *a, int a_length, const uint16_t *b, int b_length);
extern int	crm_compare_postcode_units(const uint16_t *a, int a_length, const uint16_t *b,
									   int b_length);
extern int	crm_compare_email_units(const CrmMailUnits *a, const CrmMailUnits *b);

/* The same by the number of the field, for models whose fields are data. */
extern bool crm_prepare(CrmCompareField field, const char *bytes, size_t length, CrmPrepared *out);
extern int	crm_compare(CrmCompareField field, const CrmPrepared *a, const CrmPrepared *b);

/* Levels of a field, 0 to that number less one; its lower-case word; a field by its word, or -1. */
extern int	crm_compare_levels(CrmCompareField field);
extern const char *crm_compare_field_name(CrmCompareField field);
extern int	crm_compare_field_of(const char *word);

/* What a level means in a few words, for people; level may be CRM_LEVEL_NULL. */
extern const char *crm_compare_level_text(CrmCompareField field, int level, bool in_chinese);

#endif
