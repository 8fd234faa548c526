/*
 * errors.h
 *		The SQLSTATEs of crm: class RM, a block of codes a room.
 *
 * Standard codes come first; a code here says what no standard one says.  The same list,
 * with the HTTP status the gateway answers, is doc/errors.md; sql/errors.sql holds both
 * against each other.  A line:  name, code, HTTP status, what it means.
 */
#ifndef CRM_ERRORS_H
#define CRM_ERRORS_H

#define CRM_SQLSTATE(a, b, c) MAKE_SQLSTATE('R', 'M', a, b, c)

/* RM0xx core */
#define ERRCODE_CRM_SCHEMA_BEHIND		CRM_SQLSTATE('0', '0', '1') /* 503: run SELECT crm.install() */
#define ERRCODE_CRM_CLOCK_LOCKED		CRM_SQLSTATE('0', '0', '2') /* 500: clock set outside test mode */
#define ERRCODE_CRM_KEY_MISSING			CRM_SQLSTATE('0', '0', '3') /* 503: key file missing or unusable */
#define ERRCODE_CRM_CIPHER_INVALID		CRM_SQLSTATE('0', '0', '4') /* 500: a stored secret does not decrypt */

/* RM1xx access */
#define ERRCODE_CRM_IDEMPOTENCY_MISUSED	CRM_SQLSTATE('1', '0', '1') /* 422: key used for another call */
#define ERRCODE_CRM_IDEMPOTENCY_RUNNING	CRM_SQLSTATE('1', '0', '2') /* 409: that call still runs */
#define ERRCODE_CRM_LIMIT_REACHED		CRM_SQLSTATE('1', '1', '0') /* 429: too many look-ups or unmaskings */

/* RM2xx ingest */
#define ERRCODE_CRM_SYNTAX				CRM_SQLSTATE('2', '0', '0') /* 422: the payload or line is not the JSON or CSV that was announced */
#define ERRCODE_CRM_ENCODING			CRM_SQLSTATE('2', '0', '1') /* 422: bytes that are not of the announced encoding, or a NUL character */
#define ERRCODE_CRM_UNKNOWN_FIELD		CRM_SQLSTATE('2', '0', '2') /* 422: a member or column that is no field and is not mapped */
#define ERRCODE_CRM_FIELD_MISSING		CRM_SQLSTATE('2', '0', '3') /* 422: a required field is missing */
#define ERRCODE_CRM_FIELD_TYPE			CRM_SQLSTATE('2', '0', '4') /* 422: a value that is not of its field's type */
#define ERRCODE_CRM_FIELD_OPTION		CRM_SQLSTATE('2', '0', '5') /* 422: a value that is none of its field's options */
#define ERRCODE_CRM_FIELD_RANGE			CRM_SQLSTATE('2', '0', '6') /* 422: a value that is too long, too large or in the future */
#define ERRCODE_CRM_REFERENCE_UNKNOWN	CRM_SQLSTATE('2', '0', '7') /* 422: a store, source or staff member that is not defined */
#define ERRCODE_CRM_NOBODY				CRM_SQLSTATE('2', '0', '8') /* 422: a fact that names neither a member nor an identifier */
#define ERRCODE_CRM_FIELD_DERIVED		CRM_SQLSTATE('2', '0', '9') /* 422: a custom field that is computed and takes no input */
#define ERRCODE_CRM_SOURCE_INVALID		CRM_SQLSTATE('2', '1', '0') /* 422: there is no such source, or it is not active */
#define ERRCODE_CRM_SIGNATURE_INVALID	CRM_SQLSTATE('2', '1', '1') /* 401: the signature of the source is missing, too old or wrong */
#define ERRCODE_CRM_MAPPING_INVALID		CRM_SQLSTATE('2', '1', '2') /* 422: a mapping that cannot be used; the message names the field */
#define ERRCODE_CRM_BATCH_STATE			CRM_SQLSTATE('2', '1', '3') /* 409: the import is not in the state for this call */
#define ERRCODE_CRM_BATCH_INCOMPLETE	CRM_SQLSTATE('2', '1', '4') /* 422: chunks of the import are missing, or their bytes are not as many as announced */
#define ERRCODE_CRM_TOO_LARGE			CRM_SQLSTATE('2', '1', '5') /* 413: a payload, chunk, record or order that is too large */
#define ERRCODE_CRM_ENTITY_UNKNOWN		CRM_SQLSTATE('2', '1', '6') /* 422: there is no entity of this name */
#define ERRCODE_CRM_TRIED_AGAIN			CRM_SQLSTATE('2', '1', '7') /* 202: kept; the house, not the record, is at fault, and it is tried again */
#define ERRCODE_CRM_PULL_INVALID		CRM_SQLSTATE('2', '1', '8') /* 422: a pull that cannot be: relation, column or role */

