/*
 * event.h
 *		Behaviour and interactions: the timeline of a person.
 *
 * The room's work is SQL (extension/sql/event.sql); here it enters itself at load.
 */
#ifndef CRM_EVENT_H
#define CRM_EVENT_H

extern void crm_event_init(void);

#endif
