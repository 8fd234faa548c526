/*
 * normalize_name.h - personal names: one form to compare by, one to show.
 *
 * Promises: never reads past the text, never allocates, accepts any bytes.  The caller has
 * brought the text to Unicode NFKC where it can; full-width ASCII is folded here anyway.
 * Keys are stored: what changes an answer needs a migration that writes them anew.
 *
 * The key: simplified characters, lower case, titles taken off (王先生 → 王, Mr. Wang →
 * wang).  A name with a Chinese character loses spaces and middle dots (古丽·买买提 →
 * 古丽买买提); other names keep one space between words.  Hidden characters become '*', one
 * each: 張＊＊, 张XX and 张某某 are all 张**.  A masked name equals no full name.
 */
#ifndef CRM_PURE_NORMALIZE_NAME_H
#define CRM_PURE_NORMALIZE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRM_NAME_MAX 200		/* bytes of a key; longer names are cut at a character */

typedef struct CrmName
{
	bool		is_valid;		/* false: empty, or not UTF-8 */
	bool		is_han;			/* written in Chinese characters */
	bool		is_masked;		/* the source hid characters */
	bool		is_placeholder; /* 匿名, 微信用户, test, 123: nobody's name */
	bool		is_surname_only;	/* nothing but a surname is known: 王先生, 王** */
	char		sex;			/* 'M' or 'F' when a title tells it, else 0 */
	char		key[CRM_NAME_MAX + 1];
	size_t		key_length;
	size_t		surname_length; /* bytes at the front of the key; 0 when not Chinese */
	char		masked[24];		/* 张**, 欧阳**, j**; "" when invalid */
} CrmName;

/* Reads a name; every field of *name is set.  Returns is_valid. */
extern bool crm_name_normalize(const char *text, size_t length, CrmName *name);

/* The simplified form of a character, or itself. */
extern uint32_t crm_name_simplify(uint32_t code_point);

#endif
