/*
 * outbox.h
 *		Consent, messages, leases, receipts: the room's SQL does the work.
 *
 *	in outbox_api.c		what the room registers
 *	in outbox_secret.c	secrets of vendors from files
 */
#ifndef CRM_OUTBOX_H
#define CRM_OUTBOX_H

extern void crm_outbox_init(void);
extern void crm_outbox_secret_init(void);

#endif
