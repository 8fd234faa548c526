/*
 * link_text.h
 *		Texts on their way to values: what link_stream.c has several threads read, link_intern.c
 *		keeps once and link_rows.c puts into rows.
 */
#ifndef CRM_IDENTITY_LINK_TEXT_H
#define CRM_IDENTITY_LINK_TEXT_H

#include "identity/link.h"

#define CRM_LINK_WORDS(bytes) (((bytes) + sizeof(uint64_t) - 1) / sizeof(uint64_t))
#define CRM_LINK_ROOM_WORDS CRM_LINK_WORDS(CRM_UNITS_ROOM * sizeof(uint16_t))
#define CRM_LINK_UNIT_WORDS CRM_LINK_WORDS(CRM_LINK_LONGEST * sizeof(uint16_t))
#define CRM_LINK_TEXT_WORDS (CRM_LINK_WORDS(sizeof(CrmPrepared)) + CRM_LINK_UNIT_WORDS)

/* A text that was read: all that its value will be but for the number. */
typedef struct CrmLinkText
{
	const uint64_t *words;		/* as in the arena */
	uint64_t	hash;
	uint32_t	rough;
	uint32_t	signature;
	uint16_t	n_words;
	uint8_t		length;
	uint8_t		local;
	uint8_t		n_prepared;
} CrmLinkText;

/* link_intern.c */
extern void crm_link_intern_begin(CrmLink *link);
extern bool crm_link_read_text(CrmLinkKind kind, const char *bytes, size_t length, uint64_t *words,
							   CrmLinkText *text);
extern uint32_t crm_link_intern(CrmLink *link, int field, const CrmLinkText *text);
extern void crm_link_intern_soon(const CrmLink *link, int field, uint64_t hash);
extern void crm_link_intern_next(const CrmLink *link, int field, uint64_t hash);
extern void crm_link_hold(CrmLink *link, int field, uint32_t value);

/* link_rows.c */
extern uint32_t *crm_link_add_row(CrmLink *link, int64_t id);

#endif
