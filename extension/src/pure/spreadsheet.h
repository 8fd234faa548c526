/*
 * spreadsheet.h - what a cell of a spreadsheet stands for, as its CSV export writes it.
 *
 * To be kept from reading a code as a number, spreadsheets and the shops' exports write ="0138" or
 * '0138: the signs are no part of the code.  A code that was read as a number all the same and became
 * too long for its cell comes as 1.39123E+10: its digits are lost, and two codes may look the same.
 *
 * Promises: nothing is copied; the result is a span of the text.
 */
#ifndef CRM_PURE_SPREADSHEET_H
#define CRM_PURE_SPREADSHEET_H

#include <stdbool.h>
#include <stddef.h>

/* Narrows a cell to what it stands for: without blanks around it and without the signs of a text. */
extern void crm_spreadsheet_plain(const char **text, size_t *length);

/* Whether a plain cell is a number as it is shown when it has more digits than room: 1.39123E+10. */
extern bool crm_spreadsheet_is_rounded(const char *text, size_t length);

#endif
