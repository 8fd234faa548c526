/*
 * sales.h
 *		Work of staff with persons: tasks, follow-ups, what is overdue.
 *
 *	in sales_api.c		what the room registers
 */
#ifndef CRM_SALES_H
#define CRM_SALES_H

extern void crm_sales_init(void);

#endif
