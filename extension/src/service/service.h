/*
 * service.h
 *		Complaints and questions of customers.
 *
 *	in service_api.c		what the room registers
 */
#ifndef CRM_SERVICE_H
#define CRM_SERVICE_H

extern void crm_service_init(void);

#endif
