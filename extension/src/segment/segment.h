/*
 * segment.h
 *		Tags and segments: who is in, since when.
 *
 *	in segment_api.c		what the room registers
 *	in segment_count.c		segments put together and counted
 *	in segment_chunk.c		stored bitmaps, looked into and changed
 *	in segment_stay.c		stays begun and ended, ordinals found and given
 *	in segment_whose.c		the persons of ordinals
 *	in segment_write.c		what a run found, written for several segments together
 */
#ifndef CRM_SEGMENT_H
#define CRM_SEGMENT_H

#include "core/core.h"

extern void crm_segment_init(void);

/* segment_stay.c: persons, ascending, and the ordinal of each, or CRM_SEGMENT_NO_ORDINAL. */
#define CRM_SEGMENT_NO_ORDINAL (-1)
#define CRM_SEGMENT_MAX_ORDINAL PG_UINT32_MAX	/* chunks are held by their number */

typedef struct CrmSegmentPlaces
{
	int			n;
	int64	   *ids;
	int64	   *ordinals;
} CrmSegmentPlaces;

extern bool crm_segment_tables_are_plain(void);
extern void crm_segment_find_places(CrmSegmentPlaces *places);
extern void crm_segment_give_places(CrmSegmentPlaces *places, const bool *is_wanted);

/* segment_chunk.c: of some segments the stored bitmaps that ordinals lie in, a bit an ordinal. */
typedef struct CrmSegmentChunk
{
	uint64	   *bits;			/* null: nobody */
	bool		is_changed;
} CrmSegmentChunk;

typedef struct CrmSegmentChunks
{
	MemoryContext context;
	Datum		segments;		/* int[] */
	int			n_segments;
	int64		n_numbers;		/* there is room for */
	bool	   *is_read;		/* by number */
	CrmSegmentChunk *chunks;	/* by number, then segment */
} CrmSegmentChunks;

extern void crm_segment_read_chunks(CrmSegmentChunks *chunks, const CrmSegmentPlaces *places);
extern bool crm_segment_chunks_have(const CrmSegmentChunks *chunks, int segment, int64 ordinal);
extern void crm_segment_chunks_set(CrmSegmentChunks *chunks, int segment, int64 ordinal, bool is_in);
extern Datum crm_segment_chunk_value(const CrmSegmentChunk *chunk, int64 number);

typedef struct CrmSegmentStay
{
	int64		customer_id;
	int32		segment_id;
} CrmSegmentStay;

extern void crm_segment_end_stays(const CrmSegmentStay *stays, int n, TimestampTz at);
extern void crm_segment_begin_stays(const CrmSegmentStay *stays, int n, TimestampTz at);

#endif
