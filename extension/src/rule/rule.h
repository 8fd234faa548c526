/*
 * rule.h
 *		The one language of conditions about persons: read, compiled, answered.
 *
 *	in rule_source.c		what the rooms registered, as a session keeps it
 */
#ifndef CRM_RULE_H
#define CRM_RULE_H

#include "core/core.h"

#endif
