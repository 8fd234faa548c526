/*
 * pinyin.h - how characters are read, and which readings other spellings of surnames stand for.
 *
 * Promises: constant tables, no allocation; Mandarin, without tones.  A syllable is a number
 * above 0; 0 is "not known".
 */
#ifndef CRM_PURE_PINYIN_H
#define CRM_PURE_PINYIN_H

#include <stdint.h>

#define CRM_PINYIN_SPELLINGS 4

/* The most common reading of a simplified character. */
extern uint16_t crm_pinyin_syllable(uint16_t unit);

/* Readings of a surname of one or two characters (单 shan, 单于 chan yu). */
extern void crm_pinyin_surname(const uint16_t *units, int length, uint16_t *syllables);

/* "zhang"; "" for 0. */
extern const char *crm_pinyin_letters(uint16_t syllable);

/* Equal for syllables easily taken for one another: zh z, ch c, sh s, n l, f h, in ing, ü u. */
extern uint16_t crm_pinyin_class(uint16_t syllable);

/*
 * Syllables of surnames that may be spelled so in Hong Kong, Taiwan or South East Asia, pinyin
 * among them: wong is wang and huang.  Returns how many.
 */
extern int	crm_pinyin_spelled(const uint16_t *units, int length,
							   uint16_t syllables[CRM_PINYIN_SPELLINGS]);

#endif
