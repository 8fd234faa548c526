/*
 * arena.c
 *		One request's memory: blocks that are all released together.
 *
 * Every thread owns one arena and resets it after each request, so nothing in
 * the gateway frees single pieces and nothing can leak from one request into
 * the next.  The first block (16 kB) stays, which makes an ordinary request
 * free of malloc; larger needs (a body) get blocks of their own that go back
 * to the system at the reset.
 *
 * When the system has no memory left there is no useful answer to give: the
 * process ends with a message and its supervisor starts a fresh one.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

#define CRM_ARENA_BLOCK		(16 * 1024)
#define CRM_ARENA_ALIGN		16

struct CrmArenaBlock
{
	CrmArenaBlock *next;
	size_t		size;			/* usable bytes after this header */
	size_t		used;
	size_t		pad;			/* keeps the payload 16-byte aligned */
};

static CrmArenaBlock *
new_block(size_t size)
{
	CrmArenaBlock *block = malloc(sizeof(CrmArenaBlock) + size);

	if (block == NULL)
	{
		fputs("{\"level\":\"fatal\",\"event\":\"out_of_memory\"}\n", stderr);
		abort();
	}
	block->next = NULL;
	block->size = size;
	block->used = 0;
	return block;
}

void
crm_arena_init(CrmArena *arena)
{
	arena->head = new_block(CRM_ARENA_BLOCK);
}

void *
crm_arena_alloc(CrmArena *arena, size_t size)
{
	CrmArenaBlock *block = arena->head;
	void	   *place;

	if (size > SIZE_MAX / 2)
		size = SIZE_MAX / 2;	/* malloc refuses it below, with the message */
	size = (size + CRM_ARENA_ALIGN - 1) & ~(size_t) (CRM_ARENA_ALIGN - 1);
	if (block->size - block->used < size)
	{
		block = new_block(size > CRM_ARENA_BLOCK ? size : CRM_ARENA_BLOCK);
		block->next = arena->head;
		arena->head = block;
	}
	place = (char *) (block + 1) + block->used;
	block->used += size;
	return place;
}

char *
crm_arena_copy(CrmArena *arena, const char *text, size_t length)
{
	char	   *copy = crm_arena_alloc(arena, length + 1);

	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *
crm_arena_printf(CrmArena *arena, const char *format,...)
{
	va_list		args;
	int			length;
	char	   *text;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		return crm_arena_copy(arena, "", 0);
	text = crm_arena_alloc(arena, (size_t) length + 1);
	va_start(args, format);
	vsnprintf(text, (size_t) length + 1, format, args);
	va_end(args);
	return text;
}

void
crm_arena_reset(CrmArena *arena)
{
	while (arena->head->next != NULL)
	{
		CrmArenaBlock *gone = arena->head;

		arena->head = gone->next;
		free(gone);
	}
	arena->head->used = 0;
}

void
crm_arena_free(CrmArena *arena)
{
	crm_arena_reset(arena);
	free(arena->head);
	arena->head = NULL;
}

void
crm_buffer_init(CrmBuffer *buffer, CrmArena *arena, size_t capacity)
{
	buffer->arena = arena;
	buffer->capacity = capacity < 64 ? 64 : capacity;
	buffer->text = crm_arena_alloc(arena, buffer->capacity);
	buffer->text[0] = '\0';
	buffer->length = 0;
}

/*
 * Makes room for `more` bytes and the NUL.  The old copy stays in the arena
 * until the reset; doubling bounds that waste to the size of the result.
 */
static void
reserve(CrmBuffer *buffer, size_t more)
{
	size_t		capacity = buffer->capacity;
	char	   *text;

	if (capacity - buffer->length > more)
		return;
	while (capacity - buffer->length <= more)
		capacity *= 2;
	text = crm_arena_alloc(buffer->arena, capacity);
	memcpy(text, buffer->text, buffer->length + 1);
	buffer->text = text;
	buffer->capacity = capacity;
}

void
crm_buffer_add(CrmBuffer *buffer, const char *text, size_t length)
{
	reserve(buffer, length);
	memcpy(buffer->text + buffer->length, text, length);
	buffer->length += length;
	buffer->text[buffer->length] = '\0';
}

void
crm_buffer_put(CrmBuffer *buffer, const char *text)
{
	crm_buffer_add(buffer, text, strlen(text));
}

void
crm_buffer_printf(CrmBuffer *buffer, const char *format,...)
{
	va_list		args;
	int			length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length <= 0)
		return;
	reserve(buffer, (size_t) length);
	va_start(args, format);
	vsnprintf(buffer->text + buffer->length, (size_t) length + 1, format, args);
	va_end(args);
	buffer->length += (size_t) length;
}

/* Bytes of the UTF-8 character above 0x7f that a text begins with; 0: it is none. */
static size_t
character_length(const unsigned char *at)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t		n = at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
	uint32_t	code = at[0] & (0x7fu >> n);

	for (size_t i = 1; i < n; i++)
	{
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3fu);
	}
	return code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? n : 0;
}

/*
 * Adds a JSON string with its quotes.  A byte that is no UTF-8 (of a query's
 * name, say, that is told back) becomes U+FFFD: else nobody could read the whole.
 */
void
crm_buffer_json(CrmBuffer *buffer, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	const char *run = text;

	crm_buffer_add(buffer, "\"", 1);
	for (; *text != '\0'; text++)
	{
		unsigned char c = (unsigned char) *text;
		char		escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
		bool		is_mark = c == '"' || c == '\\';
		size_t		n = c < 0x80 ? 1 : character_length((const unsigned char *) text);

		if (n > 0 && c >= 0x20 && c != 0x7f && !is_mark)
		{
			text += n - 1;
			continue;
		}
		crm_buffer_add(buffer, run, (size_t) (text - run));
		if (n == 0)
			crm_buffer_add(buffer, "\\ufffd", 6);
		else if (!is_mark)
			crm_buffer_add(buffer, escape, sizeof(escape));
		else
			crm_buffer_add(buffer, "\\", 1);
		run = is_mark ? text : text + 1;	/* a mark follows its backslash as it is */
	}
	crm_buffer_add(buffer, run, (size_t) (text - run));
	crm_buffer_add(buffer, "\"", 1);
}