/* RM3xx identity */
#define ERRCODE_CRM_IDENTITY_ERASED		CRM_SQLSTATE('3', '0', '1') /* 410: the person was erased */
#define ERRCODE_CRM_IDENTITY_FORBIDDEN	CRM_SQLSTATE('3', '0', '2') /* 409: a guard or a decision keeps two persons apart */
#define ERRCODE_CRM_IDENTITY_MOVED		CRM_SQLSTATE('3', '0', '9') /* 409: persons moved while a write looked; made again inside */

/* RM35x rule, RM36x segment */
#define ERRCODE_CRM_RULE_INVALID		CRM_SQLSTATE('3', '5', '1') /* 422: a rule that cannot be read; the message names the path */
#define ERRCODE_CRM_RULE_SOURCE			CRM_SQLSTATE('3', '5', '2') /* 500: a source of rules is badly described */

#define ERRCODE_CRM_SEGMENT_UNKNOWN		CRM_SQLSTATE('3', '6', '1') /* 404: there is no such segment or tag */
#define ERRCODE_CRM_SEGMENT_IN_USE		CRM_SQLSTATE('3', '6', '2') /* 409: a rule or a tag leans on it */
#define ERRCODE_CRM_SEGMENT_INVALID		CRM_SQLSTATE('3', '6', '3') /* 422: a segment or tag badly described */
#define ERRCODE_CRM_TAG_AUTOMATIC		CRM_SQLSTATE('3', '6', '4') /* 409: the tag is given by its rule or model alone */
#define ERRCODE_CRM_RECORDS_TIED			CRM_SQLSTATE('3', '0', '3') /* 409: records cannot be told apart */
#define ERRCODE_CRM_MERGE_GONE			CRM_SQLSTATE('3', '0', '4') /* 409: the merge does not hold any more */
#define ERRCODE_CRM_REVIEW_DECIDED		CRM_SQLSTATE('3', '0', '5') /* 409: the review was decided already */

/* RM4xx purchase */
#define ERRCODE_CRM_HISTORY_FULL		CRM_SQLSTATE('4', '0', '1') /* 422: more than 128 entries in one history */
#define ERRCODE_CRM_HISTORY_CORRUPT		CRM_SQLSTATE('4', '0', '2') /* 400: bytes are no history */

/* RM45x event */
#define ERRCODE_CRM_EVENT_TYPE_INVALID	CRM_SQLSTATE('4', '5', '1') /* 422: event type badly described */

/* RM5xx value */
#define ERRCODE_CRM_TIER_RULES_INVALID	CRM_SQLSTATE('5', '0', '1') /* 422: tier rules cannot be read */
#define ERRCODE_CRM_TIER_GAP			CRM_SQLSTATE('5', '0', '2') /* 422: some state has no tier */
#define ERRCODE_CRM_RFM_INCOMPLETE		CRM_SQLSTATE('5', '0', '3') /* 422: weights or thresholds are missing */
#define ERRCODE_CRM_SEGMENT_GAP			CRM_SQLSTATE('5', '0', '4') /* 422: some cell of scores has no segment */
#define ERRCODE_CRM_MODEL_UNKNOWN		CRM_SQLSTATE('5', '0', '5') /* 404: no such tier set or model of scores */

