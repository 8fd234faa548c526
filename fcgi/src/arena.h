/*
 * arena.h
 *		Memory that lives as long as one request, and the growing text buffer
 *		built on it.
 */
#ifndef CRM_ARENA_H
#define CRM_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct CrmArenaBlock CrmArenaBlock;

typedef struct CrmArena
{
	CrmArenaBlock *head;		/* newest block; the oldest one survives a reset */
} CrmArena;

typedef struct CrmBuffer
{
	CrmArena   *arena;
	char	   *text;			/* always ends with a NUL that length does not count */
	size_t		length;
	size_t		capacity;
} CrmBuffer;

extern void crm_arena_init(CrmArena *arena);
extern void *crm_arena_alloc(CrmArena *arena, size_t size);
extern char *crm_arena_copy(CrmArena *arena, const char *text, size_t length);
extern char *crm_arena_printf(CrmArena *arena, const char *format,...)
			__attribute__((format(printf, 2, 3)));
extern void crm_arena_reset(CrmArena *arena);
extern void crm_arena_free(CrmArena *arena);

extern void crm_buffer_init(CrmBuffer *buffer, CrmArena *arena, size_t capacity);
extern void crm_buffer_add(CrmBuffer *buffer, const char *text, size_t length);
extern void crm_buffer_put(CrmBuffer *buffer, const char *text);
extern void crm_buffer_printf(CrmBuffer *buffer, const char *format,...)
			__attribute__((format(printf, 2, 3)));
extern void crm_buffer_json(CrmBuffer *buffer, const char *text);

#endif							/* CRM_ARENA_H */
