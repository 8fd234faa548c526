/*
 * identity_held.h
 *		What the records of persons say and hold: one reading for the golden record and for the question
 *		whether all of it still is one person.
 */
#ifndef CRM_IDENTITY_HELD_H
#define CRM_IDENTITY_HELD_H

#include "core/core.h"

#include "utils/timestamp.h"

/* Columns of a record: those of the reading statement, and behind them what is taken from its values. */
enum
{
	H_CUSTOMER, H_RECORD, H_STORE, H_CHANNEL, H_CUSTOM, H_FULL_NAME, H_NAME, H_NICKNAME, H_SEX,
	H_CITY, H_BIRTHDAY, H_IS_LUNAR, H_ADDRESS, H_REGISTERED_AT, H_REGISTERED_ON, H_PRIORITY,
	H_RECEIVED_AT, H_VERIFIED, H_ADDRESS_TEXT, H_SOURCE, H_KIND, H_EXTERNAL_ID, H_IS_SOLE_OF_SOURCE,
	H_IS_SOLE_CARD, H_IS_REFERENCE, H_IS_DECIDED, H_IS_SHADOW, N_READ,
	H_PHONE_MASKED = N_READ, H_PHONE, H_PHONE_HASH, H_EMAIL_MASKED, H_EMAIL, H_EMAIL_HASH, N_HELD
};

typedef struct CrmHeldRecord
{
	Datum		values[N_HELD];
	bool		nulls[N_HELD];
	int			first_value;	/* its values in CrmHeld.values */
	int			end_value;
} CrmHeldRecord;

/* A record holds, or held, an identifier. */
typedef struct CrmHeldValue
{
	int64		record_id;
	int16		kind;
	bytea	   *hash;
	text	   *namespace;
	Datum		masked;
	Datum		sealed;
	bool		is_unsealed;	/* sealed is null */
	bool		is_blocked;
	TimestampTz first_seen_at;
	TimestampTz last_seen_at;
	TimestampTz ended_at;		/* DT_NOEND while held */
	int			rank;
	bool		is_key;
	bool		is_single;
	bool		is_shared;
	int			max_records;
	int64		holders;		/* records that ever held it, of whomever; only when ties are read */
} CrmHeldValue;

typedef struct CrmHeld
{
	int			n_records;
	CrmHeldRecord *records;		/* person after person, of each the best record first */
	int			n_values;
	CrmHeldValue *values;		/* by record */
} CrmHeld;

/*
 * Reads the records of persons (bigint[]), with those that are about to join them (records, and the person of
 * each).  With ties: all that they hold, and who else does; else phones and e-mails only.  SPI is connected; all
 * lies in the current context and in SPI's tuple tables.
 */
extern CrmHeld crm_identity_read_held(Datum persons, Datum joining, Datum joined,
									  bool reads_addresses, bool reads_ties);

/* The end of the records of the person whose first record this is. */
extern int	crm_identity_person_end(const CrmHeld *held, int first);

#endif
