/*
 * segment.h
 *		Tags and segments: who is in, since when.
 *
 *	in segment_api.c		what the room registers
 *	in segment_count.c		segments put together and counted
 */
#ifndef CRM_SEGMENT_H
#define CRM_SEGMENT_H

extern void crm_segment_init(void);

#endif
