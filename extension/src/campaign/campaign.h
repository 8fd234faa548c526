/*
 * campaign.h
 *		Flows: what fires, for whom, once; the gate before each send.
 *
 *	in campaign_api.c		what the room registers; buckets
 */
#ifndef CRM_CAMPAIGN_H
#define CRM_CAMPAIGN_H

extern void crm_campaign_init(void);

#endif
