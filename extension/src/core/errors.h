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

#endif
