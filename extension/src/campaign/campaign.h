/*
 * campaign.h
 *		Flows: what fires, for whom, once; the gate before each send.
 *
 *	in campaign_api.c		what the room registers; buckets
 *	in campaign_cron.c		when a schedule falls
 */
#ifndef CRM_CAMPAIGN_H
#define CRM_CAMPAIGN_H

extern void crm_campaign_init(void);

#endif
