/*
 * report.h
 *		The room's C side: boards are answered from persons kept packed (pure/board.h).
 *
 *	in report_api.c		what the room enters at load
 *	in report_block.c	blocks as SQL keeps them: a person written, blocks merged, cut and laid open
 *	in report_tally.c	the questions over blocks: cells of everybody, persons of a cell
 *	in report_funnel.c	funnels over facts
 */
#ifndef CRM_REPORT_H
#define CRM_REPORT_H

#include "core/core.h"

#include "utils/array.h"

#include "pure/board.h"

extern void crm_report_init(void);

/* report_block.c */
extern void crm_report_require_sound(const CrmBoardWalk *walk);
extern int	crm_report_array(ArrayType *array, void *elements);
extern bool crm_report_is_among(int64 person, const int64 *persons, int n);

#endif
