/*
 * name_words.h - words that stand around Chinese names or in their place, for
 * normalize_name.c: compound surnames, titles, inventions.
 *
 * Promises: constant tables; words are UTF-8 in simplified characters and lower case.
 */
#ifndef CRM_PURE_NAME_WORDS_H
#define CRM_PURE_NAME_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* True when the six bytes (two characters) are a compound surname such as 欧阳. */
extern bool crm_name_is_compound(const char *text, size_t length);

/*
 * Bytes of the title at the end (先生, 女士, 老师 ...) or 0; *sex is 'M', 'F' or 0.  With
 * is_surname the short ones (总 姐 哥), which may end a given name, are titles too.
 */
extern size_t crm_name_title_behind(const char *text, size_t length, bool is_surname, char *sex);

/* Bytes of "mr ", "ms." and the like at the front, or 0; *sex as above. */
extern size_t crm_name_title_before(const char *text, size_t length, char *sex);

/* True for words that stand for a name nobody gave: 匿名, 微信用户, test, n/a, 会员123. */
extern bool crm_name_is_invented(const char *text, size_t length);

#endif
