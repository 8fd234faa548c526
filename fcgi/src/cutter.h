/*
 * cutter.h
 *		Cuts a byte stream of CSV or NDJSON into chunks that end at a line end.
 */
#ifndef CRM_CUTTER_H
#define CRM_CUTTER_H

#include <stdbool.h>
#include <stddef.h>

#define CRM_CUTTER_CHUNK	(256 * 1024)	/* only a single line may make a longer chunk */
#define CRM_CUTTER_LINE		(1024 * 1024)	/* and no line is longer than this */
#define CRM_CUTTER_STEP		(64 * 1024)

typedef struct CrmCutter
{
	bool		csv;			/* a line end inside quotes is no line end */
	char		delimiter;
	bool		in_quotes;
	bool		after_quote;	/* the last byte closed quotes, or is half of "" */
	bool		field_start;	/* quotes open only here: a 12" pipe is no quote */
	char	   *buffer;			/* malloc'ed; grows past a chunk only for a long line */
	size_t		capacity;
	size_t		length;			/* bytes held */
	size_t		scanned;		/* of these, bytes whose quoting is known */
	size_t		cut;			/* end of the last whole line in them, 0 for none */
	size_t		lines;			/* whole lines before `cut` */
} CrmCutter;

typedef enum CrmCutterState
{
	CRM_CUTTER_MORE,			/* needs more bytes */
	CRM_CUTTER_READY,			/* buffer[0 .. cut) is a chunk: use it, then crm_cutter_next */
	CRM_CUTTER_LINE_TOO_LONG
} CrmCutterState;

extern bool crm_cutter_init(CrmCutter *cutter, bool csv, char delimiter);
extern char *crm_cutter_space(CrmCutter *cutter, size_t *room);
extern CrmCutterState crm_cutter_added(CrmCutter *cutter, size_t length);
extern CrmCutterState crm_cutter_finish(CrmCutter *cutter);
extern CrmCutterState crm_cutter_next(CrmCutter *cutter);
extern void crm_cutter_free(CrmCutter *cutter);

#endif							/* CRM_CUTTER_H */
