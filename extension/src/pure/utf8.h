/*
 * utf8.h - code points in byte strings.
 *
 * Promises: nothing is read outside [text, text + length); nothing is allocated;
 * malformed input is reported, never guessed at.
 */
#ifndef CRM_PURE_UTF8_H
#define CRM_PURE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRM_UTF8_MAX_BYTES 4

/*
 * Decodes one code point.  Returns the bytes used (1 to 4), 0 at the end of the text,
 * or -1 on malformed bytes: overlong forms, surrogates, values above U+10FFFF, truncation.
 */
extern int crm_utf8_decode(const char *text, size_t length, uint32_t *code_point);

/* Encodes a valid code point; returns the bytes written (1 to 4). */
extern int crm_utf8_encode(uint32_t code_point, char out[CRM_UTF8_MAX_BYTES]);

/* True when the whole text is well formed.  *error_offset (may be NULL) is the first bad byte. */
extern bool crm_utf8_valid(const char *text, size_t length, size_t *error_offset);

/*
 * Folds the look-alikes that people and tills type for ASCII: full-width forms (１ → 1),
 * every kind of space to ' ', every kind of dash to '-'.  Other code points are returned
 * as they are.  Zero-width characters and the byte order mark fold to 0: "leave it out"; NUL
 * itself folds to U+FFFD, which nobody accepts.
 */
extern uint32_t crm_utf8_fold_width(uint32_t code_point);

/* Simple lower case for Latin, Greek and Cyrillic letters; others are returned as they are. */
extern uint32_t crm_utf8_fold_case(uint32_t code_point);

/* True for a Han character, extensions and the compatibility block included. */
extern bool crm_utf8_is_han(uint32_t code_point);

#endif
