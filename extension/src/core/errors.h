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

/* RM3xx identity */
#define ERRCODE_CRM_IDENTITY_ERASED		CRM_SQLSTATE('3', '0', '1') /* 410: the person was erased */
#define ERRCODE_CRM_IDENTITY_FORBIDDEN	CRM_SQLSTATE('3', '0', '2') /* 409: a guard or a decision keeps two persons apart */
#define ERRCODE_CRM_IDENTITY_MOVED		CRM_SQLSTATE('3', '0', '9') /* 409: persons moved while a write looked; made again inside */

/* RM4xx purchase */
#define ERRCODE_CRM_HISTORY_FULL		CRM_SQLSTATE('4', '0', '1') /* 422: more than 128 entries in one history */
#define ERRCODE_CRM_HISTORY_CORRUPT		CRM_SQLSTATE('4', '0', '2') /* 400: bytes are no history */

/* RM45x event */
#define ERRCODE_CRM_EVENT_TYPE_INVALID	CRM_SQLSTATE('4', '5', '1') /* 422: event type badly described */

/* RM5xx value */
#define ERRCODE_CRM_TIER_RULES_INVALID	CRM_SQLSTATE('5', '0', '1') /* 422: tier rules cannot be read */
#define ERRCODE_CRM_TIER_GAP			CRM_SQLSTATE('5', '0', '2') /* 422: some state has no tier */
#define ERRCODE_CRM_RFM_INCOMPLETE		CRM_SQLSTATE('5', '0', '3') /* 422: weights or thresholds are missing */

/* RM6xx loyalty */
#define ERRCODE_CRM_COUPON_UNKNOWN		CRM_SQLSTATE('6', '0', '1') /* 404: no such coupon */
#define ERRCODE_CRM_COUPON_USED			CRM_SQLSTATE('6', '0', '2') /* 409: redeemed already */
#define ERRCODE_CRM_COUPON_ENDED		CRM_SQLSTATE('6', '0', '3') /* 409: expired or withdrawn */
#define ERRCODE_CRM_COUPON_ORDER_TAKEN	CRM_SQLSTATE('6', '0', '4') /* 409: the order has another coupon */
#define ERRCODE_CRM_COUPON_BELOW		CRM_SQLSTATE('6', '0', '5') /* 422: the order is below the minimum */
#define ERRCODE_CRM_COUPON_NOT_REDEEMED	CRM_SQLSTATE('6', '0', '6') /* 409: not redeemed by this order */
#define ERRCODE_CRM_COUPON_TYPE_UNKNOWN	CRM_SQLSTATE('6', '0', '7') /* 422: no such coupon type */

/* RM7xx outbox */
#define ERRCODE_CRM_CHANNEL_UNCARRIED	CRM_SQLSTATE('7', '0', '1') /* 409: no endpoint carries the channel */
#define ERRCODE_CRM_NOT_DEAD			CRM_SQLSTATE('7', '0', '2') /* 409: the message is no dead letter */

/* RM8xx campaign */
#define ERRCODE_CRM_FLOW_UNFIT			CRM_SQLSTATE('8', '0', '1') /* 422: the flow cannot run as it is described */
#define ERRCODE_CRM_FLOW_STATE			CRM_SQLSTATE('8', '0', '2') /* 409: not possible in the flow's state */

#endif