/* RM6xx loyalty */
#define ERRCODE_CRM_COUPON_UNKNOWN		CRM_SQLSTATE('6', '0', '1') /* 404: no such coupon */
#define ERRCODE_CRM_COUPON_USED			CRM_SQLSTATE('6', '0', '2') /* 409: redeemed already */
#define ERRCODE_CRM_COUPON_ENDED		CRM_SQLSTATE('6', '0', '3') /* 409: expired or withdrawn */
#define ERRCODE_CRM_COUPON_ORDER_TAKEN	CRM_SQLSTATE('6', '0', '4') /* 409: the order has another coupon */
#define ERRCODE_CRM_COUPON_BELOW		CRM_SQLSTATE('6', '0', '5') /* 422: the order is below the minimum */
#define ERRCODE_CRM_COUPON_NOT_REDEEMED	CRM_SQLSTATE('6', '0', '6') /* 409: not redeemed by this order */
#define ERRCODE_CRM_COUPON_TYPE_UNKNOWN	CRM_SQLSTATE('6', '0', '7') /* 422: no such coupon type */
#define ERRCODE_CRM_POINTS_TOO_FEW		CRM_SQLSTATE('6', '0', '8') /* 409: the person has too few points */
#define ERRCODE_CRM_POINTS_REFERENCE	CRM_SQLSTATE('6', '0', '9') /* 409: the reference was used for other points */
#define ERRCODE_CRM_POINTS_NOT_SPENT	CRM_SQLSTATE('6', '1', '0') /* 404: nothing was spent under the reference */
#define ERRCODE_CRM_COUPON_GONE			CRM_SQLSTATE('6', '1', '1') /* 409: all coupons of the type are gone */
#define ERRCODE_CRM_COUPON_ENOUGH		CRM_SQLSTATE('6', '1', '2') /* 409: the person claimed as many as one may */
#define ERRCODE_CRM_COUPON_POOL_EMPTY	CRM_SQLSTATE('6', '1', '3') /* 409: the type's pool of codes is empty */
#define ERRCODE_CRM_COUPON_RESERVED		CRM_SQLSTATE('6', '1', '4') /* 409: reserved for another order */
#define ERRCODE_CRM_COUPON_NOT_GIVEN	CRM_SQLSTATE('6', '1', '5') /* 409: may not be given to this person */
#define ERRCODE_CRM_COUPON_NOT_RESERVED	CRM_SQLSTATE('6', '1', '6') /* 409: not reserved for this order */
#define ERRCODE_CRM_REFERRAL_UNKNOWN	CRM_SQLSTATE('6', '1', '7') /* 404: no such referral code */
#define ERRCODE_CRM_REFERRAL_REFUSED	CRM_SQLSTATE('6', '1', '8') /* 409: this person cannot be referred so */
#define ERRCODE_CRM_LOTTERY_UNKNOWN		CRM_SQLSTATE('6', '1', '9') /* 404: no such lottery */
#define ERRCODE_CRM_LOTTERY_STATE		CRM_SQLSTATE('6', '2', '0') /* 409: the lottery is in another state */
#define ERRCODE_CRM_LOTTERY_TICKETS		CRM_SQLSTATE('6', '2', '1') /* 409: no further ticket for this person */

/* RM7xx outbox */
#define ERRCODE_CRM_CHANNEL_UNCARRIED	CRM_SQLSTATE('7', '0', '1') /* 409: no endpoint carries the channel */
#define ERRCODE_CRM_NOT_DEAD			CRM_SQLSTATE('7', '0', '2') /* 409: the message is no dead letter */
#define ERRCODE_CRM_WORD_STANDS			CRM_SQLSTATE('7', '0', '3') /* 409: what was said is not to be taken back any more */

/* RM8xx campaign */
#define ERRCODE_CRM_FLOW_UNFIT			CRM_SQLSTATE('8', '0', '1') /* 422: the flow cannot run as it is described */
#define ERRCODE_CRM_FLOW_STATE			CRM_SQLSTATE('8', '0', '2') /* 409: not possible in the flow's state */
#define ERRCODE_CRM_FLOW_CRON			CRM_SQLSTATE('8', '0', '3') /* 422: text that is no cron expression */
#define ERRCODE_CRM_FLOW_EXISTS			CRM_SQLSTATE('8', '0', '4') /* 409: there is a flow of this code already */

/* RM87x sales */
#define ERRCODE_CRM_TASK_CLOSED			CRM_SQLSTATE('8', '7', '1') /* 409: the task is closed */
#define ERRCODE_CRM_PERSON_OWNED		CRM_SQLSTATE('8', '7', '2') /* 409: somebody else looks after the person */
#define ERRCODE_CRM_TASK_OF_TICKET		CRM_SQLSTATE('8', '7', '3') /* 409: the task is a ticket's and ends with it */
#define ERRCODE_CRM_STAGE_IN_USE		CRM_SQLSTATE('8', '7', '4') /* 409: deals stand at the stage */
#define ERRCODE_CRM_DEAL_OVER			CRM_SQLSTATE('8', '7', '5') /* 409: the deal is won or lost */
#define ERRCODE_CRM_EVIDENCE_MISSING	CRM_SQLSTATE('8', '7', '6') /* 409: the stage asks for documents that nobody handed in */

/* RM88x service */
#define ERRCODE_CRM_TICKET_SETTLED		CRM_SQLSTATE('8', '8', '1') /* 409: the ticket is settled */
#define ERRCODE_CRM_TICKET_OPEN			CRM_SQLSTATE('8', '8', '2') /* 409: the ticket is not settled yet */

/* The argument or member at fault: the COLUMN of an error, and field of the gateway's answer. */
#define crm_errfield(name) err_generic_string(PG_DIAG_COLUMN_NAME, (name))

#endif
